"""`hetscore calibrate intensity` as a user meets it, and `hetscore score` with what it wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hetscore.cli import app
from hetscore.config import load_model, models_folder
from hetscore.domain import Her2Score
from hetscore.errors import UsageError
from hetscore.intensity import Control, fit_intensity, load_calibration, write_calibration
from hetscore.phantom.pyramid import write_pyramid

SAMPLES = Path(__file__).resolve().parent.parent.parent / "slides_sample"


def hetscore(*arguments: str | Path, catch: bool = True) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=catch)


@pytest.fixture
def glass(tmp_path: Path) -> Path:
    """Write a slide of empty glass."""
    write_pyramid(tmp_path / "glass.tif", np.full((600, 800, 3), 240, np.uint8), 0.25)
    return tmp_path / "glass.tif"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a table of two samples as controls."""
    rows = [f"{SAMPLES / 'homo-3plus.tif'},3+", f"{SAMPLES / 'homo-2plus-amplified.tif'},2+"]
    (tmp_path / "controls.csv").write_text("\n".join(["slide,score", *rows]) + "\n", encoding="utf-8")
    return tmp_path / "controls.csv"


@pytest.fixture
def darker(tmp_path: Path) -> Path:
    """Copy the model `watershed` for a laboratory that stains like the samples, 1.5 times as dark as its own."""
    text = (models_folder() / "watershed" / "model.toml").read_text(encoding="utf-8")
    text, n = re.subn(r"^reference_od = .*$", "reference_od = [0.03, 0.14, 0.34, 0.73]", text, flags=re.MULTILINE)
    assert n == 1
    (tmp_path / "darker").mkdir()
    (tmp_path / "darker" / "model.toml").write_text(text, encoding="utf-8")
    return tmp_path / "darker"


def make_site(path: Path, strength: float = 1.0) -> Path:
    """Write a calibration of `watershed` from made-up controls, of which the 3+ has a strength of its own."""
    scale = load_model("watershed").scale
    strengths = {Her2Score.ONE_PLUS: 1.0, Her2Score.TWO_PLUS: 1.0, Her2Score.THREE_PLUS: strength}
    controls = [Control(f"{s.label}.tif", s, 300, scale.reference_od[s] * g) for s, g in strengths.items()]
    write_calibration(fit_intensity("autumn", controls, scale), path)
    return path


def test_controls_that_hold(table: Path, darker: Path, tmp_path: Path) -> None:
    """Exit status 0: a row a control and the scale on stdout, progress on stderr, and a file that score takes."""
    out = tmp_path / "site.toml"

    done = hetscore("calibrate", "intensity", "--controls", table, "--out", out, "--model", darker)

    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines() if ".tif" in line]
    assert [(Path(row[0]).name, row[1], row[-1]) for row in rows] == [
        ("homo-3plus.tif", "3+", "holds"),
        ("homo-2plus-amplified.tif", "2+", "holds"),
    ]
    calibration = load_calibration(out)
    assert f"DAB of this site for 1 of the model's laboratory: {calibration.dab_scale:.3f}" in done.stdout
    assert f"calibration site holds: {out}" in done.stdout
    assert "homo-3plus.tif (3+): " in done.stderr
    assert (calibration.id, calibration.scale) == ("site", load_model(str(darker)).scale)
    assert [control.mpp for control in calibration.controls] == [0.25, 0.25]


def test_controls_that_fail(glass: Path, tmp_path: Path) -> None:
    """Exit status 1: what is wrong stands on stderr, and the file is written all the same and says so."""
    (tmp_path / "controls.csv").write_text(f"slide,score\n{glass.name},3+\n", encoding="utf-8")
    out = tmp_path / "site.toml"
    given = ("--controls", tmp_path / "controls.csv", "--out", out, "--id", "autumn", "--model", "watershed")

    done = hetscore("calibrate", "intensity", *given)

    assert done.exit_code == 1
    assert "calibration autumn failed" in done.stdout
    assert "failed glass.tif (3+): No tissue was found on the slide; expected a whole HER2 IHC slide" in done.stderr
    assert load_calibration(out).is_failed


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--controls", "{folder}/none.csv", "--out", "{folder}/site.toml"], "none.csv: no such file"),
        (["--controls", "{table}", "--out", "{folder}/none/site.toml"], "not a file in a writable folder"),
        (["--controls", "{table}", "--out", "{folder}"], "not a file in a writable folder"),
        (["--controls", "{table}", "--out", "{table}"], "which is read; expected another file"),
        (["--controls", "{table}", "--out", "{folder}/site.toml", "--id", " "], "expected a name"),
        (["--controls", "{table}", "--out", "{folder}/site.toml", "--mpp", "40"], "--mpp: 40 um/px"),
        (["--controls", "{table}", "--out", "{folder}/site.toml", "--model", "mine"], "no such model"),
    ],
)
def test_usage(table: Path, tmp_path: Path, given: list[str], message: str) -> None:
    """What is wrong is told before any control is measured."""
    arguments = [a.format(folder=tmp_path, table=table) for a in given]

    with pytest.raises(Exception, match=message) as caught:
        hetscore("calibrate", "intensity", *arguments, catch=False)

    assert type(caught.value).__name__ in ("UsageError", "ModelError")
    assert not (tmp_path / "site.toml").exists()
    assert table.read_text(encoding="utf-8").startswith("slide,score")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("glass.tif", "glass.tif, which is read; expected another file"),
        ("link.tif", "glass.tif, which is read; expected another file"),
        ("config.toml", "config.toml, which is read; expected another file"),
        ("notes.txt", "exists and is no calibration; expected a new file or an older calibration"),
    ],
)
def test_no_other_file_is_replaced(glass: Path, tmp_path: Path, name: str, message: str) -> None:
    """Neither a control, under whatever name, nor the settings, nor a file that has nothing to do with it."""
    table, config = tmp_path / "controls.csv", tmp_path / "config.toml"
    table.write_text(f"slide,score\n{glass.name},3+\n", encoding="utf-8")
    config.write_text('model = "watershed"\n', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("which block is which\n", encoding="utf-8")
    (tmp_path / "link.tif").symlink_to(glass)
    out = tmp_path / name
    before = out.read_bytes()

    with pytest.raises(UsageError, match=message):
        hetscore("calibrate", "intensity", "--controls", table, "--out", out, "--config", config, catch=False)

    assert out.read_bytes() == before


def test_an_older_calibration_is_replaced(glass: Path, tmp_path: Path) -> None:
    """It is measured anew for each run of the stain."""
    (tmp_path / "controls.csv").write_text(f"slide,score\n{glass.name},3+\n", encoding="utf-8")
    site = make_site(tmp_path / "site.toml")
    given = ("--controls", tmp_path / "controls.csv", "--out", site, "--id", "winter", "--model", "watershed")

    hetscore("calibrate", "intensity", *given)

    assert load_calibration(site).id == "winter"


def test_score_with_a_calibration(glass: Path, tmp_path: Path) -> None:
    """Its path and numbers stand in run.json, its name beside that of the model's calibration in case.json."""
    site, out = make_site(tmp_path / "site.toml"), tmp_path / "out"

    done = hetscore("score", glass, "--out", out, "--model", "watershed", "--calibration", site)

    assert done.exit_code == 0
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert run["settings"]["calibration"] == str(site)
    assert run["intensity"] == {"id": "autumn", "dab_scale": 1.0, "problems": []}
    assert run["model"]["calibration"].endswith(" + autumn")
    case = json.loads((out / "cases" / "glass" / "case.json").read_text(encoding="utf-8"))
    assert case["provenance"]["calibration"] == run["model"]["calibration"]


def test_score_with_controls_that_failed(tmp_path: Path) -> None:
    """The problems are told at the start, and the case is not assessable for that reason."""
    site, out = make_site(tmp_path / "site.toml", strength=2.5), tmp_path / "out"

    done = hetscore("score", SAMPLES / "negative.tif", "--out", out, "--model", "watershed", "--calibration", site)

    first, second = done.stderr.splitlines()[:2]
    assert first == "calibration autumn failed: every case will be not assessable"
    assert second.startswith("failed 3+.tif (3+): median density ")
    case = json.loads((out / "cases" / "negative" / "case.json").read_text(encoding="utf-8"))
    assert case["label"] == "not-assessable"
    assert "controls-failed" in case["flags"]


def test_a_calibration_of_another_model(glass: Path, tmp_path: Path) -> None:
    """Its numbers mean nothing elsewhere; nothing is scored."""
    site = make_site(tmp_path / "site.toml")

    with pytest.raises(UsageError, match=r"made for the model watershed, .*; expected gastric-her2, "):
        hetscore("score", glass, "--out", tmp_path / "out", "--calibration", site, catch=False)

    assert not (tmp_path / "out").exists()
