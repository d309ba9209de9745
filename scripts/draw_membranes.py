"""Draw cells of each membrane class and pattern with the measured line on them: draw_membranes.py --out PNG.

Phantom cells are taken from a case with a fragment of each class, and sorted by their true class and the
pattern measured; with ``--data`` real cells are taken from the read crops of the development cores, sorted by class as
read. Each cell is shown twice: as it is, and with the places where its membrane was looked for, cyan where it counts as
stained.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hetscore.config import load_model, load_settings
from hetscore.domain import MembraneClass, MembranePattern, MppSource, Rgb, Tile, TileImage
from hetscore.geometry import Box
from hetscore.membrane import MembraneParams, find_lines, measure_cells
from hetscore.phantom import make_cases
from hetscore.phantom.fields import draw_fields
from hetscore.phantom.raster import measure
from hetscore.pipeline import make_segmenter
from hetscore.segmenters import Segmenter
from hetscore.slides import open_slide
from hetscore.stain import Stain, StainVectors
from scripts.training.examples import CORE_MPP, read_crops

SEED = 80_001
"""Apart from those trained and calibrated on."""
MPP = 0.25
SIDE_PX = 112
"""28 um: a cell and its neighbors."""
ZOOM = 2
N_EACH = 6
"""Cells a row."""
SAME_UM = 3.0
"""A found nucleus is the named one within this, as in `hetscore evaluate`."""
MARGIN = 12
"""Pixels above a row for its name."""


@dataclass(frozen=True)
class Field:
    """A picture and the names of its cells."""

    rgb: Rgb
    white: tuple[float, float, float]
    xy: NDArray[np.float64]
    """(n, 2), pixels."""
    names: list[str]
    """What each cell is; cells of one name make a row."""


def draw_phantom() -> Iterator[Field]:
    """Draw a typical case with a fragment of each class, cells named by true class."""
    case = make_cases("typical", SEED, 1)[0]
    one = replace(case.fragments[0], clone_cells=0, mosaic_share=0.0)
    classes = (MembraneClass.NEGATIVE, MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG)
    for field in draw_fields(
        replace(case, fragments=tuple(replace(one, membrane_class=c) for c in classes)), SEED, MPP
    ):
        xy = measure(field.nuclei, len(field.is_tumor))[:, 1:]
        keep = np.isfinite(xy[:, 0]) & field.is_tumor
        names = [f"drawn {MembraneClass(c).label}" for c in field.membrane_class[keep]]
        yield Field(field.rgb, field.white, xy[keep], names)


def read_real(data: Path) -> Iterator[Field]:
    """Read the crops, cells named by class as read."""
    for crop in read_crops(data):
        path = data / "eac-tma" / f"{crop.group}.jpg"
        with open_slide(path, mpp=CORE_MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
            rgb = slide.read(crop.box, 1)
        keep = np.char.startswith(crop.code, "t") if crop.code is not None else np.zeros(0, bool)
        codes = [] if crop.code is None else [f"read {MembraneClass(int(c[1])).label}" for c in crop.code[keep]]
        yield Field(rgb, crop.white, crop.xy[keep].astype(np.float64) * 2, codes)


def cut_cells(field: Field, segmenter: Segmenter, vectors: StainVectors) -> Iterator[tuple[str, Rgb]]:
    """Cut the named cells that were found, beside themselves with the line; named by class and measured pattern."""
    whole = Box(0, 0, field.rgb.shape[1] // 2 * 2, field.rgb.shape[0] // 2 * 2)
    image = TileImage(Tile(0, whole, whole, 1, MPP), field.rgb[: whole.height, : whole.width])
    stain = Stain(field.white, vectors)
    labels = segmenter.segment(image, stain)
    cells, lines = measure_cells(image, labels, stain), find_lines(image, labels, stain)
    if not len(cells) or not field.names:
        return
    distance, found = cKDTree(np.column_stack([cells.x, cells.y])).query(field.xy)
    for k in np.flatnonzero(distance <= SAME_UM / MPP):
        cell = int(found[k])
        x, y = int(cells.x[cell]) - SIDE_PX // 2, int(cells.y[cell]) - SIDE_PX // 2
        part = image.rgb[max(y, 0) : y + SIDE_PX, max(x, 0) : x + SIDE_PX]
        if part.shape[:2] != (SIDE_PX, SIDE_PX):
            continue
        pattern = MembranePattern(int(cells.membrane_pattern[cell])).name.lower()
        marked = mark(part, lines.xy[cell] - (x, y), lines.height_od[cell])
        plain = cv2.resize(part, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
        cv2.putText(marked, f"{cells.membrane_od[cell]:.2f}", (4, 14), 0, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        yield f"{field.names[k]}, {pattern}", np.hstack([np.asarray(plain, np.uint8), marked])


def mark(part: Rgb, xy: NDArray[np.float64], height_od: NDArray[np.float64]) -> Rgb:
    """Draw the places where the line was read: cyan if stained, gray if not."""
    picture = np.ascontiguousarray(cv2.resize(part, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC))
    for (x, y), height in zip(xy * ZOOM, height_od, strict=True):
        color = (0, 200, 255) if height >= MembraneParams().stained_od else (90, 90, 90)
        cv2.circle(picture, (int(x), int(y)), 1, color, cv2.FILLED)
    return np.asarray(picture, np.uint8)


def lay_out(cells: dict[str, list[Rgb]]) -> Rgb:
    """Lay cells out, a row a name, `N_EACH` of it at equal steps through what was found."""
    rows = []
    for name in sorted(cells):
        some = [cells[name][int(k)] for k in np.linspace(0, len(cells[name]) - 1, N_EACH)]
        row = np.hstack([np.pad(cell, ((MARGIN + 4, 4), (2, 2), (0, 0)), constant_values=255) for cell in some])
        cv2.putText(row, f"{name} (of {len(cells[name])})", (4, MARGIN), 0, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        rows.append(row)
    return np.vstack(rows)


def main() -> None:
    """Read the command line, find the cells, draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    parser.add_argument("--data", type=Path, help="folder of the real images; without it phantoms are drawn")
    parser.add_argument("--model", default=load_settings().model)
    given = parser.parse_args()
    model = load_model(given.model)
    segmenter = make_segmenter(model, load_settings())
    cells: dict[str, list[Rgb]] = defaultdict(list)
    for field in read_real(given.data) if given.data else draw_phantom():
        for name, picture in cut_cells(field, segmenter, model.stain):
            cells[name].append(picture)
    cv2.imwrite(str(given.out), lay_out({n: c for n, c in cells.items() if len(c) >= N_EACH})[..., ::-1])
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
