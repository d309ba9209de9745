"""Rays from each nucleus outward, and what they see of the membrane: place, height and width of the line.

The loops over cells, rays and steps are in `membrane.kernels`; what they need is made ready here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import TileImage, TileLabels
from hetscore.membrane.kernels import Floats, Picture, Rays, Room, Window, walk_rays
from hetscore.membrane.params import MembraneParams
from hetscore.stain import Image, Stain


def cast_rays(
    image: TileImage,
    labels: TileLabels,
    nuclei: Floats,
    owned: NDArray[np.int64],
    dab: Image,
    stain: Stain,
    params: MembraneParams,
) -> Rays:
    """Cast the rays of the cells that a tile owns.

    Parameters
    ----------
    image : TileImage
        The tile's pixels.
    labels : TileLabels
        Nuclei and cells.
    nuclei : ndarray of float64, (n, 5)
        Area, center x and y (label pixels), mean DAB and mean residual of each nucleus.
    owned : ndarray of int64
        Rows of the cells to measure.
    dab : ndarray of float32, (h, w)
        Density of DAB, pixels of the tile.
    stain : Stain
        The slide's glass.
    params : MembraneParams
        How the membrane is looked for.

    Returns
    -------
    Rays
        One row for each of `owned`.
    """
    angles = np.arange(params.n_rays) * (2 * np.pi / params.n_rays)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (params.step_um / image.tile.mpp)
    picture = Picture(np.ascontiguousarray(image.rgb), dab, labels.nuclei, labels.cells, labels.shrink)
    window, seeds = _window(stain, params), nuclei[owned, 1:3] + 0.5
    rays = _make_rays(nuclei[owned, 3], params.n_rays)
    walk_rays(picture, owned + 1, seeds, directions, window, _make_room(window, params.n_rays), rays)
    return rays


def _window(stain: Stain, params: MembraneParams) -> Window:
    def steps(length_um: float) -> int:
        return round(length_um / params.step_um)

    return Window(
        inside=steps(params.inside_um),
        outside=steps(params.outside_um),
        side=steps(params.side_um),
        reach=steps(params.reach_um),
        band=round(params.min_band_um / params.step_um * params.n_rays),
        widest=params.max_width_um / params.step_um,
        width_rays=params.min_width_rays,
        stained_od=params.stained_od,
        plateau=params.plateau,
        lumen=(steps(params.lumen_um[0]), steps(params.lumen_um[1])),
        open_green=(stain.white[1] + 1) * 10**-params.open_od - 1,
    )


def _make_rays(nucleus_od: Floats, n_rays: int) -> Rays:
    """Make room for the answer; arrays are made here because numba takes a second to compile their making."""
    shape = len(nucleus_od), n_rays
    return Rays(
        height_od=np.zeros(shape),
        ground_od=np.zeros(shape),
        place=np.zeros(shape),
        border=np.zeros(shape),
        faces_lumen=np.zeros(shape, np.bool_),
        is_saturated=np.zeros(shape, np.bool_),
        is_ground_saturated=np.zeros(shape, np.bool_),
        baseline_od=nucleus_od,
        width=np.full(len(nucleus_od), np.nan),
    )


def _make_room(window: Window, n_rays: int) -> Room:
    beyond = max(2 * window.side, int(window.widest) + 4)
    return Room(
        profiles=np.empty((n_rays, window.reach + window.outside + beyond)),
        ends=np.empty((n_rays, 3), np.int64),
        pool=np.empty(n_rays * (window.reach + 1)),
        widths=np.empty(n_rays),
    )
