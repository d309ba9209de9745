"""The drawn H&E companion: its colors, and where its pieces lie against the HER2 slide."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import openslide
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.domain import MembraneClass
from hetscore.geometry import Box
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue, write_phantom
from hetscore.phantom.companion import (
    POINT_COLUMNS,
    CompanionParams,
    draw_companion_stain,
    order_companion,
    paint_he,
    place_companion,
)
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.spec import OpticsSpec
from hetscore.phantom.tissue import FragmentTissue, grow_fragment

CASE = CaseSpec(
    "pair",
    (FragmentSpec(220.0, Tissue.SHEETS, MembraneClass.STRONG), FragmentSpec(160.0, Tissue.BENIGN)),
    mpp=0.5,
    companion=True,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw a case with its companion."""
    path = tmp_path_factory.mktemp("companion") / "slides"
    write_phantom([CASE, replace(CASE, case_id="alone", fragments=CASE.fragments[1:], companion=False)], 2, path)
    return path


@pytest.fixture(scope="module")
def tissue() -> FragmentTissue:
    """Grow a small fragment."""
    return grow_fragment(CASE.fragments[0], 0.5, np.random.default_rng(1))


def read_points(folder: Path) -> NDArray[np.float64]:
    """Read the truth."""
    with (folder / "truth" / "pair.he.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == POINT_COLUMNS
    return np.array(rows[1:], float)


def test_both_slides_stand_in_the_table(folder: Path) -> None:
    """A slide without companion has its role too, where there are roles."""
    assert (folder / "cases.csv").read_text(encoding="utf-8").splitlines() == [
        "case_id,slide,role,ish",
        "pair,pair.tif,her2,unknown",
        "pair,pair.he.tif,he,unknown",
        "alone,alone.tif,her2,unknown",
    ]
    assert not (folder / "alone.he.tif").exists()


def test_points_are_the_same_nuclei(folder: Path) -> None:
    """Where the truth puts a nucleus there is a dark place on the H&E slide, far darker than the tissue around."""
    points = read_points(folder)

    with openslide.OpenSlide(folder / "pair.he.tif") as slide:
        red = np.array(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))[..., 0].astype(float)
    at = red[points[:, 4].astype(int), points[:, 3].astype(int)]

    assert len(points) > 100
    assert np.median(at) < 0.75 * np.median(red[red < 225])


def test_each_piece_moves_nearly_as_one(folder: Path) -> None:
    """Every piece is an affine transform of its neighbor, but for the few microns by which sections are bent."""
    points = read_points(folder)
    turns = []
    for number in (1, 2):
        own = points[points[:, 0] == number]
        here = np.column_stack([own[:, 1:3], np.ones(len(own))])
        affine, *_ = np.linalg.lstsq(here, own[:, 3:5], rcond=None)
        off_um = 0.5 * np.linalg.norm(here @ affine - own[:, 3:5], axis=1)
        assert 0.5 < np.median(off_um) < 10.0
        turns.append(np.degrees(np.arctan2(affine[0, 1], affine[0, 0])))
    assert abs((turns[0] - turns[1] + 180) % 360 - 180) < 60.0


def test_a_companion_changes_nothing_else(folder: Path, tmp_path: Path) -> None:
    """The HER2 slide of the same case without companion is the same, byte for byte, and the table has no roles."""
    write_phantom([replace(CASE, companion=False)], 2, tmp_path / "plain")

    assert (tmp_path / "plain" / "pair.tif").read_bytes() == (folder / "pair.tif").read_bytes()
    assert (tmp_path / "plain" / "cases.csv").read_text(encoding="utf-8").startswith("case_id,slide,ish\n")


def test_nuclei_are_blue_and_the_rest_is_pink(tissue: FragmentTissue) -> None:
    """Hematoxylin lies over nuclei, eosin over plasma and stroma; glass has neither."""
    hematoxylin, eosin = paint_he(tissue, np.random.default_rng(2), OpticsSpec())
    is_nucleus, is_glass = tissue.nuclei > 0, tissue.ground == Ground.GLASS
    is_plasma = (tissue.cells > 0) & ~is_nucleus

    assert hematoxylin[is_nucleus].mean() > 4 * hematoxylin[is_plasma].mean()
    assert eosin[is_plasma].mean() > eosin[is_nucleus].mean()
    assert max(hematoxylin[is_glass].max(), eosin[is_glass].max()) < 0.05 + 0.3  # the blur of a nucleus at the rim
    assert np.median(hematoxylin[is_glass]) == np.median(eosin[is_glass]) == 0


def test_membranes_do_not_show(tissue: FragmentTissue) -> None:
    """H&E of a 3+ fragment is that of the same fragment without HER2."""
    negative = replace(tissue, membrane_class=np.where(tissue.is_tumor, 0, -1).astype(np.int8))

    painted = [paint_he(t, np.random.default_rng(2), OpticsSpec()) for t in (tissue, negative)]

    np.testing.assert_array_equal(painted[0], painted[1])


def test_colors_are_those_of_the_two_stains() -> None:
    """Within what slides vary; eosin takes up hardly any red light."""
    stain = draw_companion_stain(np.random.default_rng(3), OpticsSpec())

    wanted = np.array(CompanionParams().eosin) / np.linalg.norm(CompanionParams().eosin)
    np.testing.assert_allclose(stain.vectors.dab, wanted, atol=0.05)
    assert stain.vectors.hematoxylin[0] > 2 * stain.vectors.dab[0]


def test_a_piece_is_turned_and_hardly_stretched() -> None:
    """Matrices are turns about that of the slide, never mirrored."""
    rng = np.random.default_rng(4)
    stain = draw_companion_stain(rng, OpticsSpec())

    orders, turn = order_companion(replace(CASE, fragments=CASE.fragments * 10), stain, (1, 2), rng)

    for order in orders:
        stretch = np.linalg.svd(order.matrix, compute_uv=False)
        assert np.all(np.abs(stretch - 1) < 0.06)
        own = np.arctan2(order.matrix[1, 0], order.matrix[0, 0])
        assert np.cos(own - turn) > 0.5
        assert np.linalg.det(order.matrix) > 0


@given(st.integers(0, 1000), st.floats(0, 6.3), st.integers(1, 6))
def test_pieces_never_overlap(seed: int, turn: float, n: int) -> None:
    """However the slide is turned, each piece lies by itself and within the slide."""
    boxes = [Box(1000 * (i % 3), 800 * (i // 3), 900, 700) for i in range(n)]
    sizes = [(1100, 1000)] * n

    places = place_companion(boxes, sizes, turn, 0.5, np.random.default_rng(seed))

    slide = Box(0, 0, places.width, places.height)
    for i, box in enumerate(places.all):
        assert box.clipped(slide) == box
        assert all(box.clipped(other).is_empty for other in places.all[:i])
