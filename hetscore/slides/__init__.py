"""Path -> Slide: one reader a file format, chosen by what the file is, never by trying and failing.

`open_slide` is the door. To add a format, write ``<name>_reader.py`` with `can_open` and `open_raw`, and add a line to
`READERS`; the conformance suite then tests it.
"""

from __future__ import annotations

import logging
import os
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from hetscore.domain import MppSource, SlideInfo
from hetscore.errors import SlideError
from hetscore.slides.hashing import hash_slide
from hetscore.slides.resolution import PLAUSIBLE_MPP, check_given_mpp, find_mpp
from hetscore.slides.slide import RawReader, Slide

__all__ = [
    "PLAUSIBLE_MPP",
    "READERS",
    "SUPPORTED_SUFFIXES",
    "Slide",
    "dicom_series",
    "hash_slide",
    "open_slide",
    "reader_module",
]

READERS: dict[str, tuple[str, str]] = {
    "openslide": ("openslide_reader", "scanner formats with rules of their own: NDPI, MRXS, SCN, BIF, DICOM, CZI ..."),
    "tiff": ("tiff_reader", "TIFF whose tiles can be decoded one by one: Aperio SVS, plain pyramids, OME-TIFF, QPTIFF"),
    "image": ("image_reader", "one PNG or JPEG field, without a scale of its own"),
}
"""Name -> (module of this package, what it is for). Asked in this order; the first that can open a file reads it."""

SUPPORTED_SUFFIXES = frozenset(
    {".svs", ".ndpi", ".vms", ".vmu", ".mrxs", ".scn", ".bif", ".svslide", ".czi", ".dcm"}
    | {".tif", ".tiff", ".btf", ".qptiff", ".png", ".jpg", ".jpeg"}
)
"""What a folder is searched for, lower case. A slide named by the user may have any suffix."""

_SILENT = logging.NullHandler()
"""Without a handler Python prints tifffile's remarks on odd tags to stderr; whoever sets up logging still gets them."""


class ReaderModule(Protocol):
    """What a ``<name>_reader`` module offers."""

    def can_open(self, path: Path) -> bool:
        """Tell by signature and structure whether this reader is the one for the file."""

    def open_raw(self, path: Path) -> RawReader:
        """Open the file; raise `SlideError` if it is damaged or holds no brightfield picture."""


def reader_module(name: str) -> ReaderModule:
    """Import the reader called `name` in `READERS`."""
    return cast(ReaderModule, import_module(f"{__name__}.{READERS[name][0]}"))


def dicom_series(path: Path) -> str | None:
    """Return the UID of the series a DICOM slide file belongs to; None for what cannot be opened as one."""
    from hetscore.slides.openslide_reader import dicom_series as series_of

    return series_of(path)


def open_slide(path: Path, *, mpp: float | None = None, mpp_source: MppSource | None = None) -> Slide:
    """Open a slide.

    Parameters
    ----------
    path : Path
        The slide's file; for MRXS the ``.mrxs`` file, for DICOM any one file of the series.
    mpp : float, optional
        Microns per level-0 pixel as the user gave them; outranks whatever the file says.
    mpp_source : MppSource, optional
        Who gave `mpp`: the cases table or the command line (default).

    Returns
    -------
    Slide
        To be closed, or used as a context manager.

    Raises
    ------
    UsageError
        If `mpp` is not plausible.
    SlideError
        If there is no such file, no reader knows it, or it is damaged or not a brightfield picture.
    """
    logging.getLogger("tifffile").addHandler(_SILENT)
    source = mpp_source or MppSource.COMMAND_LINE
    check_given_mpp(mpp, source)
    _require_file(path)
    name = _find_reader(path)
    raw = reader_module(name).open_raw(path)
    answer = find_mpp(mpp, source, raw.mpp_claims)
    info = SlideInfo(
        path=path,
        reader=name,
        width=raw.levels[0].width,
        height=raw.levels[0].height,
        levels=raw.levels,
        mpp=answer.mpp,
        mpp_source=answer.source,
        mpp_problem=answer.problem,
        vendor=raw.vendor,
    )
    return Slide(info, raw)


def _require_file(path: Path) -> None:
    if path.is_dir():
        msg = f"{path}: is a folder; expected a slide file. Name the .mrxs file, or any one .dcm file of a series."
        raise SlideError(msg)
    if not path.is_file():
        msg = f"{path}: no such file; expected a slide. Check the path."
        raise SlideError(msg)
    if not os.access(path, os.R_OK):
        msg = f"{path}: the file may not be read by this user; expected read permission. Change its mode or owner."
        raise SlideError(msg)
    if path.stat().st_size == 0:
        msg = f"{path}: the file is empty; expected a slide. Copy it again from the scanner or archive."
        raise SlideError(msg)


def _find_reader(path: Path) -> str:
    for name in READERS:
        if reader_module(name).can_open(path):
            return name
    if path.suffix.lower() == ".mrxs":
        msg = (
            f"{path}: its folder {path.stem} is absent or incomplete; expected the MRXS data in it. Keep both together."
        )
        raise SlideError(msg)
    with path.open("rb") as file:
        head = file.read(8)
    msg = (
        f"{path}: no slide format (the file starts with {head!r}); expected SVS, NDPI, MRXS, DICOM, TIFF or the like. "
    )
    raise SlideError(f"{msg}Is it the right file, and copied whole?")
