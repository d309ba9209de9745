"""Fragments as found and regions -> fragments as a person wants them: drawn anew, controls, levels, area taken out.

Each step changes only what is under a region; a piece that nobody touched keeps its number, its outline and its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hetscore.annotations.drawing import Mask, draw_mask
from hetscore.annotations.redrawing import Labels, redraw
from hetscore.domain import Fragment, FragmentRole, Fragments, Region, RegionKind, fragment_shape, is_same_outline

BY_HAND = "excluded by hand"
"""Why a piece is excluded."""
DRAWN = "drawn by hand"
"""Reason of a control that a person drew: what was found by its shape alone has none."""
_NAME = re.compile(r"(?:fragment\s+)?(\d{1,6})(?:\s*,?\s*section of\s+(\d{1,6}))?", re.IGNORECASE)
"""Name of a fragment: its number, and of which piece it is a section."""


@dataclass(frozen=True)
class Correction:
    """Fragments with everything applied that was drawn."""

    fragments: Fragments
    is_excluded: Mask
    """Tissue taken out by hand, at the thumbnail's scale."""
    settled: frozenset[str] = frozenset()
    """Doubts that the drawing settles, names in `FLAGS`."""
    doubts: tuple[str, ...] = ()
    """Doubts that it raises."""
    n_unused: int = 0
    """Regions with no tissue or no piece under them."""


def correct_fragments(
    found: Fragments, tissue: Mask, regions: Sequence[Region], min_area_mm2: float, first_id: int = 1
) -> Correction:
    """Apply regions to the fragments of a slide.

    Parameters
    ----------
    found : Fragments
        As found, numbered from 1.
    tissue : ndarray of bool
        All tissue to be judged, that of no fragment included.
    regions : sequence of Region
        Everything drawn on the slide; those of tumor do not matter here.
    min_area_mm2 : float
        What is left of a piece and smaller than this goes with the rest of it: a hand is not that exact.
    first_id : int, optional
        Number of the first fragment; the slides of a case are numbered on.

    Returns
    -------
    Correction
        Without regions the fragments as found.
    """
    numbered = _number_from(found, first_id)
    if not regions:
        return Correction(numbered, np.zeros_like(tissue))
    drawn = {kind: [region for region in regions if region.kind is kind] for kind in RegionKind}
    min_px = min_area_mm2 / (found.mpp / 1000) ** 2
    redrawn, numbers = _redraw(numbered, tissue, drawn[RegionKind.FRAGMENT], min_px)
    ruled, n_idle_controls = _set_controls(redrawn, drawn[RegionKind.CONTROL], set(numbers))
    named = _name_sections(ruled, drawn[RegionKind.FRAGMENT], numbers)
    leveled, n_idle_levels, is_unmatched = _set_levels(named, drawn[RegionKind.LEVEL])
    corrected, is_excluded, n_idle = _take_out(leveled, tissue, drawn[RegionKind.EXCLUDE], min_px)
    return Correction(
        fragments=corrected,
        is_excluded=is_excluded,
        settled=_find_settled(numbered, corrected, are_leveled=bool(drawn[RegionKind.LEVEL])),
        doubts=("levels-unclear",) if is_unmatched else (),
        n_unused=n_idle_controls + n_idle_levels + n_idle + numbers.count(0),
    )


def _number_from(found: Fragments, first_id: int) -> Fragments:
    """Give the fragments other numbers, from the first one on."""
    shift = first_id - 1
    if not shift:
        return found
    items = tuple(
        replace(f, id=f.id + shift, section_of=None if f.section_of is None else f.section_of + shift)
        for f in found.items
    )
    return replace(found, items=items, labels=np.where(found.labels > 0, found.labels + shift, 0).astype(np.int32))


def _mask(region: Region, fragments: Fragments) -> Mask:
    height, width = fragments.labels.shape
    return draw_mask(region.shape, (height, width), fragments.downsample)


def _redraw(
    found: Fragments, tissue: Mask, regions: Sequence[Region], min_px: float
) -> tuple[Fragments, tuple[int, ...]]:
    """Draw fragments anew, and say which one each region became; what is drawn as it was found changes nothing."""
    known = [_find_same(region, found.items) for region in regions]
    new = [region for region, number in zip(regions, known, strict=True) if number is None]
    masks = (_mask(region, found) for region in new)  # one at a time: each is as large as the thumbnail
    redrawn = redraw(found, tissue, masks, [_read_name(region)[0] for region in new], min_px)
    following = iter(redrawn.numbers)
    return redrawn.fragments, tuple(next(following) if number is None else number for number in known)


def _find_same(region: Region, items: Sequence[Fragment]) -> int | None:
    """Find the fragment whose outline this is: it was exported and given back as it was."""
    return next((item.id for item in items if is_same_outline(region.shape, fragment_shape(item))), None)


def _read_name(region: Region) -> tuple[int | None, int | None]:
    """Read the number and the piece that a fragment's name gives."""
    match = _NAME.fullmatch(region.name.strip())
    if match is None:
        return None, None
    return int(match[1]), None if match[2] is None else int(match[2])


def _covers_half(mask: Mask, labels: Labels) -> set[int]:
    """Find the fragments of which a mask covers half or more."""
    n = int(labels.max(initial=0)) + 1
    whole, part = np.bincount(labels.ravel(), minlength=n), np.bincount(labels[mask], minlength=n)
    return {int(i) for i in np.flatnonzero((2 * part >= whole) & (whole > 0)) if i > 0}


def _set_controls(fragments: Fragments, regions: Sequence[Region], samples: set[int]) -> tuple[Fragments, int]:
    """Make controls of what lies under their regions, samples of what was drawn as fragments; count idle regions."""
    under = [_covers_half(_mask(region, fragments), fragments.labels) for region in regions]
    controls = set().union(*under)
    items = []
    for item in fragments.items:
        if item.id in controls:
            item = replace(item, role=FragmentRole.CONTROL, level=1, section_of=None, reason=DRAWN)
        elif item.id in samples:
            item = replace(item, role=FragmentRole.SAMPLE)
        items.append(item)
    return replace(fragments, items=tuple(items)), sum(not found for found in under)


def _name_sections(fragments: Fragments, regions: Sequence[Region], numbers: Sequence[int]) -> Fragments:
    """Make sections of what a fragment's name calls one; a name with a number alone is a piece of its own."""
    names = {number: _read_name(region) for region, number in zip(regions, numbers, strict=True)}
    piece = {number: section_of for number, (given, section_of) in names.items() if given is not None}
    samples = {item.id for item in fragments.items if item.role is FragmentRole.SAMPLE}
    items = [replace(f, section_of=piece.get(f.id, f.section_of)) if f.id in samples else f for f in fragments.items]
    return replace(fragments, items=tuple(_free(item, samples) for item in items))


def _free(item: Fragment, known: set[int]) -> Fragment:
    """Let a section of what is no piece any more, or of itself, be a piece of its own."""
    if item.section_of is None or (item.section_of in known and item.section_of != item.id):
        return item
    return replace(item, section_of=None, level=1)


def _set_levels(fragments: Fragments, regions: Sequence[Region]) -> tuple[Fragments, int, bool]:
    """Match the fragments of drawn levels in the order of their numbers; also how many regions hold none, and doubt."""
    if not regions:
        return fragments, 0, False
    under = [_covers_half(_mask(region, fragments), fragments.labels) for region in regions]
    level_of = {number: region.level or 1 for region, found in zip(regions, under, strict=True) for number in found}
    levels: dict[int, list[int]] = {}
    for item in fragments.items:
        if item.role is FragmentRole.SAMPLE:
            levels.setdefault(level_of.get(item.id, 1), []).append(item.id)
    first = levels[min(levels)] if levels else []
    is_unmatched = any(len(numbers) != len(first) for numbers in levels.values())
    place = {number: (level, k) for level, numbers in levels.items() for k, number in enumerate(numbers)}
    items = []
    for item in fragments.items:
        if item.id in place:
            level, k = place[item.id]
            piece = item.id if is_unmatched else first[k]
            item = replace(item, level=level, section_of=None if piece == item.id else piece)
        items.append(item)
    return replace(fragments, items=tuple(items)), sum(not found for found in under), is_unmatched


def _take_out(
    fragments: Fragments, tissue: Mask, regions: Sequence[Region], min_px: float
) -> tuple[Fragments, Mask, int]:
    """Take excluded tissue out; a piece of which less than a fragment is left is excluded with it."""
    is_excluded, n_idle = np.zeros_like(tissue), 0
    for region in regions:
        under = _mask(region, fragments) & tissue
        is_excluded |= under
        n_idle += not under.any()
    labels, items = np.where(is_excluded, 0, fragments.labels), []
    lost = set(np.unique(fragments.labels[is_excluded]).tolist())
    for item in fragments.items:
        if item.id in lost:
            rest = labels == item.id
            is_gone = bool(np.count_nonzero(rest) < min_px)
            if is_gone:
                is_excluded, labels = is_excluded | rest, np.where(rest, 0, labels)
            item = _shrink(item, labels, fragments.mpp, is_gone=is_gone)
        items.append(item)
    taken = replace(fragments, items=tuple(items), labels=labels.astype(np.int32))
    return taken, is_excluded, n_idle


def _shrink(item: Fragment, labels: NDArray[np.int32], mpp: float, *, is_gone: bool) -> Fragment:
    """Tell what is left of a fragment; its outline stays that of the whole piece."""
    area_mm2 = float(np.count_nonzero(labels == item.id)) * (mpp / 1000) ** 2
    if is_gone:
        return replace(item, area_mm2=area_mm2, role=FragmentRole.EXCLUDED, reason=BY_HAND)
    return replace(item, area_mm2=area_mm2)


def _find_settled(found: Fragments, corrected: Fragments, *, are_leveled: bool) -> frozenset[str]:
    """Name the doubts that a person settled by changing what they were about."""
    before, after = ({f.id: f for f in fragments.items} for fragments in (found, corrected))
    both = [(before[n], after[n]) for n in before.keys() & after.keys()]
    settled = {
        "count-unclear": any(f.is_drawn for f in corrected.items),
        "controls-unclear": any(a.role is not b.role and FragmentRole.CONTROL in (a.role, b.role) for a, b in both),
        "levels-unclear": are_leveled or any(a.section_of != b.section_of for a, b in both),
    }
    return frozenset(name for name, is_set in settled.items() if is_set)
