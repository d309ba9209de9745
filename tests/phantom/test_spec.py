"""Presets: repeatable, distinct, and refused with a remedy where they make no sense."""

from __future__ import annotations

import pytest

from hetscore.domain import IshResult
from hetscore.errors import UsageError
from hetscore.phantom import PRESETS, make_cases


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_same_seed_gives_same_cases(preset: str) -> None:
    """The specification depends on preset, seed and number alone, and case ids are distinct."""
    cases = make_cases(preset, 5, 12)

    assert cases == make_cases(preset, 5, 12)
    assert len({case.case_id for case in cases}) == 12


def test_typical_mixes_kinds() -> None:
    """Forty typical cases hold positive, negative, heterogeneous and tumor-free ones, and both results of ISH."""
    cases = make_cases("typical", 0, 40)

    fragments = [fragment for case in cases for fragment in case.fragments if fragment.has_tumor]
    assert {int(fragment.membrane_class) for fragment in fragments} == {0, 1, 2, 3}
    assert any(fragment.clone_cells for fragment in fragments)
    assert any(fragment.mosaic_share for fragment in fragments)
    assert any(not any(f.has_tumor for f in case.fragments) for case in cases)
    assert {case.ish for case in cases} == {IshResult.AMPLIFIED, IshResult.UNKNOWN}


@pytest.mark.parametrize(
    ("preset", "seed", "n_cases", "match"),
    [("tyipcal", 0, 1, "typical, sample"), ("typical", 0, 0, "at least 1"), ("typical", -1, 1, "0 or more")],
)
def test_nonsense_is_refused_with_a_remedy(preset: str, seed: int, n_cases: int, match: str) -> None:
    """Unknown preset, no case, negative seed: each says what was expected."""
    with pytest.raises(UsageError, match=match):
        make_cases(preset, seed, n_cases)
