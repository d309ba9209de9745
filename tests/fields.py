"""Real fields of `shared_data`, read as the thumbnails that a slide reader would make of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hetscore.domain import Rgb

CORES = (
    "eac-tma/0_9b0f64d1-6785-49d9-b279-004b2deb8478.jpg",
    "eac-tma/0_aa1da043-3ec9-4ad1-9ccc-3e25d3b5cfaf.jpg",
    "eac-tma/1_154ae963-bd2a-4a12-8fa9-815ba13922ae.jpg",
    "eac-tma/1_f8a2cea0-aaed-4995-ae30-d9de475d3821.jpg",
    "eac-tma/2_0123a214-85b7-4804-86db-474b05a4ae57.jpg",
    "eac-tma/2_ac717549-389b-4a2b-a4c5-c101220b1e0c.jpg",
    "eac-tma/2_da5928b4-e9a0-4922-8f20-81cb304d0d97.jpg",
    "eac-tma/3_a1f1510c-b91e-4995-ba59-596ca7ebb019_left.jpg",
)
"""HER2 IHC cores of 0.25 um/px; the first digit of a name is the score. The second of score 1 has a speck of soot."""


def read_field(path: Path, factor: int) -> Rgb:
    """Read a field shrunk by `factor` each way, 8 or 16, by averaging."""
    bgr = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_8)  # a JPEG is decoded at an eighth: 64 times less work
    assert bgr is not None, f"{path} is no image"
    if factor > 8:
        bgr = cv2.resize(bgr, (bgr.shape[1] * 8 // factor, bgr.shape[0] * 8 // factor), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[..., ::-1])


def read_middle(path: Path, side: int) -> Rgb:
    """Read the middle of a field at its own resolution, at most `side` pixels each way."""
    bgr = cv2.imread(str(path))
    assert bgr is not None, f"{path} is no image"
    top, left = (max(0, (length - side) // 2) for length in bgr.shape[:2])
    return np.ascontiguousarray(bgr[top : top + side, left : left + side, ::-1])
