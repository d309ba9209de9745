"""The tiles and strips of a TIFF page: which meet a box, their bytes to pixels, and pixels to their place in a picture.

tifffile knows every compression. Tiles of three colors in JPEG, which is most of what scanners write, go to the decoder
directly, because its speed depends on where in memory its result lies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from imagecodecs import jpeg8_decode
from numpy.typing import NDArray

from hetscore.geometry import Box
from hetscore.slides.slide import WHITE

TiffPage = Any
"""tifffile's own, known to the type checker by name only."""

Pixels = NDArray[np.uint8]

Decoder = Callable[[int, bytes], Pixels]
"""Position of a tile or strip in its page, and its bytes as stored -> its pixels, (height, width, samples)."""

JPEG_COMPRESSIONS = (6, 7, 34892, 33007)
"""TIFF compressions whose decoder turns YCbCr into RGB itself and takes the shared tables of the page."""

DECODING_ERRORS = (RuntimeError, ValueError, IndexError, MemoryError)
"""What the decoders raise: imagecodecs RuntimeError, tifffile ValueError, too few offsets an IndexError, and a damaged
size of tiles a MemoryError."""

_RGB, _YCBCR = 2, 6
"""TIFF 6.0, PhotometricInterpretation; imagecodecs takes the same numbers for the colors of a JPEG stream."""

_END_OF_IMAGE = b"\xff\xd9"
"""The last marker of a JPEG stream; coded pixels never hold these bytes (ISO/IEC 10918-1, B.1.1.3 and B.1.1.5)."""

_STREAM_BYTES = 32
"""libjpeg-turbo writes rows that start at a multiple of its vector (32 bytes with AVX2) past the processor's cache. To
decode and copy a tile then takes 10 to 25 % longer (measured, 256 and 512 px): the copy has to fetch it from memory."""


def find_segments(page: TiffPage, box: Box) -> Iterator[tuple[int, Box, int | None]]:
    """Yield position, box and color plane (None: all) of the tiles or strips that meet the box."""
    bounds = Box(0, 0, page.imagewidth, page.imagelength)
    width = page.tilewidth if page.is_tiled else page.imagewidth
    height = page.tilelength if page.is_tiled else page.rowsperstrip
    across, down = math.ceil(page.imagewidth / width), math.ceil(page.imagelength / height)
    planes: tuple[int | None, ...] = tuple(range(3)) if page.planarconfig == 2 else (None,)
    for plane in planes:
        for row in range(box.y // height, -(-box.bottom // height)):
            for column in range(box.x // width, -(-box.right // width)):
                index = ((plane or 0) * down + row) * across + column
                yield index, Box(column * width, row * height, width, height).clipped(bounds), plane


def make_decoder(page: TiffPage) -> Decoder:
    """Make the function that decodes the tiles or strips of a page.

    Parameters
    ----------
    page : TiffPage
        Of a file just opened: tifffile moves about in the file to learn the colors of its JPEG, which it must not do
        once several threads read.

    Returns
    -------
    Decoder
        Takes the position of a tile or strip and its bytes; gives (height, width, samples) uint8, which may reach over
        the page's edge. Raises one of `DECODING_ERRORS` if the bytes are damaged.
    """
    by_tifffile = _general_decoder(page)
    by_jpeg8 = _jpeg_decoder(page) if _is_plain_jpeg(page) else None
    if by_jpeg8 is None:
        return by_tifffile

    def decode(index: int, data: bytes) -> Pixels:
        if _END_OF_IMAGE not in data:
            # The decoder would make up the rest of a stream that was cut off or runs into zeros, without a word.
            msg = "its JPEG stream has no end"
            raise ValueError(msg)
        try:
            return by_jpeg8(data)
        except (RuntimeError, ValueError):
            # An odd size or kind of JPEG, or damage: tifffile reads the one and says what is wrong with the other.
            return by_tifffile(index, data)

    return decode


def paste(target: Pixels, pixels: Pixels | None, plane: int | None) -> None:
    """Put decoded pixels in place: on white where they are transparent, white where they were never written (None)."""
    if plane is not None:
        target[..., plane] = WHITE if pixels is None else pixels[..., 0]
    elif pixels is None:
        target[...] = WHITE
    elif pixels.shape[2] == 3:
        target[...] = pixels
    else:
        opacity = pixels[..., 3:].astype(np.uint16)
        blended = pixels[..., :3] * opacity + WHITE * (WHITE - opacity)
        target[...] = (blended + WHITE // 2) // WHITE


def _general_decoder(page: TiffPage) -> Decoder:
    decode_any = page.decode
    tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
    arguments = tables if page.compression in JPEG_COMPRESSIONS else {}

    def decode(index: int, data: bytes) -> Pixels:
        pixels, _, _ = decode_any(data, index, **arguments)
        segment: Pixels = pixels[0]
        return segment

    return decode


def _is_plain_jpeg(page: TiffPage) -> bool:
    """Tell whether the page holds tiles of three interleaved colors in JPEG streams that are whole but for tables."""
    return bool(
        page.compression in JPEG_COMPRESSIONS
        and page.is_tiled
        and page.planarconfig == 1
        and page.samplesperpixel == 3
        and not page.extrasamples
        and page.photometric in (_RGB, _YCBCR)
        and page.jpegheader is None
    )


def _jpeg_decoder(page: TiffPage) -> Callable[[bytes], Pixels]:
    """Make the decoder of tiles of the page's full size; it raises `ValueError` for another size."""
    shape = (page.tilelength, page.tilewidth, 3)
    tables = page.jpegtables
    # Aperio stores RGB in JPEG without a word on it in the stream; a JFIF stream is always YCbCr.
    colors = _RGB if page.photometric == _RGB and not page.is_jfif else None

    def decode(data: bytes) -> Pixels:
        tile = _empty_off_stream(shape)
        jpeg8_decode(data, tables=tables, colorspace=colors, outcolorspace=_RGB, out=tile)
        return tile

    return decode


def _empty_off_stream(shape: tuple[int, int, int]) -> Pixels:
    """Make an array that starts half of `_STREAM_BYTES` after a multiple of it."""
    size = math.prod(shape)
    flat = np.empty(size + _STREAM_BYTES, np.uint8)
    start = (_STREAM_BYTES // 2 - flat.ctypes.data) % _STREAM_BYTES
    return flat[start : start + size].reshape(shape)
