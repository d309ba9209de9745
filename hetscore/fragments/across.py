"""Fragments of several slides -> the same, with sections of one piece matched from slide to slide.

Only slides of which the user says that they are levels of the same blocks are matched: elsewhere a likeness may be
chance, and two biopsies taken for one would be a sample less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from hetscore.domain import Fragment, FragmentRole
from hetscore.fragments.levels import match_told
from hetscore.fragments.params import FragmentParams
from hetscore.fragments.pieces import Mask, fill_clefts

_MPP = 4.0
"""Scale at which outlines are drawn to be compared: that of the thumbnail they were taken from by default."""


@dataclass(frozen=True)
class SlideFragments:
    """The fragments of one slide, and what is needed to compare them with those of another."""

    items: tuple[Fragment, ...]
    mpp: float
    """Microns per level-0 pixel."""
    group: str | None
    """Slides of one group are levels of the same blocks; one without a group is of blocks of its own."""


@dataclass(frozen=True)
class Joined:
    """Fragments with `section_of` across slides."""

    slides: tuple[tuple[Fragment, ...], ...]
    is_unclear: bool = False
    """A group could not be matched, or some of its pieces by their order alone."""


def match_across_slides(slides: Sequence[SlideFragments], params: FragmentParams) -> Joined:
    """Match the sections of one piece on several slides.

    Parameters
    ----------
    slides : sequence of SlideFragments
        Numbered through the case, each slide's own levels matched.
    params : FragmentParams
        How alike sections must be.

    Returns
    -------
    Joined
        Each fragment as given but for `section_of`, the number of the piece's first section on the first slide that has
        one. Controls are left as they are; a group whose pieces do not agree in order and shape is left too, and told.
    """
    piece_of: dict[int, int] = {}
    is_unclear = False
    for group in dict.fromkeys(slide.group for slide in slides if slide.group is not None):
        matched, is_doubtful = _match_group([slide for slide in slides if slide.group == group], params)
        piece_of |= matched
        is_unclear |= is_doubtful
    return Joined(tuple(tuple(_give_piece(f, piece_of) for f in slide.items) for slide in slides), is_unclear)


def _match_group(slides: Sequence[SlideFragments], params: FragmentParams) -> tuple[dict[int, int], bool]:
    """Match the slides of a group by the first section of each piece; also whether it is in doubt."""
    rows = [[f for f in slide.items if f.role is FragmentRole.SAMPLE and f.section_of is None] for slide in slides]
    masks = [_draw(f, slide.mpp, params) for slide, row in zip(slides, rows, strict=True) for f in row]
    numbers = [f.id for row in rows for f in row]
    ends = np.cumsum([0, *map(len, rows)]).tolist()
    places = [tuple(range(start, stop)) for start, stop in pairwise(ends) if start < stop]
    if len(places) < 2:
        return {}, False
    levels = match_told(places, masks, params)
    return {numbers[i]: numbers[first] for i, first in enumerate(levels.first)}, levels.is_unclear


def _draw(fragment: Fragment, mpp: float, params: FragmentParams) -> Mask:
    """Draw a fragment's outline, its tears filled."""
    scale, box = mpp / _MPP, fragment.bounds
    picture = np.zeros((round(box.height * scale) + 3, round(box.width * scale) + 3), np.uint8)
    for ring in fragment.outlines:
        cv2.fillPoly(picture, [np.rint((ring - (box.x, box.y)) * scale + 1).astype(np.int32)], (1,))
    return fill_clefts(picture.astype(bool), params.bridge_um / _MPP).astype(bool)


def _give_piece(fragment: Fragment, piece_of: dict[int, int]) -> Fragment:
    piece = piece_of.get(fragment.piece, fragment.piece)
    return replace(fragment, section_of=None if piece == fragment.id else piece)
