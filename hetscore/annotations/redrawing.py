"""Fragments and masks drawn by hand -> fragments that follow the masks; numbers change as little as may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.annotations.drawing import Mask
from hetscore.domain import Fragment, Fragments
from hetscore.geometry import Box

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Redrawn:
    """Fragments drawn anew."""

    fragments: Fragments
    numbers: tuple[int, ...]
    """Of the fragment that each mask became; 0 where it holds no tissue."""


def redraw(
    found: Fragments, tissue: Mask, masks: Iterable[Mask], wanted: Sequence[int | None], min_px: float
) -> Redrawn:
    """Make a fragment of the tissue under each mask.

    Parameters
    ----------
    found : Fragments
        As they are.
    tissue : ndarray of bool
        All tissue to be judged.
    masks : iterable of ndarray of bool
        As drawn; where two overlap the first one has the tissue.
    wanted : sequence of int or None
        Number that each mask asks for; it is given if the fragment of that number lies under the mask.
    min_px : float
        What a mask leaves of a fragment and is smaller than this goes with the mask that took most of it.

    Returns
    -------
    Redrawn
        What no mask touched is as it was.

    Notes
    -----
    A mask without a wish takes the number of a fragment that it took whole, of several the one it has most of; others
    are numbered on. What is left of a fragment keeps its number unless a mask asked for it.
    """
    if not wanted:
        return Redrawn(found, ())
    owner = _claim(found.labels, tissue, masks, min_px)
    took = _count_taken(found, owner, len(wanted))
    numbers, rest_of = _give_numbers(found, owner, took, wanted)
    lookup = np.arange(int(found.labels.max(initial=0)) + 1)
    for old, new in rest_of.items():
        lookup[old] = new
    labels = np.where(owner > 0, np.array([0, *numbers])[owner], lookup[found.labels]).astype(np.int32)
    before = {f.id: f for f in found.items}
    kept = [_describe(before[old], new, labels, found) for old, new in rest_of.items()]
    slide = found.items[0].slide if found.items else ""
    drawn = [replace(_describe(before.get(n, _nameless(slide)), n, labels, found), is_drawn=True) for n in numbers if n]
    touched = {int(n) for n in np.unique(found.labels[owner > 0])}
    items = [f for f in found.items if f.id not in touched] + kept + drawn
    return Redrawn(replace(found, items=tuple(sorted(items, key=lambda f: f.id)), labels=labels), tuple(numbers))


def _claim(labels: Labels, tissue: Mask, masks: Iterable[Mask], min_px: float) -> Labels:
    """Say which mask has each pixel, numbered from 1, slivers of what they cut included; 0 for none."""
    owner = np.zeros(labels.shape, np.int32)
    for number, mask in enumerate(masks, start=1):
        owner[mask & tissue & (owner == 0)] = number
    for old in np.unique(labels[owner > 0]):
        is_left = (labels == old) & (owner == 0)
        if old > 0 and 0 < np.count_nonzero(is_left) < min_px:
            owner[is_left] = np.bincount(owner[(labels == old) & (owner > 0)]).argmax()
    return owner


def _count_taken(found: Fragments, owner: Labels, n: int) -> NDArray[np.int64]:
    """Count the pixels of each fragment under each mask: rows are masks from 0 (none), columns numbers."""
    n_labels = int(found.labels.max(initial=0)) + 1
    pairs = np.bincount((owner.astype(np.int64) * n_labels + found.labels).ravel(), minlength=(n + 1) * n_labels)
    return pairs.reshape(n + 1, n_labels)


def _give_numbers(
    found: Fragments, owner: Labels, took: NDArray[np.int64], wanted: Sequence[int | None]
) -> tuple[list[int], dict[int, int]]:
    """Give a number to each mask, and to what is left of each fragment that they cut: old number to new."""
    n_labels = took.shape[1]
    numbers = [0] * len(wanted)
    for k, wish in enumerate(wanted):
        if wish is not None and 0 < wish < n_labels and took[k + 1, wish] and wish not in numbers:
            numbers[k] = wish
    cut = [old for old in range(1, n_labels) if took[1:, old].any()]
    has_rest = [old for old in cut if took[0, old]]
    for k in range(len(wanted)):
        free = [old for old in cut if took[k + 1, old] and old not in has_rest and old not in numbers]
        if not numbers[k] and free:
            numbers[k] = max(free, key=lambda old: took[k + 1, old])
    following = max((f.id for f in found.items), default=0) + 1
    rest_of: dict[int, int] = {}
    for old in has_rest:
        rest_of[old] = old if old not in numbers else following
        following += old in numbers
    for k in range(len(wanted)):
        if not numbers[k] and (owner == k + 1).any():
            numbers[k] = following
            following += 1
    return numbers, rest_of


def _nameless(slide: str) -> Fragment:
    """Make the pattern for a fragment where none was."""
    return Fragment(0, slide, (), Box(0, 0, 0, 0), 0.0)


def _describe(pattern: Fragment, number: int, labels: Labels, scale: Fragments) -> Fragment:
    """Tell outline, bounds and area of a fragment from the map; level and role as they were."""
    mask, step = (labels == number).astype(np.uint8), scale.downsample
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rings = [contour[:, 0, :].astype(np.float64) for contour in contours if len(contour) >= 3]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    box = Box(left * step, top * step, (int(columns[-1]) + 1 - left) * step, (int(rows[-1]) + 1 - top) * step)
    return replace(
        pattern,
        id=number,
        outlines=tuple((ring + 0.5) * step for ring in rings),
        bounds=box,
        area_mm2=float(np.count_nonzero(mask)) * (scale.mpp / 1000) ** 2,
        is_drawn=False,
    )
