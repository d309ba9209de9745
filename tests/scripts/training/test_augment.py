"""Patches: turned and scaled with their truth, stained anew without it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hetscore.segmenters.network import CENTER, NUCLEUS
from hetscore.segmenters.network import TUMOR as TUMOR_MAP
from scripts.training.augment import DAB, HEMATOXYLIN, AugmentParams, cut_patch, stain_anew
from scripts.training.examples import NOT_READ, OTHER, TUMOR, Example
from scripts.training.targets import TargetParams

SIDE = 96
WHITE = (240.0, 240.0, 240.0)


def spotted(n: int = 30) -> Example:
    """Dark discs of 5 pixels on white, each a nucleus with its label."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(6)), axis=-1).reshape(-1, 2)[:n]
    xy = (30.0 * grid + 25 + rng.uniform(-4, 4, grid.shape)).astype(np.float32)
    y, x = np.indices((200, 180)) + 0.5
    distance = np.hypot(x[..., None] - xy[:, 0], y[..., None] - xy[:, 1])
    nuclei = np.where(distance.min(axis=-1) < 5, distance.argmin(axis=-1) + 1, 0).astype(np.uint16)
    rgb = np.where(nuclei[..., None] > 0, (90, 80, 140), WHITE).astype(np.uint8)
    kind = np.where(np.arange(n) % 2, TUMOR, OTHER).astype(np.int8)
    return Example("spots", "g", rgb, WHITE, xy, kind, np.ones(nuclei.shape, bool), nuclei, nuclei)


@pytest.mark.parametrize("seed", range(8))
def test_truth_moves_with_the_picture(seed: int) -> None:
    """However a patch is turned, mirrored and scaled, nuclei are dark, and centers lie in the middle of them."""
    params = AugmentParams(side_px=SIDE, stained=0, blurred=0, sharpened=0, noise_od=0, compressed=0)
    patch = cut_patch(spotted(), np.random.default_rng(seed), params, TargetParams())
    dark, nucleus = patch.density[0] > 0.2, patch.target.maps[NUCLEUS] > 0
    known = patch.target.weights[NUCLEUS] > 0
    assert nucleus.any()
    assert (dark == nucleus)[known].mean() > 0.99
    assert patch.target.maps[NUCLEUS][patch.target.maps[CENTER] > 0.9].mean() > 0.99


def test_a_patch_is_decided_by_its_seed() -> None:
    """Same seed, same patch; another seed, another one."""
    params = AugmentParams(side_px=SIDE)
    one, same, other = (cut_patch(spotted(), np.random.default_rng(s), params, TargetParams()) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.density, same.density)
    assert np.abs(one.density - other.density).max() > 0.1


def test_bleaching_takes_the_brown_and_leaves_the_blue() -> None:
    """A pixel of DAB loses nearly all of its density, one of hematoxylin none but what its gain says."""
    params = AugmentParams(
        hematoxylin_gain=(1, 1), bleached=1, residual_gain=(1, 1), vector_sd=0, offset_sd=0, stained=1,
        blurred=0, sharpened=0, noise_od=0, compressed=0,
    )  # fmt: skip
    stains = np.array([[HEMATOXYLIN, DAB]], np.float32)
    blue, brown = stain_anew(stains, np.random.default_rng(0), params)[0]
    np.testing.assert_allclose(blue, HEMATOXYLIN, atol=1e-4)
    assert np.linalg.norm(brown) < 0.31 * np.linalg.norm(DAB)


def test_unstained_is_untouched() -> None:
    """With every chance at nothing the densities stay as they are."""
    params = replace(AugmentParams(), stained=0, blurred=0, sharpened=0, noise_od=0, compressed=0)
    density = np.random.default_rng(0).random((8, 8, 3), dtype=np.float32)
    np.testing.assert_array_equal(stain_anew(density, np.random.default_rng(1), params), density)


def test_compression_keeps_density_but_for_its_blocks() -> None:
    """JPEG changes smooth densities by little; its blue, green and red are not mixed up."""
    params = replace(AugmentParams(), stained=0, blurred=0, sharpened=0, noise_od=0, compressed=1, quality=(90, 91))
    density = np.full((16, 16, 3), (0.1, 0.3, 0.6), np.float32)
    np.testing.assert_allclose(stain_anew(density, np.random.default_rng(1), params), density, atol=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_painted_tissue_moves_with_the_picture(seed: int) -> None:
    """Where the picture was painted dark as tumor, and nowhere else, tumor is asked for, with the weight of regions."""
    rgb = np.full((200, 180, 3), 235, np.uint8)
    tissue = np.full((200, 180), NOT_READ, np.int8)
    for box, kind, color in (((20, 90, 20, 160), TUMOR, (90, 80, 140)), ((110, 180, 20, 160), OTHER, (200, 190, 210))):
        rgb[box[0] : box[1], box[2] : box[3]], tissue[box[0] : box[1], box[2] : box[3]] = color, kind
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.int8), np.zeros((200, 180), bool)
    example = Example("painted", "g", rgb, (235.0, 235.0, 235.0), *nothing, tissue=tissue)
    params = AugmentParams(side_px=SIDE, stained=0, blurred=0, sharpened=0, noise_od=0, compressed=0)
    patch = cut_patch(example, np.random.default_rng(seed), params, TargetParams())
    asked, density = patch.target.weights[TUMOR_MAP], patch.density[0]
    assert set(np.unique(asked)) <= {np.float32(0), np.float32(TargetParams().far_weight)}
    assert (asked > 0).any()
    is_tumor, is_other = (
        (asked > 0) & (patch.target.maps[TUMOR_MAP] > 0),
        (asked > 0) & (patch.target.maps[TUMOR_MAP] == 0),
    )
    for where, is_right in ((is_tumor, density > 0.3), (is_other, (density > 0.03) & (density < 0.3))):
        assert not where.any() or is_right[where].mean() > 0.97
