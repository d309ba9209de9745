"""Time candidates in turns, so that a loaded minute of the machine falls on all of them.

One-core rates are taken from the processor time of this process: it leaves out what other processes took. What
several threads share, and whole runs, are taken from the wall clock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

Clock = Callable[[], float]
"""Seconds from any beginning."""

CPU: Clock = time.process_time
WALL: Clock = time.perf_counter

ROUNDS = 5
"""Timings of which the median is taken: the least of which one odd value on either side changes little."""
QUICK_ROUNDS = 2


@dataclass(frozen=True)
class Spread:
    """Seconds of a candidate over the rounds."""

    median: float
    low: float
    high: float
    """First and third quartile."""


def race(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Clock = CPU,
    prepare: Callable[[], object] = lambda: None,
) -> dict[str, Spread]:
    """Time candidates in turns.

    Parameters
    ----------
    candidates : mapping of str to callable
        What to time; each is called once more before, unmeasured, to warm up.
    rounds : int
        Timings of each. Every round begins with another candidate.
    clock : callable, optional
        `CPU` or `WALL`.
    prepare : callable, optional
        Called before each timing, unmeasured: to drop what an earlier candidate left in a cache.

    Returns
    -------
    dict of str to Spread
        In the order of `candidates`.
    """
    names = list(candidates)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for call in candidates.values():
        prepare()
        call()
    for k in range(rounds):
        shift = k % len(names)
        for name in names[shift:] + names[:shift]:
            prepare()
            start = clock()
            candidates[name]()
            seconds[name].append(clock() - start)
    return {name: summarize(values) for name, values in seconds.items()}


def summarize(seconds: list[float]) -> Spread:
    """Summarize timings by median and quartiles."""
    low, high = np.quantile(seconds, (0.25, 0.75))
    return Spread(median(seconds), float(low), float(high))


def count_cores() -> int:
    """Count the cores this process may use: affinity, and with it what SLURM gave, is respected."""
    return len(os.sched_getaffinity(0))


@contextmanager
def on_one_core() -> Iterator[None]:
    """Hold this thread, and those it starts, to one core, with one thread of torch."""
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(cores)})
    torch.set_num_threads(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)
