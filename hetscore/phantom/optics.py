"""From densities to pixels: light through the section, the lens, the scanner's color and the camera's noise.

Everything works strip by strip and in a fixed order of arithmetic: a picture as large as a slide takes no more memory
than its pixels, and the same densities give the same pixels on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.domain import Rgb
from hetscore.phantom.noise import Field
from hetscore.phantom.spec import OpticsSpec, Scanner
from hetscore.phantom.stain import StainParams
from hetscore.stain import StainVectors

Light = NDArray[np.float32]
"""(height, width, 3), float32, red, green, blue in gray levels."""

STRIP = 256
"""Rows worked on at once. It changes no result."""


@dataclass(frozen=True)
class ScannerColor:
    """What a scanner makes of color. Glass keeps its place; only what is darker moves."""

    white_shift: tuple[float, float, float]
    """Gray levels by which its empty glass differs from that of `StainParams.white`."""
    matrix: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
    """From red, green, blue to red, green, blue, as shares of the glass; rows sum to 1, so gray stays gray."""
    tone: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """From share of the glass to share of the glass, rising, 0 and 1 kept."""


def _power(exponent: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda share: share**exponent


def _contrast(strength: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Darks darker, lights lighter: a cubic through 0, 1/2 and 1, rising for strengths below 1."""
    return lambda share: share + strength * share * (1 - share) * (2 * share - 1)


SCANNERS: Mapping[Scanner, ScannerColor] = MappingProxyType(
    {
        Scanner.NEUTRAL: ScannerColor((0, 0, 0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), _power(1.0)),
        Scanner.WARM: ScannerColor(
            (4, 2, -7), ((1.06, -0.04, -0.02), (0.02, 0.98, 0.0), (0.02, 0.08, 0.90)), _power(0.94)
        ),
        Scanner.COOL: ScannerColor(
            (-4, 0, 2), ((0.92, 0.06, 0.02), (-0.02, 1.0, 0.02), (0.0, -0.05, 1.05)), _power(1.08)
        ),
        Scanner.CONTRAST: ScannerColor(
            (8, 8, 1), ((1.12, -0.10, -0.02), (-0.05, 1.10, -0.05), (-0.02, -0.10, 1.12)), _contrast(0.3)
        ),
    }
)
"""By eye: such differences as the same slide shows between makers' scanners, a few gray levels on glass and some ten
on nuclei and DAB. No maker's profile is copied."""


@dataclass(frozen=True)
class SlideStain:
    """How one slide came out of the stainer and the scanner."""

    white: tuple[float, float, float]
    vectors: StainVectors
    hematoxylin_gain: float
    dab_gain: float


def draw_stain(rng: np.random.Generator, params: StainParams, optics: OpticsSpec | None = None) -> SlideStain:
    """Draw the colors and gains of a slide around those of `params`, times the gains of `optics`, on its scanner."""
    optics = optics or OpticsSpec()
    glass = np.array(params.white) + SCANNERS[optics.scanner].white_shift
    white = np.clip(glass + params.white_jitter * rng.standard_normal(3), 220, 250)
    vectors = np.array([params.hematoxylin, params.dab])
    vectors = vectors + params.vector_jitter * rng.standard_normal((2, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gains = rng.uniform(*params.gain_range, 2) * (optics.hematoxylin_gain, optics.dab_gain)
    return SlideStain(_triple(white), StainVectors(_triple(vectors[0]), _triple(vectors[1])), *map(float, gains))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


_OD_RANGE = (-0.5, 4.5)
"""Densities told apart; -0.5 is brighter than any scanner shows, 4.5 leaves nothing of 255."""

_OD_STEP = 1 / 2048
"""Between two entries of the table of light; reading between them is off by less than 0.0001 gray levels."""


def develop(hematoxylin: Field, dab: Field, stain: SlideStain) -> Light:
    """Turn densities into light: (h, w, 3) float32 RGB, noiseless, the inverse of `hetscore.stain.optical_density`."""
    h = stain.hematoxylin_gain * np.array(stain.vectors.hematoxylin)
    d = stain.dab_gain * np.array(stain.vectors.dab)
    entries = np.arange(_OD_RANGE[0], _OD_RANGE[1] + 2 * _OD_STEP, _OD_STEP)
    light = np.empty((*hematoxylin.shape, 3), np.float32)
    vectors = np.stack([h, d]).astype(np.float32)
    _develop(hematoxylin, dab, vectors, (10.0**-entries).astype(np.float32), np.array(stain.white, np.float32), light)
    return light


@njit(cache=True)
def _develop(
    hematoxylin: Field, dab: Field, vectors: Field, table: NDArray[np.float32], white: NDArray[np.float32], out: Light
) -> None:
    zero, per_od, last = np.float32(_OD_RANGE[0]), np.float32(1 / _OD_STEP), np.float32(table.size - 2)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            h, d = hematoxylin[row, column], dab[row, column]
            for c in range(3):
                at = (h * vectors[0, c] + d * vectors[1, c] - zero) * per_od
                at = min(max(at, np.float32(0)), last)
                i = int(at)
                share = table[i] + (at - np.float32(i)) * (table[i + 1] - table[i])
                out[row, column, c] = share * (white[c] + np.float32(1)) - np.float32(1)


def scan(light: Light, stain: SlideStain, optics: OpticsSpec, *, mpp: float) -> Light:
    """Pass light through the scanner.

    Parameters
    ----------
    light : (h, w, 3) float32
        As `develop` gives it, at the scanner's resolution.
    stain : SlideStain
        Whose glass is the white point.
    optics : OpticsSpec
        Chromatic shift and scanner.
    mpp : float
        Microns per pixel of `light`.

    Returns
    -------
    (h, w, 3) float32
        Red is moved to the right and blue to the left, by half of ``chromatic_um`` each: line by line, as scanners
        read. Color then goes through the scanner's matrix and tone. Glass stays at ``stain.white``. With a neutral
        scanner and no shift this is `light` itself.
    """
    if optics.chromatic_um:
        light = _shifted(light, optics.chromatic_um / mpp / 2)
    if optics.scanner is Scanner.NEUTRAL:
        return light
    color = SCANNERS[optics.scanner]
    tones = color.tone(np.arange(_TONES + 2) / _TONE_ONE).astype(np.float32)
    out = np.empty_like(light)
    _recolor(light, np.array(color.matrix, np.float32), tones, np.array(stain.white, np.float32), out)
    return out


_TONE_ONE = 4096
"""Entries of the table of tones up to the glass."""

_TONES = _TONE_ONE + _TONE_ONE // 4
"""Entries in all: grain makes a pixel a little brighter than the glass."""


@njit(cache=True)
def _recolor(light: Light, matrix: Field, tones: NDArray[np.float32], white: NDArray[np.float32], out: Light) -> None:
    one, last = np.float32(_TONE_ONE), np.float32(tones.size - 2)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            r, g, b = light[row, column, 0], light[row, column, 1], light[row, column, 2]
            r, g, b = r / white[0], g / white[1], b / white[2]
            for c in range(3):
                at = one * (matrix[c, 0] * r + matrix[c, 1] * g + matrix[c, 2] * b)
                at = min(max(at, np.float32(0)), last)
                i = int(at)
                out[row, column, c] = white[c] * (tones[i] + (at - np.float32(i)) * (tones[i + 1] - tones[i]))


def _shifted(light: Light, shift_px: float) -> Light:
    """Move red right and blue left; between pixels linearly, edges held."""
    out = light.copy()
    columns = np.arange(light.shape[1])
    for channel, shift in ((0, shift_px), (2, -shift_px)):
        whole = math.floor(-shift)
        part = np.float32(-shift - whole)
        near, far = (np.clip(columns + whole + k, 0, light.shape[1] - 1) for k in (0, 1))
        out[..., channel] = (1 - part) * light[:, near, channel] + part * light[:, far, channel]
    return out


def photograph(
    hematoxylin: Field, dab: Field, stain: SlideStain, optics: OpticsSpec, *, mpp: float, shrink: int = 1
) -> Rgb:
    """Develop and scan a picture, and round it.

    Parameters
    ----------
    hematoxylin, dab : (h, w) float32
        Densities at the painted resolution.
    stain : SlideStain
        Colors of the slide.
    optics : OpticsSpec
        The scanner.
    mpp : float
        Microns per painted pixel.
    shrink : int
        Painted pixels along the side of one pixel of the scan, whose light is averaged.

    Returns
    -------
    (h // shrink, w // shrink, 3) uint8
        Without noise. Painted pixels that fill no whole pixel of the scan are left out.
    """
    height, width = (n // shrink for n in hematoxylin.shape)
    rgb = np.empty((height, width, 3), np.uint8)
    step = max(1, STRIP // shrink)
    for top in range(0, height, step):
        strip = rgb[top : top + step]
        rows = slice(top * shrink, (top + len(strip)) * shrink)
        light = develop(hematoxylin[rows, : width * shrink], dab[rows, : width * shrink], stain)
        if shrink > 1:
            light = light.reshape(len(strip), shrink, width, shrink, 3).mean(axis=(1, 3))
        round_light(scan(light, stain, optics, mpp=mpp * shrink), strip)
    return rgb


@njit(cache=True)
def round_light(light: Light, out: Rgb) -> None:
    """Round light to pixels, held within 0 and 255."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            for c in range(3):
                value = light[row, column, c] + np.float32(0.5)
                out[row, column, c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


_POOL = 1 << 20
"""Normal deviates drawn for the noise of a slide. Each row of pixels starts at a place of its own in them."""


def add_noise(rgb: Rgb, rng: np.random.Generator, params: StainParams, optics: OpticsSpec | None = None) -> None:
    """Add the camera's noise to a picture in place.

    Parameters
    ----------
    rgb : (h, w, 3) uint8
        The slide; may be mapped from a file.
    rng : numpy.random.Generator
        Source of randomness.
    params : StainParams
        Standard deviation by channel.
    optics : OpticsSpec, optional
        Factor on it.

    Notes
    -----
    Deviates are used again, from another start, in other rows: a slide has a thousand times more values than are
    drawn, and drawing them would take longer than all the rest.
    """
    sd = np.array(params.noise, np.float32) * np.float32((optics or OpticsSpec()).noise)
    pool = rng.standard_normal(_POOL + 3 * rgb.shape[1], dtype=np.float32)
    starts = rng.integers(0, _POOL, len(rgb))
    for top in range(0, len(rgb), STRIP):
        _add_noise(rgb[top : top + STRIP], pool, starts[top : top + STRIP], sd)


@njit(cache=True)
def _add_noise(rgb: Rgb, pool: NDArray[np.float32], starts: NDArray[np.int64], sd: NDArray[np.float32]) -> None:
    for row in range(rgb.shape[0]):
        at = starts[row]
        for column in range(rgb.shape[1]):
            for c in range(3):
                value = np.float32(rgb[row, column, c]) + sd[c] * pool[at] + np.float32(0.5)
                rgb[row, column, c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
                at += 1


def blur(field: Field, sigma_px: float) -> Field:
    """Blur a field by a Gaussian, edges held; the field itself if `sigma_px` is 0."""
    if sigma_px == 0:
        return field
    reach = blur_reach(sigma_px)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    out = np.empty_like(field)
    _blur(field, (weights / weights.sum()).astype(np.float32), out)
    return out


def blur_reach(sigma_px: float) -> int:
    """Pixels beyond which `blur` carries nothing: four standard deviations."""
    return math.ceil(4 * sigma_px)


@njit(cache=True)
def _blur(field: Field, weights: NDArray[np.float32], out: Field) -> None:
    height, width = field.shape
    reach = weights.size // 2
    line = np.empty(width + 2 * reach, np.float32)
    for row in range(height):
        line[:] = 0
        for k in range(weights.size):
            source = field[min(max(row + k - reach, 0), height - 1)]
            for column in range(width):
                line[reach + column] += weights[k] * source[column]
        line[:reach] = line[reach]
        line[reach + width :] = line[reach + width - 1]
        out[row] = 0
        for k in range(weights.size):
            for column in range(width):
                out[row, column] += weights[k] * line[k + column]
