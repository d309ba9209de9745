"""Names that readers want beside a score, as tables: HER2-low and its kin, and the magnification rule.

In: a score with its ISH result and counts, or the width of the membrane line. Out: the row that fits, with its
sentence. Nothing here enters a score, a status or a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import inf

from hetscore.domain import Decision, Her2Score, IshResult
from hetscore.scoring.guidelines import Counts


class StainedShare(StrEnum):
    """How many of the scored tumor cells have membrane staining, and of which strength."""

    NONE = "none"
    UP_TO_TENTH = "up-to-tenth"
    """More than 0 and at most 10 %, all of it faint and incomplete (1+)."""
    MORE = "more"
    """More than 10 %, or some of it stronger or complete."""
    UNKNOWN = "unknown"
    """Not counted, or no cell was scored."""


@dataclass(frozen=True)
class LowRow:
    """One block of the table: these scores with these ISH results and stained shares have this name."""

    name: str
    value: str
    scores: tuple[Her2Score | None, ...]
    ish: tuple[IshResult, ...]
    stained: tuple[StainedShare, ...]
    text: str


@dataclass(frozen=True)
class WidthRow:
    """One row of the magnification rule: lines thinner than `below_um` that no row above it takes."""

    name: str
    value: str
    """The objectives at which such a line is first seen well."""
    below_um: Fraction | None
    """None in the last row, which has no upper end."""
    text: str


_ZERO = (Her2Score.ZERO,)
_TWO = (Her2Score.TWO_PLUS,)
_BELOW_THREE = (Her2Score.ZERO, Her2Score.ONE_PLUS, Her2Score.TWO_PLUS)
_NOT_AMPLIFIED = (IshResult.NOT_AMPLIFIED,)
_NOT_KNOWN_AMPLIFIED = (IshResult.NOT_AMPLIFIED, IshResult.UNKNOWN)
_ANY_ISH = tuple(IshResult)
_ANY_SHARE = tuple(StainedShare)
_TENTH = Fraction(1, 10)
"""Above this a faint stain is 1+, hence no longer ultralow (ASCO/CAP 2018, HER2 0; DESTINY-Breast06)."""

_MODI_2022 = "DESTINY-Breast04: Modi S et al., N Engl J Med 2022;387:9-20"
_BARDIA_2024 = "DESTINY-Breast06: Bardia A et al., N Engl J Med 2024;391:2110-2122"
_NO_CATEGORY = (
    "ASCO/CAP 2023 makes none of these names a result category (Wolff AC et al., J Clin Oncol 2023;41:3867-3872)"
)

LOW_TABLE: tuple[LowRow, ...] = (
    LowRow(
        "no-score", "unknown", (None,), _ANY_ISH, _ANY_SHARE, f"Without an IHC score nothing is said. {_NO_CATEGORY}."
    ),
    LowRow(
        "ihc-3plus",
        "not-low",
        (Her2Score.THREE_PLUS,),
        _ANY_ISH,
        _ANY_SHARE,
        f"IHC 3+ is positive, not HER2-low ({_MODI_2022}). {_NO_CATEGORY}.",
    ),
    LowRow(
        "ish-amplified",
        "not-low",
        _BELOW_THREE,
        (IshResult.AMPLIFIED,),
        _ANY_SHARE,
        "Amplification by ISH is positive, not HER2-low; IHC 2+ is HER2-low only where ISH is negative, and the same is"
        f" asked here of 0 and 1+ ({_MODI_2022}). {_NO_CATEGORY}.",
    ),
    LowRow(
        "ihc-2plus-not-amplified",
        "her2-low",
        _TWO,
        _NOT_AMPLIFIED,
        _ANY_SHARE,
        f"IHC 2+ not amplified by ISH is HER2-low ({_MODI_2022}). {_NO_CATEGORY}.",
    ),
    LowRow(
        "ihc-2plus-unknown",
        "unknown",
        _TWO,
        (IshResult.UNKNOWN,),
        _ANY_SHARE,
        f"IHC 2+ without an ISH result is either positive or HER2-low ({_MODI_2022}). {_NO_CATEGORY}.",
    ),
    LowRow(
        "ihc-1plus",
        "her2-low",
        (Her2Score.ONE_PLUS,),
        _NOT_KNOWN_AMPLIFIED,
        _ANY_SHARE,
        f"IHC 1+ is HER2-low ({_MODI_2022}). {_NO_CATEGORY}.",
    ),
    LowRow(
        "ihc-0-unstained",
        "her2-null",
        _ZERO,
        _NOT_KNOWN_AMPLIFIED,
        (StainedShare.NONE,),
        "IHC 0 without any membrane staining is what is left of it beside HER2-ultralow: HER2-null"
        f" ({_BARDIA_2024}). {_NO_CATEGORY}.",
    ),
    LowRow(
        "ihc-0-stained",
        "her2-ultralow",
        _ZERO,
        _NOT_KNOWN_AMPLIFIED,
        (StainedShare.UP_TO_TENTH,),
        "IHC 0 with faint, incomplete membrane staining of some, at most 10 %, of the cells is HER2-ultralow; one cell,"
        f" perhaps misread, is enough ({_BARDIA_2024}). {_NO_CATEGORY}.",
    ),
    LowRow(
        "ihc-0-stained-otherwise",
        "unknown",
        _ZERO,
        _NOT_KNOWN_AMPLIFIED,
        (StainedShare.MORE,),
        "IHC 0 with membrane staining of more than 10 % of the tumor cells, or with some that is not faint and"
        f" incomplete, is none of these names ({_BARDIA_2024}). {_NO_CATEGORY}.",
    ),
    LowRow(
        "ihc-0-uncounted",
        "unknown",
        _ZERO,
        _NOT_KNOWN_AMPLIFIED,
        (StainedShare.UNKNOWN,),
        f"IHC 0 is HER2-null or HER2-ultralow, which only counts of cells can tell ({_BARDIA_2024}). {_NO_CATEGORY}.",
    ),
)
"""HER2-low, -ultralow and -null of breast. Exactly one row fits each score, ISH result and stained share."""

LOW_GUIDELINE = "asco-cap-breast-2018"
"""The names rest on its scores: both trials scored by it. By that of 2007 faint staining of 5 % would be 1+."""

_MAGNIFICATION = "the magnification rule (Rüschoff J et al., Mod Pathol 2012;25:637-650)"
_SCHEEL_2018 = (
    "The limits 0.8 and 1.6 um are ours: the midpoints 0.82 and 1.57, rounded, of the mean widths 0.64, 1.0 and 2.14 um"
    " that were printed for 1+, 2+ and 3+ (Scheel AH et al., Diagn Pathol 2018;13:19)"
)

WIDTH_TABLE: tuple[WidthRow, ...] = (
    WidthRow(
        "thin-line",
        "x40",
        Fraction(8, 10),
        f"Thinner than 0.8 um, a line is seen only at x40, as one of 1+ by {_MAGNIFICATION}. {_SCHEEL_2018}.",
    ),
    WidthRow(
        "medium-line",
        "x10-20",
        Fraction(16, 10),
        f"From 0.8 um, a line is seen at x10 to x20, as one of 2+ by {_MAGNIFICATION}. {_SCHEEL_2018}.",
    ),
    WidthRow(
        "thick-line",
        "x2.5-5",
        None,
        f"From 1.6 um, a line is seen at x2.5 to x5, as one of 3+ by {_MAGNIFICATION}. {_SCHEEL_2018}.",
    ),
)
"""The magnification rule in microns, thinnest line first; the first row that fits decides."""


def describe_low(score: Her2Score | None, ish: IshResult, counts: Counts | None) -> Decision:
    """Tell whether a breast cancer is HER2-low, HER2-ultralow or HER2-null.

    Parameters
    ----------
    score : Her2Score or None
        IHC score by a breast guideline; None where it could not be judged. The names are defined for breast only: a
        gastric case is not to be asked.
    ish : IshResult
        As read by the rule set.
    counts : tuple of 4 int or None
        Scored tumor cells of class 0, 1+, 2+, 3+; None where only the score is known.

    Returns
    -------
    Decision
        "her2-low", "her2-ultralow", "her2-null", "not-low" (positive) or "unknown", and the row that fits.

    Notes
    -----
    "unknown" without a score, for 2+ without ISH, for 0 without counts, and for counts that contradict the score 0.
    Counts of no cell say nothing, like None.

    References
    ----------
    .. [1] Modi S et al., N Engl J Med 2022;387:9-20.
    .. [2] Bardia A et al., N Engl J Med 2024;391:2110-2122.
    .. [3] Wolff AC et al., J Clin Oncol 2023;41:3867-3872.
    """
    stained = share_stained(counts)
    row = next(row for row in LOW_TABLE if score in row.scores and ish in row.ish and stained in row.stained)
    return Decision(row.value, row.name, row.text)


def share_stained(counts: Counts | None) -> StainedShare:
    """Tell which share of the cells is stained, and whether only faintly; 10.00 % is still up to a tenth."""
    if counts is None or sum(counts) == 0:
        return StainedShare.UNKNOWN
    n_stained = sum(counts[1:])
    if n_stained == 0:
        return StainedShare.NONE
    is_faint = n_stained == counts[1] and n_stained <= _TENTH * sum(counts)
    return StainedShare.UP_TO_TENTH if is_faint else StainedShare.MORE


def describe_width(width_um: float | None) -> Decision | None:
    """Tell at which objectives a membrane line of this width would be seen, by the magnification rule.

    Parameters
    ----------
    width_um : float or None
        Width of the line at half its height, for example `FragmentScore.membrane_width_um`.

    Returns
    -------
    Decision or None
        "x40", "x10-20" or "x2.5-5", and the row that fits; None where no line was measured.

    Raises
    ------
    ValueError
        If the width is negative or not finite.

    Notes
    -----
    Reported, never a part of the score. The widths were measured on breast biopsies.

    References
    ----------
    .. [1] Rüschoff J et al., Mod Pathol 2012;25:637-650.
    .. [2] Scheel AH et al., Diagn Pathol 2018;13:19.
    """
    if width_um is None:
        return None
    if not 0 <= width_um < inf:
        raise ValueError(f"describe_width: the width is {width_um} um; expected a finite one, or None.")
    row = next(row for row in WIDTH_TABLE if row.below_um is None or width_um < row.below_um)
    return Decision(row.value, row.name, row.text)
