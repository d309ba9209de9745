"""Tissue is found however pale; glass, its noise and smears are not tissue."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hetscore.domain import Rgb, TissueMask
from hetscore.tissue import TissueParams, find_threshold, find_tissue
from tests.drawings import WHITE, Image, Mask, disc, glass, make_thumbnail, paint

SHAPE = (240, 300)
PIECE = disc(SHAPE, 150, 120, 60)
"""A round biopsy of 480 um."""
PARAMS = TissueParams()


def _find(rgb: Rgb, **excluded: Mask) -> TissueMask:
    return find_tissue(make_thumbnail(rgb), WHITE, excluded, PARAMS)


def _tissue(mean_od: float, piece: Mask = PIECE) -> Image:
    """Hematoxylin such that the mean over the channels is `mean_od`: all of it in every eighth pixel, the nuclei."""
    is_nucleus = np.random.default_rng(2).random(piece.shape) < 0.125
    return np.asarray(8 * mean_od / 0.572 * (piece & is_nucleus))  # unit hematoxylin is 0.572 on average


def _noisy(rgb: Rgb, sigma: float = 1.0) -> Rgb:
    noise = np.random.default_rng(3).normal(0, sigma, rgb.shape)
    return np.clip(np.round(rgb + noise), 0, 255).astype(np.uint8)


def _as_jpeg(rgb: Rgb, quality: int) -> Rgb:
    _, coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1])


def _overlap(found: Mask, truth: Mask) -> float:
    """Intersection over union."""
    return float((found & truth).sum() / (found | truth).sum())


class TestFindTissue:
    """What is kept."""

    @pytest.mark.parametrize("mean_od", [0.012, 0.03, 0.1])
    def test_pale_tissue_is_kept(self, mean_od: float) -> None:
        """Unstained tissue hardly darker than glass is what makes a case hetero: it must not be lost."""
        rgb = _noisy(paint(_tissue(mean_od), np.zeros(SHAPE)))
        assert _overlap(_find(rgb).mask, PIECE) > 0.8

    def test_pale_tissue_beside_brown_tissue_is_kept(self) -> None:
        """A cut between brown and pale, as Otsu's, would lose the pale piece."""
        pale, brown = disc(SHAPE, 70, 120, 50), disc(SHAPE, 230, 120, 50)
        rgb = _noisy(paint(_tissue(0.012, pale) + _tissue(0.1, brown), 0.5 * brown))
        assert _overlap(_find(rgb).mask, pale | brown) > 0.8

    def test_a_field_full_of_tissue_is_all_tissue(self) -> None:
        """Without glass the slide's own border is no edge of tissue."""
        everywhere = np.ones(SHAPE, bool)
        assert _find(_noisy(paint(_tissue(0.1, everywhere), np.zeros(SHAPE)))).mask.all()

    def test_the_edge_of_the_scan_is_not_joined_to_tissue_beside_it(self) -> None:
        """Pure white begins 16 um right of the piece: nothing above the piece is tissue, nor below it."""
        rgb = _noisy(paint(_tissue(0.1), np.zeros(SHAPE)))
        rgb[:, 214:] = 255
        found = _find(rgb).mask
        assert _overlap(found, PIECE) > 0.8
        assert not found[:50].any()
        assert not found[190:].any()

    def test_holes_are_filled(self) -> None:
        """Lumens and tears belong to the piece round them."""
        lumen = disc(SHAPE, 150, 120, 25)
        found = _find(paint(_tissue(0.1, PIECE & ~lumen), np.zeros(SHAPE))).mask
        assert found[lumen].all()

    def test_it_carries_the_thumbnails_scale(self) -> None:
        """Downsample and resolution go with the mask."""
        found = _find(glass(50, 60))
        assert (found.mask.shape, found.downsample, found.mpp) == ((50, 60), 16, 4.0)


class TestNoTissue:
    """What is not tissue."""

    def test_empty_glass(self) -> None:
        """An even white."""
        assert not _find(glass(*SHAPE)).mask.any()

    @pytest.mark.parametrize("sigma", [1.0, 2.5])
    def test_noisy_glass(self, sigma: float) -> None:
        """A noisy sensor."""
        assert not _find(_noisy(glass(*SHAPE), sigma)).mask.any()

    @pytest.mark.parametrize("quality", [30, 80])
    def test_the_blocks_of_jpeg(self, quality: int) -> None:
        """Compression turns noise into squares."""
        assert not _find(_as_jpeg(_noisy(glass(*SHAPE), 2.0), quality)).mask.any()

    def test_what_the_scanner_did_not_scan(self) -> None:
        """Pure white beside the glass has an edge, but is brighter than glass, not darker."""
        rgb = glass(*SHAPE)
        rgb[:, 150:] = 255
        assert not _find(_noisy(rgb)).mask.any()

    def test_a_smear_without_nuclei(self) -> None:
        """Mucus or glue: wider than a biopsy and darker than pale tissue, but nothing in it."""
        assert not _find(_noisy(paint(0.07 * PIECE, np.zeros(SHAPE)))).mask.any()

    def test_a_handful_of_nuclei(self) -> None:
        """Fewer nuclei than 50 (2000 um2) are no piece of tissue."""
        few = disc(SHAPE, 150, 120, 5.5)  # 95 px, 1520 um2
        assert not _find(paint(0.4 * few, 0.05 * PIECE)).mask.any()
        enough = disc(SHAPE, 150, 120, 7)  # 154 px, 2464 um2
        assert _find(paint(0.4 * enough, 0.05 * PIECE)).mask.any()


class TestExcluded:
    """What lies on the tissue."""

    def test_it_is_taken_out_and_kept_by_reason(self) -> None:
        """Tissue and excluded are disjoint, together they are the whole piece, and glass is not counted as excluded."""
        rgb = paint(_tissue(0.1), np.zeros(SHAPE))
        pen = np.zeros(SHAPE, bool)
        pen[:, 150:] = True
        whole, found = _find(rgb).mask, _find(rgb, pen=pen)
        assert np.array_equal(found.mask, whole & ~pen)
        assert np.array_equal(found.excluded["pen"], whole & pen)


class TestFindThreshold:
    """The density between glass and tissue."""

    @pytest.mark.parametrize(("noise", "threshold"), [(0.0001, 0.012), (0.002, 0.02), (0.02, 0.03)])
    def test_it_follows_the_noise_between_its_bounds(self, noise: float, threshold: float) -> None:
        """Glass of 0.01 and five widths of its noise, but never below 0.012 nor above 0.03."""
        smooth = np.random.default_rng(4).normal(0.01, noise, (300, 300)).astype(np.float32)
        assert find_threshold(smooth, PARAMS) == pytest.approx(threshold, abs=0.002)

    def test_pale_tissue_does_not_widen_it(self) -> None:
        """A third of the slide slightly darker than glass hides in the darker half, which is not looked at."""
        smooth = np.random.default_rng(4).normal(0.005, 0.002, (300, 300)).astype(np.float32)
        smooth[:100] += 0.008
        assert find_threshold(smooth, PARAMS) == pytest.approx(0.015, abs=0.002)


def test_bands_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Densities measured seven rows at a time give the same tissue."""
    rgb = _noisy(paint(_tissue(0.03), 0.0 * np.ones(SHAPE)))
    whole = _find(rgb)
    monkeypatch.setattr("hetscore.tissue._ROWS", 7)

    np.testing.assert_array_equal(_find(rgb).mask, whole.mask)
    assert whole.mask.any()
