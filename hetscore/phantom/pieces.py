"""Paint the pieces of a slide, each alone and into a file of its own: fragments, their serial sections, control cores.

A piece is decided by its order, seeds included, and by nothing else: neither by the other pieces nor by the process
that paints it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import FragmentRole, MembraneClass
from hetscore.phantom.artefacts import cell_px, to_cells
from hetscore.phantom.densities import paint_densities
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.optics import SlideStain, photograph
from hetscore.phantom.recut import cut_core, next_section
from hetscore.phantom.rings import trace_rings
from hetscore.phantom.spec import FragmentSpec, OpticsSpec, Tissue
from hetscore.phantom.tissue import FragmentTissue, grow_fragment
from hetscore.phantom.truth import FragmentTruth

PAINT_MPP = 0.25
"""Pieces are painted at least this finely: a 1+ line is 0.64 um wide."""

CORE_ROOM = 2.2
"""A core is cut out of a fragment this many times as long as the core is wide: fragments are longer than wide."""

OUTLINE_UM = 4.0
"""Outlines keep to the tissue's edge by this much."""


@dataclass(frozen=True)
class PieceOrder:
    """Everything that decides a piece."""

    spec: FragmentSpec
    number: int
    """Of the fragment, 1 for the first; of a control core, -1 for the first."""
    level: int
    """Serial section, 1 for the first."""
    mpp: float
    """Of the slide."""
    optics: OpticsSpec
    stain: SlideStain
    seed: tuple[int, ...]
    """Of the slide."""
    core_um: float | None = None
    """Diameter of the core to be cut; None on fragments."""

    @property
    def role(self) -> FragmentRole:
        """What the piece is on the slide for."""
        return FragmentRole.SAMPLE if self.number > 0 else FragmentRole.CONTROL

    def rng(self, purpose: int) -> np.random.Generator:
        """Make a generator of the piece's own for a purpose: 0 is the growth, the same for every level."""
        is_control = self.number < 0
        return np.random.default_rng([*self.seed, 1 + is_control, abs(self.number), 1 + purpose])


@dataclass(frozen=True)
class Piece:
    """A painted piece. Places are level-0 pixels from the corner of its own picture."""

    path: Path
    """The picture, (h, w, 3) uint8, as `numpy.save` writes it."""
    width: int
    height: int
    truth: FragmentTruth
    outlines: tuple[NDArray[np.int32], ...]
    """Rings around the tissue, (n, 2) each."""
    tissue: NDArray[np.bool_]
    """Where there is tissue, a pixel a cell of `hetscore.phantom.artefacts.cell_px`."""
    ground: NDArray[np.uint8]
    """`Ground` in the middle of the same cells."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


def control_spec(membrane_class: MembraneClass, core_um: float) -> FragmentSpec:
    """Specify the tissue that a control core is cut from: solid, of one class."""
    return FragmentSpec(CORE_ROOM * core_um, Tissue.SHEETS, membrane_class)


def oversampling(mpp: float) -> int:
    """How many painted pixels make the side of one slide pixel."""
    return max(1, math.ceil(mpp / PAINT_MPP - 1e-9))


def paint_piece(order: PieceOrder, folder: Path) -> Piece:
    """Grow, cut, stain and photograph a piece; its picture goes into `folder`."""
    shrink = oversampling(order.mpp)
    tissue = _grow(order, shrink)
    hematoxylin, dab = paint_densities(tissue, order.rng(2 * order.level - 1), optics=order.optics)
    rgb = photograph(hematoxylin, dab, order.stain, order.optics, mpp=tissue.mpp, shrink=shrink)
    path = folder / f"piece{order.number}-{order.level}.npy"
    np.save(path, rgb)
    ground = tissue.ground[shrink // 2 :: shrink, shrink // 2 :: shrink][: rgb.shape[0], : rgb.shape[1]]
    mask, cell = ground != Ground.GLASS, cell_px(order.mpp)
    return Piece(
        path=path,
        width=rgb.shape[1],
        height=rgb.shape[0],
        truth=_read_truth(order, tissue, shrink),
        outlines=find_outlines(mask, OUTLINE_UM / order.mpp),
        tissue=to_cells(mask, order.mpp),
        ground=np.ascontiguousarray(ground[cell // 2 :: cell, cell // 2 :: cell]),
    )


def _grow(order: PieceOrder, shrink: int) -> FragmentTissue:
    tissue = grow_fragment(order.spec, order.mpp / shrink, order.rng(0))
    if order.core_um is not None:
        tissue = cut_core(tissue, order.rng(2), order.core_um)
    return next_section(tissue, order.rng(2 * order.level)) if order.level > 1 else tissue


def _read_truth(order: PieceOrder, tissue: FragmentTissue, shrink: int) -> FragmentTruth:
    """Take the truth from tissue painted at `shrink` times the slide's resolution; nuclei lie in their territories."""
    rows = np.flatnonzero(tissue.has_nucleus)
    row_of = np.full(len(tissue.x), -1)
    row_of[rows] = np.arange(len(rows))
    contacts = row_of[tissue.contacts]
    outlines, nuclei = (trace_rings(picture, rows, 1 / shrink) for picture in (tissue.cells, tissue.nuclei))
    return FragmentTruth(
        x=tissue.x[rows] / shrink,
        y=tissue.y[rows] / shrink,
        is_tumor=tissue.is_tumor[rows],
        membrane_class=tissue.membrane_class[rows],
        pattern=tissue.pattern[rows],
        type=tissue.type[rows],
        contacts=contacts[(contacts >= 0).all(axis=1)],
        outlines=outlines,
        nuclei=nuclei,
        number=order.number,
        level=order.level,
        role=order.role,
    )


def find_outlines(mask: NDArray[np.bool_], tolerance_px: float) -> tuple[NDArray[np.int32], ...]:
    """Find the outer rings of a mask, simplified to a tolerance; specks of fewer than three corners are left out."""
    rings, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    simple = [cv2.approxPolyDP(ring, tolerance_px, closed=True)[:, 0] for ring in rings]
    return tuple(ring.astype(np.int32) for ring in simple if len(ring) >= 3)


def moved(truth: FragmentTruth, x: int, y: int) -> FragmentTruth:
    """Move the cells to where the piece lies on the slide."""
    outlines, nuclei = truth.outlines.moved(x, y), truth.nuclei.moved(x, y)
    return replace(truth, x=truth.x + x, y=truth.y + y, outlines=outlines, nuclei=nuclei)
