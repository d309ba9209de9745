"""Largest values between the layers of a network, so that these can compute in 8 bits.

They are measured once, by `scripts/calibrate_int8.py`, and stand in the model's folder beside the weights.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hetscore.errors import ModelError
from hetscore.segmenters.architecture import NetworkConfig

Ranges = Mapping[str, float]
"""Largest value of each picture between layers, by the names of `picture_names`; the least is 0."""

RANGES_FILE = "int8.toml"


def picture_names(config: NetworkConfig) -> list[str]:
    """Name the pictures between the layers that compute in 8 bits: all but what the last layer takes."""
    levels = range(len(config.widths))
    down = [f"down.{i}.{which}" for i in levels for which in ("first", "second")]
    up = [f"up.{i}.{which}" for i in reversed(levels[:-1]) for which in ("first", "second")]
    return [name for name in (*down, *up) if name != "up.0.second"]


def read_ranges(path: Path, weights_sha256: str, config: NetworkConfig) -> dict[str, float]:
    """Read the file of ranges.

    Parameters
    ----------
    path : Path
        Of the file.
    weights_sha256 : str
        Of the weights it must have been measured with.
    config : NetworkConfig
        Of the network.

    Returns
    -------
    dict of str to float
        See `Ranges`.

    Raises
    ------
    ModelError
        If it is missing, is no TOML, was measured with other weights, or does not tell one number of each picture.
    """
    remedy = "Run scripts/calibrate_int8.py, or set network.runtime to auto."
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; expected the ranges that openvino-int8 needs. {remedy}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not valid TOML ({error}); expected ranges. {remedy}") from None
    if values.get("weights_sha256") != weights_sha256:
        raise ModelError(f"{path}: measured with other weights; expected those of sha256 {weights_sha256}. {remedy}")
    most, names = values.get("most", {}), picture_names(config)
    if odd := _find_odd(most, names):
        raise ModelError(f"{path}: {odd[0]}. {remedy}")
    return {name: float(most[name]) for name in names}


def _find_odd(most: Any, names: list[str]) -> list[str]:  # noqa: ANN401 - whatever stands in the file
    """Say what is wrong with the table of ranges."""
    if not isinstance(most, dict):
        return [f"most is {most!r}; expected a table with a number for each picture"]
    odd = [f"most.{n} is {most.get(n)!r}; expected a positive number" for n in names if not _is_most(most.get(n))]
    odd += [f"most.{n} is no picture of this network; expected {', '.join(names)}" for n in most if n not in names]
    return odd


def _is_most(value: object) -> bool:
    """Whether a value is a largest one: a number, whole or not, that single precision can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    single = np.finfo(np.float32)
    return float(single.tiny) <= value <= float(single.max)
