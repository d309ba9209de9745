"""Whose microns per pixel are believed."""

from __future__ import annotations

import pytest

from hetscore.domain import MppSource
from hetscore.errors import UsageError
from hetscore.slides.resolution import MppClaim, check_given_mpp, find_mpp

FILE, TAGS = MppSource.FILE, MppSource.TIFF_RESOLUTION


def test_the_user_outranks_the_file() -> None:
    """A given value is taken with its source, whatever the file says."""
    answer = find_mpp(0.5, MppSource.CASES_TABLE, [MppClaim(0.25, 0.25, FILE)])

    assert (answer.mpp, answer.source, answer.problem) == (0.5, MppSource.CASES_TABLE, None)


def test_the_first_claim_is_taken() -> None:
    """The scanner's field comes before the TIFF tags; slightly different axes are averaged."""
    answer = find_mpp(None, MppSource.COMMAND_LINE, [MppClaim(0.25, 0.252, FILE), MppClaim(0.5, 0.5, TAGS)])

    assert answer.mpp == pytest.approx(0.251)
    assert answer.source is FILE


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ([], "no pixel size in the file"),
        ([MppClaim(352.8, 352.8, TAGS)], "the TIFF resolution tags say 352.8 x 352.8 um/px, outside 0.1 to 2"),
        ([MppClaim(3.0, 3.0, TAGS)], "the TIFF resolution tags say 3 x 3 um/px, outside 0.1 to 2"),
        ([MppClaim(0.01, 0.01, FILE)], "the file says 0.01 x 0.01 um/px, outside 0.05 to 4"),
        ([MppClaim(0.25, 0.26, FILE)], "the file says 0.25 x 0.26 um/px, which is not square"),
        ([MppClaim(9.0, 9.0, FILE), MppClaim(0.25, 0.25, TAGS)], "the file says 9 x 9 um/px, outside 0.05 to 4"),
        ([MppClaim(float("nan"), 0.25, FILE)], "the file says nan x 0.25 um/px, outside 0.05 to 4"),
    ],
)
def test_what_is_not_plausible_is_a_problem(claims: list[MppClaim], problem: str) -> None:
    """An absurd scale is reported, never used, and never replaced by a lesser claim."""
    answer = find_mpp(None, MppSource.COMMAND_LINE, claims)

    assert (answer.mpp, answer.source, answer.problem) == (None, None, problem)


@pytest.mark.parametrize("mpp", [0.0, -0.25, 0.049, 4.1, float("nan"), float("inf")])
def test_an_absurd_given_value_is_refused(mpp: float) -> None:
    """The user is told at once, with what is usual."""
    with pytest.raises(UsageError, match=r"^--mpp: .* expected 0\.05 to 4\. A 40x scan has about 0\.25"):
        check_given_mpp(mpp, MppSource.COMMAND_LINE)


def test_plausible_given_values_pass() -> None:
    """The bounds themselves are plausible, and nothing given is nothing to check."""
    for mpp in (None, 0.05, 0.25, 4.0):
        check_given_mpp(mpp, MppSource.CASES_TABLE)
