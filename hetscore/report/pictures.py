"""The pictures of a report: an overview of each slide with its numbered fragments, and the fields that decide.

Beside a field stands the same field of the H&E slide, where one is registered. They are kept as JPEG files in
``pictures/`` with their captions in ``pictures/index.json``, so that a report can be made again without the slide.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from hetscore.domain import CaseResult, Decisive, Fragment, Picture, Rgb, SlideResult
from hetscore.report.palette import Color, Verdict, fragment_verdict
from hetscore.report.reading import read_validated
from hetscore.report.tables import fragment_rows

PICTURES_FOLDER = "pictures"
INDEX_FILE = "index.json"

OVERVIEW_MAX_PX = 1600
"""Twice the width of the report's column, so that a fragment stays sharp on a fine screen; about 200 kB."""
FIELD_MAX_PX = 1024
"""256 um at 0.25 um/px: one field at full resolution."""
JPEG_QUALITY = 88
"""No visible blocks on a membrane, at a third of the size of quality 95."""
NICE_LENGTHS_UM = tuple(m * 10**k for k in range(5) for m in (1, 2, 5))
"""Lengths a scale bar may have: 1, 2 or 5 times a power of ten, up to 5 cm."""

OVERVIEW_LETTERS, FIELD_LETTERS = 1 / 60, 1 / 24
"""Height of letters as a share of the width: an overview fills the page, three fields stand side by side."""

FONT = cv2.FONT_HERSHEY_SIMPLEX
BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)


Kind = Literal["overview", "field", "companion"]
"""A companion is the H&E field beside the HER2 field before it."""
COMPANION_END = "-he"
"""Added to the name of a field's file."""


@dataclass(frozen=True)
class ReportPicture:
    """One picture of a report, as kept in ``pictures/index.json``."""

    file: str
    kind: Kind
    slide: str
    caption: str
    width: int
    height: int


def write_pictures(result: CaseResult, folder: Path) -> tuple[Path, ...]:
    """Draw and write all pictures of a case, and their index.

    Parameters
    ----------
    result : CaseResult
        The case.
    folder : Path
        Existing folder of the case; ``pictures/`` is made in it.

    Returns
    -------
    tuple of Path
        The JPEG files and the index, which is the last one.
    """
    place = folder / PICTURES_FOLDER
    place.mkdir(exist_ok=True)
    drawn = [*_overviews(result), *_fields(result)]
    for picture, rgb in drawn:
        (place / picture.file).write_bytes(_jpeg(rgb))
    index = place / INDEX_FILE
    text = json.dumps([asdict(picture) for picture, _ in drawn], indent=2, ensure_ascii=False) + "\n"
    index.write_text(text, encoding="utf-8", newline="\n")
    return (*(place / picture.file for picture, _ in drawn), index)


def read_pictures(folder: Path) -> tuple[tuple[ReportPicture, bytes], ...]:
    """Read the pictures of a case folder, each with the bytes of its JPEG file.

    Raises
    ------
    UsageError
        If the index or a picture is absent, or the index is damaged.
    """
    place = folder / PICTURES_FOLDER
    index = read_validated(place / INDEX_FILE, TypeAdapter(tuple[ReportPicture, ...]).validate_json)
    return tuple((picture, read_validated(place / picture.file, bytes)) for picture in index)


def draw_scale_bar(rgb: Rgb, mpp: float, letters: float = OVERVIEW_LETTERS) -> None:
    """Draw a scale bar into the lower left corner, in place.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        The picture, changed in place.
    mpp : float
        Microns per pixel of `rgb`.
    letters : float
        Height of a capital letter as a share of the picture's width.
    """
    height, width = rgb.shape[:2]
    length_um = scale_bar_um(width * mpp)
    text = f"{length_um / 1000:g} mm" if length_um >= 1000 else f"{length_um:g} um"
    scale = _text_scale(rgb, letters)
    margin, thick = max(8, width // 50), max(3, round(4 * scale))
    left, right, y = margin, margin + round(length_um / mpp), height - margin
    cv2.rectangle(rgb, (left - 2, y - thick - 2), (right + 2, y + 2), WHITE, cv2.FILLED)
    cv2.rectangle(rgb, (left, y - thick), (right, y), BLACK, cv2.FILLED)
    _draw_text(rgb, text, (left, y - thick - max(6, margin // 2)), scale)


def scale_bar_um(width_um: float) -> float:
    """Give the longest nice length not above a quarter of the picture's width; never below 1 um."""
    return max((length for length in NICE_LENGTHS_UM if length <= width_um / 4), default=1)


def draw_overview(slide: SlideResult, verdicts: Mapping[int, Verdict]) -> Rgb | None:
    """Draw the slide small with its fragments outlined by verdict and numbered.

    Parameters
    ----------
    slide : SlideResult
        The slide.
    verdicts : mapping of int to Verdict
        By fragment id.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3), or None
        None where the slide has no thumbnail.
    """
    if slide.thumbnail is None:
        return None
    rgb = _fitted(slide.thumbnail.rgb, OVERVIEW_MAX_PX)
    shrink = slide.thumbnail.rgb.shape[1] / rgb.shape[1]
    downsample = slide.thumbnail.downsample * shrink
    for fragment in slide.fragments:
        _draw_rings(rgb, fragment, downsample, verdicts[fragment.id].color)
    for fragment in slide.fragments:
        _draw_number(rgb, fragment, downsample, verdicts[fragment.id].color)
    if math.isfinite(slide.thumbnail.mpp):  # a slide refused for its stain may not say its scale
        draw_scale_bar(rgb, slide.thumbnail.mpp * shrink)
    return rgb


def draw_field(picture: Picture, place: Decisive | None) -> Rgb:
    """Draw a field with a scale bar and, if it is smaller than the field, a frame around the place that decides."""
    rgb = _fitted(picture.rgb, FIELD_MAX_PX)
    per_pixel = picture.bounds.width / rgb.shape[1]
    if place is not None and _is_within(place, picture):
        box = place.bounds.shifted(-picture.bounds.x, -picture.bounds.y)
        corners = [(round(x / per_pixel), round(y / per_pixel)) for x, y in ((box.x, box.y), (box.right, box.bottom))]
        for color, thick in ((WHITE, 4), (Verdict.BELOW.color, 2)):
            cv2.rectangle(rgb, corners[0], corners[1], color, thick)
    mpp = picture.mpp * picture.rgb.shape[1] / rgb.shape[1]
    draw_scale_bar(rgb, mpp, FIELD_LETTERS)
    return rgb


def _overviews(result: CaseResult) -> Iterator[tuple[ReportPicture, Rgb]]:
    verdicts = {row.fragment: fragment_verdict(row) for row in fragment_rows(result)}
    for number, slide in enumerate(result.slides, start=1):
        rgb = draw_overview(slide, verdicts)
        if rgb is not None:
            name = slide.info.path.name
            yield _entry(f"overview-{number}.jpg", "overview", name, _overview_caption(slide), rgb), rgb


def _overview_caption(slide: SlideResult) -> str:
    n = len(slide.fragments)
    return f"{slide.info.path.name}: {n} piece{'' if n == 1 else 's'} of tissue outlined"


def _fields(result: CaseResult) -> Iterator[tuple[ReportPicture, Rgb]]:
    places: list[Decisive | None] = [*result.score.decisive]
    places += [None] * (len(result.pictures) - len(places))
    for number, (picture, place) in enumerate(zip(result.pictures, places, strict=False), start=1):
        rgb = draw_field(picture, place)
        yield _entry(f"field-{number}.jpg", "field", picture.slide, picture.caption, rgb), rgb
        if picture.companion is not None:
            beside = picture.companion
            rgb = draw_field(beside, None)
            yield _entry(f"field-{number}{COMPANION_END}.jpg", "companion", beside.slide, beside.caption, rgb), rgb


def _entry(file: str, kind: Kind, slide: str, caption: str, rgb: Rgb) -> ReportPicture:
    return ReportPicture(file, kind, slide, caption, width=rgb.shape[1], height=rgb.shape[0])


def _is_within(place: Decisive, picture: Picture) -> bool:
    """Whether the place lies in the field and is small enough for a frame to say anything."""
    inside = place.bounds.clipped(picture.bounds)
    smaller = place.bounds.width * place.bounds.height < 0.8 * picture.bounds.width * picture.bounds.height
    return place.slide == picture.slide and inside == place.bounds and smaller


def _fitted(rgb: Rgb, max_px: int) -> Rgb:
    """Copy a picture, shrunk if its longer side is above `max_px`; never enlarged."""
    height, width = rgb.shape[:2]
    scale = min(1.0, max_px / max(height, width))
    if scale == 1.0:
        return np.ascontiguousarray(rgb).copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk: Rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return shrunk


def _draw_rings(rgb: Rgb, fragment: Fragment, downsample: float, color: Color) -> None:
    rings: list[NDArray[np.int32]] = [np.round(ring / downsample).astype(np.int32) for ring in fragment.outlines]
    thick = max(2, rgb.shape[1] // 500)
    cv2.polylines(rgb, rings, True, WHITE, thick + 2, cv2.LINE_AA)
    cv2.polylines(rgb, rings, True, color, thick, cv2.LINE_AA)


def _draw_number(rgb: Rgb, fragment: Fragment, downsample: float, color: Color) -> None:
    """Write the fragment's number above its upper left corner, but inside the picture."""
    text, scale = str(fragment.id), _text_scale(rgb, OVERVIEW_LETTERS)
    (width, height), _ = cv2.getTextSize(text, FONT, scale, _stroke(scale))
    pad = max(3, height // 3)
    box_width, box_height = width + 2 * pad, height + 2 * pad
    left, top = round(fragment.bounds.x / downsample), round(fragment.bounds.y / downsample) - box_height
    x = min(max(left, 0), max(rgb.shape[1] - box_width, 0))
    y = min(max(top, 0), max(rgb.shape[0] - box_height, 0))
    cv2.rectangle(rgb, (x, y), (x + box_width, y + box_height), color, cv2.FILLED)
    cv2.putText(rgb, text, (x + pad, y + pad + height), FONT, scale, WHITE, _stroke(scale), cv2.LINE_AA)


def _draw_text(rgb: Rgb, text: str, at: tuple[int, int], scale: float) -> None:
    """Write black text with a white rim, its lower left corner at `at`."""
    for ink, rim in ((WHITE, 2 * _stroke(scale)), (BLACK, 0)):
        cv2.putText(rgb, text, at, FONT, scale, ink, _stroke(scale) + rim, cv2.LINE_AA)


def _text_scale(rgb: Rgb, letters: float) -> float:
    """Scale of OpenCV's font, whose capitals are 22 pixels high at scale 1, and never too small to read."""
    return max(0.5, letters * float(rgb.shape[1]) / 22)


def _stroke(scale: float) -> int:
    return max(1, round(1.6 * scale))


def _jpeg(rgb: Rgb) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)
