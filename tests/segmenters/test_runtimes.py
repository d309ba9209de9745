"""What runs the network: which library is taken, and that all give the same."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetscore.config import load_model, load_settings
from hetscore.domain import Rgb
from hetscore.errors import UsageError
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue
from hetscore.phantom.fields import draw_fields
from hetscore.pipeline import make_segmenter
from hetscore.segmenters import DeviceName, RuntimeName, runtimes
from hetscore.segmenters.network import NetworkSegmenter
from hetscore.segmenters.runtimes import has_gpu, make_runtime, may_have_gpu
from hetscore.segmenters.torch_runtime import TorchRuntime
from hetscore.segmenters.unet import fold_trained
from hetscore.stain import Stain
from tests.drawings import VECTORS, make_tile
from tests.segmenters.builders import random_network

needs_openvino = pytest.mark.skipif(not runtimes.has_openvino(), reason="openvino is not installed")
LOGIT = 1e-4
"""Most that two libraries' maps may lie apart: sums of some thousand products in single precision, in any order."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend a machine with or without a GPU and OpenVINO."""

    def pretend(*, gpu: bool, openvino: bool) -> None:
        monkeypatch.setattr(runtimes, "has_gpu", lambda: gpu)
        monkeypatch.setattr(runtimes, "has_openvino", lambda: openvino)

    return pretend


class TestChoice:
    """Which library, of the runtime and the device that were asked for."""

    @pytest.mark.parametrize(
        ("runtime", "device", "gpu", "taken"),
        [
            ("auto", "auto", False, True),
            ("auto", "auto", True, False),
            ("auto", "cpu", True, True),
            ("auto", "cuda", True, False),
            ("torch", "cpu", False, False),
            ("openvino", "auto", True, True),
            ("openvino", "cpu", False, True),
            ("openvino-int8", "auto", False, True),
        ],
    )
    def test_where_openvino_is_installed(
        self, machine: Callable[..., None], runtime: RuntimeName, device: DeviceName, gpu: bool, taken: bool
    ) -> None:
        """It runs what is left to the CPU, unless torch is asked for."""
        machine(gpu=gpu, openvino=True)
        assert runtimes._takes_openvino(runtime, device) is taken

    def test_where_it_is_not(self, machine: Callable[..., None]) -> None:
        """Torch runs the network; who asks for OpenVINO is told how to get it."""
        machine(gpu=False, openvino=False)
        assert not runtimes._takes_openvino("auto", "cpu")
        with pytest.raises(UsageError, match=r"^network\.runtime openvino: not installed; .*hetscore\[openvino\]"):
            runtimes._takes_openvino("openvino", "auto")

    @pytest.mark.parametrize("device", ["cuda", "mps"])
    def test_not_on_a_gpu(self, machine: Callable[..., None], device: DeviceName) -> None:
        """OpenVINO and a GPU cannot both be had."""
        machine(gpu=True, openvino=True)
        with pytest.raises(UsageError, match=rf"^network\.runtime openvino: device {device}; expected cpu"):
            runtimes._takes_openvino("openvino", device)

    def test_torch_says_what_the_machine_lacks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A device that is asked for and not there is a usage error with either library installed."""
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        with pytest.raises(UsageError, match="device cuda: not on this machine"):
            make_runtime(fold_trained(random_network((4,))), "auto", "cuda")

    def test_8_bits_need_ranges(self) -> None:
        """Whoever makes the runtime has read them."""
        with pytest.raises(ValueError, match="without the ranges"):
            make_runtime(fold_trained(random_network((4,))), "openvino-int8", "cpu")

    @pytest.mark.parametrize(("platform", "driver"), [("linux", "libcuda.so.1"), ("win32", "nvcuda.dll")])
    def test_a_driver_is_a_reason_to_ask_torch(
        self, monkeypatch: pytest.MonkeyPatch, platform: str, driver: str
    ) -> None:
        """The driver's library is looked for by the name it has on the system."""
        asked: list[str] = []
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(Path, "exists", lambda _: False)
        monkeypatch.setattr(runtimes, "CDLL", asked.append)
        assert may_have_gpu()
        assert asked == [driver]

        def refuse(_: str) -> None:
            raise OSError

        monkeypatch.setattr(runtimes, "CDLL", refuse)
        assert not may_have_gpu()

    @pytest.mark.parametrize("gpu", [True, False])
    def test_a_driver_alone_is_no_gpu(self, monkeypatch: pytest.MonkeyPatch, gpu: bool) -> None:
        """Where torch, once asked, has none to use, the CPU is left, and with it OpenVINO."""
        monkeypatch.setattr(runtimes, "may_have_gpu", lambda: True)
        monkeypatch.setattr(runtimes, "has_openvino", lambda: True)
        monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
        assert has_gpu() is gpu
        assert runtimes._takes_openvino("auto", "auto") is not gpu

    def test_torch_is_not_asked_without_a_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It takes long to import."""
        monkeypatch.setattr(runtimes, "may_have_gpu", lambda: False)
        monkeypatch.setitem(sys.modules, "hetscore.segmenters.devices", None)  # an import would fail
        assert not has_gpu()


@pytest.fixture(params=["ImportError('no\\nlibopenvino.so')", "OSError('no\\nlibopenvino.so')"])
def broken_openvino(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install an OpenVINO before the other that is there but cannot be imported."""
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text(f"raise {request.param}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("openvino", "hetscore.segmenters.openvino_runtime"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("broken_openvino")
class TestBroken:
    """OpenVINO is installed and does not load, as after half an update or on another system."""

    def test_torch_takes_its_place(self) -> None:
        """Where the choice was left open; what ran the network says why."""
        network, noise = fold_trained(random_network((4,))), np.ones((8, 8, 3), np.float32)
        runtime = make_runtime(network, "auto", "cpu")
        assert runtime.device == "cpu (torch, as openvino cannot be imported)"
        assert np.array_equal(runtime.run(noise), TorchRuntime(network, "cpu").run(noise))

    @pytest.mark.parametrize("runtime", ["openvino", "openvino-int8"])
    def test_who_asks_for_it_is_told(self, runtime: RuntimeName) -> None:
        """With the cause, in one line."""
        told = rf"^network\.runtime {runtime}: cannot be imported \(\w+Error: no libopenvino\.so\); expected a working"
        with pytest.raises(UsageError, match=told):
            make_runtime(fold_trained(random_network((4,))), runtime, "cpu", {})


@needs_openvino
class TestConverter:
    """OpenVINO's converter of models stays out, and nobody else is kept from it."""

    def test_it_is_kept_out_of_the_import_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Meanwhile its import fails; afterwards there is no trace, even if OpenVINO could not be imported."""
        from hetscore.segmenters.openvino_runtime import _CONVERTER, _without_converter

        for name in ("openvino", _CONVERTER):
            monkeypatch.delitem(sys.modules, name, raising=False)
        with pytest.raises(ImportError, match=_CONVERTER), _without_converter():
            importlib.import_module(_CONVERTER)
        assert _CONVERTER not in sys.modules

    def test_an_openvino_that_is_there_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever imported it first, with its converter, keeps that."""
        from hetscore.segmenters.openvino_runtime import _CONVERTER, _without_converter

        converter = ModuleType(_CONVERTER)
        monkeypatch.setitem(sys.modules, _CONVERTER, converter)
        with _without_converter():
            assert sys.modules[_CONVERTER] is converter
        assert sys.modules[_CONVERTER] is converter


def _drawn_field() -> tuple[Rgb, tuple[float, float, float]]:
    """Draw a piece of tumor and what it is seen against."""
    case = CaseSpec("runtimes", (FragmentSpec(120.0, Tissue.SHEETS),))
    field = next(iter(draw_fields(case, 90_001, 0.5)))
    return field.rgb, field.white


@needs_openvino
class TestSameMaps:
    """OpenVINO and torch, beside each other."""

    @pytest.mark.parametrize("widths", [(4,), (4, 6), (6, 4), (3, 5, 2, 7)])
    def test_random_networks(self, widths: tuple[int, ...]) -> None:
        """Of any number of levels, on noise as wide as the densities may be."""
        network = fold_trained(random_network(widths))
        side = network.config.stride
        noise = np.random.default_rng(1).uniform(-0.1, 1.5, (2 * side, 3 * side, 3)).astype(np.float32)
        one, other = (make_runtime(network, runtime, "cpu").run(noise) for runtime in ("torch", "openvino"))
        assert one.shape == other.shape == (5, 2 * side, 3 * side)
        np.testing.assert_allclose(one, other, atol=LOGIT, rtol=LOGIT)

    def test_the_shipped_model_on_drawn_tissue(self) -> None:
        """Maps within the bound, and the same cells: labels, and tumor probabilities to their sixth digit."""
        rgb, white = _drawn_field()
        one, other = (
            make_segmenter(load_model("gastric-her2"), load_settings(None, network={"device": "cpu", "runtime": name}))
            for name in ("torch", "openvino")
        )
        assert isinstance(one, NetworkSegmenter)
        assert isinstance(other, NetworkSegmenter)
        np.testing.assert_allclose(one.predict(rgb, white), other.predict(rgb, white), atol=LOGIT)
        tile, stain = make_tile(rgb), Stain(white, VECTORS)
        labels = [segmenter.segment(tile, stain) for segmenter in (one, other)]
        assert len(labels[0].p_tumor) > 30
        assert np.array_equal(labels[0].nuclei, labels[1].nuclei)
        assert np.array_equal(labels[0].cells, labels[1].cells)
        np.testing.assert_allclose(labels[0].p_tumor, labels[1].p_tumor, atol=2e-6)

    def test_each_says_what_it_is(self) -> None:
        """With the version of the library, for the record of the run."""
        network = fold_trained(random_network((4,)))
        assert make_runtime(network, "torch", "cpu").device == "cpu"
        assert make_runtime(network, "openvino", "cpu").device.startswith("cpu (openvino 20")


@needs_openvino
class TestOpenvino:
    """Tiles of all sizes, several at a time."""

    @given(height=st.integers(1, 6), width=st.integers(1, 6))
    @settings(max_examples=20)
    def test_any_size(self, height: int, width: int) -> None:
        """One compiled graph takes them all: each has the maps that torch gives it."""
        noise = np.random.default_rng(0).uniform(0, 1, (8 * height, 8 * width, 3)).astype(np.float32)
        one, other = (runtime.run(noise) for runtime in _pair())
        np.testing.assert_allclose(one, other, atol=LOGIT, rtol=LOGIT)

    def test_maps_are_the_callers_to_keep(self) -> None:
        """The next picture does not write over them."""
        _, runtime = _pair()
        first = runtime.run(np.zeros((64, 64, 3), np.float32))
        kept = first.copy()
        runtime.run(np.ones((64, 64, 3), np.float32))
        assert np.array_equal(first, kept)

    def test_each_caller_has_a_copy(self) -> None:
        """Nobody waits for another; copies that are given back are lent again, the last one first."""
        runtime = make_runtime(fold_trained(random_network((4,))), "openvino", "cpu")
        borrow = runtime._borrow  # type: ignore[attr-defined]
        with borrow() as one, borrow() as other:
            assert one is not other
        with borrow() as again, borrow() as both:
            assert (again, both) == (one, other)

    def test_two_threads_the_same(self) -> None:
        """Bit for bit, whoever runs beside whom: twelve pictures by two threads as one by one."""
        _, runtime = _pair()
        rng = np.random.default_rng(3)
        pictures = [rng.uniform(0, 1, (64 * (1 + i % 3), 128, 3)).astype(np.float32) for i in range(12)]
        alone = [runtime.run(picture) for picture in pictures]
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(runtime.run, pictures))
        assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


_PAIR: list[tuple[TorchRuntime, runtimes.Runtime]] = []


def _pair() -> tuple[TorchRuntime, runtimes.Runtime]:
    """Run the same small network by either library; made once, so that sizes follow one another."""
    if not _PAIR:
        network = fold_trained(random_network((4, 6, 8)))
        _PAIR.append((TorchRuntime(network, "cpu"), make_runtime(network, "openvino", "cpu")))
    return _PAIR[0]


@needs_openvino
def test_torch_is_not_imported() -> None:
    """A tile is scored by OpenVINO in a program that never loads torch, nor anything that reports its use."""
    program = """
import sys
import numpy as np
import hetscore.pipeline
from hetscore.config import load_model, load_settings
from tests.drawings import STAIN, make_tile
settings = load_settings(None, network={"device": "cpu", "runtime": "openvino"})
segmenter = hetscore.pipeline.make_segmenter(load_model("gastric-her2", settings), settings)
labels = segmenter.segment(make_tile(np.full((128, 128, 3), 240, np.uint8)), STAIN)
reporting = any("telemetry" in name or "openvino.tools.ovc" in name for name in sys.modules)
print(segmenter.device.startswith("cpu (openvino"), "torch" in sys.modules, reporting)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["True", "False", "False"]
