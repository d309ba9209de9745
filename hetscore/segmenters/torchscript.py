"""A model of one's own: any TorchScript that takes a picture and returns label images, as those of InstanSeg do.

Comes in: a tile's pixels, the slide's glass and the site's scale of DAB. Goes out: nuclei, cells and a tumor
probability each. What the model takes and returns stands in its card (docs/models.md) and is checked when it is loaded
and at every tile.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hetscore.domain import Rgb, TileImage, TileLabels
from hetscore.errors import ModelError
from hetscore.segmenters.calibration import TumorCalibration, mean_over
from hetscore.segmenters.devices import describe_device, find_device
from hetscore.segmenters.growth import Labels, find_gaps, find_shrink, shrink_by, step_costs
from hetscore.segmenters.matching import TorchscriptParams, grow_homeless, match_labels, number_anew
from hetscore.segmenters.weights import read_weights
from hetscore.stain import Stain, optical_density, rescaled_picture, unmix

Floats = NDArray[np.float32]
White = tuple[float, float, float]

SCALINGS: dict[str, Callable[[Rgb, White], Floats]] = {
    "unit": lambda rgb, _: np.asarray(rgb / np.float32(255), np.float32),
    "white": lambda rgb, white: np.asarray(rgb / np.array(white, np.float32), np.float32),
    "od": optical_density,
}
"""Scaling in a card -> from pixels and glass to what the model is shown, (h, w, 3). Each pixel is scaled by itself or
by the slide's glass, never by its tile, so that no cell depends on the tile."""

MODEL_FILE = "model.pt"


@dataclass(frozen=True)
class Interface:
    """What a model takes and returns, from its card."""

    mpp: float
    """Microns per pixel of the pictures it was trained on."""
    margin_um: float
    """How far a pixel of its labels depends on the picture."""
    scaling: str
    tumor: TumorCalibration | None
    """From its tumor map to a probability; None takes every cell for a tumor cell."""


def from_card(card: Mapping[str, Any], folder: Path, params: TorchscriptParams) -> TorchscriptSegmenter:
    """Make the segmenter from a model's folder, and show it an empty field to see that it returns what it should.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the card lacks something or says it wrongly, or the model is missing, changed or no TorchScript.
    ModelError
        If the model does not return what its card says.
    UsageError
        If the device asked for is not on this machine.
    """
    interface = _read_interface(card)
    content = read_weights(folder / MODEL_FILE, card["torchscript"]["sha256"])
    device = find_device(params.device)
    segmenter = TorchscriptSegmenter(_load(content, device), interface, params, folder / MODEL_FILE, device)
    segmenter.predict(np.full((_PROBE_PX, _PROBE_PX, 3), 240, np.uint8), (240.0, 240.0, 240.0))
    return segmenter


_PROBE_PX = 256
"""Side of the empty field: a power of two suits networks of any depth."""


def _read_interface(card: Mapping[str, Any]) -> Interface:
    values, tumor = card["torchscript"], card["tumor"]
    mpp, margin_um, scaling, source = (
        float(values["mpp"]),
        float(values["margin_um"]),
        values["scaling"],
        tumor["source"],
    )
    if not (0 < mpp < inf and 0 <= margin_um < inf):
        raise ValueError(f"torchscript.mpp {mpp}, margin_um {margin_um}; lengths are needed")
    if scaling not in SCALINGS:
        raise ValueError(f"torchscript.scaling {scaling!r} is none of {', '.join(SCALINGS)}")
    if source not in ("map", "all"):
        raise ValueError(f"tumor.source {source!r} is none of map, all")
    is_map = source == "map"
    calibration = TumorCalibration(float(tumor["scale"]), float(tumor["offset"])) if is_map else None
    return Interface(mpp, margin_um, scaling, calibration)


def _load(content: bytes, device: torch.device) -> torch.jit.ScriptModule:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # new models should be made otherwise; old ones are many
            model: torch.jit.ScriptModule = torch.jit.load(io.BytesIO(content), map_location=device)  # type: ignore[no-untyped-call]
    except RuntimeError:
        raise ValueError(f"{MODEL_FILE} is no TorchScript") from None
    return model.eval()


@dataclass(frozen=True)
class Returned:
    """What the model said of a picture."""

    nuclei: NDArray[np.int64]
    cells: NDArray[np.int64] | None
    tumor: Floats | None
    """Logits; None where the card asks for none."""


class TorchscriptSegmenter:
    """The segmenter: the user's model, what its card says of it, and how its label images are read."""

    def __init__(
        self,
        model: torch.jit.ScriptModule,
        interface: Interface,
        params: TorchscriptParams,
        path: Path,
        device: torch.device,
    ) -> None:
        self.interface, self.params, self.path = interface, params, path
        self._model, self._device, self._lock = model, device, Lock()

    @property
    def device(self) -> str:
        """What the model runs on."""
        return describe_device(self._device)

    def margin_um(self, tile_mpp: float, /) -> float:
        """How far beyond its core a tile must be read: as far as the nucleus of a rival to which a pixel could go."""
        stretch = tile_mpp * find_shrink(tile_mpp, self.interface.mpp) / self.interface.mpp
        return self.interface.margin_um * stretch + 3 * self.params.cell_reach_um

    def glass_um(self, tile_mpp: float, /) -> float:
        """How much of the margin must be read where it is empty glass: all of it, as nothing is known of the model."""
        return self.margin_um(tile_mpp)

    def segment(self, image: TileImage, stain: Stain) -> TileLabels:
        """Find the nuclei and cells of a tile.

        Parameters
        ----------
        image : TileImage
            Pixels of the tile's box.
        stain : Stain
            The slide's white point and, for nuclei without a cell and for the site's scale of DAB, its stain vectors.

        Returns
        -------
        TileLabels
            Near the resolution in the card, labels in reading order of the nuclei.

        Raises
        ------
        ModelError
            If the model fails, or does not return what its card says.

        Notes
        -----
        Where the site has a scale of DAB the model is shown the picture as the laboratory of its card would have
        stained it (`stain.rescaled_picture`). Whatever stains it was trained on, the numbers of its card (tumor map,
        membrane class, `reference_od`) were measured on what it found there, and the controls place the site on that
        scale. The picture has gray levels as any other, so all scalings hold for it.
        """
        shrink = find_shrink(image.tile.mpp, self.interface.mpp)
        rgb, mpp = shrink_by(image.rgb, shrink), image.tile.mpp * shrink
        returned = self.predict(rescaled_picture(rgb, stain), stain.white)
        nuclei, cells = self._read_labels(returned, rgb, stain, mpp)
        n = int(nuclei.max(initial=0))
        if self.interface.tumor is None or returned.tumor is None:
            return TileLabels(nuclei, cells, np.ones(n), shrink)
        p_tumor = self.interface.tumor.probability(mean_over(nuclei, n, returned.tumor))
        return TileLabels(nuclei, cells, np.round(p_tumor, 6), shrink)

    def _read_labels(self, returned: Returned, rgb: Rgb, stain: Stain, mpp: float) -> tuple[Labels, Labels]:
        seen = number_anew(returned.nuclei)
        given = np.zeros_like(seen) if returned.cells is None else number_anew(returned.cells)
        nuclei, cells, centers = match_labels(seen, given, self.params.min_area_um2 / mpp**2)
        hematoxylin, dab = unmix(rgb, stain)
        cost = step_costs(nuclei, dab, find_gaps(hematoxylin, dab, mpp), mpp)
        return nuclei, grow_homeless(nuclei, cells, centers, cost, int(self.params.cell_reach_um / mpp))

    def predict(self, rgb: Rgb, white: White) -> Returned:
        """Run the model on a picture near its resolution; several threads may ask."""
        shown = np.ascontiguousarray(SCALINGS[self.interface.scaling](rgb, white).transpose(2, 0, 1)[None])
        try:
            with self._lock, torch.inference_mode():
                outputs = self._model(torch.from_numpy(shown).to(self._device))  # (1, 3, h, w)
        except (RuntimeError, torch.jit.Error) as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(
                f"{self.path}: failed on a picture of {shown.shape[3]} by {shown.shape[2]} pixels ({reason}); expected "
                "label images. Mend the model, or lower tiling.core_px if memory did not suffice."
            ) from error
        return self._check(outputs, rgb.shape[:2])

    def _check(self, outputs: object, shape: tuple[int, ...]) -> Returned:
        """Check that the model returned what its card says."""
        labels, *others = outputs if isinstance(outputs, tuple | list) else (outputs,)
        if not isinstance(labels, Tensor) or labels.ndim != 4 or labels.shape[0] != 1 or labels.shape[1] not in (1, 2):
            raise self._fault(_describe(labels), "label images (1, 1 or 2, h, w)")
        if tuple(labels.shape[2:]) != shape:
            raise self._fault(_describe(labels), f"label images as large as the picture, {shape[0]} by {shape[1]}")
        values = labels[0].cpu().numpy()
        whole = np.rint(values).astype(np.int64)
        if not np.array_equal(whole, values) or whole.min(initial=0) < 0:
            raise self._fault("labels that are no whole numbers", "0 for the background, 1, 2, ... for the nuclei")
        return Returned(whole[0], whole[1] if len(whole) > 1 else None, self._find_tumor(others, shape))

    def _find_tumor(self, others: list[object], shape: tuple[int, ...]) -> Floats | None:
        if self.interface.tumor is None:
            return None
        logits = others[0] if others else None
        if not isinstance(logits, Tensor) or tuple(logits.shape) != (1, 1, *shape):
            raise self._fault(
                _describe(logits), "a tumor map (1, 1, h, w) beside the label images, as tumor.source says"
            )
        values: Floats = logits[0, 0].float().cpu().numpy()
        if not np.isfinite(values).all():
            raise self._fault("a tumor map that is not finite", "logits")
        return values

    def _fault(self, seen: str, expected: str) -> ModelError:
        return ModelError(f"{self.path}: returned {seen}; expected {expected}. Mend the model or its card.")


def _describe(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    return "nothing" if output is None else f"a {type(output).__name__}"
