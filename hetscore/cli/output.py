"""Checks of what a command will write, before it has worked for minutes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hetscore.errors import UsageError


def check_name(name: str) -> None:
    """Refuse an id that a result could not show.

    Raises
    ------
    UsageError
        If nothing of it would be seen, or it cannot be printed.
    """
    if not name.strip() or not name.isprintable():
        raise UsageError(f"--id {name!r}: nothing to be seen or not printable; expected a name. Choose another --id.")


def check_out(out: Path, inputs: tuple[Path, ...], what: str, is_one: Callable[[Path], bool]) -> None:
    """Refuse a file that could not be written, that is read, or that would be lost.

    Parameters
    ----------
    out : Path
        File to write.
    inputs : tuple of Path
        Files that are read.
    what : str
        What is written, as "calibration": an older one may be replaced.
    is_one : callable
        Tells whether a file is such a one.

    Raises
    ------
    UsageError
        If `out` must not be written.
    """
    folder = out.resolve().parent
    if (out.exists() and not out.is_file()) or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"--out {out}: not a file in a writable folder; expected one. Choose another --out.")
    for given in inputs:
        if out.exists() and given.exists() and out.samefile(given):
            raise UsageError(f"--out {out}: is {given}, which is read; expected another file. Choose another --out.")
    if out.exists() and not is_one(out):
        said = f"--out {out}: exists and is no {what}; expected a new file or an older {what}"
        raise UsageError(f"{said}. Choose another --out.")
