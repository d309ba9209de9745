"""What a run of `hetscore score` brings into its process: no library that it does without, each loop compiled once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[2] / "slides_sample" / "no-tumor.tif"

UNWANTED = (
    "matplotlib",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.flight",
    "scipy.interpolate",
    "scipy.ndimage",
    "scipy.stats",
    "skimage",
)
"""Libraries, and parts of those that are needed, of a tenth of a second each or more."""

PROGRAM = """
import json, sys
from hetscore.cli import app
app(sys.argv[1:], standalone_mode=False)
ours = [module for name, module in sys.modules.items() if name.startswith("hetscore.")]
loops = {v.py_func.__qualname__ + " of " + v.py_func.__module__: v for m in ours for v in vars(m).values()
         if hasattr(v, "signatures")}
counts = {name: len(loop.signatures) for name, loop in loops.items()}
print(json.dumps({"modules": sorted(sys.modules), "loops": counts}))
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Score a sample slide in a process of its own; what that holds at the end."""
    out = tmp_path_factory.mktemp("startup") / "results"
    score = ["score", str(SAMPLE), "--model", "watershed", "--out", str(out)]
    command = [sys.executable, "-c", PROGRAM, *score]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def test_a_run_is_what_was_looked_at(process: dict[str, Any]) -> None:
    """Cells were found, measured and reported on."""
    assert {"hetscore.pipeline.case", "hetscore.report.html"} <= set(process["modules"])
    assert process["loops"]["walk_rays of hetscore.membrane.kernels"] == 1


@pytest.mark.parametrize("name", UNWANTED)
def test_what_a_run_does_without_is_not_imported(process: dict[str, Any], name: str) -> None:
    """Imported all the same, it would make every run wait."""
    assert name not in process["modules"]


def test_each_loop_is_compiled_once(process: dict[str, Any]) -> None:
    """None is compiled a second time for arrays of another kind or layout."""
    assert {name: n for name, n in process["loops"].items() if n > 1} == {}
