"""What was drawn, applied to a slide: cells, areas and doubts, on maps that can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetscore.config import load_settings
from hetscore.domain import (
    Annotations,
    Coverage,
    FailedTile,
    Region,
    RegionKind,
    SlideInfo,
    SlideResult,
    Survey,
    TissueMask,
)
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.pipeline import correct_slide, find_next_id
from tests.annotations.drawn import STEP, read_map, region
from tests.scoring.builders import make_cells

MAP = """
    1111..2222
    1111..2222
    1111..2222
    1111......
    1111..++..
"""
EXCLUDE, FRAGMENT = RegionKind.EXCLUDE, RegionKind.FRAGMENT


def slide(picture: str = MAP, *, unread: tuple[int, int, int, int] = (0, 0, 0, 0)) -> SlideResult:
    """Make a slide with a tumor cell in the middle of each pixel of a fragment; a box of pixels was not read."""
    found, tissue = read_map(picture)
    left, top, width, height = unread
    is_read = found.labels > 0
    is_read[top : top + height, left : left + width] = False
    rows, columns = np.nonzero(is_read)
    n = len(rows)
    x, y = ((places + 0.5) * STEP for places in (columns, rows))
    cells = make_cells(x.tolist(), y.tolist(), [3] * n, [0.9] * n)
    survey = Survey(TissueMask(tissue, STEP, 1000.0), found, (), found.flags, is_read)
    return SlideResult(
        info=SlideInfo(Path("a.tif"), "tiff", 100, 50, (), 0.5, None),
        sha256="ab" * 32,
        fragments=found.items,
        cells=cells,
        coverage=Coverage(0.0, 0.0, {}, 0.0),
        thumbnail=None,
        dropped={},
        failed_tiles=(),
        flags=(),
        survey=survey,
    )


def corrected(before: SlideResult, *regions: Region, first_id: int = 1) -> SlideResult:
    """Apply regions to a slide."""
    drawn = Annotations(Path("a.geojson"), "cd" * 32, regions) if regions else None
    return correct_slide(before, drawn, load_settings(), first_id)


def test_nothing_drawn() -> None:
    """Cells are given to their fragments, in order, and the areas are told."""
    after = corrected(slide())

    assert after.cells.fragment.tolist() == [1] * 20 + [2] * 12
    assert after.coverage == Coverage(34.0, 32.0, {"dust-and-edges": 2.0}, 0.0)
    assert after.flags == ("count-unclear", "levels-unclear")


def test_excluded_cells_are_kept() -> None:
    """They are in no fragment and stand first; their area is told by its reason."""
    after = corrected(slide(), region(EXCLUDE, (0, 0, 2, 2)))

    assert after.cells.fragment.tolist() == [0] * 4 + [1] * 16 + [2] * 12
    assert after.coverage.excluded_mm2 == {"annotated": 4.0, "dust-and-edges": 2.0}
    assert "annotated" in after.flags


def test_applied_again_from_what_was_found() -> None:
    """A correction starts from the survey, not from the last correction: two in turn are the last one."""
    once = corrected(slide(), region(EXCLUDE, (0, 0, 2, 2)), region(FRAGMENT, (0, 0, 10, 3)))

    again = corrected(once, region(RegionKind.TUMOR, (0, 0, 1, 1)))

    assert again.cells.fragment.tolist() == [1] * 20 + [2] * 12
    assert again.cells.is_tumor.tolist() == [True] + [False] * 31
    assert "count-unclear" in again.flags
    assert "count-unclear" not in once.flags


def test_a_lost_tile_that_is_excluded_is_no_loss() -> None:
    """A tile that failed counts while a fragment has a part of it."""
    lost = slide()
    assert lost.survey is not None
    tile = FailedTile(Box(0, 0, 20, 20), "tile 0 at (0, 0): damaged")
    lost = replace(lost, survey=replace(lost.survey, failed=(tile,)))

    before, after = corrected(lost), corrected(lost, region(EXCLUDE, (0, 0, 2, 2)))

    assert (before.failed_tiles, before.coverage.failed_mm2, before.fragments[0].n_failed_tiles) == ((tile.text,), 4, 1)
    assert (after.failed_tiles, after.coverage.failed_mm2, after.fragments[0].n_failed_tiles) == ((), 0, 0)
    assert "failed-tiles" in before.flags
    assert "failed-tiles" not in after.flags


class TestNotRead:
    """Tissue in which cells were never looked for."""

    @pytest.mark.parametrize("regions", [(), (region(EXCLUDE, (0, 0, 1, 5)),)])
    def test_is_not_scored(self, regions: tuple[Region, ...]) -> None:
        """What was excluded from the start cannot be taken back in, whole or in part."""
        with pytest.raises(SlideError, match=r"a.tif: [0-9.]+ mm2 of tissue .* Score the slide with this drawing"):
            corrected(slide(unread=(0, 0, 4, 4)), *regions)

    def test_excluded_still(self) -> None:
        """Excluded as it was, or more, it needs no cells."""
        assert len(corrected(slide(unread=(0, 0, 4, 4)), region(EXCLUDE, (0, 0, 4, 5))).cells) == 16

    def test_a_rim_is_told(self) -> None:
        """A line drawn again a pixel inward leaves a rim: it stays out, with its area and a caution."""
        after = corrected(slide(unread=(0, 0, 4, 4)), region(EXCLUDE, (0, 0, 4, 3)))

        assert after.coverage.excluded_mm2 == {"annotated": 12.0, "dust-and-edges": 2.0, "not-read": 4.0}
        assert "tissue-not-read" in after.flags

    def test_dust_that_is_a_fragment(self) -> None:
        """What was taken for dust was not read: drawn as a fragment it needs another scoring."""
        with pytest.raises(SlideError, match=r"2\.0000 mm2"):
            corrected(slide(), region(FRAGMENT, (6, 4, 2, 1)))


def test_slides_of_a_case_are_numbered_on() -> None:
    """A piece more moves the slides after it by one; a piece less leaves its number free."""
    plain, cut = corrected(slide()), corrected(slide(), region(FRAGMENT, (0, 0, 4, 2)))
    joined = corrected(slide(), region(FRAGMENT, (0, 0, 10, 3), (0, 0, 4, 5)))

    assert [len(s.fragments) for s in (plain, cut, joined)] == [2, 3, 1]
    assert [find_next_id([s]) for s in (plain, cut, joined)] == [3, 4, 3]
    second = corrected(slide(), region(FRAGMENT, (0, 0, 4, 2)), first_id=find_next_id([plain]))
    assert [f.id for f in second.fragments] == [3, 4, 5]
    assert find_next_id([plain, second]) == 6


def test_a_slide_that_was_refused() -> None:
    """Without a survey nothing can be applied; what was drawn is noted."""
    refused = replace(slide(), survey=None, flags=("wrong-stain",))

    after = corrected(refused, region(EXCLUDE, (0, 0, 1, 1)))

    assert (after.flags, after.annotations is not None) == (("wrong-stain",), True)
