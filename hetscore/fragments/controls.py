"""Pieces on a slide -> the control cores among them: punched round, and set apart from the biopsies.

A biopsy taken for a control would be lost to the score, so only what is both round and apart is one; what is nearly so
stays a biopsy and is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hetscore.fragments.params import FragmentParams
from hetscore.fragments.pieces import Mask
from hetscore.geometry import Box


@dataclass(frozen=True)
class Controls:
    """Which pieces are control cores."""

    is_control: tuple[bool, ...]
    is_unclear: bool = False
    """A piece looks like a core but is not round enough, or not apart; it was taken for a biopsy."""


def find_controls(boxes: Sequence[Box], masks: Sequence[Mask], mpp: float, params: FragmentParams) -> Controls:
    """Find the control cores on a slide.

    Parameters
    ----------
    boxes : sequence of Box
        Of the pieces.
    masks : sequence of ndarray of bool
        Each piece in its box.
    mpp : float
        Microns per pixel.
    params : FragmentParams
        How round and how large a core is.

    Returns
    -------
    Controls
        A core is round, of a punch's size, and lies beside, above or below all that is not round. How much is asked of
        the others depends on how round it is, see `_weigh_exception`.
    """
    roundness = [measure_roundness(mask) if _is_core_sized(mask, mpp, params) else 0.0 for mask in masks]
    is_round = [value >= params.core_roundness for value in roundness]
    biopsies = [box for box, core in zip(boxes, is_round, strict=True) if not core]
    is_apart = [_is_apart(box, [other for other in biopsies if other is not box]) for box in boxes]
    is_core = [core and apart for core, apart in zip(is_round, is_apart, strict=True)]
    cores = [value for value, core in zip(roundness, is_core, strict=True) if core]
    others = [value for value, core in zip(roundness, is_core, strict=True) if not core]
    likely, plain = _weigh_exception(cores, others, params)
    is_control = [core and likely for core in is_core]
    doubts = [
        (core or (value >= params.core_doubt and apart)) and not (control and plain)
        for core, value, apart, control in zip(is_round, roundness, is_apart, is_control, strict=True)
    ]
    return Controls(tuple(is_control), is_unclear=len(boxes) > 1 and any(doubts))


def _weigh_exception(cores: Sequence[float], others: Sequence[float], params: FragmentParams) -> tuple[bool, bool]:
    """Tell by roundness whether cores are likely the exception on a slide, and whether that is plain.

    Whole tissue cores laid side by side are the specimen, though one of them be rounder than the rest: cores that are
    no rounder than those are controls only where nothing else is nearly round. Rounder ones are, where most others are
    not; it is plain where those are several and few of them are nearly round.
    """
    if not cores or not others:
        return False, False
    n_roundish = sum(value >= params.core_others for value in others)
    is_few = len(others) < params.core_samples
    if min(cores) < params.core_sure:
        return not n_roundish and not is_few, True
    return 2 * n_roundish < len(others), 4 * n_roundish <= len(others) and not is_few


def measure_roundness(mask: Mask) -> float:
    """Measure how far a piece, its holes filled, overlaps the disc of its area and middle; 1 if it is that disc."""
    rings, _ = cv2.findContours(np.pad(mask, 1).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = cv2.drawContours(np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.uint8), rings, -1, 1, cv2.FILLED)
    rows, columns = np.nonzero(solid)
    distance = np.hypot(rows - rows.mean(), columns - columns.mean())
    inside = np.count_nonzero(distance <= math.sqrt(len(rows) / math.pi))
    return float(inside / (2 * len(rows) - inside))


def _is_core_sized(mask: Mask, mpp: float, params: FragmentParams) -> bool:
    diameter_um = 2 * math.sqrt(np.count_nonzero(mask) / math.pi) * mpp
    return params.core_least_um <= diameter_um <= params.core_most_um


def _is_apart(box: Box, others: Sequence[Box]) -> bool:
    """Whether a box lies wholly to one side of all others together; nothing is apart from nothing."""
    if not others:
        return False
    left, top = min(b.x for b in others), min(b.y for b in others)
    right, bottom = max(b.right for b in others), max(b.bottom for b in others)
    return box.x >= right or box.right <= left or box.y >= bottom or box.bottom <= top
