"""One field saved as PNG or JPEG: a single level, held whole in memory, laid on white where it is transparent.

Its density (72 dpi and the like) is about paper, not about the microscope, and never taken for a scale.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from hetscore.domain import Level, Rgb
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.slides.resolution import MppClaim
from hetscore.slides.slide import damage_error

SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
"""First bytes of PNG (ISO/IEC 15948, 5.2) and JPEG (SOI and the next marker; ISO/IEC 10918-1, B.1.1.3)."""

COLOR_MODES = ("RGB", "RGBA", "P", "PA")
"""Pillow's names for 8-bit color, plain or by palette; gray, 16-bit and CMYK pictures are not brightfield RGB."""


def can_open(path: Path) -> bool:
    """Tell whether the file is PNG or JPEG. An ``.mrxs`` file is also a JPEG, but only the label of a slide."""
    with path.open("rb") as file:
        head = file.read(8)
    return head.startswith(SIGNATURES) and path.suffix.lower() != ".mrxs"


def open_raw(path: Path) -> ImageReader:
    """Decode the picture.

    Raises
    ------
    SlideError
        If it is damaged, too large or not in color.
    """
    return ImageReader(path)


class ImageReader:
    """A picture in memory."""

    vendor: str | None = None
    mpp_claims: tuple[MppClaim, ...] = ()

    def __init__(self, path: Path) -> None:
        self._rgb = _decode(path)
        height, width = self._rgb.shape[:2]
        self.levels = (Level(width, height, 1.0),)

    def read_level(self, level: int, box: Box) -> Rgb:  # noqa: ARG002 (there is one level)
        """Copy a box; see `RawReader`."""
        return self._rgb[box.slices].copy()

    def close(self) -> None:
        """Let go of the pixels."""
        self._rgb = np.empty((0, 0, 3), np.uint8)


def _decode(path: Path) -> Rgb:
    try:
        with warnings.catch_warnings():
            # Pillow warns at half the size it refuses; up to there the picture fits into memory.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=("PNG", "JPEG"))
    except Image.DecompressionBombError as error:
        msg = f"{path}: {error}; expected a single field. Convert large pictures to a pyramidal TIFF."
        raise SlideError(msg) from error
    except (OSError, SyntaxError) as error:
        msg = f"{path}: the header is damaged ({error}); expected a PNG or JPEG picture. Copy it again."
        raise SlideError(msg) from error
    with picture:
        if picture.mode not in COLOR_MODES:
            msg = f"{path}: the picture is {picture.mode}; expected 8-bit color. Export it as RGB from the original."
            raise SlideError(msg)
        return _on_white(picture, path)


def _on_white(picture: Image.Image, path: Path) -> Rgb:
    try:
        if picture.mode == "RGB":
            return np.array(picture)
        white = Image.new("RGBA", picture.size, "white")
        return np.array(Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB"))
    except (OSError, SyntaxError) as error:
        width, height = picture.size
        raise damage_error(path, Level(width, height, 1.0), Box(0, 0, width, height), str(error)) from error
