"""Where networks run."""

from __future__ import annotations

import pytest
import torch

from hetscore.errors import UsageError
from hetscore.segmenters.devices import describe_device, find_device


def _pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(("cuda", "mps", "kind"), [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, kind: str) -> None:
    """Else the CPU, which is always there."""
    _pretend(monkeypatch, cuda=cuda, mps=mps)
    assert find_device("auto").type == kind
    assert find_device("cpu").type == "cpu"


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a usage error that says which are."""
    _pretend(monkeypatch, cuda=False, mps=True)
    with pytest.raises(UsageError, match=r"^device cuda: not on this machine; expected one of auto, mps, cpu\. Pass"):
        find_device("cuda")


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record says which card it was."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "H100")
    assert describe_device(torch.device("cuda")) == "cuda (H100)"
    assert describe_device(torch.device("cpu")) == "cpu"
