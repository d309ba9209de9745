"""Free memory is given back where the C library can; what is put away comes back as it was, and is small meanwhile."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np
import pytest

from hetscore.domain import TissueMask
from hetscore.pipeline.memory import _find_trim, put_away, release_memory, take_out


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """Look for the function again, in this test and in the next."""
    _find_trim.cache_clear()
    yield
    _find_trim.cache_clear()


def test_the_library_is_asked_to_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No padding is left at the top of the heap."""
    asked: list[int] = []

    class Library:
        """One that can."""

        def __init__(self, name: None) -> None:
            assert name is None
            self.malloc_trim = asked.append

    monkeypatch.setattr(ctypes, "CDLL", Library)

    release_memory()

    assert asked == [0]


@pytest.mark.parametrize("error", [OSError, TypeError])
def test_no_library_is_no_failure(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program's own library cannot be named."""

    def refuse(_name: None) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)

    release_memory()


def test_another_library_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without the function, as musl."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())

    release_memory()


def test_this_machine_survives_it() -> None:
    """Twice, the second time with nothing to give."""
    release_memory()
    release_memory()


def test_what_is_put_away_comes_back() -> None:
    """Arrays to the bit and with their types; what was one object is one again."""
    mask = np.indices((40, 50)).sum(axis=0) % 7 < 3
    tissue = TissueMask(mask, 16, 4.0, {"folds": mask})

    found, again = take_out(put_away((tissue, tissue)))

    assert again is found
    assert found.excluded["folds"] is found.mask
    np.testing.assert_array_equal(found.mask, mask)
    assert (found.mask.dtype, found.downsample, found.mpp) == (mask.dtype, 16, 4.0)


def test_a_map_put_away_is_small() -> None:
    """A thousand rows of glass, a fragment and glass, four bytes a pixel."""
    labels = np.zeros((1000, 1000), np.int32)
    labels[300:700, 300:700] = 1

    assert len(put_away(labels)) < labels.nbytes / 100
