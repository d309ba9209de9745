"""From the slide's file to the labels of a tile: slide, thumbnail, tissue, fragment, tile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hetscore.geometry import Box

Rgb = NDArray[np.uint8]
"""(height, width, 3), uint8, sRGB."""


class MppSource(StrEnum):
    """Where the microns per pixel of a slide came from, most trusted first."""

    CASES_TABLE = "cases-table"
    COMMAND_LINE = "command-line"
    FILE = "file"
    TIFF_RESOLUTION = "tiff-resolution"


@dataclass(frozen=True)
class Level:
    """One level of a slide's pyramid."""

    width: int
    height: int
    downsample: float


@dataclass(frozen=True)
class SlideInfo:
    """What the reader sees of a slide."""

    path: Path
    reader: str
    """Name in `slides.READERS`."""
    width: int
    height: int
    levels: tuple[Level, ...]
    mpp: float | None
    """Microns per level-0 pixel (square); None where the file does not say and nobody gave it."""
    mpp_source: MppSource | None
    mpp_problem: str | None = None
    """Why `mpp` is None: what the file said, if anything."""
    vendor: str | None = None

    @property
    def bounds(self) -> Box:
        """The whole of level 0."""
        return Box(0, 0, self.width, self.height)


@dataclass(frozen=True)
class Thumbnail:
    """A whole slide, small: pixel (i, j) covers the square of `downsample` level-0 pixels at (j, i) * downsample."""

    rgb: Rgb
    downsample: int
    mpp: float
    """Microns per pixel of `rgb`, not of level 0."""


@dataclass(frozen=True)
class TissueMask:
    """Where there is tissue, at the thumbnail's scale, and what was dropped on the way."""

    mask: NDArray[np.bool_]
    downsample: int
    mpp: float
    excluded: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Tissue-like area that must not be judged, by reason; disjoint from `mask`."""
    n_specks: int = 0
    """Dark pieces too small to be taken for tissue."""
    covered_glass_mm2: float = 0.0
    """Area of ink and the like that was taken for tissue but lies on bare glass; in neither mask."""

    def take_out(self, masks: Mapping[str, NDArray[np.bool_]]) -> TissueMask:
        """Take masks out of the tissue and keep them apart, by reason; where several lie, the first has it."""
        left, excluded = self.mask, dict(self.excluded)
        nothing = np.zeros(left.shape, bool)  # most slides are clean: one empty mask serves all reasons
        for reason, mask in masks.items():
            taken = mask & left
            if taken.any():
                excluded[reason], left = taken, left & ~taken
            else:
                excluded[reason] = nothing
        return replace(self, mask=left, excluded=excluded)

    def area_mm2(self, mask: NDArray[np.bool_] | None = None) -> float:
        """Area of `mask` (default: the tissue) in square millimeters."""
        return float(np.count_nonzero(self.mask if mask is None else mask)) * (self.mpp / 1000) ** 2


class FragmentRole(StrEnum):
    """Why a fragment is on the slide."""

    SAMPLE = "sample"
    CONTROL = "control"
    EXCLUDED = "excluded"


@dataclass(frozen=True)
class Fragment:
    """One piece of tissue."""

    id: int
    """1..n in reading order, unique within the case."""
    slide: str
    """Name of the slide's file."""
    outlines: tuple[NDArray[np.float64], ...]
    """Outer rings, each (n, 2) level-0 pixels: a broken piece has more than one."""
    bounds: Box
    """Level-0 pixels."""
    area_mm2: float
    level: int = 1
    """Serial level (ribbon) on the slide."""
    section_of: int | None = None
    """Number of the fragment that is the first section of the same piece; None for the first, and without levels."""
    role: FragmentRole = FragmentRole.SAMPLE
    reason: str | None = None
    """Why it is excluded."""
    n_failed_tiles: int = 0
    """Tiles with a part of it that could not be read."""
    hidden_mm2: float = 0.0
    """Tissue in it or beside it that lies under artefacts or out of focus and was not judged."""
    is_drawn: bool = False
    """Whether the user drew it."""

    @property
    def piece(self) -> int:
        """Number of the biopsy piece it is a section of: that of the piece's first section."""
        return self.id if self.section_of is None else self.section_of


@dataclass(frozen=True)
class Split:
    """A place where tissue that hangs together is taken, or may be taken, for pieces that touch."""

    fragments: tuple[int, ...]
    """Numbers of the fragments it was cut into; one number where it was not cut."""
    confidence: float
    """Probability that they are pieces of their own, [0, 1]."""
    reason: str
    """What was seen, in a sentence."""

    @property
    def is_cut(self) -> bool:
        """Whether the pieces were taken apart."""
        return len(self.fragments) > 1


@dataclass(frozen=True)
class Fragments:
    """The fragments of one slide and the map from place to fragment."""

    items: tuple[Fragment, ...]
    labels: NDArray[np.int32]
    """Thumbnail scale; 0 is no fragment, else `Fragment.id`."""
    downsample: int
    mpp: float
    dropped: Mapping[str, int]
    """How many pieces were not taken for fragments, by reason."""
    count_range: tuple[int, int] | None = None
    """Least and most fragments, controls left out, at half and at twice the bridging distance and with each doubtful
    neck cut or not; None where it was not asked."""
    splits: tuple[Split, ...] = ()
    """Necks that were cut, or may be."""
    flags: tuple[str, ...] = ()
    """Doubts about the count, the levels and the controls, names in `FLAGS`."""


@dataclass(frozen=True)
class Tile:
    """A part of the slide read at once. Cores partition the plane; a cell belongs to the tile whose core owns it."""

    id: int
    box: Box
    """Read: level-0 pixels, core grown by the margin."""
    core: Box
    """Owned: level-0 pixels."""
    downsample: int
    """Level-0 pixels per pixel of the tile image, whole."""
    mpp: float
    """Microns per pixel of the tile image."""


@dataclass(frozen=True)
class TileImage:
    """The pixels of a tile."""

    tile: Tile
    rgb: Rgb


@dataclass(frozen=True)
class TileLabels:
    """What a segmenter says of a tile. Label images: 0 is background, cell i has label i + 1."""

    nuclei: NDArray[np.int32]
    cells: NDArray[np.int32]
    """Whole-cell territories; the nucleus of a cell lies inside its territory."""
    p_tumor: NDArray[np.float64]
    """(n,), probability that the cell is a tumor cell."""
    shrink: int
    """Tile-image pixels per label pixel, whole (labels may be coarser than the image)."""
