"""Paired samples: both tables of loss in full, the four published patients, and the smaller tables beside them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest

from hetscore.domain import Her2Score, Her2Status, IshResult, PairOutcome, Sample
from hetscore.errors import UsageError
from hetscore.flags import FLAGS
from hetscore.scoring.pairs import (
    LOSS_OF_OVEREXPRESSION,
    LOSS_OF_POSITIVITY,
    RECEPTOR_SUBTYPES,
    LossTable,
    compare_pair,
    decide_loss,
    receptor_subtype,
    score_by_percent,
)
from hetscore.scoring.status import RULE_SETS, decide_status
from tests.cohort.published import AMP, FOUR_PATIENTS, NOT, UNK

LOST, KEPT = PairOutcome.LOST, PairOutcome.RETAINED
NA, NONE = PairOutcome.NOT_ASSESSABLE, PairOutcome.NOT_APPLICABLE
S0, S1, S2, S3 = Her2Score

SCORES = (None, *Her2Score)
SAMPLES = [Sample(score, ish) for score, ish in product(SCORES, IshResult)]
TABLES = (LOSS_OF_POSITIVITY, LOSS_OF_OVEREXPRESSION)

# "loss of HER2 positivity was defined as presence of IHC score <3+ and absence of ISH amplification"
# columns: amplified, not amplified, unknown
POSITIVITY = {
    S3: (KEPT, KEPT, KEPT),
    S2: (KEPT, LOST, NA),
    S1: (KEPT, LOST, NA),
    S0: (KEPT, LOST, NA),
    None: (NA, NA, NA),
}
# "downscoring" from 2+/3+ to 0/1+, "independently of ISH status"
OVEREXPRESSION = {
    S3: (KEPT, KEPT, KEPT),
    S2: (KEPT, KEPT, KEPT),
    S1: (LOST, LOST, LOST),
    S0: (LOST, LOST, LOST),
    None: (NA, NA, NA),
}


@pytest.mark.parametrize("before", [Sample(S3, UNK), Sample(S3, NOT), Sample(S3, AMP), Sample(S2, AMP)], ids=str)
@pytest.mark.parametrize("score", SCORES)
def test_the_whole_truth_table(before: Sample, score: Her2Score | None) -> None:
    """Score after treatment by ISH after treatment, for every baseline that was positive and overexpressed."""
    pairs = [compare_pair("P", before, Sample(score, ish)) for ish in (AMP, NOT, UNK)]
    assert tuple(p.positivity for p in pairs) == POSITIVITY[score]
    assert tuple(p.overexpression for p in pairs) == OVEREXPRESSION[score]


@pytest.mark.parametrize("before", [Sample(S3), Sample(S2, AMP)], ids=str)
def test_a_missing_second_sample_tells_nothing(before: Sample) -> None:
    """Neither lost nor retained, and no change in score or percent."""
    pair = compare_pair("P", before, None)
    assert (pair.positivity, pair.overexpression) == (NA, NA)
    assert pair.positivity_decision.rule == pair.overexpression_decision.rule == "no-second-sample"
    assert (pair.score_change, pair.percent_change, pair.flags) == (None, None, ())


@pytest.mark.parametrize(
    ("before", "positivity", "overexpression"),
    [
        (Sample(S2, NOT), "baseline-not-positive", "second-downscored"),
        (Sample(S2, UNK), "baseline-without-ish", "second-downscored"),
        (Sample(S1, AMP), "second-not-amplified", "baseline-not-overexpressed"),
        (Sample(S1, NOT), "baseline-not-positive", "baseline-not-overexpressed"),
        (Sample(S0, UNK), "baseline-without-ish", "baseline-not-overexpressed"),
        (Sample(None, AMP), "baseline-not-judged", "baseline-not-judged"),
    ],
    ids=str,
)
def test_a_baseline_with_nothing_or_perhaps_nothing_to_lose(
    before: Sample, positivity: str, overexpression: str
) -> None:
    """Not positive is not applicable; 2+ without ISH is not known to be positive; 0 or 1+ amplified is positive."""
    pair = compare_pair("P", before, Sample(S0, NOT))
    assert (pair.positivity_decision.rule, pair.overexpression_decision.rule) == (positivity, overexpression)
    assert (pair.positivity is NONE) == (positivity == "baseline-not-positive")
    assert (pair.overexpression is NONE) == (overexpression == "baseline-not-overexpressed")


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_exactly_one_row_decides(table: LossTable) -> None:
    """Over every pair of samples one row holds and only one, and every row is reached."""
    decided = set()
    for before, after in product(SAMPLES, [*SAMPLES, None]):
        outcome, decision = decide_loss(table, before, after)
        others = replace(table, rows=tuple(r for r in table.rows if r.name != decision.rule))
        with pytest.raises(StopIteration):
            decide_loss(others, before, after)
        assert decision.value == outcome.value
        decided.add(decision.rule)
    assert decided == {row.name for row in table.rows}
    assert len(decided) == len(table.rows)
    assert all(row.text.endswith(".") for row in table.rows)
    assert "Pietrantonio" in table.citation


def test_positive_at_baseline_is_what_the_status_table_says() -> None:
    """The table of loss and the rule set of the same paper agree on which baselines are positive."""
    of_status = {Her2Status.POSITIVE: LOST, Her2Status.NEGATIVE: NONE, Her2Status.NOT_ASSESSABLE: NA}
    for before in SAMPLES:
        status, _ = decide_status(RULE_SETS["pietrantonio-2016"], before.score, before.ish)
        assert decide_loss(LOSS_OF_POSITIVITY, before, Sample(S0, NOT))[0] is of_status[status]


def test_a_higher_second_score_is_retained_and_flagged() -> None:
    """2+ to 3+, as in one of the 22 pairs; an equal or lower score bears no flag."""
    pair = compare_pair("P", Sample(S2, AMP), Sample(S3, UNK))
    assert (pair.positivity, pair.overexpression, pair.score_change, pair.flags) == (KEPT, KEPT, 1, ("upscored",))
    assert set(pair.flags) <= set(FLAGS)
    assert compare_pair("P", Sample(S2, AMP), Sample(S2, AMP)).flags == ()


# Bon 2020, Table 1: change of score, change of percent, score by percent before and after, loss of positivity
FOUR: dict[int, tuple[object, ...]] = {
    1: (-2, -70, 140, 0, LOST),
    2: (-1, 0, 60, 30, LOST),
    3: (-1, -85, 200, 15, KEPT),
    4: (-2, -40, 300, 60, KEPT),
}


@pytest.mark.parametrize("patient", FOUR)
def test_the_four_patients(patient: int) -> None:
    """All four lost overexpression; patient 2 fell in score at the same percent, so the two are kept apart."""
    before, after = FOUR_PATIENTS[patient]
    pair = compare_pair(f"P{patient}", before, after)
    both = (score_by_percent(before), score_by_percent(after))
    assert (pair.score_change, pair.percent_change, *both, pair.positivity) == FOUR[patient]
    assert pair.overexpression is LOST
    assert pair.flags == ()


@pytest.mark.parametrize("patient", [1, 2])
def test_a_dash_read_as_not_done_leaves_positivity_open(patient: int) -> None:
    """The printed "-" of these two could also mean no FISH: then nothing is known, and nothing is guessed."""
    before, after = FOUR_PATIENTS[patient]
    assert compare_pair("P", before, replace(after, ish=UNK)).positivity is NA


def test_what_is_not_known_has_no_change() -> None:
    """A missing percent or score gives None, never 0."""
    known, no_percent = Sample(S2, AMP, Fraction(1, 3)), Sample(S2, AMP)
    assert compare_pair("P", known, no_percent).percent_change is None
    assert compare_pair("P", no_percent, known).percent_change is None
    assert compare_pair("P", known, Sample(None, AMP, Fraction(1))).score_change is None
    assert compare_pair("P", Sample(None, AMP), known).score_change is None
    assert score_by_percent(no_percent) is None
    assert score_by_percent(Sample(None, AMP, Fraction(70))) is None
    assert score_by_percent(known) == Fraction(2, 3)


@pytest.mark.parametrize("percent", [Fraction(-1), Fraction(1001, 10)])
def test_impossible_percents_are_refused(percent: Fraction) -> None:
    """On either side, naming the pair and the side."""
    good, bad = Sample(S2, AMP, Fraction(100)), Sample(S2, AMP, percent)
    with pytest.raises(UsageError, match=r"case 7, first sample: .*expected 0 to 100"):
        compare_pair("case 7", bad, good)
    with pytest.raises(UsageError, match="case 7, second sample: "):
        compare_pair("case 7", good, bad)
    with pytest.raises(UsageError, match="expected 0 to 100"):
        score_by_percent(bad)


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
@pytest.mark.parametrize("ish", IshResult)
@pytest.mark.parametrize("before", SAMPLES, ids=str)
def test_a_stronger_second_score_is_never_a_loss_more(table: LossTable, before: Sample, ish: IshResult) -> None:
    """From 0 to 3+ an outcome may turn from lost to another once, never back."""
    is_lost = [decide_loss(table, before, Sample(score, ish))[0] is LOST for score in Her2Score]
    assert is_lost == sorted(is_lost, reverse=True)


@pytest.mark.parametrize(
    ("er", "pgr", "subtype"),
    [
        (90, 90, "triple-positive"),
        (46, 0, "er-or-pgr"),  # patient 3 before, and after:
        (75, 18, "triple-positive"),
        (99, 1, "triple-positive"),  # patient 4 after: PgR is at the cut-off, which is inclusive
        (99, Fraction(99, 100), "er-or-pgr"),
        (0, 1, "er-or-pgr"),
        (0, Fraction(99, 100), "hr-negative"),
        (None, 90, "not-assessable"),
        (0, None, "not-assessable"),
        (None, None, "not-assessable"),
    ],
)
def test_receptor_subtypes(er: Fraction | None, pgr: Fraction | None, subtype: str) -> None:
    """Positivity at 1 % or more of the tumor cells."""
    decision = receptor_subtype(er, pgr)
    assert (decision.value, decision.rule) == (subtype, subtype)


def test_exactly_one_row_names_a_subtype() -> None:
    """The rows cover every pair of receptors once."""
    covered = [pair for row in RECEPTOR_SUBTYPES for pair in row.receptors]
    assert sorted(covered, key=str) == sorted(product((True, False, None), repeat=2), key=str)


@pytest.mark.parametrize(("er", "pgr", "name"), [(-1, 0, "ER"), (0, 101, "PgR"), (float("nan"), 0, "ER")])
def test_impossible_receptors_are_refused(er: float, pgr: float, name: str) -> None:
    """The message names the receptor."""
    with pytest.raises(UsageError, match=f"{name}: .* percent; expected 0 to 100"):
        receptor_subtype(er, pgr)
