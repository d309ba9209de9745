"""Time Cellpose 3 on a picture: python -m scripts.bench.peers.cellpose PICTURE.npz, in Cellpose's own environment.

The architecture is that of its model cyto3, with random weights. It gets the picture as it is: Cellpose would enlarge
it where cells are less than 30 px across, and take longer. Its dynamics are timed on the flows of hetscore's cells,
made by Cellpose's own function for training.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from scripts.bench.peers.peer import Peer, Picture, run_peer

SIDE = 512
"""The slowest of all: a quarter of the picture."""
DIAMETER = 30.0
"""Pixels across a cell: those that cyto3 was trained with, here 15 um, so nothing is enlarged."""
BATCH = 1
"""Tiles of 224 px at once: the default is 8, which on one core is slower."""
N_STEPS = 200
"""Of the dynamics: what `CellposeModel.eval` takes at this diameter."""
FLOW_SCALE = 5.0
"""The network is trained to say five times the flow; a logit of 5 is a sure cell."""


def load(picture: Picture) -> Peer:
    """Make the network and the flows it ought to give."""
    import torch
    from cellpose import dynamics  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from cellpose.models import CellposeModel  # type: ignore[import-not-found,import-untyped,unused-ignore]

    torch.set_num_threads(1)
    picture = picture.middle(SIDE)
    model = CellposeModel(gpu=False, pretrained_model=None, diam_mean=DIAMETER)
    flow = FLOW_SCALE * dynamics.masks_to_flows(picture.cells.astype(np.int64)).astype(np.float32)
    logit = np.where(picture.cells > 0, FLOW_SCALE, -FLOW_SCALE).astype(np.float32)

    def predict() -> object:
        return model.eval(picture.rgb, channels=[0, 0], diameter=DIAMETER, batch_size=BATCH, compute_masks=False)

    def follow() -> int:
        return int(dynamics.resize_and_compute_masks(flow, logit, niter=N_STEPS).max())

    what = "cells; architecture of cyto3, random weights"
    steps = {"network": predict, "dynamics": follow}
    return Peer("Cellpose", version("cellpose"), what, picture, steps, finds_cells=True)


if __name__ == "__main__":
    run_peer(load)
