"""A slide as surveyed and what was drawn on it -> the slide as it counts. No pixel is read.

The same for a slide just read and for one read long ago, so that re-scoring cannot differ from scoring.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hetscore.annotations import Correction, call_tumor, correct_fragments
from hetscore.config import Settings
from hetscore.coverage import find_touched, mark_failed, measure_coverage
from hetscore.domain import Annotations, Cells, Fragments, SlideResult, Survey, TissueMask
from hetscore.errors import SlideError
from hetscore.merging import find_fragment
from hetscore.quality import exclude


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
        If tissue the size of a fragment is to be scored in which cells were never looked for.
    """
    survey = slide.survey
    if survey is None:
        return replace(slide, annotations=annotations)
    correction = correct_found(survey.fragments, survey.tissue, annotations, settings, first_id)
    fragments, is_unread = _leave_unread(slide, survey, correction.fragments, settings)
    tissue = exclude(survey.tissue, {"annotated": correction.is_excluded, "not-read": is_unread})
    failed = [tile for tile in survey.failed if find_touched(fragments, tile.core)]
    cores = [tile.core for tile in failed]
    return replace(
        slide,
        fragments=mark_failed(fragments, cores),
        cells=_give_cells(slide.cells, fragments, annotations),
        coverage=measure_coverage(tissue, fragments, cores),
        failed_tiles=tuple(tile.text for tile in failed),
        flags=_find_flags(survey, correction, annotations, has_failed=bool(failed), is_unread=bool(is_unread.any())),
        annotations=annotations,
    )


def correct_found(
    found: Fragments, tissue: TissueMask, annotations: Annotations | None, settings: Settings, first_id: int = 1
) -> Correction:
    """Apply what was drawn to the fragments alone; parameters as of `correct_slide`."""
    regions = () if annotations is None else annotations.regions
    return correct_fragments(found, tissue.mask, regions, settings.fragments.min_area_mm2, first_id)


def _leave_unread(
    slide: SlideResult, survey: Survey, fragments: Fragments, settings: Settings
) -> tuple[Fragments, NDArray[np.bool_]]:
    """Leave out what was drawn into a fragment but never read, and say where; SlideError where it is too much."""
    is_unread = (fragments.labels > 0) & ~survey.is_read
    area_mm2 = survey.tissue.area_mm2(is_unread)
    if area_mm2 >= settings.fragments.min_area_mm2:
        seen = f"{area_mm2:.2f} mm2 of tissue are to be scored in which cells were never looked for"
        raise SlideError(
            f"{slide.info.path}: {seen}; expected tissue that was read. Score the slide with this drawing."
        )
    return replace(fragments, labels=np.where(is_unread, 0, fragments.labels).astype(np.int32)), is_unread


def _give_cells(cells: Cells, fragments: Fragments, annotations: Annotations | None) -> Cells:
    """Give the cells to their fragments, sorted as `merge_cells` does, and note what a person said of them."""
    fragment = find_fragment(cells.x, cells.y, fragments)
    if not np.array_equal(fragment, cells.fragment):
        order = np.lexsort((cells.x, cells.y, fragment))
        cells = cells.take(order).with_columns(fragment=fragment[order])
    regions = () if annotations is None else annotations.regions
    return cells.with_columns(tumor_by_hand=call_tumor(cells.x, cells.y, regions))


def _find_flags(
    survey: Survey, correction: Correction, annotations: Annotations | None, *, has_failed: bool, is_unread: bool
) -> tuple[str, ...]:
    """Name the doubts that stand, and what was done by hand."""
    gone = {"failed-tiles": not has_failed, "no-tissue": bool(correction.fragments.items)}
    settled = correction.settled | {name for name, is_gone in gone.items() if is_gone}
    drawn = {
        "annotated": annotations is not None and bool(annotations.regions),
        "annotations-unused": correction.n_unused > 0 or (annotations is not None and annotations.n_unclassified > 0),
        "annotations-mended": annotations is not None and annotations.n_mended > 0,
        "tissue-not-read": is_unread,
    }
    kept = [name for name in survey.flags if name not in settled]
    added = [*correction.doubts, *(name for name, is_set in drawn.items() if is_set)]
    return tuple(dict.fromkeys([*kept, *added]))
