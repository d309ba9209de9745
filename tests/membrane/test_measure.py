"""Membranes drawn with known density and extent are measured as drawn, in whatever tile they lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon
from shapely.affinity import rotate, scale

from hetscore.config import load_model
from hetscore.domain import CELL_COLUMNS, Cells, MembraneClass, MembranePattern, Tile, TileImage, TileLabels
from hetscore.geometry import Box
from hetscore.membrane import (
    MembraneParams,
    find_lines,
    find_pattern,
    longest_arc,
    measure_cells,
)
from hetscore.scoring.cell import classify_cells
from hetscore.scoring.compartments import translocation_index
from tests.drawings import STAIN, make_tile, paint
from tests.membrane.drawn import (
    BIOPSY,
    NOWHERE,
    ONE_SIDE,
    PATTERNS,
    RING,
    U_SHAPE,
    Arcs,
    DrawnCell,
    distance_um,
    draw,
    draw_dab,
    measure,
)


def _turned(stained: Arcs, turn: float) -> Arcs:
    """Turn arcs; one that then passes through angle 0 becomes two."""
    whole = [((start + turn) % 360, stop - start) for start, stop in stained]
    return tuple(part for start, length in whole
                 for part in ((start, min(start + length, 360.0)), (0.0, max(start + length - 360, 0.0)))
                 if part[1] > part[0])  # fmt: skip


def _is_pattern_right(rng: np.random.Generator, pattern: MembranePattern, stained: Arcs) -> bool:
    x, y = 16 + rng.uniform(-0.5, 0.5, 2)
    od, mpp = float(rng.choice([0.3, 0.6, 1.0])), float(rng.choice([0.25, 0.5]))
    arcs = stained if stained == RING else _turned(stained, rng.uniform(0, 360))
    cell = DrawnCell(x=x, y=y, radius=rng.uniform(6, 8), stained=arcs, od=od, width=rng.uniform(1.0, 2.2))
    return _pattern(measure(cell, mpp=mpp)) is pattern


def _pattern(cells: Cells) -> MembranePattern:
    return MembranePattern(int(cells.membrane_pattern[0]))


class TestDensity:
    """How brown the line is."""

    @pytest.mark.parametrize(("width", "mpp"), [(1.0, 0.25), (1.5, 0.25), (2.14, 0.25), (1.5, 0.5), (2.14, 0.5)])
    @pytest.mark.parametrize("od", [0.3, 0.6, 1.0])
    def test_a_ring_has_the_density_it_was_drawn_with(self, od: float, width: float, mpp: float) -> None:
        """A line twice as wide as a pixel, or more, is read within 5 %, at either resolution and wherever it lies."""
        for shift in (0.0, 0.1, 0.2):
            cells = measure(DrawnCell(x=16 + shift, y=16 - shift / 2, od=od, width=width), mpp=mpp)
            assert cells.membrane_od[0] == pytest.approx(od, rel=0.05)

    @pytest.mark.parametrize(("mpp", "least"), [(0.25, 0.74), (0.5, 0.6)])
    def test_a_line_thinner_than_what_is_averaged_reads_lower(self, mpp: float, least: float) -> None:
        """The 0.64 um of a 1+ line keep three quarters of their density at 0.25 um/px, and less at 0.5."""
        assert least * 0.6 <= measure(DrawnCell(width=0.64), mpp=mpp).membrane_od[0] <= 0.6

    @pytest.mark.parametrize("haze", [0.1, 0.3])
    def test_it_is_read_above_the_cells_own_cytoplasm(self, haze: float) -> None:
        """The same line on a hazy cell has the same density."""
        cells = measure(DrawnCell(haze=haze))
        assert cells.membrane_od[0] == pytest.approx(0.6, rel=0.15)
        assert cells.cytoplasm_od[0] == pytest.approx(haze, abs=0.02)

    def test_a_gap_does_not_dilute_it(self) -> None:
        """A U-shaped membrane is as brown as a closed one."""
        assert measure(DrawnCell(stained=U_SHAPE)).membrane_od[0] == pytest.approx(0.6, rel=0.15)

    @pytest.mark.parametrize("haze", [0.0, 0.1, 0.3, 0.5])
    def test_haze_is_no_membrane(self, haze: float) -> None:
        """Cytoplasmic staining, however strong, is never counted in the score."""
        cells = measure(DrawnCell(stained=NOWHERE, haze=haze))
        assert abs(cells.membrane_od[0]) < 0.05
        assert _pattern(cells) is MembranePattern.NONE

    def test_a_hazy_neighbor_is_no_membrane(self) -> None:
        """Where a brown cell without a line touches a clear one, neither has a membrane."""
        cells = measure(DrawnCell(x=9, stained=NOWHERE, haze=0.4), DrawnCell(x=23, stained=NOWHERE))
        assert (cells.membrane_od < 0.05).all()
        assert (cells.membrane_completeness == 0).all()

    @pytest.mark.parametrize("width", [2.6, 3.3, 3.7])
    @pytest.mark.parametrize("mpp", [0.25, 0.5])
    def test_the_widest_lines_are_no_haze(self, width: float, mpp: float) -> None:
        """A line up to the widest that occur keeps its density and its ring, though its top is flat."""
        cells = measure(DrawnCell(od=0.9, width=width), mpp=mpp)
        assert cells.membrane_od[0] == pytest.approx(0.9, rel=0.05)
        assert _pattern(cells) is MembranePattern.COMPLETE

    @pytest.mark.parametrize("apart", [1.6, 2.25, 3.0])
    def test_a_wall_beside_it_is_no_haze(self, apart: float) -> None:
        """Of two rings, one outside the other and less than their width free between, the inner is read as strong."""
        ring = DrawnCell(od=0.9, width=1.2)
        wall = DrawnCell(od=0.9, width=1.2, radius=ring.radius + apart)
        dab = np.maximum(draw_dab(ring, (128, 128), 0.25), draw_dab(wall, (128, 128), 0.25))
        _, labels = draw(ring)
        image = make_tile(paint(np.zeros(dab.shape), dab), mpp=0.25)
        assert measure_cells(image, labels, STAIN).membrane_od[0] >= 0.6 * 0.9

    def test_the_side_reaches_as_far_as_it_says(self) -> None:
        """A line that runs on into brown ground is a wide line as far as 2.5 um around its middle, and then haze."""
        for ground, is_seen in ((2.0, True), (5.0, False)):
            ring, half = DrawnCell(od=0.6, width=1.0), DrawnCell().radius + 0.5
            away = distance_um(ring, (128, 128), 0.25)
            dab = np.maximum(draw_dab(ring, (128, 128), 0.25), 0.6 * ((away > half) & (away < half + ground)))
            _, labels = draw(ring)
            found = measure_cells(make_tile(paint(np.zeros(dab.shape), dab), mpp=0.25), labels, STAIN).membrane_od[0]
            assert (found > 0.5) == is_seen

    @pytest.mark.parametrize(("od", "is_stained"), [(0.07, False), (0.09, True)])
    def test_stained_is_what_stands_out_by_eight_hundredths(self, od: float, is_stained: bool) -> None:
        """A line of 0.07 above its sides is none, one of 0.09 is a ring."""
        assert (measure(DrawnCell(od=od, width=2.0)).membrane_completeness[0] > 0.9) == is_stained

    def test_a_single_odd_ray_is_no_membrane(self) -> None:
        """A brown speck on the border, less than two rays wide, counts for nothing."""
        assert measure(DrawnCell(stained=((88.0, 92.0),))).membrane_completeness[0] == 0

    def test_brown_of_the_nucleus_is_told_apart(self) -> None:
        """Its density is a column of its own, and no membrane."""
        cells = measure(DrawnCell(stained=NOWHERE, nucleus_dab=0.4))
        assert cells.nucleus_od[0] == pytest.approx(0.4, abs=0.03)
        assert cells.membrane_od[0] < 0.05
        assert _pattern(cells) is MembranePattern.NONE


class TestExtent:
    """How much of the border is stained, and which sides."""

    @pytest.mark.parametrize("mpp", [0.25, 0.5])
    @pytest.mark.parametrize(
        ("stained", "pattern"),
        [(stained, pattern) for pattern, stained in PATTERNS.items()],
    )
    def test_patterns(self, stained: Arcs, pattern: MembranePattern, mpp: float) -> None:
        """Completeness is the drawn share within 0.05, the arc the longest drawn one, and the pattern is named."""
        lengths = [(stop - start) / 360 for start, stop in stained]
        cells = measure(DrawnCell(stained=stained), mpp=mpp)
        assert cells.membrane_completeness[0] == pytest.approx(sum(lengths), abs=0.05)
        assert cells.membrane_arc[0] == pytest.approx(max(lengths, default=0), abs=0.05)
        assert _pattern(cells) is pattern

    def test_the_pattern_is_right_however_the_cell_lies(self) -> None:
        """Of 200 cells of any pattern, turn, size, place and density, at either resolution, at least 98 % are right."""
        rng = np.random.default_rng(0)
        kinds = list(PATTERNS.items())
        right = [_is_pattern_right(rng, *kinds[k % len(kinds)]) for k in range(200)]
        assert np.mean(right) >= 0.98

    @pytest.mark.parametrize("turn", [5, 45, 105, 205, 315])
    def test_a_turned_cell_measures_the_same(self, turn: int) -> None:
        """A fragment lies on the glass as it fell; an arc may pass through angle 0."""
        start, stop = turn % 360, (turn + 180) % 360
        arcs = ((start, stop),) if start < stop else ((start, 360.0), (0.0, stop))
        cells = measure(DrawnCell(stained=arcs))
        assert cells.membrane_completeness[0] == pytest.approx(0.5, abs=0.05)
        assert cells.membrane_arc[0] == pytest.approx(0.5, abs=0.05)

    def test_more_of_the_border_is_never_less_complete(self) -> None:
        """From nothing to the ring in steps of 30 degrees."""
        found = [measure(DrawnCell(stained=((0, a),))).membrane_completeness[0] for a in range(0, 390, 30)]
        assert found == sorted(found)

    def test_a_line_between_two_cells_counts_for_both(self) -> None:
        """Neighbors share their wall; neither can be told to own it."""
        left = DrawnCell(x=9, y=16, stained=((-1, 40), (320, 360)))
        right = DrawnCell(x=23, y=16, stained=NOWHERE)
        cells = measure(left, right)
        assert cells.membrane_completeness[0] == pytest.approx(80 / 360, abs=0.08)
        assert cells.membrane_completeness[1] > 0.05


WIDTHS = (0.64, 1.0, 2.14)
"""Mean width of 1+, 2+ and 3+ lines (Scheel 2018)."""


class TestWidth:
    """How wide the line is at half its height, within 0.25 um: the classes differ by more."""

    @pytest.mark.parametrize(("width", "mpp"), [(0.64, 0.25), (1.0, 0.25), (2.14, 0.25), (1.0, 0.5), (2.14, 0.5)])
    @pytest.mark.parametrize("od", [0.2, 0.8])
    def test_a_ring_is_as_wide_as_drawn(self, width: float, mpp: float, od: float) -> None:
        """Pale or dark: half of whatever height there is, so the width is no second measure of the density."""
        assert measure(DrawnCell(width=width, od=od), mpp=mpp).membrane_width_um[0] == pytest.approx(width, abs=0.1)

    @pytest.mark.parametrize("turn", [0, 30, 60, 110, 200, 290])
    def test_a_turned_line_is_as_wide(self, turn: int) -> None:
        """A stretch of 50 degrees, in whatever direction the pixels cut it."""
        found = [measure(DrawnCell(stained=((turn, turn + 50),), width=w)).membrane_width_um[0] for w in WIDTHS]
        assert found == pytest.approx(WIDTHS, abs=0.1)

    @pytest.mark.parametrize("shift", [0.05, 0.1, 0.15, 0.2])
    def test_a_line_between_pixels_is_as_wide(self, shift: float) -> None:
        """Wherever the line falls on the grid."""
        cells = [DrawnCell(x=16 + shift, y=16 + shift / 2, width=w) for w in WIDTHS]
        assert [measure(cell).membrane_width_um[0] for cell in cells] == pytest.approx(WIDTHS, abs=0.1)

    @pytest.mark.parametrize("turn", [0, 20, 45])
    @pytest.mark.parametrize("width", WIDTHS)
    def test_an_oval_cell_reads_a_little_wide(self, width: float, turn: float) -> None:
        """Rays cut the sides of a cell twice as long as wide aslant: a tenth more, never less."""
        found = measure_cells(*_draw_oval(10, 5, turn, width), STAIN).membrane_width_um[0]
        assert width - 0.05 < found < 1.12 * width + 0.05

    def test_neighbors_share_the_width_of_their_line(self) -> None:
        """The line between two hazy cells is one line for both; 7.5 degrees aside, their borders are 0.1 um apart."""
        left = DrawnCell(x=9, width=1.0, haze=0.1, stained=((0, 14), (346, 360)))
        right = replace(left, x=23, stained=((166, 194),))
        one, other = measure(left, right).membrane_width_um
        assert one == pytest.approx(other, abs=0.02)
        assert 0.95 < one < 1.15

    def test_brown_of_the_nucleus_does_not_widen_it(self) -> None:
        """The cell's own cytoplasm lies between."""
        assert measure(DrawnCell(width=1.0, nucleus_dab=0.6)).membrane_width_um[0] == pytest.approx(1.0, abs=0.1)

    @pytest.mark.parametrize(
        "cell",
        [
            DrawnCell(stained=NOWHERE),
            DrawnCell(stained=NOWHERE, haze=0.5),
            DrawnCell(stained=((4, 16),)),  # one ray
            DrawnCell(width=5.0),  # clumps or haze, no line
            DrawnCell(radius=4.0, width=2.14),  # the line runs into the nucleus
        ],
    )
    def test_what_is_no_line_has_no_width(self, cell: DrawnCell) -> None:
        """NaN, never 0."""
        assert np.isnan(measure(cell).membrane_width_um[0])

    def test_three_rays_are_enough(self) -> None:
        """A median needs three; 20 degrees of line hold the rays at 90, 97.5 and 105."""
        cell = DrawnCell(stained=((87, 107),), width=1.0)
        image, labels = draw(cell)
        assert measure_cells(image, labels, STAIN).membrane_width_um[0] == pytest.approx(1.0, abs=0.1)
        assert np.isnan(measure_cells(image, labels, STAIN, MembraneParams(min_width_rays=4)).membrane_width_um[0])

    def test_a_flat_profile_is_no_error(self) -> None:
        """With a threshold of 0 every ray counts as stained, on blank glass too."""
        image, labels = draw(DrawnCell(stained=NOWHERE))
        assert np.isnan(measure_cells(image, labels, STAIN, MembraneParams(stained_od=0.0)).membrane_width_um[0])


def _draw_oval(long_um: float, short_um: float, turn: float, width: float) -> tuple[TileImage, TileLabels]:
    """Draw an oval of these half axes with a line as wide everywhere."""
    disc = shapely.Point(16, 16).buffer(1, 64)
    cell, nucleus = (rotate(scale(disc, *axes), turn) for axes in ((long_um, short_um), (3.5, 2.2)))
    fine, coarse = (
        shapely.points(*((np.indices((side, side))[::-1] + 0.5) * 32 / side).astype(np.float64)) for side in (128, 64)
    )
    away = shapely.distance(fine, cell.exterior)
    dab = 0.6 * np.clip((width / 2 - away) / 0.25 + 0.5, 0, 1)
    nuclei, territories = (shapely.contains(shape, coarse).astype(np.int32) for shape in (nucleus, cell))
    image = make_tile(paint(0.3 * shapely.contains(nucleus, fine), dab), mpp=0.25)
    return image, TileLabels(nuclei, territories, np.full(1, 0.9), shrink=2)


class TestCompartments:
    """Where the brown lies."""

    def test_a_nuclear_stain_is_told_from_a_membranous_one(self) -> None:
        """Nearly all in the nucleus, a third everywhere, nothing in the nucleus."""
        nuclear, even, ring = (
            DrawnCell(stained=NOWHERE, nucleus_dab=0.5),
            DrawnCell(stained=NOWHERE, haze=0.5),
            DrawnCell(),
        )
        found = [float(translocation_index(measure(cell))[0]) for cell in (nuclear, even, ring)]
        assert found == pytest.approx([1, 1 / 3, 0], abs=0.05)

    @pytest.mark.parametrize("stained", [NOWHERE, ONE_SIDE, U_SHAPE, RING])
    def test_a_nuclear_stain_changes_neither_class_nor_pattern(self, stained: Arcs) -> None:
        """The same membrane round a brown nucleus."""
        model = load_model("watershed").membrane
        plain, brown = (
            classify_cells(measure(DrawnCell(stained=stained, nucleus_dab=dab)), model, BIOPSY) for dab in (0.0, 0.5)
        )
        assert brown.membrane_class.tolist() == plain.membrane_class.tolist()
        assert _pattern(brown) is _pattern(plain)

    def test_a_color_of_neither_stain_is_left_over(self) -> None:
        """The two stains leave nothing. Half of the red taken away is 0.301 more density, 0.523 of it out of plane."""
        image, labels = draw(DrawnCell(nucleus_dab=0.4))
        redder = image.rgb.copy()
        redder[..., 0] //= 2
        found = [
            float(measure_cells(TileImage(image.tile, rgb), labels, STAIN).nucleus_residual_od[0])
            for rgb in (image.rgb, redder)
        ]
        assert found[0] < 0.005
        assert found[1] == pytest.approx(0.301 * 0.523, abs=0.005)


class TestUnscored:
    """What cannot be measured is never silently 0."""

    def test_a_nucleus_whose_center_lies_outside_its_cell(self) -> None:
        """A ring-shaped cell offers no point to measure from: its membrane is unknown, not unstained."""
        image, labels = draw(DrawnCell())
        rows, columns = np.indices(labels.nuclei.shape)
        distance = np.hypot(rows - rows.mean(), columns - columns.mean())
        ring = ((distance > 8) & (distance < 11)).astype(np.int32)
        cells = measure_cells(image, replace(labels, nuclei=ring, cells=ring), STAIN)
        assert len(cells) == 1
        assert np.isnan(cells.membrane_od[0])

    def test_one_shared_side_is_not_the_cells_own_stain(self) -> None:
        """An unstained cell with a stretch of a strongly stained neighbor's line is at most 1+; a ring is 3+."""
        model = load_model("watershed").membrane
        cells = [measure(DrawnCell(stained=arcs, od=0.9)) for arcs in (((0.0, 60.0),), RING)]
        stretch, ring = (classify_cells(cell, model, BIOPSY).membrane_class[0] for cell in cells)
        assert MembraneClass.NEGATIVE <= stretch <= MembraneClass.FAINT
        assert ring == MembraneClass.STRONG

    def test_measuring_does_not_classify(self) -> None:
        """What a measure means is decided in `scoring`."""
        cells = measure(DrawnCell())
        assert cells.membrane_class.tolist() == [MembraneClass.UNSCORED]
        assert not cells.p_class.any()
        assert cells.fragment.tolist() == [0]

    def test_no_cell_no_row(self) -> None:
        """An empty tile is measured without complaint."""
        image, labels = draw(DrawnCell())
        nothing = np.zeros_like(labels.nuclei)
        assert len(measure_cells(image, TileLabels(nothing, nothing, np.zeros(0), labels.shrink), STAIN)) == 0


class TestPlace:
    """Where a cell is, and whose it is."""

    def test_centroid_area_and_outline(self) -> None:
        """The cell drawn at 16 um lies at 64 px of 0.25 um; its nucleus has 38 um2, the outline the cell's area."""
        cells = measure(DrawnCell())
        assert (cells.x[0], cells.y[0]) == pytest.approx((64, 64), abs=0.5)
        assert cells.nucleus_area_um2[0] == pytest.approx(np.pi * 3.5**2, rel=0.05)
        assert Polygon(cells.outline(0)).area == pytest.approx(np.pi * 28**2, rel=0.1)

    def test_a_finer_slide_gives_its_own_pixels(self) -> None:
        """Two level-0 pixels to a tile pixel, the tile 1000 px from the corner: all lengths double."""
        image, labels = draw(DrawnCell())
        tile = Tile(0, Box(1000, 2000, 256, 256), Box(1000, 2000, 256, 256), downsample=2, mpp=0.25)
        cells = measure_cells(TileImage(tile, image.rgb), labels, STAIN)
        assert (cells.x[0], cells.y[0]) == pytest.approx((1128, 2128), abs=1)
        assert Polygon(cells.outline(0)).area == pytest.approx(np.pi * 56**2, rel=0.1)
        assert cells.membrane_od[0] == measure(DrawnCell()).membrane_od[0]

    def test_only_cells_of_the_core_are_measured(self) -> None:
        """A cell whose nucleus lies in the margin belongs to another tile."""
        image, labels = draw(DrawnCell(x=8, y=16), DrawnCell(x=24, y=16))
        right = replace(image.tile, core=Box(64, 0, 64, 128))
        cells = measure_cells(TileImage(right, image.rgb), labels, STAIN)
        assert cells.x.tolist() == pytest.approx([96], abs=0.5)

    @settings(deadline=None)  # the first call compiles
    @given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
    def test_a_cell_measures_the_same_in_every_tile(self, left: int, top: int, right: int, bottom: int) -> None:
        """Cut off any multiple of 2 px (a label pixel) from each side: the row is identical, bit for bit."""
        image, labels = draw(DrawnCell(stained=U_SHAPE, haze=0.07))
        box = Box(2 * left, 2 * top, 128 - 2 * left - 2 * right, 128 - 2 * top - 2 * bottom)
        small = tuple(slice(s.start // 2, s.stop // 2) for s in box.slices)
        part = TileLabels(labels.nuclei[small], labels.cells[small], labels.p_tumor, labels.shrink)

        whole = measure_cells(image, labels, STAIN)
        cropped = measure_cells(TileImage(replace(image.tile, box=box, core=box), image.rgb[box.slices]), part, STAIN)

        for name in (*CELL_COLUMNS, "outline_xy", "outline_start"):
            np.testing.assert_array_equal(getattr(cropped, name), getattr(whole, name), err_msg=name)


class TestLongestArc:
    """Runs of stained rays round a cell: + is stained, - is not, all rays of one length."""

    @pytest.mark.parametrize(
        ("rays", "arc"),
        [
            ("----------", 0.0),
            ("++++++++++", 1.0),
            ("--+++-----", 0.3),
            ("++------++", 0.4),  # through the last ray to the first
            ("--++--+++-", 0.3),
            ("--++-++---", 0.5),  # a single ray is bridged and counts
            ("+--------+", 0.2),
            ("+-+------+", 0.4),  # bridged across the first ray
            ("-+++++++++", 1.0),
            ("--++++++++", 0.8),
        ],
    )
    def test_by_hand(self, rays: str, arc: float) -> None:
        """Ten rays a cell."""
        stained = np.array([[mark == "+" for mark in rays]])
        assert longest_arc(stained, np.full((1, 10), 0.1)) == pytest.approx([arc])

    def test_long_sides_weigh_more(self) -> None:
        """Rays that stand for more of the membrane count for more."""
        share = np.array([[0.4, 0.1, 0.1, 0.1, 0.2, 0.1]])
        stained = np.array([[True, False, False, True, True, False]])
        assert longest_arc(stained, share) == pytest.approx([0.8])  # the last ray is bridged

    @given(st.lists(st.booleans(), min_size=6, max_size=12), st.integers(0, 12))
    def test_turning_the_cell_changes_nothing(self, rays: list[bool], turn: int) -> None:
        """Which ray is the first is arbitrary."""
        stained, share = np.array([rays]), np.full((1, len(rays)), 1 / len(rays))
        turned = np.roll(stained, turn, axis=1)
        assert longest_arc(turned, share) == pytest.approx(longest_arc(stained, share))


class TestFindPattern:
    """The first that holds, from complete downward."""

    @pytest.mark.parametrize(
        ("completeness", "arc", "pattern"),
        [
            (0.85, 0.2, MembranePattern.COMPLETE),
            (0.84, 0.45, MembranePattern.BASOLATERAL),
            (0.44, 0.44, MembranePattern.LATERAL),
            (0.30, 0.1, MembranePattern.LATERAL),
            (0.29, 0.29, MembranePattern.PARTIAL),
            (0.0, 0.0, MembranePattern.NONE),
        ],
    )
    def test_boundaries(self, completeness: float, arc: float, pattern: MembranePattern) -> None:
        """Each bound belongs to the pattern it opens."""
        found = find_pattern(np.array([completeness]), np.array([arc]), MembraneParams())
        assert found.tolist() == [pattern]


class TestFindLines:
    """Where the line was measured, to be drawn."""

    @pytest.mark.parametrize("mpp", [0.25, 0.5])
    def test_the_line_of_a_ring_lies_on_it(self, mpp: float) -> None:
        """Every place is as far from the center as the ring's radius, within a step, and as high as the ring."""
        lines = find_lines(*draw(DrawnCell(), mpp=mpp), STAIN)
        away = np.hypot(*(lines.xy[0] * mpp - 16).T)
        np.testing.assert_allclose(away, 7.0, atol=0.3)
        np.testing.assert_allclose(lines.height_od[0], 0.6, rtol=0.1)

    def test_cells_are_those_that_are_measured(self) -> None:
        """One row a cell, in the same order."""
        image, labels = draw(DrawnCell(x=9), DrawnCell(x=23))
        cells, lines = measure_cells(image, labels, STAIN), find_lines(image, labels, STAIN)
        np.testing.assert_allclose(lines.xy.mean(axis=1)[:, 0], cells.x, atol=1.0)


class TestParams:
    """Lengths that do not go together are refused, not used."""

    @pytest.mark.parametrize("n_rays", [0, 4, 40, 45, 49])
    def test_rays_make_whole_outlines(self, n_rays: int) -> None:
        """Every third ray is a corner, and half the rays are a number."""
        with pytest.raises(ValueError, match=f"n_rays {n_rays}; expected an even multiple of 3"):
            MembraneParams(n_rays=n_rays)

    @pytest.mark.parametrize(
        "params",
        [{"side_um": 20.0}, {"reach_um": 34.0}, {"max_width_um": 30.0}, {"lumen_um": (1.0, 20.0)}],
        ids=lambda p: next(iter(p)),
    )
    def test_no_ray_sees_farther_than_tiles_are_read(self, params: dict[str, Any]) -> None:
        """Else a cell would depend on the tile it lies in."""
        with pytest.raises(ValueError, match="expected at most"):
            MembraneParams(**params)

    @pytest.mark.parametrize("band", [(0.5, 0.5), (0.5, 0.2), (0.2, 0.205), (-0.2, 0.5), (0.5, 1.2)])
    def test_the_band_holds_a_ray(self, band: tuple[float, float]) -> None:
        """A mean of no ray would be no number."""
        with pytest.raises(ValueError, match="two shares from 0 to 1"):
            MembraneParams(band=band)

    @pytest.mark.parametrize("lumen_um", [(3.0, 1.0), (-1.0, 1.0)])
    def test_a_lumen_lies_outward(self, lumen_um: tuple[float, float]) -> None:
        """From the nearer to the farther."""
        with pytest.raises(ValueError, match="the nearer first"):
            MembraneParams(lumen_um=lumen_um)
