"""The command line from outside: exit status, what goes to stdout and stderr, and how soon it answers."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch

from hetscore.batch.run import Outcome
from hetscore.cli.score import print_outcome
from hetscore.phantom.pyramid import write_pyramid
from hetscore.report.case_json import case_document
from hetscore.report.tables import case_row
from tests.report.builders import small_result
from tests.segmenters.builders import write_network


def hetscore(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    command = [sys.executable, "-m", "hetscore", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)  # noqa: S603 - our own command


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """Write a slide of empty glass."""
    write_pyramid(tmp_path / "glass.tif", np.full((600, 800, 3), 240, np.uint8), 0.25)
    return tmp_path / "glass.tif"


def test_all_scored(slide: Path, tmp_path: Path) -> None:
    """Exit status 0; the table and the report's path on stdout, progress on stderr."""
    done = hetscore("score", slide, "--out", tmp_path / "out")

    assert done.returncode == 0
    assert "not-assessable" in done.stdout
    assert str(tmp_path / "out" / "cases" / "glass" / "report.html") in done.stdout
    assert "glass: not-assessable" in done.stderr


def test_a_label_that_may_fall_is_marked() -> None:
    """Only there: a mark on the label, and what it means below the table."""
    falls = case_row(case_document(small_result()))
    stands = replace(falls, case_id="case-02", provisional=False, flags="limited-sampling status-sensitive")
    out = Path("out")

    with redirect_stdout(StringIO()) as both:
        print_outcome(Outcome([falls, stands]), out)
    with redirect_stdout(StringIO()) as alone:
        print_outcome(Outcome([stands]), out)

    assert "hetero-HER2 *~" in both.getvalue()
    assert both.getvalue().count("~") == 2
    assert "the label changes if the measurement is a little off" in both.getvalue()
    assert "~" not in alone.getvalue()


def test_some_failed(slide: Path, tmp_path: Path) -> None:
    """Exit status 1; the others are done and the reason stands on stderr, without a traceback."""
    (tmp_path / "text.svs").write_text("not a slide")

    done = hetscore("score", slide, tmp_path / "text.svs", "--out", tmp_path / "out")

    assert done.returncode == 1
    assert "failed text" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out" / "cases" / "glass" / "case.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.svs", "--out", "out"], "nowhere.svs"),
        (["{slide}", "--out", "{full}"], "holds other files"),
        (["{slide}", "--out", "out", "--rule-set", "mine"], "yagi-2019"),
        (["{slide}", "--out", "out", "--guideline", "mine"], "gastric-biopsy"),
        (["{slide}", "--out", "out", "--model", "mine"], "watershed"),
        (["{slide}", "--out", "out", "--config", "none.toml"], "none.toml"),
        (["{slide}", "--out", "out", "--mpp", "99"], "99"),
        (["{slide}", "--out", "out", "--device", "gpu"], "'auto', 'cpu', 'cuda' or 'mps'"),
    ],
)
def test_usage(slide: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    """Exit status 2 and one line that names what was wrong or what is known; nothing is scored."""
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").write_text("")

    done = hetscore("score", *(a.format(slide=slide, full=full) for a in arguments), cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_cases_that_cannot_be_scored_as_asked(slide: Path, tmp_path: Path) -> None:
    """A specimen of another guideline ends with exit status 2, a line that names the way out, and no folder."""
    table = tmp_path / "cases.csv"
    table.write_text(f"case_id,slide,specimen\nX,{slide.name},resection\n")

    done = hetscore("score", table, "--out", tmp_path / "out")

    assert done.returncode == 2
    assert "case X: specimen resection; guideline gastric-biopsy is for biopsy." in done.stderr
    assert "--guideline gastric-resection" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_network_and_its_device(slide: Path, tmp_path: Path) -> None:
    """``--device`` and ``--flips`` reach the settings, and the device really used stands in the result."""
    (tmp_path / "model").mkdir()
    write_network(tmp_path / "model")

    options = ("--model", tmp_path / "model", "--device", "cpu", "--flips")
    done = hetscore("score", slide, "--out", tmp_path / "out", *options)

    assert done.returncode == 0
    provenance = json.loads((tmp_path / "out" / "cases" / "glass" / "case.json").read_text())["provenance"]
    assert provenance["device"].startswith("cpu")  # and what runs the network there, if it is not torch
    assert provenance["settings"]["network"]["flips"] is True
    assert provenance["settings"]["torchscript"]["device"] == "cpu"


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has what should be missing")
def test_a_device_that_is_not_there(slide: Path, tmp_path: Path) -> None:
    """Exit status 2 and what is there; nothing is scored."""
    (tmp_path / "model").mkdir()
    write_network(tmp_path / "model")

    done = hetscore("score", slide, "--out", tmp_path / "out", "--model", tmp_path / "model", "--device", "mps")

    assert done.returncode == 2
    assert "device mps: not on this machine; expected one of auto, " in done.stderr
    assert not (tmp_path / "out").exists()


def test_settings_load_no_torch() -> None:
    """The watershed model does without: torch alone would take longer to load than a small slide to score."""
    program = (
        "import sys; from hetscore.config import load_model; load_model('watershed'); print('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout.strip() == "False"


def test_help_imports_nothing_heavy() -> None:
    """``--help`` answers at once because no numerical library is loaded for it."""
    program = "import sys, hetscore.cli; print([m for m in ('numpy', 'torch', 'cv2', 'pydantic') if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout.strip() == "[]"


def test_version() -> None:
    """``--version`` tells the version and exits."""
    assert hetscore("--version").stdout.startswith("hetscore 0.")


def test_report_is_made_again_without_the_slide(slide: Path, tmp_path: Path) -> None:
    """The same page, byte for byte, though the slide is gone; a folder without results is refused."""
    hetscore("score", slide, "--out", tmp_path / "out")
    page = tmp_path / "out" / "cases" / "glass" / "report.html"
    before = page.read_bytes()
    page.unlink()
    slide.unlink()

    done, refused = hetscore("report", tmp_path / "out"), hetscore("report", tmp_path)

    assert (done.returncode, page.read_bytes()) == (0, before)
    assert refused.returncode == 2
    assert "expected a folder written by score" in refused.stderr
