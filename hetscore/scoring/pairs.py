"""Two samples of one patient, before and after treatment: what became of HER2, by the rules of the papers as tables.

In: `Sample` before and after, already scored and with ISH read. Out: `PairChange`, each outcome with the row that gave
it. Beside it what the same papers print of such pairs: hormone receptor subtypes and the single-class "score x
percent". Unknown is a value of its own and is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import product

from hetscore.domain import Decision, Her2Score, IshResult, PairChange, PairOutcome, Sample
from hetscore.errors import UsageError


class Unread(Enum):
    """Why a side of a pair has no IHC score."""

    NO_SAMPLE = "no-sample"
    NOT_JUDGED = "not-judged"


Reading = tuple[Her2Score | Unread, IshResult]
"""What a table of loss sees of one sample."""


@dataclass(frozen=True)
class LossRow:
    """One block of a table of loss: these readings before with these readings after have this outcome."""

    name: str
    before: frozenset[Reading]
    after: frozenset[Reading]
    outcome: PairOutcome
    text: str


@dataclass(frozen=True)
class LossTable:
    """One kind of loss. The rows cover every pair of readings exactly once."""

    name: str
    citation: str
    rows: tuple[LossRow, ...]
    remarks: tuple[str, ...] = ()
    """What the source leaves open, and how it is read here."""


def _block(ihc: tuple[Her2Score | Unread, ...], ish: tuple[IshResult, ...] = tuple(IshResult)) -> frozenset[Reading]:
    """Every one of these scores with every one of these ISH results."""
    return frozenset(product(ihc, ish))


_PIETRANTONIO_2016 = "Pietrantonio F et al., Int J Cancer 2016;139:2859-2864"

_NO_SAMPLE = _block((Unread.NO_SAMPLE,), (IshResult.UNKNOWN,))
_NOT_JUDGED = _block((Unread.NOT_JUDGED,))
_JUDGED = _block(tuple(Her2Score))
_ANY_AFTER = _NO_SAMPLE | _NOT_JUDGED | _JUDGED

_THREE = _block((Her2Score.THREE_PLUS,))
_BELOW_THREE = (Her2Score.ZERO, Her2Score.ONE_PLUS, Her2Score.TWO_PLUS)
_AMPLIFIED = _block(_BELOW_THREE, (IshResult.AMPLIFIED,))
_NOT_AMPLIFIED = _block(_BELOW_THREE, (IshResult.NOT_AMPLIFIED,))
_WITHOUT_ISH = _block(_BELOW_THREE, (IshResult.UNKNOWN,))
_POSITIVE = _THREE | _AMPLIFIED
_OVEREXPRESSED = _block((Her2Score.TWO_PLUS, Her2Score.THREE_PLUS))
_DOWNSCORED = _JUDGED - _OVEREXPRESSED


def _missing_rows(baseline: frozenset[Reading]) -> tuple[LossRow, ...]:
    """Rows of both tables for a side that could not be judged; `baseline` had something to lose."""
    unknown = PairOutcome.NOT_ASSESSABLE
    return (
        LossRow(
            "baseline-not-judged", _NOT_JUDGED, _ANY_AFTER, unknown, "The IHC of the first sample could not be judged."
        ),
        LossRow("no-second-sample", baseline, _NO_SAMPLE, unknown, "There is no second sample."),
        # Not even amplification makes up for an IHC that could not be judged, as for the status of a case.
        LossRow(
            "second-not-judged", baseline, _NOT_JUDGED, unknown, "The IHC of the second sample could not be judged."
        ),
    )


LOSS_OF_POSITIVITY = LossTable(
    name="loss-of-positivity",
    citation=_PIETRANTONIO_2016,
    remarks=(
        "Positive is IHC 3+ or amplified, whatever the rule set chosen for the status.",
        "The paper took in 2+ only where amplified; that a baseline below 3+ without ISH is not assessable is ours.",
    ),
    rows=(
        *_missing_rows(_POSITIVE),
        LossRow(
            "baseline-not-positive",
            _NOT_AMPLIFIED,
            _ANY_AFTER,
            PairOutcome.NOT_APPLICABLE,
            "The first sample is below IHC 3+ and not amplified: there was no positivity to lose.",
        ),
        # The paper took in 2+ only where amplified, so it has no such pair; taking it for positive would be a guess.
        LossRow(
            "baseline-without-ish",
            _WITHOUT_ISH,
            _ANY_AFTER,
            PairOutcome.NOT_ASSESSABLE,
            "The first sample is below IHC 3+ without an ISH result: it may have had no positivity to lose.",
        ),
        LossRow(
            "second-3plus",
            _POSITIVE,
            _THREE,
            PairOutcome.RETAINED,
            "The second sample is IHC 3+, which is positive whatever the ISH result.",
        ),
        LossRow(
            "second-amplified",
            _POSITIVE,
            _AMPLIFIED,
            PairOutcome.RETAINED,
            "The second sample is below IHC 3+ but amplified by ISH, which is enough to be positive.",
        ),
        LossRow(
            "second-not-amplified",
            _POSITIVE,
            _NOT_AMPLIFIED,
            PairOutcome.LOST,
            "The second sample is below IHC 3+ and not amplified by ISH: HER2 positivity was lost.",
        ),
        LossRow(
            "second-without-ish",
            _POSITIVE,
            _WITHOUT_ISH,
            PairOutcome.NOT_ASSESSABLE,
            "The second sample is below IHC 3+ without an ISH result, and ISH alone could make it positive.",
        ),
    ),
)

LOSS_OF_OVEREXPRESSION = LossTable(
    name="loss-of-overexpression",
    citation=_PIETRANTONIO_2016,
    rows=(
        *_missing_rows(_OVEREXPRESSED),
        LossRow(
            "baseline-not-overexpressed",
            _DOWNSCORED,
            _ANY_AFTER,
            PairOutcome.NOT_APPLICABLE,
            "The first sample is IHC 0 or 1+: there was no overexpression to lose.",
        ),
        LossRow(
            "second-overexpressed",
            _OVEREXPRESSED,
            _OVEREXPRESSED,
            PairOutcome.RETAINED,
            "Both samples are IHC 2+ or 3+.",
        ),
        LossRow(
            "second-downscored",
            _OVEREXPRESSED,
            _DOWNSCORED,
            PairOutcome.LOST,
            "IHC fell from 2+ or 3+ to 0 or 1+: HER2 overexpression was lost, whatever the ISH result.",
        ),
    ),
)


def compare_pair(case_id: str, before: Sample, after: Sample | None) -> PairChange:
    """Say what became of HER2 between two samples of one patient.

    Parameters
    ----------
    case_id : str
        Name of the pair.
    before : Sample
        At baseline.
    after : Sample or None
        After progression; None where there is no second sample.

    Returns
    -------
    PairChange
        Both outcomes with the row that gave each, and what changed in score and percent. Flagged "upscored" where the
        second score is the higher one.

    Raises
    ------
    UsageError
        If a percent is not from 0 to 100.

    Notes
    -----
    Positivity is always that of the paper (IHC 3+ or amplified), whatever another rule set says.
    A change is None where one of its two values is not known; it is never 0 for want of a value.

    References
    ----------
    .. [1] Pietrantonio F et al., Int J Cancer 2016;139:2859-2864, HER2 IHC and in-situ hybridization.
    """
    _check_percent(f"{case_id}, first sample", before.percent)
    _check_percent(f"{case_id}, second sample", after.percent if after else None)
    positivity, positivity_decision = decide_loss(LOSS_OF_POSITIVITY, before, after)
    overexpression, overexpression_decision = decide_loss(LOSS_OF_OVEREXPRESSION, before, after)
    score_change = None if after is None or after.score is None or before.score is None else after.score - before.score
    return PairChange(
        case_id=case_id,
        before=before,
        after=after,
        positivity=positivity,
        positivity_decision=positivity_decision,
        overexpression=overexpression,
        overexpression_decision=overexpression_decision,
        score_change=score_change,
        percent_change=_subtract(after.percent, before.percent) if after else None,
        flags=("upscored",) if score_change is not None and score_change > 0 else (),
    )


def decide_loss(table: LossTable, before: Sample, after: Sample | None) -> tuple[PairOutcome, Decision]:
    """Read one table of loss: the first row that holds decides, and exactly one does."""
    first, second = _read(before), _read(after)
    row = next(row for row in table.rows if first in row.before and second in row.after)
    return row.outcome, Decision(row.outcome.value, row.name, row.text)


def score_by_percent(sample: Sample) -> Fraction | None:
    """Multiply the score of a sample by the percent of tumor cells stained at that score: 0 to 300, exact.

    Parameters
    ----------
    sample : Sample
        With its score and percent.

    Returns
    -------
    Fraction or None
        None where score or percent is not known.

    Raises
    ------
    UsageError
        If the percent is not from 0 to 100.

    Notes
    -----
    Not an H-score, though the range is the same: an H-score adds up all classes of staining, while here the cells that
    stain otherwise than the score count as 0. The two must never be compared.

    References
    ----------
    .. [1] Bon G et al., J Exp Clin Cancer Res 2020;39:279, Table 1, which prints both factors.
    """
    _check_percent("sample", sample.percent)
    return None if sample.score is None or sample.percent is None else sample.score * sample.percent


@dataclass(frozen=True)
class SubtypeRow:
    """One row of the table of hormone receptors: whether ER and PgR are positive, and what that is called."""

    name: str
    receptors: tuple[tuple[bool | None, bool | None], ...]
    """ER and PgR; None where not known."""
    text: str


RECEPTOR_POSITIVE = Fraction(1)
"""Percent of tumor cells from which a hormone receptor is positive, inclusive (Bon G et al., J Exp Clin Cancer Res
2020;39:279, Methods)."""

RECEPTOR_SUBTYPES = (
    SubtypeRow("triple-positive", ((True, True),), "ER and PgR are positive in a HER2-positive tumor."),
    SubtypeRow("er-or-pgr", ((True, False), (False, True)), "Only one of ER and PgR is positive."),
    SubtypeRow("hr-negative", ((False, False),), "ER and PgR are both negative."),
    SubtypeRow(
        "not-assessable",
        ((None, None), (None, True), (None, False), (True, None), (False, None)),
        "ER or PgR is not known, and either could change the subtype.",
    ),
)
"""Subtypes of HER2-positive breast cancer, as the strata of the same paper."""


def receptor_subtype(er_percent: Fraction | float | None, pgr_percent: Fraction | float | None) -> Decision:
    """Name the hormone receptor subtype of a HER2-positive breast cancer.

    Parameters
    ----------
    er_percent, pgr_percent : Fraction, float or None
        Percent of tumor cells stained for the estrogen and the progesterone receptor; None where not known.

    Returns
    -------
    Decision
        "triple-positive", "er-or-pgr", "hr-negative" or "not-assessable". That the tumor is HER2-positive is taken for
        granted and not checked: of a HER2-negative tumor "triple-positive" would be wrong.

    Raises
    ------
    UsageError
        If a percent is not from 0 to 100.

    References
    ----------
    .. [1] Bon G et al., J Exp Clin Cancer Res 2020;39:279, Methods.
    """
    _check_percent("ER", er_percent)
    _check_percent("PgR", pgr_percent)
    seen = tuple(None if p is None else p >= RECEPTOR_POSITIVE for p in (er_percent, pgr_percent))
    row = next(row for row in RECEPTOR_SUBTYPES if seen in row.receptors)
    return Decision(row.name, row.name, row.text)


def _read(sample: Sample | None) -> Reading:
    if sample is None:
        return Unread.NO_SAMPLE, IshResult.UNKNOWN
    return Unread.NOT_JUDGED if sample.score is None else sample.score, sample.ish


def _subtract(after: Fraction | None, before: Fraction | None) -> Fraction | None:
    return None if after is None or before is None else after - before


def _check_percent(where: str, percent: Fraction | float | None) -> None:
    if percent is not None and not 0 <= percent <= 100:
        raise UsageError(f"{where}: {float(percent):g} percent; expected 0 to 100. Correct the table.")
