"""Regions that a reader painted on real images: tissue all of whose cells are tumor cells, or none.

A point names one nucleus; a region says what all cells of a gland or of a muscle are, in far less time. Regions teach
and judge the tumor call, and nothing else: where nuclei lie in them is not known.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from hetscore.domain import MppSource
from hetscore.errors import UsageError
from hetscore.geometry import Box
from hetscore.slides import open_slide
from hetscore.stain import find_white
from scripts.training.examples import CORE_MPP, MPP, NOT_READ, OTHER, SURROUNDINGS_PX, TUMOR, Example

REGIONS_FILE = Path(__file__).with_name("regions.csv")
"""Columns: image, mpp, kind (tumor or other), tissue in words, and polygon as WKT in pixels of the image.

The images say nothing of their scale: it is read from the size of nuclei (data/MANIFEST.md; for one tile by us)."""
KINDS = {"other": OTHER, "tumor": TUMOR}
THUMBNAIL_MPP = 4.0
"""At which the glass is looked for."""


@dataclass(frozen=True)
class Region:
    """A row of the file."""

    image: str
    mpp: float
    kind: int
    tissue: str
    polygon: shapely.Polygon


def load_regions(path: Path = REGIONS_FILE) -> list[Region]:
    """Load the file, image by image.

    Raises
    ------
    UsageError
        If a row's kind is unknown or its polygon is none.
    """
    with path.open(newline="", encoding="utf-8") as file:
        regions = [_region(path, number, row) for number, row in enumerate(csv.DictReader(file), start=2)]
    return sorted(regions, key=lambda region: region.image)


def _region(path: Path, number: int, row: dict[str, str]) -> Region:
    polygon = shapely.from_wkt(row.get("polygon") or "", on_invalid="ignore")
    try:
        mpp = float(row.get("mpp") or "")
    except ValueError:
        mpp = 0.0
    is_whole = isinstance(polygon, shapely.Polygon) and polygon.is_valid and not polygon.interiors
    if row.get("kind") not in KINDS or not is_whole or not mpp > 0:
        raise UsageError(
            f"{path}, row {number}: mpp {row.get('mpp')!r}, kind {row.get('kind')!r}, polygon "
            f"{(row.get('polygon') or '')[:40]!r}; expected microns per pixel, one of {', '.join(KINDS)}, and a valid "
            "polygon without holes as WKT. Correct the row."
        )
    return Region(row["image"], mpp, KINDS[row["kind"]], row["tissue"], polygon)


def read_regions(data: Path, regions: Sequence[Region]) -> list[Example]:
    """Read each region with its surroundings, in which other regions are painted, too.

    Parameters
    ----------
    data : Path
        Folder of the real images.
    regions : sequence of Region
        By image, as `load_regions` gives them.

    Returns
    -------
    list of Example
        One a region, in the same order.
    """
    return [example for _, own in groupby(regions, lambda region: region.image) for example in _read(data, list(own))]


def _read(data: Path, own: Sequence[Region]) -> Iterator[Example]:
    path, mpp = find_image(data, own[0].image), own[0].mpp
    with open_slide(path, mpp=mpp, mpp_source=MppSource.COMMAND_LINE) as slide:
        white = find_white(slide.thumbnail(THUMBNAIL_MPP).rgb)
        for k, region in enumerate(own):
            box = _box(region.polygon, (slide.info.width, slide.info.height), mpp)
            shape = round(box.height * mpp / MPP), round(box.width * mpp / MPP)
            yield Example(
                name=f"{region.image}-region-{k}",
                group=region.image,
                rgb=np.asarray(cv2.resize(slide.read(box, 1), shape[::-1], interpolation=cv2.INTER_AREA), np.uint8),
                white=white,
                xy=np.zeros((0, 2), np.float32),
                kind=np.zeros(0, np.int8),
                known=np.zeros(shape, bool),
                box=box,
                tissue=paint(own, box, shape),
            )


def find_image(data: Path, image: str) -> Path:
    """Find an image by its name: a core or a gastric tile."""
    core = data / "eac-tma" / f"{image}.jpg"
    return core if core.exists() else data / "cldn18-gastric" / f"{image}.png"


def _box(polygon: shapely.Polygon, size: tuple[int, int], mpp: float) -> Box:
    """Around a polygon with its surroundings, within the image; sides are even."""
    left, top, right, bottom = (int(v) for v in polygon.bounds)
    around = round(SURROUNDINGS_PX * CORE_MPP / mpp)
    x, y = max(0, left - around) // 2 * 2, max(0, top - around) // 2 * 2
    width, height = (min(side, end + around) - start for side, end, start in
                     zip(size, (right, bottom), (x, y), strict=True))  # fmt: skip
    return Box(x, y, width // 2 * 2, height // 2 * 2)


def paint(regions: Sequence[Region], box: Box, shape: tuple[int, int]) -> NDArray[np.int8]:
    """Paint regions on a picture of a box, (h, w) int8: `NOT_READ`, `OTHER`, `TUMOR`; the later one is on top."""
    tissue, scale = np.full(shape, NOT_READ, np.int16), np.array([shape[1] / box.width, shape[0] / box.height])
    for region in regions:
        corners = (np.asarray(region.polygon.exterior.coords) - (box.x, box.y)) * scale
        cv2.fillPoly(tissue, [np.rint(corners).astype(np.int32)], region.kind)
    return tissue.astype(np.int8)


def even_chances(regions: Sequence[Region]) -> NDArray[np.float64]:
    """Chance of each region: one over the root of how many of its kind its image has.

    So an image with many regions teaches more than one with few, but not as many times more, and where nearly all is
    tumor, what is not is still seen.
    """
    n_regions = Counter((region.image, region.kind) for region in regions)
    weights = np.array([n_regions[region.image, region.kind] ** -0.5 for region in regions])
    return np.asarray(weights / weights.sum(), np.float64)
