"""The literal rule on hand-made cells; sentences of the tests are the fixtures of the gastric biopsy table."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.domain import CaseLabel, FragmentRole, Her2Score, Her2Status, IshResult, MembranePattern
from hetscore.phantom.rings import no_rings
from hetscore.phantom.truth import FragmentTruth, biopsy_score, judge_case, largest_cluster


def chain(text: str, number: int = 1, level: int = 1) -> FragmentTruth:
    """Make a row of cells from a text: digits are tumor classes, n is another cell, a space breaks the contact."""
    symbols = [symbol for symbol in text if symbol != " "]
    gaps = [text[:i].replace(" ", "") for i, symbol in enumerate(text) if symbol == " "]
    broken = {len(before) for before in gaps}
    contacts = [(i - 1, i) for i in range(1, len(symbols)) if i not in broken]
    n = len(symbols)
    return FragmentTruth(
        x=np.arange(n, dtype=float),
        y=np.zeros(n),
        is_tumor=np.array([symbol != "n" for symbol in symbols], bool),
        membrane_class=np.array([-1 if symbol == "n" else int(symbol) for symbol in symbols], np.int8),
        pattern=np.array([3 if symbol in "123" else 0 for symbol in symbols], np.int8),
        type=np.zeros(n, np.int8),
        contacts=np.array(contacts, np.int64).reshape(-1, 2),
        outlines=no_rings(n),
        nuclei=no_rings(n),
        number=number,
        level=level,
        role=FragmentRole.SAMPLE if number > 0 else FragmentRole.CONTROL,
    )


@pytest.mark.parametrize(
    ("cells", "score"),
    [
        ("00000000", Her2Score.ZERO),
        ("33330000", Her2Score.ZERO),
        ("33333000", Her2Score.THREE_PLUS),
        ("333 33", Her2Score.ZERO),
        ("33322", Her2Score.TWO_PLUS),
        ("22221", Her2Score.ONE_PLUS),
        ("11111", Her2Score.ONE_PLUS),
        ("222220011", Her2Score.TWO_PLUS),
        ("333n33", Her2Score.ZERO),
    ],
)
def test_biopsy_score(cells: str, score: Her2Score) -> None:
    """Five tumor cells in contact of at least a class make the score; other cells do not join them."""
    assert biopsy_score(chain(cells)) is score


def test_largest_cluster_of_nothing_is_zero() -> None:
    """No cell of the class, no cluster."""
    assert largest_cluster(chain("0101"), 2) == 0


POSITIVE, NEGATIVE = Her2Status.POSITIVE, Her2Status.NEGATIVE


@pytest.mark.parametrize(
    ("fragments", "ish", "label", "status"),
    [
        (("3333333", "3333322"), "unknown", CaseLabel.HOMO, POSITIVE),
        (("3333333", "nnnn"), "unknown", CaseLabel.HOMO, POSITIVE),
        (("3333333", "0000000"), "unknown", CaseLabel.HETERO, POSITIVE),
        (("33333333333331",), "unknown", CaseLabel.HETERO, POSITIVE),
        (("2222222",), "amplified", CaseLabel.HOMO, POSITIVE),
        (("2222222",), "not-amplified", CaseLabel.NOT_APPLICABLE, NEGATIVE),
        (("2222222",), "unknown", CaseLabel.NOT_APPLICABLE, Her2Status.EQUIVOCAL),
        (("1111111",), "amplified", CaseLabel.NOT_APPLICABLE, NEGATIVE),
        (("0000", "nnn"), "unknown", CaseLabel.NOT_APPLICABLE, NEGATIVE),
        (("nnn", "n"), "amplified", CaseLabel.NOT_ASSESSABLE, Her2Status.NOT_ASSESSABLE),
    ],
)
def test_label(fragments: tuple[str, ...], ish: str, label: CaseLabel, status: Her2Status) -> None:
    """A positive case is homo if all tumor cells of all its fragments are 2+ or 3+; no other case is asked."""
    truth = judge_case("a", IshResult(ish), [chain(cells, i) for i, cells in enumerate(fragments, start=1)])

    assert (truth.label, truth.literal_label, truth.status) == (label, label, status)
    assert truth.fragments == len(fragments)
    assert truth.fragments_with_tumor == sum(any(cell.isdigit() for cell in cells) for cells in fragments)


def test_levels_are_one_fragment_and_controls_none() -> None:
    """Two fragments in two sections and a negative core: two fragments; a negative cell of any section breaks homo."""
    sections = [chain("33333", 1, 1), chain("nn", 2, 1), chain("33333", 1, 2), chain("n", 2, 2), chain("00000", -1)]

    truth = judge_case("a", IshResult.UNKNOWN, sections)
    broken = judge_case("a", IshResult.UNKNOWN, [*sections, chain("333330", 1, 3)])

    assert (truth.label, truth.fragments, truth.fragments_with_tumor) == (CaseLabel.HOMO, 2, 1)
    assert truth.tumor_cells == 10
    assert broken.label is CaseLabel.HETERO


def test_a_control_makes_no_case_positive() -> None:
    """A 3+ core beside negative fragments."""
    truth = judge_case("a", IshResult.UNKNOWN, [chain("00000"), chain("33333", -1)])

    assert truth.ihc_score is Her2Score.ZERO


def test_a_cluster_is_sought_section_by_section() -> None:
    """Three 3+ cells in each of two sections do not touch."""
    truth = judge_case("a", IshResult.UNKNOWN, [chain("333", 1, 1), chain("333", 1, 2)])

    assert truth.ihc_score is Her2Score.ZERO


def test_the_prevailing_pattern_is_that_of_stained_tumor_cells() -> None:
    """Basolateral where anything is stained, none where nothing is."""
    assert judge_case("a", IshResult.UNKNOWN, [chain("000001")]).pattern is MembranePattern.BASOLATERAL
    assert judge_case("a", IshResult.UNKNOWN, [chain("000nn")]).pattern is MembranePattern.NONE
