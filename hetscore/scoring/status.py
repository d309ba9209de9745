"""HER2 status from IHC and ISH, by named rule sets: the papers disagree, so the user says which one holds.

In: the IHC score of a case and what its ISH test reads (see `ish.py`). Out: the status and the row that decided, and
doubts about the two. Unknown is a value of its own and is never guessed. To change what is positive, change a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hetscore.domain import Decision, Her2Score, Her2Status, IshReading, IshResult
from hetscore.scoring import ish_rules
from hetscore.scoring.ish import IshRule


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
    remarks: tuple[str, ...] = ()
    """What the source leaves open, and how it is read here."""


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
    "ihc-2plus-unknown", _TWO, _UNKNOWN, Her2Status.EQUIVOCAL, "IHC 2+ without an ISH result that decides is equivocal."
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


_EQUIVOCAL = (
    "An equivocal ISH leaves IHC 2+ equivocal and IHC 0 or 1+ negative, flagged: the guideline asks for another test."
)

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
    ish_rule=ish_rules.BY_RATIO,
    remarks=(
        "The paper says FISH positivity and no more: the threshold of ToGA, whose trial made the test, is taken.",
    ),
)

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
    ish_rule=ish_rules.PIETRANTONIO_2016,
    remarks=('The paper prints "> 6." with its citation 9 behind it: the threshold of copies is 6, not 6.9.',),
)

_TOGA_2010 = RuleSet(
    name="toga-2010",
    citation="Bang YJ et al. (ToGA), Lancet 2010;376:687-697",
    organ="gastric",
    rows=_ISH_SUFFICES,
    ish_rule=ish_rules.BY_RATIO,
)

_ASCO_CAP_BREAST_2007 = RuleSet(
    name="asco-cap-breast-2007",
    citation="Wolff AC et al. (ASCO/CAP), J Clin Oncol 2007;25:118-145",
    organ="breast",
    rows=_ISH_SUFFICES,
    ish_rule=ish_rules.ASCO_CAP_BREAST_2007,
    remarks=(
        "Both ends of the equivocal ranges belong to them: the sentences beside say more than and less than.",
        _EQUIVOCAL,
    ),
)

_ASCO_CAP_BREAST_2013 = RuleSet(
    name="asco-cap-breast-2013",
    citation="Wolff AC et al. (ASCO/CAP), J Clin Oncol 2013;31:3997-4013",
    organ="breast",
    rows=_ISH_SUFFICES,
    ish_rule=ish_rules.ASCO_CAP_BREAST_2013,
    remarks=(_EQUIVOCAL,),
)


_ASCO_CAP_BREAST_2018 = RuleSet(
    name="asco-cap-breast-2018",
    citation="Wolff AC et al. (ASCO/CAP), J Clin Oncol 2018;36:2105-2122, affirmed 2023;41:3867-3872",
    organ="breast",
    rows=_ISH_SUFFICES,
    ish_rule=ish_rules.ASCO_CAP_BREAST_2018,
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
