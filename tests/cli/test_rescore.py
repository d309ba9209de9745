"""``hetscore rescore`` as a user calls it."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hetscore.cli import app
from hetscore.config import load_model
from hetscore.error_file import write_errors
from hetscore.errors import UsageError
from hetscore.phantom.pyramid import write_pyramid
from tests.test_error_file import MODEL


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score a slide of empty glass: the quickest results there are."""
    folder = tmp_path_factory.mktemp("rescore")
    write_pyramid(folder / "glass.tif", np.full((600, 800, 3), 240, np.uint8), 0.25)
    called = CliRunner().invoke(
        app, ["score", str(folder / "glass.tif"), "--out", str(folder / "results"), "--model", "watershed"]
    )
    assert called.exit_code == 0, called.output
    return folder / "results"


def test_whole_new_results(results: Path, tmp_path: Path) -> None:
    """Everything is written anew, and the table of labels is printed."""
    called = CliRunner().invoke(app, ["rescore", str(results), "--out", str(tmp_path / "new")])

    assert called.exit_code == 0, called.output
    assert "not-assessable" in called.stdout
    with (tmp_path / "new" / "cases.csv").open(newline="") as file:
        assert [row["case_id"] for row in csv.DictReader(file)] == ["glass"]
    assert (tmp_path / "new" / "cases" / "glass" / "report.html").is_file()


def test_a_drawing_that_does_not_fit_is_a_failure(results: Path, tmp_path: Path) -> None:
    """A region of another slide fails the slide with exit status 1, and says where it lies."""
    drawing = tmp_path / "glass.geojson"
    geometry = {"type": "Polygon", "coordinates": [[[9000, 0], [9999, 0], [9000, 9], [9000, 0]]]}
    properties = {"classification": {"name": "Exclude"}}
    drawing.write_text(json.dumps([{"type": "Feature", "geometry": geometry, "properties": properties}]))

    called = CliRunner().invoke(
        app, ["rescore", str(results), "--out", str(tmp_path / "new"), "--annotations", str(drawing)]
    )

    assert called.exit_code == 1
    assert "expected level-0 pixels of glass.tif, 800 x 600" in called.stderr


def test_the_error_model_is_known_again(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path is stored whole, so any folder will do to call from; a file that was changed since is refused."""
    model = load_model("watershed", with_weights=False)
    made = replace(MODEL, model=model.name, model_sha256=model.sha256, calibration=model.membrane.id, check=None)
    write_errors(made, tmp_path / "site.toml")
    monkeypatch.chdir(tmp_path)
    slide = results.parent / "glass.tif"
    given = ("--out", "first", "--model", "watershed", "--errors", "site.toml")
    CliRunner().invoke(app, ["score", str(slide), *given], catch_exceptions=False)
    monkeypatch.chdir(results)

    again = CliRunner().invoke(app, ["rescore", str(tmp_path / "first"), "--out", str(tmp_path / "again")])

    assert again.exit_code == 0, again.output
    named = [json.loads((tmp_path / name / "run.json").read_text())["errors"] for name in ("first", "again")]
    sha256 = hashlib.sha256((tmp_path / "site.toml").read_bytes()).hexdigest()
    assert named == [{"id": made.id, "path": str(tmp_path.resolve() / "site.toml"), "sha256": sha256}] * 2

    write_errors(replace(made, created="2026-11-23"), tmp_path / "site.toml")
    with pytest.raises(UsageError, match=r"site\.toml: changed since the slides were scored .*; expected "):
        CliRunner().invoke(
            app, ["rescore", str(tmp_path / "first"), "--out", str(tmp_path / "more")], catch_exceptions=False
        )
    assert not (tmp_path / "more").exists()


def test_the_old_results_are_never_written_over(results: Path) -> None:
    """The new folder must be another one."""
    with pytest.raises(UsageError, match="holds other files"):
        CliRunner().invoke(app, ["rescore", str(results), "--out", str(results)], catch_exceptions=False)
