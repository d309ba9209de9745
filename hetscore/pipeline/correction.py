"""A slide as surveyed and what was drawn on it -> the slide as it counts. No pixel is read.

The same for a slide just read and for one read long ago, so that re-scoring cannot differ from scoring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.annotations import Correction, call_tumor, correct_fragments
from hetscore.config import Settings
from hetscore.coverage import find_touched, mark_failed, mark_hidden, measure_coverage
from hetscore.domain import Annotations, Cells, Fragments, SlideResult, Survey, TissueMask
from hetscore.errors import SlideError
from hetscore.merging import find_fragment
from hetscore.quality import name_background


def correct_slide(
    slide: SlideResult, annotations: Annotations | None, settings: Settings, first_id: int = 1
) -> SlideResult:
    """Apply what was drawn on a slide to what was found on it.

    Parameters
    ----------
    slide : SlideResult
        With its survey, whatever was applied to it before; without one, as where a slide was refused, nothing changes.
    annotations : Annotations or None
        Everything that was drawn.
    settings : Settings
        What makes a fragment.
    first_id : int, optional
        Number of the slide's first fragment within the case.

    Returns
    -------
    SlideResult
        With fragments, cells, areas and doubts as they count. Cells on excluded area are kept, in no fragment.

    Raises
    ------
    SlideError
        If tissue is to be scored in which cells were never looked for.
    """
    survey = slide.survey
    if survey is None:
        return replace(slide, annotations=annotations)
    correction = correct_found(survey.fragments, survey.tissue, annotations, settings, first_id)
    fragments, is_unread = _leave_unread(slide, survey, correction.fragments, settings)
    tissue = survey.tissue.take_out({"annotated": correction.is_excluded, "not-read": is_unread})
    failed = [tile for tile in survey.failed if find_touched(fragments, tile.core)]
    cores = [tile.core for tile in failed]
    cells = _give_cells(slide.cells, fragments, annotations)
    doubts = {
        "failed-tiles": bool(failed),
        "tissue-not-read": bool(is_unread.any()),
        **name_background(count_cells(cells), settings.quality.background),
        **_name_drawing(annotations, correction),
    }
    return replace(
        slide,
        fragments=mark_hidden(fragments, mark_failed(fragments, cores), tissue),
        cells=cells,
        coverage=measure_coverage(tissue, fragments, cores),
        failed_tiles=tuple(tile.text for tile in failed),
        flags=_join_flags(survey, correction, doubts),
        annotations=annotations,
    )


def correct_found(
    found: Fragments, tissue: TissueMask, annotations: Annotations | None, settings: Settings, first_id: int = 1
) -> Correction:
    """Apply what was drawn to the fragments alone; parameters as of `correct_slide`."""
    regions = () if annotations is None else annotations.regions
    return correct_fragments(found, tissue.mask, regions, settings.fragments.min_area_mm2, first_id)


_RIM = np.ones((3, 3), np.uint8)
"""Unread tissue narrower than this many pixels of the thumbnail (12 um, a cell) is the rim of a line drawn again."""


def _leave_unread(
    slide: SlideResult, survey: Survey, fragments: Fragments, settings: Settings
) -> tuple[Fragments, NDArray[np.bool_]]:
    """Leave out what is drawn into a fragment but was never read, and say where; SlideError where it matters.

    It matters where a fragment was left unread, as excluded when the slide was scored, and where what was too small to
    be a fragment, or dust, adds up to one.
    """
    is_unread = (fragments.labels > 0) & ~survey.is_read
    if not is_unread.any():
        return fragments, is_unread
    is_freed = is_unread & (survey.fragments.labels > 0)
    dust_mm2 = survey.tissue.area_mm2(is_unread & ~is_freed)
    if cv2.erode(is_freed.astype(np.uint8), _RIM).any() or dust_mm2 >= settings.fragments.min_area_mm2:
        area_mm2 = survey.tissue.area_mm2(is_unread)
        seen = f"{area_mm2:.4f} mm2 of tissue are to be scored in which cells were never looked for"
        raise SlideError(
            f"{slide.info.path}: {seen}; expected tissue that was read. Score the slide with this drawing."
        )
    return replace(fragments, labels=np.where(is_unread, 0, fragments.labels).astype(np.int32)), is_unread


def _give_cells(cells: Cells, fragments: Fragments, annotations: Annotations | None) -> Cells:
    """Give the cells to their fragments, sorted as `merge_gathered` does, and note what a person said of them."""
    fragment = find_fragment(cells.x, cells.y, fragments)
    if not np.array_equal(fragment, cells.fragment):
        order = np.lexsort((cells.x, cells.y, fragment))
        cells = cells.take(order).with_columns(fragment=fragment[order])
    regions = () if annotations is None else annotations.regions
    return cells.with_columns(tumor_by_hand=call_tumor(cells.x, cells.y, regions))


def count_cells(cells: Cells) -> Cells:
    """Leave out the cells of no fragment: they are kept for the user to take back in, and count nowhere."""
    is_counted = cells.fragment > 0
    return cells if is_counted.all() else cells.take(is_counted)


def _name_drawing(annotations: Annotations | None, correction: Correction) -> dict[str, bool]:
    """Say which flags the drawing sets by itself."""
    if annotations is None:
        return {}
    return {
        "annotated": bool(annotations.regions),
        "annotations-unused": correction.n_unused > 0 or annotations.n_unclassified > 0,
        "annotations-mended": annotations.n_mended > 0,
        **dict.fromkeys(correction.doubts, True),
    }


def _join_flags(survey: Survey, correction: Correction, doubts: Mapping[str, bool]) -> tuple[str, ...]:
    """Name the doubts of the survey that a person did not settle, and those of the slide as it counts."""
    settled = correction.settled | ({"no-tissue"} if correction.fragments.items else set())
    kept = [name for name in survey.flags if name not in settled]
    return tuple(dict.fromkeys([*kept, *(name for name, is_set in doubts.items() if is_set)]))
