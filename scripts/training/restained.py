"""Read crops with new membranes: what was read as unstained tumor is shown as 1+, 2+ and 3+ as well.

Points stay true: a cell's kind does not change with its stain. So the network sees the same real tumor nuclei with and
without brown around them, and learns that they are tumor either way. Where no point is near, outside the crop, the
model `watershed` says which cells get membranes; nothing is asked there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hetscore.config import load_model, load_settings
from hetscore.domain import MembraneClass, MembranePattern, MppSource, Rgb, Tile, TileImage
from hetscore.geometry import Box
from hetscore.phantom.raster import measure
from hetscore.phantom.restain import restain
from hetscore.pipeline import make_segmenter
from hetscore.slides import open_slide
from hetscore.stain import Stain, unmix
from scripts.training.examples import CORE_MPP, OTHER, TUMOR, Example

WEAK_DAB = 0.12
"""95th percentile of DAB from which a crop is not taken: the hematoxylin under denser DAB is not known."""
SAME_PX = 8.0
"""Level-0 pixels from a nucleus's center to the point that names it."""
CLASSES = (MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG)
PATTERNS = (MembranePattern.BASOLATERAL, MembranePattern.COMPLETE, MembranePattern.LATERAL)


def restain_crops(data: Path, crops: Sequence[Example], seed: int = 3) -> Iterator[Example]:
    """Stain the weakly stained crops anew, each once a class; seen as other examples of the same core."""
    for core in sorted({crop.group for crop in crops}):
        with open_slide(data / "eac-tma" / f"{core}.jpg", mpp=CORE_MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
            for crop in (c for c in crops if c.group == core):
                yield from _restain(crop, slide.read(crop.box, 1), seed)


def _restain(crop: Example, rgb: Rgb, seed: int) -> Iterator[Example]:
    model = load_model("watershed")
    stain = Stain(crop.white, model.stain)
    is_read = np.repeat(np.repeat(crop.known, 2, axis=0), 2, axis=1)
    if np.percentile(unmix(rgb, stain)[1][is_read], 95) >= WEAK_DAB or not (crop.kind == TUMOR).any():
        return
    whole = Box(0, 0, rgb.shape[1], rgb.shape[0])
    found = make_segmenter(model, load_settings()).segment(TileImage(Tile(0, whole, whole, 1, CORE_MPP), rgb), stain)
    labels = np.kron(found.nuclei, np.ones((found.shrink, found.shrink), np.int32)).astype(np.int32)
    is_tumor = _tumor(crop, labels, found.p_tumor)
    for k, drawn in enumerate(CLASSES):
        rng = np.random.default_rng([seed, crop.box.x, crop.box.y, k])
        classes = np.full(len(is_tumor), drawn, np.int8)
        pattern = np.full(len(is_tumor), PATTERNS[int(rng.integers(len(PATTERNS)))], np.int8)
        field = restain(rgb, labels, is_tumor, classes, pattern, stain=stain, mpp=CORE_MPP, rng=rng)
        half = (rgb.shape[1] // 2, rgb.shape[0] // 2)
        small = np.asarray(cv2.resize(field.rgb, half, interpolation=cv2.INTER_AREA))
        yield replace(crop, name=f"{crop.name}-{drawn.label}", rgb=small)


def _tumor(crop: Example, labels: NDArray[np.int32], chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which nuclei are tumor: as the point beside each says, by chance where there is none."""
    distance, point = cKDTree(crop.xy * 2.0).query(measure(labels, len(chance))[:, 1:])
    kind = crop.kind[np.minimum(point, len(crop.kind) - 1)]
    named = (distance <= SAME_PX) & ((kind == TUMOR) | (kind == OTHER))
    is_tumor: NDArray[np.bool_] = np.where(named, kind == TUMOR, chance >= 0.5)
    return is_tumor
