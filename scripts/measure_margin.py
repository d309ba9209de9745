"""See how much must be read around a tile: measure_margin.py --data ../shared/data [--model NAME].

The same squares of real cores are read with less and less around them; printed is how many of their cells are lost,
change between tumor and other, or have a membrane of another density, against the widest margin.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from hetscore.config import Model, load_model, load_settings
from hetscore.domain import Cells, MppSource, Tile, TileImage
from hetscore.geometry import Box
from hetscore.membrane import measure_cells
from hetscore.pipeline import make_segmenter
from hetscore.segmenters import Segmenter
from hetscore.slides import open_slide
from hetscore.stain import Stain, find_white

MPP = 0.25
"""Of the cores, estimated from nuclear size (data/MANIFEST.md)."""
PLACES = (("2_da59", 1408, 1408), ("2_da59", 2944, 2432), ("1_154a", 2432, 2432), ("2_0123", 1408, 2944),
          ("3_a1f1", 896, 2432))  # fmt: skip
"""Core and corner of a square in tissue, multiples of 128 px."""
SIDE_PX = 1024
MARGINS_PX = (768, 512, 384, 256, 128)
SAME_PX = 4.0
"""A cell is the same within 1 um."""
SAME_OD = 0.02
"""What a density on unstained membranes is off by (`scoring.cell.OD_FLOOR`)."""


@dataclass
class Count:
    """Cells of all places at one margin, and what became of them."""

    n: int = 0
    lost: int = 0
    other: int = 0
    denser: int = 0


def read_place(data: Path, place: tuple[str, int, int], model: Model, segmenter: Segmenter) -> Iterator[Cells]:
    """Measure the cells of a square at each margin."""
    name, x, y = place
    path = next((data / "eac-tma").glob(f"{name}*"))
    core = Box(x, y, SIDE_PX, SIDE_PX)
    with open_slide(path, mpp=MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
        stain = Stain(find_white(slide.thumbnail(4.0).rgb), model.stain)
        for margin in MARGINS_PX:
            box = core.grown(margin)
            image = TileImage(Tile(0, box, core, 1, MPP), slide.read(box, 1))
            yield measure_cells(image, segmenter.segment(image, stain), stain)


def compare(count: Count, wide: Cells, cells: Cells) -> None:
    """Add what became of the cells of the widest margin."""
    distance, found = cKDTree(np.column_stack([cells.x, cells.y])).query(np.column_stack([wide.x, wide.y]))
    same = distance < SAME_PX
    count.n += len(wide)
    count.lost += int((~same).sum())
    count.other += int((wide.is_tumor[same] != cells.is_tumor[found[same]]).sum())
    count.denser += int((np.abs(wide.membrane_od[same] - cells.membrane_od[found[same]]) > SAME_OD).sum())


def main() -> None:
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real images")
    parser.add_argument("--model", default=load_settings().model)
    given = parser.parse_args()
    model = load_model(given.model)
    segmenter = make_segmenter(model, load_settings())
    counts = [Count() for _ in MARGINS_PX[1:]]
    for place in PLACES:
        wide, *narrower = read_place(given.data, place, model, segmenter)
        for count, cells in zip(counts, narrower, strict=True):
            compare(count, wide, cells)
    print("| margin, um | cells | lost | tumor or not changed | membrane changed |\n|---:|---:|---:|---:|---:|")
    for margin, count in zip(MARGINS_PX[1:], counts, strict=True):
        print(f"| {margin * MPP:.0f} | {count.n} | {count.lost} | {count.other} | {count.denser} |")


if __name__ == "__main__":
    main()
