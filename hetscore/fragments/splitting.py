"""Pieces -> pieces: those that touch taken apart, with what was cut and what was nearly cut."""

from __future__ import annotations

from dataclasses import dataclass

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


def split_touching(piece: Piece, mpp: float, params: FragmentParams, depth: int = _MOST_CUTS) -> list[Part]:
    """Cut a piece at its necks, the narrowest first, then its parts.

    Parameters
    ----------
    piece : Piece
        As bridging left it.
    mpp : float
        Microns per pixel.
    params : FragmentParams
        What makes a neck.
    depth : int, optional
        How many cuts in a row are made at most.

    Returns
    -------
    list of Part
        Together the piece; one where it has no neck to cut.
    """
    neck = find_neck(piece.mask, mpp, params) if depth else None
    if neck is None or neck.confidence < params.neck_doubt:
        return [Part(piece)]
    smaller_mm2 = min(int(mask.sum()) for mask in neck.parts) * (mpp / 1000) ** 2
    if neck.confidence < params.neck_sure or smaller_mm2 < params.min_area_mm2:
        return [Part(piece, doubts=(neck,))]
    halves = [crop(piece, mask) for mask in neck.parts]
    parts = [part for half in halves for part in split_touching(half, mpp, params, depth - 1)]
    return [Part(part.piece, (neck, *part.cuts), part.doubts) for part in parts]
