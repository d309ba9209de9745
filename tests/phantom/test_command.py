"""The command's function, called as the application calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hetscore.cli.phantom import phantom
from hetscore.errors import UsageError
from hetscore.phantom import PRESETS, make_cases, read_spec

TINY = """
[[case]]
case_id = "tiny"
mpp = 0.5
[[case.fragment]]
diameter_um = 100
tissue = "benign"
"""


@pytest.fixture
def spec_path(tmp_path: Path) -> Path:
    """Write a specification of one tiny case."""
    path = tmp_path / "mine.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def test_command_draws_a_specification_and_is_silent(
    tmp_path: Path, spec_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many cases as asked for, the second under another name; a bar is shown on a terminal only."""
    phantom(str(spec_path), out=tmp_path / "out", seed=1, cases=2, processes=1)

    assert sorted(path.name for path in (tmp_path / "out").glob("*.tif")) == ["tiny-2.tif", "tiny.tif"]
    assert capsys.readouterr() == ("", "")


def test_list_describes_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, on stdout; no folder is needed."""
    phantom(list_presets=True)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(PRESETS)
    assert all(len(line) <= 110 for line in lines)


def test_printed_cases_are_a_specification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What --spec prints is what the preset would draw."""
    phantom("hard", seed=4, cases=2, spec=True)

    path = tmp_path / "hard.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert read_spec(path) == make_cases("hard", 4, 2)


@pytest.mark.parametrize(
    ("source", "cases", "match"),
    [
        ("nonsense", 1, "typical"),
        ("", None, "--list"),
        ("missing.toml", None, "no such file"),
        ("mine.toml", 0, "at least 1"),
    ],
)
def test_command_refuses_what_it_cannot_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec_path: Path, source: str, cases: int | None, match: str
) -> None:
    """Nothing is made on the disk."""
    monkeypatch.chdir(spec_path.parent)

    with pytest.raises(UsageError, match=match):
        phantom(source, out=tmp_path / "out", cases=cases)

    assert not (tmp_path / "out").exists()


def test_command_asks_for_a_folder() -> None:
    """Without --out there is nothing to write to."""
    with pytest.raises(UsageError, match="--out: missing"):
        phantom("sample")


def test_help_names_every_preset() -> None:
    """The list in the help is written by hand, for the help must not wait for the imports."""
    shown = subprocess.run(
        [sys.executable, "-m", "hetscore", "phantom", "--help"], capture_output=True, text=True, check=True
    ).stdout

    assert [name for name in PRESETS if name not in shown] == []
