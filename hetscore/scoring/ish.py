"""ISH counts -> amplified or not, by the table of a rule set.

In: a result given by the laboratory, mean signals per nucleus, or the signals counted nucleus by nucleus. Out: an
`IshReading` with exact numbers and the row that decided. Unknown is a value of its own and is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hetscore.domain import Her2Score, IshResult


@dataclass(frozen=True)
class Span:
    """An interval of exact numbers; None is an open end."""

    low: Fraction | None = None
    high: Fraction | None = None
    is_low_in: bool = True
    is_high_in: bool = False


@dataclass(frozen=True)
class IshRow:
    """One row: these ratios, copies and IHC scores give this result."""

    name: str
    result: IshResult
    text: str
    """The sentence of the source in our words."""
    ratio: Span | None = None
    her2: Span | None = None
    """Mean HER2 copies per nucleus. A row that asks for a number not known does not hold."""
    scores: tuple[Her2Score, ...] | None = None
    """IHC scores of the case for which the row holds; None: any, and also where there is none."""
    group: int | None = None
    """ASCO/CAP dual-probe group."""
    needs_recount: bool = False
    """Whether the guideline asks for a second, blinded count before the result stands."""


@dataclass(frozen=True)
class IshRule:
    """How signals are read: the first row that holds decides; where none does the result is unknown."""

    dual: tuple[IshRow, ...]
    """Where the ratio is known."""
    single: tuple[IshRow, ...]
    """Where only HER2 copies are known."""
    min_cells: int = 20
    """The guidelines ask for 20 nuclei or more; fewer leave the result unknown."""
