"""The pictures of a report: scale bars, outlines, frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Thumbnail
from hetscore.geometry import Box
from hetscore.report import pictures
from hetscore.report.palette import Verdict, fragment_verdict
from hetscore.report.tables import FragmentRow, fragment_rows
from tests.report.builders import SLIDE, small_picture, small_result, small_slide

VERDICTS = {row.fragment: fragment_verdict(row) for row in fragment_rows(small_result())}


@pytest.mark.parametrize(("width_um", "bar_um"), [(80, 20), (256, 50), (400, 100), (20_000, 5000), (3, 1)])
def test_scale_bar_is_a_nice_length(width_um: float, bar_um: float) -> None:
    """The bar is the longest of 1, 2, 5, 10, ... within a quarter of the width."""
    assert pictures.scale_bar_um(width_um) == bar_um


@given(st.floats(8, 50_000))
def test_scale_bar_fits(width_um: float) -> None:
    """The bar takes between a tenth and a quarter of the width."""
    assert width_um / 10.1 <= pictures.scale_bar_um(width_um) <= width_um / 4


def test_scale_bar_has_its_length() -> None:
    """At 0.5 um a pixel and 400 pixels the bar of 50 um is 100 pixels long, in black."""
    rgb = np.full((300, 400, 3), 255, np.uint8)

    pictures.draw_scale_bar(rgb, mpp=0.5)

    assert np.count_nonzero((rgb[291] == 0).all(axis=1)) == 101  # both ends are drawn


def test_overview_is_outlined_by_verdict() -> None:
    """Each fragment's outline has the color of its verdict; the slide's own picture is left alone."""
    slide = small_slide()

    rgb = pictures.draw_overview(slide, VERDICTS)

    assert rgb is not None
    drawn = {tuple(color) for color in rgb.reshape(-1, 3).tolist()}
    assert {VERDICTS[i].color for i in (1, 2, 3, 4)} <= drawn
    assert slide.thumbnail is not None
    assert (slide.thumbnail.rgb == 240).all()


def test_overview_is_shrunk_with_its_outlines() -> None:
    """A large thumbnail is shrunk; the outline of fragment 2 stays where the fragment is."""
    slide = replace(small_slide(), thumbnail=Thumbnail(np.full((3200, 1600, 3), 240, np.uint8), downsample=1, mpp=0.25))

    rgb = pictures.draw_overview(slide, VERDICTS)

    assert rgb is not None
    assert rgb.shape == (1600, 800, 3)
    assert tuple(rgb[360 // 2, 20 // 2]) == Verdict.BELOW.color


def test_no_thumbnail_no_overview() -> None:
    """A slide without a thumbnail has no overview, and its case has a report all the same."""
    assert pictures.draw_overview(replace(small_slide(), thumbnail=None), VERDICTS) is None


def test_field_frames_the_place_that_decides() -> None:
    """The negative cluster, at (170, 330) in a field from (160, 280), is framed from (10, 50)."""
    (place,) = small_result().score.decisive

    rgb = pictures.draw_field(small_picture(), place)

    assert tuple(rgb[50, 150]) == Verdict.BELOW.color
    assert tuple(rgb[60, 150]) == (220, 220, 220)


@pytest.mark.parametrize("bounds", [Box(160, 280, 320, 120), Box(0, 0, 10, 10), Box(150, 300, 20, 20)])
def test_no_frame_where_it_would_say_nothing(bounds: Box) -> None:
    """A place that fills the field, or is not wholly in it, gets no frame."""
    (place,) = small_result().score.decisive

    framed = pictures.draw_field(small_picture(), replace(place, bounds=bounds))

    assert (framed == pictures.draw_field(small_picture(), None)).all()


def test_written_pictures_are_read_back(tmp_path: Path) -> None:
    """The index names each JPEG with its size and caption."""
    paths = pictures.write_pictures(small_result(), tmp_path)

    read = pictures.read_pictures(tmp_path)

    assert [path.name for path in paths] == ["overview-1.jpg", "field-1.jpg", "index.json"]
    assert [(p.kind, p.slide) for p, _ in read] == [("overview", SLIDE), ("field", SLIDE)]
    for picture, jpeg in read:
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        assert decoded.shape == (picture.height, picture.width, 3)


def test_more_pictures_than_places(tmp_path: Path) -> None:
    """A field without a decisive place is shown without a frame."""
    result = replace(small_result(), pictures=(small_picture(), small_picture()))

    paths = pictures.write_pictures(result, tmp_path)

    assert [path.name for path in paths][1:3] == ["field-1.jpg", "field-2.jpg"]


def test_the_companion_stands_after_its_field(tmp_path: Path) -> None:
    """Beside the second of two fields lies the H&E field, in a file named after it."""
    beside = replace(small_picture(), slide="he.tif", caption="H&E")
    result = replace(small_result(), pictures=(small_picture(), replace(small_picture(), companion=beside)))

    pictures.write_pictures(result, tmp_path)

    read = [(p.file, p.kind, p.slide, p.caption) for p, _ in pictures.read_pictures(tmp_path)]
    assert [file for file, *_ in read] == ["overview-1.jpg", "field-1.jpg", "field-2.jpg", "field-2-he.jpg"]
    assert read[-1][1:] == ("companion", "he.tif", "H&E")


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (FragmentRow(slide="s", fragment=1, assessable=True, score="2+"), Verdict.OVEREXPRESSED),
        (FragmentRow(slide="s", fragment=1, assessable=True, score="1+"), Verdict.BELOW),
        (FragmentRow(slide="s", fragment=1, assessable=True, score="0"), Verdict.BELOW),
        (FragmentRow(slide="s", fragment=1, assessable=False), Verdict.NO_TUMOR),
        (FragmentRow(slide="s", fragment=1), Verdict.NO_TUMOR),
        (FragmentRow(slide="s", fragment=1, role="control", assessable=True, score="3+"), Verdict.CONTROL),
        (FragmentRow(slide="s", fragment=1, role="excluded"), Verdict.EXCLUDED),
    ],
)
def test_verdict(row: FragmentRow, verdict: Verdict) -> None:
    """Role first, then score; IHC 0 is a score and not "not assessable"."""
    assert fragment_verdict(row) is verdict
