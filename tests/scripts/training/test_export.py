"""Model folders are written as they are read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from hetscore.segmenters.network import NetworkConfig, NetworkParams, from_card
from hetscore.segmenters.unet import SegmentationNetwork
from scripts.training.export import (
    draw_curves,
    draw_reliability,
    fit_tumor,
    wilson,
    write_card,
    write_log,
    write_weights,
)


def test_a_card_and_its_weights_make_the_segmenter(tmp_path: Path) -> None:
    """What is written is what `from_card` takes, hash and widths included."""
    torch.manual_seed(0)
    network = SegmentationNetwork(NetworkConfig(widths=(4, 8))).eval()
    sha256 = write_weights(network, tmp_path)
    tables: dict[str, dict[str, object]] = {
        "": {"name": "tiny", "kind": "network", "is_small": True},
        "network": {"widths": (4, 8), "sha256": sha256},
        "tumor": {"scale": 1.5, "offset": -0.25},
    }
    write_card(tmp_path, tables)
    card = tomllib.loads((tmp_path / "model.toml").read_text(encoding="utf-8"))
    assert card["is_small"] is True
    segmenter = from_card(card, tmp_path, NetworkParams(device="cpu"))
    assert segmenter.tumor.scale == 1.5
    assert segmenter.config.widths == (4, 8)


def test_calibration_finds_the_scale_it_was_drawn_with() -> None:
    """Logits twice as sure as they should be get half of their scale."""
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, 20_000)
    fit = fit_tumor(2 * true, rng.random(20_000) < 1 / (1 + np.exp(-true)))
    assert fit.scale == pytest.approx(0.5, abs=0.02)
    assert fit.offset == pytest.approx(0.0, abs=0.06)


def test_wilson_interval_of_nine_in_ten() -> None:
    """As tables give it: 0.596 to 0.982."""
    assert wilson(9, 10) == pytest.approx((0.596, 0.982), abs=5e-4)


def test_logs_are_joined_and_drawn(tmp_path: Path) -> None:
    """The log of a model has the stage before each row; the pictures are written."""
    runs = {"phantoms": tmp_path / "a", "final": tmp_path / "b"}
    for run in runs.values():
        run.mkdir()
        rows = "".join(f"{step},1,1,1,1,0.5,2.0\n" for step in (10, 20))
        (run / "log.csv").write_text("step,center,nucleus,cell,border,tumor,steps_per_s\n" + rows, encoding="utf-8")
    write_log(tmp_path, runs)
    lines = (tmp_path / "training-log.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("stage,step,center")
    assert [line.split(",")[:2] for line in lines[1:]] == [[s, n] for s in runs for n in ("10", "20")]
    draw_curves(tmp_path / "curves.png", runs)
    draw_reliability(tmp_path / "reliability.png", np.array([0.1, 0.9, 0.95]), np.array([False, True, True]))
    assert all((tmp_path / f"{name}.png").stat().st_size > 1000 for name in ("curves", "reliability"))
