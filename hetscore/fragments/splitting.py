"""Pieces -> pieces: those that touch taken apart, with what was cut and what was nearly cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hetscore.fragments.necks import Neck, find_neck
from hetscore.fragments.params import FragmentParams
from hetscore.fragments.pieces import Piece, crop

_MOST_CUTS = 5
"""Cuts in a row through one piece: six biopsies in a heap are more than a container holds side by side."""


@dataclass(frozen=True)
class Part:
    """A piece and the necks it was cut at."""

    piece: Piece
    cuts: tuple[Neck, ...] = ()
    doubts: tuple[Neck, ...] = ()
    """Necks at which it was not cut but may be."""


def settle_necks(necks: Sequence[Neck | None], first: Sequence[int], bound: float) -> list[Neck | None]:
    """Let the sections of one piece speak together.

    Parameters
    ----------
    necks : sequence of Neck or None
        Of each piece on the slide its likeliest neck.
    first : sequence of int
        Of each piece the first that is a section of the same, see `Levels`.
    bound : float
        Log odds of one section are at most this, and at least minus this.

    Returns
    -------
    list of Neck or None
        Each with the mean of the log odds of all its sections. They are of one shape, so they do not add up; but a tear
        is seen in one of them only, and pieces that touch touch in all.
    """
    odds: dict[int, list[float]] = {}
    for neck, piece in zip(necks, first, strict=True):
        odds.setdefault(piece, []).append(-bound if neck is None else max(-bound, min(neck.log_odds, bound)))
    return [
        neck if neck is None or len(odds[piece]) == 1 else replace(neck, log_odds=float(np.mean(odds[piece])))
        for neck, piece in zip(necks, first, strict=True)
    ]


def split_touching(piece: Piece, neck: Neck | None, mpp: float, params: FragmentParams) -> list[Part]:
    """Cut a piece at its likeliest neck, then its parts at theirs.

    Parameters
    ----------
    piece : Piece
        As bridging left it.
    neck : Neck or None
        Its likeliest neck.
    mpp : float
        Microns per pixel.
    params : FragmentParams
        From which confidence on a neck is cut or told.

    Returns
    -------
    list of Part
        Together the piece; one where it has no neck to cut.
    """
    return _split(piece, neck, mpp, params, _MOST_CUTS)


def _split(piece: Piece, neck: Neck | None, mpp: float, params: FragmentParams, depth: int) -> list[Part]:
    if not depth or neck is None or neck.confidence < params.neck_doubt:
        return [Part(piece)]
    smaller_mm2 = min(int(mask.sum()) for mask in neck.parts) * (mpp / 1000) ** 2
    if neck.confidence < params.neck_sure or smaller_mm2 < params.min_area_mm2:
        return [Part(piece, doubts=(neck,))]
    halves = [crop(piece, mask) for mask in neck.parts]
    necks = [find_neck(half.mask, mpp, params) for half in halves]
    split = (_split(half, own, mpp, params, depth - 1) for half, own in zip(halves, necks, strict=True))
    parts = [part for some in split for part in some]
    return [Part(part.piece, (neck, *part.cuts), part.doubts) for part in parts]
