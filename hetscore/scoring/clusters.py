"""Which tumor cells touch, and which of them form connected clusters.

In: positions of tumor cells in micrometers. Out: edges between neighbors, and cluster labels for any subset of the
cells. Only tumor cells go in, so stroma, lymphocytes and normal glands can neither join nor part two clusters. The
answer depends on the positions alone, never on their order or on the orientation of the slide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay

Points = NDArray[np.float64]
"""(n, 2), micrometers, x first."""
Edges = NDArray[np.int64]
"""(m, 2), pairs of row numbers, the smaller first, in ascending order, each pair once."""

_TOUCHING_UM = 1e-6
"""Lengths below a picometer are rounding: float64 keeps 1e-11 um on a slide 10 cm wide, a pixel is 0.25 um."""
_LINE_UM = 1e-3
"""Cells that leave a line by less than a nanometer lie on it: a strip so thin has no triangles worth the name."""


@dataclass(frozen=True)
class ClusterParams:
    """When two tumor cells count as neighbors."""

    max_link_um: float = 20.0
    """Nuclei of neighboring tumor cells lie 7 to 15 um apart. 20 um still joins large cells and cells whose nuclei sit
    at opposite ends, but not two glands across a lumen or a strip of stroma, which are wider as a rule."""


def link_cells(
    x_um: NDArray[np.float64], y_um: NDArray[np.float64], max_link_um: float = ClusterParams.max_link_um
) -> Edges:
    """Link each tumor cell to its neighbors.

    Parameters
    ----------
    x_um, y_um : ndarray, shape (n,), float64
        Positions of the tumor cells in micrometers, in any frame.
    max_link_um : float
        Longest link in micrometers, inclusive.

    Returns
    -------
    ndarray, shape (m, 2), int64
        Pairs i < j of linked cells in ascending order, each pair once.

    Raises
    ------
    ValueError
        If a position is not finite.

    Notes
    -----
    Two cells are linked when their Voronoi regions touch, be it in one point, and they are at most `max_link_um` apart.
    In general position this is the Delaunay graph. Where four or more cells lie on one empty circle, as on any lattice,
    the Delaunay graph is not unique; all pairs on that circle are linked, so that neither the order of the cells nor a
    rotation of the slide matters. On a straight line each cell is linked to the next. Cells at the same place are
    linked to one another and share their neighbors. Fewer than two cells have no link.
    """
    if not (np.isfinite(x_um).all() and np.isfinite(y_um).all()):
        raise ValueError("link_cells: a position is not finite; expected x and y in micrometers. Drop such cells.")
    xy = np.column_stack([x_um, y_um]).astype(np.float64)
    places, place_of_cell = np.unique(xy, axis=0, return_inverse=True)
    edges = _link_places(places)
    lengths = np.hypot(*(places[edges[:, 0]] - places[edges[:, 1]]).T)
    edges = edges[lengths <= max_link_um + _TOUCHING_UM]
    return _expand_places(edges, place_of_cell.reshape(-1), len(places))


def label_clusters(n_cells: int, edges: Edges, member: NDArray[np.bool_]) -> NDArray[np.int64]:
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
    kept = edges[member[edges].all(axis=1)]
    component = _components(n_cells, kept)[member]
    _, first, inverse, size = np.unique(component, return_index=True, return_inverse=True, return_counts=True)
    number = np.empty(len(size), np.int64)
    number[np.lexsort((first, -size))] = np.arange(1, len(size) + 1)
    labels = np.zeros(n_cells, np.int64)
    labels[member] = number[inverse]
    return labels


def cluster_sizes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the cells of each cluster: entry k is cluster k + 1 of `label_clusters`; empty where there is none."""
    return np.bincount(labels, minlength=1)[1:].astype(np.int64)


def largest_cluster(n_cells: int, edges: Edges, member: NDArray[np.bool_]) -> int:
    """Size of the largest connected cluster of the member cells; 0 where there is no member."""
    sizes = cluster_sizes(label_clusters(n_cells, edges, member))
    return int(sizes[0]) if len(sizes) else 0


def _link_places(places: Points) -> Edges:
    """Edges between distinct places, whatever their length."""
    if len(places) < 2:
        return np.zeros((0, 2), np.int64)
    centered = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    along, across = axes @ centered.T
    if np.abs(across).max() <= _LINE_UM:
        order = np.argsort(along)
        return np.column_stack([order[:-1], order[1:]])
    mesh = Delaunay(centered)
    triangles = mesh.simplices.astype(np.int64)
    # rounding makes Qhull pad a straight border with flat triangles, whose long sides pass over the cells between
    is_flat = _heights(centered, triangles) <= _TOUCHING_UM
    sides = triangles[~is_flat][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    crossing = _link_circles(centered, triangles, mesh.neighbors, is_flat)
    # cells too close to others for Qhull to tell apart are linked to the one it put in their place
    merged = mesh.coplanar[:, [0, 2]]
    return np.concatenate([sides, crossing, merged]).astype(np.int64)


def _side_lengths(points: Points, triangles: Edges) -> NDArray[np.float64]:
    """(t, 3) lengths, side k opposite corner k."""
    corners = points[triangles]
    delta = corners[:, [1, 2, 0]] - corners[:, [2, 0, 1]]
    lengths: NDArray[np.float64] = np.hypot(delta[..., 0], delta[..., 1])
    return lengths


def _heights(points: Points, triangles: Edges) -> NDArray[np.float64]:
    """(t,) height of each triangle over its longest side."""
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    heights: NDArray[np.float64] = np.abs(_cross(b - a, c - a)) / _side_lengths(points, triangles).max(axis=1)
    return heights


def _cross(u: Points, v: Points) -> NDArray[np.float64]:
    product: NDArray[np.float64] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    return product


def _link_circles(
    points: Points,
    triangles: Edges,
    neighbors: NDArray[np.int32],
    is_flat: NDArray[np.bool_],
) -> Edges:
    """All pairs of points that lie on one empty circle spanning more than one triangle."""
    one, corner = np.nonzero(neighbors > np.arange(len(triangles))[:, None])
    other = neighbors[one, corner]
    usable = ~(is_flat[one] | is_flat[other])
    one, corner, other = one[usable], corner[usable], other[usable]
    shared = triangles[one].sum(axis=1) - triangles[one, corner]
    opposite = triangles[other].sum(axis=1) - shared
    same_circle = np.abs(_circle_depth(points, triangles[one], points[opposite])) <= _TOUCHING_UM
    if not same_circle.any():
        return np.zeros((0, 2), np.int64)
    joined = np.column_stack([one, other])[same_circle]
    circle = _components(len(triangles), joined)
    involved = np.unique(joined)
    return _all_pairs(np.repeat(circle[involved], 3), triangles[involved].ravel())


def _circle_depth(points: Points, triangles: Edges, probe: Points) -> NDArray[np.float64]:
    """Signed distance of each probe to the circle through the corners of its triangle, in um, exact near the circle.

    The in-circle determinant is 2 A (d^2 - R^2) with area A, circumradius R and distance d of the probe to the center.
    The product of the sides is 4 A R, and near the circle d^2 - R^2 is 2 R (d - R).
    """
    a, b, c = (points[triangles[:, k]] - probe for k in range(3))
    lift_a, lift_b, lift_c = ((p**2).sum(axis=1) for p in (a, b, c))
    determinant = lift_a * _cross(b, c) + lift_b * _cross(c, a) + lift_c * _cross(a, b)
    depth: NDArray[np.float64] = determinant / _side_lengths(points, triangles).prod(axis=1)
    return depth


def _all_pairs(group: NDArray[np.int64], item: NDArray[np.int64]) -> Edges:
    """All pairs of distinct items of the same group."""
    group, item = np.unique(np.column_stack([group, item]), axis=0).T
    pairs = []
    for step in range(1, int(np.unique(group, return_counts=True)[1].max())):
        same = group[:-step] == group[step:]
        pairs.append(np.column_stack([item[:-step], item[step:]])[same])
    return np.concatenate(pairs)


def _expand_places(edges: Edges, place_of_cell: NDArray[np.int64], n_places: int) -> Edges:
    """Turn links between places into links between cells; cells at one place are linked to one another."""
    n_cells = len(place_of_cell)
    ones = np.ones(n_cells, np.bool_)
    at = coo_array((ones, (np.arange(n_cells), place_of_cell)), shape=(n_cells, n_places)).tocsr()
    links = _graph(n_places, edges)
    between = (at @ (links + links.T + eye_array(n_places, dtype=np.bool_, format="csr")) @ at.T).tocoo()
    above = between.row < between.col
    pairs = np.column_stack([between.row[above], between.col[above]]).astype(np.int64)
    return np.unique(pairs, axis=0)


def _components(n: int, edges: Edges) -> NDArray[np.int64]:
    """(n,) number of the connected component of each node."""
    _, component = connected_components(_graph(n, edges), directed=False)
    return np.asarray(component, np.int64)


def _graph(n: int, edges: Edges) -> coo_array:
    return coo_array((np.ones(len(edges), np.bool_), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
