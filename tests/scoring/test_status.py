"""HER2 status: the three rule sets cell by cell, and the boundaries of ISH."""

from __future__ import annotations

from itertools import product

import pytest

from hetscore.domain import Her2Score, Her2Status, IshData, IshResult
from hetscore.errors import UsageError
from hetscore.scoring.status import RULE_SETS, RuleSet, decide_status, flag_ish, read_ish

AMP, NOT, UNK = IshResult.AMPLIFIED, IshResult.NOT_AMPLIFIED, IshResult.UNKNOWN
POS, NEG, EQU, NA = Her2Status.POSITIVE, Her2Status.NEGATIVE, Her2Status.EQUIVOCAL, Her2Status.NOT_ASSESSABLE
YAGI, PIETRANTONIO, BREAST_2013 = RULE_SETS.values()

TABLES = {
    # "IHC score of 3+ or IHC score of 2+ with FISH positivity was defined as HER2 positive, whereas IHC score of 0 or
    # 1+, or IHC score of 2+ with FISH negativity was defined as HER2 negative."  columns: amplified, not, unknown
    "yagi-2019": {3: (POS, POS, POS), 2: (POS, NEG, EQU), 1: (NEG, NEG, NEG), 0: (NEG, NEG, NEG)},
    # "HER2 positivity was defined by HER2 gene amplification by ISH or IHC score of 3+."
    "pietrantonio-2016": {3: (POS, POS, POS), 2: (POS, NEG, NA), 1: (POS, NEG, NA), 0: (POS, NEG, NA)},
    # As applied in the SePHER study: ISH positivity suffices, IHC 2+ without ISH is equivocal.
    "asco-cap-breast-2013": {3: (POS, POS, POS), 2: (POS, NEG, EQU), 1: (POS, NEG, NEG), 0: (POS, NEG, NEG)},
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("score", Her2Score)
def test_every_cell_of_the_table(name: str, score: Her2Score) -> None:
    """IHC score by ISH result, as printed in the paper of the rule set."""
    decided = tuple(decide_status(RULE_SETS[name], score, ish)[0] for ish in (AMP, NOT, UNK))
    assert decided == TABLES[name][score]


@pytest.mark.parametrize("rule_set", RULE_SETS.values(), ids=lambda r: r.name)
def test_exactly_one_row_decides(rule_set: RuleSet) -> None:
    """The rows cover every pair of score and result once; every row has a sentence."""
    covered = [pair for row in rule_set.rows for pair in product(row.scores, row.ish)]
    assert sorted(covered) == sorted(product(Her2Score, IshResult))
    assert len({row.name for row in rule_set.rows}) == len(rule_set.rows)
    assert all(row.text for row in rule_set.rows)


def test_the_registry_starts_with_the_default() -> None:
    """The rule set of the definition of homo and hetero comes first."""
    assert list(RULE_SETS) == list(TABLES)


@pytest.mark.parametrize("rule_set", RULE_SETS.values(), ids=lambda r: r.name)
def test_without_a_score_there_is_no_status(rule_set: RuleSet) -> None:
    """Not even amplification makes up for an IHC that could not be judged."""
    status, decision = decide_status(rule_set, None, AMP)
    assert (status, decision.rule) == (NA, "no-score")


@pytest.mark.parametrize(
    ("her2", "cep17", "yagi", "pietrantonio", "breast_2013"),
    [
        (4.00, 2.0, "ratio-amplified", "ratio-amplified", "ratio-amplified"),
        (3.98, 2.0, "ratio-not-amplified", "ratio-not-amplified", "ratio-not-amplified"),
        (4.2, 2.1, "ratio-amplified", "ratio-amplified", "ratio-amplified"),
        # "HER2/CEP17 ratio was >= 2 or when HER2 gene copy number was of > 6": 6.0 is not enough there
        (6.0, 3.5, "ratio-not-amplified", "ratio-not-amplified", "copies-amplified"),
        (6.01, 3.5, "ratio-not-amplified", "copies-amplified", "copies-amplified"),
        (4.0, 3.0, "ratio-not-amplified", "ratio-not-amplified", "copies-equivocal"),
        (3.9, None, "no-cep17", "no-cep17", "copies-not-amplified"),
        (5.9, None, "no-cep17", "no-cep17", "copies-equivocal"),
        (7.0, None, "no-cep17", "copies-amplified", "copies-amplified"),
        (None, 2.0, "no-copies", "no-copies", "no-copies"),
    ],
)
def test_copies_are_read_by_the_rule_set(
    her2: float | None, cep17: float | None, yagi: str, pietrantonio: str, breast_2013: str
) -> None:
    """Ratio 1.99 and 2.00, copies 6.0 and 6.01, the equivocal range, and no CEP17."""
    data = IshData(her2_copies=her2, cep17_copies=cep17, n_cells=20)
    read = [read_ish(data, rule_set) for rule_set in (YAGI, PIETRANTONIO, BREAST_2013)]
    assert [decision.rule for _, decision in read] == [yagi, pietrantonio, breast_2013]
    for result, decision in read:
        assert decision.value == result.value
        assert (result is AMP) == (decision.rule in ("ratio-amplified", "copies-amplified"))
        assert (result is NOT) == decision.rule.endswith("not-amplified")


@pytest.mark.parametrize(("n_cells", "expected"), [(19, UNK), (20, AMP), (None, AMP)])
def test_twenty_nuclei_are_needed(n_cells: int | None, expected: IshResult) -> None:
    """19 leave it unknown; a number not given is not held against the laboratory."""
    assert read_ish(IshData(her2_copies=8, cep17_copies=2, n_cells=n_cells), YAGI)[0] is expected


def test_a_given_result_is_used_and_a_contradiction_is_told() -> None:
    """The laboratory's word stands, but copies that read otherwise are shown with it."""
    result, decision = read_ish(IshData(NOT, her2_copies=8, cep17_copies=2, n_cells=40), YAGI)
    assert (result, decision.rule) == (NOT, "given-result")
    assert "would read amplified: HER2/CEP17 is 8/2" in decision.text
    assert read_ish(IshData(AMP), YAGI)[1].text == "The ISH result was given as amplified."


def test_nothing_known_stays_unknown() -> None:
    """Unknown is a value and is never guessed."""
    assert read_ish(IshData(), BREAST_2013)[0] is UNK


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (IshData(her2_copies=-1), "her2_copies"),
        (IshData(her2_copies=float("nan")), "her2_copies"),
        (IshData(her2_copies=4, cep17_copies=0), "cep17_copies"),
        (IshData(AMP, cep17_copies=float("inf")), "cep17_copies"),
    ],
)
def test_impossible_copies_are_refused(data: IshData, name: str) -> None:
    """A mean that cannot be one is an error of the table, not an unknown result."""
    with pytest.raises(UsageError, match=f"ISH: {name} is .*expected a mean number"):
        read_ish(data, YAGI)


@pytest.mark.parametrize(
    ("score", "ish", "status", "flags"),
    [
        (2, UNK, EQU, ("ish-needed",)),
        (1, UNK, NA, ("ish-needed",)),
        (3, UNK, POS, ()),
        (3, NOT, POS, ("ish-discordant",)),
        (0, AMP, POS, ("ish-discordant",)),
        (1, AMP, NEG, ("ish-discordant",)),
        (2, NOT, NEG, ()),
        (None, UNK, NA, ()),
    ],
)
def test_doubts_of_ihc_against_ish(
    score: int | None, ish: IshResult, status: Her2Status, flags: tuple[str, ...]
) -> None:
    """ISH is asked for where it would settle the status; disagreement is named whoever wins."""
    assert flag_ish(None if score is None else Her2Score(score), ish, status) == flags
