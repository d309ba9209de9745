"""Stain a fragment: hematoxylin and DAB as optical densities, pixel by pixel.

Comes in: tissue without color. Goes out: two densities as the camera sees them. The picture is painted strip by strip
from fields drawn beforehand, so the strips leave no trace and little memory is used.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.grounds import DEFAULT_GROUNDS, GROUNDS, GroundTexture, draw_texture, find_places
from hetscore.phantom.membranes import draw_clumps, paint_membranes, read_clumps
from hetscore.phantom.noise import Field, SmoothField, draw_field
from hetscore.phantom.optics import STRIP, blur, blur_reach
from hetscore.phantom.spec import OpticsSpec
from hetscore.phantom.stain import NucleusStain, StainParams
from hetscore.phantom.tissue import FragmentTissue

NOMINAL_BLUR_UM = OpticsSpec().blur_um
"""Lines have their asked width in a picture as sharp as this; less sharp optics blur them further."""

EDGE_UM = 15.0
"""Non-specific stain of the rim falls by a factor e over this; so it is gone after some 30-45 um."""

RIM_CELL_UM = 4.0
"""The distance from the rim is measured on cells of this size."""

THICKNESS_UM = 100.0
"""Over which the thickness of a section varies."""

NUCLEAR_HAZE = 0.5
"""Share of the cytoplasm's DAB over a nucleus, which fills most but not all of the section's thickness."""

NUCLEOLUS_UM = 0.45
"""Standard deviation of the spot: about 1 um across."""

TWO_NUCLEOLI = 0.4
"""Share of nuclei with a second one."""

_RIM_SHARE = 0.13
"""Thickness of the dark nuclear border, as a share of the radius."""

_CLOCK_FIGURES = 7
"""Clumps round the border of a plasma cell's nucleus; five to eight are seen."""

_LEAST_NUCLEUS_OD = 0.02
"""No pixel of a nucleus is paler, however pale its chromatin."""

_NOWHERE = -1e4
"""Place of a nucleolus that is not there, pixels."""

_INSIDE, _RIM, _CHROMATIN, _NUCLEOLUS, _CLOCK, _PHASE, _X, _Y, _SPOTS = range(9)
"""Columns of the table of nuclei: densities, phase of the clock, center, and from `_SPOTS` on the places (x, y) of two
nucleoli."""


@dataclass(frozen=True)
class _Levels:
    """Numbers for the whole fragment; order as `_paint_cells` takes them."""

    fine_grain: float
    coarse_grain: float
    clumps: float
    background: float
    background_grain: float
    nuclear: float


@dataclass(frozen=True)
class _Recipe:
    """All that decides the densities of a fragment, drawn once. Tables are by label, row 0 for none."""

    cytoplasm: NDArray[np.float32]
    blush: NDArray[np.float32]
    nuclei: NDArray[np.float32]
    levels: _Levels
    grain: tuple[SmoothField, SmoothField]
    chromatin: tuple[SmoothField, SmoothField]
    clumps: tuple[SmoothField, SmoothField]
    background: SmoothField
    grounds: GroundTexture
    rim: SmoothField | None
    """Distance from the glass around, in microns."""
    rim_od: float
    thickness: SmoothField | None
    """Its logarithm."""


def paint_densities(
    tissue: FragmentTissue,
    rng: np.random.Generator,
    params: StainParams | None = None,
    optics: OpticsSpec | None = None,
) -> tuple[Field, Field]:
    """Paint hematoxylin and DAB.

    Parameters
    ----------
    tissue : FragmentTissue
        What to stain.
    rng : numpy.random.Generator
        Decides the texture.
    params : StainParams, optional
        Densities.
    optics : OpticsSpec, optional
        Blur, thickness, blush and non-specific stain. The gains are not applied here; they belong to the slide.

    Returns
    -------
    hematoxylin, dab : (h, w) float32
        Optical density at gain 1, as the camera sees it (blurred), 0 on glass.
    """
    params, optics = params or StainParams(), optics or OpticsSpec()
    recipe = _draw_recipe(tissue, rng, params, optics)
    extra = math.sqrt(max(optics.blur_um**2 - NOMINAL_BLUR_UM**2, 0))
    dab = paint_membranes(tissue, rng, params, extra_blur_um=extra)
    hematoxylin = np.empty_like(dab)
    sigma = optics.blur_um / tissue.mpp
    for top in range(0, len(dab), STRIP):
        first, bottom = max(0, top - blur_reach(sigma)), min(len(dab), top + STRIP)
        stained, haze = _paint_strip(tissue, recipe, first, min(len(dab), bottom + blur_reach(sigma)))
        inner = slice(top - first, bottom - first)
        hematoxylin[top:bottom] = blur(stained, sigma)[inner]
        dab[top:bottom] += blur(haze, sigma)[inner]
        _thin(recipe, hematoxylin[top:bottom], dab[top:bottom], top)
    return hematoxylin, dab


def _thin(recipe: _Recipe, hematoxylin: Field, dab: Field, top: int) -> None:
    """Let the section be thicker here and thinner there: both stains alike."""
    if recipe.thickness is None:
        return
    factor = np.exp(recipe.thickness.rows(top, top + len(dab)).astype(np.float64)).astype(np.float32)
    hematoxylin *= factor
    dab *= factor


def _draw_recipe(tissue: FragmentTissue, rng: np.random.Generator, params: StainParams, optics: OpticsSpec) -> _Recipe:
    shape, mpp = (tissue.ground.shape[0], tissue.ground.shape[1]), tissue.mpp
    cytoplasm = np.array([params.cytoplasm_od.get(t, 0.0) for t in CellType])[tissue.type]
    blush = np.array(params.blush_od)[np.maximum(tissue.membrane_class, 0)] * optics.blush
    thickness = draw_field(rng, shape, THICKNESS_UM / mpp)
    scaled = replace(thickness, nodes=np.float32(optics.thickness_sd) * thickness.nodes)
    background = (params.background_dab_od, params.background_dab_sd)
    return _Recipe(
        cytoplasm=np.concatenate([[0], cytoplasm]).astype(np.float32),
        blush=np.concatenate([[0], blush]).astype(np.float32),
        nuclei=_draw_nuclei(tissue, rng, params),
        levels=_Levels(*params.cytoplasm_grain, params.blush_texture_sd, *background, optics.nuclear_od),
        grain=(draw_field(rng, shape, 1.0 / mpp), draw_field(rng, shape, 5 / mpp)),
        chromatin=(draw_field(rng, shape, 0.9 / mpp), draw_field(rng, shape, 2.0 / mpp)),
        clumps=draw_clumps(rng, shape, mpp),
        background=draw_field(rng, shape, 0.7 / mpp),
        grounds=draw_texture(rng, shape, mpp, tissue.stroma_angle, DEFAULT_GROUNDS),
        rim=_find_rim(tissue.ground, mpp) if optics.edge_od else None,
        rim_od=optics.edge_od,
        thickness=scaled if optics.thickness_sd else None,
    )


def _draw_nuclei(tissue: FragmentTissue, rng: np.random.Generator, params: StainParams) -> NDArray[np.float32]:
    """Draw the table of nuclei: each a little darker or paler, crisper or softer than its type."""
    n = len(tissue.type)
    looks = np.array([_densities(params.nucleus(t)) for t in CellType])[tissue.type]
    gain = np.exp(params.nucleus_cell_sd * rng.standard_normal((n, 1)))
    crisp = rng.uniform(*params.crispness, (n, 1))
    looks[:, _RIM : _CHROMATIN + 1] *= crisp
    center = np.column_stack([tissue.x, tissue.y])
    spots = center[:, None] + rng.normal(0, 1.1 / tissue.mpp, (n, 2, 2))
    spots[rng.random(n) >= TWO_NUCLEOLI, 1] = np.nan
    phase = rng.uniform(0, 2 * math.pi, (n, 1))
    table = np.column_stack([looks * gain, phase, center, spots.reshape(n, 4)])
    table = np.where(np.isfinite(table), table, _NOWHERE)
    return np.concatenate([np.zeros((1, table.shape[1])), table]).astype(np.float32)


def _densities(stain: NucleusStain) -> tuple[float, ...]:
    return stain.inside_od, stain.rim_od, stain.chromatin_od, stain.nucleolus_od, stain.clock_od


def _find_rim(ground: NDArray[np.uint8], mpp: float) -> SmoothField:
    """Measure the distance from the glass around the fragment; clefts and lumens within it are no rim."""
    cell = max(1, round(RIM_CELL_UM / mpp))
    glass = np.pad(ground[cell // 2 :: cell, cell // 2 :: cell] == Ground.GLASS, 2, constant_values=True)
    pieces, _ = ndimage.label(glass)
    distance = np.maximum(ndimage.distance_transform_edt(pieces != pieces[0, 0]) - 0.5, 0) * cell * mpp
    offset = 2 - (cell // 2) / cell
    matrix = np.array([[1 / cell, 0, offset], [0, 1 / cell, offset]])
    return SmoothField(distance.astype(np.float32), matrix, ground.shape[1])


def _paint_strip(tissue: FragmentTissue, recipe: _Recipe, top: int, bottom: int) -> tuple[Field, Field]:
    """Paint hematoxylin and the DAB that is not of membranes, before the blur."""
    rows = slice(top, bottom)
    ground = tissue.ground[rows]
    pictures = (tissue.cells[rows], tissue.nuclei[rows], ground, tissue.depth[rows])
    tables = (recipe.cytoplasm, recipe.blush, recipe.nuclei)
    clumps = read_clumps(recipe.clumps, top, bottom)
    read = [f.rows(top, bottom) for f in (*recipe.grain, *recipe.chromatin, recipe.background)]
    fields = (read[0], read[1], read[2], read[3], read[4], clumps)
    hematoxylin, haze = np.zeros_like(clumps), np.zeros_like(clumps)
    todo = np.zeros(clumps.shape, np.uint8)
    place = (float(top), NUCLEOLUS_UM / tissue.mpp)
    _paint_cells(pictures, tables, fields, astuple(recipe.levels), place, (hematoxylin, haze, todo))
    present = np.bincount(todo.ravel(), minlength=len(Ground))
    for kind, painter in GROUNDS.items():
        if present[kind]:
            row, column = np.nonzero(todo == kind)
            density, color = painter(find_places(recipe.grounds, row + top, column), recipe.grounds, DEFAULT_GROUNDS)
            hematoxylin[row, column] = density
            haze[row, column] += color
    if recipe.rim is not None:
        near = np.exp(-recipe.rim.rows(top, bottom).astype(np.float64) / EDGE_UM) * np.clip(1 + 0.4 * clumps, 0, 2)
        haze += np.where(ground == Ground.GLASS, 0, recipe.rim_od * near).astype(np.float32)
    return hematoxylin, haze


_Pictures = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8], Field]
_Tables = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@njit(cache=True)
def _paint_cells(
    pictures: _Pictures,
    tables: _Tables,
    fields: tuple[Field, Field, Field, Field, Field, Field],
    levels: tuple[float, float, float, float, float, float],
    place: tuple[float, float],
    out: tuple[Field, Field, NDArray[np.uint8]],
) -> None:
    """Paint cytoplasm, nuclei and the background's DAB; write into the last of `out` the ground still to be painted."""
    cells, nuclei, ground, _ = pictures
    cytoplasm, blush, _ = tables
    fine, coarse, chromatin, clods, background, clumps = fields
    hematoxylin, haze, todo = out
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            at, cell, kind = (row, column), cells[row, column], ground[row, column]
            is_clear = kind == _VACUOLE
            dab = 0.0 if is_clear else blush[cell] * max(1 + levels[2] * clumps[at], 0.0)
            if nuclei[at] > 0:
                texture = chromatin[at] + 0.6 * clods[at]
                hematoxylin[at] = _nucleus(pictures, tables[2], at, texture, place)
                dab = NUCLEAR_HAZE * dab + levels[5] * max(1 + 0.2 * texture, 0.0)
            elif cell > 0 and not is_clear:
                hematoxylin[at] = cytoplasm[cell] * max(1 + levels[0] * fine[at] + levels[1] * coarse[at], 0.0)
            else:
                todo[at] = kind
            if not _IS_BARE[kind]:
                dab += levels[3] + levels[4] * background[at]
            haze[at] = dab


_VACUOLE = int(Ground.VACUOLE)
_IS_BARE = tuple(ground in (Ground.GLASS, Ground.LUMEN, Ground.VACUOLE, Ground.MUCUS) for ground in Ground)
"""Grounds without background stain."""


@njit(cache=True)
def _nucleus(
    pictures: _Pictures,
    table: NDArray[np.float32],
    at: tuple[int, int],
    texture: float,
    place: tuple[float, float],
) -> float:
    """Hematoxylin of a pixel of a nucleus: pale inside, dark rim, clumps, nucleoli."""
    look, depth = table[pictures[1][at]], pictures[3][at]
    x, y = at[1] + 0.5, at[0] + place[0] + 0.5
    density = look[_INSIDE] + look[_CHROMATIN] * texture + look[_RIM] * math.exp(-0.5 * ((1 - depth) / _RIM_SHARE) ** 2)
    if look[_NUCLEOLUS] > 0:
        spot = 0.0
        for k in (_SPOTS, _SPOTS + 2):
            spot += math.exp(-0.5 * ((x - look[k]) ** 2 + (y - look[k + 1]) ** 2) / place[1] ** 2)
        density += look[_NUCLEOLUS] * min(spot, 1.2)
    if look[_CLOCK] > 0:
        angle = math.atan2(y - look[_Y], x - look[_X])
        figure = max(math.cos(_CLOCK_FIGURES * angle + look[_PHASE]), 0.0)
        density += look[_CLOCK] * figure * min(2 * depth * depth, 1.0)
    painted: float = max(density, _LEAST_NUCLEUS_OD)
    return painted
