"""HER2 status: every rule set cell by cell, and the doubts that IHC and ISH raise together."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Decision, Her2Score, Her2Status, IshData, IshReading, IshResult
from hetscore.scoring.ish import read_ish
from hetscore.scoring.status import RULE_SETS, RuleSet, decide_status, flag_ish

AMP, NOT, UNK = IshResult.AMPLIFIED, IshResult.NOT_AMPLIFIED, IshResult.UNKNOWN
POS, NEG, EQU, NA = Her2Status.POSITIVE, Her2Status.NEGATIVE, Her2Status.EQUIVOCAL, Her2Status.NOT_ASSESSABLE
LOW, TWO, THREE = (Her2Score.ZERO, Her2Score.ONE_PLUS), (Her2Score.TWO_PLUS,), (Her2Score.THREE_PLUS,)
EITHER_TEST = {3: (POS, POS, POS), 2: (POS, NEG, EQU), 1: (POS, NEG, NEG), 0: (POS, NEG, NEG)}

TABLES = {
    # "IHC score of 3+ or IHC score of 2+ with FISH positivity was defined as HER2 positive, whereas IHC score of 0 or
    # 1+, or IHC score of 2+ with FISH negativity was defined as HER2 negative."  columns: amplified, not, unknown
    "yagi-2019": {3: (POS, POS, POS), 2: (POS, NEG, EQU), 1: (NEG, NEG, NEG), 0: (NEG, NEG, NEG)},
    # "HER2 positivity was defined by HER2 gene amplification by ISH or IHC score of 3+."
    "pietrantonio-2016": {3: (POS, POS, POS), 2: (POS, NEG, NA), 1: (POS, NEG, NA), 0: (POS, NEG, NA)},
    # Eligible for ToGA: IHC 3+ or FISH-positive, or both.
    "toga-2010": EITHER_TEST,
    "asco-cap-breast-2007": EITHER_TEST,
    # "A positive HER2 status required an IHC score of 3+ or positive fluorescence in situ hybridization/cromogenic in
    # situ hybridization" (Bon 2020, by the guideline of 2013); IHC 2+ without ISH is equivocal.
    "asco-cap-breast-2013": EITHER_TEST,
    "asco-cap-breast-2018": EITHER_TEST,
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


def test_a_rule_set_names_its_organ() -> None:
    """Breast rules say so in their name; the others are gastric."""
    for name, rule_set in RULE_SETS.items():
        assert rule_set.organ == ("breast" if "breast" in name else "gastric")


@pytest.mark.parametrize("rule_set", RULE_SETS.values(), ids=lambda r: r.name)
def test_without_a_score_there_is_no_status(rule_set: RuleSet) -> None:
    """Not even amplification makes up for an IHC that could not be judged."""
    status, decision = decide_status(rule_set, None, AMP)
    assert (status, decision.rule) == (NA, "no-score")


GROUPS_2018 = {
    # ratio, HER2 copies, CEP17 copies: status with IHC 0 or 1+, with 2+, with 3+
    1: ((2.0, 4.0, 2.0), (POS, POS, POS)),
    # Groups 2 to 4: negative with a comment at 0/1+, positive at 3+; at 2+ after a recount only group 3 is positive.
    2: ((2.6, 3.9, 1.5), (NEG, NEG, POS)),
    3: ((1.5, 6.0, 4.0), (NEG, POS, POS)),
    4: ((1.1, 4.4, 4.0), (NEG, NEG, POS)),
    # A 3+ is positive by IHC; the disagreement is flagged.
    5: ((1.5, 3.0, 2.0), (NEG, NEG, POS)),
}


@pytest.mark.parametrize("group", GROUPS_2018)
@pytest.mark.parametrize("column", range(3), ids=("ihc-low", "ihc-2plus", "ihc-3plus"))
def test_the_dual_probe_groups_of_2018(group: int, column: int) -> None:
    """The figures of the guideline, group by group, resolved by the IHC score; groups 2 to 4 with 2+ are recounted."""
    rule_set = RULE_SETS["asco-cap-breast-2018"]
    (ratio, her2, cep17), expected = GROUPS_2018[group]
    data = IshData(her2_copies=her2, cep17_copies=cep17, ratio=ratio, n_cells=20)

    for score in (LOW, TWO, THREE)[column]:
        reading = read_ish(data, rule_set.ish_rule, score)
        status, _ = decide_status(rule_set, score, reading.result)

        assert (reading.group, status) == (group, expected[column])
        if group in (2, 3, 4) and score in THREE:  # IHC decides; no such group is amplified by itself
            assert reading.result is UNK
        assert ("ish-recount" in reading.flags) == (group in (2, 3, 4) and score in TWO)
        is_discordant = "ish-discordant" in flag_ish(score, reading, status)
        assert is_discordant == ((group == 1 and score in LOW) or (group == 5 and score in THREE))


@pytest.mark.parametrize("group", GROUPS_2018)
def test_the_groups_without_an_ihc_score(group: int) -> None:
    """Groups 1 and 5 stand by themselves; groups 2 to 4 wait for IHC, and the group is known all the same."""
    _, her2, cep17 = GROUPS_2018[group][0]
    reading = read_ish(IshData(her2_copies=her2, cep17_copies=cep17), RULE_SETS["asco-cap-breast-2018"].ish_rule)
    assert reading.group == group
    assert reading.result is {1: AMP, 5: NOT}.get(group, UNK)
    if group in (2, 3, 4):
        text = f"The ISH numbers are of group {group}, but they cannot be read without the IHC score of the case."
        assert (reading.decision.rule, reading.decision.text) == ("no-score", text)


# "when the mean HER2 copy number is >=6, and the IHC score is 2+, tumors should be assessed as HER2+, irrespective of
# HER2:CEP17 ratio" (Luque-Cabal 2016)
@pytest.mark.parametrize("name", ["asco-cap-breast-2013", "asco-cap-breast-2018"])
@given(her2=st.integers(600, 3000), cep17=st.integers(50, 3000))
def test_six_copies_and_2plus_are_positive_whatever_the_ratio(name: str, her2: int, cep17: int) -> None:
    """The sentence holds in both breast rule sets that have it, for any ratio."""
    rule_set = RULE_SETS[name]
    data = IshData(her2_copies=her2 / 100, cep17_copies=cep17 / 100, n_cells=20)
    result = read_ish(data, rule_set.ish_rule, Her2Score.TWO_PLUS).result
    assert decide_status(rule_set, Her2Score.TWO_PLUS, result)[0] is POS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yagi-2019", NEG),
        ("pietrantonio-2016", NEG),
        ("toga-2010", NEG),
        ("asco-cap-breast-2007", EQU),
        ("asco-cap-breast-2013", POS),
        ("asco-cap-breast-2018", POS),
    ],
)
def test_the_rule_sets_disagree_on_six_copies(name: str, expected: Her2Status) -> None:
    """IHC 2+ with 6.0/3.2 copies, a ratio of 1.875: why the user must name the rule set."""
    data = IshData(her2_copies=6.0, cep17_copies=3.2, n_cells=20)
    result = read_ish(data, RULE_SETS[name].ish_rule, Her2Score.TWO_PLUS).result
    assert decide_status(RULE_SETS[name], Her2Score.TWO_PLUS, result)[0] is expected


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
    reading = IshReading(ish, Decision(ish.value, "by-hand", "By hand."))
    assert flag_ish(None if score is None else Her2Score(score), reading, status) == flags


@pytest.mark.parametrize("score", [None, Her2Score.ZERO])
def test_the_doubts_of_the_reading_are_kept(score: Her2Score | None) -> None:
    """What the ISH test itself raised stays, with or without an IHC score."""
    reading = IshReading(NOT, Decision(NOT.value, "by-hand", "By hand."), flags=("cep17-polysomy", "ish-recount"))
    assert flag_ish(score, reading, NEG) == ("cep17-polysomy", "ish-recount")
