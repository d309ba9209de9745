"""The tiles of a slide and how they are read: the first half of the pipeline, taken apart to be timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hetscore.config import load_model, load_settings
from hetscore.domain import Fragments, Tile, TileImage
from hetscore.fragments import find_fragments
from hetscore.geometry import Box
from hetscore.pipeline import Run
from hetscore.pipeline.slide import plan_slide_tiles
from hetscore.segmenters.network import NetworkSegmenter
from hetscore.slides import Slide, open_slide
from hetscore.stain import Stain, find_white
from hetscore.tissue import find_tissue

NETWORK = "gastric-her2"
WATERSHED = "watershed"
MP_PER_MM2 = 4.0
"""Megapixels at 0.5 um/px; all rates that are not of reading are by them."""
UM2_PER_MM2 = 1e6


def load_run(model: str, workers: int = 1) -> Run:
    """Load a model and make a run of it, on the CPU: rates of a GPU are another matter."""
    settings = load_settings(None, model=model, network={"device": "cpu"})
    return Run(settings, load_model(model, settings), workers)


def as_network(run: Run) -> NetworkSegmenter:
    """Return the run's segmenter, which must be the network's."""
    if not isinstance(run.segmenter, NetworkSegmenter):
        raise ValueError(f"{run.model.name} is a {run.model.kind}; a network is timed here")
    return run.segmenter


@dataclass(frozen=True)
class Planned:
    """A slide ready to be worked on."""

    slide: Slide
    tiles: tuple[Tile, ...]
    stain: Stain
    fragments: Fragments

    @property
    def tissue_mp(self) -> float:
        """Area of the fragments in megapixels at 0.5 um/px."""
        return sum(fragment.area_mm2 for fragment in self.fragments.items) * MP_PER_MM2

    @property
    def computed_mp(self) -> float:
        """Area of all boxes that are read, margins included."""
        return sum(box_mp(tile) for tile in self.tiles)

    def read(self, tile: Tile) -> TileImage:
        """Read a tile."""
        return TileImage(tile, self.slide.read(tile.box, tile.downsample))


def box_mp(tile: Tile) -> float:
    """Area of what is read of a tile, megapixels at 0.5 um/px."""
    return _area_mp(tile.box, tile)


def core_mp(tile: Tile) -> float:
    """Area of what a tile owns, megapixels at 0.5 um/px."""
    return _area_mp(tile.core, tile)


def _area_mp(box: Box, tile: Tile) -> float:
    um_per_px = tile.mpp / tile.downsample
    return box.width * box.height * um_per_px**2 / UM2_PER_MM2 * MP_PER_MM2


@contextmanager
def plan_slide(path: Path, run: Run) -> Iterator[Planned]:
    """Open a slide and plan its tiles as the pipeline does."""
    settings = run.settings
    with open_slide(path) as slide:
        thumbnail = slide.thumbnail(settings.tissue.mpp)
        white = find_white(thumbnail.rgb)
        tissue = find_tissue(thumbnail, white, {}, settings.tissue)
        fragments = find_fragments(tissue, path.name, settings.fragments)
        yield Planned(slide, plan_slide_tiles(slide, fragments, tissue, run), run.make_stain(white), fragments)


def fullest(tiles: Sequence[Tile], fragments: Fragments) -> Tile:
    """Find the tile whose core is full size and holds most tissue."""
    return max(tiles, key=lambda tile: (tile.core.width * tile.core.height, _tissue_share(tile, fragments)))


def _tissue_share(tile: Tile, fragments: Fragments) -> float:
    rows, columns = tile.core.slices
    scale = fragments.downsample
    part = fragments.labels[rows.start // scale : rows.stop // scale, columns.start // scale : columns.stop // scale]
    return float(np.mean(part > 0))
