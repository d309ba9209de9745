"""A model of one's own: what it is shown, what is made of its labels, and what is told of a bad one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hetscore.config import Settings, load_model
from hetscore.domain import TileLabels
from hetscore.errors import ModelError
from hetscore.pipeline import make_segmenter
from hetscore.segmenters.torchscript import SCALINGS
from hetscore.stain import optical_density
from tests.drawings import STAIN, WHITE, disc, make_tile, paint
from tests.segmenters.builders import Constant, edit_card, write_torchscript

SHAPE = (128, 128)
ALL = 'source = "all"'


class Fails(nn.Module):
    """A model that is made for small pictures."""

    def forward(self, picture: Tensor) -> Tensor:
        """Refuse all but 256 by 256 pixels."""
        assert picture.shape[2] == 256, "too large for me"
        return torch.zeros(1, 1, picture.shape[2], picture.shape[3])


class Takes(nn.Module):
    """A model that changes the picture it is given, as InstanSeg's do, and finds nothing."""

    def forward(self, picture: Tensor) -> Tensor:
        """Clamp in place."""
        return picture.clamp_(0, 0)[:, :1]


class Maps(nn.Module):
    """Returns probabilities where labels are asked for."""

    def forward(self, picture: Tensor) -> Tensor:
        """One half everywhere."""
        return torch.full_like(picture[:, :1], 0.5)


class Shrinks(nn.Module):
    """Returns label images of half the size."""

    def forward(self, picture: Tensor) -> Tensor:
        """Leave out every second pixel."""
        return torch.zeros_like(picture[:, :1, ::2, ::2])


class ManyImages(nn.Module):
    """Returns three label images."""

    def forward(self, picture: Tensor) -> Tensor:
        """All of them empty."""
        return torch.zeros_like(picture)


class InfiniteTumor(nn.Module):
    """Returns a tumor map that holds no numbers."""

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Zero divided by zero."""
        labels = torch.zeros_like(picture[:, :1])
        return labels, labels / labels


class Bright(nn.Module):
    """One nucleus as large as the picture, the likelier tumor the larger the numbers that it is shown."""

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Average over the channels."""
        return torch.ones_like(picture[:, :1]), 8 * picture.mean(dim=1, keepdim=True) - 4


def _draw(*images: Mapping[int, tuple[float, float, float]]) -> Tensor:
    """Label images with discs: label -> x, y, radius."""
    drawn = np.zeros((1, len(images), *SHAPE), np.float32)
    for image, discs in zip(drawn[0], images, strict=True):
        for label, (x, y, radius) in discs.items():
            image[disc(SHAPE, x, y, radius)] = label
    return torch.from_numpy(drawn)


def _segment(folder: Path, labels: Tensor) -> TileLabels:
    write_torchscript(folder, Constant(labels), tumor=ALL)
    segmenter = make_segmenter(load_model(str(folder)), Settings())
    return segmenter.segment(make_tile(paint(np.full(SHAPE, 0.2), np.zeros(SHAPE))), STAIN)


class TestSegment:
    """From the model's label images to ours."""

    def test_nuclei_and_cells(self, tmp_path: Path) -> None:
        """Two nuclei in two cells, each image numbered as it likes."""
        nuclei, cells = {7: (80, 30, 6), 9: (40, 80, 6)}, {3: (80, 32, 12), 2: (42, 80, 12)}
        labels = _segment(tmp_path, _draw(nuclei, cells))
        assert (labels.nuclei[30, 80], labels.nuclei[80, 40]) == (1, 2)
        assert np.array_equal(labels.cells == 1, disc(SHAPE, 80, 32, 12))
        assert np.array_equal(labels.cells == 2, disc(SHAPE, 42, 80, 12))

    def test_nuclei_alone_grow_cells(self, tmp_path: Path) -> None:
        """12 um around the center where nothing hinders, and they part halfway between two."""
        labels = _segment(tmp_path, _draw({1: (40, 64, 6), 2: (72, 64, 6)}))
        assert labels.cells[64, 17] == 1
        assert labels.cells[64, 14] == 0
        assert set(labels.cells[64, 20:55]) == {1}
        assert set(labels.cells[64, 58:90]) == {2}

    def test_every_cell_is_tumor_where_the_card_says_so(self, tmp_path: Path) -> None:
        """Fields chosen by hand."""
        assert _segment(tmp_path, _draw({1: (40, 64, 6), 2: (72, 64, 6)})).p_tumor.tolist() == [1.0, 1.0]

    def test_the_tumor_map_is_averaged_over_the_nucleus(self, tmp_path: Path) -> None:
        """A dark nucleus is surer than a pale one: the map of `Blobs` is the darkness."""
        write_torchscript(tmp_path)
        hematoxylin = 0.5 * disc(SHAPE, 40, 64, 8) + 0.2 * disc(SHAPE, 90, 64, 8)
        segmenter = make_segmenter(load_model(str(tmp_path)), Settings())
        labels = segmenter.segment(make_tile(paint(hematoxylin, np.zeros(SHAPE))), STAIN)
        dark, pale = (labels.p_tumor[labels.nuclei[64, x] - 1] for x in (40, 90))
        assert dark > 0.98
        assert pale == pytest.approx(0.5, abs=0.2)

    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize("gain", [0.8, 1.25])
    def test_a_site_that_stains_more_is_seen_alike(self, tmp_path: Path, gain: float, scaling: str) -> None:
        """With the site's scale the model is shown what it would have been shown, but for the gray levels' rounding."""
        write_torchscript(tmp_path, Bright())
        edit_card('"od"', f'"{scaling}"')(tmp_path)
        segmenter = make_segmenter(load_model(str(tmp_path)), Settings())
        original, drifted = (make_tile(paint(np.full(SHAPE, 0.2), np.full(SHAPE, 0.4 * g))) for g in (1, gain))

        before = segmenter.segment(original, STAIN).p_tumor
        unseen, seen = (segmenter.segment(drifted, replace(STAIN, dab_scale=s)).p_tumor for s in (1.0, gain))

        assert seen == pytest.approx(before, abs=0.01)
        assert abs(unseen - before) > 0.04

    def test_the_picture_is_left_as_it_was(self, tmp_path: Path) -> None:
        """A model may do what it likes with what it is shown."""
        write_torchscript(tmp_path, Takes(), tumor=ALL)
        tile = make_tile(paint(np.full(SHAPE, 0.2), np.zeros(SHAPE)))
        before = tile.rgb.copy()
        labels = make_segmenter(load_model(str(tmp_path)), Settings()).segment(tile, STAIN)
        assert np.array_equal(tile.rgb, before)
        assert len(labels.p_tumor) == 0

    def test_a_model_that_fails_on_a_tile(self, tmp_path: Path) -> None:
        """Its own words, the size, and what may help."""
        write_torchscript(tmp_path, Fails(), tumor=ALL)
        segmenter = make_segmenter(load_model(str(tmp_path)), Settings())
        with pytest.raises(
            ModelError, match=r"model\.pt: failed on a picture of 128 by 128 pixels .*too large.*core_px"
        ):
            segmenter.segment(make_tile(paint(np.full(SHAPE, 0.2), np.zeros(SHAPE))), STAIN)


class TestMargin:
    """How far a tile is read beyond its core."""

    def test_it_is_the_cards_and_the_cells(self, tmp_path: Path) -> None:
        """25 um of the card at its own resolution, more where its pixels are larger, and three times 12 um."""
        write_torchscript(tmp_path)
        segmenter = make_segmenter(load_model(str(tmp_path)), Settings())
        assert segmenter.margin_um(0.25) == pytest.approx(25 + 36)
        assert segmenter.margin_um(0.35) == pytest.approx(25 * 1.4 + 36)


class TestScalings:
    """What the model is shown."""

    def test_by_hand(self) -> None:
        """A pixel of 0, one of 51, and one of the glass."""
        rgb = np.array([[[0, 0, 0], [51, 51, 51], WHITE]], np.uint8)
        assert SCALINGS["unit"](rgb, WHITE)[0, :, 0].tolist() == pytest.approx([0, 0.2, 241 / 255])
        assert SCALINGS["white"](rgb, WHITE)[0, :, 0].tolist() == pytest.approx([0, 51 / 241, 1])
        assert np.array_equal(SCALINGS["od"](rgb, WHITE), optical_density(rgb, WHITE))

    @pytest.mark.parametrize("name", SCALINGS)
    def test_shape_and_type(self, name: str) -> None:
        """(h, w, 3), float32."""
        shown = SCALINGS[name](np.zeros((4, 5, 3), np.uint8), WHITE)
        assert shown.shape == (4, 5, 3)
        assert shown.dtype == np.float32


def _lose(folder: Path) -> None:
    (folder / "model.pt").unlink()


def _change(folder: Path) -> None:
    (folder / "model.pt").write_bytes(b"other")


class TestFromCard:
    """What is told when the model is loaded."""

    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (_lose, "model.pt is not there"),
            (_change, "model.pt has sha256 "),
            (edit_card('"od"', '"percent"'), "torchscript.scaling 'percent' is none of unit, white, od"),
            (edit_card('"map"', '"maps"'), "tumor.source 'maps' is none of map, all"),
            (edit_card("mpp = 0.5", "mpp = 0"), "torchscript.mpp 0.0"),
            (edit_card("margin_um", "margin"), "margin_um is missing"),
            (edit_card("offset = 0.0", ""), "offset is missing"),
        ],
    )
    def test_a_bad_folder(self, tmp_path: Path, spoil: Callable[[Path], None], told: str) -> None:
        """One line that names the card and the fault."""
        write_torchscript(tmp_path)
        spoil(tmp_path)
        with pytest.raises(ModelError) as caught:
            load_model(str(tmp_path))
        assert str(caught.value).startswith(f"{tmp_path / 'model.toml'}: ")
        assert told in str(caught.value)

    def test_a_file_that_is_no_torchscript(self, tmp_path: Path) -> None:
        """Though its hash is right."""
        write_torchscript(tmp_path)
        true = hashlib.sha256((tmp_path / "model.pt").read_bytes()).hexdigest()
        (tmp_path / "model.pt").write_bytes(b"weights")
        edit_card(true, hashlib.sha256(b"weights").hexdigest())(tmp_path)
        with pytest.raises(ModelError, match=r"model\.pt is no TorchScript"):
            load_model(str(tmp_path))

    @pytest.mark.parametrize(
        ("model", "tumor", "told"),
        [
            (Maps(), ALL, "labels that are no whole numbers"),
            (Shrinks(), ALL, r"shape \(1, 1, 128, 128\); expected label images as large as the picture, 256 by 256"),
            (ManyImages(), ALL, r"shape \(1, 3, 256, 256\); expected label images \(1, 1 or 2, h, w\)"),
            (Takes(), 'source = "map"\nscale = 1.0\noffset = 0.0', "returned nothing; expected a tumor map"),
            (InfiniteTumor(), 'source = "map"\nscale = 1.0\noffset = 0.0', "a tumor map that is not finite"),
            (Constant(-_draw({1: (40, 40, 9)})), ALL, "labels that are no whole numbers"),
        ],
    )
    def test_a_model_that_returns_something_else(self, tmp_path: Path, model: nn.Module, tumor: str, told: str) -> None:
        """It is shown an empty field at once, and the fault is told before any slide is opened."""
        write_torchscript(tmp_path, model, tumor=tumor)
        with pytest.raises(ModelError, match=told) as caught:
            load_model(str(tmp_path))
        assert str(caught.value).startswith(f"{tmp_path / 'model.pt'}: ")
