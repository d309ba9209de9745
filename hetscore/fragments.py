"""TissueMask -> Fragments: the pieces of tissue as a pathologist counts them, numbered in reading order.

One fragment is what hangs together once small gaps are bridged. What is too small (dust) or runs along the slide's
border (coverslip edge) is dropped, and counted: nothing is lost silently.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

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
    """A piece that touches the slide's border, is longer than `edge_min_share` of that side and on average thinner than
    this is a coverslip or slide edge."""
    edge_min_share: float = 0.3
    """See `edge_max_width_um`; share of the slide's side."""
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
    n = int(labels.max())
    areas = np.bincount(labels.ravel(), minlength=n + 1) * (tissue.mpp / 1000) ** 2
    boxes = [_box_of(labels, i) for i in range(1, n + 1)]
    is_edge = [_is_edge(boxes[i - 1], float(areas[i]), labels.shape, tissue.mpp, params) for i in range(1, n + 1)]
    is_dust = [not is_edge[i - 1] and areas[i] < params.min_area_mm2 for i in range(1, n + 1)]
    kept = [i for i in range(1, n + 1) if not is_edge[i - 1] and not is_dust[i - 1]]
    order = [kept[k] for k in reading_order([boxes[i - 1] for i in kept])]
    renumber = np.zeros(n + 1, np.int32)
    renumber[order] = np.arange(first_id, first_id + len(order))
    items = tuple(
        _fragment(first_id + k, slide, labels == i, float(areas[i]), tissue, params) for k, i in enumerate(order)
    )
    dropped = {"dust": int(sum(is_dust)) + tissue.n_specks, "edge": int(sum(is_edge))}
    return Fragments(items, renumber[labels], tissue.downsample, tissue.mpp, dropped)


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


def _box_of(labels: Labels, label: int) -> Box:
    x, y, width, height = cv2.boundingRect((labels == label).astype(np.uint8))
    return Box(int(x), int(y), int(width), int(height))


def _is_edge(box: Box, area_mm2: float, shape: tuple[int, ...], mpp: float, params: FragmentParams) -> bool:
    """Whether a piece is a coverslip or slide edge: at the border, long and thin."""
    height, width = shape[:2]
    at_border = box.x <= 1 or box.y <= 1 or box.right >= width - 1 or box.bottom >= height - 1
    length, side = (box.width, width) if box.width >= box.height else (box.height, height)
    mean_width_um = area_mm2 * 1e6 / (length * mpp)
    return at_border and length > params.edge_min_share * side and mean_width_um < params.edge_max_width_um


def _fragment(
    number: int, slide: str, mask: NDArray[np.bool_], area_mm2: float, tissue: TissueMask, params: FragmentParams
) -> Fragment:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    tolerance = params.outline_um / tissue.mpp
    rings = [cv2.approxPolyDP(c, tolerance, closed=True)[:, 0, :] for c in contours]
    outlines = tuple((ring.astype(np.float64) + 0.5) * tissue.downsample for ring in rings if len(ring) >= 3)
    x, y, width, height = (int(v) * tissue.downsample for v in cv2.boundingRect(mask.astype(np.uint8)))
    return Fragment(number, slide, outlines, Box(x, y, width, height), area_mm2)
