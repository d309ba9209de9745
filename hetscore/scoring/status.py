"""HER2 status from IHC and ISH, by named rule sets: the papers disagree, so the user says which one holds.

In: the IHC score of a case and what is known of its ISH test. Out: amplified or not, the status, and the row that
decided. Unknown is a value of its own and is never guessed. To change what is positive, change a table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hetscore.domain import Decision, Her2Score, Her2Status, IshData, IshResult
from hetscore.errors import UsageError


@dataclass(frozen=True)
class IshRule:
    """How signals counted per nucleus are read. The comparison of the ratio is of mean counts, HER2 against CEP17."""

    amplified_copies: float | None = None
    """Mean HER2 copies that amount to amplification whatever the ratio; None where copies alone never do."""
    is_inclusive: bool = True
    """Whether exactly `amplified_copies` is enough."""
    equivocal_copies: float | None = None
    """From here to `amplified_copies` the test is equivocal; below it a test without CEP17 is negative."""
    min_ratio: float = 2.0
    """HER2/CEP17, inclusive: the one threshold on which all the rule sets agree (ToGA: Bang YJ et al., Lancet
    2010;376:687-697)."""
    min_cells: int = 20
    """The guidelines ask for 20 nuclei or more; fewer leave the result unknown."""


@dataclass(frozen=True)
class StatusRow:
    """One block of the table: these scores with these ISH results have this status."""

    name: str
    scores: tuple[Her2Score, ...]
    ish: tuple[IshResult, ...]
    status: Her2Status
    text: str


@dataclass(frozen=True)
class RuleSet:
    """What counts as HER2-positive. The rows cover every pair of score and ISH result exactly once."""

    name: str
    citation: str
    rows: tuple[StatusRow, ...]
    ish_rule: IshRule


_LOW = (Her2Score.ZERO, Her2Score.ONE_PLUS)
_TWO = (Her2Score.TWO_PLUS,)
_THREE = (Her2Score.THREE_PLUS,)
_AMPLIFIED = (IshResult.AMPLIFIED,)
_NOT_AMPLIFIED = (IshResult.NOT_AMPLIFIED,)
_UNKNOWN = (IshResult.UNKNOWN,)
_ANY = tuple(IshResult)

_IHC_3PLUS = StatusRow("ihc-3plus", _THREE, _ANY, Her2Status.POSITIVE, "IHC 3+ is positive, whatever the ISH result.")

_YAGI_2019 = RuleSet(
    name="yagi-2019",
    citation="Yagi S et al., Gastric Cancer 2019;22:518-525",
    rows=(
        _IHC_3PLUS,
        StatusRow("ihc-2plus-amplified", _TWO, _AMPLIFIED, Her2Status.POSITIVE, "IHC 2+ amplified by ISH is positive."),
        StatusRow(
            "ihc-2plus-not-amplified",
            _TWO,
            _NOT_AMPLIFIED,
            Her2Status.NEGATIVE,
            "IHC 2+ not amplified by ISH is negative.",
        ),
        StatusRow(
            "ihc-2plus-unknown", _TWO, _UNKNOWN, Her2Status.EQUIVOCAL, "IHC 2+ without an ISH result is equivocal."
        ),
        StatusRow("ihc-low", _LOW, _ANY, Her2Status.NEGATIVE, "IHC 0 or 1+ is negative, whatever the ISH result."),
    ),
    ish_rule=IshRule(),
)

_EITHER_AMPLIFIED = StatusRow(
    "ish-amplified",
    _LOW + _TWO,
    _AMPLIFIED,
    Her2Status.POSITIVE,
    "Amplification by ISH is enough to be positive, whatever the IHC score.",
)

_PIETRANTONIO_2016 = RuleSet(
    name="pietrantonio-2016",
    citation="Pietrantonio F et al., Int J Cancer 2016;139:2859-2864",
    rows=(
        _IHC_3PLUS,
        _EITHER_AMPLIFIED,
        StatusRow(
            "ish-not-amplified",
            _LOW + _TWO,
            _NOT_AMPLIFIED,
            Her2Status.NEGATIVE,
            "IHC below 3+ not amplified by ISH is negative.",
        ),
        StatusRow(
            "ish-unknown",
            _LOW + _TWO,
            _UNKNOWN,
            Her2Status.NOT_ASSESSABLE,
            "IHC below 3+ cannot be judged without an ISH result, because ISH alone can make the case positive.",
        ),
    ),
    # The paper prints "> 6." followed by its citation 9: the threshold is 6, not 6.9.
    ish_rule=IshRule(amplified_copies=6.0, is_inclusive=False),
)

_ASCO_CAP_BREAST_2013 = RuleSet(
    name="asco-cap-breast-2013",
    citation="Wolff AC et al. (ASCO/CAP), J Clin Oncol 2013;31:3997-4013",
    rows=(
        _IHC_3PLUS,
        _EITHER_AMPLIFIED,
        StatusRow(
            "ihc-2plus-not-amplified",
            _TWO,
            _NOT_AMPLIFIED,
            Her2Status.NEGATIVE,
            "IHC 2+ not amplified by ISH is negative.",
        ),
        StatusRow(
            "ihc-2plus-unknown", _TWO, _UNKNOWN, Her2Status.EQUIVOCAL, "IHC 2+ without an ISH result is equivocal."
        ),
        StatusRow(
            "ihc-low",
            _LOW,
            _NOT_AMPLIFIED + _UNKNOWN,
            Her2Status.NEGATIVE,
            "IHC 0 or 1+ that is not known to be amplified is negative.",
        ),
    ),
    ish_rule=IshRule(amplified_copies=6.0, equivocal_copies=4.0),
)

RULE_SETS: Mapping[str, RuleSet] = {r.name: r for r in (_YAGI_2019, _PIETRANTONIO_2016, _ASCO_CAP_BREAST_2013)}
"""By name; the first is the default."""


def decide_status(rule_set: RuleSet, score: Her2Score | None, ish: IshResult) -> tuple[Her2Status, Decision]:
    """Read the status of a case from the table; without a score it is not assessable.

    Parameters
    ----------
    rule_set : RuleSet
        The table to read.
    score : Her2Score or None
        The IHC score of the case; None where it could not be judged.
    ish : IshResult
        As read by `read_ish`.

    Returns
    -------
    tuple of Her2Status and Decision
        The status and the row that gave it.
    """
    if score is None:
        status = Her2Status.NOT_ASSESSABLE
        return status, Decision(status.value, "no-score", "Without an IHC score there is no HER2 status.")
    row = next(row for row in rule_set.rows if score in row.scores and ish in row.ish)
    return row.status, Decision(row.status.value, row.name, row.text)


def read_ish(ish: IshData, rule_set: RuleSet) -> tuple[IshResult, Decision]:
    """Tell whether HER2 is amplified from what is known of the ISH test.

    Parameters
    ----------
    ish : IshData
        A result given by the laboratory is used as it is; else mean copies per nucleus are read by the rule set.
    rule_set : RuleSet
        Whose thresholds hold.

    Returns
    -------
    tuple of IshResult and Decision
        The result and the rule that gave it.

    Raises
    ------
    UsageError
        If a mean of copies is negative or not a number, or the mean of CEP17 is 0.

    Notes
    -----
    Without HER2 copies, with fewer than 20 nuclei, in the equivocal range of copies, or without CEP17 where only the
    ratio counts, the result is unknown. A test whose number of nuclei is not given is taken at its word.
    """
    _check_copies(ish)
    result, rule, text = _read_counts(ish, rule_set.ish_rule)
    if ish.result is not IshResult.UNKNOWN:
        counted = {IshResult.UNKNOWN, ish.result}
        doubt = "" if result in counted else f" The copies given with it would read {result.value}: {text}"
        result, rule, text = ish.result, "given-result", f"The ISH result was given as {ish.result.value}.{doubt}"
    return result, Decision(result.value, rule, text)


def flag_ish(score: Her2Score | None, ish: IshResult, status: Her2Status) -> tuple[str, ...]:
    """Name the doubts that IHC and ISH together raise: ISH is wanted, or the two disagree."""
    if score is None:
        return ()
    if ish is IshResult.UNKNOWN and status in (Her2Status.EQUIVOCAL, Her2Status.NOT_ASSESSABLE):
        return ("ish-needed",)
    is_discordant = (score in _THREE and ish is IshResult.NOT_AMPLIFIED) or (
        score in _LOW and ish is IshResult.AMPLIFIED
    )
    return ("ish-discordant",) if is_discordant else ()


def _check_copies(ish: IshData) -> None:
    for name, copies, lowest in (
        ("her2_copies", ish.her2_copies, 0.0),
        ("cep17_copies", ish.cep17_copies, math.ulp(0)),
    ):
        if copies is not None and not lowest <= copies < math.inf:
            raise UsageError(
                f"ISH: {name} is {copies:g}; expected a mean number of copies per nucleus. Correct the cases table."
            )


def _read_counts(ish: IshData, rule: IshRule) -> tuple[IshResult, str, str]:
    her2, cep17 = ish.her2_copies, ish.cep17_copies
    if her2 is None:
        return IshResult.UNKNOWN, "no-copies", "No ISH result and no HER2 copies are given."
    if ish.n_cells is not None and ish.n_cells < rule.min_cells:
        return IshResult.UNKNOWN, "few-cells", f"ISH counted {ish.n_cells} nuclei; {rule.min_cells} are needed."
    # her2 >= ratio * cep17 instead of a quotient: doubling is exact, so 2.00 is never 1.9999...
    if cep17 is not None and her2 >= rule.min_ratio * cep17:
        text = f"HER2/CEP17 is {her2:g}/{cep17:g}, at least {rule.min_ratio:g}."
        return IshResult.AMPLIFIED, "ratio-amplified", text
    if _has_many_copies(her2, rule):
        least = "at least" if rule.is_inclusive else "more than"
        return IshResult.AMPLIFIED, "copies-amplified", f"{her2:g} HER2 copies are {least} {rule.amplified_copies:g}."
    if rule.equivocal_copies is not None and her2 >= rule.equivocal_copies:
        text = f"{her2:g} HER2 copies lie between {rule.equivocal_copies:g} and {rule.amplified_copies:g}: equivocal."
        return IshResult.UNKNOWN, "copies-equivocal", text
    if cep17 is not None:
        text = f"HER2/CEP17 is {her2:g}/{cep17:g}, below {rule.min_ratio:g}."
        return IshResult.NOT_AMPLIFIED, "ratio-not-amplified", text
    if rule.equivocal_copies is not None:
        return (
            IshResult.NOT_AMPLIFIED,
            "copies-not-amplified",
            f"{her2:g} HER2 copies are below {rule.equivocal_copies:g}.",
        )
    return IshResult.UNKNOWN, "no-cep17", "Without CEP17 copies there is no ratio, and the ratio can make it amplified."


def _has_many_copies(her2: float, rule: IshRule) -> bool:
    if rule.amplified_copies is None:
        return False
    return her2 >= rule.amplified_copies if rule.is_inclusive else her2 > rule.amplified_copies
