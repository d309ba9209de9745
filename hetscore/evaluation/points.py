"""A table of points read by people -> truth of the crops that were read.

One row a point: in which square crop of which image, where, and what the reader saw there. Outside the crops nothing
was read, so nothing found there can be wrong. All faults of a table are told at once, each with its line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from hetscore.domain import MembraneClass
from hetscore.errors import UsageError
from hetscore.evaluation.tables import read_csv
from hetscore.evaluation.truth import SlideTruth, Truth
from hetscore.geometry import Box

COLUMNS = ("core", "crop", "crop_x", "crop_y", "crop_size", "x", "y", "code")
"""Needed; ``reader`` is used where it stands, others are passed over."""

CLASS_OF_CODE = {
    "t0": MembraneClass.NEGATIVE,
    "t1": MembraneClass.FAINT,
    "t2": MembraneClass.MODERATE,
    "t3": MembraneClass.STRONG,
}
"""Tumor cells, by membranous staining."""
OTHER, UNKNOWN, NO_NUCLEUS = "n", "u", "x"
"""A cell that is no tumor cell; cannot tell; no nucleus, or a second point on one."""
CODES = (*CLASS_OF_CODE, OTHER, UNKNOWN, NO_NUCLEUS)

READ_MARGIN_PX = 8
"""Readers of the development crops were asked for nuclei farther than this from the crop's border: nearer to it, what
is found without a partner was perhaps not read. Nuclei that were read there count."""

MAX_FAULTS = 20
"""Lines of an error: a wrong column makes every row wrong, and the first rows show it."""


@dataclass(frozen=True)
class Point:
    """One row."""

    where: str
    """File and line."""
    core: str
    crop: str
    box: Box
    """The crop, level-0 pixels of the image."""
    x: float
    y: float
    code: str
    reader: str


def read_points(path: Path) -> Truth:
    """Read a table of points.

    Parameters
    ----------
    path : Path
        CSV with the columns of `COLUMNS`; positions are level-0 pixels of the whole image, not of the crop.

    Returns
    -------
    Truth
        One slide for each ``core``, the name of the image without its suffix. It has no cases and no fragments. Points
        of code u are nuclei of which nothing is known; those of u and x are places near which a find without a partner
        counts neither way.

    Raises
    ------
    UsageError
        With one line for each fault: a cell that is no number, an unknown code, a point outside its crop, a crop that
        is not the same square in all its rows, two crops of an image that overlap.

    Notes
    -----
    Of a crop read by several people the reading of the first in alphabetical order is used, so that each nucleus counts
    once; how many points of others were left out stands in `SlideTruth.n_second_readings`.
    """
    faults: list[str] = []
    rows = read_csv(path, COLUMNS, "Give the table as it was exported.")
    points = [_point(f"{path} line {i + 2}", row, faults) for i, row in enumerate(rows)]
    if not points:
        faults.append(f"{path}: the table has no rows; expected one a point. Give another --truth.")
    cores: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        if point is not None:
            cores[point.core].append(point)
    for members in cores.values():
        _check_crops(members, faults)
    _raise(faults)
    return Truth("points", {core: _slide(members) for core, members in sorted(cores.items())}, {})


def _point(where: str, row: dict[str, str], faults: list[str]) -> Point | None:
    try:
        left, top, size = (int(row[name]) for name in ("crop_x", "crop_y", "crop_size"))
        x, y = float(row["x"]), float(row["y"])
    except ValueError as error:
        faults.append(f"{where}: {error}; expected pixels, whole ones for the crop. Correct the row.")
        return None
    if row["code"] not in CODES:
        faults.append(f"{where}: code {row['code']!r}; expected one of {', '.join(CODES)}. Correct the row.")
        return None
    box = Box(left, top, size, size)
    if not box.contains(np.array([x]), np.array([y]))[0]:
        seen = f"{where}: point ({x:g}, {y:g}) outside its crop [{box.x}, {box.right}) x [{box.y}, {box.bottom})"
        faults.append(f"{seen}; expected pixels of the whole image. Add the crop's corner to x and y.")
        return None
    return Point(where, row["core"], row["crop"], box, x, y, row["code"], row.get("reader", ""))


def _check_crops(points: Sequence[Point], faults: list[str]) -> None:
    boxes: dict[str, Box] = {}
    for point in points:
        if boxes.setdefault(point.crop, point.box) != point.box:
            seen = f"{point.where}: crop {point.crop} is another square than in a row above"
            faults.append(f"{seen}; expected one square a crop. Correct the row or name the crop differently.")
    for (one, box), (other, second) in combinations(boxes.items(), 2):
        if not box.clipped(second).is_empty:
            seen = f"{points[0].core}: crops {one} and {other} overlap"
            faults.append(f"{seen}; expected crops apart, so that each nucleus is read once. Drop one of them.")


def _raise(faults: Sequence[str]) -> None:
    if faults:
        more = [f"... and {len(faults) - MAX_FAULTS} more"] if len(faults) > MAX_FAULTS else []
        raise UsageError("\n".join([*faults[:MAX_FAULTS], *more]))


def _slide(points: Sequence[Point]) -> SlideTruth:
    first: dict[str, str] = {}
    for point in points:
        first[point.crop] = min(first.get(point.crop, point.reader), point.reader)
    used = [point for point in points if point.reader == first[point.crop]]
    nuclei = [point for point in used if point.code != NO_NUCLEUS]
    doubtful = [(point.x, point.y) for point in used if point.code in (NO_NUCLEUS, UNKNOWN)]
    codes = [point.code for point in nuclei]
    crops = {point.crop: point.box for point in used}
    return SlideTruth(
        x=np.array([point.x for point in nuclei]),
        y=np.array([point.y for point in nuclei]),
        is_tumor=np.isin(codes, list(CLASS_OF_CODE)),
        membrane_class=np.array([CLASS_OF_CODE.get(code, MembraneClass.UNSCORED) for code in codes], np.int8),
        is_sure=np.array([code != UNKNOWN for code in codes], bool),
        doubtful_xy=np.array(doubtful).reshape(-1, 2),
        read=tuple(box.grown(-READ_MARGIN_PX) for box in crops.values()),
        n_second_readings=len(points) - len(used),
    )
