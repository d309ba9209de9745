"""Which tumor cells touch, and which of them form connected clusters.

In: positions of tumor cells in micrometers. Out: links between neighbors, and cluster labels for any subset of the
cells. Only tumor cells go in, so stroma, lymphocytes and normal glands can neither join nor part two clusters. No two
cells are linked over a third that lies between them, at a free border as inside. Links depend on the cells close by
alone, so the plane is cut into blocks that are worked on apart, in threads; the answer never depends on the cut, on
the threads, on the order of the cells or on how the slide lies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hetscore.scoring.mesh import AFTER, BEFORE, TOUCHING_UM, Mesh, triangulate

Edges = NDArray[np.int64]
"""(m, 2), pairs of row numbers, the smaller first, in ascending order, each pair once."""
_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

_SAME_PLACE_UM = 1e-3
"""Cells less than a nanometer apart are at the same place: circles through them have no center worth the name."""
_FARTHEST_UM = 1e6
"""A meter, ten times the longest slide: beyond it float64 no longer tells a picometer."""
_BLOCK_CELLS = 4_096
"""Most cells of a block. Qhull takes longer per cell in large blocks, small ones repeat more cells of their margin:
from 2,000 to 8,000 the time is the same within a tenth."""
_SHORT_BLOCK, _LONG_BLOCK = 4, 100
"""Longest side of a block in margins. Shorter than the first, it stays whole however crowded: parted, its margins would
only be triangulated over again. Longer than the second, it is parted however empty: Qhull's rounding grows with the
size, and at 4 mm it is still far from telling cells a nanometer apart as one."""
_LEAST_ANGLE, _LARGEST_ANGLE = 95.0, 145.0
"""Well above 90, where the chord of a circle hardly changes with the angle and rounding would decide; well below 150,
from where on the empty circle of two linked cells can have a radius larger than the longest link."""


@dataclass(frozen=True)
class ClusterParams:
    """When two tumor cells count as neighbors."""

    max_link_um: float = 20.0
    """Nuclei of neighboring tumor cells lie 7 to 15 um apart. 20 um still joins large cells and cells whose nuclei sit
    at opposite ends, but not two glands across a lumen or a strip of stroma, which are wider as a rule. On phantoms,
    whose cells are small (see `max_angle`), F1 is 0.95 with 16 um and 0.94 with 20 um."""
    max_angle: float = 105.0
    """Degrees: two cells are not linked if a third sees them under a larger angle, for then it lies between them.
    Midway between the angles that decide on lattices: a square's diagonal, a link, is seen under 90; cells of a
    hexagonal lattice two apart, no link, under 120 by the one wedged between. Measured on phantoms, links against
    cells whose outlines touch (44,777 cells of 40 fragments): F1 0.904 without a limit, 0.930 at 120, 0.940 at 105,
    0.941 at 100, 0.931 at 90; at free borders 105 lifts the precision from 0.69 to 0.94 and lowers the recall from
    0.826 to 0.822. The outlines of phantoms are near to Voronoi cells, which real cells are not."""

    def __post_init__(self) -> None:
        """Refuse angles that have no meaning or that rounding would decide on."""
        if not _LEAST_ANGLE <= self.max_angle <= _LARGEST_ANGLE:
            expected = f"{_LEAST_ANGLE:g} to {_LARGEST_ANGLE:g} degrees"
            raise ValueError(f"max_angle: {self.max_angle}; expected {expected}. The default is 105.")


@dataclass(frozen=True)
class _Part:
    """Some of the cells and where they lie."""

    cells: _Ints
    x: _Floats
    y: _Floats

    def take(self, rows: _Ints) -> _Part:
        return _Part(self.cells[rows], self.x[rows], self.y[rows])


@dataclass(frozen=True)
class _Block:
    """Cells of one part of the plane and of a margin around it, ascending."""

    cells: _Ints
    is_own: NDArray[np.bool_]
    """Each cell is some block's own, and only one's."""


def link_cells(
    x_um: _Floats,
    y_um: _Floats,
    params: ClusterParams = ClusterParams(),
    *,
    block_cells: int = _BLOCK_CELLS,
    n_threads: int | None = None,
) -> Edges:
    """Link each tumor cell to its neighbors.

    Parameters
    ----------
    x_um, y_um : ndarray, shape (n,), float64
        Positions of the tumor cells in micrometers, in any frame.
    params : ClusterParams, optional
        Longest link and largest angle, both inclusive.
    block_cells : int
        Most cells triangulated at once, their margin apart. Changes the time taken, never the result.
    n_threads : int, optional
        Blocks worked on at once; if not given, one for each processor that this process may use. Changes the time
        taken, never the result.

    Returns
    -------
    ndarray, shape (m, 2), int64
        Pairs i < j of linked cells in ascending order, each pair once.

    Raises
    ------
    ValueError
        If a position is not finite or more than a meter from the origin.

    Notes
    -----
    Two cells are linked when they are at most `max_link_um` apart, some circle through both holds no other cell inside,
    and no third cell sees them under an angle larger than `max_angle`. These are the links that the Delaunay graph and
    a circle-based beta-skeleton [1]_ have in common. Cells within a picometer of a limit are on the side of the link.
    The empty circle alone would link two cells of a border over a third wedged between them, by a circle that lies
    outside the tissue, but not the same cells inside it.

    Where four or more cells lie on one empty circle, as on any lattice, the Delaunay graph is not unique; all pairs on
    the circle are tried by the same rule, so that neither the order of the cells nor a rotation of the slide matters.
    On a straight line each cell is linked to the next. Fewer than two cells have no link.

    Cells at the same place (less than a nanometer from the next) are all linked to one another and share their
    neighbors; a chain of links would not do, for it breaks where one of them is no member of a cluster. So k doubles
    make k * (k - 1) / 2 links. Detected nuclei do not overlap, so there are none as a rule; thousands at one place
    would fill memory and mean that the positions are wrong.

    Two linked cells share an empty circle of a radius of at most ``max_link_um / (2 * sin(max_angle))``, and a third
    cell that parts two lies within the smallest circle through both. So each block is triangulated with the cells of a
    margin of twice that radius, and gives the links of its own cells just as the whole would. Time grows as n log n.

    References
    ----------
    .. [1] Kirkpatrick DG, Radke JD. A framework for computational morphology. In: Toussaint GT, ed. Computational
       Geometry. North-Holland 1985:217-248.
    """
    # false for NaN too
    if not ((np.abs(x_um) <= _FARTHEST_UM).all() and (np.abs(y_um) <= _FARTHEST_UM).all()):
        raise ValueError(
            "link_cells: a position is not finite or beyond a meter; expected x and y in micrometers. Drop such cells."
        )
    if len(x_um) < 2:
        return np.zeros((0, 2), np.int64)
    x, y = np.asarray(x_um, np.float64), np.asarray(y_um, np.float64)
    place = _find_places(x, y)
    if place is None:
        return _link_places(x, y, params, block_cells, n_threads)
    n_cells_at = np.bincount(place)
    x, y = (np.bincount(place, along) / n_cells_at for along in (x, y))
    return _expand_places(_link_places(x, y, params, block_cells, n_threads), place, len(n_cells_at))


def label_clusters(n_cells: int, edges: Edges, member: NDArray[np.bool_]) -> _Ints:
    """Give each connected cluster of member cells a number.

    Parameters
    ----------
    n_cells : int
        Number of cells that `edges` speaks of.
    edges : ndarray, shape (m, 2), int64
        Links between cells, see `link_cells`.
    member : ndarray, shape (n_cells,), bool
        Cells that may belong to a cluster; links to others do not count.

    Returns
    -------
    ndarray, shape (n_cells,), int64
        0 for cells that are no member, else the cluster's number: 1 is the largest, ties in order of the first cell.
    """
    component = _member_components(edges, member)
    size = np.bincount(component)
    first = np.zeros(len(size), np.int64)
    # of several values for one place the last one stays: here the first cell
    first[component[::-1]] = np.arange(len(component))[::-1]
    number = np.empty(len(size), np.int64)
    number[np.lexsort((first, -size))] = np.arange(1, len(size) + 1)
    labels = np.zeros(n_cells, np.int64)
    labels[member] = number[component]
    return labels


def cluster_sizes(labels: _Ints) -> _Ints:
    """Count the cells of each cluster: entry k is cluster k + 1 of `label_clusters`; empty where there is none."""
    return np.bincount(labels, minlength=1)[1:].astype(np.int64)


def largest_cluster(edges: Edges, member: NDArray[np.bool_]) -> int:
    """Size of the largest connected cluster of the member cells; 0 where there is no member."""
    return int(np.bincount(_member_components(edges, member)).max(initial=0))


def _member_components(edges: Edges, member: NDArray[np.bool_]) -> _Ints:
    """(n members,) number of the connected component of each member, by links between members only."""
    first, second = edges.T
    kept = member[first] & member[second]
    rank = np.cumsum(member) - 1
    return _components(int(np.count_nonzero(member)), rank[first[kept]], rank[second[kept]])


def _components(n: int, first: _Ints, second: _Ints) -> _Ints:
    """(n,) number of the connected component of each node; `first` ascends."""
    row_start = np.concatenate([[0], np.cumsum(np.bincount(first, minlength=n))])
    # the types that csgraph works in, which saves it a copy
    graph = csr_array((np.ones(len(first)), second.astype(np.int32), row_start.astype(np.int32)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _find_places(x: _Floats, y: _Floats) -> _Ints | None:
    """Give each cell the number of its place, a chain of cells less than a nanometer apart; None if no two share one.

    Seen along any direction, cells at one place lie less than a nanometer from the next. Few others do so along three
    directions, whatever the lattice, and only these few are compared.
    """
    doubtful = np.arange(len(x))
    for angle in (1.0, 2.0, 3.0):
        along = np.cos(angle) * x[doubtful] + np.sin(angle) * y[doubtful]
        order = np.argsort(along)
        is_close = np.diff(along[order]) < _SAME_PLACE_UM
        doubtful = doubtful[np.union1d(order[:-1][is_close], order[1:][is_close])]
    if not len(doubtful):
        return None
    tree = cKDTree(np.column_stack([x[doubtful], y[doubtful]]))
    pairs = np.sort(doubtful[tree.query_pairs(_SAME_PLACE_UM, output_type="ndarray")], axis=1)
    if not len(pairs):
        return None
    pairs = pairs[np.argsort(pairs[:, 0])]
    return _components(len(x), pairs[:, 0], pairs[:, 1])


def _expand_places(edges: Edges, place_of_cell: _Ints, n_places: int) -> Edges:
    """Turn links between places into links between cells; cells at one place are linked to one another."""
    n_cells = len(place_of_cell)
    at = coo_array((np.ones(n_cells, np.bool_), (np.arange(n_cells), place_of_cell)), shape=(n_cells, n_places)).tocsr()
    links = coo_array((np.ones(len(edges), np.bool_), tuple(edges.T)), shape=(n_places, n_places)).tocsr()
    between = (at @ (links + links.T + eye_array(n_places, dtype=np.bool_, format="csr")) @ at.T).tocoo()
    above = between.row < between.col
    return _sort_pairs(between.row[above].astype(np.int64) * n_cells + between.col[above], n_cells)


def _sort_pairs(keys: _Ints, n: int) -> Edges:
    """Turn keys i * n + j into edges, each once; the two columns lie each in one piece."""
    keys = np.sort(keys)
    keys = keys[np.diff(keys, prepend=-1) > 0]
    first = keys // n
    return np.stack([first, keys - first * n]).T


def _count_processors() -> int:
    """Processors that this process may use: a scheduler or a container may grant fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _link_places(x: _Floats, y: _Floats, params: ClusterParams, block_cells: int, n_threads: int | None) -> Edges:
    """Edges between distinct places."""
    margin = params.max_link_um / float(np.sin(np.deg2rad(params.max_angle))) + _SAME_PLACE_UM
    blocks = _split_blocks(x, y, margin, block_cells)
    if len(x) <= block_cells:
        keys = [_link_block(x, y, block, params) for block in blocks]
    else:
        with ThreadPoolExecutor(n_threads or _count_processors()) as pool:
            keys = list(pool.map(lambda block: _link_block(x, y, block, params), blocks))
    return _sort_pairs(np.concatenate(keys), len(x))


def _split_blocks(x: _Floats, y: _Floats, margin: float, block_cells: int) -> Iterator[_Block]:
    """Halve the cells along the longer side of their box until a block holds few enough and is small enough."""
    waiting = [(_Part(np.arange(len(x)), x, y), _Part(np.zeros(0, np.int64), x[:0], y[:0]))]
    while waiting:
        own, around = waiting.pop()
        along = max(own.x, own.y, key=np.ptp)
        length = np.ptp(along) / margin
        if length <= _SHORT_BLOCK or (length <= _LONG_BLOCK and len(own.cells) <= block_cells):
            cells = np.concatenate([own.cells, around.cells])
            order = np.argsort(cells)
            yield _Block(cells[order], order < len(own.cells))
            continue
        half = len(along) // 2
        order = np.argpartition(along, half)
        low, high = own.take(order[:half]), own.take(order[half:])
        for part, other in ((high, low), (low, high)):
            waiting.append((part, _join_parts(_near(part, other, margin), _near(part, around, margin))))


def _near(part: _Part, others: _Part, margin: float) -> _Part:
    """Those of the other cells that lie in the box of a part or in its margin."""
    is_near = np.ones(len(others.cells), np.bool_)
    for own, other in ((part.x, others.x), (part.y, others.y)):
        is_near &= (other >= own.min() - margin) & (other <= own.max() + margin)
    return others.take(np.flatnonzero(is_near))


def _join_parts(one: _Part, other: _Part) -> _Part:
    return _Part(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in ("cells", "x", "y")))


def _link_block(x: _Floats, y: _Floats, block: _Block, params: ClusterParams) -> _Ints:
    """Keys i * n + j of the links i < j of a block's own cells i."""
    mesh = triangulate(x[block.cells], y[block.cells], params.max_link_um)
    ends = np.concatenate([_link_sides(mesh, params), _link_circles(mesh, params), mesh.lost], axis=1)
    first, second = np.minimum(*ends), np.maximum(*ends)
    delta = mesh.points[first] - mesh.points[second]
    # the corners added outside have the last numbers and are near nobody
    is_near = np.hypot(delta[:, 0], delta[:, 1]) <= params.max_link_um + TOUCHING_UM
    first, second = first[is_near], second[is_near]
    is_own = block.is_own[first]
    keys: _Ints = block.cells[first[is_own]] * len(x) + block.cells[second[is_own]]
    return keys


def _shortest_chord(radius: _Floats, params: ClusterParams) -> _Floats:
    """Length of the shortest chord of circles that the points of its shorter arc see under no too large an angle."""
    chord: _Floats = 2 * radius * np.sin(np.deg2rad(params.max_angle)) - TOUCHING_UM
    return chord


def _link_sides(mesh: Mesh, params: ClusterParams) -> NDArray[np.int32]:
    """(2, s) ends of the sides of triangles that no cell sees under too large an angle.

    Of the cells on one side of a side, the opposite corner of its triangle sees it under the largest angle.
    """
    is_shut = (mesh.cotangent < 0) & (mesh.length < _shortest_chord(mesh.radius, params)[:, None])
    side, twin = (is_shut.ravel()[sides] for sides in mesh.sides)
    is_open = mesh.sides[0][~(side | twin)]
    return np.stack([mesh.corners[:, after].ravel()[is_open] for after in (AFTER, BEFORE)])


def _link_circles(mesh: Mesh, params: ClusterParams) -> NDArray[np.int32]:
    """(2, p) pairs of cells on one circle, of the circles of more than one triangle, that are no sides of triangles.

    Other cells of the circle lie on both arcs between them, and none sees them under a larger angle than those of the
    shorter arc.
    """
    one, other = (sides // 3 for sides in mesh.sides)
    is_small = mesh.radius <= params.max_link_um + TOUCHING_UM
    # the power of the far corner, its distance to the center squared less the radius squared, is its height over the
    # shared side times twice the distance of the two centers; near the circle that is twice the radius times the depth
    bend = mesh.cotangent.ravel()[mesh.sides[0]] + mesh.cotangent.ravel()[mesh.sides[1]]
    power = np.maximum(mesh.area[one], mesh.area[other]) * bend
    is_same = is_small[one] & is_small[other] & (power <= 2 * mesh.radius[one] * TOUCHING_UM)
    if not is_same.any():
        return np.zeros((2, 0), np.int32)
    circle = _components(len(mesh.corners), one[is_same], other[is_same])
    triangles = np.union1d(one[is_same], other[is_same])
    # the radius that rounding has changed least is that of the largest triangle: of several values the last one stays
    triangles = triangles[np.argsort(mesh.area[triangles])]
    radius = np.zeros(len(circle))
    radius[circle[triangles]] = mesh.radius[triangles]
    group, pairs = _all_pairs(np.repeat(circle[triangles], 3), mesh.corners[triangles].ravel(), len(mesh.points))
    delta = mesh.points[pairs[0]] - mesh.points[pairs[1]]
    is_long = np.hypot(delta[:, 0], delta[:, 1]) >= _shortest_chord(radius[group], params)
    return pairs[:, is_long & ~_are_sides(pairs, mesh.corners[triangles], len(mesh.points))]


def _are_sides(pairs: NDArray[np.int32], corners: NDArray[np.int32], n_points: int) -> NDArray[np.bool_]:
    """(p,) which of the pairs, the smaller number first, are sides of triangles."""
    ends = np.sort(np.stack([corners[:, AFTER].ravel(), corners[:, BEFORE].ravel()]), axis=0).astype(np.int64)
    return np.isin(*(first * n_points + second for first, second in (pairs.astype(np.int64), ends)))


def _all_pairs(group: _Ints, item: NDArray[np.int32], n_items: int) -> tuple[_Ints, NDArray[np.int32]]:
    """(p,) and (2, p), group and items of all pairs of distinct items of the same group, the smaller item first."""
    group, item = np.divmod(np.unique(group * n_items + item), n_items)
    groups, pairs = [], []
    for step in range(1, int(np.bincount(group).max())):
        same = group[:-step] == group[step:]
        groups.append(group[:-step][same])
        pairs.append(np.stack([item[:-step][same], item[step:][same]]))
    return np.concatenate(groups), np.concatenate(pairs, axis=1).astype(np.int32)
