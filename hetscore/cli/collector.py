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
    """Make what is to stay for good: the garbage collector rests meanwhile, and leaves it alone ever after."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
