"""Files of weights, in whatever precision they are stored."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from hetscore.segmenters.weights import parse_weights, read_weights

VALUES = [[0.5, -1.25], [3.0, 0.0]]
"""Numbers that every type holds exactly."""


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_every_precision_becomes_single(kind: torch.dtype) -> None:
    """Names, shapes and values as they were saved."""
    weights = parse_weights(save({"a": torch.tensor(VALUES, dtype=kind), "n": torch.tensor(7)}), "w")
    assert {name: values.tolist() for name, values in weights.items()} == {"a": VALUES, "n": 7}
    assert {values.dtype for values in weights.values()} == {np.dtype(np.float32)}


def test_other_numbers_are_told() -> None:
    """By the name of the first tensor of a type that is not read."""
    with pytest.raises(ValueError, match=r"^w holds b of type BOOL; expected F64, F32, F16, BF16, I64$"):
        parse_weights(save({"b": torch.tensor([True])}), "w")


def test_no_safetensors_file() -> None:
    """The file is named."""
    with pytest.raises(ValueError, match=r"^w is no safetensors file \("):
        parse_weights(b"something else", "w")


def test_the_file_must_be_the_one_of_the_card(tmp_path: Path) -> None:
    """It is there, and has the SHA-256 that is given."""
    path = tmp_path / "w"
    with pytest.raises(ValueError, match="w is not there"):
        read_weights(path, "")
    path.write_bytes(b"content")
    assert read_weights(path, hashlib.sha256(b"content").hexdigest()) == b"content"
    with pytest.raises(ValueError, match=r"w has sha256 ed70\w+, the card says 00"):
        read_weights(path, "00")
