"""The file of a model's weights, which must be the one that its card was written for."""

from __future__ import annotations

import hashlib
from pathlib import Path


def read_weights(path: Path, sha256: str) -> bytes:
    """Read a file of weights.

    Raises
    ------
    ValueError
        If it is missing, or its SHA-256 is not the one in the card.
    """
    if not path.is_file():
        raise ValueError(f"{path.name} is not there")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{path.name} has sha256 {found}, the card says {sha256}")
    return content
