"""What the calibration of `watershed` makes of points read by people."""

from __future__ import annotations

import numpy as np

from hetscore.domain import empty_cells
from hetscore.scoring.cell import cell_measures
from scripts.calibrate_default import Sample, find_reference


def test_the_reference_is_the_median_density_of_each_class() -> None:
    """Three cells a class and others; the density is what was measured, not its logarithm, and NaN is no cell."""
    od = [0.01, 0.02, 0.3, 0.1, 0.1, 0.1, 0.2, 0.25, 0.9, 0.5, 0.6, np.nan, 0.7, 9.0]
    code = ["t0", "t0", "t0", "t1", "t1", "t1", "t2", "t2", "t2", "t3", "t3", "t3", "t3", "n"]
    column = np.array(od, np.float32)
    cells = empty_cells().with_columns(membrane_od=column, membrane_completeness=column, membrane_arc=column)
    sample = Sample(np.full(len(od), "core"), np.array(code), np.zeros((len(od), 0)), cell_measures(cells))

    assert find_reference(sample) == (0.02, 0.1, 0.25, 0.6)
