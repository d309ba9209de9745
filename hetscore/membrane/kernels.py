"""Compiled loops of the rays: one ray after another is walked from the center of the nucleus outward.

Along a ray everything is counted in steps of `MembraneParams.step_um`. All that is compiled together stands in this
file: what is kept of it is made anew when the file changes, and only then.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.domain import Rgb
from hetscore.stain import Image

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Labels = NDArray[np.int32]

Ray = tuple[float, float, float, float]
"""x and y of its start, and of one step, pixels of the tile."""

DARKEST_GRAY = 10
"""From here down one gray level more or less is 0.04 of density or more, half of what makes a membrane stained: the
camera can no longer tell how dark the place is."""
LEAST_DARK_OD = 0.3
"""Density of DAB below which it is not DAB that makes a place so dark: by the colors of the development cores the blue
of such a place would need 2.5 of hematoxylin."""


class Window(NamedTuple):
    """`MembraneParams` in steps along a ray, for the compiled loops."""

    inside: int
    outside: int
    side: int
    reach: int
    band: int
    """Fewest samples of cytoplasm, over all rays, that make a baseline."""
    widest: float
    width_rays: int
    stained_od: float
    plateau: float
    lumen: tuple[int, int]
    """From where to where beyond the line space must be open."""
    open_green: float
    """Least green of open space, gray levels."""


class Picture(NamedTuple):
    """What the rays run over."""

    rgb: Rgb
    dab: Image
    nuclei: Labels
    cells: Labels
    shrink: int


class Rays(NamedTuple):
    """What the rays saw; one row a cell."""

    height_od: Floats
    """(n, n_rays), darkest brown on the ray near the border, above its ground."""
    ground_od: Floats
    """(n, n_rays), least density on the darker of the line's two sides."""
    place: Floats
    """(n, n_rays), where the line is, steps from the center."""
    border: Floats
    """(n, n_rays), where the cell's territory ends, steps from the center."""
    faces_lumen: Booleans
    """(n, n_rays), whether open space lies beyond the line, and no other cell."""
    is_saturated: Booleans
    """(n, n_rays), whether the line is too dark for the camera."""
    is_ground_saturated: Booleans
    """(n, n_rays), whether its ground is, so that nothing can stand out."""
    baseline_od: Floats
    """(n,), median density between nucleus and membrane: the cytoplasm; the nucleus where there is too little."""
    width: Floats
    """(n,), median width of the line, steps; NaN where too few rays show one."""


class Room(NamedTuple):
    """Room for what is known of one cell, used again for the next."""

    profiles: Floats
    """(n_rays, steps), densities along each ray."""
    ends: NDArray[np.int64]
    """(n_rays, 3), last step in the nucleus, step of the peak, first step not yet sampled."""
    pool: Floats
    """Densities of the cytoplasm."""
    widths: Floats


_part = njit(nogil=True, error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what only `walk_rays` calls: part of its code, neither kept nor called by itself, which takes less to compile. So
does what is written with `min` and `max` of two numbers, never more, and `np.int64` in place of `int`: of those, numba
compiles each kind of argument anew."""


@njit(cache=True, nogil=True, error_model="numpy")  # where a profile is flat, NaN and no error
def walk_rays(
    picture: Picture,
    ids: NDArray[np.int64],
    seeds: Floats,
    directions: Floats,
    window: Window,
    room: Room,
    rays: Rays,
) -> None:
    """Walk all rays of all cells; `seeds` in label pixels. `rays.baseline_od` comes in as that of the nucleus."""
    rgb, dab, nuclei, cells = picture.rgb, picture.dab, picture.nuclei, picture.cells
    pool, ends = room.pool, room.ends
    for c in range(len(ids)):
        used = _NONE
        seed = seeds[c, 0], seeds[c, 1]
        x, y = seeds[c, 0] * picture.shrink - 0.5, seeds[c, 1] * picture.shrink - 0.5
        for r in range(len(directions)):
            ray = x, y, directions[r, 0], directions[r, 1]
            profile = room.profiles[r]
            along = directions[r, 0] / picture.shrink, directions[r, 1] / picture.shrink
            last_nucleus, last_cell = _find_ends(nuclei, cells, ids[c], seed, along, window.reach)
            middle, place, best, sampled = _find_line(profile, dab, ray, last_nucleus, last_cell, window)
            ground = _darker_side(profile, middle, window.side)
            rays.place[c, r], rays.border[c, r] = middle, last_cell
            rays.ground_od[c, r], rays.height_od[c, r] = ground, best - ground
            rays.faces_lumen[c, r] = _is_open(rgb, cells, picture.shrink, ray, max(middle, last_cell), window)
            if profile[place] >= LEAST_DARK_OD:  # of few rays: looking at all costs a tenth of the time
                rays.is_saturated[c, r] = _is_dark(rgb, ray, place)
                rays.is_ground_saturated[c, r] = ground >= LEAST_DARK_OD and _is_dark(
                    rgb, ray, _find_ground(profile, middle, ground)
                )
            for step in range(last_nucleus + 1, last_cell - window.inside + 1):
                pool[used] = profile[step]
                used += 1
            ends[r, 0], ends[r, 1], ends[r, 2] = last_nucleus, place, sampled
        if used >= window.band:
            rays.baseline_od[c] = _median(pool, used)
        used = _find_widths(dab, room, (x, y), directions, rays.height_od[c], rays.baseline_od[c], window)
        if used >= window.width_rays:
            rays.width[c] = _median(room.widths, used)


@_part
def _find_ends(
    nuclei: Labels, cells: Labels, label: int, seed: tuple[float, float], along: tuple[float, float], reach: int
) -> tuple[int, int]:
    """Find the last step in the cell's nucleus, and the last before the ray leaves the cell; label pixels."""
    rows, columns = cells.shape
    last_nucleus, last_cell = 0, 0
    for step in range(reach + 1):
        x, y = seed[0] + step * along[0], seed[1] + step * along[1]
        if x < 0 or y < 0 or x >= columns or y >= rows:
            break
        i, j = np.uint64(y), np.uint64(x)
        if cells[i, j] != label:
            break
        last_cell = step
        if nuclei[i, j] == label:
            last_nucleus = step
    return last_nucleus, last_cell


@_part
def _find_line(
    profile: Floats, dab: Image, ray: Ray, last_nucleus: int, last_cell: int, window: Window
) -> tuple[int, int, float, int]:
    """Find the middle of the line, its darkest step, the density there, and how far the profile is sampled.

    The middle is that of the flat top: of what keeps a share of the top's density, from the center of the nucleus out
    to half a side beyond the search.
    """
    place, best = max(max(1, last_nucleus - 1), last_cell - window.inside), -np.inf
    stop = max(place, last_cell + window.outside)
    begin = max(0, min(last_nucleus, place - 1 - window.side))  # nothing deeper is asked for, unless the top is wide
    sampled = _extend(profile, dab, ray, begin, stop + 2)
    for step in range(place, stop + 1):
        total = profile[step - 1] + profile[step] + profile[step + 1]
        if total > best:
            best, place = total, step
    best /= 3
    first, last, least = place, place, window.plateau * best
    while best > 0 and first > 1:
        if first - 1 < begin:
            begin -= 1
            _extend(profile, dab, ray, begin, begin + 1)
        if profile[first - 1] < least:
            break
        first -= 1
    while best > 0 and last < stop + window.side // 2:
        if last + 2 > sampled:
            sampled = _extend(profile, dab, ray, sampled, last + 2)
        if profile[last + 1] < least:
            break
        last += 1
    middle = (first + last) // 2
    _extend(profile, dab, ray, max(0, middle - window.side), begin)
    return middle, place, best, _extend(profile, dab, ray, sampled, middle + window.side + 1)


@_part
def _extend(profile: Floats, dab: Image, ray: Ray, sampled: int, wanted: int) -> int:
    """Sample a ray as far as `wanted`, if it is not yet; return how far it is sampled now.

    Indices are unsigned: numba then leaves out the code for negative ones, and a sample takes half the time.
    """
    x, y, dx, dy = ray
    end_x, end_y = x + wanted * dx, y + wanted * dy
    height, width = dab.shape
    is_inside = min(min(x, end_x), min(y, end_y)) >= 0 and max(x, end_x) < width - 1 and max(y, end_y) < height - 1
    for step in range(sampled, wanted):
        at_x, at_y = x + step * dx, y + step * dy
        if not is_inside:
            at_x, at_y = min(max(at_x, 0.0), width - 1.001), min(max(at_y, 0.0), height - 1.001)
        i, j = np.uint64(at_y), np.uint64(at_x)
        fx, fy = at_x - j, at_y - i
        top = dab[i, j] * (1 - fx) + dab[i, j + _ONE] * fx
        bottom = dab[i + _ONE, j] * (1 - fx) + dab[i + _ONE, j + _ONE] * fx
        profile[step] = top * (1 - fy) + bottom * fy
    return max(sampled, wanted)


_ONE = np.uint64(1)
_NONE = np.int64(0)
"""A typed zero: for a literal one numba compiles whatever takes it a second time."""


@_part
def _darker_side(profile: Floats, place: int, side: int) -> float:
    """Least density within `side` steps on each side of the line, and of these two the greater.

    The center of the nucleus ends the inner side.
    """
    inner, outer = profile[place], profile[place]
    for step in range(max(0, place - side), place):
        inner = min(inner, profile[step])
    for step in range(place + 1, place + side + 1):
        outer = min(outer, profile[step])
    return float(max(inner, outer))


@_part
def _find_ground(profile: Floats, place: int, ground: float) -> int:
    """Find the step beside the line whose density is that of the ground, the nearest."""
    step = 0
    while profile[place + step] != ground and profile[max(0, place - step)] != ground:
        step += 1
    return place + step if profile[place + step] == ground else max(0, place - step)


@_part
def _pixel(rgb: Rgb, ray: Ray, step: int) -> tuple[int, int]:
    """Row and column of the pixel nearest to a place on the ray; the edge's beyond the edge."""
    x, y = ray[0] + step * ray[2], ray[1] + step * ray[3]
    row, column = np.int64(max(y, 0.0) + 0.5), np.int64(max(x, 0.0) + 0.5)
    return min(row, rgb.shape[0] - 1), min(column, rgb.shape[1] - 1)


@_part
def _is_open(rgb: Rgb, cells: Labels, shrink: int, ray: Ray, place: int, window: Window) -> bool:
    """Tell whether the ray comes into open space beyond `place`, the end of the cell or of its line."""
    rows, columns = cells.shape
    for step in range(window.lumen[0], window.lumen[1] + 1):
        i, j = _pixel(rgb, ray, place + step)
        if rgb[i, j, 1] < window.open_green:
            return False
        if cells[min(i // shrink, rows - 1), min(j // shrink, columns - 1)] != 0:
            return False
    return True


@_part
def _is_dark(rgb: Rgb, ray: Ray, step: int) -> bool:
    """Tell whether a place is too dark for the camera in some color."""
    i, j = _pixel(rgb, ray, step)
    return bool(rgb[i, j, 0] <= DARKEST_GRAY or rgb[i, j, 1] <= DARKEST_GRAY or rgb[i, j, 2] <= DARKEST_GRAY)


@_part
def _find_widths(
    dab: Image,
    room: Room,
    center: tuple[float, float],
    directions: Floats,
    height: Floats,
    baseline: float,
    window: Window,
) -> np.int64:
    """Find the widths of one cell's line on its stained rays, steps, into `room.widths`; return how many there are."""
    used = _NONE
    for r in range(len(height)):
        if height[r] >= window.stained_od:
            ray = center[0], center[1], directions[r, 0], directions[r, 1]
            width = _line_width(dab, room.profiles, room.ends, r, ray, baseline, window.widest)
            if width <= window.widest:
                room.widths[used] = width
                used += 1
    return used


@_part
def _median(values: Floats, n: int) -> float:
    """Median of the first `n` values, whose order changes; numba takes seconds to compile the one of numpy."""
    low, high, k = 0, n - 1, (n - 1) // 2
    while low < high:  # Hoare's selection: afterwards none before the kth is larger, and none after it smaller
        pivot, i, j = values[(low + high) // 2], low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        low, high = (low, j) if k <= j else (i, high) if k >= i else (k, k)
    if n % 2:
        return float(values[k])
    above = values[k + 1]
    for i in range(k + 2, n):
        above = min(above, values[i])
    return float(values[k] + above) / 2


@_part
def _line_width(
    dab: Image, profiles: Floats, ends: NDArray[np.int64], r: int, ray: Ray, baseline: float, widest: float
) -> float:
    """Full width at half maximum on ray `r`, steps, straight lines between samples.

    Infinite where the profile does not fall to half its height before it enters the nucleus, or within `widest`.
    """
    last_nucleus, top, n_sampled = ends[r, 0], ends[r, 1], ends[r, 2]
    for step in (top - 1, top + 1):  # the peak was found in the mean of three, which is lower than a narrow line
        if profiles[r, step] > profiles[r, top]:
            top = step
    if profiles[r, top] <= baseline:
        return np.inf
    half = (profiles[r, top] + baseline) / 2
    inner, outer = top - 1, top + 1
    while inner >= last_nucleus and profiles[r, inner] > half:
        inner -= 1
    if inner < last_nucleus:
        return np.inf
    start = inner + (half - profiles[r, inner]) / (profiles[r, inner + 1] - profiles[r, inner])
    while outer - start <= widest + 1:
        if outer >= n_sampled:
            _extend(profiles[r], dab, ray, outer, outer + 1)
        if profiles[r, outer] <= half:
            end = outer - (half - profiles[r, outer]) / (profiles[r, outer - 1] - profiles[r, outer])
            return float(end - start)
        outer += 1
    return np.inf
