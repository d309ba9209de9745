"""What a slide looks like, and when it is unlike those that errors were counted on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Cells, StainEstimate, join_cells
from hetscore.scoring.error_domain import (
    LOOKS,
    MIN_CELLS,
    allow_range,
    compare_domain,
    describe_slide,
    expected_range,
    join_looks,
)
from tests.scoring.builders import make_cells


def cells_of(n_tumor: int, n_other: int = 0) -> Cells:
    """Make tumor cells, three of four 3+ and the others 0, and cells that are no tumor."""
    n = n_tumor + n_other
    cells = make_cells(
        x=list(range(n)),
        y=[0.0] * n,
        classes=[0 if i % 4 == 0 else 3 for i in range(n)],
        p_tumor=[0.75 if i % 10 == 0 else 0.9 for i in range(n_tumor)] + [0.1] * n_other,
    )
    od = np.where(cells.membrane_class == 3, 0.6, 0.01).astype(np.float32)
    ground = np.where(cells.is_tumor, 0.1, 0.5).astype(np.float32)
    return cells.with_columns(membrane_od=od, membrane_ground_od=ground)


STAIN = StainEstimate(
    hematoxylin=(0.6, 0.7, 0.3),
    dab=None,
    hematoxylin_degrees=2.0,
    dab_degrees=None,
    residual_od=0.02,
    n_pixels=1000,
)


def test_a_slide() -> None:
    """Only tumor cells are described, and of their membranes only the stained ones; DAB could not be seen."""
    look = describe_slide(cells_of(200, 100), mpp=0.25, tissue_mm2=0.4, stain=STAIN)

    assert set(look) <= set(LOOKS)
    assert look["mpp"] == 0.25
    assert look["membrane_od"] == pytest.approx(0.6)
    assert look["membrane_ground_od"] == pytest.approx(0.1)
    assert look["unsure_share"] == pytest.approx(0.1)
    assert look["tumor_per_mm2"] == pytest.approx(500.0)
    assert look["nucleus_area_um2"] == pytest.approx(cells_of(1).nucleus_area_um2[0])
    assert (look["hematoxylin_degrees"], look["stain_residual_od"]) == (2.0, 0.02)
    assert "dab_degrees" not in look


def test_what_cannot_be_told() -> None:
    """Without stained cells, tissue and a stain estimate there is less to say, and nothing is said for it."""
    bare = cells_of(200)
    unstained = bare.with_columns(membrane_class=np.zeros(200, np.int8), membrane_width_um=np.full(200, np.nan, "f4"))

    look = describe_slide(unstained, mpp=0.25, tissue_mm2=0.0)

    assert look.keys().isdisjoint(
        {"membrane_od", "membrane_width_um", "tumor_per_mm2", "hematoxylin_degrees", "dab_degrees", "stain_residual_od"}
    )


def test_too_few_tumor_cells() -> None:
    """A median of few cells would call a slide unlike itself."""
    assert describe_slide(cells_of(MIN_CELLS - 1, 500), mpp=0.25, tissue_mm2=1.0) == {"mpp": 0.25}
    assert len(describe_slide(cells_of(MIN_CELLS), mpp=0.25, tissue_mm2=1.0)) > 1


def test_the_order_of_cells_does_not_matter() -> None:
    """Medians and shares only."""
    cells = cells_of(150, 30)
    turned = join_cells([cells.take(np.arange(len(cells))[::-1])])

    assert describe_slide(turned, mpp=0.25, tissue_mm2=1.0) == describe_slide(cells, mpp=0.25, tissue_mm2=1.0)


def test_slides_together() -> None:
    """Lowest and highest of each, in the order of the table; one slide may lack a number."""
    domain = join_looks([{"membrane_od": 0.5, "mpp": 0.25}, {"membrane_od": 0.3}, {"membrane_od": 0.4, "mpp": 0.26}])

    assert list(domain.items()) == [("mpp", (0.25, 0.26)), ("membrane_od", (0.3, 0.5))]
    assert join_looks([]) == {}


@pytest.mark.parametrize(
    ("low", "high", "n_slides", "allowed"),
    [
        (1.0, 3.0, 20, (0.5, 3.5)),
        (10.0, 10.0, 20, (9.0, 11.0)),
        (-0.1, 0.3, 20, (-0.2, 0.4)),
        (0.0, 0.0, 20, (0.0, 0.0)),
        (1.0, 3.0, 3, (-1.31, 5.31)),
        (1.0, 3.0, 1, (-2.96, 6.96)),
    ],
)
def test_margin(low: float, high: float, n_slides: int, allowed: tuple[float, float]) -> None:
    """A quarter of the range of twenty slides, more of fewer, or a tenth of the value where that is more."""
    assert allow_range(low, high, n_slides) == pytest.approx(allowed, abs=0.01)


@pytest.mark.parametrize(("n_slides", "sds"), [(2, 1.128), (3, 1.693), (10, 3.078), (20, 3.735)])
def test_the_range_to_be_expected(n_slides: int, sds: float) -> None:
    """As in tables of control charts (d2)."""
    assert expected_range(n_slides) == pytest.approx(sds, abs=1e-3)


def test_what_is_outside() -> None:
    """Named in the order of the table; what one side does not tell is not compared."""
    domain = {"mpp": (0.25, 0.25), "membrane_od": (0.3, 0.7), "dab_degrees": (1.0, 3.0)}

    assert compare_domain({"mpp": 0.26, "membrane_od": 0.79, "unsure_share": 0.9}, domain, 20) == ()
    assert compare_domain({"dab_degrees": 3.6, "mpp": 0.5, "membrane_od": 0.81}, domain, 20) == (
        "mpp",
        "membrane_od",
        "dab_degrees",
    )
    assert compare_domain({}, domain, 20) == ()


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9))
def test_slides_are_like_themselves(values: list[float]) -> None:
    """None of the slides that errors were counted on is outside."""
    looks = [{"membrane_od": value} for value in values]

    assert all(compare_domain(look, join_looks(looks), len(looks)) == () for look in looks)
