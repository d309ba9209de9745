"""What the network should say, on pictures small enough to draw by hand."""

from __future__ import annotations

import numpy as np

from hetscore.segmenters.network import BORDER, CELL, CENTER, NUCLEUS
from hetscore.segmenters.network import TUMOR as TUMOR_MAP
from scripts.training.examples import DOUBT, NOT_READ, OTHER, TUMOR
from scripts.training.targets import TargetParams, find_borders, make_target

PARAMS = TargetParams()


def labeled() -> tuple[np.ndarray[tuple[int, int], np.dtype[np.uint16]], ...]:
    """Two cells side by side, each 20 pixels wide with a nucleus of 8; the right one is number 2."""
    cells, nuclei = np.zeros((40, 60), np.uint16), np.zeros((40, 60), np.uint16)
    cells[10:30, 10:30], cells[10:30, 30:50] = 1, 2
    nuclei[16:24, 16:24], nuclei[16:24, 36:44] = 1, 2
    return nuclei, cells


def xy() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Centers of the two nuclei."""
    return np.array([[20, 20], [40, 20]], np.float32)


def test_labels_make_all_maps() -> None:
    """Centers stand on the nuclei, cells hold them, borders run around and between cells, tumor fills its own cell."""
    nuclei, cells = labeled()
    kind = np.array([TUMOR, OTHER], np.int8)
    target = make_target(xy(), kind, np.ones(cells.shape, bool), (nuclei, cells), PARAMS)
    assert target.maps[CENTER, 20, 20] > 0.95
    assert target.maps[CENTER, 20, 30] < 0.01
    np.testing.assert_array_equal(target.maps[NUCLEUS] > 0, nuclei > 0)
    np.testing.assert_array_equal(target.maps[CELL] > 0, cells > 0)
    assert target.maps[BORDER, 20, 29:31].tolist() == [1, 1]
    assert target.maps[BORDER, 20, 20] == 0
    assert target.maps[TUMOR_MAP, 20, 12] == 1
    assert target.maps[TUMOR_MAP, 20, 48] == 0
    assert target.weights[TUMOR_MAP, 20, [20, 12, 5]].tolist() == [1, np.float32(PARAMS.far_weight), 0]


def test_a_nucleus_without_territory_is_its_own_cell() -> None:
    """A fibroblast's nucleus is asked for as cell, too: whatever grows cells must not lose it."""
    nuclei, cells = labeled()
    cells[cells == 2] = 0
    target = make_target(xy(), np.array([TUMOR, OTHER], np.int8), np.ones(cells.shape, bool), (nuclei, cells), PARAMS)
    np.testing.assert_array_equal(target.maps[CELL, :, 30:] > 0, nuclei[:, 30:] > 0)


def test_points_say_little_and_only_where_they_are_sure() -> None:
    """A point stands for a small disc; between that and the empty distance nothing is asked of nuclei."""
    known = np.ones((40, 60), bool)
    target = make_target(xy(), np.array([TUMOR, OTHER], np.int8), known, None, PARAMS)
    assert target.maps[TUMOR_MAP, 20, 20] == target.weights[TUMOR_MAP, 20, 20] == 1
    assert (target.maps[TUMOR_MAP, 20, 40], target.weights[TUMOR_MAP, 20, 40]) == (0, 1)
    assert target.weights[TUMOR_MAP, 20, 30] == 0
    assert target.weights[NUCLEUS, 20, 27] == 0
    assert target.weights[NUCLEUS, 20, 1] == 1
    assert not target.weights[[CELL, BORDER]].any()


def test_nothing_is_asked_around_a_doubtful_nucleus() -> None:
    """Whoever finds or misses it is neither right nor wrong; its sure neighbor still counts."""
    near = np.array([[20, 20], [27, 20]], np.float32)
    target = make_target(near, np.array([DOUBT, TUMOR], np.int8), np.ones((40, 60), bool), None, PARAMS)
    assert not target.weights[:, 20, 18].any()
    assert target.maps[CENTER, 20, 20] < 0.05
    assert target.weights[CENTER, 20, 27] == 1


def test_nothing_is_asked_where_nothing_is_known() -> None:
    """Outside the read part of a crop, and under an artefact, every weight is 0."""
    nuclei, cells = labeled()
    known = np.ones(cells.shape, bool)
    known[:, 30:] = False
    target = make_target(xy(), np.array([TUMOR, OTHER], np.int8), known, (nuclei, cells), PARAMS)
    assert not target.weights[:, :, 30:].any()
    assert target.weights[:, 20, 20].all()


def test_borders_are_two_pixels_wide_between_cells() -> None:
    """A border holds the last pixel of either side."""
    labels = np.array([[1, 1, 1, 2, 2, 2]] * 3, np.uint16)
    assert find_borders(labels)[1].tolist() == [False, False, True, True, False, False]


def test_a_region_asks_for_tumor_and_nothing_else() -> None:
    """Left tumor, middle not read, right other: the tumor map is asked left and right, the other maps nowhere."""
    tissue = np.full((20, 30), NOT_READ, np.int8)
    tissue[:, :10], tissue[:, 20:] = TUMOR, OTHER
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.int8)
    target = make_target(*nothing, np.zeros(tissue.shape, bool), None, PARAMS, tissue)
    asked = target.weights > 0
    np.testing.assert_array_equal(asked[TUMOR_MAP], tissue != NOT_READ)
    assert not asked[[CENTER, NUCLEUS, CELL, BORDER]].any()
    assert target.maps[TUMOR_MAP, 5, 5] == 1
    assert target.maps[TUMOR_MAP, 5, 25] == 0
