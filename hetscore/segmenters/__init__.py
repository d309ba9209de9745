"""TileImage -> TileLabels: one file a way of finding cells.

To add one, write ``segmenters/<name>.py`` with a class that has `margin_um` and `segment`, and a line in `SEGMENTERS`.
"""

from __future__ import annotations

from typing import Protocol

from hetscore.domain import TileImage, TileLabels
from hetscore.stain import Stain


class Segmenter(Protocol):
    """What a segmenter must offer."""

    @property
    def margin_um(self) -> float:
        """How far beyond its core a tile must be read so that every owned cell comes out as on a whole slide."""

    def segment(self, image: TileImage, stain: Stain) -> TileLabels:
        """Find the nuclei and cells of a tile, with a tumor probability each."""


SEGMENTERS: dict[str, tuple[str, str]] = {
    "watershed": ("hetscore.segmenters.watershed", "no weights: blobs, bounded growth, a logistic tumor call"),
}
"""Kind in a model's card -> (module, when to use it). Imported on use."""
