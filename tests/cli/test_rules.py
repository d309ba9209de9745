"""`hetscore rules` as a user meets it: list, show, apply."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
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


def test_apply_refuses_to_write_over_its_input(table: Path, tmp_path: Path) -> None:
    """By whatever path: itself, a link, the table of nuclei."""
    nuclei, link = tmp_path / "n.csv", tmp_path / "link.csv"
    nuclei.write_text("case_id,her2\n" + "C,6\n" * 20, encoding="utf-8")
    link.symlink_to(table)
    for out in (table, link, nuclei, tmp_path / "." / "t.csv"):
        with pytest.raises(UsageError, match="that is read; expected another file"):
            _run("apply", table, "--ish-counts", nuclei, "--out", out)
    assert table.read_text(encoding="utf-8") == TABLE


def test_apply_reads_standard_input() -> None:
    """One of its tables, not both."""
    result = CliRunner().invoke(app, ["rules", "apply", "-"], input=TABLE, catch_exceptions=False)
    assert [row["case_id"] for row in csv.DictReader(result.stdout.splitlines())] == ["A", "B", "C"]
    with pytest.raises(UsageError, match="standard input: named for both tables"):
        CliRunner().invoke(app, ["rules", "apply", "-", "--ish-counts", "-"], input=TABLE, catch_exceptions=False)


def test_columns_are_the_page() -> None:
    """docs/counts.md is written by it."""
    assert _run("columns").startswith("# The tables of counts\n")


@pytest.mark.parametrize(
    ("redirection", "fault"),
    [
        ("> /dev/full", "error: the output cannot be written (No space left on device). Write it elsewhere.\n"),
        (">&-", "error: the output cannot be written (it is closed). Write it elsewhere.\n"),
        ("| true", ""),
    ],
)
def test_an_output_that_cannot_be_written(redirection: str, fault: str) -> None:
    """One line and exit status 1; nothing is said where the reader wanted no more."""
    command = f"{sys.executable} -m hetscore rules show --markdown {redirection}; echo ${{PIPESTATUS[0]}} >&2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert done.stderr == f"{fault}1\n"


def test_an_output_without_the_letters(tmp_path: Path) -> None:
    """An ASCII terminal shows their numbers."""
    path = tmp_path / "t.csv"
    path.write_text("case_id,fragment,score\nM\u00fcller,1,0\n", encoding="utf-8")
    command = [sys.executable, "-m", "hetscore", "rules", "apply", str(path)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)  # noqa: S603
    assert done.stdout.splitlines()[1].startswith("M\\xfcller,")


def test_the_example_of_the_readme() -> None:
    """The table printed there is the file it names, and is read as told: one case hetero, one homo."""
    docs = Path(__file__).resolve().parents[2]
    example = docs / "docs" / "counts-example.csv"
    readme = "".join(line.strip() + "\n" for line in (docs / "README.md").read_text(encoding="utf-8").splitlines())
    assert example.read_text(encoding="utf-8") in readme
    rows = csv.DictReader(_run("apply", example).splitlines())
    assert [(row["case_id"], row["label"]) for row in rows] == [("A-001", "hetero-HER2"), ("A-002", "homo-HER2")]
