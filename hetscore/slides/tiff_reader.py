"""TIFF decoded tile by tile with tifffile and imagecodecs: Aperio SVS, plain pyramids, OME-TIFF, QPTIFF.

All compressions of imagecodecs are read (JPEG, JPEG 2000, WebP, zstd ...), levels in pages and in SubIFDs alike. Only
8-bit RGB pictures are brightfield: stacks, single channels and fluorescence are refused with a word on what they are.
"""

from __future__ import annotations

import os
import re
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from hetscore.domain import Level, MppSource, Rgb
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.slides.resolution import MppClaim
from hetscore.slides.slide import damage_error
from hetscore.slides.tiff_tiles import DECODING_ERRORS, JPEG_COMPRESSIONS, Pixels, find_segments, make_decoder, paste
from hetscore.slides.tile_cache import TileCache

TiffFile = Any
TiffSeries = Any
TiffPage = Any
"""tifffile's own, known to the type checker by name only."""

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""First bytes of TIFF 6.0 (section 2) and BigTIFF, little and big endian."""

MAX_UNTILED_PX = 400_000_000
"""A level without tiles is decoded whole and held: 1.2 GB of RGB at most."""

_UM_PER_RESOLUTION_UNIT = {2: 25_400.0, 3: 10_000.0}
"""TIFF 6.0, ResolutionUnit: 2 is the inch, 3 the centimeter."""

_UM_PER_OME_UNIT = {"nm": 1e-3, "µm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4}
"""Units of OME's PhysicalSizeX; the schema's default is the micrometer."""

_PARSING_ERRORS = (ValueError, IndexError, KeyError, OSError, RuntimeError, struct.error)
"""tifffile reports a directory that is cut off or points beyond the file by whatever its parsing runs into."""


def can_open(path: Path) -> bool:
    """Tell whether the file is TIFF of any kind."""
    with path.open("rb") as file:
        return file.read(4) in SIGNATURES


def open_raw(path: Path) -> TiffReader:
    """Open the file.

    Raises
    ------
    SlideError
        If it is damaged, or its first picture is not 8-bit RGB.
    """
    try:
        tiff = tifffile.TiffFile(path)
    except _PARSING_ERRORS as error:
        raise _broken(path, f"the TIFF structure is damaged ({error})") from error
    try:
        return TiffReader(path, tiff)
    except BaseException:
        tiff.close()
        raise


class TiffReader:
    """An open TIFF. Threads read bytes at places of their own and decode tiles without a lock."""

    def __init__(self, path: Path, tiff: TiffFile) -> None:
        series = _first_series(path, tiff)
        self._path = path
        self._tiff = tiff
        self._size = path.stat().st_size
        self._pages = [level.keyframe for level in series.levels]
        for page in self._pages:
            _require_brightfield(path, page)
        self._decoders = [make_decoder(page) for page in self._pages]
        self._cache = TileCache()
        self._hold_lock = threading.Lock()
        self._held: dict[int, Rgb] = {}
        self.levels = _levels(self._pages)
        self.vendor: str | None = _vendor(tiff)
        self.mpp_claims = _mpp_claims(tiff, self._pages[0])

    def read_level(self, level: int, box: Box) -> Rgb:
        """Decode a box of a level; see `RawReader`."""
        page = self._pages[level]
        if page.is_tiled:
            return self._decode(level, box)
        return self._hold(level)[box.slices].copy()

    def close(self) -> None:
        """Close the file."""
        self._held.clear()
        self._cache.clear()
        self._tiff.close()

    def _hold(self, level: int) -> Rgb:
        """Decode a level without tiles once, whole."""
        size = self.levels[level]
        if size.width * size.height > MAX_UNTILED_PX:
            msg = f"{self._path}: {size.width} x {size.height} pixels without tiles; expected a tiled pyramid. "
            raise SlideError(f"{msg}Convert it, e.g. with: vips tiffsave --tile --pyramid.")
        with self._hold_lock:
            if level not in self._held:
                self._held[level] = self._decode(level, Box(0, 0, size.width, size.height))
        return self._held[level]

    def _decode(self, level: int, box: Box) -> Rgb:
        """Decode the tiles or strips that meet the box and put them together."""
        rgb = np.empty((box.height, box.width, 3), np.uint8)
        for index, segment, plane in find_segments(self._pages[level], box):
            part = segment.clipped(box)
            pixels = self._read_segment(level, index, part)
            if pixels is not None:
                pixels = pixels[part.shifted(-segment.x, -segment.y).slices]
            try:
                paste(rgb[part.shifted(-box.x, -box.y).slices], pixels, plane)
            except ValueError as error:  # fewer pixels or colors than the page says
                raise damage_error(self._path, self.levels[level], part, str(error)) from error
        return rgb

    def _read_segment(self, level: int, index: int, part: Box) -> Pixels | None:
        """Find the pixels of a tile or strip, kept or decoded now; None if it was never written."""
        page = self._pages[level]
        pixels = self._cache.find((level, index))
        if pixels is not None:
            return pixels
        try:
            data = self._read_bytes(page.dataoffsets[index], page.databytecounts[index])
            pixels = None if data is None else self._decoders[level](index, data)
        except (*DECODING_ERRORS, OSError) as error:
            raise damage_error(self._path, self.levels[level], part, str(error)) from error
        if pixels is not None and page.is_tiled:  # a level without tiles is held whole
            self._cache.keep((level, index), pixels)
        return pixels

    def _read_bytes(self, offset: int, count: int) -> bytes | None:
        if count == 0:
            return None
        if offset + count > self._size:
            msg = f"its data end at byte {offset + count}, the file at {self._size}"
            raise ValueError(msg)
        data = os.pread(self._tiff.filehandle.fileno(), count, offset)
        if len(data) < count:
            msg = f"only {len(data)} of its {count} bytes could be read"
            raise ValueError(msg)
        return data


def _broken(path: Path, cause: str) -> SlideError:
    return SlideError(f"{path}: {cause}; expected a complete TIFF. The file may be cut off or damaged: copy it again.")


def _first_series(path: Path, tiff: TiffFile) -> TiffSeries:
    """Return the slide itself; labels and macro pictures come after it in every dialect."""
    try:
        series = tiff.series
    except _PARSING_ERRORS as error:
        raise _broken(path, f"the TIFF structure is damaged ({error})") from error
    if not series or not series[0].axes:
        raise _broken(path, "no picture in the file")
    first = series[0]
    if first.axes not in ("YXS", "SYX"):
        msg = f"{path}: the picture has axes {first.axes} of {first.shape}; expected one RGB plane. "
        raise SlideError(
            f"{msg}Stacks, channels and fluorescence cannot be scored: export the brightfield picture as RGB."
        )
    return first


def _require_brightfield(path: Path, page: TiffPage) -> None:
    color = tifffile.PHOTOMETRIC(page.photometric).name
    seen = None
    if page.compression != 1 and page.compression not in tifffile.TIFF.DECOMPRESSORS:
        seen, wanted = f"TIFF compression {int(page.compression)}", "JPEG, JPEG 2000, deflate, LZW or another known one"
    elif page.dtype != np.uint8 or page.samplesperpixel not in (3, 4):
        seen, wanted = f"{page.samplesperpixel} channels of {page.dtype}", "RGB of 8 bits"
    elif color != "RGB" and not (color == "YCBCR" and page.compression in JPEG_COMPRESSIONS):
        seen, wanted = f"{color} pixels in TIFF compression {int(page.compression)}", "RGB, or YCbCr in JPEG"
    if seen is not None:
        msg = f"{path}: {seen}; expected {wanted}. Export the slide as a tiled RGB TIFF."
        raise SlideError(msg)


def _levels(pages: list[TiffPage]) -> tuple[Level, ...]:
    width, height = pages[0].imagewidth, pages[0].imagelength
    downsamples = [(width / page.imagewidth + height / page.imagelength) / 2 for page in pages]
    return tuple(Level(p.imagewidth, p.imagelength, d) for p, d in zip(pages, downsamples, strict=True))


def _vendor(tiff: TiffFile) -> str:
    for flag, vendor in (("is_svs", "aperio"), ("is_qpi", "perkinelmer"), ("is_ome", "ome")):
        if getattr(tiff, flag):
            return vendor
    return "generic-tiff"


def _mpp_claims(tiff: TiffFile, page: TiffPage) -> tuple[MppClaim, ...]:
    claims = (_aperio_mpp(page) if tiff.is_svs else None, _ome_mpp(tiff) if tiff.is_ome else None, _tag_mpp(page))
    return tuple(claim for claim in claims if claim is not None)


def _aperio_mpp(page: TiffPage) -> MppClaim | None:
    """Read ``MPP = 0.499`` of Aperio's description."""
    found = re.search(r"\|\s*MPP\s*=\s*([0-9.]+)", page.description)
    return None if found is None else MppClaim(float(found[1]), float(found[1]), MppSource.FILE)


def _ome_mpp(tiff: TiffFile) -> MppClaim | None:
    """Read the physical size of the first image of the OME-XML."""
    images = tifffile.xml2dict(tiff.ome_metadata).get("OME", {}).get("Image", {})
    pixels = (images[0] if isinstance(images, list) else images).get("Pixels", {})
    sizes = []
    for axis in "XY":
        unit = _UM_PER_OME_UNIT.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        size = pixels.get(f"PhysicalSize{axis}")
        if unit is None or size is None:
            return None
        sizes.append(float(size) * unit)
    return MppClaim(sizes[0], sizes[1], MppSource.FILE)


def _tag_mpp(page: TiffPage) -> MppClaim | None:
    """Read the resolution tags; a zero resolution says nothing."""
    unit = _UM_PER_RESOLUTION_UNIT.get(int(page.tags.valueof("ResolutionUnit", default=1)))
    x, y = (page.tags.valueof(name, default=(0, 1)) for name in ("XResolution", "YResolution"))
    if unit is None or not (x[0] and x[1] and y[0] and y[1]):
        return None
    return MppClaim(unit * x[1] / x[0], unit * y[1] / y[0], MppSource.TIFF_RESOLUTION)
