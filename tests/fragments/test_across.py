"""Slides that are levels of the same blocks share their pieces; others never do."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from hetscore.domain import Fragment, FragmentRole
from hetscore.fragments import FragmentParams, Joined, SlideFragments, match_across_slides
from hetscore.geometry import Box
from tests.fragments.shapes import letter

PARAMS = FragmentParams()


def _slide(names: str, first_id: int, group: str | None = "a", scale: float = 16.0) -> SlideFragments:
    """Letters in a row on a slide of 64/scale um per thumbnail pixel of 4 um."""
    items = []
    for k, name in enumerate(names):
        rings, _ = cv2.findContours(letter(name).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        outlines = tuple((ring[:, 0, :] + (200 * k, 0)) * scale for ring in rings)
        box = Box(round(200 * k * scale), 0, round(120 * scale), round(120 * scale))
        items.append(Fragment(first_id + k, f"{first_id}.svs", outlines, box, area_mm2=0.1))
    return SlideFragments(tuple(items), mpp=4.0 / scale, group=group)


def _pieces(joined: Joined) -> list[list[int]]:
    return [[fragment.piece for fragment in slide] for slide in joined.slides]


class TestMatchAcrossSlides:
    """Letters on slides."""

    def test_two_slides_of_a_group(self) -> None:
        """The sections of the second slide name those of the first, whatever the scales."""
        joined = match_across_slides([_slide("ILT", 1), _slide("ILT", 4, scale=8.0)], PARAMS)
        assert _pieces(joined) == [[1, 2, 3], [1, 2, 3]]
        assert not joined.is_unclear

    def test_a_section_lost_on_the_first_slide(self) -> None:
        """Its piece is named by the second slide, where it is seen first."""
        joined = match_across_slides([_slide("IT", 1), _slide("ILT", 3), _slide("ILT", 6)], PARAMS)
        assert _pieces(joined) == [[1, 2], [1, 4, 2], [1, 4, 2]]

    @pytest.mark.parametrize("groups", [(None, None), ("a", None), ("a", "b")])
    def test_what_is_not_told_is_not_matched(self, groups: tuple[str | None, str | None]) -> None:
        """Whatever the likeness."""
        slides = [_slide("ILT", 1, groups[0]), _slide("ILT", 4, groups[1])]
        assert match_across_slides(slides, PARAMS) == Joined(tuple(slide.items for slide in slides))

    def test_other_shapes_are_told_and_left(self) -> None:
        """Levels by name, but not by look."""
        slides = [_slide("ILT", 1), _slide("TIL", 4)]
        assert match_across_slides(slides, PARAMS) == Joined(tuple(slide.items for slide in slides), is_unclear=True)

    def test_sections_on_one_slide_follow_their_first(self) -> None:
        """Two slides of two levels each: four sections of each piece."""
        slides = []
        for first in (1, 5):
            slide = _slide("ILIL", first)
            items = tuple(
                Fragment(f.id, f.slide, f.outlines, f.bounds, 0.1, 1 + k // 2, None if k < 2 else first + k - 2)
                for k, f in enumerate(slide.items)
            )
            slides.append(SlideFragments(items, slide.mpp, "a"))
        assert _pieces(match_across_slides(slides, PARAMS)) == [[1, 2, 1, 2], [1, 2, 1, 2]]

    def test_controls_and_empty_slides_are_left(self) -> None:
        """A core on each slide is no section of the other."""
        slides = [_slide("IL", 1), _slide("ILO", 3), SlideFragments((), 0.25, "a")]
        core = slides[1].items[2]
        control = Fragment(core.id, core.slide, core.outlines, core.bounds, 0.1, role=FragmentRole.CONTROL)
        slides[1] = SlideFragments((*slides[1].items[:2], control), 0.25, "a")
        assert _pieces(match_across_slides(slides, PARAMS)) == [[1, 2], [1, 2, 5], []]

    def test_nothing(self) -> None:
        """A case without slides."""
        assert match_across_slides([], PARAMS) == Joined(())


def test_numbers_rise_through_the_case() -> None:
    """The helper above numbers as the pipeline does."""
    numbers = [f.id for slide in (_slide("IL", 1), _slide("IL", 3)) for f in slide.items]
    assert all(b == a + 1 for a, b in pairwise(numbers))
