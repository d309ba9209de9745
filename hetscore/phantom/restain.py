"""Stain a real field anew: take its DAB away and draw membranes of known class round its real nuclei.

Comes in: pixels of any hematoxylin-DAB slide, labels of its nuclei and which are tumor. Goes out: the field with
drawn membranes on real nuclei and real texture, and the cells as a `FragmentTissue`. The class of every cell is then
exact; that a cell is tumor is only as true as the caller's word.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import MembraneClass, MembranePattern, Rgb
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.membranes import paint_membranes
from hetscore.phantom.raster import find_contacts, measure
from hetscore.phantom.stain import StainParams
from hetscore.phantom.tissue import FragmentTissue
from hetscore.stain import Stain, optical_density, unmixing_matrix


@dataclass(frozen=True)
class RestainParams:
    """How cells are laid round real nuclei, and what is left of the old stain; lengths in micrometers."""

    reach_um: float = 5.0
    """A cell ends this far from its nucleus where no other is nearer: half a tumor cell's width less its nucleus."""
    glass_od: float = 0.012
    """Density of both stains together, smoothed over 2 um, below which a pixel is glass or lumen: three times that of
    empty glass behind JPEG noise."""
    kept_od: float = 0.03
    """DAB up to here is background and stays; what is above is taken away."""


@dataclass(frozen=True)
class RestainedField:
    """A field stained anew."""

    rgb: Rgb
    tissue: FragmentTissue
    """Its cells; row i is label i + 1 of the nuclei given."""


def restain(
    rgb: Rgb,
    nuclei: NDArray[np.int32],
    is_tumor: NDArray[np.bool_],
    classes: NDArray[np.int8],
    pattern: NDArray[np.int8],
    *,
    stain: Stain,
    mpp: float,
    rng: np.random.Generator,
    params: RestainParams | None = None,
    stain_params: StainParams | None = None,
) -> RestainedField:
    """Stain a field anew.

    Parameters
    ----------
    rgb : (h, w, 3) uint8
        Pixels of the field.
    nuclei : (h, w) int32
        Labels 1..n of the nuclei, 0 elsewhere.
    is_tumor : (n,) bool
        Which of them are tumor: only these get membranes.
    classes : (n,) int8
        `MembraneClass` to draw; ignored where not tumor.
    pattern : (n,) int8
        `MembranePattern` to draw; NONE is drawn on cells of class 0 whatever is asked.
    stain : Stain
        White point and vectors of the slide; the new DAB has its vector.
    mpp : float
        Microns per pixel.
    rng : numpy.random.Generator
        Decides the texture of the lines.
    params, stain_params : optional
        Geometry; densities and widths of the lines by class.

    Returns
    -------
    RestainedField
        The same nuclei, texture and noise; every tumor cell of the class asked.

    Raises
    ------
    ValueError
        If the columns are not as long as there are labels.

    Notes
    -----
    What the two stains do not explain, the scanner's noise and color among it, is kept as it is. Where the old DAB was
    dense the hematoxylin under it is not known well: fields of weak DAB give the truest result.
    """
    params, stain_params = params or RestainParams(), stain_params or StainParams()
    n = int(nuclei.max(initial=0))
    if not len(is_tumor) == len(classes) == len(pattern) == n:
        raise ValueError(
            f"restain: {n} nuclei, columns of {len(is_tumor)}, {len(classes)}, {len(pattern)}; expected n."
        )
    density = optical_density(rgb, stain.white)
    matrix = unmixing_matrix(stain.vectors).astype(np.float32)
    amounts = density @ matrix.T
    tissue = _lay_cells(nuclei, amounts.sum(axis=-1), is_tumor, classes, pattern, mpp, params)
    drawn = paint_membranes(tissue, rng, stain_params) + _blush(tissue, stain_params)
    change = np.minimum(amounts[..., 1], params.kept_od) - amounts[..., 1] + drawn
    dab = np.array(stain.vectors.dab, np.float32)
    density += change[..., None] * (dab / np.linalg.norm(dab))
    light = np.power(np.float32(10), -density) * (np.array(stain.white, np.float32) + 1) - 1
    return RestainedField(np.clip(np.rint(light), 0, 255).astype(np.uint8), tissue)


def _lay_cells(
    nuclei: NDArray[np.int32],
    density: NDArray[np.float32],
    is_tumor: NDArray[np.bool_],
    classes: NDArray[np.int8],
    pattern: NDArray[np.int8],
    mpp: float,
    params: RestainParams,
) -> FragmentTissue:
    """Give each pixel near a nucleus to the nearest one; tumor cells alone have territories."""
    n = len(is_tumor)
    away = (nuclei == 0).astype(np.uint8)
    distance, nearest = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    owner_of = np.zeros(int(nearest.max()) + 1, np.int32)
    row, column = np.nonzero(nuclei)
    owner_of[nearest[row, column]] = nuclei[row, column]
    owner = np.where(distance <= params.reach_um / mpp, owner_of[nearest], 0)
    smooth = cv2.GaussianBlur(density, (0, 0), 2.0 / mpp)
    is_glass = (smooth < params.glass_od) & (nuclei == 0)
    is_own = np.concatenate([[False], is_tumor])[owner] & ~is_glass
    cells = np.where(is_own, owner, 0).astype(np.int32)
    ground = np.where(is_own, Ground.EPITHELIUM, np.where(is_glass, Ground.LUMEN, Ground.STROMA)).astype(np.uint8)
    table = measure(nuclei, n)
    drawn = np.where(is_tumor, classes, MembraneClass.UNSCORED).astype(np.int8)
    return FragmentTissue(
        ground=ground,
        cells=cells,
        nuclei=nuclei,
        depth=_depth(nuclei),
        mpp=mpp,
        x=table[:, 1],
        y=table[:, 2],
        type=np.where(is_tumor, CellType.TUMOR, CellType.FIBROBLAST).astype(np.int8),
        pattern=np.where(drawn > 0, pattern, MembranePattern.NONE).astype(np.int8),
        membrane_class=drawn,
        contacts=find_contacts(cells),
        stroma_angle=0.0,
    )


def _depth(nuclei: NDArray[np.int32]) -> NDArray[np.float32]:
    """Distance from the inmost place of a nucleus, 0 there and 1 at its border; beyond 1 outside."""
    inside = cv2.distanceTransform((nuclei > 0).astype(np.uint8), cv2.DIST_L2, 5)
    deepest = np.ones(int(nuclei.max(initial=0)) + 1, np.float32)
    np.maximum.at(deepest, nuclei.ravel(), inside.ravel())
    depth: NDArray[np.float32] = np.where(nuclei > 0, 1 - inside / deepest[nuclei], 2.0).astype(np.float32)
    return depth


def _blush(tissue: FragmentTissue, params: StainParams) -> NDArray[np.float32]:
    """DAB of the cytoplasm by class."""
    by_class = np.array(params.blush_od, np.float32)[np.maximum(tissue.membrane_class, 0)]
    haze: NDArray[np.float32] = np.concatenate([[np.float32(0)], by_class])[tissue.cells]
    return haze
