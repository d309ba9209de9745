"""Neighbors and connected clusters, on layouts a reader can draw."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.scoring.clusters import cluster_sizes, label_clusters, largest_cluster, link_cells

Pairs = set[tuple[int, int]]
Floats = NDArray[np.float64]


def _link(*points: tuple[float, float], max_link_um: float = 20.0) -> Pairs:
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return {(int(i), int(j)) for i, j in link_cells(x, y, max_link_um)}


def _turn(x: Floats, y: Floats, angle: float) -> tuple[Floats, Floats]:
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


def _link_by_definition(x: Floats, y: Floats, reach: float) -> list[list[int]]:
    """Try every pair of cells, none of which share a place: slow, but nothing else than the definition.

    The circles through a pair have their centers on its bisector, at a height from -`most` to `most`. Each cell beside
    the pair leaves only those centers from which it is no nearer than the pair is.
    """
    pairs = []
    for i, j in combinations(range(len(x)), 2):
        length = np.hypot(x[j] - x[i], y[j] - y[i])
        if length > reach + 1e-6:
            continue
        turned = _turn(x - (x[i] + x[j]) / 2, y - (y[i] + y[j]) / 2, -np.arctan2(y[j] - y[i], x[j] - x[i]))
        along, beside = (np.delete(column, [i, j]) for column in turned)
        most = np.sqrt(max(reach**2 - length**2 / 4, 0))
        is_level = np.abs(beside) < 1e-9
        power = along**2 + beside**2 - length**2 / 4
        height = power[~is_level] / (2 * beside[~is_level])
        is_above = beside[~is_level] > 0
        highest = min(most, height[is_above].min(initial=np.inf))
        lowest = max(-most, height[~is_above].max(initial=-np.inf))
        if lowest <= highest + 1e-6 and (power[is_level] > 0).all():
            pairs.append([i, j])
    return pairs


@st.composite
def layouts(draw: st.DrawFn, most: int = 40) -> tuple[Floats, Floats]:
    """Draw cells, no two at one place, of a square or hexagonal lattice, on pixels, or in clumps; turned and moved."""
    kind = draw(st.sampled_from(["square", "hexagonal", "pixels", "clumps"]))
    size = {"square": 8, "hexagonal": 8, "pixels": 240, "clumps": 1000}[kind]
    places = st.tuples(st.integers(0, size), st.integers(0, size))
    i, j = np.array(draw(st.lists(places, max_size=most, unique=True)), np.float64).reshape(-1, 2).T
    spacing = draw(st.sampled_from([4.0, 5.0, 8.0, 10.0]))
    x, y = {
        "square": (spacing * i, spacing * j),
        "hexagonal": (spacing * (i + j % 2 / 2), spacing * j * 0.75**0.5),
        "pixels": (0.25 * i, 0.25 * j),
        # nearly all within a few cells' width, the others up to 0.4 mm away
        "clumps": (400 * (i / size) ** 4, 400 * (j / size) ** 4),
    }[kind]
    shift = draw(st.sampled_from([0.0, 1e5]))
    x, y = _turn(x, y, draw(st.floats(0, 6.28)))
    return x + shift, y - shift


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
            turned_x, turned_y = _turn(x, y, np.deg2rad(degrees))
            edges = link_cells(turned_x + 3e4, turned_y + 7e4)
            assert len(edges) == 4 * 2 + 5 + 4 * 2, degrees

    @pytest.mark.parametrize(("recess_um", "linked"), [(0.0, False), (2.67, False), (2.69, True), (20.0, True)])
    def test_a_cell_a_little_back_still_parts_two_of_a_border(self, recess_um: float, linked: bool) -> None:
        """Two cells 20 um apart share a circle of 20 um that passes 20 - sqrt(300), 2.68 um from their middle."""
        assert ((0, 1) in _link((0, 0), (20, 0), (10, recess_um))) == linked

    @pytest.mark.parametrize(("radius_um", "linked"), [(20.0, True), (20.01, False)])
    def test_an_empty_circle_counts_up_to_the_longest_link_inclusive(self, radius_um: float, linked: bool) -> None:
        """Three cells 15 degrees apart on the rim of an empty disc: the outer two are linked over it if it is small."""
        rim = np.deg2rad([0.0, 15.0, 30.0])
        x, y = radius_um * np.cos(rim), radius_um * np.sin(rim)
        # a fourth cell stops them from being linked on the other side
        edges = link_cells(np.append(x, radius_um + 4), np.append(y, 0.0))
        assert ([0, 2] in edges.tolist()) == linked

    def test_cells_less_than_a_nanometer_apart_are_at_one_place(self) -> None:
        """Nearly the same place is the same place: both share the neighbor, also the one behind the other."""
        assert _link((0, 0), (0, 0.0009), (0, 10)) == {(0, 1), (0, 2), (1, 2)}
        assert _link((0, 0), (0, 0.0011), (0, 10)) == {(0, 1), (1, 2)}

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -2e6])
    def test_a_position_that_is_not_on_a_slide_is_refused(self, bad: float) -> None:
        """A cell without a place, or a meter away, cannot have neighbors."""
        with pytest.raises(ValueError, match="not finite or beyond a meter"):
            link_cells(np.array([0.0, bad]), np.zeros(2))

    @given(layouts())
    def test_the_links_are_those_of_the_definition(self, layout: tuple[Floats, Floats]) -> None:
        """A search through all pairs and all cells between them finds the same links."""
        assert link_cells(*layout).tolist() == _link_by_definition(*layout, 20.0)

    @given(layouts(most=120), st.sampled_from([1, 2, 7, 30]), st.integers(1, 3), st.sampled_from([2.0, 5.0, 20.0]))
    def test_neither_blocks_nor_threads_matter(
        self, layout: tuple[Floats, Floats], block_cells: int, n_threads: int, reach: float
    ) -> None:
        """Cut into blocks of few cells or not at all, in one thread or several, the links are the same."""
        parted = link_cells(*layout, reach, block_cells=block_cells, n_threads=n_threads)
        assert parted.tolist() == link_cells(*layout, reach).tolist()

    def test_thousands_of_cells_are_the_same_in_any_blocks(self) -> None:
        """Blocks of very uneven density, some cells doubled, with voids: 6,000 cells in one block or a hundred."""
        rng = np.random.default_rng(1)
        spread = np.repeat([60.0, 200.0, 2000.0], 2000)
        x, y = rng.normal(0, spread), rng.normal(0, spread)
        x[:100], y[:100] = x[100:200], y[100:200]
        edges = link_cells(x, y, block_cells=50, n_threads=2)
        assert edges.tolist() == link_cells(x, y, block_cells=10_000).tolist()
        assert edges.dtype == np.int64
        assert (np.diff(edges[:, 0] * len(x) + edges[:, 1]) > 0).all()

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
        turned_x, turned_y = _turn(x, y, angle)
        turned = link_cells(turned_x + shift, turned_y - shift)
        assert turned.tolist() == link_cells(x, y).tolist()

    @given(
        st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2)), max_size=15),
        st.floats(0, 6.28),
        st.sampled_from([0.25, 0.01]),
    )
    def test_without_a_longest_link_all_cells_hang_together(
        self, points: list[tuple[int, int]], angle: float, pixel_um: float
    ) -> None:
        """However thin the layout, and even where rounding keeps cells out of the triangles, no cell is left out."""
        x, y = pixel_um * np.array(points, np.float64).reshape(-1, 2).T
        edges = link_cells(*_turn(x, y, angle), 1e6)
        assert (edges[:, 0] < edges[:, 1]).all()
        assert largest_cluster(edges, np.ones(len(points), np.bool_)) == len(points)

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
        assert largest_cluster(edges, nobody) == 0

    @given(layouts(), st.randoms(use_true_random=False))
    def test_members_of_a_cluster_are_linked_through_members(
        self, layout: tuple[Floats, Floats], random: object
    ) -> None:
        """Spreading a label from each cell over the links to other members, one link at a time, finds the clusters."""
        n_cells = len(layout[0])
        member = np.array([random.random() < 0.6 for _ in range(n_cells)], np.bool_)  # type: ignore[attr-defined]
        edges = link_cells(*layout)
        smallest = np.arange(n_cells)
        for _ in range(n_cells):
            for i, j in edges:
                if member[i] and member[j]:
                    smallest[i] = smallest[j] = min(smallest[i], smallest[j])
        labels = label_clusters(n_cells, edges, member)
        assert ((labels > 0) == member).all()
        assert len({(a, b) for a, b in zip(labels[member], smallest[member], strict=True)}) == labels.max(initial=0)
        assert len(set(smallest[member].tolist())) == labels.max(initial=0)
        assert largest_cluster(edges, member) == cluster_sizes(labels).max(initial=0)

    def test_no_cell_means_no_cluster(self) -> None:
        """Zero cells and zero edges are a valid question."""
        assert largest_cluster(np.zeros((0, 2), np.int64), np.zeros(0, np.bool_)) == 0
