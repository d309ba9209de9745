"""The network's segmenter: flips, odd sizes, drawn nuclei, and what is told of bad weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save

from hetscore.config import load_model
from hetscore.domain import Rgb
from hetscore.errors import ModelError
from hetscore.segmenters.calibration import TumorCalibration
from hetscore.segmenters.decoding import MAPS, NetworkParams
from hetscore.segmenters.network import NetworkConfig, NetworkSegmenter
from hetscore.segmenters.unet import SegmentationNetwork, fold_trained
from hetscore.stain import StainVectors
from tests.drawings import STAIN, WHITE, make_tile, nuclei_picture, paint
from tests.segmenters.builders import edit_card, make_network, random_network, write_network

CALIBRATION = TumorCalibration(1.0, 0.0)


def _segmenter(network: SegmentationNetwork, *, flips: bool = False) -> NetworkSegmenter:
    return NetworkSegmenter(fold_trained(network), CALIBRATION, NetworkParams(device="cpu", flips=flips))


def _noise(height: int, width: int) -> Rgb:
    return np.random.default_rng(2).integers(60, 240, (height, width, 3)).astype(np.uint8)


class TestPredict:
    """Maps of a tile."""

    @pytest.mark.parametrize("shape", [(50, 70), (1, 1), (64, 33)])
    def test_odd_sizes_are_padded(self, shape: tuple[int, int]) -> None:
        """The picture and the padded one have the same maps where there is a picture."""
        segmenter, rgb = _segmenter(random_network()), _noise(*shape)
        stride = segmenter.config.stride
        whole = np.pad(rgb, ((0, -shape[0] % stride), (0, -shape[1] % stride), (0, 0)), mode="edge")
        maps = segmenter.predict(rgb, WHITE)
        assert maps.shape == (len(MAPS), *shape)
        assert maps.dtype == np.float32
        np.testing.assert_allclose(maps, segmenter.predict(whole, WHITE)[:, : shape[0], : shape[1]], atol=1e-5)

    def test_flips_are_averaged(self) -> None:
        """The mean of the maps of the four mirrorings, each mirrored back; so a mirrored picture has mirrored maps."""
        network, rgb = random_network(), _noise(64, 96)
        plain, flipped = _segmenter(network), _segmenter(network, flips=True)
        mirrors = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        expected = np.mean([plain.predict(rgb[::i, ::j].copy(), WHITE)[:, ::i, ::j] for i, j in mirrors], axis=0)
        maps = flipped.predict(rgb, WHITE)
        np.testing.assert_allclose(maps, expected, atol=1e-5)
        np.testing.assert_allclose(flipped.predict(rgb[:, ::-1].copy(), WHITE)[:, :, ::-1], maps, atol=1e-5)
        assert not np.allclose(maps, plain.predict(rgb, WHITE), atol=1e-3)


class TestSegment:
    """The network made by hand finds what it was made to find."""

    CENTERS = ((30.0, 30.0), (75.0, 34.0), (130.0, 28.0), (40.0, 90.0), (140.0, 110.0))

    def test_drawn_nuclei(self) -> None:
        """Five of five where they are, each with a cell larger than its nucleus."""
        shape = (160, 192)
        tile = make_tile(paint(nuclei_picture(shape, list(self.CENTERS)), np.zeros(shape)))
        labels = _segmenter(make_network()).segment(tile, STAIN)
        assert len(labels.p_tumor) == 5
        assert sorted(labels.nuclei[int(y), int(x)] for x, y in self.CENTERS) == [1, 2, 3, 4, 5]
        areas = [np.bincount(image.ravel())[1:] for image in (labels.nuclei, labels.cells)]
        assert (areas[1] > 1.5 * areas[0]).all()

    @pytest.mark.parametrize("gain", [0.8, 1.25])
    def test_a_site_that_stains_more_is_seen_alike(self, gain: float) -> None:
        """With the site's scale the same nuclei, and tumor as likely; the network made by hand judges by the DAB."""
        nuclei = nuclei_picture((160, 192), list(self.CENTERS))
        dab = np.where(np.arange(192) < 96, 0.2, 0.4) * np.ones((160, 1))
        original, drifted = (make_tile(paint(nuclei, g * dab)) for g in (1, gain))
        segmenter = _segmenter(make_network())

        before = segmenter.segment(original, STAIN)
        unseen, seen = (segmenter.segment(drifted, replace(STAIN, dab_scale=scale)) for scale in (1.0, gain))

        assert len(before.p_tumor) == len(unseen.p_tumor) == len(seen.p_tumor) == 5
        assert (before.nuclei != seen.nuclei).mean() < 0.002
        assert np.abs(seen.p_tumor - before.p_tumor).max() < 0.01
        assert np.abs(unseen.p_tumor - before.p_tumor).max() > 0.05

    def test_without_a_scale_the_vectors_are_not_used(self) -> None:
        """Only the glass is: the same bits with the two stains exchanged."""
        rgb = paint(nuclei_picture((160, 192), list(self.CENTERS)), np.full((160, 192), 0.3))
        other = replace(STAIN, vectors=StainVectors(STAIN.vectors.dab, STAIN.vectors.hematoxylin))
        segmenter = _segmenter(make_network())

        one, same = (segmenter.segment(make_tile(rgb), stain) for stain in (STAIN, other))

        assert np.array_equal(one.cells, same.cells)
        assert np.array_equal(one.p_tumor, same.p_tumor)

    def test_the_margin_is_in_pixels_of_the_maps(self) -> None:
        """At 0.35 um/px the maps have pixels of 0.7 um, and the network sees farther than at 0.25."""
        segmenter = _segmenter(make_network())
        reach = segmenter.config.reach_px
        assert segmenter.margin_um(0.25) == pytest.approx(0.5 * reach + segmenter.params.reach_um)
        assert segmenter.margin_um(0.35) == pytest.approx(0.7 * reach + segmenter.params.reach_um)

    def test_no_more_is_read_than_matters(self) -> None:
        """A deep network is read with 96 um at 0.5 um/px, not with the 165 it could see, and with 134 at 0.7."""
        deep = _segmenter(SegmentationNetwork(NetworkConfig()))
        assert deep.margin_um(0.25) == 96.0
        assert deep.margin_um(0.35) == pytest.approx(96.0 * 1.4)


def _change_weights(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"other weights")


def _lose_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


def _hash_anew(folder: Path, content: bytes) -> None:
    card = folder / "model.toml"
    old = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    (folder / "weights.safetensors").write_bytes(content)
    text = card.read_text(encoding="utf-8").replace(old, hashlib.sha256(content).hexdigest())
    card.write_text(text, encoding="utf-8")


def _break_weights(folder: Path) -> None:
    _hash_anew(folder, b"no weights")


def _widen(folder: Path) -> None:
    _hash_anew(folder, save(SegmentationNetwork(NetworkConfig((4, 6))).state_dict()))


def _add_level(folder: Path) -> None:
    _hash_anew(folder, save(SegmentationNetwork(NetworkConfig((4, 4, 4))).state_dict()))


class TestFromCard:
    """What is told of a folder that is not as it should be."""

    def test_a_good_folder(self, tmp_path: Path) -> None:
        """It loads, and knows where it is."""
        write_network(tmp_path)
        model = load_model(str(tmp_path))
        assert (model.kind, model.folder) == ("network", tmp_path)

    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (_lose_weights, "weights.safetensors is not there"),
            (_change_weights, "weights.safetensors has sha256 "),
            (_break_weights, "weights.safetensors is no safetensors file"),
            (_widen, "does not fit network.widths: down.1.0.weight is (6, 4, 3, 3), should be (4, 4, 3, 3)"),
            (_add_level, "down.2.0.weight is (4, 4, 3, 3), should be not there"),
            (edit_card("[network]", "[networks]"), "network is missing"),
            (edit_card("widths", "width"), "widths is missing"),
            (edit_card("[4, 4]", "[4, -4]"), "network.widths is [4, -4]"),
            (edit_card("[4, 4]", "[]"), "network.widths is []"),
            (edit_card("[4, 4]", "4"), "not iterable"),
            (edit_card("offset", "shift"), "offset is missing"),
            (edit_card("scale = 0.8", 'scale = "large"'), "large"),
        ],
    )
    def test_a_bad_folder(self, tmp_path: Path, spoil: Callable[[Path], None], told: str) -> None:
        """One line that names the card and the fault, and says what to do."""
        write_network(tmp_path)
        spoil(tmp_path)
        with pytest.raises(ModelError) as caught:
            load_model(str(tmp_path))
        text = str(caught.value)
        assert text.startswith(f"{tmp_path / 'model.toml'}: ")
        assert told in text
        assert text.endswith("Mend or reinstall it.")
        assert "\n" not in text
