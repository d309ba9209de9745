"""Cells of the tiles -> Cells of the slide: joined, given to fragments, in an order that does not tell the tiles.

Cores partition the slide and a tile measures only the cells it owns, so nothing is counted twice and nothing needs to
be resolved.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Cells, Fragments
from hetscore.domain.cells import CellParts


def gather_cells(parts: Iterable[Cells]) -> CellParts:
    """Gather the cells of all tiles, to be merged when the last one is in.

    Parameters
    ----------
    parts : iterable of Cells
        In any order. From an iterator they are taken one by one and none is kept, see `CellParts`.
    """
    gathered = CellParts()
    for part in parts:
        gathered.add(part)
    return gathered


def merge_gathered(gathered: CellParts, fragments: Fragments) -> Cells:
    """Join the cells of all tiles and give each to its fragment.

    Parameters
    ----------
    gathered : CellParts
        From `gather_cells`; afterwards nothing is left of the cells there.
    fragments : Fragments
        The map from place to fragment.

    Returns
    -------
    Cells
        Sorted by fragment, then y, then x: the same whatever the tiles. What lies outside every fragment (on glass, in
        a gap, on excluded area) is left out: it is not part of the tissue to be judged.
    """
    x, y = gathered.column("x"), gathered.column("y")
    fragment = find_fragment(x, y, fragments)
    order = np.lexsort((x, y, fragment))
    order = order[fragment[order] > 0]
    return gathered.join(order).with_columns(fragment=fragment[order])


def find_fragment(x: NDArray[np.float64], y: NDArray[np.float64], fragments: Fragments) -> NDArray[np.int32]:
    """Fragment at each place, level-0 pixels; 0 outside all fragments."""
    height, width = fragments.labels.shape
    columns = np.clip((x // fragments.downsample).astype(np.int64), 0, width - 1)
    rows = np.clip((y // fragments.downsample).astype(np.int64), 0, height - 1)
    is_inside = (x >= 0) & (y >= 0) & (x < width * fragments.downsample) & (y < height * fragments.downsample)
    labels: NDArray[np.int32] = np.where(is_inside, fragments.labels[rows, columns], 0).astype(np.int32)
    return labels
