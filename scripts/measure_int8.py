"""See what 8 bits change: measure_int8.py [--model NAME] [--data ../shared/data].

Drawn fields, and with --data the middle of real cores, are read by OpenVINO in single precision and in 8 bits. Printed
is how far the maps lie apart, how many cells are found again within 3 um, how many tumor cells are found again and
called tumor again, how many are called tumor anew, and how many tumor cells keep their membrane class.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hetscore.config import Model, load_model, load_settings
from hetscore.domain import Cells, MppSource, Tile, TileImage
from hetscore.evaluation.detection import MATCH_UM, match_cells
from hetscore.geometry import Box
from hetscore.membrane import measure_cells
from hetscore.phantom import make_cases
from hetscore.phantom.fields import draw_fields
from hetscore.pipeline import make_segmenter
from hetscore.scoring.cell import classify_cells
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.segmenters import RuntimeName
from hetscore.segmenters.growth import find_shrink, shrink_by
from hetscore.segmenters.network import NetworkSegmenter
from hetscore.slides import open_slide
from hetscore.stain import Stain, find_white

PRESETS, N_CASES, SEED = ("typical", "hard"), 3, 62_001
"""Apart from the seeds that are trained and calibrated on."""
MPP, CORE_PX = 0.25, 2560
"""Of the fields, and of the real cores (data/MANIFEST.md); pixels of the middle of each core."""
RUNTIMES: tuple[RuntimeName, ...] = ("openvino", "openvino-int8")
Counts = NDArray[np.float64]
COLUMNS = (
    "cells",
    "logits apart",
    "found again",
    "tumor cells",
    "tumor again",
    "tumor anew",
    "same class",
)


def read_fields(data: Path | None, model: Model) -> Iterator[tuple[str, TileImage, Stain]]:
    """Draw the fields, and read the cores if there are any; by the material they are of."""
    for preset in PRESETS:
        for case in make_cases(preset, SEED, N_CASES):
            for field in draw_fields(case, SEED, MPP):
                whole = Box(0, 0, field.rgb.shape[1], field.rgb.shape[0])
                yield (
                    f"phantom {preset}",
                    TileImage(Tile(0, whole, whole, 1, MPP), field.rgb),
                    Stain(field.white, model.stain),
                )
    for path in sorted((data / "eac-tma").glob("*.jpg")) if data else ():
        with open_slide(path, mpp=MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
            stain = Stain(find_white(slide.thumbnail(4.0).rgb), model.stain)
            left, top = ((side - CORE_PX) // 2 for side in (slide.info.width, slide.info.height))
            box = Box(left, top, CORE_PX, CORE_PX)
            yield "cores", TileImage(Tile(0, box, box, 1, MPP), slide.read(box, 1)), stain


def compare(image: TileImage, stain: Stain, segmenters: list[NetworkSegmenter], model: Model) -> Counts:
    """Count what became of the cells of a field; see `COLUMNS`, logits as the sum of squares, and their number last."""
    rgb = shrink_by(image.rgb, find_shrink(image.tile.mpp, segmenters[0].params.mpp))
    maps, other = (segmenter.predict(rgb, stain.white).astype(np.float64) for segmenter in segmenters)
    was, now = (_find_cells(image, stain, segmenter, model) for segmenter in segmenters)
    xy = [np.column_stack([cells.x, cells.y]) for cells in (was, now)]
    i, j = match_cells(xy[0], xy[1], MATCH_UM / image.tile.mpp)
    again = was.is_tumor[i] & now.is_tumor[j]
    same = again & (was.membrane_class[i] == now.membrane_class[j])
    counts = (len(was), ((maps - other) ** 2).sum(), len(i), was.is_tumor.sum(), again.sum())
    return np.array([*counts, now.is_tumor.sum() - again.sum(), same.sum(), maps.size], np.float64)


def _find_cells(image: TileImage, stain: Stain, segmenter: NetworkSegmenter, model: Model) -> Cells:
    cells = measure_cells(image, segmenter.segment(image, stain), stain)
    return classify_cells(cells, model.membrane, GUIDELINES["gastric-biopsy"])


def format_row(material: str, counts: Counts) -> str:
    """Write the counts of a material as a row of the table."""
    n, squares, found, tumor, again, anew, same, pixels = counts
    shares = (found / n, again / tumor, anew / tumor, same / again)
    values = [f"{share:.2%}" for share in shares]
    logits = f"{np.sqrt(squares / pixels):.3f}"
    return f"| {material} | {n:.0f} | {logits} | {values[0]} | {tumor:.0f} | {' | '.join(values[1:])} |"


def main() -> None:
    """Read the command line, compare, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=load_settings().model)
    parser.add_argument("--data", type=Path, help="folder of the real images")
    given = parser.parse_args()
    settings, model = load_settings(), load_model(given.model)
    each = [replace(settings, network=replace(settings.network, device="cpu", runtime=name)) for name in RUNTIMES]
    segmenters = [made for s in each if isinstance(made := make_segmenter(model, s), NetworkSegmenter)]
    if len(segmenters) < len(RUNTIMES):
        parser.error(f"--model {given.model}; expected a model of kind network")
    totals: dict[str, Counts] = {}
    for material, image, stain in read_fields(given.data, model):
        totals[material] = totals.get(material, np.zeros(len(COLUMNS) + 1)) + compare(image, stain, segmenters, model)
    print(f"| material | {' | '.join(COLUMNS)} |\n|---{'|---:' * len(COLUMNS)}|")
    for material, counts in totals.items():
        print(format_row(material, counts))


if __name__ == "__main__":
    main()
