"""Presets: repeatable, distinct, what their descriptions say, and refused with a remedy where they make no sense."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.domain import IshResult
from hetscore.errors import UsageError
from hetscore.phantom import PRESETS, FragmentSpec, make_cases, repeat_cases
from hetscore.phantom.mixes import pick
from hetscore.phantom.spec import ArtefactKind, CaseSpec, Damage, Scanner, Tissue


def fragments_of(cases: tuple[CaseSpec, ...]) -> list[FragmentSpec]:
    """All tumor fragments."""
    return [fragment for case in cases for fragment in case.fragments if fragment.has_tumor]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_same_seed_gives_same_cases(preset: str) -> None:
    """The specification depends on preset, seed and number alone, and case ids are distinct."""
    cases = make_cases(preset, 5, 12)

    assert cases == make_cases(preset, 5, 12)
    assert len({case.case_id for case in cases}) == 12


def test_typical_mixes_kinds() -> None:
    """Forty typical cases hold every class, tissue and kind of heterogeneity, and both results of ISH."""
    cases = make_cases("typical", 0, 40)

    tumor = fragments_of(cases)
    assert {int(fragment.membrane_class) for fragment in tumor} == {0, 1, 2, 3}
    assert {fragment.tissue for case in cases for fragment in case.fragments} == set(Tissue)
    assert any(fragment.clone_cells for fragment in tumor)
    assert any(fragment.mosaic_share for fragment in tumor)
    assert any(fragment.is_graded for fragment in tumor)
    assert any(fragment.damage for fragment in tumor)
    assert any(not any(f.has_tumor for f in case.fragments) for case in cases)
    assert {case.ish for case in cases} == {IshResult.AMPLIFIED, IshResult.UNKNOWN}


def test_about_half_of_the_cases_hold_a_fragment_without_tumor() -> None:
    """So that tumor is not taken for granted; such a fragment is at most one beside tumor."""
    cases = [case for case in make_cases("typical", 0, 60) if any(f.has_tumor for f in case.fragments)]

    others = [sum(not fragment.has_tumor for fragment in case.fragments) for case in cases]

    assert set(others) == {0, 1}
    assert 0.3 < np.mean(others) < 0.7


def test_muscle_has_no_mucus_and_no_ulcer() -> None:
    """It lies too deep: crush and blood alone damage it."""
    fragments = [f for case in make_cases("hard", 0, 150) for f in case.fragments if f.tissue is Tissue.MUSCLE]

    assert {kind for fragment in fragments for kind in fragment.damage} == {Damage.CRUSH, Damage.BLOOD}


def test_easy_cases_are_homogeneous() -> None:
    """All tumor fragments of a case are of one class, without clone, mosaic, gradient, damage or artefact."""
    for case in make_cases("easy", 0, 30):
        tumor = fragments_of((case,))
        assert len({fragment.membrane_class for fragment in tumor}) <= 1
        assert not any(f.clone_cells or f.mosaic_share or f.is_graded or f.damage for f in tumor)
        assert case.artefacts == ()


def test_hard_cases_are_hard() -> None:
    """Clones have 5 to 50 cells, mosaics at most a fifth, every slide is softer than a typical one; artefacts occur."""
    cases = make_cases("hard", 0, 60)

    clones = {fragment.clone_cells for fragment in fragments_of(cases)} - {0}
    mosaics = {fragment.mosaic_share for fragment in fragments_of(cases)} - {0.0}
    assert len(clones) > 5
    assert min(clones) >= 5
    assert max(clones) <= 50
    assert len(mosaics) > 1
    assert max(mosaics) <= 0.2
    assert min(case.optics.blur_um for case in cases) >= 0.35
    assert any(case.artefacts for case in cases)
    assert {case.optics.edge_od > 0 for case in cases} == {True, False}


def test_dark_cases_are_stained_more_heavily_than_any_typical_one() -> None:
    """The same cases as of the typical preset, but for gains and blush beyond its ranges; two scanners."""
    dark, typical = make_cases("dark", 0, 40), make_cases("typical", 0, 40)

    assert [case.fragments for case in dark] == [case.fragments for case in typical]
    for field in ("hematoxylin_gain", "dab_gain", "blush"):
        heavy, usual = ([getattr(case.optics, field) for case in cases] for cases in (dark, typical))
        assert min(heavy) > max(usual)
    assert {case.optics.scanner for case in dark} == {Scanner.NEUTRAL, Scanner.CONTRAST}


def test_artefacts_come_in_turn() -> None:
    """Seven cases hold one artefact each, one of every kind; the eighth starts again under another name."""
    cases = make_cases("artefacts", 0, 8)

    assert [case.artefacts[0].kind for case in cases[:7]] == list(ArtefactKind)
    assert all(len(case.artefacts) == 1 for case in cases)
    assert [cases[0].case_id, cases[7].case_id] == ["fold-1", "fold-2"]
    on_glass = [case.artefacts[0].kind for case in cases if case.artefacts[0].fragment is None]
    assert on_glass == [ArtefactKind.COVERSLIP]


@pytest.mark.parametrize("scanner", [Scanner.WARM, Scanner.COOL, Scanner.CONTRAST])
def test_scanner_presets_differ_in_scanner_pixels_and_compression(scanner: Scanner) -> None:
    """Every case is of that scanner; pixel sizes lie within 0.23-0.5 um and differ."""
    cases = make_cases(f"scanner-{scanner}", 0, 20)

    assert {case.optics.scanner for case in cases} == {scanner}
    assert len({case.mpp for case in cases}) > 2
    assert all(0.23 <= case.mpp <= 0.5 and 60 <= case.quality <= 90 for case in cases)


def test_levels_preset_has_levels_and_controls() -> None:
    """Two to four sections, one or two control cores."""
    cases = make_cases("levels", 0, 20)

    assert {case.levels for case in cases} == {2, 3, 4}
    assert {len(case.controls) for case in cases} == {1, 2}


def test_large_fragments_are_of_real_size() -> None:
    """Four fragments a case, all within 1-4 mm, in changing order."""
    cases = make_cases("large", 0, 5)

    sizes = [tuple(fragment.diameter_um for fragment in case.fragments) for case in cases]
    assert all(len(size) == 4 and min(size) >= 1000 and max(size) <= 4000 for size in sizes)
    assert len({tuple(sorted(size)) for size in sizes}) == 1
    assert len(set(sizes)) > 1


def test_sample_keeps_its_cases() -> None:
    """The slides of slides_sample and what is expected of them hang on these names; nothing normal is in the way."""
    cases = make_cases("sample", 9, 7)

    assert not any(fragment.has_normal for case in cases for fragment in case.fragments)
    assert [case.case_id for case in cases] == [
        "homo-3plus",
        "homo-2plus-amplified",
        "hetero-fragment",
        "hetero-clone",
        "negative",
        "equivocal-2plus",
        "no-tumor",
    ]


def test_repeated_cases_are_renamed() -> None:
    """Two cases asked for five times: a, b, a-2, b-2, a-3."""
    pair = tuple(CaseSpec(name, (FragmentSpec(),)) for name in "ab")

    assert [case.case_id for case in repeat_cases(pair, 5)] == ["a", "b", "a-2", "b-2", "a-3"]


def test_picks_follow_their_weights() -> None:
    """A weight of 0 never comes up; 3 to 1 comes up three times as often."""
    rng = np.random.default_rng(0)

    picks = [pick(rng, {"a": 3.0, "never": 0.0, "b": 1.0}) for _ in range(400)]

    assert "never" not in picks
    assert picks.count("a") == pytest.approx(300, abs=30)


@pytest.mark.parametrize(
    ("preset", "seed", "n_cases", "match"),
    [
        ("tyipcal", 0, 1, "easy, typical, hard"),
        ("typical", 0, 0, "at least 1"),
        ("typical", 0, 1001, "at most 1000"),
        ("typical", -1, 1, "0 or more"),
    ],
)
def test_nonsense_is_refused_with_a_remedy(preset: str, seed: int, n_cases: int, match: str) -> None:
    """Unknown preset, no case, negative seed: each says what was expected."""
    with pytest.raises(UsageError, match=match):
        make_cases(preset, seed, n_cases)
