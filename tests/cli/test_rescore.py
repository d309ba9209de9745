"""``hetscore rescore`` as a user calls it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hetscore.cli import app
from hetscore.errors import UsageError
from hetscore.phantom.pyramid import write_pyramid


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


def test_the_old_results_are_never_written_over(results: Path) -> None:
    """The new folder must be another one."""
    with pytest.raises(UsageError, match="holds other files"):
        CliRunner().invoke(app, ["rescore", str(results), "--out", str(results)], catch_exceptions=False)
