"""`hetscore calibrate errors` as a user meets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hetscore.batch import known
from hetscore.cli import app
from hetscore.error_file import load_errors, write_errors
from hetscore.errors import UsageError
from hetscore.scoring.error_model import Check, ErrorModel
from tests.batch.known_results import write_case
from tests.test_error_file import MODEL

GOOD = "\n".join(["++++++++++++"] * 12)


def hetscore(*arguments: str | Path, catch: bool = True) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=catch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write two homogeneous cases, a false negative in one, and one that is truly 0."""
    for case_id, text in {"a": GOOD, "b": GOOD.replace("+", "-", 1), "c": GOOD.replace("+", "b")}.items():
        write_case(tmp_path, case_id, text)
    return tmp_path


def test_errors_of_a_phantom(folder: Path) -> None:
    """A table of rates, how errors lie, the domain and the check; a file that is read back."""
    out = folder / "made.toml"

    done = hetscore("calibrate", "errors", folder / "results", "--truth", folder / "truth", "--out", out)

    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["false", "negative,", "3+", "1", "288", "3.47"] in [row[:6] for row in rows]
    assert ["mpp", "0.25", "0.25"] in rows
    assert "(assumed, for too few were seen)" in done.stdout
    assert "groups of cells that are no tumor: 0 on 1.0 mm2" in done.stdout
    assert "check: 0 of 2 homogeneous cases have p < 0.05" in done.stdout
    assert f"error model made holds: {out}" in done.stdout
    assert "left out a: p = 1.000" in done.stderr
    model = load_errors(out)
    assert (model.id, model.is_site) == ("made", False)


def test_a_check_that_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 1; the file is written all the same and says so."""
    monkeypatch.setattr(known, "check_errors", lambda *_args, **_named: Check(2, 2, 0.05**2))
    out = folder / "made.toml"

    done = hetscore("calibrate", "errors", folder / "results", "--truth", folder / "truth", "--out", out, "--site")

    assert done.exit_code == 1
    assert "error model made failed: no case is labeled by it" in done.stdout
    check = load_errors(out).check
    assert check is not None
    assert check.is_failed
    assert load_errors(out).is_site


def test_homogeneous_results(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """False positives and missed cells are the model's own, which the table says."""
    (tmp_path / "models" / "made").mkdir(parents=True)
    write_errors(_of_made(), tmp_path / "models" / "made" / "errors.toml")
    monkeypatch.setattr(known, "models_folder", lambda: tmp_path / "models")
    out = folder / "site.toml"

    done = hetscore("calibrate", "errors", folder / "results", "--homogeneous", "--out", out, "--id", "autumn")

    assert done.exit_code == 0
    assert "false positive (the model's own)" in done.stdout
    assert "false positive, beside 2+ or 3+ (the model's own)" in done.stdout
    assert "tumor missed (the model's own)" in done.stdout
    model = load_errors(out)
    assert (model.id, model.is_site, model.false_positive) == ("autumn", True, MODEL.false_positive)


def test_homogeneous_results_of_an_older_model(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The errors of another version of the model are not its own."""
    (tmp_path / "models" / "made").mkdir(parents=True)
    write_errors(MODEL, tmp_path / "models" / "made" / "errors.toml")
    monkeypatch.setattr(known, "models_folder", lambda: tmp_path / "models")

    with pytest.raises(UsageError, match=r"errors\.toml: of model\.toml 00000000; expected cdcdcdcd, as the results"):
        hetscore(
            *("calibrate", "errors", folder / "results", "--homogeneous", "--out", folder / "site.toml"), catch=False
        )


def _of_made() -> ErrorModel:
    """Give the errors of the model that the results are of."""
    return replace(MODEL, model="made", model_sha256="cd" * 32)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--truth", "{truth}", "--homogeneous"], "--homogeneous and --truth: both given; expected one of them"),
        ([], "--truth: given 0 times for 1 folders of results; expected one for each"),
        (["--truth", "{truth}", "--truth", "{truth}"], "--truth: given 2 times for 1 folders"),
        (["--truth", "{truth}", "--id", " "], "expected a name"),
        (["--truth", "{truth}/none"], "there is no such file or folder; expected a phantom folder or a CSV"),
    ],
)
def test_usage(folder: Path, given: list[str], message: str) -> None:
    """What is wrong is told, and nothing is written."""
    arguments = [text.format(truth=folder / "truth") for text in given]

    with pytest.raises(UsageError, match=message):
        hetscore("calibrate", "errors", folder / "results", "--out", folder / "made.toml", *arguments, catch=False)

    assert not (folder / "made.toml").exists()


def test_no_other_file_is_replaced(folder: Path) -> None:
    """Only an older error model is."""
    out = folder / "notes.toml"
    out.write_text("which = 'block'\n", encoding="utf-8")
    arguments = ("calibrate", "errors", folder / "results", "--truth", folder / "truth", "--out", out)

    with pytest.raises(UsageError, match="exists and is no error model; expected a new file or an older error model"):
        hetscore(*arguments, catch=False)
    write_errors(MODEL, out)

    assert hetscore(*arguments).exit_code == 0
    assert load_errors(out).model == "made"
