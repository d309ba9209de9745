"""The numbers of staining: ordered where pathology orders them, complete over all types."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hetscore.phantom.epithelium import CellType
from hetscore.phantom.stain import StainParams


def test_lines_grow_denser_and_wider_with_the_class() -> None:
    """From 0 to 3+ peak, width and haze rise, and class 0 has none."""
    params = StainParams()

    for column in (params.membrane_od, params.membrane_fwhm_um, params.blush_od):
        assert column[0] == 0
        assert all(a < b for a, b in pairwise(column))


@pytest.mark.parametrize("cell_type", list(CellType))
def test_every_type_has_a_nucleus(cell_type: CellType) -> None:
    """Each cell type has hematoxylin in its nucleus, within what was measured on real ones."""
    look = StainParams().nucleus(cell_type)

    assert 0.05 < look.inside_od < 0.3
    assert look.rim_od > 0


def test_lymphocytes_are_darker_than_tumor_cells_and_only_plasma_cells_are_clocks() -> None:
    """What tells types apart is in the numbers: dark lymphocytes, nucleoli of tumor, clock faces of plasma cells."""
    looks = {cell_type: StainParams().nucleus(cell_type) for cell_type in CellType}

    assert looks[CellType.LYMPHOCYTE].inside_od > 1.5 * looks[CellType.TUMOR].inside_od
    assert [t for t in CellType if looks[t].clock_od > 0] == [CellType.PLASMA]
    assert max(CellType, key=lambda t: looks[t].nucleolus_od) == CellType.TUMOR


def test_stains_are_told_apart() -> None:
    """The two vectors point far enough from one another to be unmixed: more than 20 degrees."""
    h, d = (np.array(v) / np.linalg.norm(v) for v in (StainParams().hematoxylin, StainParams().dab))

    assert h @ d < np.cos(np.radians(20))
