"""Reading the files of a case folder again: whatever is wrong with one is said in one line, with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from hetscore.errors import UsageError

T = TypeVar("T")

_REMEDY = "Score the case again."


def read_validated(path: Path, read: Callable[[bytes], T]) -> T:
    """Read a file and validate what it holds.

    Parameters
    ----------
    path : Path
        The file.
    read : callable
        Turns the file's bytes into a value; may raise `pydantic.ValidationError`.

    Returns
    -------
    T
        What `read` gave.

    Raises
    ------
    UsageError
        If the file is absent or does not hold what it should; the first fault is named.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; expected one written by hetscore score. {_REMEDY}")
    try:
        return read(path.read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise UsageError(f"{path}: {where}: {fault['msg']}; expected a file of this version. {_REMEDY}") from error
