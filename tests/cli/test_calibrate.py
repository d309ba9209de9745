"""`hetscore calibrate intensity` as a user meets it, and `hetscore score` with what it wrote."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hetscore.cli import app
from hetscore.config import Settings, find_measuring, load_intensity, load_model, load_settings, models_folder
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
    model = load_model("watershed")
    strengths = {Her2Score.ONE_PLUS: 1.0, Her2Score.TWO_PLUS: 1.0, Her2Score.THREE_PLUS: strength}
    controls = [Control(f"{s.label}.tif", s, 300, model.scale.reference_od[s] * g) for s, g in strengths.items()]
    write_calibration(fit_intensity("autumn", controls, model.scale, find_measuring(Settings(), model)), path)
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
    assert calibration.settings == find_measuring(Settings(), load_model(str(darker)))


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


def test_the_settings_of_the_controls_are_written(glass: Path, tmp_path: Path) -> None:
    """Those of the file and of the command line, by the table of the model's segmenter and no other; not the device."""
    (tmp_path / "controls.csv").write_text(f"slide,score\n{glass.name},3+\n", encoding="utf-8")
    (tmp_path / "config.toml").write_text("[membrane]\nstep_um = 0.5\n", encoding="utf-8")
    out, config = tmp_path / "site.toml", tmp_path / "config.toml"

    hetscore(
        *("calibrate", "intensity", "--controls", tmp_path / "controls.csv", "--out", out, "--config", config),
        *("--flips", "--device", "cpu"),
    )

    written = load_calibration(out).settings
    assert set(written) == {"tiling", "network", "membrane"}
    assert (written["membrane"]["step_um"], written["network"]["flips"]) == (0.5, True)
    assert set(written["tiling"]) == {"mpp"}
    assert "device" not in written["network"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"membrane": {"step_um": 0.5}},
            "controls measured with membrane.step_um 0.25; expected 0.5, as the cases. Run",
        ),
        ({"tiling": {"mpp": 0.5}}, "controls measured with tiling.mpp 0.25; expected 0.5, as the cases. Run"),
        ({"watershed": {"blob_sigmas_um": [2.3, 4.0]}}, "watershed.blob_sigmas_um [2.3]; expected [2.3, 4.0], as"),
        (
            {"watershed": {"cell_reach_um": 10.0}, "membrane": {"step_um": 0.5}, "tiling": {"mpp": 0.5}},
            "measured with membrane.step_um 0.25; expected 0.5, as the cases (2 more differ). Run",
        ),
    ],
    ids=["membrane", "tiling", "segmenter", "several"],
)
def test_other_settings_than_those_of_the_controls(tmp_path: Path, changed: dict[str, object], told: str) -> None:
    """Another measure has another scale: the first difference is named, and the two ways out."""
    site = make_site(tmp_path / "site.toml")

    with pytest.raises(UsageError) as caught:
        load_intensity(load_settings(None, calibration=str(site), **changed), load_model("watershed"))

    assert str(caught.value).startswith(f"{site}: controls measured with ")
    assert told in str(caught.value)
    assert str(caught.value).endswith("with these settings, or score with those of the controls.")


def test_settings_that_leave_the_measure_alone(tmp_path: Path) -> None:
    """What chooses cells or judges them, the size of tiles, the device, and the tables of other segmenters."""
    site = make_site(tmp_path / "site.toml")
    free = {"tiling": {"core_px": 1024}, "tissue": {"halo_um": 30.0}, "network": {"flips": True, "device": "cpu"}}

    found = load_intensity(load_settings(None, calibration=str(site), **free), load_model("watershed"))

    assert found is not None
    assert found.id == "autumn"


def test_score_with_other_settings_than_the_controls(glass: Path, tmp_path: Path) -> None:
    """Nothing is scored."""
    site, config = make_site(tmp_path / "site.toml"), tmp_path / "config.toml"
    config.write_text('model = "watershed"\n[membrane]\nstep_um = 0.5\n', encoding="utf-8")
    given = ("--config", config, "--calibration", site)

    with pytest.raises(UsageError, match=r"membrane\.step_um 0\.25; expected 0\.5"):
        hetscore("score", glass, "--out", tmp_path / "out", *given, catch=False)

    assert not (tmp_path / "out").exists()


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


def test_scored_again_with_a_calibration(glass: Path, tmp_path: Path) -> None:
    """What the cells were classed with is handed on, however often they are scored again."""
    site, folders = make_site(tmp_path / "site.toml"), [tmp_path / name for name in ("out", "again", "more")]
    hetscore("score", glass, "--out", folders[0], "--model", "watershed", "--calibration", site)

    for old, new in pairwise(folders):
        assert hetscore("rescore", old, "--out", new).exit_code == 0

    first, *others = (json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in folders)
    for other in others:
        for name in ("model", "intensity", "errors", "settings"):
            assert other[name] == first[name], name


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
