"""Draw the H&E companion of a slide: the next section of each fragment, in hematoxylin and eosin, on its own slide.

The slide is turned as a whole, each piece moved, turned and stretched a little more, and bent as `next_section` bends.
Which place of it is which place of the HER2 slide is kept as pairs of points: the nuclei that both sections show.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import MembraneClass, Rgb
from hetscore.geometry import Box
from hetscore.phantom.densities import paint_densities
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.grounds import DEFAULT_GROUNDS
from hetscore.phantom.layout import BORDER_UM, GRID_PX, Places
from hetscore.phantom.noise import Field
from hetscore.phantom.optics import STRIP, SlideStain, blur, blur_reach, draw_stain, photograph
from hetscore.phantom.pieces import PieceOrder, oversampling
from hetscore.phantom.recut import next_section
from hetscore.phantom.spec import CaseSpec, OpticsSpec
from hetscore.phantom.stain import StainParams
from hetscore.phantom.tissue import FragmentTissue, grow_fragment

SECTION, TEXTURE = 20, 21
"""Purposes of a piece's generators: beyond those of `hetscore.phantom.pieces`, 12 at most with six levels."""

POINT_COLUMNS = ("fragment", "x", "y", "he_x", "he_y")
"""Of truth/<slide>.he.csv: level-0 pixels of the HER2 slide, and of the H&E slide."""

MIN_APART_UM = 200.0
"""Least glass between the boxes of two pieces."""


@dataclass(frozen=True)
class Look:
    """What of a kind of pixel takes up which stain."""

    eosin: float
    """Optical density where the counterstain of the HER2 slide is at `painted`."""
    hematoxylin: float
    painted: float
    """What `paint_densities` gives on average: its texture is kept, since eosin shows the same fibers and grains,"""
    texture: float = 0.6
    """but only so much of it, relative to the mean: what is darker is smoother to the eye."""


_PALE = MappingProxyType(StainParams().cytoplasm_od)

CYTOPLASM: Mapping[CellType, Look] = MappingProxyType(
    {
        CellType.TUMOR: Look(0.17, 0.10, _PALE[CellType.TUMOR], 0.35),
        CellType.FOVEOLAR: Look(0.09, 0.02, _PALE[CellType.FOVEOLAR], 0.35),
        CellType.METAPLASTIC: Look(0.19, 0.06, _PALE[CellType.METAPLASTIC], 0.35),
        CellType.PLASMA: Look(0.14, 0.18, _PALE[CellType.PLASMA], 0.35),
    }
)
GROUNDS: Mapping[Ground, Look] = MappingProxyType(
    {
        Ground.STROMA: Look(0.17, 0.01, DEFAULT_GROUNDS.stroma_od),
        Ground.LUMEN: Look(0.10, 0.02, DEFAULT_GROUNDS.secretion_od, 1.0),
        Ground.VACUOLE: Look(0.02, 0.03, DEFAULT_GROUNDS.vacuole_od),
        Ground.MUSCLE: Look(0.33, 0.03, DEFAULT_GROUNDS.muscle_od),
        Ground.NECROSIS: Look(0.34, 0.06, DEFAULT_GROUNDS.necrosis_od),
        Ground.CRUSH: Look(0.15, 0.70, DEFAULT_GROUNDS.crush_od, 1.0),
        Ground.DEBRIS: Look(0.32, 0.06, DEFAULT_GROUNDS.fibrin_od),
        Ground.MUCUS: Look(0.02, 0.08, DEFAULT_GROUNDS.mucus_od, 1.0),
        Ground.BLOOD: Look(0.50, 0.0, DEFAULT_GROUNDS.red_cell_od, 1.0),
    }
)
"""By eye, after what textbooks say of the stain: collagen pink, muscle deeper, red cells deepest, ribosomes blue
(plasma cells, somewhat the tumor), mucin clear, chromatin blue wherever it lies."""

NUCLEUS = Look(0.09, 0.60, 0.20, 1.0)
"""Of all cells: the counterstain of HER2 slides is pale, nuclei on H&E are three times as dark."""

MOST_TEXTURE = 2.0
"""What is painted counts at most so many times its mean: a nucleus's blur into the plasma around is no dense plasma."""


SOFT_UM = 0.2
"""Standard deviation of one more blur: where two kinds of pixel meet, no edge is sharper than the lens."""


@dataclass(frozen=True)
class CompanionParams:
    """How the companion came out of the microtome and the stainer."""

    hematoxylin: tuple[float, float, float] = (0.65, 0.70, 0.29)
    """Ruifrok and Johnston 2001."""
    eosin: tuple[float, float, float] = (0.22, 0.80, 0.56)
    """The default of QuPath for H&E (Bankhead et al. 2017). Not that of Ruifrok, by which the slide is read: stains
    never lie where they are expected."""
    turn_sd: float = 12.0
    """Degrees by which pieces of one section lie otherwise than those of its neighbor, standard deviation."""
    shift_um: float = 60.0
    """Each piece floats so far, standard deviation along x and y."""
    stretch_sd: float = 0.012
    """Of the logarithm, along two axes: a section is squeezed by the knife and spreads on the water bath."""
    looks: Mapping[Ground, Look] = field(default_factory=lambda: GROUNDS)
    cytoplasm: Mapping[CellType, Look] = field(default_factory=lambda: CYTOPLASM)


@dataclass(frozen=True)
class CompanionOrder:
    """Everything that decides a piece of the companion."""

    piece: PieceOrder
    matrix: NDArray[np.float64]
    """(2, 2): how it is turned and stretched."""


@dataclass(frozen=True)
class CompanionPiece:
    """A painted piece. Places are level-0 pixels from the corner of its own picture."""

    path: Path
    width: int
    height: int
    number: int
    here: NDArray[np.float64]
    """(n, 2), nuclei in the picture of the HER2 slide's piece."""
    there: NDArray[np.float64]
    """(n, 2), the same nuclei in this picture."""


def draw_companion_stain(
    rng: np.random.Generator, optics: OpticsSpec, params: CompanionParams | None = None
) -> SlideStain:
    """Draw the colors of an H&E slide; eosin stands where DAB does on a HER2 slide."""
    params = params or CompanionParams()
    return draw_stain(rng, StainParams(hematoxylin=params.hematoxylin, dab=params.eosin), optics)


def order_companion(
    case: CaseSpec, stain: SlideStain, seed: tuple[int, ...], rng: np.random.Generator
) -> tuple[list[CompanionOrder], float]:
    """Order the pieces of the companion.

    Parameters
    ----------
    case : CaseSpec
        The case.
    stain : SlideStain
        Colors of the H&E slide.
    seed : tuple of int
        Of the HER2 slide: the same tissue grows.
    rng : numpy.random.Generator
        Turns the slide and the pieces.

    Returns
    -------
    orders : list of CompanionOrder
        A piece a fragment; serial levels and control cores are left out.
    turn : float
        Radians by which the slide as a whole is turned: any, since nobody looks when it is laid into the scanner.
    """
    params, turn = CompanionParams(), rng.uniform(0, 2 * math.pi)
    orders = []
    for number, spec in enumerate(case.fragments, start=1):
        piece = PieceOrder(spec, number, 1, case.mpp, case.optics, stain, seed)
        orders.append(CompanionOrder(piece, _draw_matrix(rng, turn, params)))
    return orders, turn


def _draw_matrix(rng: np.random.Generator, turn: float, params: CompanionParams) -> NDArray[np.float64]:
    """Draw a stretch along two axes at right angles, then a turn."""
    axis = _rotation(rng.uniform(0, math.pi))
    stretch = np.diag(np.exp(params.stretch_sd * rng.standard_normal(2)))
    drawn: NDArray[np.float64] = (
        _rotation(turn + math.radians(params.turn_sd) * rng.standard_normal()) @ axis @ stretch @ axis.T
    )
    return drawn


def _rotation(angle: float) -> NDArray[np.float64]:
    """Turn from x towards y, which points down."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s], [s, c]])


def paint_companion(order: CompanionOrder, folder: Path) -> CompanionPiece:
    """Grow a fragment, cut its next section, stain, turn and photograph it; the picture goes into `folder`."""
    piece = order.piece
    shrink = oversampling(piece.mpp)
    tissue = grow_fragment(piece.spec, piece.mpp / shrink, piece.rng(0))
    section = next_section(tissue, piece.rng(SECTION))
    hematoxylin, eosin = paint_he(section, piece.rng(TEXTURE), piece.optics)
    rgb = photograph(hematoxylin, eosin, piece.stain, piece.optics, mpp=section.mpp, shrink=shrink)
    is_seen = tissue.has_nucleus & section.has_nucleus
    here, there = (np.column_stack([t.x, t.y])[is_seen] / shrink for t in (tissue, section))
    turned, offset = _turned(rgb, order.matrix, piece.stain.white)
    path = folder / f"companion{piece.number}.npy"
    np.save(path, turned)
    height, width = turned.shape[:2]
    return CompanionPiece(path, width, height, piece.number, here, there @ order.matrix.T + offset)


def _turned(
    rgb: Rgb, matrix: NDArray[np.float64], white: tuple[float, float, float]
) -> tuple[Rgb, NDArray[np.float64]]:
    """Turn and stretch a picture about its corner; also the offset that keeps all of it in view."""
    height, width = rgb.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ matrix.T
    offset = -corners.min(axis=0)
    size = tuple(int(side) for side in np.ceil(corners.max(axis=0) + offset))
    centered = offset + matrix @ (0.5, 0.5) - 0.5  # OpenCV counts from the middle of the first pixel
    turned: Rgb = cv2.warpAffine(
        rgb, np.column_stack([matrix, centered]), size, flags=cv2.INTER_CUBIC, borderValue=[round(c) for c in white]
    )
    return turned, offset


def paint_he(
    tissue: FragmentTissue, rng: np.random.Generator, optics: OpticsSpec, params: CompanionParams | None = None
) -> tuple[Field, Field]:
    """Paint hematoxylin and eosin.

    Parameters
    ----------
    tissue : FragmentTissue
        What to stain; its membrane classes do not show.
    rng : numpy.random.Generator
        Decides the texture.
    optics : OpticsSpec
        Blur and thickness.
    params : CompanionParams, optional
        Densities.

    Returns
    -------
    hematoxylin, eosin : (h, w) float32
        Optical density at gain 1, 0 on glass.
    """
    params = params or CompanionParams()
    plain = replace(tissue, membrane_class=np.full(len(tissue.x), MembraneClass.UNSCORED, np.int8))
    painted, eosin = paint_densities(plain, rng, optics=replace(optics, nuclear_od=0.0, edge_od=0.0))
    table, type_of = _look_table(params), np.concatenate([[0], len(Ground) + tissue.type]).astype(np.intp)
    hematoxylin, sigma = np.empty_like(painted), SOFT_UM / tissue.mpp
    for top in range(0, len(painted), STRIP):
        first, bottom = max(0, top - blur_reach(sigma)), min(len(painted), top + STRIP)
        rows, inner = slice(first, bottom + blur_reach(sigma)), slice(top - first, bottom - first)
        key = np.where(_is_plasma(tissue, rows), type_of[tissue.cells[rows]], tissue.ground[rows])
        look = table[np.where(tissue.nuclei[rows] > 0, len(table) - 1, key)]
        share = np.minimum(painted[rows] / look[..., 2], look[..., 4])
        share = np.where(look[..., 3] < 1, 1 + look[..., 3] * (share - 1), share)
        eosin[top:bottom] = blur(share * look[..., 0], sigma)[inner]
        hematoxylin[top:bottom] = blur(share * look[..., 1], sigma)[inner]
    return hematoxylin, eosin


def _is_plasma(tissue: FragmentTissue, rows: slice) -> NDArray[np.bool_]:
    """Where a cell's own plasma is painted: not in its vacuole."""
    plasma: NDArray[np.bool_] = (tissue.cells[rows] > 0) & (tissue.ground[rows] != Ground.VACUOLE)
    return plasma


def _look_table(params: CompanionParams) -> NDArray[np.float32]:
    """Tabulate the looks and the most of the texture: rows by ground, then by cell type, last the nuclei."""
    nothing = Look(0.0, 0.0, 1.0)
    looks = [params.looks.get(ground, nothing) for ground in Ground]
    looks += [params.cytoplasm.get(kind, nothing) for kind in CellType]
    rows = [(*astuple(look), MOST_TEXTURE) for look in looks] + [(*astuple(NUCLEUS), math.inf)]
    return np.array(rows, np.float32)


def place_companion(
    boxes: Sequence[Box], sizes: Sequence[tuple[int, int]], turn: float, mpp: float, rng: np.random.Generator
) -> Places:
    """Place the pieces of the companion as they lie on the HER2 slide, turned, and spread until none overlap.

    Parameters
    ----------
    boxes : sequence of Box
        The pieces on the HER2 slide.
    sizes : sequence of (width, height)
        Their pictures on the companion.
    turn : float
        Of the slide, radians.
    mpp : float
        Microns per pixel.
    rng : numpy.random.Generator
        Moves each piece a little.

    Returns
    -------
    Places
        As `hetscore.phantom.layout.place_pieces` gives them, of one level without controls.
    """
    middles = np.array([[b.x + b.width / 2, b.y + b.height / 2] for b in boxes]) @ _rotation(turn).T
    middles += rng.normal(0, CompanionParams().shift_um / mpp, middles.shape)
    half, apart = np.array(sizes) / 2, MIN_APART_UM / mpp
    while _overlap(middles, half, apart):
        middles = 1.05 * middles
    border = math.ceil(BORDER_UM / mpp / GRID_PX) * GRID_PX
    corners = middles - half
    corners = np.round(corners - corners.min(axis=0)).astype(int) + border
    placed = tuple(Box(int(x), int(y), w, h) for (x, y), (w, h) in zip(corners, sizes, strict=True))
    width, height = (max(getattr(box, end) for box in placed) + border for end in ("right", "bottom"))
    return Places((placed,), (), _on_grid(width), _on_grid(height))


def _overlap(middles: NDArray[np.float64], half: NDArray[np.float64], apart: float) -> bool:
    """Whether any two boxes are nearer than `apart` along both axes."""
    gap = np.abs(middles[:, None] - middles[None]) - half[:, None] - half[None]
    near = np.count_nonzero((gap < apart).all(axis=-1))
    return bool(near > len(middles))  # each box is near itself


def _on_grid(length: int) -> int:
    return -(-length // GRID_PX) * GRID_PX


def write_points(path: Path, pieces: Sequence[CompanionPiece], here: Sequence[Box], there: Sequence[Box]) -> None:
    """Write truth/<slide>.he.csv: a row a nucleus that both slides show.

    Parameters
    ----------
    path : Path
        File to write.
    pieces : sequence of CompanionPiece
        With the places in their own pictures.
    here, there : sequence of Box
        Where the pieces lie on the HER2 slide and on the companion.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(POINT_COLUMNS)
        for piece, own, other in zip(pieces, here, there, strict=True):
            shift = np.array([own.x, own.y, other.x, other.y])
            points = np.hstack([piece.here, piece.there]) + shift
            writer.writerows((piece.number, *(f"{value:.1f}" for value in row)) for row in points)
