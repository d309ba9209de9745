"""TissueMask -> Fragments: bridge, sift, split, set controls apart, match levels, number; the order of the steps.

Where a step is in doubt the fragments stay as they were and a flag says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from hetscore.domain import Fragment, FragmentRole, Fragments, Split, TissueMask
from hetscore.fragments.controls import find_controls
from hetscore.fragments.levels import Levels, match_levels
from hetscore.fragments.necks import Neck, find_neck
from hetscore.fragments.order import reading_order
from hetscore.fragments.params import FragmentParams
from hetscore.fragments.pieces import Labels, Mask, Piece, fill_clefts, find_pieces
from hetscore.fragments.splitting import Part, settle_necks, split_touching
from hetscore.geometry import Box


def find_fragments(tissue: TissueMask, slide: str, params: FragmentParams, first_id: int = 1) -> Fragments:
    """Split the tissue into fragments.

    Parameters
    ----------
    tissue : TissueMask
        Where there is tissue.
    slide : str
        Name of the slide's file, kept with each fragment.
    params : FragmentParams
        What counts as one fragment.
    first_id : int, optional
        Number of the first fragment; the slides of a case are numbered on.

    Returns
    -------
    Fragments
        In reading order (see `reading_order`), control cores after all others; `dropped` counts "dust" and "edge"
        pieces. `flags` holds "count-unclear" where `count_range` is more than one number, "levels-unclear" where pieces
        may be sections of the same and were not matched, or were by their order alone, "controls-unclear" where a piece
        may be a biopsy or a control core.
    """
    sifted = find_pieces(tissue, params, params.bridge_um)
    parts = _split_all(sifted.kept, tissue.mpp, params)
    boxes, solid = [part.piece.box for part in parts], [_fill(part.piece, tissue.mpp, params) for part in parts]
    controls = find_controls(boxes, solid, tissue.mpp, params)
    samples, cores = (
        _read([i for i, c in enumerate(controls.is_control) if c is kind], boxes) for kind in (False, True)
    )
    order = samples + cores
    levels = match_levels([boxes[i] for i in samples], [solid[i] for i in samples], params)
    items = [_fragment(first_id + k, slide, parts[i].piece, tissue, params) for k, i in enumerate(order)]
    items[: len(samples)] = [_place(item, levels, k, first_id) for k, item in enumerate(items[: len(samples)])]
    items[len(samples) :] = [replace(item, role=FragmentRole.CONTROL) for item in items[len(samples) :]]
    ordered = [parts[i] for i in order]
    count_range = _find_range(tissue, params, len(sifted.kept), len(samples), ordered)
    doubts = {
        "count-unclear": count_range[0] < count_range[1],
        "levels-unclear": levels.is_unclear,
        "controls-unclear": controls.is_unclear,
    }
    return Fragments(
        items=tuple(items),
        labels=_draw_labels([part.piece for part in ordered], first_id, tissue),
        downsample=tissue.downsample,
        mpp=tissue.mpp,
        dropped={"dust": sifted.n_dust + tissue.n_specks, "edge": sifted.n_edges},
        count_range=count_range,
        splits=tuple(_tell_splits(ordered, first_id)),
        flags=tuple(name for name, is_set in doubts.items() if is_set),
    )


def _split_all(pieces: Sequence[Piece], mpp: float, params: FragmentParams) -> list[Part]:
    """Take pieces apart that touch; sections of one piece, where levels are plain, are taken apart together."""
    boxes, solid = [piece.box for piece in pieces], [_fill(piece, mpp, params) for piece in pieces]
    controls = find_controls(boxes, solid, mpp, params).is_control
    samples = _read([i for i, is_control in enumerate(controls) if not is_control], boxes)
    necks = [find_neck(pieces[i].mask, mpp, params) for i in samples]
    levels = match_levels([boxes[i] for i in samples], [solid[i] for i in samples], params)
    settled = dict(zip(samples, settle_necks(necks, levels.first, params.level_bound), strict=True))
    return [part for i, piece in enumerate(pieces) for part in split_touching(piece, settled.get(i), mpp, params)]


def _read(pieces: Sequence[int], boxes: Sequence[Box]) -> list[int]:
    """Put some of the pieces into reading order."""
    return [pieces[k] for k in reading_order([boxes[i] for i in pieces])]


def _fill(piece: Piece, mpp: float, params: FragmentParams) -> Mask:
    """Fill tears, so that the shape of a torn piece is that of the whole one."""
    return fill_clefts(piece.mask, params.bridge_um / mpp).astype(bool)


def _place(item: Fragment, levels: Levels, k: int, first_id: int) -> Fragment:
    """Say which level a fragment is of, and which piece it is a section of."""
    first = levels.first[k]
    return replace(item, level=levels.level[k], section_of=None if first == k else first_id + first)


def _find_range(
    tissue: TissueMask, params: FragmentParams, n_kept: int, n_samples: int, parts: Sequence[Part]
) -> tuple[int, int]:
    """Find the least and the most fragments that could be counted."""
    excluded = {reason: mask[::2, ::2] for reason, mask in tissue.excluded.items()}
    coarse = TissueMask(tissue.mask[::2, ::2], 2 * tissue.downsample, 2 * tissue.mpp, excluded)  # a quarter of the work
    others = [len(find_pieces(coarse, params, factor * params.bridge_um).kept) - n_kept for factor in (0.5, 2.0)]
    cuts = {id(neck): neck for part in parts for neck in part.cuts}
    doubts = {id(neck): neck for part in parts for neck in part.doubts}
    n_fewer = sum(neck.confidence < params.neck_certain for neck in cuts.values())
    return n_samples + min(0, *others) - n_fewer, n_samples + max(0, *others) + len(doubts)


def _draw_labels(pieces: Sequence[Piece], first_id: int, tissue: TissueMask) -> Labels:
    labels = np.zeros(tissue.mask.shape, np.int32)
    for number, piece in enumerate(pieces, start=first_id):
        labels[piece.box.slices][piece.mask] = number
    return labels


def _tell_splits(parts: Sequence[Part], first_id: int) -> list[Split]:
    """Say where pieces were taken apart, and where they may be two; in the order of their fragments."""
    sides: dict[int, tuple[Neck, list[int]]] = {}
    for number, part in enumerate(parts, start=first_id):
        for neck in (*part.cuts, *part.doubts):
            sides.setdefault(id(neck), (neck, []))[1].append(number)
    return [Split(tuple(numbers), neck.confidence, _explain(neck)) for neck, numbers in sides.values()]


def _explain(neck: Neck) -> str:
    share = f"{100 * neck.ratio:.0f} % of the root of the smaller part's area"
    return f"A neck of {neck.width_um:.0f} um, {share}, lies between two notches."


def _fragment(number: int, slide: str, piece: Piece, tissue: TissueMask, params: FragmentParams) -> Fragment:
    offset, scale = (piece.box.x, piece.box.y), tissue.downsample
    mask = piece.mask.astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=offset)
    rings = [cv2.approxPolyDP(c, params.outline_um / tissue.mpp, closed=True)[:, 0, :] for c in contours]
    outlines = tuple((ring.astype(np.float64) + 0.5) * scale for ring in rings if len(ring) >= 3)
    box = Box(piece.box.x * scale, piece.box.y * scale, piece.box.width * scale, piece.box.height * scale)
    return Fragment(number, slide, outlines, box, piece.area_mm2(tissue.mpp))
