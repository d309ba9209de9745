"""`hetscore evaluate` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hetscore.cli import app
from hetscore.errors import UsageError
from tests.evaluation.builders import write_phantom_truth, write_results

CELL = {"x": 5.0, "y": 5.0, "p": 1.0, "class": 3, "fragment": 1}
TRUE = {"x": 5.0, "y": 5.0, "kind": "3", "fragment": 1}
POINTS = "core,crop,crop_x,crop_y,crop_size,x,y,reader,code\na,c,0,0,384,5,5,R1,t3\na,c,0,0,384,5,5,R2,t2\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Write results of two cases, of which the truth knows one."""
    for name in ("a", "extra"):
        write_results(tmp_path / "r", [CELL], [{"fragment": 1, "score": ""}], case_id=name, slide=f"{name}.tif")
    return tmp_path / "r"


def test_phantom(results: Path, tmp_path: Path) -> None:
    """A table on stdout, a row a slide and one over all; what was skipped on stderr; the figures in the file."""
    write_phantom_truth(tmp_path / "p", [TRUE])
    out = tmp_path / "e.json"

    result = CliRunner().invoke(app, ["evaluate", str(results), "--truth", str(tmp_path / "p"), "--out", str(out)])

    assert result.exit_code == 0
    slide, over_all = (line.split() for line in result.stdout.splitlines() if "1 of 1" in line)
    assert slide[:5] == ["a.tif", "1", "of", "1", "1.00"]
    assert slide[-2:] == ["homo-HER2", "(hetero-HER2)"]
    assert over_all[:5] == ["all", "1", "of", "1", "1.00"]
    assert result.stdout.endswith(f"figures: {out}\n")
    assert result.stderr.splitlines() == [
        "slides without truth, not judged: extra.tif",
        "cases without truth, not judged: extra",
    ]
    assert json.loads(out.read_text(encoding="utf-8"))["cases"]["wrong_automatic"] == 1


def test_points(results: Path, tmp_path: Path) -> None:
    """Points know no labels and no fragments; second readings are told."""
    (tmp_path / "points.csv").write_text(POINTS)
    out = tmp_path / "e.json"

    result = CliRunner().invoke(
        app, ["evaluate", str(results), "--truth", str(tmp_path / "points.csv"), "--out", str(out)]
    )

    assert result.exit_code == 0
    assert "points of second readings, not used: 1" in result.stderr
    assert json.loads(out.read_text(encoding="utf-8"))["truth"]["kind"] == "points"


@pytest.mark.parametrize("missing", ["results", "truth"])
def test_refused(results: Path, tmp_path: Path, missing: str) -> None:
    """A path that is not what it should be is an error of usage; no file is written."""
    write_phantom_truth(tmp_path / "p", [TRUE])
    folder = tmp_path if missing == "results" else results
    truth = tmp_path / "none" if missing == "truth" else tmp_path / "p"
    arguments = ["evaluate", str(folder), "--truth", str(truth), "--out", str(tmp_path / "e.json")]

    with pytest.raises(UsageError, match="expected a"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)

    assert not (tmp_path / "e.json").exists()
