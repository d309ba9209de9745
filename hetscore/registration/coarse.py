"""Which piece of the companion a fragment may be, and how it is turned: outline and hematoxylin, turned all around.

Serial sections are laid on the glass piece by piece and slides into the scanner either way up, so every turn and every
piece is tried. The answer is a short list; `hetscore.registration.blocks` looks at it closely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, hypot

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hetscore.domain import Affine
from hetscore.registration.params import RegistrationParams
from hetscore.registration.views import Picture, View, shrink_view


@dataclass(frozen=True)
class Candidate:
    """A turn of a fragment and a piece it may be."""

    piece: int
    """Place in the list of pieces."""
    angle_deg: float
    """From the fragment to the piece, from x towards y."""
    score: float
    """Cosine of the two pictures, -1 to 1."""
    affine: Affine
    """From microns of the fragment's slide to microns of the piece's."""


def find_candidates(fragment: View, pieces: Sequence[View], params: RegistrationParams) -> list[Candidate]:
    """Find the likeliest pieces and turns of a fragment.

    Parameters
    ----------
    fragment : View
        Of the HER2 slide.
    pieces : sequence of View
        Of the companion, at the same microns per pixel.
    params : RegistrationParams
        Steps, and how many to give.

    Returns
    -------
    list of Candidate
        At most twice `n_candidates`: the best by the whole pieces, then the best by what lies under the fragment, for
        a piece that touches another on the companion. Empty without pieces.

    Notes
    -----
    For each turn the cosine of the two pictures is found at all shifts at once, as a product of their Fourier
    transforms. A picture is 1 plus `content` times the standardized hematoxylin within the outline, 0 outside.
    """
    longest = max((hypot(*view.mask.shape) for view in (fragment, *pieces)), default=0.0)
    factor = max(1, round(params.coarse_mpp / fragment.mpp), ceil(longest / params.coarse_px))
    small, others = shrink_view(fragment, factor), [shrink_view(piece, factor) for piece in pieces]
    angles = np.arange(0, 360, params.turn_deg)
    turned, matrices = _turn_all(_standardized(small, params.content), angles)
    found: tuple[list[Candidate], list[Candidate]] = ([], [])
    for index, other in enumerate(others):
        for angle, matrix, ways in zip(angles, matrices, _correlate_all(turned, other, params.content), strict=True):
            for way, (score, shift) in zip(found, ways, strict=True):
                way.append(Candidate(index, float(angle), score, _affine(small, other, matrix, shift)))
    whole, under = (_keep_distinct(sorted(way, key=lambda c: -c.score), params) for way in found)
    return [*whole, *(c for c in under if all(_is_apart(c, other, params.turn_deg) for other in whole))]


def _standardized(view: View, content: float) -> Picture:
    inside = view.hematoxylin[view.mask]
    if inside.size == 0:
        return np.zeros(view.mask.shape, np.float32)
    spread = float(inside.std()) or 1.0
    z = np.clip((view.hematoxylin - inside.mean()) / spread, -3, 3)
    standardized: Picture = np.where(view.mask, 1 + content * z, 0).astype(np.float32)
    return standardized


def _turn_all(picture: Picture, angles: NDArray[np.float64]) -> tuple[Picture, list[NDArray[np.float64]]]:
    """Turn a picture about its middle, each into a square that holds any turn; with the (2, 3) matrices."""
    height, width = picture.shape
    side = ceil(hypot(height, width)) + 1
    turned = np.empty((len(angles), side, side), np.float32)
    matrices = []
    for k, angle in enumerate(angles):
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -angle, 1.0)
        matrix[:, 2] += ((side - width) / 2, (side - height) / 2)
        turned[k] = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR)
        matrices.append(matrix)
    return turned, matrices


_Best = tuple[float, tuple[int, int]]
"""A cosine and its shift (x, y) in pixels."""


def _correlate_all(turned: Picture, other: View, content: float) -> list[tuple[_Best, _Best]]:
    """Find for each turn the best cosine with the whole piece, and with what of it lies under the fragment."""
    picture = _standardized(other, content)
    shape = [fft.next_fast_len(a + b, real=True) for a, b in zip(turned.shape[1:], picture.shape, strict=True)]
    spectrum, power = fft.rfft2(picture, shape), fft.rfft2(picture**2, shape)
    return [_correlate(one, spectrum, power, float(np.linalg.norm(picture)), shape) for one in turned]


def _correlate(
    one: Picture, spectrum: NDArray[np.complex64], power: NDArray[np.complex64], norm: float, shape: Sequence[int]
) -> tuple[_Best, _Best]:
    product = fft.irfft2(spectrum * np.conj(fft.rfft2(one, shape)), shape)
    under = fft.irfft2(power * np.conj(fft.rfft2((one != 0).astype(np.float32), shape)), shape)
    own = float(np.linalg.norm(one))
    least = LEAST_UNDER * own  # a corner of a piece is like anything
    cosines = (product / max(own * norm, 1e-9), product / np.maximum(own * np.sqrt(np.maximum(under, 0)), own * least))
    return _peak(cosines[0]), _peak(cosines[1])


LEAST_UNDER = 0.7
"""What lies under the fragment counts as at least this much of it: half of its area."""


def _peak(cosine: NDArray[np.float32]) -> _Best:
    """Find the highest value; a shift beyond the middle is one to the left or up."""
    at = int(np.argmax(cosine))
    row, column = np.unravel_index(at, cosine.shape)
    dy, dx = (int(d) - n if d > n // 2 else int(d) for d, n in zip((row, column), cosine.shape, strict=True))
    return float(cosine.flat[at]), (dx, dy)


def _affine(small: View, other: View, matrix: NDArray[np.float64], shift: tuple[int, int]) -> Affine:
    """Turn a rotation and shift of pixels into a transform of microns."""
    moved = np.vstack([matrix, [0, 0, 1.0]])
    moved[:2, 2] += shift
    affine: Affine = (other.to_um() @ moved @ np.linalg.inv(small.to_um()))[:2]
    return affine


def _keep_distinct(ranked: Sequence[Candidate], params: RegistrationParams) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in ranked:
        if all(_is_apart(candidate, other, params.apart_deg) for other in kept):
            kept.append(candidate)
        if len(kept) == params.n_candidates:
            break
    return kept


def _is_apart(a: Candidate, b: Candidate, apart_deg: float) -> bool:
    turn = abs((a.angle_deg - b.angle_deg + 180) % 360 - 180)
    return a.piece != b.piece or turn >= apart_deg
