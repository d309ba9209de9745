"""Paste pictures side by side on a white slide: python scripts/compose_slide.py --mpp 0.25 --out slide.tif A.jpg B.jpg.

Makes a pyramidal slide of many pieces out of single fields or cores, e.g. a case of biopsies of known content. The
pictures keep their own background color and their scale, which must be the same for all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hetscore.domain import Rgb
from hetscore.errors import HetscoreError
from hetscore.phantom.pyramid import write_pyramid
from hetscore.slides import open_slide

GAP_UM = 500.0
"""White between the pictures: more than any gap inside one biopsy, so that pieces are not taken for one."""

PER_ROW = 4
"""Pictures in a row: four cores of 1 to 2 mm with gaps fit the 15 mm width scanned of a usual slide."""


def compose(pictures: Sequence[Rgb], gap: int, per_row: int = PER_ROW) -> Rgb:
    """Lay pictures out in rows on white.

    Parameters
    ----------
    pictures : sequence of (h, w, 3) uint8
        In reading order; pictures of a row share the top edge.
    gap : int
        White around each picture in pixels.
    per_row : int
        Pictures in a row.

    Returns
    -------
    (H, W, 3) uint8
        The canvas, just large enough.
    """
    rows = [pictures[start : start + per_row] for start in range(0, len(pictures), per_row)]
    widths = [gap + sum(picture.shape[1] + gap for picture in row) for row in rows]
    heights = [gap + max(picture.shape[0] for picture in row) for row in rows]
    canvas = np.full((sum(heights) + gap, max(widths), 3), 255, np.uint8)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        left = gap
        for picture in row:
            canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += picture.shape[1] + gap
        top += height
    return canvas


def read_picture(path: Path, mpp: float) -> Rgb:
    """Read a picture or slide whole, (h, w, 3) uint8."""
    with open_slide(path, mpp=mpp) as slide:
        return slide.read(slide.info.bounds, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; return its exit status."""
    parser = argparse.ArgumentParser(description="Paste pictures side by side on a white slide.")
    parser.add_argument("pictures", nargs="+", type=Path, help="PNG or JPEG files, in reading order")
    parser.add_argument("--mpp", type=float, required=True, help="microns per pixel of the pictures")
    parser.add_argument("--out", type=Path, required=True, help="slide to write (.tif)")
    parser.add_argument("--gap-um", type=float, default=GAP_UM, help="white between the pictures (default %(default)g)")
    parser.add_argument("--per-row", type=int, default=PER_ROW, help="pictures in a row (default %(default)s)")
    args = parser.parse_args(arguments)
    try:
        pictures = [read_picture(path, args.mpp) for path in args.pictures]
    except HetscoreError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    rgb = compose(pictures, round(args.gap_um / args.mpp), args.per_row)
    write_pyramid(args.out, rgb, args.mpp)
    print(f"{args.out}: {rgb.shape[1]} x {rgb.shape[0]} px, {len(pictures)} pictures, {args.mpp:g} um/px")
    return 0


if __name__ == "__main__":
    sys.exit(main())
