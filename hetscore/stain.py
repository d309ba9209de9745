"""From RGB to optical density of hematoxylin and DAB.

Comes in: uint8 RGB and the slide's white point. Goes out: two float32 images of optical density, base 10, a third of
what neither stain explains, and the picture as the laboratory of the model would have stained it. Every pixel is
computed alone, from tables, so the same pixel gives the same density in whatever tile it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import cv2
import numpy as np
from numba import njit

# Read ahead of what numba reads by itself when it first compiles: else it looks at every index for one of strings,
# lists and dictionaries before arrays, and a first run takes a second more.
from numba.core.typing import arraydecl  # noqa: F401
from numpy.typing import NDArray

from hetscore.domain import Rgb

Image = NDArray[np.float32]
"""(height, width), float32."""


@dataclass(frozen=True)
class StainVectors:
    """Directions of the two stains in optical-density space (red, green, blue); any length, used normalized."""

    hematoxylin: tuple[float, float, float]
    dab: tuple[float, float, float]


@dataclass(frozen=True)
class Stain:
    """How to turn this slide's pixels into densities."""

    white: tuple[float, float, float]
    """Red, green, blue of empty glass on this slide."""
    vectors: StainVectors
    dab_scale: float = 1.0
    """DAB of this site for 1 of the laboratory that densities are compared with; control tissue tells it."""

    def __post_init__(self) -> None:
        """Refuse a scale that cannot be divided by."""
        if not 0 < self.dab_scale < inf:
            raise ValueError(f"dab_scale {self.dab_scale}; expected a positive number")


def angle_between(vectors: StainVectors) -> float:
    """Angle between the two stains in degrees, 0 to 180."""
    hematoxylin, dab = np.array(vectors.hematoxylin), np.array(vectors.dab)
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(hematoxylin, dab)), hematoxylin @ dab)))


def optical_density(rgb: NDArray[np.uint8], white: tuple[float, float, float]) -> NDArray[np.float32]:
    """Optical density, base 10, of each channel against the slide's own glass.

    Parameters
    ----------
    rgb : ndarray of uint8, (..., 3)
        Pixels.
    white : tuple of float
        Red, green, blue of empty glass.

    Returns
    -------
    ndarray of float32, (..., 3)
        ``-log10((value + 1) / (white + 1))``; negative where a pixel is brighter than the glass. The 1 keeps black
        finite (2.38 at a white point of 240).
    """
    density = np.empty(rgb.shape, np.float32)
    _look_up(np.ascontiguousarray(rgb).reshape(-1, 3), _density_table(white), density.reshape(-1, 3))
    return density


@njit(cache=True, nogil=True)
def _look_up(rgb: Rgb, table: NDArray[np.float32], density: NDArray[np.float32]) -> None:
    for i in range(len(rgb)):
        for c in range(3):
            density[i, c] = table[c, rgb[i, c]]


def _density_table(white: tuple[float, float, float]) -> NDArray[np.float32]:
    values = np.arange(256, dtype=np.float64)[None, :]
    table: NDArray[np.float32] = -np.log10((values + 1) / (np.array(white)[:, None] + 1)).astype(np.float32)
    return table


def unmixing_matrix(vectors: StainVectors) -> NDArray[np.float64]:
    """Least-squares unmixing matrix, (2, 3): densities of hematoxylin and DAB from the three channels' densities.

    References
    ----------
    .. [1] Ruifrok AC, Johnston DA. Quantification of histochemical staining by color deconvolution. Anal Quant Cytol
       Histol 23:291-299, 2001. Here with two stains and three channels, so what neither stain explains is left over.
    """
    stains = np.array([vectors.hematoxylin, vectors.dab], dtype=np.float64)
    stains /= np.linalg.norm(stains, axis=1, keepdims=True)
    matrix: NDArray[np.float64] = np.asarray(np.linalg.pinv(stains.T), dtype=np.float64)
    return matrix


def unmix(rgb: Rgb, stain: Stain) -> tuple[Image, Image]:
    """Densities of hematoxylin and DAB at each pixel.

    Parameters
    ----------
    rgb : ndarray of uint8, (h, w, 3)
        Pixels.
    stain : Stain
        The slide's white point, stain vectors and scale of DAB.

    Returns
    -------
    hematoxylin, dab : ndarray of float32, (h, w)
        Optical density, base 10; of DAB divided by the site's scale. Slightly negative values are noise and are kept:
        clipping them would lift the mean of unstained tissue.
    """
    density = _density_table(stain.white)
    matrix = unmixing_matrix(stain.vectors) / np.array([[1.0], [stain.dab_scale]])
    tables = (matrix[:, :, None] * density[None, :, :]).astype(np.float32)
    return _sum_channels(rgb, tables[0]), _sum_channels(rgb, tables[1])


def unmix_dab(rgb: Rgb, stain: Stain) -> Image:
    """Density of DAB alone, as `unmix` gives it, in half the time."""
    density = _density_table(stain.white)
    tables = (unmixing_matrix(stain.vectors)[1, :, None] / stain.dab_scale * density).astype(np.float32)
    return _sum_channels(rgb, tables)


def _sum_channels(rgb: Rgb, tables: NDArray[np.float32]) -> Image:
    """Sum what each channel adds, (3, 256), at each pixel."""
    total = np.empty(rgb.shape[:2], np.float32)
    _apply_table(np.ascontiguousarray(rgb), tables, total)
    return total


@njit(cache=True, nogil=True)
def _apply_table(rgb: Rgb, tables: NDArray[np.float32], out: Image) -> None:
    for i in range(rgb.shape[0]):
        for j in range(rgb.shape[1]):
            out[i, j] = tables[0, rgb[i, j, 0]] + tables[1, rgb[i, j, 1]] + tables[2, rgb[i, j, 2]]


def rescaling_matrix(stain: Stain) -> NDArray[np.float64]:
    """Matrix, (3, 3), from the channels' densities at a site to those in the laboratory of the model.

    Parameters
    ----------
    stain : Stain
        Stain vectors and the site's scale of DAB.

    Returns
    -------
    ndarray of float64, (3, 3)
        The identity where the scale is 1.

    Notes
    -----
    By the Beer-Lambert law a site that stains `dab_scale` times as strongly adds ``(dab_scale - 1) * a`` times the unit
    vector of DAB to the densities of a pixel that would hold ``a`` of DAB. The same is taken out again here:
    ``I - (1 - 1 / dab_scale) * outer(dab, w)``, with ``w`` the row of `unmixing_matrix` that reads DAB. Hematoxylin and
    what neither stain explains stay as they are.
    """
    dab = np.array(stain.vectors.dab) / np.linalg.norm(stain.vectors.dab)
    surplus = (1 - 1 / stain.dab_scale) * np.outer(dab, unmixing_matrix(stain.vectors)[1])
    matrix: NDArray[np.float64] = np.eye(3) - surplus
    return matrix


def rescaled_density(rgb: Rgb, stain: Stain) -> NDArray[np.float32]:
    """Optical density of each channel as it would be in the laboratory of the model.

    Parameters
    ----------
    rgb : ndarray of uint8, (h, w, 3)
        Pixels.
    stain : Stain
        The slide's white point, stain vectors and scale of DAB.

    Returns
    -------
    ndarray of float32, (h, w, 3)
        Where the scale is 1 exactly `optical_density`, and the vectors are not used; else that times
        `rescaling_matrix`.
    """
    if stain.dab_scale == 1:
        return optical_density(rgb, stain.white)
    tables = rescaling_matrix(stain)[:, :, None] * _density_table(stain.white)[None, :, :]
    density = np.empty(rgb.shape, np.float32)
    _apply_channels(np.ascontiguousarray(rgb), tables.astype(np.float32), density)
    return density


@njit(cache=True, nogil=True)
def _apply_channels(rgb: Rgb, tables: NDArray[np.float32], density: NDArray[np.float32]) -> None:
    for i in range(rgb.shape[0]):
        for j in range(rgb.shape[1]):
            red, green, blue = rgb[i, j, 0], rgb[i, j, 1], rgb[i, j, 2]
            for c in range(3):
                density[i, j, c] = tables[c, 0, red] + tables[c, 1, green] + tables[c, 2, blue]


def rescaled_picture(rgb: Rgb, stain: Stain) -> Rgb:
    """Picture as it would be in the laboratory of the model.

    Parameters
    ----------
    rgb : ndarray of uint8, (h, w, 3)
        Pixels.
    stain : Stain
        The slide's white point, stain vectors and scale of DAB.

    Returns
    -------
    ndarray of uint8, (h, w, 3)
        Where the scale is 1 the pixels given; else `rescaled_density` turned to light again against the same glass, and
        rounded to gray levels as a scanner does.
    """
    if stain.dab_scale == 1:
        return rgb
    light = (np.array(stain.white, np.float32) + 1) * np.power(np.float32(10), -rescaled_density(rgb, stain)) - 1
    rounded: Rgb = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    return rounded


def residual_tables(stain: Stain) -> NDArray[np.float32]:
    """Tabulate what each gray level of each channel adds to the density that neither stain explains.

    Parameters
    ----------
    stain : Stain
        The slide's white point and stain vectors; the site's scale of DAB is no matter here.

    Returns
    -------
    ndarray of float32, (3, 256)
        By red, green, blue: the absolute value of the sum of a pixel's three is the length of what `unmix` leaves over
        of the densities of its channels, base 10. Tables, for loops that look at the pixels of nuclei only.

    Raises
    ------
    ValueError
        If the two stains have the same color: nothing can be told apart then.

    Notes
    -----
    The two stains span a plane, so what is left over is what stands out of it: ``|density . normal|``. The rounding of
    gray levels alone gives about 0.001 on glass and 0.01 at a density of 1.
    """
    return (_plane_normal(stain.vectors)[:, None] * _density_table(stain.white)).astype(np.float32)


def _plane_normal(vectors: StainVectors) -> NDArray[np.float64]:
    """Find the unit vector at right angles to both stains."""
    normal = np.cross(vectors.hematoxylin, vectors.dab)
    length = float(np.linalg.norm(normal))
    if length == 0:
        raise ValueError(f"hematoxylin {vectors.hematoxylin} and dab {vectors.dab} have the same color")
    unit: NDArray[np.float64] = normal / length
    return unit


def find_white(rgb: Rgb) -> tuple[float, float, float]:
    """Color of empty glass: the commonest value of each channel where a thumbnail is bright and flat.

    Parameters
    ----------
    rgb : ndarray of uint8, (h, w, 3)
        Thumbnail with some empty glass in it.

    Returns
    -------
    tuple of float
        Red, green, blue. Pure white counts only where nothing else is glass: scanners fill with it what they did not
        scan, and against it the real glass would read as tissue. Where nothing is bright and flat (a field full of
        tissue) 240 is taken, the usual glass of brightfield scanners (233-243 on the eight development cores).
    """
    glass, fill = np.zeros((3, 256), np.int64), np.zeros((3, 256), np.int64)
    for first in range(0, len(rgb), _ROWS):
        part = rgb[max(0, first - 1) : first + _ROWS + 1]  # with the neighbors of its first and last row
        inner = slice(min(first, 1), min(first, 1) + _ROWS)
        steps = cv2.morphologyEx(part, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))[inner]
        part = part[inner]
        red, green, blue = (part[..., c] for c in range(3))
        is_fill = (red & green & blue) == 255
        is_flat = np.minimum(np.minimum(red, green), blue) >= _DARKEST_GLASS
        is_flat &= np.maximum(np.maximum(steps[..., 0], steps[..., 1]), steps[..., 2]) <= _FLAT_SPREAD
        for counts, chosen in ((glass, is_flat & ~is_fill), (fill, is_fill)):
            counts += [np.bincount(channel[chosen], minlength=256) for channel in (red, green, blue)]
    for counts in (glass, fill):
        if counts[0].sum() / rgb[..., 0].size >= _MIN_GLASS_SHARE:
            levels = counts.argmax(axis=1).tolist()
            return float(levels[0]), float(levels[1]), float(levels[2])
    return 240.0, 240.0, 240.0


_ROWS = 256
"""Looked at one after another, so that memory does not grow with the slide; changes no result."""

_DARKEST_GLASS = 200
"""Glass darker than this would mean a lamp at 60 % of the sensor's range; no development slide is below 233."""
_FLAT_SPREAD = 4
"""Gray levels between neighbors on glass: the median of the development cores at 4 um/px; in tissue 10-74 (medians)."""
_MIN_GLASS_SHARE = 0.02
"""A thumbnail whose flat bright pixels are fewer shows no glass to speak of."""
