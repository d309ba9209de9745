"""The rules as text: complete, and the same as in docs/rules.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from hetscore.scoring.guidelines import GUIDELINES
from hetscore.scoring.heterogeneity import LITERAL_RULE
from hetscore.scoring.rulebook import RULEBOOK, RuleEntry, RuleTable, book_markdown, to_markdown
from hetscore.scoring.status import RULE_SETS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _rows(name: str, title: str) -> dict[str, tuple[str, ...]]:
    """Rows of the table whose title begins so, by their name."""
    (table,) = (t for t in RULEBOOK[name].tables if t.title.startswith(title))
    return {row[0]: row[1:] for row in table.rows}


def test_the_page_is_made_from_the_tables() -> None:
    """A table was changed and the page was not, or the other way round: run `make rules`."""
    assert (DOCS / "rules.md").read_text(encoding="utf-8") == book_markdown()


def test_every_table_is_in_the_book() -> None:
    """Every guideline and rule set by its name, with every row."""
    assert set(RULEBOOK) >= {*GUIDELINES, *RULE_SETS}
    for guideline in GUIDELINES.values():
        shown = _rows(guideline.name, "Score")
        assert list(shown) == [*(row.name for row in guideline.criteria), "otherwise"]
    for rule_set in RULE_SETS.values():
        assert list(_rows(rule_set.name, "HER2 status")) == [row.name for row in rule_set.rows]
        assert list(_rows(rule_set.name, "ISH where")) == [row.name for row in rule_set.ish_rule.dual]
    assert list(_rows("homo-hetero", "Literal")) == [row.name for row in LITERAL_RULE]


@pytest.mark.parametrize("entry", RULEBOOK.values(), ids=lambda entry: entry.name)
def test_every_row_has_a_sentence_and_fits_its_columns(entry: RuleEntry) -> None:
    """And every entry names its source."""
    assert entry.citation
    for table in entry.tables:
        assert table.rows
        for row in table.rows:
            assert len(row) == len(table.columns)
            assert len(row[-1]) > 10


def test_thresholds_are_shown_as_the_table_holds_them() -> None:
    """Inclusive and exclusive shares, clusters, spans of ISH."""
    assert _rows("gastric-biopsy", "Score")["cluster-3plus"][1] == "5 or more connected tumor cells of at least 3+"
    assert _rows("gastric-resection", "Score")["share-2plus"][1] == "at least 10 % of the tumor cells of at least 2+"
    breast = _rows("asco-cap-breast-2007", "Score")
    assert breast["share-3plus"][1] == "more than 30 % of the tumor cells of at least 3+"
    groups = _rows("asco-cap-breast-2018", "ISH where")
    assert groups["group-4-ihc-2plus"][:5] == (
        "4",
        "< 2",
        ">= 4 and < 6",
        "2+",
        "not-amplified (after a blinded recount)",
    )
    assert _rows("pietrantonio-2016", "ISH where")["copies-amplified"][2] == "> 6"


def test_readings_of_a_pair_are_put_together() -> None:
    """What shares its ISH results is named together."""
    rows = _rows("loss-of-positivity", "Outcome")
    assert rows["second-not-amplified"][:3] == ("0, 1+, 2+ amplified; 3+", "0, 1+, 2+ not-amplified", "lost")
    assert rows["second-without-ish"][1] == "0, 1+, 2+ without ISH"


def test_a_bar_does_not_break_a_table() -> None:
    """Markdown would take it for the end of a cell."""
    table = RuleTable("T", ("row", "sentence"), (("a|b", "c"),))
    page = to_markdown(RuleEntry("n", "kind", "gastric", "source", ("note",), (table,)))
    assert page.splitlines()[-1] == "| a\\|b | c |"
    assert "- note" in page
