"""The cache of decoded tiles: what is kept, what goes first, and its bound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.slides.tile_cache import Pixels, TileCache


def make_tile(n_bytes: int, value: int = 0) -> Pixels:
    """Make a tile one pixel high, of this many bytes."""
    return np.full((1, n_bytes, 1), value, np.uint8)


def kept(cache: TileCache, n_keys: int = 9) -> list[int]:
    """List the positions that are kept, asking for none twice."""
    return [index for index in range(n_keys) if cache.find((0, index)) is not None]


def test_gives_back_what_was_kept() -> None:
    """The very array, under its own level and position only."""
    cache, tile = TileCache(10), make_tile(4)

    cache.keep((0, 7), tile)

    assert cache.find((0, 7)) is tile
    assert cache.find((1, 7)) is None
    assert cache.find((7, 0)) is None


def test_the_least_recently_used_goes_first() -> None:
    """Of three tiles in room for three, the one not asked for makes room for the fourth."""
    cache = TileCache(12)
    for index in (0, 1, 2):
        cache.keep((0, index), make_tile(4))

    cache.find((0, 0))
    cache.keep((0, 3), make_tile(4))

    assert kept(cache) == [0, 2, 3]
    assert cache.n_bytes == 12


def test_a_large_tile_takes_the_place_of_several() -> None:
    """Eight bytes push out two tiles of four; more than the bound is not kept and pushes out none."""
    cache = TileCache(12)
    for index in (0, 1, 2):
        cache.keep((0, index), make_tile(4))

    cache.keep((0, 3), make_tile(8))
    cache.keep((0, 4), make_tile(13))

    assert kept(cache) == [2, 3]


def test_keeping_a_place_again_counts_it_once() -> None:
    """Two threads may decode one tile at the same time; the later one replaces the earlier."""
    cache, later = TileCache(12), make_tile(4)

    cache.keep((0, 0), make_tile(4))
    cache.keep((0, 0), later)

    assert cache.find((0, 0)) is later
    assert cache.n_bytes == 4


def test_nobody_can_change_a_kept_tile() -> None:
    """The next reader of the place sees the same array."""
    tile = make_tile(4)

    TileCache(12).keep((0, 0), tile)

    with pytest.raises(ValueError, match="read-only"):
        tile[...] = 1


def test_clear_lets_go_of_all() -> None:
    """Nothing is left, and there is room for as much as before."""
    cache = TileCache(12)
    cache.keep((0, 0), make_tile(12))

    cache.clear()

    assert kept(cache) == []
    assert cache.n_bytes == 0


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 15)), max_size=60))
def test_never_grows_beyond_its_bound(tiles: list[tuple[int, int]]) -> None:
    """Whatever is kept in whatever order, its bytes are counted rightly and stay within the bound."""
    cache = TileCache(12)

    for index, n_bytes in tiles:
        cache.keep((0, index), make_tile(n_bytes))

        found = [tile for i in range(9) if (tile := cache.find((0, i))) is not None]
        assert cache.n_bytes == sum(tile.nbytes for tile in found) <= 12


def test_threads_keep_the_bound_and_find_their_tiles() -> None:
    """Eight threads that keep and find at once: each tile found is that of its place, and the count is right."""
    cache = TileCache(100)

    def use(step: int) -> bool:
        index = step % 40
        tile = cache.find((0, index))
        if tile is None:
            cache.keep((0, index), make_tile(4, index))
        return tile is None or bool((tile == index).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(4000)))
    assert cache.n_bytes == 4 * len(kept(cache, 40)) <= 100
