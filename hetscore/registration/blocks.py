"""Block matching: small squares of a fragment are searched for on the companion, and a transform is fitted to them.

The places where the blocks are found tell three things: the transform, how far it is off, and whether the two pictures
show the same tissue at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Affine
from hetscore.registration.params import RegistrationParams
from hetscore.registration.views import Picture, View


@dataclass(frozen=True)
class Blocks:
    """Where the blocks of a fragment lie and where they were found, microns, columns of length n."""

    here: NDArray[np.float64]
    """(n, 2), middles on the fragment's slide."""
    there: NDArray[np.float64]
    """(n, 2), the same places on the companion."""
    likeness: NDArray[np.float64]
    """Correlation coefficient where found."""


@dataclass(frozen=True)
class Fit:
    """A transform and how the blocks speak for it."""

    affine: Affine
    """Microns to microns."""
    residuals: NDArray[np.float64]
    """Microns, one a block: between where it was found and where the transform puts it."""
    is_borne_out: NDArray[np.bool_]
    """Whether a neighbor was found displaced as the block was: sections are bent smoothly, and a block that goes its
    own way was mistaken for another and tells nothing of the error."""

    @property
    def error_um(self) -> float:
        """Half of the residuals that are borne out are no larger; infinite where too few are."""
        return self._quantile(0.5)

    @property
    def error_p90_um(self) -> float:
        """Nine in ten are no larger."""
        return self._quantile(0.9)

    def agreement(self, within_um: float) -> float:
        """Share of all blocks that are found within a distance."""
        return float(np.mean(self.residuals <= within_um)) if len(self.residuals) else 0.0

    def _quantile(self, share: float) -> float:
        """Quantile of the residuals, made larger for the three of n blocks that the six numbers of a fit use up."""
        told = self.residuals[self.is_borne_out]
        n = len(told)
        return float(np.quantile(told, share)) * sqrt(n / (n - 3)) if n > 3 else inf


def plan_blocks(view: View, params: RegistrationParams) -> NDArray[np.intp]:
    """Lay blocks over a fragment: (n, 2) rows and columns of their first pixels, at most about `max_blocks`."""
    side = max(1, round(params.block_um / view.mpp))
    height, width = view.mask.shape
    if height < side or width < side:
        return np.zeros((0, 2), np.intp)
    share = cv2.boxFilter(view.mask.astype(np.float32), -1, (side, side), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    is_full = share[: height - side + 1, : width - side + 1] >= params.block_tissue
    step = max(1, round(params.step_um / view.mpp), round(sqrt(np.count_nonzero(is_full) / params.max_blocks)))
    planned: NDArray[np.intp] = np.argwhere(is_full[::step, ::step]) * step
    return planned


def match_blocks(
    fragment: View, piece: View, affine: Affine, corners: NDArray[np.intp], reach_um: float, params: RegistrationParams
) -> Blocks:
    """Search for the blocks around where a transform puts them.

    Parameters
    ----------
    fragment, piece : View
        The fragment and the piece of the companion.
    affine : (2, 3) float64
        Microns of the fragment's slide to microns of the companion.
    corners : (n, 2)
        As `plan_blocks` gives them.
    reach_um : float
        How far to search along x and y.
    params : RegistrationParams
        Size of the blocks.

    Returns
    -------
    Blocks
        All of them; a block without any contrast is found where the transform puts it, with likeness 0.
    """
    side, reach = round(params.block_um / fragment.mpp), ceil(reach_um / fragment.mpp)
    warped = _warp(fragment, piece, affine, reach)
    shifts, likeness = np.zeros((len(corners), 2)), np.zeros(len(corners))
    for k, (row, column) in enumerate(corners):
        block = fragment.detail[row : row + side, column : column + side]
        window = warped[row : row + side + 2 * reach, column : column + side + 2 * reach]
        if block.std() > 0 and window.std() > 0:
            scores = cv2.matchTemplate(window, block, cv2.TM_CCOEFF_NORMED)
            shifts[k], likeness[k] = find_peak(scores)
            shifts[k] -= reach
    middle = corners[:, ::-1] + (side - 1) / 2
    to_um = fragment.to_um()
    here = middle @ to_um[:2, :2].T + to_um[:2, 2]
    return Blocks(here, apply_affine(affine, here + shifts * fragment.mpp), likeness)


def _warp(fragment: View, piece: View, affine: Affine, reach: int) -> Picture:
    """Read the piece in the fragment's frame, `reach` pixels more on every side."""
    shifted = fragment.to_um() @ np.array([[1, 0, -reach], [0, 1, -reach], [0, 0, 1.0]])
    matrix = np.linalg.inv(piece.to_um()) @ np.vstack([affine, [0, 0, 1]]) @ shifted
    height, width = fragment.mask.shape
    size = (width + 2 * reach, height + 2 * reach)
    warped: Picture = cv2.warpAffine(piece.detail, matrix[:2], size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return warped


def find_peak(scores: Picture) -> tuple[tuple[float, float], float]:
    """Find the highest place (x, y) of a picture, between pixels by a parabola each way, and its height."""
    _, height, _, (x, y) = cv2.minMaxLoc(scores)
    return (x + _vertex(scores[y, :], x), y + _vertex(scores[:, x], y)), float(height)


def _vertex(line: NDArray[np.float32], at: int) -> float:
    """Place of the vertex of the parabola through three neighbors, against the middle one; 0 at the border."""
    if at == 0 or at == len(line) - 1:
        return 0.0
    left, middle, right = (float(v) for v in line[at - 1 : at + 2])
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else 0.5 * (left - right) / bend


def fit_blocks(blocks: Blocks, start: Affine, params: RegistrationParams, *, is_rigid: bool) -> Fit:
    """Fit a transform to the blocks that agree with one another.

    Parameters
    ----------
    blocks : Blocks
        Found places.
    start : (2, 3) float64
        What holds where too few agree.
    params : RegistrationParams
        How near is near.
    is_rigid : bool
        Turn, shift and one scale only.

    Returns
    -------
    Fit
        With the residuals of all blocks, those left out of the fit too.

    References
    ----------
    .. [1] Ourselin S et al. Reconstructing a 3D structure from serial histological sections. Image Vis Comput 19:25-31,
       2001: block matching with a robust fit. The robust fit here is RANSAC.
    """
    estimate = cv2.estimateAffinePartial2D if is_rigid else cv2.estimateAffine2D
    found = None
    if len(blocks.here) >= params.min_blocks:
        found, _ = estimate(
            blocks.here, blocks.there, method=cv2.RANSAC, ransacReprojThreshold=params.agree_um, confidence=CONFIDENCE
        )
    affine = start if found is None or not is_plausible(found, params) else found
    apart = blocks.there - apply_affine(affine, blocks.here)
    return Fit(affine, np.linalg.norm(apart, axis=1), find_borne_out(blocks.here, apart, params))


def find_borne_out(
    here: NDArray[np.float64], apart: NDArray[np.float64], params: RegistrationParams
) -> NDArray[np.bool_]:
    """Find the blocks with a neighbor that is displaced as they are, within `agree_um`.

    Neighbors lie a block's side away at most, or one step along either axis where the steps are wider. Of blocks found
    at random one in eight has such a neighbor by chance, if it has four.
    """
    distance = np.linalg.norm(here[:, None] - here[None], axis=-1)
    step = float(np.min(distance[distance > 0], initial=inf))
    near = distance <= max(params.block_um, 1.5 * step)
    alike = np.linalg.norm(apart[:, None] - apart[None], axis=-1) <= params.agree_um
    borne_out: NDArray[np.bool_] = np.count_nonzero(near & alike, axis=1) > 1  # each block is near and like itself
    return borne_out


CONFIDENCE = 0.999
"""That RANSAC draws three blocks that agree at least once; its draws are the same every time."""


def is_plausible(affine: Affine, params: RegistrationParams) -> bool:
    """Whether a transform neither mirrors nor stretches more than a section can be."""
    stretch = np.linalg.svd(affine[:, :2], compute_uv=False)
    is_upright = float(np.linalg.det(affine[:, :2])) > 0
    return is_upright and bool(np.all(np.abs(np.log(stretch)) <= np.log1p(params.max_stretch)))


def apply_affine(affine: Affine, xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """Carry places (n, 2) over."""
    carried: NDArray[np.float64] = xy @ affine[:, :2].T + affine[:, 2]
    return carried
