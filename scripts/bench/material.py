"""The slides that are measured on: phantoms, drawn once and pasted as often as a slide is to be large.

A field is one drawn fragment on glass, filled up to whole tiles of the two finer levels. A larger slide repeats the
field: its compressed tiles are made once and written again and again, so a slide of gigapixels takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from hetscore.domain import MembraneClass, Rgb
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue, draw_case

MPP = 0.25
"""The usual x40 scan."""
TILE = 256
QUALITY = 80
"""Tiles of 256 px, JPEG 80 with halved chroma: what common scanners write."""
STEP = 4
N_LEVELS = 3
"""Levels 1, 4 and 16 of the common scanners: the tissue is looked for at 8 um/px, so no coarser one is needed."""
PERIOD = STEP * TILE
"""Fields are whole multiples of this, so that tiles of the levels 1 and 4 never cross from one to the next."""


@dataclass(frozen=True)
class Field:
    """A fragment to draw."""

    name: str
    tissue: Tissue
    diameter_um: float
    seed: int


USUAL = Field("usual", Tissue.SIGNET_RING, 2000.0, seed=2)
"""Some 1,000 cells per MP at 0.5 um/px, near the 900 that goals are set at: of three seeds the nearest."""
DENSE = Field("dense", Tissue.SHEETS, 2000.0, seed=7)
"""Solid tumor: more than twice as many, all touching. The hard case."""
SMALL = Field("small", Tissue.SIGNET_RING, 1000.0, seed=2)
"""For what is slow: the naive pipeline."""
TINY = Field("tiny", Tissue.SHEETS, 250.0, seed=7)
"""A fragment of one tile, whose scoring takes next to no time: what is left is the start."""


@cache
def draw_field(field: Field) -> Rgb:
    """Draw a field, (h, w, 3) uint8, both sides multiples of `PERIOD`; the glass is that of its corner."""
    fragment = FragmentSpec(field.diameter_um, field.tissue, MembraneClass.STRONG, has_normal=False)
    rgb, _ = draw_case(CaseSpec(f"bench-{field.name}", (fragment,), mpp=MPP), field.seed)
    missing = [-side % PERIOD for side in rgb.shape[:2]]
    glass = [int(value) for value in rgb[0, 0]]
    return np.asarray(cv2.copyMakeBorder(rgb, 0, missing[0], 0, missing[1], cv2.BORDER_CONSTANT, value=glass), np.uint8)


@dataclass(frozen=True)
class Slides:
    """A folder of slides; each is made when it is first asked for and then kept."""

    folder: Path

    def find(self, field: Field, across: int = 1, down: int = 1, glass: int = 1) -> Path:
        """Find or make the slide of a field pasted `across` times `down`, on `glass` times as much glass as needed."""
        path = self.folder / f"{field.name}-{across}x{down}-{glass}.tif"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part")
            write_repeated(unfinished, draw_field(field), across, down, glass)
            unfinished.rename(path)
        return path


def write_repeated(path: Path, field: Rgb, across: int, down: int, glass: int = 1) -> None:
    """Write a field pasted side by side as a tiled pyramid.

    Parameters
    ----------
    path : Path
        File to write.
    field : (h, w, 3) uint8
        Both sides multiples of `PERIOD`.
    across, down : int
        How often it is pasted.
    glass : int, optional
        The slide is this many times as high; what is below the fields is bare glass.
    """
    level = field
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for index in range(N_LEVELS):
            height, width = level.shape[0] * down * glass, level.shape[1] * across
            cut = _repeat_tiles if level.shape[0] % TILE == level.shape[1] % TILE == 0 else _paste_tiles
            per_cm = 1e4 / (MPP * STEP**index)
            writer.write(
                cut(level, across, down, glass),
                shape=(height, width, 3),
                dtype=np.uint8,
                photometric="rgb",
                tile=(TILE, TILE),
                compression="jpeg",
                compressionargs={"level": QUALITY},
                subsampling=(2, 2),
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                subfiletype=1 if index else 0,
                metadata=None,
                software=False,
            )
            level = cv2.resize(level, (level.shape[1] // STEP, level.shape[0] // STEP), interpolation=cv2.INTER_AREA)


def _repeat_tiles(level: Rgb, across: int, down: int, glass: int) -> Iterator[bytes]:
    """Compress each tile of a field once and yield those of the whole slide, row by row."""
    n_columns = level.shape[1] // TILE
    tiles = [_compress(tile) for tile in _cut(level)]
    rows = [tiles[start : start + n_columns] for start in range(0, len(tiles), n_columns)]
    bare = _compress(np.full((TILE, TILE, 3), level[-1, -1], np.uint8))
    for row in rows * down:
        yield from row * across
    for _ in range(len(rows) * down * (glass - 1)):
        yield from [bare] * (n_columns * across)


def _cut(picture: Rgb) -> Iterator[NDArray[np.uint8]]:
    """Cut into tiles, the last ones filled up with their edge."""
    missing = ((0, -picture.shape[0] % TILE), (0, -picture.shape[1] % TILE), (0, 0))
    padded = np.pad(picture, missing, mode="edge")
    for y in range(0, padded.shape[0], TILE):
        for x in range(0, padded.shape[1], TILE):
            yield np.ascontiguousarray(padded[y : y + TILE, x : x + TILE])


def _paste_tiles(level: Rgb, across: int, down: int, glass: int) -> Iterator[NDArray[np.uint8]]:
    """Paste a field whose sides are no whole tiles: only the smallest level, so it fits into memory."""
    pasted = np.tile(level, (down, across, 1))
    bare = np.broadcast_to(level[-1, -1], (pasted.shape[0] * (glass - 1), *pasted.shape[1:]))
    yield from _cut(np.concatenate([pasted, bare]))


def _compress(tile: NDArray[np.uint8]) -> bytes:
    return bytes(
        imagecodecs.jpeg8_encode(tile, level=QUALITY, colorspace="RGB", outcolorspace="YCBCR", subsampling=(2, 2))
    )
