"""The tables by which ISH is read, one for each rule set of `status.py` that has its own.

In: nothing. Out: an `IshRule` each, rows that say which ratios, copies and IHC scores give which result; `ish.py` reads
them. The rows of a table are disjoint and leave no number without one.
"""

from __future__ import annotations

from fractions import Fraction

from hetscore.domain import Her2Score, IshResult
from hetscore.scoring.ish import IshRow, IshRule, Span

_LOW = (Her2Score.ZERO, Her2Score.ONE_PLUS)
_TWO = (Her2Score.TWO_PLUS,)
_THREE = (Her2Score.THREE_PLUS,)

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
    is_equivocal=True,
)

BY_RATIO = IshRule(
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

_OVER_6, _UP_TO_6 = Span(low=Fraction(6), is_low_in=False), Span(high=Fraction(6), is_high_in=True)

PIETRANTONIO_2016 = IshRule(
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
)

ASCO_CAP_BREAST_2007 = IshRule(
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
            is_equivocal=True,
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
            is_equivocal=True,
        ),
        _COPIES_NOT_AMPLIFIED,
    ),
)

ASCO_CAP_BREAST_2013 = IshRule(
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
            is_equivocal=True,
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


ASCO_CAP_BREAST_2018 = IshRule(
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
)
