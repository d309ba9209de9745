"""Errors counted by eye: cells drawn as text on a lattice, linked to the eight around each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.domain import CellTruth, KnownFragment
from hetscore.scoring.error_count import (
    FragmentErrors,
    assume_truth,
    count_errors,
    find_stratum,
    homogeneous_cases,
    link_slide,
)
from tests.scoring.known import fragment_of, slide_of


def count(text: str, p_tumor: float = 0.95) -> FragmentErrors:
    """Count the errors of one drawn fragment."""
    (fragment,) = link_slide(slide_of(fragment_of(text, p_tumor=p_tumor))).fragments
    return count_errors(fragment)


def listed(errors: FragmentErrors) -> list[tuple[int, float]]:
    """Size and mean probability of the objects."""
    return [(item.n_cells, round(item.p_tumor, 6)) for item in errors.objects]


MIXED = """
    +++++++-+++
    ++--++++++O
    +++++++++++
    ...........
    ooo..obBbuo
"""
"""Rows 1 to 3: a single false negative, and two beside each other; below a group of three that are no tumor, one alone,
another at the end; three cells below 2+ of which one is read as 2+, and one unscored."""


class TestMixed:
    """Every count of one fragment."""

    def test_tumor_cells(self) -> None:
        """32 of 33 in the upper rows are tumor, and 3 of those misread; the unscored one is in no count."""
        errors = count(MIXED)

        assert (errors.n_overexpressed, errors.n_false_negative) == (32, 3)
        assert (errors.n_below, errors.n_false_positive) == (3, 1)
        assert errors.n_known == 33 + 8

    def test_what_is_no_tumor(self) -> None:
        """Three linked cells are an object, the others are scattered; one read as 3+ misleads nobody."""
        errors = count(MIXED)

        assert listed(errors) == [(3, 0.95)]
        assert errors.n_scattered == 2

    def test_groups(self) -> None:
        """Groups of one and two: squares 1 and 4."""
        errors = count(MIXED)

        assert errors.group_squares == 5.0
        assert 3.0 <= errors.expected_squares < 5.0


def test_the_rim_of_a_clone() -> None:
    """Of nine negative cells the middle one has only its like beside it; two of the rim are read as 2+."""
    errors = count("+++++ +Bbb+ +bbB+ +bbb+ +++++")

    assert (errors.n_below, errors.n_beside) == (9, 8)
    assert (errors.n_false_positive, errors.n_beside_positive) == (2, 2)


def test_links_of_a_square() -> None:
    """In a square of 5 by 5 there are 40 straight links and 32 diagonal ones; two misread cells expect 72 * 2/600."""
    errors = count("+++++ +--++ +++++ +++++ +++++")

    assert errors.n_error_links == 1
    assert errors.expected_links == pytest.approx(72 * 2 * 1 / (25 * 24))


def test_links_over_other_cells_do_not_count() -> None:
    """Clumping is that of misread tumor: a link to a cell that is none is no link between errors."""
    assert count("+++++ +-o++ +++++ +++++ +++++").n_error_links == 0


def test_unknown_cells_are_in_no_count() -> None:
    """Outside of the crops that were read nothing is known, but the fragment votes by all of its cells."""
    errors = count("++??? ????? ????? ????? ?????")

    assert (errors.n_known, errors.n_overexpressed, errors.n_false_negative, errors.n_scattered) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("++++ ++++ ++++ ++++ +++", "19 scored cells"),
        ("++++ ++++ ++++ ++++ +++u uuuu", "19 scored ones among more"),
        ("+.+.+.+.+ ......... +.+.+.+.+ ......... +.+.+.+.+ ......... +.+.+.+.+ ......... +.+.+.+.+", "no two touch"),
    ],
)
def test_fragments_that_do_not_vote(text: str, why: str) -> None:
    """Nobody asks them whether they are homogeneous, so their errors do no harm."""
    fragment = fragment_of(text)
    apart = KnownFragment(1, 1.0, fragment.x_um * 3, fragment.y_um * 3, *_columns(fragment))

    assert link_slide(slide_of(apart if why == "no two touch" else fragment)).fragments == ()


def _columns(fragment: KnownFragment) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.int8]]:
    return fragment.p_tumor, fragment.membrane_class, fragment.truth


def test_a_missed_cell_counts_on_a_slide_without_votes() -> None:
    """What was missed is told by the slide, whatever its fragments are worth."""
    slide = link_slide(slide_of(fragment_of("+++")))

    assert (slide.n_tumor, slide.n_missed, slide.fragments) == (100, 1, ())


@pytest.mark.parametrize(
    ("classes", "name"),
    [([[3, 3, 2, 0, 0, 0]], "3+"), ([[3, 2]], "3+"), ([[2, 2, 2], [3, 3]], "2+"), ([[0, 1]], "3+"), ([], "3+")],
)
def test_stratum(classes: list[list[int]], name: str) -> None:
    """What most stained cells of the slide are; a tie, and no stain, are the stronger one, as in the verdict."""
    assert find_stratum([np.array(of_one, np.int8) for of_one in classes]) == name


HOMOGENEOUS = """
    !!!!!!!!!!
    !???!!!!!!
    !!!!!!!???
    !!!!!!!???
    !!!!!!!!!!
"""
"""By the user's word; a group of three and one of six are negative."""


def test_groups_of_unsure_cells_are_taken_for_no_tumor() -> None:
    """Six linked negatives of low probability are an object; three are misread tumor, however unsure."""
    fragment = fragment_of(HOMOGENEOUS)
    is_negative = fragment.membrane_class == 0
    fragment.p_tumor[is_negative] = 0.6

    (linked,) = link_slide(slide_of(fragment, homogeneous=True)).fragments
    errors = count_errors(linked)

    assert listed(errors) == [(6, 0.6)]
    assert (errors.n_overexpressed, errors.n_false_negative) == (44, 3)


def test_groups_of_sure_cells_are_misread_tumor() -> None:
    """The model is as sure of these six as of the stained ones."""
    (linked,) = link_slide(slide_of(fragment_of(HOMOGENEOUS), homogeneous=True)).fragments

    assert count_errors(linked).objects == ()
    assert count_errors(linked).n_false_negative == 9


def test_a_homogeneous_fragment_without_stain() -> None:
    """With nothing to compare with, a large negative group is taken for no tumor."""
    (linked,) = link_slide(slide_of(fragment_of("????? ????? ????? ?????"), homogeneous=True)).fragments

    assert (assume_truth(linked).truth == CellTruth.NO_TUMOR).all()


GOOD = "+++++ +++++ +++++ +++++ ++++-"


def test_homogeneous_cases() -> None:
    """One slide with cells that are truly 0, or of unknown truth, takes out its case; what is no tumor does not."""
    slides = [
        slide_of(fragment_of(GOOD), case_id="good"),
        slide_of(fragment_of(GOOD.replace("-", "o")), case_id="good"),
        slide_of(fragment_of("++"), case_id="good"),
        slide_of(fragment_of(GOOD), case_id="mixed"),
        slide_of(fragment_of(GOOD.replace("-", "b")), case_id="mixed"),
        slide_of(fragment_of(GOOD.replace("-", "?")), case_id="field"),
        slide_of(fragment_of("++"), case_id="empty"),
    ]

    cases = homogeneous_cases([link_slide(slide) for slide in slides])

    assert {case_id: [len(nest) for nest in nests] for case_id, nests in cases.items()} == {"good": [25, 25]}


LETTERS = st.text("+-obB", min_size=36, max_size=36).map(
    lambda text: " ".join(text[i : i + 6] for i in range(0, 36, 6))
)


@given(LETTERS)
def test_every_cell_is_counted_once(text: str) -> None:
    """Overexpressing, below 2+, and what is no tumor make up all; errors are no more than the cells they are of."""
    errors = count(text)

    n_other = errors.n_scattered + sum(item.n_cells for item in errors.objects)
    assert n_other == text.count("o")
    assert errors.n_overexpressed + errors.n_below + n_other == errors.n_known == 36
    assert errors.n_false_negative == text.count("-")
    assert errors.n_false_positive == text.count("B")
    assert errors.n_false_negative <= errors.group_squares <= errors.n_false_negative**2
