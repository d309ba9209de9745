"""Reading: our TIFF reader, OpenSlide, and libjpeg-turbo alone on the same tiles.

Rates are megapixels of the result per second of one core. The regions are those with the most tissue, shuffled. Before
each timing the slide is opened anew, so that nothing is in the caches that both readers keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import openslide
import tifffile
from numpy.typing import NDArray

from hetscore.domain import Rgb
from hetscore.geometry import Box
from hetscore.slides import Slide, open_slide
from scripts.bench.material import TILE, USUAL, Slides
from scripts.bench.table import Findings, Row
from scripts.bench.timing import race

SIDE = 1024
N_REGIONS = 24
"""25 MP, a few tenths of a second: timed well, and small beside the slide."""
SHIFT = Box(90, 154, 0, 0)
"""Moves regions off the tiles: 25 tiles are met in place of 16. Even, since half the size is read too."""


class Reopened:
    """A slide that both readers open anew before each timing: both keep decoded tiles, which would be read for free."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path, self._stack = path, stack
        self.open()

    def open(self) -> None:
        """Close what is open and open both anew."""
        self._stack.close()
        self.ours = self._stack.enter_context(open_slide(self.path))
        self.theirs = self._stack.enter_context(openslide.OpenSlide(self.path))

    def read(self, box: Box, downsample: int = 1) -> Rgb:
        """Read with our reader."""
        return self.ours.read(box, downsample)

    def read_openslide(self, box: Box) -> Rgb:
        """Read a box of level 0 as users of OpenSlide do, (h, w, 3) uint8."""
        return np.asarray(self.theirs.read_region((box.x, box.y), 0, (box.width, box.height)).convert("RGB"))

    def read_half(self, box: Box) -> Rgb:
        """Read at half the resolution with our reader."""
        return self.read(box, 2)

    def read_openslide_half(self, box: Box) -> Rgb:
        """Read with OpenSlide and average."""
        size = (box.width // 2, box.height // 2)
        return np.asarray(cv2.resize(self.read_openslide(box), size, interpolation=cv2.INTER_AREA), np.uint8)


def bench_reading(slides: Slides, rounds: int) -> Findings:
    """Compare readers on one slide; the pixels of both at full size must be the same."""
    path = slides.find(USUAL)
    with ExitStack() as stack:
        slide = Reopened(path, stack)
        aligned, unaligned = _find_regions(slide.ours, SIDE, 0), _find_regions(slide.ours, SIDE, 1)
        coarse = _find_regions(slide.ours, 2 * SIDE, 1)
        _require_same(slide, [*aligned, *unaligned])
        away = _mean_difference(slide, coarse)
        candidates = {
            "aligned": partial(_read_all, aligned, slide.read),
            "openslide aligned": partial(_read_all, aligned, slide.read_openslide),
            "unaligned": partial(_read_all, unaligned, slide.read),
            "openslide unaligned": partial(_read_all, unaligned, slide.read_openslide),
            "half": partial(_read_all, coarse, slide.read_half),
            "openslide half": partial(_read_all, coarse, slide.read_openslide_half),
        }
        raw = partial(_decode_all, *_load_tiles(path, aligned))
        spread = race({"raw": raw, **candidates}, rounds, prepare=slide.open)
    rate = {name: N_REGIONS * SIDE**2 / 1e6 / seconds.median for name, seconds in spread.items()}
    rate |= {name: rate[name] * len(coarse) / N_REGIONS for name in ("half", "openslide half")}
    return _findings(rate, away)


def _findings(rate: dict[str, float], away: float) -> Findings:
    rows = [
        Row(f"read {name}", rate[name], "MP/s", "OpenSlide", rate[f"openslide {name}"], _times(rate, name), note)
        for name, note in (
            ("aligned", "same pixels"),
            ("unaligned", "same pixels"),
            ("half", f"0.25 to 0.5 um/px, output pixels; mean difference {away:.2f} gray levels"),
        )
    ]
    raw = rate["aligned"] / rate["raw"]
    rows.append(Row("read aligned", rate["aligned"], "MP/s", "libjpeg-turbo alone", rate["raw"], raw, "the limit"))
    figures = {
        "read_vs_openslide": _times(rate, "aligned"),
        "read_vs_openslide_unaligned": _times(rate, "unaligned"),
        "read_half_vs_openslide": _times(rate, "half"),
        "read_vs_libjpeg": raw,
        "read_mp_per_s": rate,
    }
    return Findings(tuple(rows), figures)


def _times(rate: dict[str, float], name: str) -> float:
    return rate[name] / rate[f"openslide {name}"]


def _find_regions(slide: Slide, side: int, n_shifts: int) -> list[Box]:
    """Find the squares of a grid that hold most tissue, shuffled; they do not overlap, and lie inside the slide."""
    bounds, cells = slide.info.bounds, []
    for y in range(n_shifts * SHIFT.y, bounds.bottom - side + 1, side):
        cells += [Box(x, y, side, side) for x in range(n_shifts * SHIFT.x, bounds.right - side + 1, side)]
    light = [float(slide.read(_coarse(cell), 16).mean()) for cell in cells]
    darkest = np.argsort(light, kind="stable")[:N_REGIONS]
    return [cells[i] for i in np.random.default_rng(0).permutation(darkest)]


def _coarse(box: Box) -> Box:
    """Move a box to whole blocks of 16 pixels."""
    return Box(box.x // 16 * 16, box.y // 16 * 16, box.width, box.height)


def _read_all(regions: Sequence[Box], read: Callable[[Box], Rgb]) -> None:
    for region in regions:
        read(region)


def _require_same(slide: Reopened, regions: Sequence[Box]) -> None:
    for box in regions:
        if not np.array_equal(slide.read(box), slide.read_openslide(box)):
            raise ValueError(f"{box}: our pixels are not those of OpenSlide; a faster reader must give the same")


def _mean_difference(slide: Reopened, regions: Sequence[Box]) -> float:
    """Mean difference at half the size, gray levels: averaging in the decoder is not quite averaging after it."""
    pairs = [(slide.read_half(box), slide.read_openslide_half(box)) for box in regions]
    return float(np.mean([np.abs(a.astype(np.int16) - b).mean() for a, b in pairs]))


def _load_tiles(path: Path, regions: Sequence[Box]) -> tuple[list[bytes], bytes | None]:
    """Load the compressed tiles under regions, and the tables they share if any."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        across = page.imagewidth // TILE
        places = [(y // TILE) * across + x // TILE for box in regions for y, x in _tile_corners(box)]
        file = tiff.filehandle
        return [_load(file, page.dataoffsets[i], page.databytecounts[i]) for i in places], page.jpegtables


def _tile_corners(box: Box) -> list[tuple[int, int]]:
    return [(y, x) for y in range(box.y, box.bottom, TILE) for x in range(box.x, box.right, TILE)]


def _load(file: tifffile.FileHandle, offset: int, count: int) -> bytes:
    file.seek(offset)
    data: bytes = file.read(count)
    return data


def _decode_all(tiles: Sequence[bytes], tables: bytes | None) -> None:
    out: NDArray[np.uint8] = np.empty((TILE, TILE, 3), np.uint8)
    for tile in tiles:
        imagecodecs.jpeg8_decode(tile, tables=tables, colorspace="YCBCR", outcolorspace="RGB", out=out)
