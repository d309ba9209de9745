"""HER2 status from IHC and ISH, by named rule sets: the papers disagree, so the user says which one holds.

In: the IHC score of a case and what its ISH test reads (see `ish.py`). Out: the status and the row that decided, and
doubts about the two. Unknown is a value of its own and is never guessed. To change what is positive, change a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from hetscore.domain import Decision, Her2Score, Her2Status, IshReading, IshResult
from hetscore.scoring.ish import IshRow, IshRule, Span


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
    organ: str
    """For which the rule set was written: gastric or breast."""
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
_IHC_2PLUS_NOT_AMPLIFIED = StatusRow(
    "ihc-2plus-not-amplified",
    _TWO,
    _NOT_AMPLIFIED,
    Her2Status.NEGATIVE,
    "IHC 2+ not amplified by ISH is negative.",
)
_IHC_2PLUS_UNKNOWN = StatusRow(
    "ihc-2plus-unknown", _TWO, _UNKNOWN, Her2Status.EQUIVOCAL, "IHC 2+ without an ISH result is equivocal."
)
_EITHER_AMPLIFIED = StatusRow(
    "ish-amplified",
    _LOW + _TWO,
    _AMPLIFIED,
    Her2Status.POSITIVE,
    "Amplification by ISH is enough to be positive, whatever the IHC score.",
)
_LOW_NOT_KNOWN_AMPLIFIED = StatusRow(
    "ihc-low",
    _LOW,
    _NOT_AMPLIFIED + _UNKNOWN,
    Her2Status.NEGATIVE,
    "IHC 0 or 1+ that is not known to be amplified is negative.",
)
_ISH_SUFFICES = (_IHC_3PLUS, _EITHER_AMPLIFIED, _IHC_2PLUS_NOT_AMPLIFIED, _IHC_2PLUS_UNKNOWN, _LOW_NOT_KNOWN_AMPLIFIED)
"""Shared by ToGA and ASCO/CAP: either test makes a case positive, and ISH is asked for at IHC 2+."""


# What the thresholds of the ISH tables are: ratio 2.0; HER2 copies 4.0 and 6.0; and 1.8 to 2.2 of 2007.
_RATIO_HIGH = Span(low=Fraction(2))
_RATIO_LOW = Span(high=Fraction(2))
_COPIES_HIGH = Span(low=Fraction(6))
_COPIES_MIDDLE = Span(Fraction(4), Fraction(6))
_COPIES_FROM_4 = Span(low=Fraction(4))
_COPIES_LOW = Span(high=Fraction(4))

_RATIO_AMPLIFIED = IshRow(
    "ratio-amplified", IshResult.AMPLIFIED, "A HER2/CEP17 ratio of 2.0 or more is amplified.", ratio=_RATIO_HIGH
)
_COPIES_AMPLIFIED = IshRow(
    "copies-amplified", IshResult.AMPLIFIED, "6.0 or more HER2 copies are amplified.", her2=_COPIES_HIGH
)
_COPIES_NOT_AMPLIFIED = IshRow(
    "copies-not-amplified", IshResult.NOT_AMPLIFIED, "Fewer than 4.0 HER2 copies are not amplified.", her2=_COPIES_LOW
)
_COPIES_EQUIVOCAL = IshRow(
    "copies-equivocal",
    IshResult.UNKNOWN,
    "4.0 or more but fewer than 6.0 HER2 copies are equivocal.",
    her2=_COPIES_MIDDLE,
)

_BY_RATIO = IshRule(
    dual=(
        _RATIO_AMPLIFIED,
        IshRow(
            "ratio-not-amplified",
            IshResult.NOT_AMPLIFIED,
            "A HER2/CEP17 ratio below 2.0 is not amplified, whatever the number of copies.",
            ratio=_RATIO_LOW,
        ),
    ),
    single=(
        IshRow("no-cep17", IshResult.UNKNOWN, "Without CEP17 copies there is no ratio, and the ratio alone decides."),
    ),
)
"""ToGA: the ratio, irrespective of the copies."""

_YAGI_2019 = RuleSet(
    name="yagi-2019",
    citation="Yagi S et al., Gastric Cancer 2019;22:518-525",
    organ="gastric",
    rows=(
        _IHC_3PLUS,
        StatusRow("ihc-2plus-amplified", _TWO, _AMPLIFIED, Her2Status.POSITIVE, "IHC 2+ amplified by ISH is positive."),
        _IHC_2PLUS_NOT_AMPLIFIED,
        _IHC_2PLUS_UNKNOWN,
        StatusRow("ihc-low", _LOW, _ANY, Her2Status.NEGATIVE, "IHC 0 or 1+ is negative, whatever the ISH result."),
    ),
    # The paper says "FISH positivity" and no more: the threshold of ToGA, whose trial made the test, is taken.
    ish_rule=_BY_RATIO,
)

_OVER_6, _UP_TO_6 = Span(low=Fraction(6), is_low_in=False), Span(high=Fraction(6), is_high_in=True)

_PIETRANTONIO_2016 = RuleSet(
    name="pietrantonio-2016",
    citation="Pietrantonio F et al., Int J Cancer 2016;139:2859-2864",
    organ="gastric",
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
    ish_rule=IshRule(
        dual=(
            _RATIO_AMPLIFIED,
            IshRow(
                "copies-amplified",
                IshResult.AMPLIFIED,
                "More than 6 HER2 copies are amplified, whatever the ratio.",
                ratio=_RATIO_LOW,
                her2=_OVER_6,
            ),
            IshRow(
                "ratio-not-amplified",
                IshResult.NOT_AMPLIFIED,
                "A HER2/CEP17 ratio below 2.0 with 6 HER2 copies or fewer is not amplified.",
                ratio=_RATIO_LOW,
                her2=_UP_TO_6,
            ),
        ),
        single=(
            IshRow("copies-amplified", IshResult.AMPLIFIED, "More than 6 HER2 copies are amplified.", her2=_OVER_6),
            IshRow(
                "no-cep17",
                IshResult.UNKNOWN,
                "Without CEP17 copies there is no ratio, and the ratio can make it amplified.",
                her2=_UP_TO_6,
            ),
        ),
    ),
)

_TOGA_2010 = RuleSet(
    name="toga-2010",
    citation="Bang YJ et al. (ToGA), Lancet 2010;376:687-697",
    organ="gastric",
    rows=_ISH_SUFFICES,
    ish_rule=_BY_RATIO,
)

_ASCO_CAP_BREAST_2007 = RuleSet(
    name="asco-cap-breast-2007",
    citation="Wolff AC et al. (ASCO/CAP), J Clin Oncol 2007;25:118-145",
    organ="breast",
    rows=_ISH_SUFFICES,
    # Both ends of the equivocal ranges belong to them: the sentences beside say "more than" and "less than".
    ish_rule=IshRule(
        dual=(
            IshRow(
                "ratio-amplified",
                IshResult.AMPLIFIED,
                "A HER2/CEP17 ratio of more than 2.2 is amplified.",
                ratio=Span(low=Fraction("2.2"), is_low_in=False),
            ),
            IshRow(
                "ratio-equivocal",
                IshResult.UNKNOWN,
                "A HER2/CEP17 ratio of 1.8 to 2.2 is equivocal.",
                ratio=Span(Fraction("1.8"), Fraction("2.2"), is_high_in=True),
            ),
            IshRow(
                "ratio-not-amplified",
                IshResult.NOT_AMPLIFIED,
                "A HER2/CEP17 ratio of less than 1.8 is not amplified.",
                ratio=Span(high=Fraction("1.8")),
            ),
        ),
        single=(
            IshRow("copies-amplified", IshResult.AMPLIFIED, "More than 6.0 HER2 copies are amplified.", her2=_OVER_6),
            IshRow(
                "copies-equivocal",
                IshResult.UNKNOWN,
                "4.0 to 6.0 HER2 copies are equivocal.",
                her2=Span(Fraction(4), Fraction(6), is_high_in=True),
            ),
            _COPIES_NOT_AMPLIFIED,
        ),
    ),
)

_ASCO_CAP_BREAST_2013 = RuleSet(
    name="asco-cap-breast-2013",
    citation="Wolff AC et al. (ASCO/CAP), J Clin Oncol 2013;31:3997-4013",
    organ="breast",
    rows=_ISH_SUFFICES,
    ish_rule=IshRule(
        dual=(
            _RATIO_AMPLIFIED,
            IshRow(
                "copies-amplified",
                IshResult.AMPLIFIED,
                "6.0 or more HER2 copies are amplified, whatever the ratio.",
                ratio=_RATIO_LOW,
                her2=_COPIES_HIGH,
            ),
            IshRow(
                "copies-equivocal",
                IshResult.UNKNOWN,
                "A HER2/CEP17 ratio below 2.0 with 4.0 or more but fewer than 6.0 HER2 copies is equivocal.",
                ratio=_RATIO_LOW,
                her2=_COPIES_MIDDLE,
            ),
            IshRow(
                "ratio-not-amplified",
                IshResult.NOT_AMPLIFIED,
                "A HER2/CEP17 ratio below 2.0 with fewer than 4.0 HER2 copies is not amplified.",
                ratio=_RATIO_LOW,
                her2=_COPIES_LOW,
            ),
        ),
        single=(_COPIES_AMPLIFIED, _COPIES_EQUIVOCAL, _COPIES_NOT_AMPLIFIED),
    ),
)


def _resolve_group(group: int, ratio: Span, her2: Span, two_plus: IshResult) -> tuple[IshRow, ...]:
    """Write the rows of a dual-probe group that IHC must resolve; the groups differ only where IHC is 2+."""
    where = f"ASCO/CAP group {group}"
    called = {IshResult.AMPLIFIED: "amplified", IshResult.NOT_AMPLIFIED: "not amplified"}[two_plus]
    low = f"{where} with IHC 0 or 1+ is not amplified; the report carries a comment."
    two = f"{where} with IHC 2+ is {called} if a second, blinded count of 20 nuclei or more confirms the group."
    three = f"{where} is not final by itself; the case is positive by its IHC 3+."
    return (
        IshRow(f"group-{group}-ihc-low", IshResult.NOT_AMPLIFIED, low, ratio, her2, _LOW, group),
        IshRow(f"group-{group}-ihc-2plus", two_plus, two, ratio, her2, _TWO, group, needs_recount=True),
        IshRow(f"group-{group}-ihc-3plus", IshResult.UNKNOWN, three, ratio, her2, _THREE, group),
    )


_ASCO_CAP_BREAST_2018 = RuleSet(
    name="asco-cap-breast-2018",
    citation="Wolff AC et al. (ASCO/CAP), J Clin Oncol 2018;36:2105-2122, affirmed 2023;41:3867-3872",
    organ="breast",
    rows=_ISH_SUFFICES,
    ish_rule=IshRule(
        dual=(
            IshRow(
                "group-1",
                IshResult.AMPLIFIED,
                "ASCO/CAP group 1, a HER2/CEP17 ratio of 2.0 or more with 4.0 or more HER2 copies, is amplified.",
                ratio=_RATIO_HIGH,
                her2=_COPIES_FROM_4,
                group=1,
            ),
            *_resolve_group(2, _RATIO_HIGH, _COPIES_LOW, IshResult.NOT_AMPLIFIED),
            *_resolve_group(3, _RATIO_LOW, _COPIES_HIGH, IshResult.AMPLIFIED),
            *_resolve_group(4, _RATIO_LOW, _COPIES_MIDDLE, IshResult.NOT_AMPLIFIED),
            IshRow(
                "group-5",
                IshResult.NOT_AMPLIFIED,
                "ASCO/CAP group 5, a HER2/CEP17 ratio below 2.0 with fewer than 4.0 HER2 copies, is not amplified.",
                ratio=_RATIO_LOW,
                her2=_COPIES_LOW,
                group=5,
            ),
        ),
        single=(
            _COPIES_AMPLIFIED,
            IshRow(
                "copies-ihc-low",
                IshResult.NOT_AMPLIFIED,
                "4.0 or more but fewer than 6.0 HER2 copies with IHC 0 or 1+ are not amplified.",
                her2=_COPIES_MIDDLE,
                scores=_LOW,
            ),
            IshRow(
                "copies-ihc-2plus",
                IshResult.UNKNOWN,
                "4.0 or more but fewer than 6.0 HER2 copies with IHC 2+ need a dual-probe test.",
                her2=_COPIES_MIDDLE,
                scores=_TWO,
            ),
            IshRow(
                "copies-ihc-3plus",
                IshResult.UNKNOWN,
                "4.0 or more but fewer than 6.0 HER2 copies are not final; the case is positive by its IHC 3+.",
                her2=_COPIES_MIDDLE,
                scores=_THREE,
            ),
            _COPIES_NOT_AMPLIFIED,
        ),
    ),
)

_GASTRIC = (_YAGI_2019, _PIETRANTONIO_2016, _TOGA_2010)
_BREAST = (_ASCO_CAP_BREAST_2007, _ASCO_CAP_BREAST_2013, _ASCO_CAP_BREAST_2018)

RULE_SETS: Mapping[str, RuleSet] = {rule_set.name: rule_set for rule_set in (*_GASTRIC, *_BREAST)}
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
        As read by `read_ish` with the rule set's own `ish_rule`.

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


def flag_ish(score: Her2Score | None, reading: IshReading, status: Her2Status) -> tuple[str, ...]:
    """Name the doubts about an ISH test: its own, and that it is wanted or disagrees with IHC.

    Parameters
    ----------
    score : Her2Score or None
        The IHC score of the case; without one nothing can disagree with it.
    reading : IshReading
        The test as read.
    status : Her2Status
        As decided from the two.

    Returns
    -------
    tuple of str
        Names in `hetscore.flags.FLAGS`, in alphabetical order.
    """
    if score is None:
        return reading.flags
    is_open = status in (Her2Status.EQUIVOCAL, Her2Status.NOT_ASSESSABLE)
    seen = {
        "ish-needed": reading.result is IshResult.UNKNOWN and is_open,
        "ish-discordant": (score in _THREE and reading.result is IshResult.NOT_AMPLIFIED)
        or (score in _LOW and reading.result is IshResult.AMPLIFIED),
    }
    return tuple(sorted({*reading.flags, *(name for name, is_seen in seen.items() if is_seen)}))
