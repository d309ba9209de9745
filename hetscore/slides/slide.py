"""An open slide: any box of level 0, at any whole downsample, the same pixels whatever box asks for them.

What a file format knows is behind `RawReader`; everything the readers share is here: which level to read, averaging,
white beyond the edge, the thumbnail. Pixels are never interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import cv2
import numpy as np

from hetscore.domain import Level, Rgb, SlideInfo, Thumbnail
from hetscore.errors import ResolutionError, SlideError
from hetscore.geometry import Box
from hetscore.slides.resolution import MppClaim

WHITE = 255
"""What lies beyond the slide's edge: the color of the empty glass in brightfield."""

MAX_STRETCH = 1e-3
"""A level whose downsample is within 0.1 % of a whole number is read as that number: the rest is its rounded size,"""

MAX_DRIFT_PX = 1.0
"""which moves no place of the level by more than one of its own pixels."""

MAX_PART_PX = 4096
"""Side of the largest square of a level decoded at once: 50 MB of RGB, whatever the size of the box asked for."""

MAX_THUMBNAIL_ERROR = 0.2
"""How far the thumbnail's scale may be from the one asked for, so that a small level can be read instead of level 0:
8 um/px of a slide of 0.2 to 0.27 um/px then comes from the levels 4, 16 or 32 that scanners write."""

UNSCALED_THUMBNAIL_PX = 2048
"""Largest side of the thumbnail of a slide without microns per pixel: a 16 mm slide at 8 um/px."""


class RawReader(Protocol):
    """What a file format must offer. `read_level` may be called from several threads at once."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """The pyramid, largest first; the first has downsample 1."""

    @property
    def mpp_claims(self) -> tuple[MppClaim, ...]:
        """What the file says of its scale, most trusted first."""

    @property
    def vendor(self) -> str | None:
        """Who wrote the file, in OpenSlide's words where it has one."""

    def read_level(self, level: int, box: Box) -> Rgb:
        """Decode `box` (pixels of that level, inside it) into new (height, width, 3) uint8; `SlideError` if damaged."""

    def close(self) -> None:
        """Let go of the file."""


class Slide:
    """An open slide; use it as a context manager. Reading is safe from several threads.

    Parameters
    ----------
    info : SlideInfo
        What is known of the slide.
    raw : RawReader
        The open file; closed with the slide.
    """

    def __init__(self, info: SlideInfo, raw: RawReader) -> None:
        self.info = info
        self._raw = raw
        whole = [whole_downsample(level) for level in info.levels]
        self._usable = tuple((index, step) for index, step in enumerate(whole) if step is not None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._raw.close()

    def require_mpp(self) -> float:
        """Return the microns per level-0 pixel.

        Raises
        ------
        ResolutionError
            If they are not known.
        """
        if self.info.mpp is None:
            msg = (
                f"{self.info.path}: {self.info.mpp_problem}; expected microns per pixel. "
                "Pass --mpp, e.g. --mpp 0.25, or fill the mpp column of cases.csv."
            )
            raise ResolutionError(msg)
        return self.info.mpp

    def read(self, box: Box, downsample: int) -> Rgb:
        """Read a box of the slide.

        Parameters
        ----------
        box : Box
            Level-0 pixels, all four numbers multiples of `downsample`; may reach over the slide's edge.
        downsample : int
            Level-0 pixels per pixel of the result, at least 1.

        Returns
        -------
        (box.height / downsample, box.width / downsample, 3) uint8
            Area average over whole blocks of the coarsest level whose downsample divides the wanted one; white beyond
            the edge.

        Raises
        ------
        SlideError
            If the file is damaged there.
        ValueError
            If the box is empty or not aligned.
        """
        _check_aligned(box, downsample)
        level, step = self._level_for(downsample)
        factor = downsample // step
        out = Box(box.x // downsample, box.y // downsample, box.width // downsample, box.height // downsample)
        side = max(1, MAX_PART_PX // factor)
        if out.width <= side and out.height <= side:
            return self._read_average(level, out, factor)
        rgb = np.empty((out.height, out.width, 3), np.uint8)
        for part in _parts(out, side):
            rgb[part.shifted(-out.x, -out.y).slices] = self._read_average(level, part, factor)
        return rgb

    def thumbnail(self, mpp: float) -> Thumbnail:
        """Read the whole slide, small.

        Parameters
        ----------
        mpp : float
            Microns per pixel wanted.

        Returns
        -------
        Thumbnail
            At a whole downsample, the nearest or within `MAX_THUMBNAIL_ERROR` of it if a smaller level can then be
            read; the last row and column may reach over the edge. Where the slide's scale is not known, its largest
            side is at most `UNSCALED_THUMBNAIL_PX` and its `mpp` is NaN.
        """
        info = self.info
        if info.mpp is None:
            wanted = float(math.ceil(max(info.width, info.height) / UNSCALED_THUMBNAIL_PX))
        else:
            wanted = mpp / info.mpp
        downsample = self._cheap_downsample(wanted)
        box = Box(0, 0, _round_up(info.width, downsample), _round_up(info.height, downsample))
        scale = math.nan if info.mpp is None else info.mpp * downsample
        return Thumbnail(self.read(box, downsample), downsample, scale)

    def _level_for(self, downsample: int) -> tuple[int, int]:
        """Find the coarsest level that divides the downsample; level 0 always does."""
        return max(((i, step) for i, step in self._usable if downsample % step == 0), key=lambda pair: pair[1])

    def _cheap_downsample(self, wanted: float) -> int:
        """Find the whole downsample near the wanted one that the coarsest level can give."""
        near = [max(1, round(wanted / step)) * step for _, step in self._usable]
        close = [d for d in near if abs(d - wanted) <= MAX_THUMBNAIL_ERROR * wanted]
        nearest = max(1, round(wanted))
        return max(close, key=lambda d: (self._level_for(d)[1], -abs(d - wanted)), default=nearest)

    def _read_average(self, level: int, out: Box, factor: int) -> Rgb:
        """Read a box given in blocks of `factor` pixels of the level."""
        wanted = Box(out.x * factor, out.y * factor, out.width * factor, out.height * factor)
        return _average_blocks(self._read_filled(level, wanted), factor)

    def _read_filled(self, level: int, box: Box) -> Rgb:
        """Read a box of a level that may reach over its edge."""
        size = self.info.levels[level]
        inside = box.clipped(Box(0, 0, size.width, size.height))
        if inside == box:
            return self._raw.read_level(level, box)
        rgb = np.full((box.height, box.width, 3), WHITE, np.uint8)
        if not inside.is_empty:
            rgb[inside.shifted(-box.x, -box.y).slices] = self._raw.read_level(level, inside)
        return rgb


def whole_downsample(level: Level) -> int | None:
    """Return the level's downsample as a whole number, or None if reading it as one would shift the picture."""
    whole = max(1, round(level.downsample))
    stretch = abs(level.downsample / whole - 1)
    drift = stretch * max(level.width, level.height)
    return whole if stretch <= MAX_STRETCH and drift <= MAX_DRIFT_PX else None


def damage_error(path: Path, level: Level, box: Box, cause: str) -> SlideError:
    """Make the error for a place that cannot be decoded; `box` is in pixels of `level`, the message in level 0."""
    x, y = round(box.x * level.downsample), round(box.y * level.downsample)
    size = f"{box.width} x {box.height} at downsample {level.downsample:g}"
    return SlideError(
        f"{path}: cannot decode the picture at x {x}, y {y} ({size}): {cause}; expected intact image data. "
        "The file may be cut off or damaged: copy it again."
    )


def _check_aligned(box: Box, downsample: int) -> None:
    if downsample < 1 or box.is_empty or any(v % downsample for v in (box.x, box.y, box.width, box.height)):
        msg = f"{box} cannot be read at downsample {downsample}: it must be whole blocks of it, at least one"
        raise ValueError(msg)


def _parts(box: Box, size: int) -> Iterator[Box]:
    """Split a box into squares of at most `size`, starting at its own corner."""
    for y in range(box.y, box.bottom, size):
        for x in range(box.x, box.right, size):
            yield Box(x, y, size, size).clipped(box)


def _average_blocks(rgb: Rgb, factor: int) -> Rgb:
    """Average squares of `factor` pixels, rounded to the nearest; a whole factor makes INTER_AREA exactly that."""
    if factor == 1:
        return rgb
    size = (rgb.shape[1] // factor, rgb.shape[0] // factor)
    averaged: Rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return averaged


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
