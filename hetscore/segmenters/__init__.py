"""TileImage -> TileLabels: one file a way of finding cells.

To add one, write ``segmenters/<name>.py`` with a class that has `margin_um` and `segment` and a function
`from_card(card, params)`, a line in `SEGMENTERS`, and a field of that name in `config.Settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

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


def make_segmenter(kind: str, card: Mapping[str, Any], params: Any) -> Segmenter:  # noqa: ANN401 - each kind has its own
    """Make the segmenter of a kind from a model's card.

    Parameters
    ----------
    kind : str
        A key of `SEGMENTERS`.
    card : mapping
        The model's ``model.toml``, read.
    params : object
        The kind's own parameters, such as `WatershedParams`.

    Raises
    ------
    KeyError, ValueError
        If the card lacks what the kind needs, or says it wrongly.
    """
    return cast(Segmenter, import_module(SEGMENTERS[kind][0]).from_card(card, params))
