"""Time StarDist on a picture: python stardist.py PICTURE.npy, in StarDist's own environment.

The architecture is that of its model 2D_versatile_he; the weights are random, since nothing is downloaded. The network
is timed on the picture; what random weights find is no measure of the post-processing, which is left out: StarDist
whole is slower than this.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from statistics import median

ROUNDS = 5


def main(path: str) -> None:
    """Print the median seconds of the network's forward pass on one core."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before tensorflow is loaded
    sys.path.pop(0)  # the folder of this file, which has the name of the package
    import numpy as np
    import tensorflow as tf  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from stardist.models import Config2D, StarDist2D  # type: ignore[import-not-found,import-untyped,unused-ignore]

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    config = Config2D(n_rays=32, grid=(2, 2), n_channel_in=3)  # 2D_versatile_he
    picture = np.load(path).astype(np.float32) / 255
    with tempfile.TemporaryDirectory() as folder:
        model = StarDist2D(config, name="random", basedir=folder)
        seconds = [_time_once(model, picture) for _ in range(ROUNDS + 1)][1:]  # the first warms up
    found = {"seconds": median(seconds), "mp": picture.shape[0] * picture.shape[1] / 1e6}
    print(json.dumps({**found, "what": "network alone, random weights"}))


def _time_once(model: object, picture: object) -> float:
    start = time.process_time()
    model.predict(picture)  # type: ignore[attr-defined]
    return time.process_time() - start


if __name__ == "__main__":
    main(sys.argv[1])
