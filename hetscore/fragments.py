"""TissueMask -> Fragments: the pieces of tissue as a pathologist counts them, numbered in reading order.

One fragment is what hangs together once small gaps are bridged. What is too small (dust) or runs along the slide's
border (coverslip edge) is dropped, and counted: nothing is lost silently.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from hetscore.domain import Fragment, Fragments, TissueMask
from hetscore.geometry import Box

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class FragmentParams:
    """What counts as one fragment."""

    bridge_um: float = 80.0
    """Pieces nearer than this are one broken fragment: a torn biopsy gapes by a few cells; two fragments on a slide lie
    several hundred micrometers apart."""
    min_area_mm2: float = 0.02
    """Smaller pieces are dust or floaters: 0.02 mm2 holds about 200 cells, below what can be judged per fragment (a
    biopsy fragment is 1-4 mm across)."""
    edge_max_width_um: float = 150.0
    """A piece that touches the slide's border, is long and on average thinner than this is a coverslip's or the slide's
    edge;"""
    line_max_width_um: float = 120.0
    """one that does not touch it but is thinner than this and"""
    line_min_length_um: float = 3000.0
    """longer than this, is a line of pen or a coverslip's edge: mucosa that long is 300 um thick and more."""
    edge_min_share: float = 0.3
    """Long at the border: more than this share of the slide's side"""
    edge_min_length_um: float = 1000.0
    """and at least this."""
    outline_um: float = 4.0
    """Outlines are simplified to this tolerance: one thumbnail pixel."""


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
        In reading order (see `reading_order`); `dropped` counts "dust" and "edge" pieces.
    """
    labels = bridge(tissue, params)
    pieces = _find_pieces(labels)
    is_edge = [_is_edge(piece, labels.shape, tissue.mpp, params) for piece in pieces]
    area_mm2 = [float(piece.mask.sum()) * (tissue.mpp / 1000) ** 2 for piece in pieces]
    is_dust = [area < params.min_area_mm2 and not edge for area, edge in zip(area_mm2, is_edge, strict=True)]
    kept = [i for i in range(len(pieces)) if not is_edge[i] and not is_dust[i]]
    order = [kept[k] for k in reading_order([pieces[i].box for i in kept])]
    renumber = np.zeros(len(pieces) + 1, np.int32)
    renumber[[i + 1 for i in order]] = np.arange(first_id, first_id + len(order))
    items = tuple(_fragment(first_id + k, slide, pieces[i], area_mm2[i], tissue, params) for k, i in enumerate(order))
    dropped = {"dust": sum(is_dust) + tissue.n_specks, "edge": sum(is_edge)}
    return Fragments(items, renumber[labels], tissue.downsample, tissue.mpp, dropped)


@dataclass(frozen=True)
class _Piece:
    """One piece of tissue, cut out of the thumbnail."""

    box: Box
    """Thumbnail pixels."""
    mask: NDArray[np.bool_]
    """The box's pixels that are the piece."""


def _find_pieces(labels: Labels) -> list[_Piece]:
    """Cut out the pieces labeled 1, 2, ...; each is looked at in its own box, whatever the size of the slide."""
    found = []
    for label, (rows, columns) in enumerate(find_objects(labels), start=1):
        box = Box(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        found.append(_Piece(box, labels[rows, columns] == label))
    return found


def bridge(tissue: TissueMask, params: FragmentParams) -> Labels:
    """Label the pieces of tissue, pieces nearer than the bridging distance as one; the gaps stay 0."""
    radius = max(1, round(params.bridge_um / 2 / tissue.mpp))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = np.pad(tissue.mask.astype(np.uint8), radius)
    _, labels = cv2.connectedComponents(cv2.dilate(padded, disc), connectivity=8)
    inner: Labels = labels[radius:-radius, radius:-radius] * tissue.mask
    return inner.astype(np.int32)


def reading_order(boxes: list[Box]) -> list[int]:
    """Order of boxes as a reader would number them: rows from the top, each row from the left.

    A box belongs to the row whose first (topmost) box its own center lies level with.
    """
    waiting = sorted(range(len(boxes)), key=lambda i: (boxes[i].y, boxes[i]))
    order: list[int] = []
    while waiting:
        first = boxes[waiting[0]]
        row = [i for i in waiting if boxes[i].y + boxes[i].height / 2 < first.bottom]
        row = row or [waiting[0]]
        order += sorted(row, key=lambda i: boxes[i])
        waiting = [i for i in waiting if i not in row]
    return order


def _is_edge(piece: _Piece, shape: tuple[int, ...], mpp: float, params: FragmentParams) -> bool:
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


def _fragment(
    number: int, slide: str, piece: _Piece, area_mm2: float, tissue: TissueMask, params: FragmentParams
) -> Fragment:
    offset, scale = (piece.box.x, piece.box.y), tissue.downsample
    mask = piece.mask.astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=offset)
    rings = [cv2.approxPolyDP(c, params.outline_um / tissue.mpp, closed=True)[:, 0, :] for c in contours]
    outlines = tuple((ring.astype(np.float64) + 0.5) * scale for ring in rings if len(ring) >= 3)
    box = Box(piece.box.x * scale, piece.box.y * scale, piece.box.width * scale, piece.box.height * scale)
    return Fragment(number, slide, outlines, box, area_mm2)
