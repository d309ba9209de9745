"""Draw fragments with labels of every pixel: what a network learns from.

Each field is one fragment as it would lie on the slide of its case, stained, scanned, noised and compressed, and then
shrunk as a tile is for segmentation; its labels are shrunk alike. Nothing is written.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb
from hetscore.geometry import Box
from hetscore.phantom.artefacts import ArtefactTruth, PlacedFragment, apply_artefacts
from hetscore.phantom.densities import paint_densities
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.optics import add_noise, draw_stain, photograph
from hetscore.phantom.pieces import PieceOrder, oversampling
from hetscore.phantom.retouch import cell_px, to_cells
from hetscore.phantom.spec import CaseSpec
from hetscore.phantom.stain import StainParams
from hetscore.phantom.tissue import FragmentTissue, grow_fragment


@dataclass(frozen=True)
class LabeledField:
    """A fragment with its labels; pictures are (h, w) at `mpp`, columns of length n belong to labels 1..n."""

    rgb: Rgb
    white: tuple[float, float, float]
    """Of the glass."""
    mpp: float
    nuclei: NDArray[np.int32]
    """The part of each nucleus that can be seen."""
    cells: NDArray[np.int32]
    """Territories of epithelial and plasma cells; the other types have none."""
    is_hidden: NDArray[np.bool_]
    """Under an artefact: nobody can judge what lies there."""
    is_tumor: NDArray[np.bool_]
    type: NDArray[np.int8]
    """`hetscore.phantom.epithelium.CellType`."""
    membrane_class: NDArray[np.int8]
    """`MembraneClass`; UNSCORED on cells that are not tumor."""


def draw_fields(case: CaseSpec, seed: int, mpp: float) -> Iterator[LabeledField]:
    """Draw the fragments of a case, one after another.

    Parameters
    ----------
    case : CaseSpec
        What to draw. Serial levels and control cores are left out; of the artefacts, those on the glass.
    seed : int
        Decides everything the specification leaves open, together with the case id.
    mpp : float
        Microns per pixel wanted; the nearest is taken that is the case's times a power of two.

    Yields
    ------
    LabeledField
        In the order of the case's fragments.
    """
    seeds = (seed, zlib.crc32(case.case_id.encode()))
    stain = draw_stain(np.random.default_rng([*seeds, 3]), StainParams(), case.optics)
    shrink = 2 ** max(0, round(float(np.log2(mpp / case.mpp))))
    for number, spec in enumerate(case.fragments, start=1):
        order = PieceOrder(spec, number, 1, case.mpp, case.optics, stain, seeds)
        yield _draw_field(case, order, shrink)


def _draw_field(case: CaseSpec, order: PieceOrder, shrink: int) -> LabeledField:
    finer = oversampling(case.mpp)
    tissue = grow_fragment(order.spec, case.mpp / finer, order.rng(0))
    hematoxylin, dab = paint_densities(tissue, order.rng(1), optics=case.optics)
    rgb = photograph(hematoxylin, dab, order.stain, case.optics, mpp=tissue.mpp, shrink=finer)
    artefacts = _spoil(rgb, case, order, tissue, finer)
    add_noise(rgb, order.rng(4), StainParams(), case.optics)
    height, width = (side // shrink for side in rgb.shape[:2])
    scanned = _compress(rgb, case.quality)[: height * shrink, : width * shrink]
    step = finer * shrink
    labels = [
        picture[step // 2 :: step, step // 2 :: step][:height, :width] for picture in (tissue.nuclei, tissue.cells)
    ]
    return LabeledField(
        rgb=cv2.resize(scanned, (width, height), interpolation=cv2.INTER_AREA),
        white=order.stain.white,
        mpp=case.mpp * shrink,
        nuclei=np.ascontiguousarray(labels[0]),
        cells=np.ascontiguousarray(labels[1]),
        is_hidden=_hidden(artefacts, rgb.shape[:2], case.mpp)[::shrink, ::shrink][:height, :width],
        is_tumor=tissue.is_tumor,
        type=tissue.type,
        membrane_class=tissue.membrane_class,
    )


def _spoil(rgb: Rgb, case: CaseSpec, order: PieceOrder, tissue: FragmentTissue, finer: int) -> list[ArtefactTruth]:
    """Lay the fragment's own artefacts on its picture."""
    own = [replace(artefact, fragment=1) for artefact in case.artefacts if artefact.fragment == order.number]
    mask = (tissue.ground != Ground.GLASS)[finer // 2 :: finer, finer // 2 :: finer][: rgb.shape[0], : rgb.shape[1]]
    placed = PlacedFragment(Box(0, 0, rgb.shape[1], rgb.shape[0]), to_cells(mask, case.mpp))
    return apply_artefacts(rgb, own, [placed], order.stain.white, order.rng(5), mpp=case.mpp)


def _hidden(artefacts: list[ArtefactTruth], shape: tuple[int, int], mpp: float) -> NDArray[np.bool_]:
    hidden = np.zeros(shape, bool)
    for artefact in artefacts:
        fine = np.repeat(np.repeat(artefact.mask, cell_px(mpp), axis=0), cell_px(mpp), axis=1)
        window = hidden[artefact.box.y : artefact.box.bottom, artefact.box.x : artefact.box.right]
        window |= fine[: window.shape[0], : window.shape[1]]
    return hidden


def _compress(rgb: Rgb, quality: int) -> Rgb:
    """Compress and expand a picture as the slide's file would."""
    _, packed = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
