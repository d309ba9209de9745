"""Measures of each cell: membrane, cytoplasm, nucleus. What the measures mean is decided in `scoring`.

Comes in: a tile's pixels at up to 0.25 um/px and its labels. Goes out: `Cells` in level-0 pixels, one row for each cell
whose nucleus the tile's core owns. Rays run from the nucleus outward; on each the membrane is the darkest brown point
near the cell's border, read above what lies on both sides of it, so neither haze nor a brown neighbor is a membrane.
"""

from hetscore.membrane.measure import (
    Lines,
    count_arcs,
    find_gap,
    find_lines,
    find_pattern,
    longest_arc,
    measure_cells,
)
from hetscore.membrane.params import MAX_SEEN_UM, MembraneParams

__all__ = [
    "MAX_SEEN_UM",
    "Lines",
    "MembraneParams",
    "count_arcs",
    "find_gap",
    "find_lines",
    "find_pattern",
    "longest_arc",
    "measure_cells",
]
