"""What a peer's script hands over: the picture it gets, the steps it takes, the object it prints."""

from __future__ import annotations

import json
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bench.peers.peer import WARM_UPS, Labels, Peer, Picture, number, time_peer


def _picture(nuclei: Labels) -> Picture:
    rgb = np.arange(nuclei.size * 3, dtype=np.uint8).reshape(*nuclei.shape, 3)
    return Picture(rgb, nuclei, np.minimum(nuclei, 2))


def test_the_middle_is_cut_out_and_its_labels_are_numbered_anew() -> None:
    """Of regions 1 to 4 the middle holds 2 and 4, which become 1 and 2; the colors are those of the same pixels."""
    nuclei = np.array([[1, 1, 0, 0], [0, 2, 4, 0], [0, 2, 0, 0], [3, 0, 0, 0]], np.int32)

    middle = _picture(nuclei).middle(2)

    assert middle.nuclei.tolist() == [[1, 2], [1, 0]]
    assert middle.cells.tolist() == [[1, 1], [1, 0]]
    assert np.array_equal(middle.rgb, _picture(nuclei).rgb[1:3, 1:3])


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_numbers_have_no_gaps_and_keep_regions_apart(values: list[int]) -> None:
    """The same pixels belong together, in the same order, under the numbers 1 to n."""
    labels = np.array([values], np.int32)

    numbered = number(labels)

    assert set(numbered[numbered > 0].tolist()) == set(range(1, len(set(values) - {0}) + 1))
    assert np.array_equal(np.sign(np.subtract.outer(numbered, numbered)), np.sign(np.subtract.outer(labels, labels)))


def test_steps_are_timed_by_the_area_of_their_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that ticks at every look gives each step one second, here for a hundredth of a megapixel."""
    ticks, calls = count(), list[str]()
    monkeypatch.setattr("scripts.bench.peers.peer.time.process_time", lambda: float(next(ticks)))
    picture = _picture(np.ones((100, 100), np.int32))

    def find() -> int:
        calls.append("p")
        return 7

    steps = {"network": lambda: calls.append("n"), "polygons": find}

    found = time_peer(Peer("Fast", "1.0", "nuclei", picture, steps), rounds=3)

    assert "".join(calls) == "np" * (WARM_UPS + 3)
    assert found["ms_per_mp"] == {"network": 100_000, "polygons": 100_000}
    assert (found["px"], found["given"], found["found"]) == (100, 1, {"polygons": 7})
    assert json.loads(json.dumps(found)) == found


def test_what_finds_cells_is_held_against_cells() -> None:
    """Of five nuclei in two cells, a tool for nuclei is given five and one for cells two."""
    picture = _picture(np.array([[1, 2, 3], [4, 5, 5]], np.int32))

    given_to = [time_peer(Peer("", "", "", picture, {}, finds_cells=cells), rounds=1) for cells in (False, True)]

    assert [found["given"] for found in given_to] == [5, 2]
