"""Compiled loops of the segmenters: growth of seeds within a reach, peaks, prices, and sums over regions.

Each result at a pixel depends on the image within a bounded reach of that pixel, and ties are broken by the seeds'
reading order, so cells do not change with the tile grid. Arrays are made outside of the loops: numba takes a tenth of a
second to compile the making of each kind.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray

_STRAIGHT, _DIAGONAL = 5, 7
"""Step lengths in fifths of a pixel: 7/5 is within 1 % of the square root of 2 (chamfer 5-7)."""
_DEAREST = 255
"""Largest weight."""
_RUN = 32
"""Pixels of a row that are relaxed at once. With 64 a third more are looked at, with 16 half of the time goes into
starting anew; 32 is as fast as 64 or faster on four cores and a phantom."""
_ONE, _LAST = np.uint64(1), np.uint64(_RUN - 1)
"""Places in the flat pictures are unsigned, so that none is taken for one counted from the end."""


def grow_seeds(
    seed_rows: NDArray[np.int64], seed_columns: NDArray[np.int64], weight: NDArray[np.uint8], reach_px: int
) -> NDArray[np.int32]:
    """Give each pixel to the seed that reaches it at the least cost, within a limit.

    Parameters
    ----------
    seed_rows, seed_columns : ndarray of int64, (n,)
        Seeds in reading order; seed i gets label i + 1.
    weight : ndarray of uint8, (h, w)
        Cost of entering a pixel: 1 is free going, larger is harder, 0 is a wall.
    reach_px : int
        Limit in pixels of free going. A label never reaches farther than this from its seed.

    Returns
    -------
    ndarray of int32, (h, w)
        Labels; 0 where no seed reaches. Equal costs go to the seed that comes first.

    Raises
    ------
    ValueError
        If so many seeds with so long a reach do not fit into a key; 250,000 seeds may reach 800 px.

    Notes
    -----
    The least of all pairs (cost, label) is sought, and a pair is one number: the key, cost before label. Each run of
    pixels takes the least key that its neighbors offer until nothing changes, in sweeps down and up the picture that
    visit only what lies beside a change. The answer is that of Dijkstra's search, whatever the order of the visits;
    but neighbors in a row are priced together, where a queue would jump from pixel to pixel.
    """
    height, width = weight.shape
    bits = len(seed_rows).bit_length()
    unreached = (reach_px * _STRAIGHT + 1) << bits
    if unreached + max(unreached, _DIAGONAL * _DEAREST << bits) >= 2**31:  # a wall's step is `unreached`
        raise ValueError(f"grow_seeds: {len(seed_rows)} seeds that reach {reach_px} px; a key of 31 bits is too short")
    n_runs = -(-width // _RUN)
    keys = np.full((height + 2, n_runs * _RUN + 2), unreached, np.int32)  # whole runs, in a frame of walls
    walled = np.zeros(keys.shape, np.uint8)
    walled[1:-1, 1 : width + 1] = weight
    np.minimum.at(keys, (seed_rows + 1, seed_columns + 1), np.arange(1, len(seed_rows) + 1, dtype=np.int32))
    is_due = np.zeros((height + 2, n_runs + 2), np.bool_)
    for i, k in product(range(3), range(3)):
        is_due[seed_rows + i, seed_columns // _RUN + k] = True
    room = (np.empty(_RUN, np.int32), np.empty(_RUN, np.int32), np.empty(_RUN, np.int32))
    _sweep(keys.ravel(), walled.ravel(), is_due, bits, np.int32(unreached), np.uint64(keys.shape[1]), room)
    labels: NDArray[np.int32] = keys[1:-1, 1 : width + 1] & np.int32((1 << bits) - 1)  # 0 of what is unreached
    return labels


@njit(cache=True, nogil=True)
def _sweep(
    keys: NDArray[np.int32],
    weight: NDArray[np.uint8],
    is_due: NDArray[np.bool_],
    bits: int,
    unreached: np.int32,
    stride: np.uint64,
    room: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
) -> None:
    """Relax the runs that are due and those around each change, down and up in turn, until none is left."""
    height, n_runs = is_due.shape[0] - 2, is_due.shape[1] - 2
    is_down, is_left = False, True
    while is_left:
        is_down, is_left = not is_down, False
        for step in range(1, height + 1):
            i = step if is_down else height + 1 - step
            for k in range(1, n_runs + 1):
                if not is_due[i, k]:
                    continue
                place = np.uint64(i) * stride + np.uint64((k - 1) * _RUN + 1)
                has_moved, at_start, at_end = _relax(keys, weight, place, stride, bits, unreached, room)
                if has_moved:
                    is_left = True
                    for near in range(k - at_start, k + 1 + at_end):
                        is_due[i - 1, near] = is_due[i, near] = is_due[i + 1, near] = True
                is_due[i, k] = False


@njit(inline="always")  # as a call of its own it takes a tenth more time
def _relax(
    keys: NDArray[np.int32],
    weight: NDArray[np.uint8],
    place: np.uint64,
    stride: np.uint64,
    bits: int,
    unreached: np.int32,
    room: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
) -> tuple[bool, bool, bool]:
    """Give a run the least keys that its neighbors offer: whether any changed, and whether its first and last did.

    All eight neighbors first, for the whole run side by side; where that changes a key, from pixel to pixel along the
    row, both ways at once. After that the run has nothing more to offer itself.
    """
    onward, back, step = room
    start, end = keys[place], keys[place + _LAST]
    change = np.int32(0)
    for j in range(np.uint64(_RUN)):
        here = place + j
        up, down = here - stride, here + stride
        straight = min(min(keys[up], keys[down]), min(keys[here - _ONE], keys[here + _ONE]))
        diagonal = min(min(keys[up - _ONE], keys[up + _ONE]), min(keys[down - _ONE], keys[down + _ONE]))
        price, key = np.int32(np.int32(weight[here]) << bits), keys[here]
        step[j] = np.int32(_STRAIGHT * price) if price > 0 else unreached
        least = min(np.int32(straight + step[j]), np.int32(diagonal + _DIAGONAL * price))
        onward[j] = min(least, key) if price > 0 else key
        change |= onward[j] ^ key
    if change == 0:
        return False, False, False
    for j in range(np.uint64(_RUN)):
        back[j] = onward[j]
    rightward, leftward = onward[0], back[_LAST]
    for j in range(_ONE, np.uint64(_RUN)):
        k = _LAST - j
        rightward = min(np.int32(rightward + step[j]), onward[j])
        leftward = min(np.int32(leftward + step[k]), back[k])
        onward[j], back[k] = rightward, leftward
    for j in range(np.uint64(_RUN)):
        keys[place + j] = min(onward[j], back[j])
    return True, keys[place] != start, keys[place + _LAST] != end


def peak_places(image: NDArray[np.float32], floor: np.float32, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the pixels above a floor that no pixel around them tops.

    Parameters
    ----------
    image : ndarray of float32, (h, w)
        Where peaks are sought.
    floor : float32
        What is no higher is no peak.
    offsets : ndarray of int64, (k, 2)
        Rows and columns to the pixels around, the nearest first, as these most often top.

    Returns
    -------
    ndarray of int64, (n, 2)
        Row and column, reading order. Of those that see each other, which are equal, only one that sees none before it.
    """
    peaks = np.empty((image.size, 2), np.int64)  # only what is filled is ever touched
    n = _mark_peaks(image, floor, offsets, np.zeros(image.shape, np.bool_), peaks)
    return peaks[:n].copy()


@njit(cache=True, nogil=True)
def _mark_peaks(
    image: NDArray[np.float32],
    floor: np.float32,
    offsets: NDArray[np.int64],
    is_top: NDArray[np.bool_],
    peaks: NDArray[np.int64],
) -> int:
    """Write the places of `peak_places` into `peaks`; return how many there are."""
    height, width = image.shape
    n = 0
    for i in range(height):
        for j in range(width):
            here = image[i, j]
            if not here > floor:
                continue
            is_topped, is_second = False, False
            for k in range(len(offsets)):
                row, column = i + offsets[k, 0], j + offsets[k, 1]
                if not (0 <= row < height and 0 <= column < width):
                    continue
                if image[row, column] > here:
                    is_topped = True
                    break
                is_second |= is_top[row, column]  # of those still to come none is marked yet
            if is_topped:
                continue
            is_top[i, j] = True
            if not is_second:
                peaks[n, 0], peaks[n, 1] = i, j
                n += 1
    return n


def stand_alone(
    image: NDArray[np.float32], peaks: NDArray[np.int64], reach_px: float, saddle: np.float32
) -> NDArray[np.bool_]:
    """Tell which peaks, (n, 2) in reading order, are no part of a higher one's hill; see `growth.join_peaks`, (n,)."""
    is_alone = np.ones(len(peaks), np.bool_)
    _mark_hills(image, peaks, reach_px, saddle, is_alone)
    return is_alone


@njit(cache=True, nogil=True, error_model="numpy")
def _mark_hills(
    image: NDArray[np.float32],
    peaks: NDArray[np.int64],
    reach_px: float,
    saddle: np.float32,
    is_alone: NDArray[np.bool_],
) -> None:
    """Take out of `is_alone` the peaks that are part of a higher one's hill."""
    for first in range(len(peaks)):
        i, j = peaks[first, 0], peaks[first, 1]
        for second in range(first + 1, len(peaks)):
            di, dj = peaks[second, 0] - i, peaks[second, 1] - j
            if di > reach_px:
                break
            if di * di + dj * dj > reach_px * reach_px:
                continue
            here, there = image[i, j], image[i + di, j + dj]
            lowest = np.float32(np.inf)
            for step in range(1, _WAY_STEPS):  # halves are rounded up
                row = i + (2 * di * step + _WAY_STEPS) // (2 * _WAY_STEPS)
                column = j + (2 * dj * step + _WAY_STEPS) // (2 * _WAY_STEPS)
                lowest = min(lowest, image[row, column])
            if lowest >= saddle * min(here, there):
                is_alone[first if here < there else second] = False


_WAY_STEPS = 8
"""Parts of the way between two peaks: at most 2 px each at 7 um."""


def count_steps(values: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Count for each value the steps it reaches, at most 255; values (h, w), steps (k,)."""
    count = np.zeros(values.shape, np.uint8)
    _add_steps(values, steps, count)
    return count


@njit(cache=True, nogil=True)
def _add_steps(values: NDArray[np.float32], steps: NDArray[np.float32], count: NDArray[np.uint8]) -> None:
    for i in range(values.shape[0]):
        for k in range(len(steps)):
            for j in range(values.shape[1]):
                count[i, j] += values[i, j] >= steps[k]


def count_pixels(labels: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Count the pixels of each of the regions 1..n of a label image, (n,)."""
    count = np.zeros(n + 1, np.int64)
    _add_pixels(labels, count)
    return count[1:]


@njit(cache=True, nogil=True)
def _add_pixels(labels: NDArray[np.int32], count: NDArray[np.int64]) -> None:
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            if labels[i, j] > 0:
                count[labels[i, j]] += 1


def total_values(
    labels: NDArray[np.int32], n: int, values: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count the pixels of each of the regions 1..n and sum their values, both (n,)."""
    count, total = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.float64)
    _add_values(labels, values, count, total)
    return count[1:], total[1:]


@njit(cache=True, nogil=True)
def _add_values(
    labels: NDArray[np.int32], values: NDArray[np.float32], count: NDArray[np.int64], total: NDArray[np.float64]
) -> None:
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            label = labels[i, j]
            if label > 0:
                count[label] += 1
                total[label] += np.float64(values[i, j])


def renumber(labels: NDArray[np.int32], numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Replace each label by the number at its place in `numbers`, (n + 1,), of which the first is the background's."""
    renumbered = np.empty(labels.shape, np.int32)
    _look_up(labels, numbers, renumbered)
    return renumbered


@njit(cache=True, nogil=True)
def _look_up(labels: NDArray[np.int32], numbers: NDArray[np.int32], renumbered: NDArray[np.int32]) -> None:
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            renumbered[i, j] = numbers[labels[i, j]]


def region_sums(labels: NDArray[np.int32], n: int, image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum over each region in one pass: area, x, y, xx, yy, xy, value, value squared.

    Parameters
    ----------
    labels : ndarray of int32, (h, w)
        Label image, 0 is background.
    n : int
        Number of regions.
    image : ndarray of float32, (h, w)
        Values to sum.

    Returns
    -------
    ndarray of float64, (n, 10)
        Coordinates are taken from the region's first pixel in reading order, so the sums do not depend on where the
        tile lies; columns 8 and 9 hold that pixel's column and row.
    """
    sums = np.zeros((n, 10), np.float64)
    _add_runs(labels, image, sums)
    return sums


@njit(cache=True, nogil=True)
def _add_runs(labels: NDArray[np.int32], image: NDArray[np.float32], sums: NDArray[np.float64]) -> None:
    """Add to `sums` what `region_sums` gives, run by run."""
    for i in range(labels.shape[0]):
        j = 0
        while j < labels.shape[1]:
            label = labels[i, j]
            if label == 0:
                j += 1
                continue
            k = label - 1
            if sums[k, 0] == 0:
                sums[k, 8], sums[k, 9] = j, i
            x, y, total, squares = j - sums[k, 8], i - sums[k, 9], sums[k, 6], sums[k, 7]
            area, sum_x, sum_xx = 0.0, 0.0, 0.0
            while j < labels.shape[1] and labels[i, j] == label:  # a run at once, in registers
                value = np.float64(image[i, j])
                total += value
                squares += value * value
                sum_x += x
                sum_xx += x * x
                x += 1.0
                area += 1.0
                j += 1
            sums[k, 0] += area
            sums[k, 1] += sum_x
            sums[k, 2] += area * y
            sums[k, 3] += sum_xx
            sums[k, 4] += area * y * y
            sums[k, 5] += sum_x * y
            sums[k, 6], sums[k, 7] = total, squares
