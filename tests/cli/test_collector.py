"""The garbage collector rests while lasting things are made, and only then."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from hetscore.cli.collector import lasting


@pytest.fixture(autouse=True)
def _thaw() -> Iterator[None]:
    """Begin as a new process does, whatever was scored in this one before, and leave nothing to the other tests."""
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.enable()


def test_it_rests_and_wakes() -> None:
    """No collection within, and again after."""
    with lasting():
        assert not gc.isenabled()

    assert gc.isenabled()


def test_it_wakes_after_an_error() -> None:
    """What cannot be set up must not leave a process without a collector."""
    with pytest.raises(ValueError, match="no model"), lasting():
        raise ValueError("no model")

    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_it_leaves_alone_what_was_made() -> None:
    """What was made within is none of what a later collection looks through."""
    with lasting():
        made: list[dict[str, int]] = [{} for _ in range(3)]

    assert all(item is not made for item in gc.get_objects())
    assert gc.get_freeze_count() > 0


def test_it_is_done_once() -> None:
    """What a second command makes in the same process is looked through: it may become garbage."""
    with lasting():
        pass
    first = gc.get_freeze_count()

    with lasting():
        made: list[dict[str, int]] = [{} for _ in range(3)]

    assert 0 < gc.get_freeze_count() <= first
    assert any(item is made for item in gc.get_objects())


def test_it_stays_off_where_it_was_off() -> None:
    """Whoever switched it off has a reason."""
    gc.disable()

    with lasting():
        pass

    assert not gc.isenabled()
