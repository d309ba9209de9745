"""Maps drawn as text and regions as boxes of their pixels, so that every example can be checked by eye.

A digit is a pixel of that fragment, '+' tissue of no fragment, '.' glass. A pixel is 10 level-0 pixels and a square
millimeter.
"""

from __future__ import annotations

from textwrap import dedent

import numpy as np
import shapely
from numpy.typing import NDArray

from hetscore.annotations import Correction, correct_fragments
from hetscore.domain import Fragment, FragmentRole, Fragments, Region, RegionKind
from hetscore.geometry import Box

STEP = 10


def read_map(picture: str) -> tuple[Fragments, NDArray[np.bool_]]:
    """Make the fragments of a map, and its tissue."""
    signs = np.array([list(row) for row in dedent(picture).strip("\n").split("\n")])
    labels = np.where(np.char.isdigit(signs), signs, "0").astype(np.int32)
    items = tuple(make_fragment(int(number), labels) for number in np.unique(labels) if number)
    return Fragments(items, labels, STEP, 1000.0, {}, flags=("count-unclear", "levels-unclear")), signs != "."


def make_fragment(number: int, labels: NDArray[np.int32]) -> Fragment:
    """Make a fragment whose outline is the box of its pixels."""
    rows, columns = np.nonzero(labels == number)
    x, y = int(columns.min()), int(rows.min())
    box = Box(x * STEP, y * STEP, (int(columns.max()) + 1 - x) * STEP, (int(rows.max()) + 1 - y) * STEP)
    ring = np.array([[box.x, box.y], [box.right, box.y], [box.right, box.bottom], [box.x, box.bottom]], float)
    return Fragment(number, "a.tif", (ring,), box, float(len(rows)), role=FragmentRole.SAMPLE)


def region(kind: RegionKind, *boxes: tuple[int, int, int, int], name: str = "", level: int | None = None) -> Region:
    """Draw a region over pixels: each box is left, top, width, height."""
    areas = [shapely.box(x * STEP, y * STEP, (x + w) * STEP, (y + h) * STEP) for x, y, w, h in boxes]
    return Region(kind, shapely.union_all(areas), name, level)


def correct(picture: str, *regions: Region, first_id: int = 1) -> Correction:
    """Apply regions to a map; less than two pixels is no fragment."""
    found, tissue = read_map(picture)
    return correct_fragments(found, tissue, regions, min_area_mm2=2.0, first_id=first_id)


def show(correction: Correction) -> str:
    """Write the map of the corrected fragments; what was taken out is an x."""
    labels = correction.fragments.labels
    signs = np.where(correction.is_excluded, "x", np.where(labels > 0, labels.astype(str), "."))
    return "\n".join("".join(row) for row in signs)


def picture(text: str) -> str:
    """Tidy up an expected map."""
    return dedent(text).strip("\n")
