"""The formats of slide scanners, by OpenSlide: NDPI, MRXS, SCN, BIF, DICOM, CZI, Philips, Trestle.

Plain TIFF and Aperio SVS are left to `tiff_reader`: their tiles can be decoded one by one, some five times faster, and
exactly. OpenSlide divides places by a level's downsample; where that is not whole (Aperio's 4.0001) it shifts the
picture by a fraction of a pixel and interpolates.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import openslide
import tifffile

from hetscore.domain import Level, MppSource, Rgb
from hetscore.errors import SlideError
from hetscore.geometry import Box, grid_boxes
from hetscore.slides.resolution import MppClaim
from hetscore.slides.slide import WHITE, damage_error

APERIO_JPEG_2000_YCBCR = 33003
"""TIFF compression whose tiles hold YCbCr without saying so; OpenSlide knows, a plain decoder does not."""

ANCHOR_PX = 512
"""Side of the fixed squares in which a level without a whole downsample is read: two tiles of the usual 256."""

_UM_PER_UNIT = {"inch": 25_400.0, "centimeter": 10_000.0}


def can_open(path: Path) -> bool:
    """Tell whether OpenSlide knows the file and no plain decoder of tiles would do."""
    vendor = openslide.OpenSlide.detect_format(path)
    if vendor == "aperio":
        with tifffile.TiffFile(path) as tiff:
            return int(tiff.pages[0].keyframe.compression) == APERIO_JPEG_2000_YCBCR
    return vendor is not None and vendor != "generic-tiff"


def open_raw(path: Path) -> OpenSlideReader:
    """Open the file.

    Raises
    ------
    SlideError
        If OpenSlide refuses it.
    """
    return OpenSlideReader(path)


def dicom_series(path: Path) -> str | None:
    """Return the series a DICOM slide file belongs to; None for what OpenSlide cannot open as one."""
    if openslide.OpenSlide.detect_format(path) != "dicom":
        return None
    try:
        with openslide.OpenSlide(path) as slide:
            return slide.properties.get("dicom.SeriesInstanceUID")
    except openslide.OpenSlideError:
        return None


class OpenSlideReader:
    """A file open in OpenSlide, once for each thread that reads it.

    After one damaged tile an OpenSlide handle answers every later read with the same error. A handle of its own for
    each thread, given up at the first error, keeps the damage to the tile that has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._handles: list[openslide.OpenSlide] = []
        self._lock = threading.Lock()
        slide = self._handle()
        sizes = zip(slide.level_dimensions, slide.level_downsamples, strict=True)
        self.levels = tuple(Level(width, height, downsample) for (width, height), downsample in sizes)
        self.vendor: str | None = slide.properties.get(openslide.PROPERTY_NAME_VENDOR)
        self.mpp_claims = _mpp_claims(dict(slide.properties))

    def read_level(self, level: int, box: Box) -> Rgb:
        """Decode a box of a level; see `RawReader`."""
        if self.levels[level].downsample.is_integer():
            return self._read(level, box)
        # The fraction by which OpenSlide shifts depends on where a read starts: start at fixed places only, so that
        # the same place has the same pixels whatever box asks.
        whole = Box(0, 0, self.levels[level].width, self.levels[level].height)
        rgb = np.empty((box.height, box.width, 3), np.uint8)
        for anchor in grid_boxes(box, ANCHOR_PX):
            block = anchor.clipped(whole)
            part = block.clipped(box)
            pixels = self._read(level, block)[part.shifted(-block.x, -block.y).slices]
            rgb[part.shifted(-box.x, -box.y).slices] = pixels
        return rgb

    def close(self) -> None:
        """Close the handles of all threads."""
        with self._lock:
            for slide in self._handles:
                slide.close()
            self._handles.clear()
            self._own = threading.local()

    def _read(self, level: int, box: Box) -> Rgb:
        step = self.levels[level].downsample
        place = (round(box.x * step), round(box.y * step))
        try:
            picture = self._handle().read_region(place, level, (box.width, box.height))
        except openslide.OpenSlideError as error:
            self._give_up_handle()
            raise damage_error(self._path, self.levels[level], box, str(error)) from error
        return _on_white(np.asarray(picture))

    def _handle(self) -> openslide.OpenSlide:
        slide: openslide.OpenSlide | None = getattr(self._own, "slide", None)
        if slide is None:
            slide = _open(self._path)
            self._own.slide = slide
            with self._lock:
                self._handles.append(slide)
        return slide

    def _give_up_handle(self) -> None:
        slide = self._own.slide
        del self._own.slide
        with self._lock:
            self._handles.remove(slide)
        slide.close()


def _open(path: Path) -> openslide.OpenSlide:
    try:
        return openslide.OpenSlide(path)
    except openslide.OpenSlideError as error:
        msg = (
            f"{path}: OpenSlide says: {error}; expected a slide it can read. The file may be incomplete: copy it again."
        )
        raise SlideError(msg) from error


def _mpp_claims(properties: dict[str, str]) -> tuple[MppClaim, ...]:
    """Collect what the scanner and the TIFF tags say. OpenSlide computes the mpp of generic TIFF from the tags."""
    vendor = properties.get(openslide.PROPERTY_NAME_VENDOR)
    x, y = properties.get(openslide.PROPERTY_NAME_MPP_X), properties.get(openslide.PROPERTY_NAME_MPP_Y)
    if x is not None and y is not None:
        source = MppSource.TIFF_RESOLUTION if vendor == "generic-tiff" else MppSource.FILE
        return (MppClaim(float(x), float(y), source),)
    unit = _UM_PER_UNIT.get(properties.get("tiff.ResolutionUnit", ""))
    per_x, per_y = float(properties.get("tiff.XResolution", 0)), float(properties.get("tiff.YResolution", 0))
    if unit is None or not per_x or not per_y:
        return ()
    return (MppClaim(unit / per_x, unit / per_y, MppSource.TIFF_RESOLUTION),)


def _on_white(rgba: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Rgb:
    """Lay (h, w, 4) pixels on white; MRXS and others have holes where nothing was scanned."""
    alpha = rgba[..., 3:]
    if alpha.min() == WHITE:
        return np.ascontiguousarray(rgba[..., :3])
    opacity = alpha.astype(np.uint16)
    blended = rgba[..., :3] * opacity + WHITE * (WHITE - opacity)
    return ((blended + WHITE // 2) // WHITE).astype(np.uint8)
