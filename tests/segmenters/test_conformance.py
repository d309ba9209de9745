"""What every segmenter must hold to; one that is added to `SEGMENTERS` is tested the day it is added."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hetscore.config import Settings, load_model, models_folder
from hetscore.domain import TileImage, TileLabels
from hetscore.geometry import Box
from hetscore.pipeline import make_segmenter
from hetscore.segmenters import SEGMENTERS, Segmenter
from hetscore.segmenters.kernels import region_sums
from hetscore.stain import Stain, find_white
from tests.drawings import STAIN, VECTORS, distance, glass, make_tile, paint
from tests.fields import CORES, read_middle

SIDE = 640
"""Pixels of 0.5 um: 320 um."""


def _models(kind: str) -> Iterator[str]:
    """Shipped models of a kind, by their cards."""
    for card in sorted(models_folder().glob("*/model.toml")):
        if tomllib.loads(card.read_text())["kind"] == kind:
            yield card.parent.name


@pytest.fixture(scope="module", params=sorted(SEGMENTERS))
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    """Each segmenter with a model that is shipped for it."""
    return make_segmenter(load_model(next(_models(request.param))), Settings())


@pytest.fixture(scope="module")
def epithelium() -> TileImage:
    """Crowded cells with brown outlines at the left and none at the right, a lumen, and the grain of a camera."""
    rng = np.random.default_rng(5)
    hematoxylin, dab = np.full((SIDE, SIDE), 0.05), np.zeros((SIDE, SIDE))
    for row in range(10, SIDE, 24):
        for column in range(10, SIDE, 24):
            x, y = column + rng.uniform(-4, 4), row + rng.uniform(-4, 4)
            near = Box(int(x) - 20, int(y) - 20, 40, 40).clipped(Box(0, 0, SIDE, SIDE))
            away = distance((near.height, near.width), x - near.x, y - near.y)
            hematoxylin[near.slices] += rng.uniform(0.15, 0.4) * np.clip(rng.uniform(6, 8) - away, 0, 1)
            if x < SIDE / 2:
                dab[near.slices] = np.maximum(dab[near.slices], 0.4 * np.clip(2 - np.abs(away - 11), 0, 1))
    hematoxylin[distance((SIDE, SIDE), 330, 300) < 40] = 0
    grain = rng.normal(0, 0.01, (SIDE, SIDE))
    return make_tile(paint(hematoxylin + grain, dab + grain))


def _crop(image: TileImage, box: Box) -> TileImage:
    return TileImage(replace(image.tile, box=box, core=box), image.rgb[box.slices])


def _cells_within(labels: TileLabels, image: TileImage, bounds: Box) -> NDArray[np.float64]:
    """Place, sizes and tumor probability of the cells whose nucleus lies in `bounds`, in reading order, (n, 5)."""
    n = len(labels.p_tumor)
    sums = region_sums(labels.nuclei, n, np.zeros(labels.nuclei.shape, np.float32))
    x = image.tile.box.x + (sums[:, 8] + sums[:, 1] / sums[:, 0] + 0.5) * labels.shrink
    y = image.tile.box.y + (sums[:, 9] + sums[:, 2] / sums[:, 0] + 0.5) * labels.shrink
    territory = np.bincount(labels.cells.ravel(), minlength=n + 1)[1:]
    table = np.stack([np.round(x, 6), np.round(y, 6), sums[:, 0], territory, labels.p_tumor], axis=1)
    inside = table[bounds.contains(x, y)]
    return inside[np.lexsort((inside[:, 0], inside[:, 1]))]


def _assert_same_interior(segmenter: Segmenter, image: TileImage, stain: Stain, cut: tuple[int, int]) -> None:
    """Segment two overlapping tiles; what lies the margin inside both must be the same."""
    whole, (dx, dy) = image.tile.box, cut
    first = _crop(image, Box(0, 0, whole.width - dx, whole.height - dy))
    second = _crop(image, Box(dx, dy, whole.width - dx, whole.height - dy))
    margin = int(np.ceil(segmenter.margin_um / image.tile.mpp))
    common = first.tile.box.clipped(second.tile.box).grown(-margin)
    one, other = (_cells_within(segmenter.segment(part, stain), part, common) for part in (first, second))
    assert len(one) > 10
    np.testing.assert_array_equal(one, other)


class TestLabels:
    """What a segmenter returns."""

    def test_shapes(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """Both label images cover the tile at a whole shrink."""
        labels = segmenter.segment(epithelium, STAIN)
        side = SIDE // labels.shrink
        assert labels.nuclei.shape == labels.cells.shape == (side, side)
        assert labels.nuclei.dtype == labels.cells.dtype == np.int32

    def test_every_label_is_there(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """1 to n, each with a nucleus and a cell, and one tumor probability each."""
        labels = segmenter.segment(epithelium, STAIN)
        n = len(labels.p_tumor)
        assert n > 300
        for image in (labels.nuclei, labels.cells):
            assert np.unique(image).tolist() == list(range(n + 1))

    def test_nuclei_lie_inside_their_cells(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """Never in a neighbor's."""
        labels = segmenter.segment(epithelium, STAIN)
        is_nucleus = labels.nuclei > 0
        assert np.array_equal(labels.cells[is_nucleus], labels.nuclei[is_nucleus])

    def test_probabilities(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """In [0, 1], never NaN."""
        p_tumor = segmenter.segment(epithelium, STAIN).p_tumor
        assert ((p_tumor >= 0) & (p_tumor <= 1)).all()

    def test_glass_has_no_cells(self, segmenter: Segmenter) -> None:
        """An empty tile is no error."""
        labels = segmenter.segment(make_tile(glass(128, 128)), STAIN)
        assert len(labels.p_tumor) == 0
        assert not labels.nuclei.any()
        assert not labels.cells.any()


class TestSameAnswer:
    """Whatever the tile, the order and the time."""

    def test_twice_the_same(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """Bit for bit."""
        one, other = segmenter.segment(epithelium, STAIN), segmenter.segment(epithelium, STAIN)
        assert np.array_equal(one.nuclei, other.nuclei)
        assert np.array_equal(one.cells, other.cells)
        assert np.array_equal(one.p_tumor, other.p_tumor)

    def test_the_picture_is_left_as_it_was(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """A segmenter reads its tile and writes nothing into it."""
        before = epithelium.rgb.copy()
        segmenter.segment(epithelium, STAIN)
        assert np.array_equal(epithelium.rgb, before)

    @pytest.mark.parametrize("cut", [(64, 0), (0, 64), (64, 128)])
    def test_drawn_cells_do_not_depend_on_the_tile(
        self, segmenter: Segmenter, epithelium: TileImage, cut: tuple[int, int]
    ) -> None:
        """Place, sizes and tumor probability of each cell at least the margin inside both of two tiles."""
        _assert_same_interior(segmenter, epithelium, STAIN, cut)

    def test_what_lies_beyond_the_margin_does_not_matter(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """Exchange all pixels farther than the margin from the core for noise: the core's cells stay as they were."""
        margin = int(np.ceil(segmenter.margin_um / epithelium.tile.mpp))
        core = epithelium.tile.box.grown(-margin - 32)
        rgb = np.random.default_rng(7).integers(0, 256, epithelium.rgb.shape).astype(np.uint8)
        seen = core.grown(margin).slices
        rgb[seen] = epithelium.rgb[seen]
        noisy = TileImage(epithelium.tile, rgb)
        one, other = (_cells_within(segmenter.segment(i, STAIN), i, core) for i in (epithelium, noisy))
        assert len(one) > 50
        np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize(
        ("name", "mpp", "cut"), [("hoverfast/ihc_roi.png", 0.5, (64, 192)), (CORES[4], 0.25, (192, 64))]
    )
    def test_real_cells_do_not_depend_on_the_tile(
        self, segmenter: Segmenter, shared_data: Callable[[str], Path], name: str, mpp: float, cut: tuple[int, int]
    ) -> None:
        """The same of real fields, one at the resolution of the labels and one at twice that."""
        rgb = read_middle(shared_data(name), 1280)
        _assert_same_interior(segmenter, make_tile(rgb, mpp=mpp), Stain(find_white(rgb), VECTORS), cut)
