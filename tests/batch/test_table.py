"""Tables as files: where they come from, what spreadsheets make of them, and what cannot be read."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from hetscore.batch.table import STDIN, Column, Faults, Row, check_spelling, read_names, read_rows

COLUMNS = (Column("id", str, "Name.", is_required=True), Column("n", int, "Number."))


def _read(path: Path) -> tuple[list[tuple[str, dict[str, object]]], list[str]]:
    faults = Faults()
    rows = read_rows(path, COLUMNS, faults, one_row="thing")
    return [(row.where.rpartition("line ")[2], dict(row.values)) for row in rows], [
        line.replace(f"{path}", "t.csv") for line in faults.lines
    ]


def _read_text(tmp_path: Path, text: str) -> tuple[list[tuple[str, dict[str, object]]], list[str]]:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return _read(path)


@pytest.mark.parametrize(
    "text",
    [
        "id,n\nA,1\n",
        "\ufeffID , N\r\n A , 1 \r\n",
        "id,n,,\nA,1,,\n,,,\n,,,\n",
        "id,,n\nA,,1",
        "id,n\nA,1,,,\n",
        "n,id\n1,A\n\n\n",
    ],
)
def test_what_spreadsheets_leave(tmp_path: Path, text: str) -> None:
    """Marks, blanks, capitals, empty columns and rows and the order of the columns do no harm."""
    assert _read_text(tmp_path, text) == ([("2", {"id": "A", "n": 1})], [])


@pytest.mark.parametrize(
    ("text", "names"), [("\ufeffID , N\r\n A , 1 \r\n", ("id", "n")), ("\n,,\nn,id,,\n", ("n", "id", "", "")), ("", ())]
)
def test_names_of_columns(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    """As they are compared; lines without a cell above them are left out."""
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")

    assert read_names(tmp_path / "t.csv") == names


def test_rows_are_named_by_the_line_they_begin_in(tmp_path: Path) -> None:
    """A cell may hold a line break."""
    rows, faults = _read_text(tmp_path, 'id,n\n\n"A\nB",1\nC,x\n')
    assert [where for where, _ in rows] == ["3", "5"]
    assert faults[0].startswith("t.csv line 5: n 'x': ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("id,n\nA,1,2", "t.csv line 2: more cells than columns; expected one cell a column."),
        ("id,,n\nA,x,2", "t.csv line 2: more cells than columns; expected one cell a column."),
        ("id\tn\nA\t1", "t.csv line 1: columns parted by tabs; expected commas. Save it as comma-separated text"),
        ("id;n\nA;1", "t.csv line 1: columns parted by semicolons; expected commas."),
        ("sep=,\nid,n\nA,1", "t.csv line 1: a line for a spreadsheet alone (sep=); expected the names"),
        ("sep=;\nid;n\nA;1", "t.csv line 1: a line for a spreadsheet alone (sep=); expected the names"),
        ('id,n\nA,1\n"B,1\nC,1\n', "t.csv line 3: not a readable table (unexpected end of data); expected comma"),
        ("", "t.csv: the table has no rows; expected one row a thing"),
        ("id,n\nA," + "9" * 70 + "x", f"t.csv line 2: n '{'9' * 60}...': "),
    ],
)
def test_faults_of_form(tmp_path: Path, text: str, fault: str) -> None:
    """One line each, with the remedy."""
    (found,) = _read_text(tmp_path, text)[1]
    assert found.startswith(fault)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding(tmp_path: Path, encoding: str) -> None:
    """The remedy is named as spreadsheets name it."""
    (tmp_path / "t.csv").write_text("id,n\nM\u00fcller,1", encoding=encoding)
    (found,) = _read(tmp_path / "t.csv")[1]
    assert found.startswith("t.csv: not a readable table ('utf-8' codec")
    assert found.endswith("Save it as CSV UTF-8.")


def test_paths_that_cannot_be_opened(tmp_path: Path) -> None:
    """A folder, a name too long, nothing: each in one line that says what happened."""
    for path, reason in (
        (tmp_path, "t.csv: cannot be read (Is a directory); expected a comma-separated table"),
        (tmp_path / ("x" * 300), "t.csv: cannot be read (File name too long); expected a comma-separated table"),
        (tmp_path / "none", "t.csv: no such file; expected a comma-separated table with one row a thing"),
    ):
        rows, (found,) = _read(path)
        assert rows == []
        assert found.startswith(reason)


def test_a_pipe(tmp_path: Path) -> None:
    """What another program writes is read as a file is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("id,n\nA,1\n",))
    writer.start()
    assert _read(pipe) == ([("2", {"id": "A", "n": 1})], [])
    writer.join()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by a dash; closed it is not there."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"id,n\nA,x\n")))
    assert _read(STDIN)[1][0].startswith("standard input line 2: n 'x': ")
    monkeypatch.setattr("sys.stdin", None)
    assert _read(STDIN)[1][0].startswith("standard input: no such file")


def test_spelling_keeps_the_first() -> None:
    """Rows of a second spelling are told once and left out; rows without an id are no concern."""
    faults = Faults()
    rows = [Row(str(k), {"id": name} if name else {}) for k, name in enumerate(["A", "a", "", "a", "B", "A"])]
    assert [row.where for row in check_spelling(rows, "id", "case", faults)] == ["0", "4", "5"]
    assert len(faults.lines) == 1
