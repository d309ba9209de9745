"""Shapes that a reader can picture, in thumbnail pixels of 4 um."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
MPP = 4.0


def ellipse(width: int, height: int, degrees: float = 0.0) -> Mask:
    """Ellipse of two axes, turned, in a square picture that holds it however it is turned."""
    side = max(width, height) + 10
    drawn = np.zeros((side, side), np.uint8)
    cv2.ellipse(drawn, (side // 2, side // 2), (width // 2, height // 2), degrees, 0, 360, 1, cv2.FILLED)
    return drawn.astype(bool)


def dumbbell(radius: int, neck: int, length: int) -> Mask:
    """Two discs whose middles lie `length` apart, joined by a bar `neck` pixels wide."""
    drawn = np.zeros((2 * radius + 11, length + 2 * radius + 11), np.uint8)
    y, left, right = radius + 5, radius + 5, radius + 5 + length
    cv2.circle(drawn, (left, y), radius, 1, cv2.FILLED)
    cv2.circle(drawn, (right, y), radius, 1, cv2.FILLED)
    drawn[y - neck // 2 : y - neck // 2 + neck, left:right] = 1
    return drawn.astype(bool)


def letter(name: str, side: int = 120) -> Mask:
    """One of four shapes of the same size that no one takes for one another: I, L, T, O."""
    drawn = np.zeros((side, side), bool)
    third = side // 3
    if name in "IT":
        drawn[:, third : 2 * third] = True
    if name == "T":
        drawn[:third] = True
    if name == "L":
        drawn[:, :third] = True
        drawn[-third:] = True
    if name == "O":
        drawn[:] = ellipse(side - 10, side - 10)[:side, :side]
    return drawn
