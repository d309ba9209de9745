"""Patches cut out of examples, turned, scaled and stained anew, so that the network learns tissue and not one scanner.

Stain is changed in optical density, each stain for itself: a tumor cell stays one when its DAB is taken away, and what
is learned must not lean on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.stain import optical_density
from scripts.training.examples import NOT_READ, Example
from scripts.training.targets import Floats, Labels, Target, TargetParams, make_target

HEMATOXYLIN, DAB = (0.65, 0.63, 0.42), (0.35, 0.565, 0.745)
"""Middle between those of the development cores and of the phantoms: whatever they miss stays in the residual."""


@dataclass(frozen=True)
class AugmentParams:
    """Ranges drawn from; each is as wide as the slides of other laboratories and scanners are thought to differ."""

    side_px: int = 256
    """128 um."""
    scale: tuple[float, float] = (0.8, 1.25)
    """Label pixels of tiles lie between 0.35 and 0.7 um for scans of 0.17 to 0.5 um, mostly at 0.46 to 0.55."""
    hematoxylin_gain: tuple[float, float] = (0.5, 2.4)
    """Log-uniform; the palest core and the darkest gastric tiles are a factor of five apart."""
    dab_gain: tuple[float, float] = (0.3, 1.6)
    bleached: float = 0.15
    """Chance that the DAB goes almost wholly."""
    residual_gain: tuple[float, float] = (0.3, 1.7)
    vector_sd: float = 0.035
    """Of the parts of the stain vectors; 0.02 between the development cores."""
    offset_sd: float = 0.008
    """Density of the glass: the white point is estimated, too."""
    blurred: float = 0.3
    blur_px: tuple[float, float] = (0.3, 1.1)
    sharpened: float = 0.25
    sharpening: tuple[float, float] = (0.2, 1.0)
    noise_od: float = 0.012
    compressed: float = 0.3
    quality: tuple[int, int] = (40, 90)
    stained: float = 0.9
    """Chance that stain is changed at all."""


@dataclass(frozen=True)
class Patch:
    """What the network is shown, and what it should say."""

    density: Floats
    """(3, h, w)."""
    target: Target


def cut_patch(example: Example, rng: np.random.Generator, params: AugmentParams, targets: TargetParams) -> Patch:
    """Cut a patch around a random place of an example that something is known of."""
    matrix = _draw_geometry(example, rng, params)
    side = (params.side_px, params.side_px)
    white = tuple(float(v) for v in example.white)
    rgb = cv2.warpAffine(example.rgb, matrix, side, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=white)
    density = stain_anew(optical_density(np.asarray(rgb, np.uint8), example.white), rng, params)
    known = _warp(example.known.astype(np.uint8), matrix, side).astype(bool)
    labels = None
    if example.nuclei is not None and example.cells is not None:
        labels = _warp_labels(example.nuclei, matrix, side), _warp_labels(example.cells, matrix, side)
    xy = _moved(example.xy, matrix)
    tissue = None if example.tissue is None else _warp_tissue(example.tissue, matrix, side)
    target = make_target(xy, example.kind, known, labels, targets, tissue)
    return Patch(np.ascontiguousarray(density.transpose(2, 0, 1)), target)


def _draw_geometry(example: Example, rng: np.random.Generator, params: AugmentParams) -> Floats:
    """From pixels of the patch to pixels of the example, (2, 3): a turn, perhaps a mirror, a scale."""
    scale = math.exp(rng.uniform(math.log(params.scale[0]), math.log(params.scale[1])))
    angle = rng.integers(4) * math.pi / 2 + (rng.uniform(-0.5, 0.5) if rng.random() < 0.3 else 0.0)
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([rng.choice([-1, 1]), 1])
    center = _draw_center(example, rng, params.side_px * scale / 2)
    half = (params.side_px - 1) / 2
    return np.column_stack([turn, center - turn @ [half, half]]).astype(np.float32)


def _draw_center(example: Example, rng: np.random.Generator, half: float) -> NDArray[np.float64]:
    """Near a point, mostly: glass teaches little."""
    height, width = example.known.shape
    if len(example.xy) and rng.random() < 0.93:
        shift = rng.uniform(-0.7, 0.7, 2) * (half if example.nuclei is not None else min(half, 60.0))
        point: NDArray[np.float64] = example.xy[int(rng.integers(len(example.xy)))].astype(np.float64)
        return point + shift - 0.5
    if example.nuclei is None:
        rows, columns = np.nonzero(example.known if example.tissue is None else example.tissue != NOT_READ)
        k = rng.integers(len(rows))
        return np.array([columns[k], rows[k]], np.float64)
    return np.array([rng.uniform(0, width), rng.uniform(0, height)])


def _warp(picture: NDArray[np.uint8], matrix: Floats, side: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.warpAffine(picture, matrix, side, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP), np.uint8)


def _warp_labels(labels: Labels, matrix: Floats, side: tuple[int, int]) -> Labels:
    return np.asarray(cv2.warpAffine(labels, matrix, side, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP), np.uint16)


def _warp_tissue(tissue: NDArray[np.int8], matrix: Floats, side: tuple[int, int]) -> NDArray[np.int8]:
    return _warp((tissue - NOT_READ).astype(np.uint8), matrix, side).astype(np.int8) + np.int8(NOT_READ)


def _moved(xy: Floats, matrix: Floats) -> Floats:
    """Points of the example to pixels of the patch."""
    turn, shift = matrix[:, :2].astype(np.float64), matrix[:, 2].astype(np.float64)
    moved = (xy.astype(np.float64) - 0.5 - shift) @ np.linalg.inv(turn).T + 0.5
    return np.asarray(moved, np.float32)


def stain_anew(density: Floats, rng: np.random.Generator, params: AugmentParams) -> Floats:
    """Change gains and colors of the stains, then focus, noise and compression."""
    if rng.random() < params.stained:
        density = density @ _draw_recoloring(rng, params) + rng.normal(0, params.offset_sd, 3).astype(np.float32)
    if rng.random() < params.blurred:
        density = cv2.GaussianBlur(density, (0, 0), rng.uniform(*params.blur_px))
    elif rng.random() < params.sharpened:
        soft = cv2.GaussianBlur(density, (0, 0), 1.2)
        density = density + np.float32(rng.uniform(*params.sharpening)) * (density - soft)
    if rng.random() < params.compressed:
        density = _compress(density, int(rng.integers(*params.quality)))
    noise = params.noise_od * rng.random() * rng.standard_normal(density.shape, dtype=np.float32)
    return np.asarray(density + noise, np.float32)


def _draw_recoloring(rng: np.random.Generator, params: AugmentParams) -> Floats:
    """(3, 3): density times it is the density after the change."""
    before = _basis(np.array(HEMATOXYLIN), np.array(DAB))
    h, d = (np.array(v) + rng.normal(0, params.vector_sd, 3) for v in (HEMATOXYLIN, DAB))
    low, high = np.log(params.dab_gain)
    dab = math.exp(rng.uniform(low, high)) if rng.random() >= params.bleached else rng.uniform(0, 0.3)
    gains = (math.exp(rng.uniform(*np.log(params.hematoxylin_gain))), dab, rng.uniform(*params.residual_gain))
    return np.asarray(np.linalg.inv(before) @ np.diag(gains) @ _basis(h, d), np.float32)


def _basis(hematoxylin: NDArray[np.float64], dab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows: the two stains and what is at right angles to both, each of length 1."""
    rows = np.stack([hematoxylin, dab, np.cross(hematoxylin, dab)])
    scaled: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def _compress(density: Floats, quality: int) -> Floats:
    light = np.clip(240 * 10.0**-density, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", light[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])  # OpenCV's blue, green, red
    unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.float32)[..., ::-1]
    return np.asarray(-np.log10((unpacked + 1) / 241), np.float32)
