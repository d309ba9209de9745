"""The paired samples that two papers print, typed in by hand.

Of the 22 pairs of Pietrantonio 2016 the IHC scores are fully determined by Table 2. Their ISH results are not: many
tables satisfy all that is printed, and `ish_tables` makes every one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import combinations, product

from hetscore.domain import Her2Score, IshResult, PairChange, Sample
from hetscore.scoring.pairs import compare_pair

AMP, NOT, UNK = IshResult.AMPLIFIED, IshResult.NOT_AMPLIFIED, IshResult.UNKNOWN

BEFORE = [3] * 14 + [2] * 8
AFTER = [3] * 9 + [2] * 3 + [1] + [0] + [3] + [2] * 2 + [1] * 2 + [0] * 3
"""IHC scores of the 22 pairs (Pietrantonio 2016, Table 2)."""

Row = tuple[int, int, IshResult, IshResult]
"""IHC before and after, ISH before and after."""


def ish_tables() -> Iterator[tuple[Row, ...]]:
    """Make every table of the 22 pairs that agrees with Tables 2 and 3, one for each that differs in its counts.

    All eight 2+ were amplified to be eligible, hence the four not assessed at baseline are 3+. Loss of positivity was
    assessable in all fourteen 3+ (2 lost) and in five of the eight 2+ (4 lost), hence the three others are not known.
    """
    ish_of_last_3plus = {AMP: (7, 1, 1), NOT: (8, 0, 1), UNK: (8, 1, 0)}  # and what is left for the nine other 3+
    found = set()
    for ish, lost, missing in product(ish_of_last_3plus, _choose(range(9, 14), 2), _choose(range(15, 22), 3)):
        n_amp, n_not, n_unk = ish_of_last_3plus[ish]
        first_nine = [AMP] * n_amp + [NOT] * n_not + [UNK] * n_unk
        others_of_3 = [NOT if i in lost else AMP for i in range(9, 14)]
        others_of_2 = [UNK if i in missing else NOT for i in range(15, 22)]
        after = (*first_nine, *others_of_3, ish, *others_of_2)
        for unassessed in combinations(range(14), 4):
            if sorted(after[i] for i in unassessed) == [AMP, AMP, NOT, NOT]:
                before = tuple(UNK if i in unassessed else AMP for i in range(22))
                found.add(tuple(sorted(zip(BEFORE, AFTER, before, after, strict=True))))
    yield from sorted(found)


def _choose(places: range, n: int) -> list[tuple[int, ...]]:
    """Choose n places, once for each set of scores after treatment."""
    return list({tuple(AFTER[i] for i in chosen): chosen for chosen in combinations(places, n)}.values())


def make_pairs(rows: Iterable[Row]) -> list[PairChange]:
    """Compare the two samples of each row."""
    return [
        compare_pair(f"P{i}", Sample(Her2Score(first), first_ish), Sample(Her2Score(second), second_ish))
        for i, (first, second, first_ish, second_ish) in enumerate(rows, start=1)
    ]


FOUR_PATIENTS = {
    1: (Sample(Her2Score.TWO_PLUS, AMP, Fraction(70)), Sample(Her2Score.ZERO, NOT, Fraction(0))),
    2: (Sample(Her2Score.TWO_PLUS, AMP, Fraction(30)), Sample(Her2Score.ONE_PLUS, NOT, Fraction(30))),
    3: (Sample(Her2Score.TWO_PLUS, AMP, Fraction(100)), Sample(Her2Score.ONE_PLUS, AMP, Fraction(15))),
    4: (Sample(Her2Score.THREE_PLUS, UNK, Fraction(100)), Sample(Her2Score.ONE_PLUS, AMP, Fraction(60))),
}
"""Bon 2020, Table 1. It prints "-" for the FISH of patients 1 and 2 after treatment and of patient 4 before: read here
as negative and as not done, for the former are low scores beside tested ones and the latter needs no FISH."""
