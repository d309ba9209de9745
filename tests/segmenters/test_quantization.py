"""Ranges for 8 bits: their file, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetscore.errors import ModelError
from hetscore.segmenters.network import NetworkConfig
from hetscore.segmenters.quantization import picture_names, read_ranges
from hetscore.segmenters.runtimes import has_openvino, make_runtime
from hetscore.segmenters.unet import fold_trained
from tests.segmenters.builders import make_network

CONFIG = NetworkConfig((4, 6))
RANGES = """\
weights_sha256 = "ab"
[most]
"down.0.first" = 1.0
"down.0.second" = 2.0
"down.1.first" = 3.0
"down.1.second" = 4.0
"up.0.first" = 5.0
"""


class TestReadRanges:
    """The file in a model's folder."""

    def test_a_good_file(self, tmp_path: Path) -> None:
        """A number for each picture between the layers, in their order."""
        (tmp_path / "int8.toml").write_text(RANGES, encoding="utf-8")
        most = read_ranges(tmp_path / "int8.toml", "ab", CONFIG)
        assert list(most) == picture_names(CONFIG)
        assert list(most.values()) == [1.0, 2.0, 3.0, 4.0, 5.0]

    def test_whole_numbers(self, tmp_path: Path) -> None:
        """Who writes 2 means 2.0."""
        (tmp_path / "int8.toml").write_text(RANGES.replace(".0\n", "\n"), encoding="utf-8")
        most = read_ranges(tmp_path / "int8.toml", "ab", CONFIG)
        assert list(most.values()) == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert {type(value) for value in most.values()} == {float}

    @pytest.mark.parametrize(
        ("edit", "told"),
        [
            (lambda text: text.replace("ab", "cd"), "measured with other weights; expected those of sha256 ab."),
            (lambda text: text.replace("2.0", "0.0"), "most.down.0.second is 0.0; expected a positive number."),
            (lambda text: text.replace("2.0", "inf"), "most.down.0.second is inf; expected a positive number."),
            (lambda text: text.replace("2.0", '"2"'), "most.down.0.second is '2'; expected a positive number."),
            (lambda text: text.replace("2.0", "true"), "most.down.0.second is True; expected a positive number."),
            (lambda text: text.replace("2.0", "-2"), "most.down.0.second is -2; expected a positive number."),
            (lambda text: text.replace("2.0", "1e39"), "most.down.0.second is 1e+39; expected a positive number."),
            (lambda text: text.replace("2.0", "1e-46"), "most.down.0.second is 1e-46; expected a positive number."),
            (lambda text: text.replace("up.0", "up.1"), "most.up.0.first is None; expected a positive number."),
            (lambda text: text.replace("[most]", "[least]"), "most.down.0.first is None; expected a positive number."),
            (
                lambda text: text.replace("[most]", "most = 3\n[more]"),
                "most is 3; expected a table with a number for each picture.",
            ),
            (lambda text: text.replace("[most]", "[most"), "not valid TOML ("),
            (
                lambda text: text + '"up.9.first" = 1.0',
                "most.up.9.first is no picture of this network; expected down.0",
            ),
        ],
    )
    def test_a_bad_file(self, tmp_path: Path, edit: Callable[[str], str], told: str) -> None:
        """One line that names the file and the fault, and says what to do."""
        (tmp_path / "int8.toml").write_text(edit(RANGES), encoding="utf-8")
        with pytest.raises(ModelError) as caught:
            read_ranges(tmp_path / "int8.toml", "ab", CONFIG)
        assert str(caught.value).startswith(f"{tmp_path / 'int8.toml'}: {told}")
        assert str(caught.value).endswith("Run scripts/calibrate_int8.py, or set network.runtime to auto.")

    def test_no_file(self, tmp_path: Path) -> None:
        """A model without ranges runs in single precision alone."""
        with pytest.raises(ModelError, match="no such file; expected the ranges that openvino-int8 needs"):
            read_ranges(tmp_path / "int8.toml", "ab", CONFIG)


@pytest.mark.skipif(not has_openvino(), reason="openvino is not installed")
class TestEightBits:
    """What the ranges do."""

    def test_maps_are_near_those_in_single_precision(self) -> None:
        """Of a network made by hand, within a hundredth of what the maps range over."""
        network = fold_trained(make_network())
        density = np.random.default_rng(1).uniform(0, 1, (64, 96, 3)).astype(np.float32)
        most = dict.fromkeys(picture_names(network.config), 2.0)
        single = make_runtime(network, "openvino", "cpu").run(density)
        eight = make_runtime(network, "openvino-int8", "cpu", most)
        assert 0 < np.abs(eight.run(density) - single).mean() < 0.01 * np.ptp(single)
        assert eight.device.endswith(", int8)")

    def test_larger_values_are_cut(self) -> None:
        """With ranges of next to nothing the maps are what they are of glass: the lines of the network at 0."""
        network = fold_trained(make_network())
        most = dict.fromkeys(picture_names(network.config), 1e-4)
        cut = make_runtime(network, "openvino-int8", "cpu", most).run(np.ones((32, 32, 3), np.float32))
        np.testing.assert_allclose(cut, np.broadcast_to(network.head.bias[::4, None, None], cut.shape), atol=0.01)
