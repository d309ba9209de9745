"""Slides as surveyed -> ``survey/``, from which a case is scored again without a pixel, and back.

One JSON file a slide, with its map of areas and of fragments as lossless PNG and its overview as JPEG beside it. What
was drawn by hand is kept as GeoJSON. With cells.parquet that is all of a `SlideResult`; `hetscore rescore` reads it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from shapely.geometry import mapping, shape

from hetscore.domain import (
    Annotations,
    CaseResult,
    Cells,
    Coverage,
    FailedTile,
    Fragment,
    FragmentRole,
    Fragments,
    Level,
    MppSource,
    Region,
    RegionKind,
    SlideInfo,
    SlideResult,
    Split,
    StainEstimate,
    Survey,
    Thumbnail,
    TissueMask,
    empty_cells,
)
from hetscore.errors import UsageError
from hetscore.geometry import Box
from hetscore.report.cells_parquet import CELLS_FILE, read_cells
from hetscore.report.reading import read_validated

SURVEY_FOLDER = "survey"
SCHEMA_NAME: Final = "hetscore/survey/1"
JPEG_QUALITY = 90
"""The overview is shown shrunk: a tenth of the size of a lossless one, and nothing to be seen of it."""

_GLASS, _READ, _NOT_READ = 0, 1, 2
"""Codes in the map of areas; excluded tissue follows, in the order of the reasons."""


@dataclass(frozen=True)
class _FragmentRecord:
    """A `Fragment` as found: sample or control."""

    id: int
    outlines: list[list[tuple[float, float]]]
    bounds: Box
    area_mm2: float
    level: int
    section_of: int | None
    role: FragmentRole


@dataclass(frozen=True)
class _RegionRecord:
    """A `Region`, its shape as GeoJSON."""

    kind: RegionKind
    name: str
    level: int | None
    geometry: dict[str, Any]


@dataclass(frozen=True)
class _DrawnRecord:
    """`Annotations`."""

    path: str
    sha256: str
    regions: list[_RegionRecord]
    n_unclassified: int
    n_mended: int


@dataclass(frozen=True)
class _FoundRecord:
    """A `Survey` but for its maps."""

    downsample: int
    mpp: float
    reasons: list[str]
    n_specks: int
    covered_glass_mm2: float
    fragments: list[_FragmentRecord]
    dropped: dict[str, int]
    fragment_flags: list[str]
    count_range: tuple[int, int] | None
    splits: list[Split]
    failed: list[FailedTile]
    flags: list[str]


@dataclass(frozen=True)
class _SlideRecord:
    """A `SlideResult` but for its cells and its pictures."""

    schema_name: Literal["hetscore/survey/1"]
    path: str
    reader: str
    width: int
    height: int
    levels: list[Level]
    mpp: float | None
    mpp_source: MppSource | None
    vendor: str | None
    sha256: str
    thumbnail_downsample: int | None
    thumbnail_mpp: float | None
    flags: list[str]
    stain: StainEstimate | None
    survey: _FoundRecord | None
    annotations: _DrawnRecord | None


_RECORD = TypeAdapter(_SlideRecord)


def write(result: CaseResult, folder: Path) -> tuple[Path, ...]:
    """Write ``survey/``.

    Parameters
    ----------
    result : CaseResult
        The case.
    folder : Path
        Existing folder of the case.

    Returns
    -------
    tuple of Path
        Up to four files a slide; none for a case without a slide.
    """
    if not result.slides:
        return ()
    place = folder / SURVEY_FOLDER
    place.mkdir(exist_ok=True)
    return tuple(path for slide in result.slides for path in _write_slide(slide, place))


def read_slides(folder: Path) -> tuple[SlideResult, ...]:
    """Read the slides of a case, with their cells.

    Parameters
    ----------
    folder : Path
        Folder of the case.

    Returns
    -------
    tuple of SlideResult
        As they were surveyed, in no order that matters; what was drawn stands with them but has to be applied again,
        so fragments are as found and areas are not told.

    Raises
    ------
    UsageError
        If a file is absent or damaged, or the folder is of a version that wrote no survey.
    """
    paths = sorted((folder / SURVEY_FOLDER).glob("*.json"))
    if not paths:
        seen = f"{folder / SURVEY_FOLDER}: there is no survey in it"
        raise UsageError(f"{seen}; expected one written by hetscore score. Score the case again.")
    names, cells = read_cells(folder / CELLS_FILE)
    return tuple(_read_slide(path, names, cells) for path in paths)


def _write_slide(slide: SlideResult, place: Path) -> list[Path]:
    name, written = slide.info.path.name, []
    if slide.thumbnail is not None:
        bgr = cv2.cvtColor(slide.thumbnail.rgb, cv2.COLOR_RGB2BGR)
        written.append(_write_image(place / f"{name}.jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]))
    if slide.survey is not None:
        written.append(_write_image(place / f"{name}.areas.png", _code_areas(slide.survey)))
        written.append(_write_image(place / f"{name}.fragments.png", slide.survey.fragments.labels.astype(np.uint16)))
    path = place / f"{name}.json"
    path.write_bytes(_RECORD.dump_json(_record(slide), indent=1) + b"\n")
    return [*written, path]


def _write_image(path: Path, image: NDArray[Any], options: list[int] | None = None) -> Path:
    _, data = cv2.imencode(path.suffix, image, options or [])
    path.write_bytes(bytes(data))
    return path


def _code_areas(survey: Survey) -> NDArray[np.uint8]:
    """Draw the map of areas: one code a pixel, since tissue and what was taken out of it have none in common."""
    areas = np.full(survey.tissue.mask.shape, _GLASS, np.uint8)
    areas[survey.tissue.mask] = _NOT_READ
    areas[survey.tissue.mask & survey.is_read] = _READ
    for code, mask in enumerate(survey.tissue.excluded.values(), start=_NOT_READ + 1):
        areas[mask] = code
    return areas


def _record(slide: SlideResult) -> _SlideRecord:
    info, small = slide.info, slide.thumbnail
    return _SlideRecord(
        schema_name=SCHEMA_NAME,
        path=info.path.as_posix(),
        reader=info.reader,
        width=info.width,
        height=info.height,
        levels=list(info.levels),
        mpp=info.mpp,
        mpp_source=info.mpp_source,
        vendor=info.vendor,
        sha256=slide.sha256,
        thumbnail_downsample=None if small is None else small.downsample,
        thumbnail_mpp=small.mpp if small is not None and math.isfinite(small.mpp) else None,
        flags=list(slide.flags),
        stain=slide.stain,
        survey=None if slide.survey is None else _record_survey(slide.survey),
        annotations=None if slide.annotations is None else _record_drawn(slide.annotations),
    )


def _record_survey(survey: Survey) -> _FoundRecord:
    found = survey.fragments
    return _FoundRecord(
        downsample=found.downsample,
        mpp=found.mpp,
        reasons=list(survey.tissue.excluded),
        n_specks=survey.tissue.n_specks,
        covered_glass_mm2=survey.tissue.covered_glass_mm2,
        fragments=[_record_fragment(fragment) for fragment in found.items],
        dropped=dict(found.dropped),
        fragment_flags=list(found.flags),
        count_range=found.count_range,
        splits=list(found.splits),
        failed=list(survey.failed),
        flags=list(survey.flags),
    )


def _record_fragment(fragment: Fragment) -> _FragmentRecord:
    rings = [[(x, y) for x, y in ring.tolist()] for ring in fragment.outlines]
    return _FragmentRecord(
        fragment.id,
        rings,
        fragment.bounds,
        fragment.area_mm2,
        fragment.level,
        fragment.section_of,
        fragment.role,
    )


def _record_drawn(drawn: Annotations) -> _DrawnRecord:
    regions = [_RegionRecord(r.kind, r.name, r.level, dict(mapping(r.shape))) for r in drawn.regions]
    return _DrawnRecord(drawn.path.as_posix(), drawn.sha256, regions, drawn.n_unclassified, drawn.n_mended)


def _read_slide(path: Path, names: NDArray[np.str_], cells: Cells) -> SlideResult:
    record = read_validated(path, _RECORD.validate_json)
    info = SlideInfo(
        path=Path(record.path),
        reader=record.reader,
        width=record.width,
        height=record.height,
        levels=tuple(record.levels),
        mpp=record.mpp,
        mpp_source=record.mpp_source,
        vendor=record.vendor,
    )
    found = record.survey
    survey = None if found is None else _read_survey(path, found, info.path.name)
    return SlideResult(
        info=info,
        sha256=record.sha256,
        fragments=() if survey is None else survey.fragments.items,
        cells=empty_cells() if survey is None else cells.take(names == info.path.name),
        coverage=Coverage(tissue_mm2=0.0, analysed_mm2=0.0, excluded_mm2={}, failed_mm2=0.0),
        thumbnail=_read_thumbnail(path, record),
        dropped={} if found is None else found.dropped,
        failed_tiles=(),
        flags=tuple(record.flags),
        stain=record.stain,
        survey=survey,
        annotations=None if record.annotations is None else _read_drawn(record.annotations),
    )


def _read_survey(path: Path, found: _FoundRecord, slide: str) -> Survey:
    areas, labels = (_read_image(path.with_suffix(f".{kind}.png"), -1) for kind in ("areas", "fragments"))
    excluded = {reason: areas == code for code, reason in enumerate(found.reasons, start=_NOT_READ + 1)}
    return Survey(
        tissue=TissueMask(
            mask=(areas == _READ) | (areas == _NOT_READ),
            downsample=found.downsample,
            mpp=found.mpp,
            excluded=excluded,
            n_specks=found.n_specks,
            covered_glass_mm2=found.covered_glass_mm2,
        ),
        fragments=Fragments(
            items=tuple(_read_fragment(fragment, slide) for fragment in found.fragments),
            labels=labels.astype(np.int32),
            downsample=found.downsample,
            mpp=found.mpp,
            dropped=found.dropped,
            flags=tuple(found.fragment_flags),
            count_range=found.count_range,
            splits=tuple(found.splits),
        ),
        failed=tuple(found.failed),
        flags=tuple(found.flags),
        is_read=areas == _READ,
    )


def _read_fragment(record: _FragmentRecord, slide: str) -> Fragment:
    return Fragment(
        id=record.id,
        slide=slide,
        outlines=tuple(np.array(ring, np.float64).reshape(-1, 2) for ring in record.outlines),
        bounds=record.bounds,
        area_mm2=record.area_mm2,
        level=record.level,
        section_of=record.section_of,
        role=record.role,
    )


def _read_thumbnail(path: Path, record: _SlideRecord) -> Thumbnail | None:
    if record.thumbnail_downsample is None:
        return None
    rgb = cv2.cvtColor(_read_image(path.with_suffix(".jpg"), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return Thumbnail(
        rgb, record.thumbnail_downsample, math.nan if record.thumbnail_mpp is None else record.thumbnail_mpp
    )


def _read_image(path: Path, mode: int) -> NDArray[Any]:
    data = np.frombuffer(read_validated(path, bytes), np.uint8)
    image: NDArray[Any] | None = cv2.imdecode(data, mode) if len(data) else None
    if image is None:
        raise UsageError(f"{path}: not an image; expected one written by hetscore score. Score the case again.")
    return image


def _read_drawn(record: _DrawnRecord) -> Annotations:
    regions = tuple(Region(r.kind, shape(r.geometry), r.name, r.level) for r in record.regions)
    return Annotations(Path(record.path), record.sha256, regions, record.n_unclassified, record.n_mended)
