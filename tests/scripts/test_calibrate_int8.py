"""Ranges measured and written are those that the network reads; what they cost is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetscore.segmenters.network import NetworkConfig
from hetscore.segmenters.quantization import picture_names, read_ranges
from hetscore.segmenters.unet import fold_trained
from scripts.measure_int8 import COLUMNS, format_row
from tests.segmenters.builders import make_network

script = pytest.importorskip("scripts.calibrate_int8", reason="openvino is not installed")


def test_the_middle_of_every_core_can_be_read(
    shared_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cores differ in size by single pixels: the corner of the middle is a whole block all the same."""
    monkeypatch.setattr(script, "PHANTOMS", ())
    shapes = [density.shape for density in script.read_densities(shared_data("eac-tma").parent)]
    assert shapes == [(script.CORE_PX // 2, script.CORE_PX // 2, 3)] * 8


def test_ranges_are_of_the_channel_that_goes_highest() -> None:
    """White, then black fields: each picture of the network made by hand reaches what the black one gives it.

    Its stem unmixes the stains, its levels blur them: inside a field of one color nothing changes.
    """
    network = fold_trained(make_network())
    black = np.full((64, 64, 3), 1.0, np.float32)
    most = script.measure_ranges(network, [0 * black, black, black[:40, :50]])
    assert list(most) == picture_names(network.config)
    assert min(most.values()) > 0
    assert most["down.0.first"] == pytest.approx(most["down.1.second"], rel=0.01)
    alone = script.measure_ranges(network, [0.5 * black])
    assert alone["down.0.first"] == pytest.approx(most["down.0.first"] / 2, rel=0.01)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """To the fourth digit."""
    config = NetworkConfig((4, 6))
    most = {name: 1.5 + i for i, name in enumerate(picture_names(config))}
    script.write_ranges(tmp_path / "int8.toml", "ab", most, "drawn by hand")
    assert read_ranges(tmp_path / "int8.toml", "ab", config) == most


def test_a_row_by_hand() -> None:
    """Of 100 cells 98 found again; of 50 tumor cells 49, one more now, 48 of the 49 of the same class."""
    counts = np.array([100, 4.0, 98, 50, 49, 1, 48, 400])
    assert format_row("cores", counts) == "| cores | 100 | 0.100 | 98.00% | 50 | 98.00% | 2.00% | 97.96% |"
    assert len(COLUMNS) == len(counts) - 1
