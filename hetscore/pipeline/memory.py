"""Memory while the tiles are read: what is free goes back to the system, what has to wait is put away.

The C library keeps what a stage has freed, for later: after the pictures of the tiles that is hundreds of megabytes
which nobody needs again. And the maps of a slide, which wait until the last tile is done, take more than its cells.
"""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Callable
from functools import cache
from gzip import GzipFile
from io import BytesIO
from typing import Any


def release_memory() -> None:
    """Give free memory back to the system; does nothing where the C library cannot.

    Notes
    -----
    `malloc_trim` of the GNU C library, from version 2.8 on of all arenas: those of the threads that analyzed the tiles
    too. It takes 5 to 20 ms and never changes a result.
    """
    _find_trim()(0)


@cache
def _find_trim() -> Callable[[int], int]:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; on Windows None names none
        return lambda _padding: 0
    return trim


_FASTEST = 1
"""Of the levels of zlib: maps of long runs shrink to a hundredth even so, at 300 MB/s."""


def put_away(value: object) -> bytes:
    """Put a value away until it is needed again, where its arrays hold long runs of equal numbers.

    Parameters
    ----------
    value : object
        Anything that can be pickled. Its memory is free once whoever calls has let go of it.

    Returns
    -------
    bytes
        For `take_out`, in this process.
    """
    stored = BytesIO()
    with GzipFile("", "wb", _FASTEST, stored) as packed:  # piece by piece: the whole is never held twice
        pickle.dump(value, packed, pickle.HIGHEST_PROTOCOL)
    return stored.getvalue()


def take_out(stored: bytes) -> Any:  # noqa: ANN401 - whatever was put away
    """Take out again what `put_away` stored: an equal value, its arrays to the bit."""
    return pickle.load(GzipFile(fileobj=BytesIO(stored)))  # noqa: S301 - made by this process a moment ago
