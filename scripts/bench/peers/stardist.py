"""Time StarDist on a picture: python -m scripts.bench.peers.stardist PICTURE.npz, in StarDist's own environment.

The architecture is that of its model 2D_versatile_he, with random weights. Non-maximum suppression and the drawing of
polygons are timed on the star-convex distances of hetscore's nuclei, made by StarDist's own functions for training.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version

import numpy as np

from scripts.bench.peers.peer import Peer, Picture, run_peer

N_RAYS, GRID = 32, (2, 2)
PROB_THRESH, NMS_THRESH = 0.692478, 0.3
"""All four as 2D_versatile_he has them: its config.json and thresholds.json."""


def load(picture: Picture) -> Peer:
    """Make the network and the maps it ought to give."""
    import tensorflow as tf  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from stardist.geometry import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        polygons_to_label,
        star_dist,
    )
    from stardist.models import Config2D, StarDist2D  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from stardist.nms import non_maximum_suppression  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from stardist.utils import edt_prob  # type: ignore[import-not-found,import-untyped,unused-ignore]

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rgb = picture.rgb.astype(np.float32) / 255
    with tempfile.TemporaryDirectory() as folder:
        config = Config2D(n_rays=N_RAYS, grid=GRID, n_channel_in=rgb.shape[2])
        model = StarDist2D(config, name="random", basedir=folder)
    probability = edt_prob(picture.nuclei)[:: GRID[0], :: GRID[1]]
    distance = star_dist(picture.nuclei, N_RAYS, grid=GRID)

    def find() -> int:
        points, scores, kept = non_maximum_suppression(
            distance, probability, grid=GRID, prob_thresh=PROB_THRESH, nms_thresh=NMS_THRESH
        )
        polygons_to_label(kept, points, shape=picture.nuclei.shape, prob=scores)
        return len(points)

    steps = {"network": lambda: model.predict(rgb), "polygons": find}
    return Peer("StarDist", version("stardist"), "nuclei; 2D_versatile_he, random weights", picture, steps)


if __name__ == "__main__":
    run_peer(load)
