"""The slide's own negative control: cells that are no tumor, pale or brown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Cells, empty_cells
from hetscore.flags import FLAGS, Severity
from hetscore.quality.background import BackgroundParams, measure_background, name_background

PARAMS = BackgroundParams()


def _cells(*groups: tuple[int, float, float]) -> Cells:
    """Cells in groups of so many, with this probability of tumor and this density in the cytoplasm."""
    n, p_tumor, od = (np.array(column) for column in zip(*groups, strict=True))
    return replace(
        empty_cells(),
        x=np.zeros(n.sum()),
        p_tumor=np.repeat(p_tumor, n).astype(np.float32),
        cytoplasm_od=np.repeat(od, n).astype(np.float32),
    )


def test_only_cells_that_are_no_tumor_count() -> None:
    """Sixty pale lymphocytes beside a thousand brown tumor cells, and some of which nobody knows."""
    assert measure_background(_cells((60, 0.1, 0.01), (1000, 0.9, 0.4), (500, 0.4, 0.3)), PARAMS) == pytest.approx(0.01)


def test_a_few_brown_cells_among_pale_ones_change_nothing() -> None:
    """A third of the stroma called stroma is stained tumor: the median is of the rest."""
    assert measure_background(_cells((200, 0.0, 0.01), (90, 0.1, 0.5)), PARAMS) == pytest.approx(0.01)


def test_cells_that_could_not_be_measured_do_not_count() -> None:
    """Forty-nine measured ones are too few, however many were found."""
    cells = _cells((49, 0.0, 0.2), (100, 0.0, np.nan))

    assert measure_background(cells, PARAMS) is None
    assert not any(name_background(cells, PARAMS).values())


@pytest.mark.parametrize(
    ("od", "expected"), [(0.0, []), (0.03, []), (0.05, ["background-stain"]), (0.2, ["background-stain"])]
)
def test_the_flag_tells_how_brown(od: float, expected: list[str]) -> None:
    """As most cores; as the one with stain in its stroma; browner than any."""
    flags = name_background(_cells((80, 0.0, od)), PARAMS)

    assert [name for name, is_set in flags.items() if is_set] == expected


def test_background_is_no_more_than_a_caution() -> None:
    """What a reader should know; a membrane is measured above what lies beside it."""
    assert FLAGS["background-stain"].severity is Severity.CAUTION


@given(st.lists(st.floats(-0.05, 0.5), min_size=50, max_size=80), st.floats(0, 0.3))
def test_a_browner_slide_is_never_flagged_less(ods: list[float], more: float) -> None:
    """Adding the same stain to every cell cannot take a flag back."""

    def is_flagged(extra: float) -> bool:
        return name_background(_cells(*((1, 0.0, od + extra) for od in ods)), PARAMS)["background-stain"]

    assert is_flagged(more) >= is_flagged(0.0)
