"""TissueMask -> pieces: what hangs together once small gaps are bridged, without dust, edges and lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import TissueMask
from hetscore.fragments.params import FragmentParams
from hetscore.geometry import Box

Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]


OF_TISSUE = ("folds", "out-of-focus")
"""Reasons for which tissue was excluded that is tissue all the same."""


@dataclass(frozen=True)
class Piece:
    """One piece of tissue, cut out of the thumbnail."""

    box: Box
    """Thumbnail pixels."""
    mask: Mask
    """The box's pixels that are the piece."""

    def area_mm2(self, mpp: float) -> float:
        """Area at a scale."""
        return float(self.mask.sum()) * (mpp / 1000) ** 2


@dataclass(frozen=True)
class Sifted:
    """The pieces of a slide that are fragments, and how many are not."""

    kept: tuple[Piece, ...]
    n_dust: int
    n_edges: int


def find_pieces(tissue: TissueMask, params: FragmentParams, bridge_um: float) -> Sifted:
    """Find the pieces of tissue that are fragments when gaps up to `bridge_um` are bridged."""
    pieces = _cut_out(*_bridge(tissue, bridge_um))
    shape = tissue.mask.shape
    is_edge = [_is_edge(piece, shape, tissue.mpp, params) for piece in pieces]
    is_dust = [
        piece.area_mm2(tissue.mpp) < params.min_area_mm2 and not edge
        for piece, edge in zip(pieces, is_edge, strict=True)
    ]
    kept = tuple(p for p, edge, dust in zip(pieces, is_edge, is_dust, strict=True) if not edge and not dust)
    return Sifted(kept, sum(is_dust), sum(is_edge))


def _bridge(tissue: TissueMask, bridge_um: float) -> tuple[Labels, list[Box]]:
    """Label the pieces of tissue, pieces nearer than the bridging distance as one; the gaps stay 0.

    Also a box around each of the pieces 1, 2, ..., with room to spare.

    A fold, or tissue out of focus, is not judged but joins what lies on its sides; ink does not, as it may cross two.
    """
    radius = max(1, round(bridge_um / 2 / tissue.mpp))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    joining = [tissue.excluded[reason] for reason in OF_TISSUE if reason in tissue.excluded]
    padded = np.pad(np.logical_or.reduce([tissue.mask, *joining]).astype(np.uint8), radius)
    _, labels, measures, _ = cv2.connectedComponentsWithStats(cv2.dilate(padded, disc), connectivity=8)
    inner: Labels = labels[radius:-radius, radius:-radius]
    inner *= tissue.mask
    frame = Box(0, 0, inner.shape[1], inner.shape[0])
    boxes = [Box(*place[:4]).shifted(-radius, -radius).clipped(frame) for place in measures[1:].tolist()]
    return inner, boxes


def _cut_out(labels: Labels, boxes: list[Box]) -> list[Piece]:
    """Cut out the pieces labeled 1, 2, ...; each is looked at in its own box, whatever the size of the slide."""
    found = []
    for label, box in enumerate(boxes, start=1):
        mask = labels[box.slices] == label
        if mask.any():  # else nothing but excluded tissue
            found.append(_trim(Piece(box, mask)))
    return found


def _trim(piece: Piece) -> Piece:
    """Draw the box of a piece as tight as it goes."""
    rows, columns = (np.flatnonzero(piece.mask.any(axis=axis)) for axis in (1, 0))
    tight = Box(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return Piece(tight.shifted(piece.box.x, piece.box.y), piece.mask[tight.slices])


def _is_edge(piece: Piece, shape: tuple[int, ...], mpp: float, params: FragmentParams) -> bool:
    """Whether a piece is a coverslip or slide edge or a pen line: long and thin, at the border or enclosing."""
    box, (height, width) = piece.box, shape[:2]
    length, side = (box.width, width) if box.width >= box.height else (box.height, height)
    at_border = box.x <= 1 or box.y <= 1 or box.right >= width - 1 or box.bottom >= height - 1
    if at_border:
        is_long = length > params.edge_min_share * side and length * mpp >= params.edge_min_length_um
        return is_long and thickness_um(piece.mask, mpp) < params.edge_max_width_um
    return length * mpp >= params.line_min_length_um and thickness_um(piece.mask, mpp) < params.line_max_width_um


def thickness_um(mask: NDArray[np.bool_], mpp: float) -> float:
    """Mean thickness of a line-like mask: twice its area over the length of all its borders, in micrometers."""
    contours, _ = cv2.findContours(np.pad(mask, 1).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    border = sum(cv2.arcLength(contour, closed=True) for contour in contours)
    return float(2 * mask.sum() / border * mpp) if border else 0.0


def crop(piece: Piece, mask: Mask) -> Piece:
    """Cut a part of a piece out, in a box of its own."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1)
    return Piece(box.shifted(piece.box.x, piece.box.y), mask[box.slices])


def fill_clefts(mask: Mask, gap_px: float) -> NDArray[np.uint8]:
    """Fill clefts narrower than `gap_px`, and holes; the picture keeps its size."""
    radius = max(1, round(gap_px / 2))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = np.pad(mask.astype(np.uint8), radius + 1)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc)
    rings, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = cv2.drawContours(np.zeros_like(closed), rings, -1, 1, cv2.FILLED)
    return np.ascontiguousarray(solid[radius + 1 : -radius - 1, radius + 1 : -radius - 1])
