"""Compile what is compiled on first use, ahead of it: ``python -m hetscore.pipeline.warm_up``, once after installation.

A small drawn tile goes through each shipped model and through the membranes. The compiled code is kept beside the
package or, where that folder is read-only, in the folder that ``NUMBA_CACHE_DIR`` names.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from hetscore.config import Settings, load_model, models_folder
from hetscore.domain import Cells, Rgb, Tile, TileImage
from hetscore.geometry import Box
from hetscore.membrane import measure_cells
from hetscore.pipeline.run import Run
from hetscore.stain import Stain
from hetscore.stain_drift import estimate_stain

_GLASS = (240.0, 240.0, 240.0)
"""The usual glass of brightfield scanners, which `stain.find_white` takes too."""
_MPP, _SIDE_PX = 0.25, 256
"""A x40 scan; a whole number of the steps that tiles are aligned to."""
_SITE_SCALE = 1.1
"""Any scale of DAB but 1: pictures of a calibrated site are read by a loop of their own."""


def warm_up() -> None:
    """Compile all that scoring a slide needs, for each shipped model."""
    for folder in sorted(models_folder().iterdir()):
        if folder.is_dir():
            run = Run(Settings(), load_model(str(folder)))
            for scale in (1.0, _SITE_SCALE):
                analyze_drawn(run, scale)


def analyze_drawn(run: Run, dab_scale: float) -> Cells:
    """Find and measure the cells of a drawn tile, and estimate its stain, as with a slide.

    Parameters
    ----------
    run : Run
        Settings and model.
    dab_scale : float
        The site's scale of DAB.

    Returns
    -------
    Cells
        As many as the model sees in circles; what it compiles does not depend on them.
    """
    whole = Box(0, 0, _SIDE_PX, _SIDE_PX)
    image = TileImage(Tile(id=0, box=whole, core=whole, downsample=1, mpp=_MPP), _draw_cells())
    stain = replace(Stain(_GLASS, run.model.stain), dab_scale=dab_scale)
    estimate_stain([image.rgb], stain, run.settings.stain_drift)
    return measure_cells(image, run.segmenter.segment(image, stain), stain, run.settings.membrane)


def _draw_cells() -> Rgb:
    """Draw two by two cells, 30 um apart: a pale body, a blue nucleus 8 um across and a brown membrane 2 um wide."""
    rgb = np.full((_SIDE_PX, _SIDE_PX, 3), 240, np.uint8)
    for center in ((70, 70), (190, 70), (70, 190), (190, 190)):
        cv2.circle(rgb, center, 32, (225, 215, 225), thickness=cv2.FILLED)
        cv2.circle(rgb, center, 32, (120, 80, 50), thickness=8)
        cv2.circle(rgb, center, 16, (90, 90, 160), thickness=cv2.FILLED)
    return rgb


if __name__ == "__main__":
    warm_up()
