"""Every exporter of the table keeps the same promises."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from hetscore.domain import CaseResult
from hetscore.errors import UsageError
from hetscore.report import EXPORTERS, write_case
from tests.report.builders import empty_result, small_result

RESULTS = {"small": small_result(), "empty": empty_result()}


def written(folder: Path, names: tuple[Path, ...]) -> dict[str, bytes]:
    """Map the names of files, relative to the folder, to their bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_writes_what_it_names_and_nothing_else(name: str, result: CaseResult, tmp_path: Path) -> None:
    """The paths given back are exactly the files in the folder, and none is empty."""
    paths = write_case(result, tmp_path, [name])

    assert set(paths) == {path for path in tmp_path.rglob("*") if path.is_file()}
    assert all(path.stat().st_size > 0 for path in paths)


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_same_result_gives_the_same_bytes(name: str, result: CaseResult, tmp_path: Path) -> None:
    """Writing twice, into two folders, gives the same files."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()

    first, second = (written(tmp_path / folder, write_case(result, tmp_path / folder, [name])) for folder in ("a", "b"))

    assert first == second


@pytest.mark.parametrize("name", EXPORTERS)
def test_writing_again_replaces(name: str, tmp_path: Path) -> None:
    """A second run into the same folder leaves the same files."""
    first = written(tmp_path, write_case(small_result(), tmp_path, [name]))

    assert written(tmp_path, write_case(small_result(), tmp_path, [name])) == first


@pytest.mark.parametrize("name", EXPORTERS)
def test_module_says_what_it_is(name: str) -> None:
    """Each entry names a module with a docstring and a sentence for the user."""
    module, says = EXPORTERS[name]

    assert import_module(module).__doc__
    assert says


def test_an_empty_case_still_has_its_files(tmp_path: Path) -> None:
    """A case without slides has all files but those that are one a slide."""
    names = {path.name for path in write_case(empty_result(), tmp_path, list(EXPORTERS))}

    assert names == {"fragments.csv", "cells.parquet", "index.json", "report.html", "case.json"}


def test_case_json_is_written_last(tmp_path: Path) -> None:
    """Where case.json stands the other files are whole, in whatever order the formats were asked for."""
    paths = write_case(small_result(), tmp_path / "new", ["json", "csv", "json"])

    assert [path.name for path in paths] == ["fragments.csv", "case.json"]


def test_unknown_format_writes_nothing(tmp_path: Path) -> None:
    """An unknown format is refused, with the names that exist, before anything is written."""
    with pytest.raises(UsageError, match=r"formats: docx; expected some of csv, parquet"):
        write_case(small_result(), tmp_path / "new", ["json", "docx"])

    assert not (tmp_path / "new").exists()
