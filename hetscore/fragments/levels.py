"""Pieces on a slide -> which of them are serial sections of the same piece, and of which level.

Sections of a ribbon repeat in shape and in order. Each way in which rows, columns or blocks of them could be levels is
weighed; one that explains every piece is taken, one that explains some of them is a doubt and is never acted on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.fragments.order import read_rows
from hetscore.fragments.params import FragmentParams
from hetscore.fragments.pieces import Mask
from hetscore.geometry import Box

Similarity = NDArray[np.float64]
"""(n, n), [0, 1]."""

_GRID = 48
"""Side of the picture in which shapes are compared: a piece is about 14 across, were it a square."""
_REACH = 1.7
"""Half of its side, in square roots of the piece's area: the longest biopsies reach 1.2 from their middle."""
_TURNS = tuple(range(-20, 21, 4))
"""Degrees by which a section may lie turned against its neighbor: ribbons bend, they are not strewn."""


@dataclass(frozen=True)
class Levels:
    """Which pieces are sections of the same, by their place in what was given."""

    first: tuple[int, ...]
    """Of each piece, the first that is a section of the same; itself where there is none before."""
    level: tuple[int, ...]
    """1 for the first."""
    is_unclear: bool = False
    """Some look like sections of the same piece, but not all: each then stands for itself, unless those few are placed
    by their neighbors."""


@dataclass(frozen=True)
class _Plan:
    """One way to see the pieces as levels."""

    levels: tuple[tuple[int, ...], ...]
    same: tuple[tuple[int, int], ...]
    """A piece of the fullest level and its section in another."""
    n_odd: int
    """How many of these are not alike and were paired by their order alone, between neighbors that are."""
    n_alike: int
    """How many are alike."""
    is_whole: bool
    """Whether every piece of the other levels has its piece in the fullest."""
    evidence: float
    """Log odds of all pairs together, less what pieces without a section cost."""
    likeness: float
    """Log odds of the pairs that are alike, whatever speaks against."""

    @property
    def n_pairs(self) -> int:
        """How many sections there are besides those of the fullest level."""
        return sum(map(len, self.levels)) - max(map(len, self.levels))

    def holds(self, evidence: float, odd_share: float) -> bool:
        """Whether it explains every section with more than some evidence, and few of them by order alone."""
        return self.is_whole and self.evidence > evidence and self.n_odd <= odd_share * self.n_pairs


def match_levels(boxes: Sequence[Box], masks: Sequence[Mask], params: FragmentParams) -> Levels:
    """Match the serial sections on a slide.

    Parameters
    ----------
    boxes : sequence of Box
        Of the pieces, without controls.
    masks : sequence of ndarray of bool
        Each piece in its box.
    params : FragmentParams
        How alike sections must be.

    Returns
    -------
    Levels
        Without levels, unless every section has its piece. A few that are not alike, torn ones as a rule, are given
        the piece that their order leaves them, and it is told.
    """
    n = len(boxes)
    alone = Levels(tuple(range(n)), (1,) * n)
    if n < 2:
        return alone
    alike = compare_shapes(masks)
    weights = _weigh(alike, params)
    found = [_align(levels, weights, params) for levels in propose_levels(boxes)]
    best = max(found, key=lambda plan: (plan.evidence, len(plan.levels)), default=None)
    if best is not None and best.holds(params.level_evidence, params.level_odd_share):
        return _number(best, n)
    return Levels(alone.first, alone.level, is_unclear=_is_doubtful(found, alike, params))


def match_told(levels: Sequence[tuple[int, ...]], masks: Sequence[Mask], params: FragmentParams) -> Levels:
    """Match levels that are known to be levels of the same pieces, such as slides of one block.

    Parameters
    ----------
    levels : sequence of tuple of int
        Of each level its pieces in order, by their place in `masks`; two levels at least.
    masks : sequence of ndarray of bool
        The pieces, of one scale.
    params : FragmentParams
        How alike sections must be.

    Returns
    -------
    Levels
        As of `match_levels`, but more for than against suffices: that they are levels need not be shown.
    """
    plan = _align(tuple(levels), _weigh(compare_shapes(masks), params), params)
    if plan.holds(0.0, params.level_odd_share):
        return _number(plan, len(masks))
    return Levels(tuple(range(len(masks))), (1,) * len(masks), is_unclear=True)


def _is_doubtful(found: Sequence[_Plan], alike: Similarity, params: FragmentParams) -> bool:
    """Whether more speaks for some levels than against, or some pieces are as alike as only sections are."""
    nearly = any(
        plan.evidence > 0 or plan.likeness >= 2 * params.level_evidence or 2 * plan.n_alike >= plan.n_pairs
        for plan in found
    )
    pairs = alike[np.triu_indices(len(alike), 1)]
    return nearly or bool((pairs >= params.level_twins).any())


def compare_shapes(masks: Sequence[Mask]) -> Similarity:
    """Compare every two pieces in shape and size.

    Parameters
    ----------
    masks : sequence of ndarray of bool
        The pieces, of one scale.

    Returns
    -------
    ndarray, shape (n, n)
        Overlap (intersection over union) of the shapes, brought to the same area and middle and turned as fits best,
        times the ratio of their areas. Symmetric; 1 for the same shape.
    """
    area = np.array([float(mask.sum()) for mask in masks])
    upright = _draw_shapes(masks, area, 0.0)
    best = np.zeros((len(masks), len(masks)))
    for degrees in _TURNS:
        turned = _draw_shapes(masks, area, degrees)
        both = upright @ turned.T
        either = upright.sum(axis=1)[:, None] + turned.sum(axis=1)[None, :] - both
        best = np.maximum(best, both / either)
    ratio = np.minimum.outer(area, area) / np.maximum.outer(area, area)
    similarity: Similarity = np.maximum(best, best.T) * ratio
    return similarity


def _draw_shapes(masks: Sequence[Mask], area: NDArray[np.float64], degrees: float) -> NDArray[np.float32]:
    """Draw each piece at the same area, its middle in the middle, turned; one row a piece."""
    return np.stack([_draw_shape(mask, float(size), degrees).ravel() for mask, size in zip(masks, area, strict=True)])


def _draw_shape(mask: Mask, area: float, degrees: float) -> NDArray[np.float32]:
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    middle = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    move = cv2.getRotationMatrix2D(middle, degrees, _GRID / (2 * _REACH * math.sqrt(area)))
    move[:, 2] += (_GRID - 1) / 2 - np.array(middle)
    drawn = cv2.warpAffine(255 * mask.astype(np.uint8), move, (_GRID, _GRID), flags=cv2.INTER_LINEAR)
    return np.asarray(drawn > 127, np.float32)


def _weigh(alike: Similarity, params: FragmentParams) -> Similarity:
    """Log odds that two pieces are sections of the same, bounded: no single pair decides a slide."""
    bound = params.level_bound
    weights: Similarity = np.clip(params.level_slope * (alike - params.level_even), -bound, bound)
    return weights


def propose_levels(boxes: Sequence[Box]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Propose every way to cut rows, or columns, into levels of as many of them."""
    turned = [Box(box.y, box.x, box.height, box.width) for box in boxes]
    for bands in (read_rows(list(boxes)), read_rows(turned)):
        for n_levels in range(2, len(bands) + 1):
            size, rest = divmod(len(bands), n_levels)
            if not rest:
                cuts = range(0, len(bands) + 1, size)
                yield tuple(tuple(i for band in bands[a:b] for i in band) for a, b in pairwise(cuts))


def _align(levels: tuple[tuple[int, ...], ...], weights: Similarity, params: FragmentParams) -> _Plan:
    """Align every level with the fullest, the first of equals, in order.

    A section is as alike to a piece as to the likest of its sections so far: a torn one is like another torn one.
    """
    fullest = max(levels, key=len)
    sections = {i: [i] for i in fullest}
    weight: list[float] = []
    same: list[tuple[int, int]] = []
    n_odd = n_alone = 0
    for level in (level for level in levels if level is not fullest):
        gains = np.array([weights[np.ix_(sections[i], level)].max(axis=0) for i in fullest])
        pairs = [pair for pair in _align_two(gains, params.level_lost) if gains[pair] > -params.level_odd]
        placed = _place_by_order(pairs, gains.shape)
        weight += [float(gains[pair]) for pair in pairs]
        n_odd += len(placed)
        n_alone += len(fullest) + len(level) - 2 * len(pairs)
        same += [(fullest[i], level[j]) for i, j in sorted([*pairs, *placed])]
        for i, j in pairs:
            sections[fullest[i]].append(level[j])
    likely = [w for w in weight if w > 0]
    evidence = sum(weight) - params.level_lost * n_alone
    is_whole = len(same) == sum(map(len, levels)) - len(fullest)
    return _Plan(levels, tuple(same), n_odd, len(likely), is_whole, evidence, sum(likely))


def _align_two(weights: Similarity, lost: float) -> list[tuple[int, int]]:
    """Pair two rows in order so that the weights add up to the most; a piece left alone costs `lost`."""
    gains = weights + 2 * lost
    best = np.zeros((len(gains) + 1, gains.shape[1] + 1))
    for i, j in np.ndindex(gains.shape):
        best[i + 1, j + 1] = max(best[i, j + 1], best[i + 1, j], best[i, j] + gains[i, j])
    pairs, i, j = [], *gains.shape
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


def _place_by_order(pairs: Sequence[tuple[int, int]], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pair what is left alone between the same neighbors, where both rows have as many there."""
    ends = [(-1, -1), *pairs, (shape[0], shape[1])]
    return [(i + step, j + step) for (i, j), (k, m) in pairwise(ends) if k - i == m - j for step in range(1, k - i)]


def _number(plan: _Plan, n: int) -> Levels:
    """Give each section its piece and its level."""
    level_of = {i: number for number, level in enumerate(plan.levels, start=1) for i in level}
    sections = {i: [i] for i in range(n)}
    for piece, section in plan.same:
        sections[piece].append(section)
        sections[section] = sections[piece]
    first = tuple(min(sections[i], key=lambda k: (level_of[k], k)) for i in range(n))
    return Levels(first, tuple(level_of[i] for i in range(n)), is_unclear=plan.n_odd > 0)
