"""Painted regions: read from the file, painted on pictures, drawn evenly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely

from hetscore.errors import UsageError
from hetscore.geometry import Box
from scripts.training.examples import NOT_READ, OTHER, TUMOR
from scripts.training.regions import Region, even_chances, find_image, load_regions, paint, read_regions


def square(image: str, kind: int, left: float, top: float, side: float = 20.0) -> Region:
    """Make a square region."""
    return Region(image, 0.25, kind, "tissue", shapely.box(left, top, left + side, top + side))


def test_the_shipped_regions_are_of_known_images(shared_data: Callable[[str], Path]) -> None:
    """Every row names an image that is there, and and both kinds are among them."""
    regions, data = load_regions(), shared_data("eac-tma").parent
    assert all(find_image(data, image).exists() for image in {region.image for region in regions})
    assert {region.kind for region in regions} == {OTHER, TUMOR}


@pytest.mark.parametrize(
    ("mpp", "kind", "polygon"),
    [
        ("0.25", "tumour", "POLYGON((0 0, 9 0, 9 9, 0 0))"),
        ("0.25", "tumor", "POINT(1 1)"),
        ("0.25", "other", "0 0, 9 0, 9 9"),
        ("0.25", "other", "POLYGON((0 0, 9 9, 9 0, 0 9, 0 0))"),
        ("0.25", "other", "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (2 2, 4 2, 4 4, 2 2))"),
        ("", "tumor", "POLYGON((0 0, 9 0, 9 9, 0 0))"),
        ("-1", "tumor", "POLYGON((0 0, 9 0, 9 9, 0 0))"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, mpp: str, kind: str, polygon: str) -> None:
    """No scale, an unknown kind, a polygon that is none, crosses itself or has a hole: row, expectation, remedy."""
    path = tmp_path / "regions.csv"
    good = 'a,0.25,tumor,t,"POLYGON((0 0, 9 0, 9 9, 0 0))"'
    path.write_text(f'image,mpp,kind,tissue,polygon\n{good}\nb,{mpp},{kind},t,"{polygon}"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"regions\.csv, row 3: .*expected microns per pixel, .* Correct the row\."):
        load_regions(path)


def test_regions_are_painted_where_they_lie() -> None:
    """At half the scale a square of 20 px from (30, 40) covers 10 px from (10, 15) of a box that begins at (10, 10)."""
    regions = [square("a", OTHER, 30, 40), square("a", TUMOR, 60, 60)]
    tissue = paint(regions, Box(10, 10, 80, 100), (50, 40))
    assert (tissue[18, 14], tissue[30, 30], tissue[5, 5]) == (OTHER, TUMOR, NOT_READ)
    assert 100 <= (tissue == OTHER).sum() <= 121


def test_many_regions_of_a_kind_are_drawn_less_often_each() -> None:
    """Four tumor regions of an image and one of other tissue: the four together are drawn twice as often as the one."""
    regions = [*(square("a", TUMOR, 0, 0),) * 4, square("a", OTHER, 0, 0)]
    np.testing.assert_allclose(even_chances(regions), [1 / 6] * 4 + [1 / 3])


def test_a_region_is_read_with_what_lies_around(shared_data: Callable[[str], Path]) -> None:
    """The picture is at 0.5 um/px, spans 96 um to each side, and has the region painted; no nucleus is known."""
    region = square("2_da5928b4-e9a0-4922-8f20-81cb304d0d97", TUMOR, 2000, 2000, 100)
    (example,) = read_regions(shared_data("eac-tma").parent, [region])
    assert example.rgb.shape[:2] == example.known.shape == ((100 + 2 * 384) // 2,) * 2
    assert example.tissue is not None
    assert (example.tissue[217, 217], example.tissue[100, 100]) == (TUMOR, NOT_READ)
    assert not example.known.any()
    assert not len(example.xy)
