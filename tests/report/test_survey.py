"""survey/: what a case is scored again from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from hetscore.domain import (
    Annotations,
    CaseResult,
    FailedTile,
    FragmentRole,
    Fragments,
    Region,
    RegionKind,
    SlideResult,
    Survey,
    Thumbnail,
    TissueMask,
)
from hetscore.errors import UsageError
from hetscore.geometry import Box
from hetscore.report import cells_parquet, survey
from tests.report.builders import SLIDE, small_result

LABELS = np.zeros((310, 160), np.int32)
for _number in (1, 2, 3, 4):
    LABELS[75 * _number - 70 : 75 * _number - 50, 5:75] = _number


def surveyed() -> CaseResult:
    """Make the small case with its survey: a strip of pen, another not read, a tile that failed, and a drawing."""
    slide = small_result().slides[0]
    tissue = LABELS > 0
    pen, is_read = np.zeros_like(tissue), tissue.copy()
    pen[10:12], is_read[80:90] = tissue[10:12], False
    area = shapely.Polygon(shapely.box(0, 0, 40, 40).exterior, [shapely.box(10, 10, 20, 20).exterior])
    fragments = Fragments(
        items=tuple(replace(f, level=2, section_of=1) if f.id == 2 else f for f in slide.fragments),
        labels=np.where(pen, 0, LABELS),
        downsample=4,
        mpp=1.0,
        dropped={"dust": 3, "edge": 0},
        flags=("count-unclear",),
    )
    found = Survey(
        tissue=TissueMask(tissue & ~pen, 4, 1.0, {"folds": np.zeros_like(pen), "pen": pen}, 2, 0.5),
        fragments=fragments,
        failed=(FailedTile(Box(0, 0, 128, 128), "tile 3 at (0, 0): damaged"),),
        flags=("count-unclear", "failed-tiles"),
        is_read=is_read & ~pen,
    )
    regions = (Region(RegionKind.EXCLUDE, area, "ink"), Region(RegionKind.LEVEL, shapely.box(0, 0, 9.5, 9), level=2))
    drawn = Annotations(Path("a.geojson"), "ab" * 32, regions, n_unclassified=1, n_mended=2)
    return replace(small_result(), slides=(replace(slide, survey=found, annotations=drawn, dropped=fragments.dropped),))


def written(result: CaseResult, folder: Path) -> tuple[SlideResult, ...]:
    """Write a case and read its slides back."""
    survey.write(result, folder)
    cells_parquet.write(result, folder)
    return survey.read_slides(folder)


def test_a_survey_comes_back(tmp_path: Path) -> None:
    """Maps, fragments, doubts, failed tiles and what is known of the file are as they were."""
    (before,) = surveyed().slides

    (after,) = written(surveyed(), tmp_path)

    assert before.survey is not None
    assert after.survey is not None
    assert repr(after.survey.fragments.items) == repr(before.survey.fragments.items)
    assert np.array_equal(after.survey.fragments.labels, before.survey.fragments.labels)
    assert np.array_equal(after.survey.is_read, before.survey.is_read)
    assert np.array_equal(after.survey.tissue.mask, before.survey.tissue.mask)
    assert list(after.survey.tissue.excluded) == ["folds", "pen"]
    assert np.array_equal(after.survey.tissue.excluded["pen"], before.survey.tissue.excluded["pen"])
    assert (after.survey.tissue.n_specks, after.survey.tissue.covered_glass_mm2) == (2, 0.5)
    assert (after.survey.failed, after.survey.flags) == (before.survey.failed, before.survey.flags)
    assert (after.info, after.sha256, after.stain, after.dropped) == (
        before.info,
        before.sha256,
        before.stain,
        before.dropped,
    )
    assert len(after.cells) == 29
    assert after.survey.fragments.items[3].role is FragmentRole.CONTROL


def test_a_drawing_comes_back(tmp_path: Path) -> None:
    """Regions keep kind, name, level and every corner."""
    (before,) = surveyed().slides

    (after,) = written(surveyed(), tmp_path)

    assert after.annotations == before.annotations


def test_the_overview_is_the_slide(tmp_path: Path) -> None:
    """The thumbnail is kept at its scale; what compression does to it is not seen."""
    rgb = np.full((310, 160, 3), 240, np.uint8)
    rgb[100:200, 40:120] = (140, 90, 60)
    slide = replace(surveyed().slides[0], thumbnail=Thumbnail(rgb, 4, 1.0))

    (after,) = written(replace(surveyed(), slides=(slide,)), tmp_path)

    assert after.thumbnail is not None
    assert (after.thumbnail.downsample, after.thumbnail.mpp) == (4, 1.0)
    assert np.abs(after.thumbnail.rgb.astype(int) - rgb).mean() < 1


def test_a_slide_that_was_refused(tmp_path: Path) -> None:
    """Without a survey there is the reason and the picture, whose scale may not be known; without one, the reason."""
    slide = replace(small_result().slides[0], thumbnail=Thumbnail(np.zeros((3, 4, 3), np.uint8), 8, float("nan")))
    bare = replace(slide, thumbnail=None, info=replace(slide.info, path=Path("bare.tif")))

    first, second = written(replace(small_result(), slides=(bare, slide)), tmp_path)

    assert (first.info.path.name, first.thumbnail, len(first.cells)) == ("bare.tif", None, 0)
    assert (second.info.path.name, second.survey, second.flags) == (SLIDE, None, ("dropped-specks",))
    assert second.thumbnail is not None
    assert np.isnan(second.thumbnail.mpp)


@pytest.mark.parametrize("name", [f"{SLIDE}.json", f"{SLIDE}.areas.png", f"{SLIDE}.jpg"])
@pytest.mark.parametrize("data", [None, b"", b"damaged"])
def test_damage_is_told(tmp_path: Path, name: str, data: bytes | None) -> None:
    """A file that is gone, empty or something else is named with the remedy."""
    written(surveyed(), tmp_path)
    path = tmp_path / "survey" / name
    path.unlink()
    if data is not None:
        path.write_bytes(data)

    with pytest.raises(UsageError, match=r"survey.*; expected .* Score the case again\.$"):
        survey.read_slides(tmp_path)
