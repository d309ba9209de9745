"""The file of a model's weights, which must be the one that its card was written for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}
"""Types of numbers in a safetensors file that are read, and how each lies in memory."""


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


def parse_weights(content: bytes, name: str) -> dict[str, NDArray[np.float32]]:
    """Parse a safetensors file.

    Parameters
    ----------
    content : bytes
        Of the file.
    name : str
        Of the file, for what is told.

    Returns
    -------
    dict of str to ndarray of float32
        Weights by name, in single precision whatever they are stored in.

    Raises
    ------
    ValueError
        If it is no safetensors file, or holds other numbers than `TYPES`.
    """
    try:
        tensors = deserialize(content)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(f"{name} is no safetensors file ({error})") from None
    odd = [f"{key} of type {tensor['dtype']}" for key, tensor in tensors if tensor["dtype"] not in TYPES]
    if odd:
        raise ValueError(f"{name} holds {odd[0]}; expected {', '.join(TYPES)}")
    return {key: _to_single(tensor["data"], tensor["dtype"]).reshape(tensor["shape"]) for key, tensor in tensors}


def _to_single(data: bytes, kind: str) -> NDArray[np.float32]:
    values = np.frombuffer(data, TYPES[kind])
    if kind == "BF16":  # numpy has no such type: it is the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)
