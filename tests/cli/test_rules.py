"""`hetscore rules` as a user meets it: list, show, apply."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hetscore.cli import app
from hetscore.errors import UsageError
from hetscore.scoring.rulebook import RULEBOOK

TABLE = "case_id,fragment,score,ish\nA,1,3+,\nA,2,0,\nB,1,2+,amplified\nC,1,2+,\n"


def _run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["rules", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a small table of fragments."""
    path = tmp_path / "t.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_list_names_every_table_in_full() -> None:
    """Each on a line of its own, whatever the width of the terminal."""
    assert [line.split()[0] for line in _run("list").splitlines()] == list(RULEBOOK)


def test_show_prints_rows_with_their_sentences() -> None:
    """One entry, no other."""
    text = _run("show", "yagi-2019")
    assert "ihc-2plus-amplified" in text
    assert "IHC 2+ amplified by ISH is positive." in text
    assert "cluster-3plus" not in text


def test_show_as_markdown() -> None:
    """One entry is its part of the page; all of them are the page."""
    part = _run("show", "gastric-biopsy", "--markdown")
    assert part.startswith("## gastric-biopsy\n")
    assert part.strip() in _run("show", "--markdown")


def test_show_without_names_shows_everything() -> None:
    """Every entry by its name."""
    text = _run("show")
    assert [name for name in RULEBOOK if f"{name} - " not in text] == []


def test_show_of_an_unknown_name() -> None:
    """The error lists the known ones."""
    with pytest.raises(UsageError, match="'yagi' is not a table; expected one of gastric-biopsy, gastric-resection"):
        CliRunner().invoke(app, ["rules", "show", "yagi"], catch_exceptions=False)


def test_apply_prints_labels_with_the_row_that_decided(table: Path) -> None:
    """A table on standard output, a summary beside it."""
    result = CliRunner().invoke(app, ["rules", "apply", str(table)], catch_exceptions=False)
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [(row["case_id"], row["label"], row["label_rule"]) for row in rows] == [
        ("A", "hetero-HER2", "some-negative"),
        ("B", "indeterminate", "cells-not-counted"),
        ("C", "not-applicable", "status-equivocal"),
    ]
    assert result.stderr.startswith("3 cases: 1 ")


def test_apply_writes_a_file(table: Path, tmp_path: Path) -> None:
    """With --out nothing but the summary is printed."""
    out = tmp_path / "out.csv"
    assert _run("apply", table, "--out", out) == ""
    assert [row["case_id"] for row in csv.DictReader(out.read_text(encoding="utf-8").splitlines())] == ["A", "B", "C"]


def test_apply_reads_nuclei(table: Path, tmp_path: Path) -> None:
    """Twenty nuclei of six HER2 and two CEP17 signals amplify case C."""
    nuclei = tmp_path / "n.csv"
    nuclei.write_text("case_id,her2,cep17\n" + "C,6,2\n" * 20, encoding="utf-8")
    rows = list(csv.DictReader(_run("apply", table, "--ish-counts", nuclei).splitlines()))
    assert (rows[2]["ish"], rows[2]["ish_rule"], rows[2]["status"]) == ("amplified", "ratio-amplified", "positive")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--guideline", "biopsy"], "guideline 'biopsy'; expected one of"),
        (["--rule-set", "yagi"], "rule_set 'yagi'; expected one of"),
        (["--rule-set", "asco-cap-breast-2018"], "rule_set asco-cap-breast-2018 is for breast"),
        (["--out", "missing/out.csv"], "cannot be written"),
    ],
)
def test_apply_refuses(table: Path, options: list[str], fault: str) -> None:
    """Before anything is printed, with the remedy."""
    with pytest.raises(UsageError, match=fault):
        CliRunner().invoke(app, ["rules", "apply", str(table), *options], catch_exceptions=False)
