"""Draw what is taken for a fragment on real tissue cores: python -m scripts.draw_fragments --data DIR [--sheet FILE].

The sheet shows each thumbnail with the outline found (green) and, where there is one, the outline drawn by hand (red);
printed is how well the two agree. Outlines by hand are our own (scripts/core_outlines.csv, thumbnail pixels of 4 um);
the pictures are not, so the sheet stays with whoever holds the data.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Fragments, MppSource, TissueMask
from hetscore.fragments import FragmentParams, find_fragments
from hetscore.slides import open_slide
from hetscore.stain import find_white
from hetscore.tissue import TissueParams, find_tissue

Mask = NDArray[np.bool_]
Rgb = NDArray[np.uint8]

CORE_MPP = 0.25
"""Of the cores' files, estimated from the size of nuclei; they tell none."""
OUTLINES = Path(__file__).with_name("core_outlines.csv")
FOUND, BY_HAND = (0, 160, 0), (220, 0, 0)
ZOOM = 2
COLUMNS = 4


def read_outlines(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read outlines drawn by hand: of each core, named by the start of its file's name, the vertices x and y."""
    outlines: dict[str, list[tuple[float, float]]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            outlines.setdefault(row["core"], []).append((float(row["x"]), float(row["y"])))
    return {core: np.array(vertices) for core, vertices in outlines.items()}


def find(path: Path) -> tuple[Rgb, TissueMask, Fragments]:
    """Find the fragments of a core, as `hetscore score` does before artefacts are taken out."""
    with open_slide(path, mpp=CORE_MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
        thumbnail = slide.thumbnail(TissueParams().mpp)
    tissue = find_tissue(thumbnail, find_white(thumbnail.rgb), {}, TissueParams())
    return thumbnail.rgb, tissue, find_fragments(tissue, path.name, FragmentParams())


def fill(outline: NDArray[np.float64], shape: tuple[int, ...]) -> Mask:
    """Fill an outline."""
    drawn = cv2.fillPoly(np.zeros(shape[:2], np.uint8), [np.rint(outline).astype(np.int32)], (1,))
    return np.asarray(drawn > 0)


def measure_overlap(one: Mask, other: Mask) -> float:
    """Measure the overlap of two masks, intersection over union."""
    return float(np.count_nonzero(one & other) / np.count_nonzero(one | other))


def draw(rgb: Rgb, masks: Mapping[tuple[int, int, int], Mask]) -> Rgb:
    """Draw the borders of masks, each in its color."""
    view = cv2.resize(rgb, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    for color, mask in masks.items():
        large = cv2.resize(mask.astype(np.uint8), None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_NEAREST)
        rings, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        view = cv2.drawContours(view, rings, -1, color, 1)
    return np.asarray(view, np.uint8)


def lay_out(views: Sequence[Rgb]) -> Rgb:
    """Lay pictures out in rows."""
    height, width = (max(view.shape[axis] for view in views) for axis in (0, 1))
    tiles = [np.pad(v, ((0, height - v.shape[0]), (0, width - v.shape[1]), (0, 0)), constant_values=255) for v in views]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[k : k + COLUMNS]) for k in range(0, len(tiles), COLUMNS)])


def main() -> None:
    """Read the command line, print the table, draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of tissue cores of 0.25 um/px")
    parser.add_argument("--sheet", type=Path, help="where to draw them")
    given = parser.parse_args()
    outlines = read_outlines(OUTLINES)
    views = []
    print("| core | fragments | range | area, mm2 | by hand, mm2 | overlap |\n|---|---:|---|---:|---:|---:|")
    for path in sorted(given.data.glob("*.jpg")):
        rgb, tissue, found = find(path)
        masks, area, overlap = {FOUND: found.labels > 0}, "-", "-"
        if path.name[:6] in outlines:
            masks[BY_HAND] = fill(outlines[path.name[:6]], rgb.shape)
            area = f"{tissue.area_mm2(masks[BY_HAND]):.2f}"
            overlap = f"{measure_overlap(masks[FOUND], masks[BY_HAND]):.3f}"
        total = f"{sum(item.area_mm2 for item in found.items):.2f}"
        print(f"| {path.name[:6]} | {len(found.items)} | {found.count_range} | {total} | {area} | {overlap} |")
        views.append(draw(rgb, masks))
    if given.sheet and views:
        cv2.imwrite(str(given.sheet), cv2.cvtColor(lay_out(views), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
