"""Neighbors and connected clusters, on layouts a reader can draw."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.domain import Her2Score
from hetscore.scoring.clusters import ClusterParams, cluster_sizes, label_clusters, largest_cluster, link_cells
from tests.scoring.builders import score_picture

Pairs = set[tuple[int, int]]
Floats = NDArray[np.float64]


def _link(*points: tuple[float, float], max_angle: float = 105.0) -> Pairs:
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return {(int(i), int(j)) for i, j in link_cells(x, y, ClusterParams(max_angle=max_angle))}


def _turn(x: Floats, y: Floats, angle: float) -> tuple[Floats, Floats]:
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


def _link_by_definition(x: Floats, y: Floats, reach: float, max_angle: float) -> list[list[int]]:
    """Try every pair of cells, none of which share a place: slow, but nothing else than the definition.

    The circles through a pair have their centers on its bisector. Each cell beside the pair leaves only those centers
    from which it is no nearer than the pair is.
    """
    pairs = []
    for i, j in combinations(range(len(x)), 2):
        length = np.hypot(x[j] - x[i], y[j] - y[i])
        if length > reach + 1e-6:
            continue
        turned = _turn(x - (x[i] + x[j]) / 2, y - (y[i] + y[j]) / 2, -np.arctan2(y[j] - y[i], x[j] - x[i]))
        along, beside = (np.delete(column, [i, j]) for column in turned)
        to_ends = np.hypot(along + length / 2, beside) * np.hypot(along - length / 2, beside)
        is_level = np.abs(beside) < 1e-9
        power = along**2 + beside**2 - length**2 / 4
        height = power[~is_level] / (2 * beside[~is_level])
        is_above = beside[~is_level] > 0
        highest = height[is_above].min(initial=np.inf)
        lowest = height[~is_above].max(initial=-np.inf)
        # the power is the product of the distances to both ends times the cosine of the angle between
        if lowest <= highest + 1e-6 and (power >= (np.cos(np.deg2rad(max_angle)) - 1e-8) * to_ends).all():
            pairs.append([i, j])
    return pairs


def _stack(even: str, odd: str) -> str:
    """Nine rows of a picture, the first and last alike."""
    return "\n".join([even, odd] * 4 + [even])


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
        # nearly all within a few cells' width, the others up to 0.4 mm away, none within a nanometer of another
        "clumps": (400 * (0.11 + 0.89 * i / size) ** 4, 400 * (0.11 + 0.89 * j / size) ** 4),
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

    @pytest.mark.parametrize(
        ("max_angle", "steps"), [(105.0, {1, 3, 5}), (119.99, {1, 3, 5}), (120.01, {1, 2, 3, 4, 5})]
    )
    def test_a_ring_around_a_missing_cell_is_linked_across(self, max_angle: float, steps: set[int]) -> None:
        """Of six cells around an empty place, two apart are seen under 120 degrees, the opposite ones under 90."""
        angles = np.deg2rad(60) * np.arange(6)
        links = _link(*zip(10 * np.cos(angles), 10 * np.sin(angles), strict=True), max_angle=max_angle)
        assert links == {(i, j) for i, j in combinations(range(6), 2) if j - i in steps}

    @pytest.mark.parametrize("turn", [0.0, 20.0, 45.0])
    def test_any_diagonal_of_a_square_lattice_is_a_link(self, turn: float) -> None:
        """At a border that runs along the diagonals, as inside: each cell is linked to all eight around it."""
        i, j = (a.ravel() for a in np.mgrid[-4:5, -4:5])
        is_diamond = np.abs(i) + np.abs(j) <= 4
        i, j = i[is_diamond], j[is_diamond]
        edges = link_cells(*_turn(10.0 * i, 10.0 * j, np.deg2rad(turn)))
        expected = [[a, b] for a, b in combinations(range(len(i)), 2) if max(abs(i[a] - i[b]), abs(j[a] - j[b])) == 1]
        assert edges.tolist() == expected

    @pytest.mark.parametrize("turn", [0.0, 13.0, 90.0])
    def test_a_hexagonal_lattice_has_the_same_links_at_its_borders_as_inside(self, turn: float) -> None:
        """Cells 10 um apart are linked, and no others: not those of the outer zigzag row, 17.3 um apart."""
        j, i = (a.ravel() for a in np.mgrid[:8, :8])
        x, y = _turn(10 * (i + j % 2 / 2), 10 * j * 0.75**0.5, np.deg2rad(turn))
        edges = link_cells(x, y)
        assert len(edges) == 8 * 7 + 7 * 15
        assert np.hypot(*(a[edges[:, 0]] - a[edges[:, 1]] for a in (x, y))) == pytest.approx(10)

    def test_a_straight_border_has_no_long_links(self) -> None:
        """However the lattice is turned, three cells in a row of its border are never linked first to last."""
        x, y = (a.ravel().astype(np.float64) for a in np.meshgrid(np.arange(0, 50, 10), np.arange(0, 20, 10)))
        for degrees in range(0, 180, 7):
            turned_x, turned_y = _turn(x, y, np.deg2rad(degrees))
            edges = link_cells(turned_x + 3e4, turned_y + 7e4)
            assert len(edges) == 4 * 2 + 5 + 4 * 2, degrees

    @pytest.mark.parametrize(("recess_um", "linked"), [(0.0, False), (7.67, False), (7.68, True), (20.0, True)])
    def test_a_cell_a_little_back_still_parts_two_of_a_border(self, recess_um: float, linked: bool) -> None:
        """Two cells 20 um apart are seen under 105 degrees from 10 / tan(52.5), 7.673 um, off their middle."""
        assert ((0, 1) in _link((0, 0), (20, 0), (10, recess_um))) == linked

    @pytest.mark.parametrize("angle", [96.0, 105.0, 118.5, 145.0])
    @pytest.mark.parametrize("turn", [0.0, 1.0, 2.0])
    def test_the_largest_angle_is_inclusive(self, angle: float, turn: float) -> None:
        """A third cell that sees two under just this angle leaves them linked, one that sees more parts them."""
        back = 8 / np.tan(np.deg2rad(angle / 2))
        x, y = _turn(np.array([0.0, 16.0, 8.0]), np.array([0.0, 0.0, back]), turn)
        assert len(link_cells(x + 5e4, y, ClusterParams(max_angle=angle))) == 3
        assert len(link_cells(x + 5e4, y, ClusterParams(max_angle=angle - 1e-4))) == 2

    def test_cells_less_than_a_nanometer_apart_are_at_one_place(self) -> None:
        """Nearly the same place is the same place: both share the neighbor, also the one behind the other."""
        assert _link((0, 0), (0, 0.0009), (0, 10)) == {(0, 1), (0, 2), (1, 2)}
        assert _link((0, 0), (0, 0.0011), (0, 10)) == {(0, 1), (1, 2)}

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -2e6])
    def test_a_position_that_is_not_on_a_slide_is_refused(self, bad: float) -> None:
        """A cell without a place, or a meter away, cannot have neighbors."""
        with pytest.raises(ValueError, match="not finite or beyond a meter"):
            link_cells(np.array([0.0, bad]), np.zeros(2))

    @given(layouts(), st.sampled_from([105.0, 95.0, 110.0, 125.0, 145.0]))
    def test_the_links_are_those_of_the_definition(self, layout: tuple[Floats, Floats], max_angle: float) -> None:
        """A search through all pairs and all cells between them finds the same links."""
        edges = link_cells(*layout, ClusterParams(max_angle=max_angle))
        assert edges.tolist() == _link_by_definition(*layout, 20.0, max_angle)

    @given(
        layouts(most=120),
        st.sampled_from([1, 2, 7, 30]),
        st.integers(1, 3),
        st.builds(ClusterParams, st.sampled_from([2.0, 5.0, 20.0]), st.sampled_from([95.0, 105.0, 145.0])),
    )
    def test_neither_blocks_nor_threads_matter(
        self, layout: tuple[Floats, Floats], block_cells: int, n_threads: int, params: ClusterParams
    ) -> None:
        """Cut into blocks of few cells or not at all, in one thread or several, the links are the same."""
        parted = link_cells(*layout, params, block_cells=block_cells, n_threads=n_threads)
        assert parted.tolist() == link_cells(*layout, params).tolist()

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
        edges = link_cells(*_turn(x, y, angle), ClusterParams(1e6))
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

    @pytest.mark.parametrize("n_usable", [1, 3])
    def test_there_are_as_many_threads_as_processors_may_be_used(
        self, n_usable: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that a scheduler lets run on three processors of a hundred starts three threads."""
        asked: list[int] = []

        def make_pool(n: int) -> ThreadPoolExecutor:
            asked.append(n)
            return ThreadPoolExecutor(n)

        monkeypatch.setattr("hetscore.scoring.clusters.ThreadPoolExecutor", make_pool)
        monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(n_usable)), raising=False)
        link_cells(np.arange(9.0), np.zeros(9), block_cells=4)
        link_cells(np.arange(9.0), np.zeros(9), block_cells=4, n_threads=2)
        assert asked == [n_usable, 2]


class TestClusterParams:
    """Limits of the limits."""

    @pytest.mark.parametrize("angle", [90.0, 150.0, np.nan])
    def test_an_angle_that_rounding_would_decide_on_is_refused(self, angle: float) -> None:
        """Every diagonal of a square is seen under just 90 degrees; from 150 on, circles are not bounded."""
        with pytest.raises(ValueError, match="expected 95 to 145 degrees"):
            ClusterParams(max_angle=angle)


class TestBorders:
    """Cells of a free border are neighbors of those they touch, no more than cells inside."""

    @pytest.mark.parametrize(("even", "odd"), [("3 0 0 0", " 0 0 0 0"), ("0 3 0 0", " 0 0 0 0")])
    def test_five_stained_cells_parted_by_others_are_no_cluster(self, even: str, odd: str) -> None:
        """Every other cell of a zigzag border, seen under 120 degrees by the one between; or one column inside."""
        result = score_picture(_stack(even, odd))
        assert result.largest_cluster == (1, 1, 1)
        assert result.score is Her2Score.ZERO

    @pytest.mark.parametrize(("even", "odd"), [("0 3 3 3", " 3 3 3 3"), ("3 0 3 3", " 3 3 3 3")])
    def test_five_negative_cells_parted_by_stained_ones_are_no_cluster(self, even: str, odd: str) -> None:
        """The same with the classes exchanged: each negative cell stands alone."""
        result = score_picture(_stack(even, odd))
        assert [c.n_cells for c in result.negative_clusters] == [1] * 5
        assert result.score is Her2Score.THREE_PLUS

    @pytest.mark.parametrize(
        "picture",
        [
            """
            0 3 3 3 3 3 0
             0 0 0 0 0 0
            """,
            """
            3 0 0
             3 0 0
            3 0 0
             3 0 0
            3 0 0
            """,
        ],
    )
    def test_five_stained_cells_that_touch_along_a_border_are_a_cluster(self, picture: str) -> None:
        """Side by side along a straight border, or up and down a zigzag one: a chain of five."""
        result = score_picture(picture)
        assert result.largest_cluster == (5, 5, 5)
        assert result.score is Her2Score.THREE_PLUS


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
