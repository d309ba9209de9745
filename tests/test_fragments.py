"""Pieces of tissue as a pathologist counts them: bridged, sifted, numbered as one reads."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon

from hetscore.domain import FragmentRole, Fragments, Thumbnail, TissueMask
from hetscore.fragments import FragmentParams, find_fragments, reading_order
from hetscore.geometry import Box
from hetscore.quality import exclude
from hetscore.stain import find_white
from hetscore.tissue import TissueParams, find_tissue
from tests.drawings import make_thumbnail
from tests.fields import CORES, read_field
from tests.fragments.shapes import Mask, dumbbell, ellipse, letter

PARAMS = FragmentParams()
PIECE = (100, 60)
"""Width and height of a small biopsy in thumbnail pixels of 4 um: 0.4 x 0.24 mm, 0.096 mm2."""


def _mask(*boxes: Box, shape: tuple[int, int] = (400, 500)) -> TissueMask:
    """Tissue of rectangles, in thumbnail pixels of 4 um."""
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box.slices] = True
    return TissueMask(mask, downsample=16, mpp=4.0)


def _find(*boxes: Box) -> Fragments:
    return find_fragments(_mask(*boxes), "a.svs", PARAMS)


def _side_by_side(gap_um: float) -> Fragments:
    """Two biopsies with a gap between them."""
    return _find(Box(50, 50, *PIECE), Box(50 + PIECE[0] + round(gap_um / 4), 50, *PIECE))


class TestBridging:
    """What hangs together."""

    def test_a_torn_biopsy_is_one_fragment_of_two_outlines(self) -> None:
        """A tear of 60 um does not make two fragments of one."""
        (fragment,) = _side_by_side(gap_um=60).items
        assert len(fragment.outlines) == 2
        assert fragment.area_mm2 == pytest.approx(2 * 0.096)

    def test_two_biopsies_are_two_fragments(self) -> None:
        """At 150 um they were taken apart."""
        left, right = _side_by_side(gap_um=150).items
        assert len(left.outlines) == len(right.outlines) == 1

    def test_the_gap_belongs_to_no_fragment(self) -> None:
        """A cell in the tear lies outside all fragments."""
        labels = _side_by_side(gap_um=60).labels
        assert labels[80, [149, 150, 164, 165]].tolist() == [1, 0, 0, 1]

    def test_a_chain_of_crumbs_is_one_fragment(self) -> None:
        """Crumbs each too small to be kept are kept as the broken piece they are."""
        crumbs = [Box(50 + 40 * i, 50, 30, 30) for i in range(5)]
        (fragment,) = _find(*crumbs).items
        assert len(fragment.outlines) == 5


class TestDropping:
    """What is no fragment is counted."""

    @pytest.mark.parametrize(("side", "n_fragments", "n_dust"), [(35, 0, 1), (36, 1, 0)])
    def test_pieces_below_the_floor_are_dust(self, side: int, n_fragments: int, n_dust: int) -> None:
        """35 px of 4 um make 0.0196 mm2, 36 px make 0.0207: the floor is 0.02."""
        found = _find(Box(100, 100, side, side))
        assert (len(found.items), found.dropped["dust"]) == (n_fragments, n_dust)
        assert found.labels.any() == bool(n_fragments)

    @pytest.mark.parametrize("strip", [Box(0, 0, 20, 400), Box(480, 100, 20, 250), Box(0, 390, 500, 10)])
    def test_a_coverslip_edge_is_dropped(self, strip: Box) -> None:
        """Long, thin and at the slide's border."""
        found = _find(strip, Box(200, 150, *PIECE))
        assert len(found.items) == 1
        assert found.dropped == {"dust": 0, "edge": 1}

    @pytest.mark.parametrize(
        "piece",
        [
            pytest.param(Box(0, 100, 60, 200), id="thick"),
            pytest.param(Box(100, 50, 20, 300), id="away-from-the-border"),
            pytest.param(Box(0, 100, 30, 60), id="short"),
        ],
    )
    def test_a_biopsy_is_not_taken_for_an_edge(self, piece: Box) -> None:
        """An edge is all three: thin, at the border and long; what lacks one of them is tissue."""
        found = _find(piece)
        assert len(found.items) == 1
        assert found.dropped["edge"] == 0

    def test_nothing_on_the_slide_is_no_error(self) -> None:
        """An empty slide has no fragments and nothing was dropped."""
        found = _find()
        assert found.items == ()
        assert found.dropped == {"dust": 0, "edge": 0}


class TestFragment:
    """What is said of each."""

    def test_bounds_and_outline_are_level_0_pixels(self) -> None:
        """A thumbnail pixel is 16 level-0 pixels."""
        (fragment,) = _find(Box(100, 50, 60, 40)).items
        assert fragment.bounds == Box(1600, 800, 960, 640)
        (ring,) = fragment.outlines
        assert ring.min(axis=0).tolist() == pytest.approx([1600, 800], abs=16)
        assert Polygon(ring).area == pytest.approx(960 * 640, rel=0.05)

    def test_ids_go_on_from_the_slide_before(self) -> None:
        """The second slide of a case begins where the first ended, in items and in the map alike."""
        boxes = Box(50, 50, *PIECE), Box(300, 50, *PIECE)
        found = find_fragments(_mask(*boxes), "b.svs", PARAMS, first_id=4)
        assert [(f.id, f.slide) for f in found.items] == [(4, "b.svs"), (5, "b.svs")]
        assert [found.labels[80, x] for x in (60, 200, 310)] == [4, 0, 5]

    @given(
        st.lists(
            st.builds(Box, st.integers(0, 90), st.integers(0, 70), st.integers(1, 60), st.integers(1, 60)), max_size=6
        )
    )
    def test_areas_sum_to_the_tissue_less_what_was_dropped(self, boxes: list[Box]) -> None:
        """No tissue is in two fragments, and none vanishes without being counted as dropped."""
        tissue = _mask(*boxes, shape=(120, 150))
        found = find_fragments(tissue, "a.svs", PARAMS)

        for fragment in found.items:
            assert fragment.area_mm2 == pytest.approx(tissue.area_mm2(found.labels == fragment.id))
        lost = tissue.mask & (found.labels == 0)
        assert sum(f.area_mm2 for f in found.items) + tissue.area_mm2(lost) == pytest.approx(tissue.area_mm2())
        assert lost.any() == (sum(found.dropped.values()) > 0)
        assert not found.labels[~tissue.mask].any()


class TestExcluded:
    """What was taken out of the tissue on the way."""

    @pytest.mark.parametrize(("reason", "n"), [("folds", 1), ("out-of-focus", 1), ("pen", 2), ("opaque-particles", 2)])
    def test_a_fold_joins_and_ink_does_not(self, reason: str, n: int) -> None:
        """A band of 200 um across a piece: tissue that is not judged, or a stroke that may cross two."""
        whole = _mask(Box(50, 50, 200, 100))
        band = np.zeros_like(whole.mask)
        band[50:150, 120:170] = True
        found = find_fragments(exclude(whole, {reason: band}), "a.svs", FragmentParams())
        assert len(found.items) == n
        assert not (found.labels[band] > 0).any()

    def test_a_piece_that_is_all_excluded_is_none(self) -> None:
        """Nothing of it is left to be judged."""
        whole = _mask(Box(50, 50, 100, 100), Box(300, 50, 100, 100))
        band = np.zeros_like(whole.mask)
        band[:, :200] = True
        assert len(find_fragments(exclude(whole, {"folds": band}), "a.svs", FragmentParams()).items) == 1


def _paste(*pieces: tuple[int, int, Mask], shape: tuple[int, int] = (700, 1100)) -> TissueMask:
    """Tissue of drawn shapes, each at its left upper corner."""
    mask = np.zeros(shape, bool)
    for x, y, drawn in pieces:
        mask[y : y + drawn.shape[0], x : x + drawn.shape[1]] |= drawn
    return TissueMask(mask, downsample=16, mpp=4.0)


class TestCountRange:
    """How far the count depends on the bridging distance and on doubtful necks."""

    @pytest.mark.parametrize(
        ("gap_um", "n", "count_range"), [(32, 1, (1, 1)), (72, 1, (1, 2)), (160, 2, (1, 2)), (280, 2, (2, 2))]
    )
    def test_the_bridging_distance(self, gap_um: float, n: int, count_range: tuple[int, int]) -> None:
        """At half the distance a tear of 72 um parts, at twice the distance a gap of 160 um is bridged."""
        found = _side_by_side(gap_um)
        assert len(found.items) == n
        assert found.count_range == count_range
        assert ("count-unclear" in found.flags) == (count_range[0] < count_range[1])

    def test_pieces_that_touch_are_split_and_it_is_told(self) -> None:
        """Two discs joined by a narrow bar: two fragments, one split with its reason, and the count is sure."""
        found = find_fragments(_paste((100, 100, dumbbell(radius=50, neck=20, length=140))), "a.svs", PARAMS)
        (split,) = found.splits
        assert len(found.items) == 2
        assert (split.fragments, split.is_cut) == ((1, 2), True)
        assert split.confidence > 0.99
        assert split.reason.startswith("A neck of ")
        assert found.count_range == (2, 2)

    def test_a_neck_in_doubt_is_not_cut_and_told(self) -> None:
        """A wide waist: one fragment that may be two."""
        found = find_fragments(_paste((100, 100, dumbbell(radius=50, neck=56, length=110))), "a.svs", PARAMS)
        (split,) = found.splits
        assert (split.fragments, split.is_cut) == ((1,), False)
        assert (found.count_range, found.flags) == ((1, 2), ("count-unclear",))


class TestControlsAndLevels:
    """Two rows of three pieces and a core beside them."""

    ROWS = tuple((100 + 200 * x, 100 + 200 * y, letter(name)) for y in range(2) for x, name in enumerate("ILO"))
    CORE = (800, 100, ellipse(175, 175))

    def test_each_section_names_its_piece(self) -> None:
        """Numbers in reading order, the core last; the second row is level 2 of the first."""
        found = find_fragments(_paste(*self.ROWS, self.CORE), "a.svs", PARAMS, first_id=5)
        assert [f.id for f in found.items] == [5, 6, 7, 8, 9, 10, 11]
        assert [f.piece for f in found.items] == [5, 6, 7, 5, 6, 7, 11]
        assert [f.level for f in found.items] == [1, 1, 1, 2, 2, 2, 1]
        assert [f.role is FragmentRole.CONTROL for f in found.items] == [False] * 6 + [True]
        assert (found.count_range, found.flags) == ((6, 6), ())
        assert found.labels[180, 880] == 11

    def test_levels_in_doubt_leave_each_fragment_to_itself(self) -> None:
        """Two of three pieces repeat."""
        other = (500, 300, letter("I"))
        found = find_fragments(_paste(*self.ROWS[:5], other), "a.svs", PARAMS)
        assert [f.piece for f in found.items] == [f.id for f in found.items]
        assert found.flags == ("levels-unclear",)

    def test_a_round_piece_among_others_is_told(self) -> None:
        """It stays a sample."""
        found = find_fragments(_paste(self.ROWS[0], (300, 80, ellipse(175, 175)), (600, 100, letter("L"))), "a", PARAMS)
        assert {f.role for f in found.items} == {FragmentRole.SAMPLE}
        assert found.flags == ("controls-unclear",)


class TestReadingOrder:
    """Rows from the top, each from the left."""

    @staticmethod
    def _order(boxes: Sequence[Box]) -> list[Box]:
        return [boxes[i] for i in reading_order(list(boxes))]

    def test_rows_are_read_from_the_left(self) -> None:
        """Two rows of biopsies that do not stand quite level."""
        a, b, c = Box(0, 9, 20, 20), Box(40, 0, 20, 20), Box(80, 8, 20, 20)
        d, e = Box(5, 58, 20, 20), Box(50, 50, 20, 20)
        assert self._order([e, d, c, b, a]) == [a, b, c, d, e]

    def test_a_piece_below_the_first_of_the_row_opens_the_next(self) -> None:
        """Its center decides: at the lower edge of the row's first box it is no longer level with it."""
        first = Box(50, 0, 20, 20)
        assert self._order([first, Box(0, 9, 20, 20)])[0] == Box(0, 9, 20, 20)
        assert self._order([first, Box(0, 10, 20, 20)])[0] == first

    @given(
        st.lists(st.builds(Box, *[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2), max_size=7),
        st.randoms(use_true_random=False),
    )
    def test_numbers_do_not_depend_on_the_order_of_finding(self, boxes: list[Box], shuffle: random.Random) -> None:
        """Every box is read once, and in the same place however they come."""
        shuffled = shuffle.sample(boxes, len(boxes))
        assert sorted(reading_order(boxes)) == list(range(len(boxes)))
        assert self._order(shuffled) == self._order(boxes)


class TestRealCores:
    """Tissue cores of a millimeter and more: pale and brown, loose and dense, the last cut in half."""

    @pytest.mark.parametrize("name", CORES)
    def test_a_core_is_one_fragment(self, shared_data: Callable[[str], Path], name: str) -> None:
        """Whatever the stain, most of the core is found, in one piece."""
        rgb = read_field(shared_data(name), 16)
        tissue = find_tissue(make_thumbnail(rgb), find_white(rgb), {}, TissueParams())

        (fragment,) = find_fragments(tissue, name, PARAMS).items

        assert 0.45 < fragment.area_mm2 < 1.5


class TestLines:
    """Lines that enclose the specimen are no tissue, and what they enclose is not filled."""

    @pytest.mark.parametrize("width_px", [3, 6, 15])
    def test_a_frame_round_four_biopsies(self, width_px: int) -> None:
        """A ring of pen or a coverslip's edge of 12 to 60 um leaves four fragments and is counted as an edge."""
        rng = np.random.default_rng(0)
        rgb = np.full((2000, 2500, 3), 240, np.uint8)
        rows, columns = np.indices(rgb.shape[:2])
        for x, y in ((500, 500), (1200, 500), (500, 1300), (1500, 1300)):
            inside = (columns - x) ** 2 + (rows - y) ** 2 < 125**2
            rgb[inside] = rng.integers(120, 220, (int(inside.sum()), 1))
        cv2.rectangle(rgb, (200, 200), (2200, 1800), (150, 150, 150), width_px)

        tissue = find_tissue(Thumbnail(rgb, 16, 4.0), (240.0, 240.0, 240.0), {}, TissueParams())
        found = find_fragments(tissue, "a.svs", FragmentParams())

        assert [round(f.area_mm2, 1) for f in found.items] == [0.8, 0.8, 0.8, 0.8]
        assert found.dropped["edge"] == 1
