"""The fingerprint of a slide's file, by which a result is tied to the pixels it came from."""

from __future__ import annotations

import hashlib
from pathlib import Path


def hash_slide(path: Path) -> str:
    """Return the SHA-256 of the file's bytes in hexadecimal, read piece by piece.

    Notes
    -----
    A slide of several files (MRXS, DICOM series) is known by the one file that was named.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
