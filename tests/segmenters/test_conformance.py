"""What every segmenter must hold to; one that is added to `SEGMENTERS` is tested the day it is added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hetscore.config import load_model, load_settings, models_folder
from hetscore.domain import TileImage, TileLabels
from hetscore.geometry import Box
from hetscore.pipeline import make_segmenter
from hetscore.segmenters import SEGMENTERS, Segmenter
from hetscore.segmenters.kernels import region_sums
from hetscore.segmenters.quantization import RANGES_FILE
from hetscore.segmenters.runtimes import has_openvino
from hetscore.segmenters.watershed import Watershed
from hetscore.stain import Stain, find_white
from tests.drawings import STAIN, VECTORS, distance, glass, make_tile, paint
from tests.fields import CORES, read_middle
from tests.segmenters.builders import write_network, write_torchscript

MADE = {"network": write_network, "torchscript": write_torchscript}
"""Kinds of which a small model is made for the tests, and how."""
SHIPPED = sorted(card.parent.name for card in models_folder().glob("*/model.toml"))


def _each() -> Iterator[tuple[str, str]]:
    """Name each model that is shipped or made here, a network once for each library that runs it."""
    for name in (*SHIPPED, *(f"made {kind}" for kind in MADE)):
        made = name.removeprefix("made ")
        is_network = (made if made in MADE else load_model(name, with_weights=False).kind) == "network"
        with_ranges = ("openvino-int8",) if (models_folder() / name / RANGES_FILE).is_file() else ()
        yield from ((name, runtime) for runtime in (("torch", "openvino", *with_ranges) if is_network else ("auto",)))


@pytest.fixture(scope="module", params=list(_each()), ids=" ".join)
def segmenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    """Make each segmenter with the models that are shipped for it, or with one made here."""
    name, runtime = request.param
    if runtime.startswith("openvino") and not has_openvino():
        pytest.skip("openvino is not installed")
    if name.startswith("made "):
        folder = tmp_path_factory.mktemp("model")
        MADE[name.removeprefix("made ")](folder)
        name = str(folder)
    network = {"device": "cpu", "runtime": runtime}
    settings = load_settings(None, network=network, torchscript={"device": "cpu"})
    return make_segmenter(load_model(name), settings)


@pytest.fixture(scope="module")
def epithelium(segmenter: Segmenter) -> TileImage:
    """Crowded cells with brown outlines at the left and none at the right, a lumen, and the grain of a camera.

    It is as large as it takes to have 160 um in the middle with the segmenter's margin around them.
    """
    side = _side_around(320, segmenter, 0.5)
    rng = np.random.default_rng(5)
    hematoxylin, dab = np.full((side, side), 0.05), np.zeros((side, side))
    for row in range(10, side, 24):
        for column in range(10, side, 24):
            x, y = column + rng.uniform(-4, 4), row + rng.uniform(-4, 4)
            near = Box(int(x) - 20, int(y) - 20, 40, 40).clipped(Box(0, 0, side, side))
            away = distance((near.height, near.width), x - near.x, y - near.y)
            hematoxylin[near.slices] += rng.uniform(0.15, 0.4) * np.clip(rng.uniform(6, 8) - away, 0, 1)
            if x < side / 2:
                dab[near.slices] = np.maximum(dab[near.slices], 0.4 * np.clip(2 - np.abs(away - 11), 0, 1))
    hematoxylin[distance((side, side), side / 2, side / 2) < 40] = 0
    grain = rng.normal(0, 0.01, (side, side))
    return make_tile(paint(hematoxylin + grain, dab + grain))


def _side_around(inner_px: int, segmenter: Segmenter, mpp: float) -> int:
    """Side of a picture that has the margin around what is looked at, a multiple of 64 pixels."""
    return int(np.ceil((inner_px + 2 * segmenter.margin_um(mpp) / mpp) / 64)) * 64


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


def _assert_same(segmenter: Segmenter, one: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    """Assert that rows of cells are the same: all of them, or 999 of 1000 where a network's sums round otherwise."""
    if isinstance(segmenter, Watershed):
        np.testing.assert_array_equal(one, other)
        return
    tables = [{tuple(row) for row in np.round(table, 3).tolist()} for table in (one, other)]
    assert len(tables[0] & tables[1]) >= 0.999 * max(len(one), len(other))


def _assert_same_interior(segmenter: Segmenter, image: TileImage, stain: Stain, cut: tuple[int, int]) -> None:
    """Segment two overlapping tiles; what lies the margin inside both must be the same."""
    whole, (dx, dy) = image.tile.box, cut
    first = _crop(image, Box(0, 0, whole.width - dx, whole.height - dy))
    second = _crop(image, Box(dx, dy, whole.width - dx, whole.height - dy))
    margin = int(np.ceil(segmenter.margin_um(image.tile.mpp) / image.tile.mpp))
    common = first.tile.box.clipped(second.tile.box).grown(-margin)
    one, other = (_cells_within(segmenter.segment(part, stain), part, common) for part in (first, second))
    assert len(one) > 10
    _assert_same(segmenter, one, other)


def test_every_kind_is_tested() -> None:
    """A kind without a shipped model has one made here."""
    assert {load_model(name).kind for name in SHIPPED} | set(MADE) == set(SEGMENTERS)


class TestLabels:
    """What a segmenter returns."""

    def test_shapes(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """Both label images cover the tile at a whole shrink."""
        labels = segmenter.segment(epithelium, STAIN)
        shape = tuple(side // labels.shrink for side in epithelium.rgb.shape[:2])
        assert labels.nuclei.shape == labels.cells.shape == shape
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

    @pytest.mark.parametrize(("mpp", "shape"), [(0.5, (128, 128)), (0.25, (256, 128)), (0.12, (256, 512))])
    def test_glass_has_no_cells(self, segmenter: Segmenter, mpp: float, shape: tuple[int, int]) -> None:
        """An empty tile is no error, at whatever resolution it was scanned."""
        labels = segmenter.segment(make_tile(glass(*shape), mpp=mpp), STAIN)
        assert labels.shrink == round(0.5 / mpp)
        assert len(labels.p_tumor) == 0
        assert not labels.nuclei.any()
        assert not labels.cells.any()

    def test_a_finer_tile_has_the_same_cells(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """The picture with each pixel four times, as if scanned at twice the resolution, is averaged back."""
        fine = make_tile(epithelium.rgb.repeat(2, axis=0).repeat(2, axis=1), mpp=0.25)
        one, other = segmenter.segment(epithelium, STAIN), segmenter.segment(fine, STAIN)
        assert (one.shrink, other.shrink) == (1, 2)
        assert np.array_equal(one.nuclei, other.nuclei)
        assert np.array_equal(one.cells, other.cells)

    def test_it_says_what_it_runs_on(self, segmenter: Segmenter) -> None:
        """For the record of the run; here a CPU was asked for."""
        assert segmenter.device.split(" (")[0] == "cpu"


class TestSameAnswer:
    """Whatever the tile, the order and the time."""

    def test_twice_the_same(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """Bit for bit."""
        one, other = segmenter.segment(epithelium, STAIN), segmenter.segment(epithelium, STAIN)
        assert np.array_equal(one.nuclei, other.nuclei)
        assert np.array_equal(one.cells, other.cells)
        assert np.array_equal(one.p_tumor, other.p_tumor)

    def test_four_threads_the_same(self, segmenter: Segmenter, epithelium: TileImage) -> None:
        """Workers share a segmenter: six tiles by four threads come out as one by one."""
        tiles = [_crop(epithelium, Box(64 * i, 64 * i, 192, 256)) for i in range(6)]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda tile: segmenter.segment(tile, STAIN), tiles))
        for tile, labels in zip(tiles, together, strict=True):
            alone = segmenter.segment(tile, STAIN)
            assert np.array_equal(alone.cells, labels.cells)
            assert np.array_equal(alone.p_tumor, labels.p_tumor)

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
        margin = int(np.ceil(segmenter.margin_um(epithelium.tile.mpp) / epithelium.tile.mpp))
        core = epithelium.tile.box.grown(-margin - 32)
        rgb = np.random.default_rng(7).integers(0, 256, epithelium.rgb.shape).astype(np.uint8)
        seen = core.grown(margin).slices
        rgb[seen] = epithelium.rgb[seen]
        noisy = TileImage(epithelium.tile, rgb)
        one, other = (_cells_within(segmenter.segment(i, STAIN), i, core) for i in (epithelium, noisy))
        assert len(one) > 50
        _assert_same(segmenter, one, other)

    @pytest.mark.parametrize(
        ("name", "mpp", "cut"), [("hoverfast/ihc_roi.png", 0.5, (32, 64)), (CORES[4], 0.25, (192, 64))]
    )
    def test_real_cells_do_not_depend_on_the_tile(
        self, segmenter: Segmenter, shared_data: Callable[[str], Path], name: str, mpp: float, cut: tuple[int, int]
    ) -> None:
        """The same of real fields, one at the resolution of the labels and one at twice that."""
        rgb = read_middle(shared_data(name), _side_around(640, segmenter, mpp))
        _assert_same_interior(segmenter, make_tile(rgb, mpp=mpp), Stain(find_white(rgb), VECTORS), cut)
