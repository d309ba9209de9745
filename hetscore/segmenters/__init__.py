"""TileImage -> TileLabels: one file a way of finding cells.

To add one, write ``segmenters/<name>.py`` with a class that is a `Segmenter` and a function
`from_card(card, folder, params)`, a line in `SEGMENTERS`, and a field of that name in `config.Settings`. Parameters
stand in files that import no torch, so that settings are read and checked without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from hetscore.domain import TileImage, TileLabels
from hetscore.stain import Stain

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
"""Where a network runs, as a user may ask for it; auto takes a GPU where there is one."""

RuntimeName = Literal["auto", "torch", "openvino", "openvino-int8"]
"""What runs the network, as a user may ask for it; auto takes OpenVINO on a CPU, where it is installed, and never takes
8 bits, which find a few other cells."""


class Segmenter(Protocol):
    """What a segmenter must offer. Several threads share one."""

    @property
    def device(self) -> str:
        """What it runs on, for the record: cpu, or the kind and name of a GPU."""

    def margin_um(self, tile_mpp: float, /) -> float:
        """How far beyond its core a tile must be read so that every owned cell comes out as on a whole slide."""

    def glass_um(self, tile_mpp: float, /) -> float:
        """How much of the margin must be read where it is empty glass; at most all of it."""

    def segment(self, image: TileImage, stain: Stain) -> TileLabels:
        """Find the nuclei and cells of a tile, with a tumor probability each."""


SEGMENTERS: dict[str, tuple[str, str]] = {
    "watershed": ("hetscore.segmenters.watershed", "no weights: blobs, bounded growth, a logistic tumor call"),
    "network": ("hetscore.segmenters.network", "ours: a U-Net, trained by scripts/train.py"),
    "torchscript": ("hetscore.segmenters.torchscript", "a model of one's own that returns label images"),
}
"""Kind in a model's card -> (module, when to use it). Imported on use."""


def make_segmenter(kind: str, card: Mapping[str, Any], folder: Path, params: Any) -> Segmenter:  # noqa: ANN401 - each kind has its own
    """Make the segmenter of a kind from a model's folder.

    Parameters
    ----------
    kind : str
        A key of `SEGMENTERS`.
    card : mapping
        The model's ``model.toml``, read.
    folder : Path
        Where the card stands, and the weights if the kind has any.
    params : object
        The kind's own parameters, such as `WatershedParams`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the card lacks what the kind needs, or says it wrongly, or the weights are not those it was written for.
    UsageError
        If the device asked for is not on this machine.
    """
    return cast(Segmenter, import_module(SEGMENTERS[kind][0]).from_card(card, folder, params))
