"""The maps that stand where InstanSeg's network was say what a perfect network would."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from scripts.bench.peers.instanseg import (
    NEAR,
    PX_PER_UNIT,
    SEED_SCALE,
    ask_for_nearness,
    distance_from_middle,
    draw_maps,
)
from scripts.bench.peers.peer import Picture

_TWO = np.zeros((24, 32), np.int32)
_TWO[4:9, 3:12], _TWO[12:21, 20:27] = 1, 2
_MIDDLES = {1: (6, 7), 2: (16, 23)}


def test_offsets_lead_to_the_middle() -> None:
    """From each pixel of two rectangles the offset ends in the rectangle's middle; the corners are farthest."""
    offset, share = distance_from_middle(_TWO)

    end = np.indices(_TWO.shape) + offset
    for label, middle in _MIDDLES.items():
        assert np.allclose(end[:, label == _TWO].T, middle)
        assert share[middle] == 0
    assert share[4, 3] == share[20, 26] == 1
    assert np.all(offset[:, _TWO == 0] == 0)
    assert np.all(share[_TWO == 0] == 1)


def test_a_speck_is_its_own_middle() -> None:
    """A nucleus of one pixel has no farthest pixel to divide by."""
    offset, share = distance_from_middle(np.array([[0, 1]], np.int32))

    assert share.tolist() == [[1, 0]]
    assert not offset.any()


def test_maps_read_as_the_tool_reads_them() -> None:
    """Fields, decoded, point from each pixel to its middle in x and y; a seed is 1 in the middle and 0 outside."""
    maps = draw_maps(Picture(np.zeros((*_TWO.shape, 3), np.uint8), _TWO, _TWO))[0]

    fields = (1 / (1 + np.exp(-maps[:2])) - 0.5) * 8 * PX_PER_UNIT
    seeds = maps[-1] / SEED_SCALE + 0.5
    y, x = np.indices(_TWO.shape)
    for label, (row, column) in _MIDDLES.items():
        inside = label == _TWO
        assert np.allclose((x + fields[0])[inside], column, atol=1e-4)
        assert np.allclose((y + fields[1])[inside], row, atol=1e-4)
        assert np.isclose(seeds[row, column], 1)
    assert np.allclose(seeds[_TWO == 0], 0)


class _Classifier(nn.Module):
    """Three layers as InstanSeg's pixel classifier has them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 1)

    def forward(self, place: torch.Tensor) -> torch.Tensor:
        """Return a logit a row."""
        logit: torch.Tensor = self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(place)))))
        return logit


def test_the_classifier_asks_for_nearness_alone() -> None:
    """Near the seed in either direction is yes, beyond is no, and the sigmas do not matter."""
    near, beyond = 0.9 * NEAR, 1.1 * NEAR
    places = [[near, 0, 0, 0], [0, -near, 9, 9], [-beyond, 0, 0, 0], [near, near, -9, 0], [0, beyond, 0, 0]]

    with torch.inference_mode():
        logits = ask_for_nearness(_Classifier())(torch.tensor(places))

    assert (logits[:, 0] > 0).tolist() == [True, True, False, False, False]
