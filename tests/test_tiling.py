"""Tiles: every place of a fragment is owned by exactly one, however the slide is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hetscore.domain import Fragments, Tile
from hetscore.geometry import Box
from hetscore.tiling import ALIGN_PX, TilingParams, find_downsample, plan_tiles

Labels = NDArray[np.int32]

labels_of_fragments = arrays(
    np.int32,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.sampled_from([0, 0, 0, 1, 2]),
)
"""Thumbnails of a few pixels, mostly glass."""
shrinks = st.sampled_from([16, 20, 33])
"""Level-0 pixels per thumbnail pixel; not all divide a tile."""
core_sizes = st.sampled_from([128, 256, 384])
GLASS_UM = 32.0
mpps = st.sampled_from([0.12, 0.25, 0.5])
"""Scanned finer than tiles are read, as fine, and coarser."""


def _fragments(labels: Labels, downsample: int = 16, mpp: float = 0.25) -> Fragments:
    return Fragments((), labels, downsample, mpp * downsample, {})


def _plan(labels: Labels, downsample: int, mpp: float, core_px: int, margin_um: float = 10.0) -> tuple[Tile, ...]:
    return plan_tiles(
        _fragments(labels, downsample, mpp), mpp, margin_um, TilingParams(core_px=core_px), glass_um=GLASS_UM
    )


def _owners(tiles: tuple[Tile, ...], labels: Labels, downsample: int) -> NDArray[np.int64]:
    """How many cores hold each level-0 pixel of the slide."""
    count = np.zeros((labels.shape[0] * downsample, labels.shape[1] * downsample), np.int64)
    for tile in tiles:
        count[tile.core.slices] += 1
    return count


def _enlarge(labels: Labels, downsample: int) -> Labels:
    return labels.repeat(downsample, axis=0).repeat(downsample, axis=1)


class TestFindDownsample:
    """Whole steps from level 0 to a tile of about 0.25 um/px."""

    @pytest.mark.parametrize(
        ("mpp", "downsample"), [(0.0625, 4), (0.125, 2), (0.16, 2), (0.17, 1), (0.25, 1), (0.37, 1), (0.5, 1), (0.6, 1)]
    )
    def test_by_resolution(self, mpp: float, downsample: int) -> None:
        """Never less than 1: a coarse slide is read as it is, never enlarged."""
        assert find_downsample(mpp, TilingParams()) == downsample


class TestPlanTiles:
    """Examples by hand: thumbnail pixels of 16 level-0 pixels, cores of 256, so 16 thumbnail pixels each."""

    def test_a_core_is_trimmed_to_its_tissue(self) -> None:
        """One thumbnail pixel of tissue at (160, 32) needs only the 128 px around it, read with a margin of 128."""
        labels = np.zeros((32, 32), np.int32)
        labels[2, 10] = 1
        (tile,) = _plan(labels, 16, 0.25, core_px=256)
        assert tile == Tile(id=0, box=Box(0, -128, 384, 384), core=Box(128, 0, 128, 128), downsample=1, mpp=0.25)

    def test_a_wide_margin_ends_soon_after_the_tissue(self) -> None:
        """A margin of 96 um is read whole toward the other half of the tissue, and 32 um of it toward the glass."""
        tiles = _plan(np.ones((8, 64), np.int32), 16, 0.25, core_px=512, margin_um=96.0)
        assert [tile.core for tile in tiles] == [Box(0, 0, 512, 128), Box(512, 0, 512, 128)]
        assert [tile.box for tile in tiles] == [Box(-128, -128, 1024, 384), Box(128, -128, 1024, 384)]

    def test_what_lies_beside_is_seen(self) -> None:
        """Tissue that is not to be covered is no empty glass: the margin is read as far as it reaches."""
        labels = np.zeros((8, 64), np.int32)
        labels[:, :8] = 1
        fragments, beside = _fragments(labels), np.zeros((8, 64), bool)
        beside[:, 8:40] = True
        params = TilingParams(core_px=512)
        alone, shown, whole = (
            plan_tiles(fragments, 0.25, 96.0, params, glass_um=glass, beside=mask)[0].box
            for glass, mask in ((GLASS_UM, None), (GLASS_UM, beside), (None, None))
        )
        assert alone == Box(-128, -128, 384, 384)
        assert shown == Box(-128, -128, 640, 384)
        assert whole == Box(-384, -384, 896, 896)

    def test_tiles_are_numbered_as_one_reads(self) -> None:
        """Four corners of a slide, two tiles across and two down."""
        labels = np.zeros((32, 32), np.int32)
        labels[[0, 0, 31, 31], [0, 31, 0, 31]] = 1
        tiles = _plan(labels, 16, 0.25, core_px=256)
        assert [tile.id for tile in tiles] == [0, 1, 2, 3]
        assert [(tile.core.x, tile.core.y) for tile in tiles] == [(0, 0), (384, 0), (0, 384), (384, 384)]

    def test_a_fine_slide_is_read_at_half_its_resolution(self) -> None:
        """At 0.12 um/px a tile pixel is two level-0 pixels, and everything is aligned to twice as many."""
        labels = np.ones((16, 16), np.int32)
        (tile,) = _plan(labels, 16, 0.12, core_px=256)
        assert (tile.downsample, tile.mpp) == (2, 0.24)
        assert tile.core == Box(0, 0, 256, 256)

    def test_no_tissue_no_tile(self) -> None:
        """Glass is not read."""
        assert _plan(np.zeros((16, 16), np.int32), 16, 0.25, core_px=256) == ()


class TestLaws:
    """Whatever the tissue, the resolution and the size of the cores."""

    @given(labels_of_fragments, shrinks, mpps, core_sizes)
    def test_each_place_of_a_fragment_lies_in_exactly_one_core(
        self, labels: Labels, downsample: int, mpp: float, core_px: int
    ) -> None:
        """So no cell is lost and none counted twice; this holds for every core size, so none changes what is owned."""
        owners = _owners(_plan(labels, downsample, mpp, core_px), labels, downsample)
        assert owners.max(initial=0) <= 1
        assert (owners[_enlarge(labels, downsample) > 0] == 1).all()

    @given(labels_of_fragments, shrinks, mpps, core_sizes, st.sampled_from([0.0, 3.0, 16.0, 70.0]))
    def test_boxes_are_cores_with_the_margin(
        self, labels: Labels, downsample: int, mpp: float, core_px: int, margin_um: float
    ) -> None:
        """At least the margin asked for, as far as there is tissue and some glass beyond it, and never a step more."""
        step = ALIGN_PX * find_downsample(mpp, TilingParams())
        y, x = (place.astype(np.float64) for place in np.nonzero(_enlarge(labels, downsample)))
        for tile in _plan(labels, downsample, mpp, core_px, margin_um):
            asked, most = (tile.core.grown(round(um / mpp)) for um in (margin_um, margin_um + step * mpp))
            assert tile.box == tile.box.clipped(most)
            seen = asked.contains(x, y)
            glass = round(min(margin_um, GLASS_UM) / mpp)
            left, top, right, bottom = (int(v) for v in (x[seen].min(), y[seen].min(), x[seen].max(), y[seen].max()))
            wanted = Box(left, top, right - left + 1, bottom - top + 1).grown(glass)
            assert wanted.clipped(asked) == wanted.clipped(asked).clipped(tile.box)

    @given(labels_of_fragments, shrinks, mpps, core_sizes)
    def test_everything_is_aligned(self, labels: Labels, downsample: int, mpp: float, core_px: int) -> None:
        """So averaging, and the levels of a network, join the same pixels in every tile."""
        for tile in _plan(labels, downsample, mpp, core_px):
            sides = [v for b in (tile.box, tile.core) for v in (b.x, b.y, b.right, b.bottom)]
            assert not any(side % (ALIGN_PX * tile.downsample) for side in sides)

    @given(labels_of_fragments, shrinks, mpps, core_sizes)
    def test_no_core_is_empty_or_larger_than_asked(
        self, labels: Labels, downsample: int, mpp: float, core_px: int
    ) -> None:
        """Every tile has something to do, and fits into memory."""
        for tile in _plan(labels, downsample, mpp, core_px):
            assert not tile.core.is_empty
            assert max(tile.core.width, tile.core.height) <= core_px * tile.downsample
            assert _enlarge(labels, downsample)[tile.core.slices].any()

    def test_a_long_strip_is_cut_in_halves(self) -> None:
        """A thousand cores in a row are a matter of ten cuts in depth, not of a thousand."""
        tiles = _plan(np.ones((1, 9000), np.int32), 16, 0.25, core_px=128)
        assert len(tiles) == 1125
