"""Crops and places of the real cores become examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hetscore.segmenters.network import TUMOR as TUMOR_MAP
from scripts.training.augment import FREE_WEIGHT, AugmentParams, cut_patch
from scripts.training.examples import DOUBT, OTHER, TUMOR, read_crops, read_tumor_free
from scripts.training.targets import TargetParams
from tests.scripts.training.test_augment import spotted


def test_every_crop_is_read_once_by_its_first_reader(shared_data: Callable[[str], Path]) -> None:
    """62 crops of eight cores; what a code means; points of a crop lie in its known part but for the border."""
    crops = read_crops(shared_data("annotations").parent)
    assert len(crops) == 62
    assert len({crop.group for crop in crops}) == 8
    kind = {code: crop.kind[crop.code == code] for crop in crops if crop.code is not None for code in set(crop.code)}
    assert set(kind) == {"t0", "t1", "t2", "t3", "n", "u"}
    assert (kind["n"] == OTHER).all()
    assert (kind["t2"] == TUMOR).all()
    assert (kind["u"] == DOUBT).all()
    crop = crops[0]
    assert crop.rgb.shape[:2] == crop.known.shape == (576, 576)
    rows, columns = np.nonzero(crop.known)
    assert (rows.max() - rows.min(), columns.max() - columns.min()) == (183, 183)


def test_tumor_free_places_are_cut_like_crops(shared_data: Callable[[str], Path]) -> None:
    """Nothing is pointed at and nothing known of nuclei; the middle of each is free of tumor."""
    places = read_tumor_free(shared_data("annotations").parent)
    assert len(places) > 30
    assert all(place.free is not None and place.free.any() for place in places)
    assert not any(place.known.any() or len(place.xy) for place in places)


def test_of_a_tumor_free_place_only_tumor_is_asked() -> None:
    """The map of tumor is to say no there, and nothing is said of the other maps."""
    free = np.ones((200, 180), bool)
    example = replace(
        spotted(), nuclei=None, cells=None, xy=np.zeros((0, 2), np.float32), kind=np.zeros(0, np.int8),
        known=~free, free=free,
    )  # fmt: skip
    target = cut_patch(example, np.random.default_rng(0), AugmentParams(side_px=64), TargetParams()).target
    assert not target.maps[TUMOR_MAP].any()
    assert np.isclose(target.weights[TUMOR_MAP].max(), FREE_WEIGHT)
    assert not np.delete(target.weights, TUMOR_MAP, axis=0).any()
