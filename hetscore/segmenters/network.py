"""The segmentation network: one U-Net, five maps at 0.5 um/px.

Comes in: a tile's pixels, the slide's glass and the site's scale of DAB. Goes out: nuclei, cells and a tumor
probability each, read from the maps by `segmenters.decoding`. What is found at a place depends on the picture around
it and not on the tile. What runs the network is chosen by `segmenters.runtimes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb, TileImage, TileLabels
from hetscore.segmenters.architecture import LEAST_OD, MOST_OD, NetworkConfig, Weights, weight_shapes
from hetscore.segmenters.calibration import TumorCalibration
from hetscore.segmenters.decoding import (
    BORDER,
    CELL,
    CENTER,
    MAPS,
    NUCLEUS,
    TUMOR,
    Maps,
    NetworkParams,
    find_cells,
)
from hetscore.segmenters.folding import FoldedNetwork, Planes, fold
from hetscore.segmenters.growth import find_shrink, shrink_by
from hetscore.segmenters.quantization import RANGES_FILE, Ranges, read_ranges
from hetscore.segmenters.runtimes import make_runtime
from hetscore.segmenters.weights import parse_weights, read_weights
from hetscore.stain import Stain, optical_density, rescaled_density

__all__ = [
    "BORDER",
    "CELL",
    "CENTER",
    "MAPS",
    "NUCLEUS",
    "TUMOR",
    "NetworkConfig",
    "NetworkParams",
    "NetworkSegmenter",
    "TumorCalibration",
    "find_cells",
    "from_card",
    "read_network",
]
"""What belongs to the network, wherever it is written; but what only training needs is in `segmenters.unet`."""


class NetworkSegmenter:
    """The segmenter: a trained network, its calibration and how cells are read."""

    def __init__(
        self, network: FoldedNetwork, tumor: TumorCalibration, params: NetworkParams, most: Ranges | None = None
    ) -> None:
        self.params, self.tumor, self.config = params, tumor, network.config
        self._runtime = make_runtime(network, params.runtime, params.device, most)

    @property
    def device(self) -> str:
        """What the network runs on."""
        return self._runtime.device

    def margin_um(self, tile_mpp: float, /) -> float:
        """How far beyond its core a tile must be read so that every owned cell comes out as on a whole slide."""
        maps_mpp = tile_mpp * find_shrink(tile_mpp, self.params.mpp)
        enough = self.params.margin_um * max(1.0, maps_mpp / self.params.mpp)  # pixels are what the network sees
        return min(self.config.reach_px * maps_mpp + self.params.reach_um, enough)

    def glass_um(self, tile_mpp: float, /) -> float:
        """How much of the margin must be read where it is empty glass, see `NetworkParams.glass_um`."""
        maps_mpp = tile_mpp * find_shrink(tile_mpp, self.params.mpp)
        return min(self.params.glass_um * max(1.0, maps_mpp / self.params.mpp), self.margin_um(tile_mpp))

    def segment(self, image: TileImage, stain: Stain) -> TileLabels:
        """Find the nuclei and cells of a tile.

        Parameters
        ----------
        image : TileImage
            Pixels of the tile's box.
        stain : Stain
            The slide's white point. Its vectors are used only where the site has a scale of DAB: the network is then
            shown the densities as they would be in the laboratory it was trained in (`stain.rescaled_density`).

        Returns
        -------
        TileLabels
            Near `NetworkParams.mpp`, labels in reading order of the centers.
        """
        shrink = find_shrink(image.tile.mpp, self.params.mpp)
        maps = self._find_maps(rescaled_density(shrink_by(image.rgb, shrink), stain))
        nuclei, cells, logit = find_cells(maps, image.tile.mpp * shrink, self.params)
        return TileLabels(nuclei, cells, np.round(self.tumor.probability(logit), 6), shrink)

    def predict(self, rgb: Rgb, white: tuple[float, float, float]) -> Maps:
        """Compute the maps of a picture at about 0.5 um/px, (5, h, w) logits; several threads may ask."""
        return self._find_maps(optical_density(rgb, white))

    def _find_maps(self, density: NDArray[np.float32]) -> Maps:
        """Compute the maps of densities, (h, w, 3), padded to what the network takes and cut to what it knows."""
        height, width = density.shape[:2]
        stride = self.config.stride
        padded = cv2.copyMakeBorder(density, 0, -height % stride, 0, -width % stride, cv2.BORDER_REPLICATE)
        shown = np.clip(padded, LEAST_OD, MOST_OD, out=padded)
        views = [_flip(self._runtime.run(_flip(shown, axes, 0)), axes, 1) for axes in _views(self.params.flips)]
        maps = np.mean(views, axis=0) if len(views) > 1 else views[0]
        return np.ascontiguousarray(maps[:, :height, :width])


def _views(is_flipped: bool) -> tuple[tuple[int, ...], ...]:
    return ((), (0,), (1,), (0, 1)) if is_flipped else ((),)


def _flip(picture: Planes, axes: tuple[int, ...], first: int) -> Planes:
    """Mirror a picture whose rows and columns are axes `first` and the next; twice is the picture again."""
    return np.ascontiguousarray(np.flip(picture, tuple(first + axis for axis in axes))) if axes else picture


WEIGHTS_FILE = "weights.safetensors"


def from_card(card: Mapping[str, Any], folder: Path, params: NetworkParams) -> NetworkSegmenter:
    """Make the segmenter from a model's folder; the weights must be those its card was written for.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the card lacks something, or the weights are missing, changed or of another shape.
    ModelError
        If 8 bits are asked for and the folder does not say how.
    UsageError
        If the device asked for is not on this machine, or the runtime is not installed.
    """
    network, tumor = read_network(card, folder), card["tumor"]
    calibration = TumorCalibration(float(tumor["scale"]), float(tumor["offset"]))
    is_int8 = params.runtime == "openvino-int8"
    most = read_ranges(folder / RANGES_FILE, card["network"]["sha256"], network.config) if is_int8 else None
    return NetworkSegmenter(network, calibration, params, most)


def read_network(card: Mapping[str, Any], folder: Path) -> FoldedNetwork:
    """Read the network of a model's folder, ready to run.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the card lacks something, or the weights are missing, changed or of another shape.
    """
    values = card["network"]
    config = NetworkConfig(widths=_read_widths(values["widths"]))
    weights = parse_weights(read_weights(folder / WEIGHTS_FILE, values["sha256"]), WEIGHTS_FILE)
    _check_shapes(weights, config)
    return fold(weights, config)


def _read_widths(values: Any) -> tuple[int, ...]:  # noqa: ANN401 - whatever stands in the card
    widths = tuple(values)
    if not widths or not all(type(width) is int and width > 0 for width in widths):
        raise ValueError(f"network.widths is {values}; a list of positive whole numbers is needed")
    return widths


def _check_shapes(weights: Weights, config: NetworkConfig) -> None:
    has = {name: values.shape for name, values in weights.items() if not name.endswith(_COUNTED)}
    needs = weight_shapes(config)
    odd = sorted(name for name in has.keys() | needs.keys() if has.get(name) != needs.get(name))
    if odd:
        seen, wanted = (shapes.get(odd[0], "not there") for shapes in (has, needs))
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        raise ValueError(f"{WEIGHTS_FILE} does not fit network.widths: {odd[0]} is {seen}, should be {wanted}{more}")


_COUNTED = ".num_batches_tracked"
"""What training counts beside the weights; there or not, it is of no use here."""
