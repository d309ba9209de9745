"""The command's function, called as the application calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hetscore.cli.phantom import phantom
from hetscore.errors import UsageError
from hetscore.phantom import PRESETS, CaseSpec, FragmentSpec, Tissue, spec


def test_command_writes_the_preset_and_is_silent_on_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many cases as asked for; progress goes to stderr only."""
    tiny = CaseSpec("tiny", (FragmentSpec(100.0, Tissue.BENIGN),), mpp=0.5)
    monkeypatch.setattr(spec, "PRESETS", {**PRESETS, "tiny": lambda _rng, _n: (tiny,)})

    phantom("tiny", out=tmp_path / "out", seed=1, cases=1)

    assert (tmp_path / "out" / "tiny.tif").is_file()
    assert capsys.readouterr().out == ""


def test_command_refuses_an_unknown_preset(tmp_path: Path) -> None:
    """Nothing is made on the disk."""
    with pytest.raises(UsageError, match="typical"):
        phantom("nonsense", out=tmp_path / "out")

    assert not (tmp_path / "out").exists()
