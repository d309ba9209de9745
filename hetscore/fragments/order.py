"""Boxes on a slide -> the order in which a reader numbers them."""

from __future__ import annotations

from collections.abc import Sequence

from hetscore.geometry import Box


def read_rows(boxes: Sequence[Box]) -> list[list[int]]:
    """Read boxes as rows from the top, each row from the left.

    A box belongs to the row whose first (topmost) box its own center lies level with.
    """
    waiting = sorted(range(len(boxes)), key=lambda i: (boxes[i].y, boxes[i]))
    rows: list[list[int]] = []
    while waiting:
        first = boxes[waiting[0]]
        row = [i for i in waiting if boxes[i].y + boxes[i].height / 2 < first.bottom]
        row = row or [waiting[0]]
        rows.append(sorted(row, key=lambda i: boxes[i]))
        waiting = [i for i in waiting if i not in row]
    return rows


def reading_order(boxes: Sequence[Box]) -> list[int]:
    """Order of boxes as a reader would number them: rows from the top, each row from the left; see `read_rows`."""
    return [i for row in read_rows(boxes) for i in row]
