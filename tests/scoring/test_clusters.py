"""Neighbors and connected clusters, on layouts a reader can draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.scoring.clusters import cluster_sizes, label_clusters, largest_cluster, link_cells

Pairs = set[tuple[int, int]]


def _link(*points: tuple[float, float], max_link_um: float = 20.0) -> Pairs:
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return {(int(i), int(j)) for i, j in link_cells(x, y, max_link_um)}


class TestLinkCells:
    """Edges between neighboring tumor cells."""

    def test_no_cell_and_one_cell_have_no_link(self) -> None:
        """Fewer than two cells cannot touch."""
        assert _link() == set()
        assert _link((5, 5)) == set()

    def test_two_cells_are_linked_up_to_the_longest_link_inclusive(self) -> None:
        """Exactly 20 um is near enough, 20.01 um is not."""
        assert _link((0, 0), (20, 0)) == {(0, 1)}
        assert _link((0, 0), (20.01, 0)) == set()

    @pytest.mark.parametrize("direction", [(1, 0), (0, 1), (0.6, 0.8), (-1 / 3, 1 / 7)])
    def test_cells_on_a_line_are_linked_to_the_next_only(self, direction: tuple[float, float]) -> None:
        """On a straight line the middle cell parts the outer two, though they are within reach."""
        along = np.array([0.0, 16.0, 8.0])
        edges = link_cells(along * direction[0] + 1e5, along * direction[1] + 1e5)
        assert edges.tolist() == [[0, 2], [1, 2]]

    def test_cells_at_the_same_place_share_their_neighbors(self) -> None:
        """A double detection is linked to its double and to whatever that is linked to."""
        assert _link((0, 0), (10, 0), (0, 0)) == {(0, 1), (0, 2), (1, 2)}
        assert _link((3, 3), (3, 3), (3, 3)) == {(0, 1), (0, 2), (1, 2)}

    def test_a_cell_between_two_others_parts_them(self) -> None:
        """Cells 0 and 1 are within reach but not neighbors: 2 and 3 stand between them."""
        assert _link((0, 0), (16, 0), (8, 3), (8, -3)) == {(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}

    def test_a_square_links_both_diagonals(self) -> None:
        """Four cells on one circle have no unique triangulation: all of them are neighbors."""
        assert _link((0, 0), (10, 0), (0, 10), (10, 10)) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}

    def test_a_ring_around_a_missing_cell_is_all_linked(self) -> None:
        """Six cells around an empty place are all neighbors of one another, the opposite ones 20 um apart."""
        angles = np.deg2rad(60) * np.arange(6)
        assert len(link_cells(10 * np.cos(angles), 10 * np.sin(angles))) == 15

    def test_a_straight_border_has_no_long_links(self) -> None:
        """However the lattice is turned, three cells in a row of its border are never linked first to last."""
        x, y = (a.ravel().astype(np.float64) for a in np.meshgrid(np.arange(0, 50, 10), np.arange(0, 20, 10)))
        for degrees in range(0, 180, 7):
            c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
            edges = link_cells(c * x - s * y + 3e4, s * x + c * y + 7e4)
            assert len(edges) == 4 * 2 + 5 + 4 * 2, degrees

    def test_a_position_that_is_not_finite_is_refused(self) -> None:
        """A cell without a place cannot have neighbors."""
        with pytest.raises(ValueError, match="not finite"):
            link_cells(np.array([0.0, np.nan]), np.zeros(2))

    @given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25), st.randoms(use_true_random=False))
    def test_the_order_of_the_cells_does_not_matter(self, points: list[tuple[int, int]], random: object) -> None:
        """Even on a square grid with double cells, where no triangulation is unique."""
        order = list(range(len(points)))
        random.shuffle(order)  # type: ignore[attr-defined]
        shuffled = [tuple(8.0 * v for v in points[k]) for k in order]
        edges = {tuple(sorted((order[i], order[j]))) for i, j in _link(*shuffled)}  # type: ignore[arg-type]
        assert edges == _link(*[(8.0 * x, 8.0 * y) for x, y in points])

    @given(
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25),
        st.floats(0, 6.28),
        st.sampled_from([0.0, 1e3, 1e5]),
    )
    def test_a_turn_or_a_shift_of_the_slide_does_not_matter(
        self, points: list[tuple[int, int]], angle: float, shift: float
    ) -> None:
        """Cells on a square grid, turned and moved, keep their links."""
        x, y = 8.0 * np.array(points, np.float64).reshape(-1, 2).T
        cos, sin = np.cos(angle), np.sin(angle)
        turned = link_cells(cos * x - sin * y + shift, sin * x + cos * y - shift)
        assert turned.tolist() == link_cells(x, y).tolist()

    @given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2)), max_size=15), st.floats(0, 6.28))
    def test_without_a_longest_link_all_cells_hang_together(self, points: list[tuple[int, int]], angle: float) -> None:
        """However thin the layout, on a grid of pixels of 0.25 um, no cell is left out."""
        x, y = 0.25 * np.array(points, np.float64).reshape(-1, 2).T
        cos, sin = np.cos(angle), np.sin(angle)
        edges = link_cells(cos * x - sin * y, sin * x + cos * y, 1e6)
        assert (edges[:, 0] < edges[:, 1]).all()
        assert largest_cluster(len(points), edges, np.ones(len(points), np.bool_)) == len(points)

    @given(st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(-1e-3, 1e-3)), max_size=12))
    def test_no_layout_is_refused(self, points: list[tuple[float, float]]) -> None:
        """Cells closer than any microscope sees, in strips thinner than an atom, still give an answer."""
        assert all(0 <= i < j < len(points) for i, j in _link(*points))

    @pytest.mark.parametrize("jitter", [0.0, 1e-12, 1e-5])
    def test_rounding_does_not_shuffle_an_upright_line(self, jitter: float) -> None:
        """Cells one above the other, a hair to the left or right, are linked from top to bottom."""
        assert _link((jitter, 0), (0, 30), (-jitter, 15)) == {(0, 2), (1, 2)}


class TestLabelClusters:
    """Connected members."""

    def test_clusters_are_numbered_by_size_then_by_first_cell(self) -> None:
        """Of a path of eight cells without its third and sixth, the pairs come in order; no triple is larger."""
        path = np.column_stack([np.arange(7), np.arange(1, 8)])
        member = np.array([1, 1, 0, 1, 1, 0, 1, 1], np.bool_)
        labels = label_clusters(8, path, member)
        assert labels.tolist() == [1, 1, 0, 2, 2, 0, 3, 3]
        assert cluster_sizes(labels).tolist() == [2, 2, 2]

    def test_the_largest_comes_first(self) -> None:
        """Three cells outrank the one that comes before them."""
        labels = label_clusters(4, np.array([[1, 2], [2, 3]]), np.ones(4, np.bool_))
        assert labels.tolist() == [2, 1, 1, 1]
        assert cluster_sizes(labels).tolist() == [3, 1]

    def test_no_member_means_no_cluster(self) -> None:
        """Sizes are empty, the largest is 0."""
        nobody = np.zeros(3, np.bool_)
        edges = np.array([[0, 1]])
        assert cluster_sizes(label_clusters(3, edges, nobody)).tolist() == []
        assert largest_cluster(3, edges, nobody) == 0

    def test_no_cell_means_no_cluster(self) -> None:
        """Zero cells and zero edges are a valid question."""
        assert largest_cluster(0, np.zeros((0, 2), np.int64), np.zeros(0, np.bool_)) == 0
