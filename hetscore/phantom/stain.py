"""Stain and photograph a fragment: hematoxylin and DAB as optical densities, then light, then pixels.

The membrane's lines are drawn with the width and the peak density they have in the finished picture, so that what is
measured back can be compared with what was asked. All densities are base 10, along stain vectors of length 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import MembranePattern, Rgb
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.noise import Field, smooth_noise, streaked_noise, warp_maps
from hetscore.phantom.tissue import FragmentTissue
from hetscore.stain import StainVectors

FWHM_TO_SD = 1 / (2 * math.sqrt(2 * math.log(2)))
"""Standard deviation of a Gaussian over its full width at half maximum."""


@dataclass(frozen=True)
class NucleusStain:
    """Hematoxylin of the nuclei of one cell type."""

    inside_od: float
    rim_od: float
    """Above the inside, at the nuclear border."""
    chromatin_od: float
    """Standard deviation of the clumps."""
    nucleolus_od: float
    """Above the inside; 0 draws none."""


@dataclass(frozen=True)
class StainParams:
    """Densities and colors.

    "Measured" is measured on the eight HER2 IHC cores of `eac-tma` (0.25 um/px) at the 2,885 tumor and 1,037 other
    nuclei of `annotations/cells.csv`, unmixed with the two vectors below; medians per core and code.
    """

    white: tuple[float, float, float] = (234.0, 233.0, 243.0)
    """Measured: commonest red, green, blue of empty glass."""
    hematoxylin: tuple[float, float, float] = (0.66, 0.64, 0.39)
    """Measured over unstained nuclei, 0.63-0.70, 0.62-0.65, 0.30-0.44; Ruifrok and Johnston give 0.65, 0.70, 0.29."""
    dab: tuple[float, float, float] = (0.34, 0.56, 0.76)
    """Measured where DAB is 0.25-0.5 and above 0.6: 0.30-0.38, 0.52-0.59, 0.72-0.79; Ruifrok: 0.27, 0.57, 0.78."""
    white_jitter: float = 1.0
    vector_jitter: float = 0.01
    """Standard deviations from slide to slide; measured between cores: 1 gray level, 0.02."""
    gain_range: tuple[float, float] = (0.93, 1.07)
    """Of either stain, from slide to slide: within what control normalization leaves (gain 0.9-1.1)."""
    membrane_od: tuple[float, float, float, float] = (0.0, 0.15, 0.36, 0.72)
    """Peak of the line, by class. Measured, median of the highest DAB in 16 sectors around the nucleus: no class 0.05
    (noise), 1+ 0.08-0.21, 2+ 0.33-0.58, 3+ 0.60-0.85. Slides drawn with these values give 0.04, 0.13, 0.41, 0.95."""
    membrane_fwhm_um: tuple[float, float, float, float] = (0.0, 0.64, 1.0, 1.74)
    """Width of the line, by class. Scheel et al. 2018, 120 breast biopsies: 0.64, 1.0, 2.14 (SD 0.1, 0.23, 0.4).
    Measured here: 1.4-1.6 in every class, clumps included, and 2.14 would swallow the cytoplasm of gland cells; so 3+
    is one SD below."""
    membrane_width_sd: float = 0.15
    """Along the line, relative."""
    membrane_cell_sd: float = 0.08
    """From cell to cell, of the logarithm of the peak."""
    membrane_texture_sd: float = 0.20
    """Along the line, of the logarithm of the peak."""
    blush_od: tuple[float, float, float, float] = (0.0, 0.02, 0.045, 0.08)
    """DAB of the cytoplasm, by class. Measured, lowest fifth around the nucleus: 0, 0-0.03, 0.04-0.05, 0.05-0.07."""
    blush_texture_sd: float = 0.6
    """Relative: the haze is granular."""
    background_dab_od: float = 0.004
    """On all tissue. Measured around unstained cells: not told from 0 (-0.01 to 0.02)."""
    background_dab_sd: float = 0.02
    """Grain of it before the blur, so that the highest DAB around an unstained nucleus nears the 0.05 measured."""
    cytoplasm_od: float = 0.05
    """Hematoxylin of tumor cytoplasm. Measured around t0: 0.04-0.07."""
    mucin_od: float = 0.018
    """Hematoxylin of foveolar cytoplasm: clear mucin, judged by eye."""
    stroma_od: float = 0.022
    """Hematoxylin of stroma. Measured around n: 0-0.04."""
    fiber_od: float = 0.018
    """Standard deviation of the fibers of stroma."""
    nucleus_cell_sd: float = 0.2
    """From nucleus to nucleus, of the logarithm of the density."""
    blur_um: float = 0.28
    """Standard deviation of the optics' blur, x20 to x40 objective (0.25-0.35)."""
    noise: tuple[float, float, float] = (1.5, 1.5, 2.8)
    """Standard deviation of red, green, blue on empty glass, gray levels; measured, behind the camera's JPEG."""

    def nucleus(self, cell_type: CellType) -> NucleusStain:
        """Hematoxylin of the nuclei of a type."""
        return _NUCLEI[cell_type]


_NUCLEI = {
    CellType.TUMOR: NucleusStain(0.105, 0.120, 0.040, 0.20),
    CellType.FOVEOLAR: NucleusStain(0.130, 0.085, 0.040, 0.0),
    CellType.FIBROBLAST: NucleusStain(0.150, 0.070, 0.035, 0.0),
    CellType.LYMPHOCYTE: NucleusStain(0.210, 0.060, 0.060, 0.0),
}
"""Measured, median over a disk of 2 um and 95th percentile of 2.5 um: tumor 0.09-0.16 and 0.19-0.25; other 0.14-0.24
and 0.21-0.33, the high end where lymphocytes prevail (core 0_aa1d). Vesicular: pale inside, dark rim, one or two
nucleoli."""


@dataclass(frozen=True)
class SlideStain:
    """How one slide came out of the stainer and the scanner."""

    white: tuple[float, float, float]
    vectors: StainVectors
    hematoxylin_gain: float
    dab_gain: float


def draw_stain(rng: np.random.Generator, params: StainParams) -> SlideStain:
    """Draw the colors and gains of a slide around those of `params`."""
    white = np.clip(np.array(params.white) + params.white_jitter * rng.standard_normal(3), 220, 250)
    vectors = np.array([params.hematoxylin, params.dab])
    vectors = vectors + params.vector_jitter * rng.standard_normal((2, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gains = rng.uniform(*params.gain_range, 2)
    return SlideStain(_triple(white), StainVectors(_triple(vectors[0]), _triple(vectors[1])), *map(float, gains))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def paint_densities(
    tissue: FragmentTissue, rng: np.random.Generator, params: StainParams | None = None
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

    Returns
    -------
    hematoxylin, dab : (h, w) float32
        Optical density at gain 1, as the camera sees it (blurred), 0 on glass.
    """
    params = params or StainParams()
    sigma = params.blur_um / tissue.mpp
    hematoxylin = _ground_hematoxylin(tissue, rng, params)
    hematoxylin = _add_nuclei(hematoxylin, tissue, rng, params)
    haze = cv2.GaussianBlur(_haze(tissue, rng, params), (0, 0), sigma)
    lines = paint_membranes(tissue, rng, params)
    dab: Field = haze + lines
    return cv2.GaussianBlur(hematoxylin, (0, 0), sigma), dab


def _ground_hematoxylin(tissue: FragmentTissue, rng: np.random.Generator, params: StainParams) -> Field:
    """Pale stroma with fibers and clefts, cytoplasm with a fine grain, nothing on glass and in lumens."""
    shape, mpp = tissue.ground.shape, tissue.mpp
    grain = 1 + 0.35 * smooth_noise(rng, shape, 1.0 / mpp) + 0.2 * smooth_noise(rng, shape, 5 / mpp)
    by_type = np.full(len(CellType), params.cytoplasm_od)
    by_type[CellType.FOVEOLAR] = params.mucin_od
    cytoplasm = _per_cell(by_type[tissue.type], tissue.cells) * grain
    stroma = np.where(tissue.ground == Ground.STROMA, _stroma(tissue, rng, params), 0.0)
    return np.maximum(np.where(tissue.cells > 0, cytoplasm, stroma), 0).astype(np.float32)


def _stroma(tissue: FragmentTissue, rng: np.random.Generator, params: StainParams) -> Field:
    shape, mpp = tissue.ground.shape, tissue.mpp
    fibers = streaked_noise(rng, shape, (16 / mpp, 1.2 / mpp), tissue.stroma_angle)
    fibers += 0.7 * streaked_noise(rng, shape, (6 / mpp, 0.9 / mpp), tissue.stroma_angle + 0.5)
    clefts = 0.8 * streaked_noise(rng, shape, (12 / mpp, 4 / mpp), tissue.stroma_angle) + 0.5 * fibers
    solid = np.clip(2 * (clefts + 0.4), 0, 1)
    density = solid * (params.stroma_od + params.fiber_od * fibers)
    waves = warp_maps(rng, shape, ((60 / mpp, 9 / mpp), (18 / mpp, 2.5 / mpp)))
    bent: Field = cv2.remap(density.astype(np.float32), *waves, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return bent


def _per_cell(values: NDArray[np.floating], labels: NDArray[np.int32]) -> Field:
    """Spread a column of cells over a picture of labels; 0 where there is no cell."""
    field: Field = np.concatenate([[0.0], values]).astype(np.float32)[labels]
    return field


def _add_nuclei(hematoxylin: Field, tissue: FragmentTissue, rng: np.random.Generator, params: StainParams) -> Field:
    looks = [params.nucleus(CellType(t)) for t in range(len(CellType))]
    gain = np.exp(params.nucleus_cell_sd * rng.standard_normal(len(tissue.type)))
    inside, rim, clumps, spot = (
        _per_cell(np.array([getattr(look, name) for look in looks])[tissue.type] * gain, tissue.nuclei)
        for name in ("inside_od", "rim_od", "chromatin_od", "nucleolus_od")
    )
    shape, mpp = tissue.ground.shape, tissue.mpp
    chromatin = smooth_noise(rng, shape, 0.9 / mpp) + 0.6 * smooth_noise(rng, shape, 2.0 / mpp)
    at_rim = np.exp(-0.5 * ((1 - tissue.depth) / 0.13) ** 2)
    density = inside + rim * at_rim + clumps * chromatin + spot * _nucleoli(tissue, rng)
    stained: Field = np.where(tissue.nuclei > 0, np.maximum(density, 0.02), hematoxylin).astype(np.float32)
    return stained


def _nucleoli(tissue: FragmentTissue, rng: np.random.Generator) -> Field:
    """One or two spots in each nucleus, peak 1, about 1 um across."""
    height, width = tissue.ground.shape
    field: Field = np.zeros((height, width), np.float32)
    rows = np.flatnonzero(tissue.has_nucleus)
    rows = np.concatenate([rows, rows[rng.random(len(rows)) < 0.4]])
    offset = rng.normal(0, 1.1 / tissue.mpp, (len(rows), 2))
    column = np.clip(tissue.x[rows] + offset[:, 0], 0, width - 1).astype(np.intp)
    row = np.clip(tissue.y[rows] + offset[:, 1], 0, height - 1).astype(np.intp)
    sigma = 0.45 / tissue.mpp
    field[row, column] = 2 * math.pi * sigma**2
    spots: Field = np.minimum(cv2.GaussianBlur(field, (0, 0), sigma), 1.2)
    return spots


def _haze(tissue: FragmentTissue, rng: np.random.Generator, params: StainParams) -> Field:
    """DAB of the cytoplasm: more where the membrane is stained more, granular, thin over the nucleus."""
    shape, mpp = tissue.ground.shape, tissue.mpp
    blush = np.array(params.blush_od)[np.maximum(tissue.membrane_class, 0)]
    haze = _per_cell(blush, tissue.cells)
    haze *= np.maximum(1 + params.blush_texture_sd * _texture(rng, shape, mpp), 0)
    haze[tissue.nuclei > 0] *= 0.5
    grain = smooth_noise(rng, shape, 0.7 / mpp)
    on_tissue = (tissue.ground == Ground.STROMA) | (tissue.ground == Ground.EPITHELIUM)
    haze += np.where(on_tissue, params.background_dab_od + params.background_dab_sd * grain, 0).astype(np.float32)
    return haze


STAINED_SIDES = {
    MembranePattern.NONE: (),
    MembranePattern.PARTIAL: (Ground.EPITHELIUM, Ground.STROMA, Ground.GLASS, Ground.LUMEN),
    MembranePattern.LATERAL: (Ground.EPITHELIUM,),
    MembranePattern.BASOLATERAL: (Ground.EPITHELIUM, Ground.STROMA, Ground.GLASS),
    MembranePattern.COMPLETE: (Ground.EPITHELIUM, Ground.STROMA, Ground.GLASS, Ground.LUMEN),
}
"""By what lies beyond it, the sides of a cell that are stained. A partial line comes and goes along all of them."""


@dataclass(frozen=True)
class _Edges:
    """The pixels where territories end, with the line to be drawn there."""

    line_class: NDArray[np.uint8]
    """0 where there is no line."""
    od: Field


def paint_membranes(tissue: FragmentTissue, rng: np.random.Generator, params: StainParams) -> Field:
    """Draw the stained membranes.

    Parameters
    ----------
    tissue : FragmentTissue
        Territories with class and pattern.
    rng : numpy.random.Generator
        Decides the texture.
    params : StainParams
        Peak density and width by class.

    Returns
    -------
    (h, w) float32
        DAB of the lines: a Gaussian profile across the border.

    Notes
    -----
    A border between two tumor cells is one line, of the stronger of the two; a border with anything else is the tumor
    cell's own. Where lines of two classes meet, the denser wins.
    """
    edges = _find_edges(tissue, rng, params)
    width = np.exp(params.membrane_width_sd * _texture(rng, edges.od.shape, tissue.mpp))
    lines = np.zeros(edges.od.shape, np.float32)
    for line_class in range(1, len(params.membrane_od)):
        if (edges.line_class == line_class).any():
            sd_px = params.membrane_fwhm_um[line_class] * FWHM_TO_SD / tissue.mpp
            lines = np.maximum(lines, _draw_lines(edges, line_class, sd_px, width))
    texture = np.exp(params.membrane_texture_sd * _texture(rng, edges.od.shape, tissue.mpp))
    lines *= texture
    return lines


def _texture(rng: np.random.Generator, shape: tuple[int, ...], mpp: float) -> Field:
    """Clumps of two sizes, standard deviation about 1."""
    size = (shape[0], shape[1])
    clumps: Field = 0.7 * smooth_noise(rng, size, 0.9 / mpp) + 0.7 * smooth_noise(rng, size, 4 / mpp)
    return clumps


SMOOTHING_PX = 0.75
"""Standard deviation of the blur that rounds the steps of a line drawn pixel by pixel; the line is drawn that much
narrower and denser before, so that its final width and peak are those asked for."""


def _draw_lines(edges: _Edges, line_class: int, sd_px: float, width: Field) -> Field:
    away = (edges.line_class != line_class).astype(np.uint8)
    distance, nearest = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    row, column = np.nonzero(away == 0)
    od_of = np.zeros(int(nearest.max()) + 1, np.float32)
    od_of[nearest[row, column]] = edges.od[row, column]
    drawn_sd = math.sqrt(sd_px**2 - SMOOTHING_PX**2)
    line = od_of[nearest] * (sd_px / drawn_sd) * np.exp(-0.5 * (distance / (drawn_sd * width)) ** 2)
    smooth: Field = cv2.GaussianBlur(line, (0, 0), SMOOTHING_PX)
    return smooth


def _find_edges(tissue: FragmentTissue, rng: np.random.Generator, params: StainParams) -> _Edges:
    shape = tissue.cells.shape
    cell_od = np.array(params.membrane_od)[np.maximum(tissue.membrane_class, 0)]
    cell_od = cell_od * np.exp(params.membrane_cell_sd * rng.standard_normal(len(cell_od)))
    is_interrupted = smooth_noise(rng, shape, 5 / tissue.mpp) < -0.4
    edges = _Edges(np.zeros(shape, np.uint8), np.zeros(shape, np.float32))
    for near, far in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        row, column = np.nonzero(tissue.cells[near] != tissue.cells[far])
        for own, other in ((near, far), (far, near)):
            _mark_edges(edges, tissue, cell_od, is_interrupted, (row, column), (near, own, other))
    return edges


def _mark_edges(
    edges: _Edges,
    tissue: FragmentTissue,
    cell_od: NDArray[np.float64],
    is_interrupted: NDArray[np.bool_],
    at: tuple[NDArray[np.intp], NDArray[np.intp]],
    sides: tuple[tuple[slice, slice], tuple[slice, slice], tuple[slice, slice]],
) -> None:
    """Mark, of the borders `at`, those that the cell on the `own` side stains; the stronger mark stays."""
    near, own, other = sides
    label = tissue.cells[own][at]
    cell = np.maximum(label - 1, 0)
    is_stained = _side_table()[tissue.pattern[cell], tissue.ground[other][at]] & (label > 0)
    is_stained &= ~((tissue.pattern[cell] == MembranePattern.PARTIAL) & is_interrupted[near][at])
    row, column, cell = at[0][is_stained], at[1][is_stained], cell[is_stained]
    line_class = tissue.membrane_class[cell].astype(np.uint8)
    stronger = line_class >= edges.line_class[near][row, column]
    row, column = row[stronger], column[stronger]
    edges.line_class[near][row, column] = line_class[stronger]
    edges.od[near][row, column] = cell_od[cell][stronger]


def _side_table() -> NDArray[np.bool_]:
    table = np.zeros((len(MembranePattern), len(Ground)), bool)
    for pattern, grounds in STAINED_SIDES.items():
        table[pattern, list(grounds)] = True
    return table


def develop(hematoxylin: Field, dab: Field, stain: SlideStain) -> NDArray[np.float32]:
    """Turn densities into light: (h, w, 3) float32 RGB, noiseless, the inverse of `hetscore.stain.optical_density`."""
    h = stain.hematoxylin_gain * np.array(stain.vectors.hematoxylin, np.float32)
    d = stain.dab_gain * np.array(stain.vectors.dab, np.float32)
    density = hematoxylin[..., None] * h + dab[..., None] * d
    light: NDArray[np.float32] = np.power(np.float32(10), -density, dtype=np.float32)
    light *= np.array(stain.white, np.float32) + 1
    light -= 1
    return light


def add_noise(rgb: Rgb, rng: np.random.Generator, params: StainParams) -> None:
    """Add the camera's noise to a picture in place, 256 rows at a time."""
    sd = np.array(params.noise, np.float32)
    for top in range(0, len(rgb), 256):
        strip = rgb[top : top + 256]
        noisy: NDArray[np.float32] = strip + sd * rng.standard_normal(strip.shape, dtype=np.float32)
        strip[...] = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
