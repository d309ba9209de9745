"""Python's garbage collector, kept out of what lasts as long as the command.

Imports and set-up make hundreds of thousands of objects, none of which ever becomes garbage. Looking through them again
and again, and once more at the end, takes a fifth of the time of a command that has little to do.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Make what is to stay for good: the garbage collector rests meanwhile, and leaves it alone ever after.

    Notes
    -----
    It leaves alone whatever is there at the end, garbage that was not yet collected as well. So this is done once in a
    process, when imports are most of what is there, and not after an error: a process that scores again and again
    would keep a little more each time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        if not gc.get_freeze_count():
            gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
