"""H&E companions in the pipeline: registered, shown, refused, and their veto."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetscore.config import load_model, load_settings
from hetscore.domain import CaseInput, CaseResult, MembraneClass, Registration, SlideInput, SlideRole
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue, write_case
from hetscore.pipeline import Run, score_case
from hetscore.pipeline.companion import name_refused
from hetscore.pipeline.veto import apply_veto
from hetscore.registration import carry_place

CASE = CaseSpec(
    "pair",
    (FragmentSpec(400.0, Tissue.GLANDS, MembraneClass.STRONG),),
    mpp=0.5,
    companion=True,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw a pair of slides, and another that has nothing to do with it."""
    path = tmp_path_factory.mktemp("companions")
    write_case(CASE, 3, path)
    return path


def case_of(folder: Path, companion: str = "pair.he.tif", role: SlideRole = SlideRole.HE) -> CaseInput:
    """Make a case of the HER2 slide and another slide."""
    return CaseInput("pair", (SlideInput(folder / "pair.tif"), SlideInput(folder / companion, role)))


@pytest.fixture(scope="module")
def run() -> Run:
    """Use the fastest model."""
    return Run(load_settings(), load_model("watershed"))


@pytest.fixture(scope="module")
def result(folder: Path, run: Run) -> CaseResult:
    """Score the pair."""
    scored = score_case(case_of(folder), run).result
    assert scored is not None
    return scored


def test_the_companion_is_registered(result: CaseResult, folder: Path) -> None:
    """Nuclei lie where the registration puts them, within 10 um in the median."""
    points = np.genfromtxt(folder / "truth" / "pair.he.csv", delimiter=",", skip_header=1)
    (registration,) = result.registrations

    carried = [carry_place(registration, 1, (x, y)) for _, x, y, _, _ in points]
    off_um = 0.5 * np.linalg.norm(np.array(carried, float) - points[:, 3:5], axis=1)

    assert np.median(off_um) < 10.0
    assert name_refused(result.registrations) == ()
    assert not {"companion-refused", "slides-not-read"} & set(result.score.flags)


def test_fields_have_the_same_field_of_the_companion(result: CaseResult) -> None:
    """Beside every deciding field stands one of the same size: dark where that is dark."""
    assert result.pictures
    for picture in result.pictures:
        assert picture.companion is not None
        assert picture.companion.rgb.shape == picture.rgb.shape
        is_tissue, is_tissue_there = (p.rgb.mean(axis=2) < 225 for p in (picture, picture.companion))
        assert np.mean(is_tissue == is_tissue_there) > 0.6


def test_an_unreadable_companion_is_told(folder: Path, run: Run, result: CaseResult) -> None:
    """The case is scored as before; a flag and a reason say what is not shown."""
    scored = score_case(case_of(folder, "missing.tif"), run)

    assert scored.result is not None
    assert "companion-refused" in scored.result.score.flags
    assert "missing.tif: no such file" in str(scored.result.registrations[0].reason)
    assert scored.result.score.label is result.score.label
    assert all(picture.companion is None for picture in scored.result.pictures)


def test_slides_of_controls_are_still_not_read(folder: Path, run: Run) -> None:
    """They are told by a flag, and nothing is registered to them."""
    scored = score_case(case_of(folder, role=SlideRole.CONTROL), run).result

    assert scored is not None
    assert "slides-not-read" in scored.score.flags
    assert scored.registrations == ()


def draw(folder: Path, name: str, *rings: list[list[float]]) -> Path:
    """Write polygons of a class as QuPath does."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
            "properties": {"objectType": "annotation", "classification": {"name": name}},
        }
        for ring in rings
    ]
    path = folder / f"{name}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


EVERYWHERE = [[0.0, 0.0], [9000.0, 0.0], [9000.0, 9000.0], [0.0, 9000.0]]
BESIDE = [[0.0, 0.0], [60.0, 0.0], [60.0, 60.0], [0.0, 60.0]]
"""On glass."""


@pytest.mark.parametrize(
    ("name", "ring", "share_left", "flags"),
    [
        ("Non-tumor", EVERYWHERE, (0.0, 0.0), ("companion-veto",)),
        ("Tumor", EVERYWHERE, (1.0, 1.0), ()),
        ("Non-tumor", BESIDE, (1.0, 1.0), ("annotations-unused",)),
        ("Tumor", BESIDE, (1.0, 1.0), ("annotations-unused",)),
        ("Exclude", EVERYWHERE, (1.0, 1.0), ("annotations-unused",)),
    ],
    ids=["none is tumor", "all may be tumor", "glass is no tumor", "only glass is tumor", "another kind"],
)
def test_veto(
    result: CaseResult,
    folder: Path,
    tmp_path: Path,
    name: str,
    ring: list[list[float]],
    share_left: tuple[float, float],
    flags: tuple[str, ...],
) -> None:
    """What is drawn on the H&E slide takes tumor cells away, and what is drawn in vain is told."""
    her2, he = case_of(folder).slides
    case = CaseInput("pair", (her2, replace(he, annotations=draw(tmp_path, name, ring))))

    veto = apply_veto(case, result.slides, result.registrations)

    share = veto.slides[0].cells.is_tumor.sum() / result.slides[0].cells.is_tumor.sum()
    assert share_left[0] <= share <= share_left[1]
    assert veto.flags == flags


def test_nothing_is_vetoed_where_the_match_is_refused(result: CaseResult, folder: Path, tmp_path: Path) -> None:
    """A drawing that cannot be carried over changes no cell, and is told."""
    her2, he = case_of(folder).slides
    case = CaseInput("pair", (her2, replace(he, annotations=draw(tmp_path, "Non-tumor", EVERYWHERE))))
    refused = Registration("pair.tif", "pair.he.tif", (), "not readable")

    veto = apply_veto(case, result.slides, [refused])

    np.testing.assert_array_equal(veto.slides[0].cells.is_tumor, result.slides[0].cells.is_tumor)
    assert veto.flags == ("annotations-unused",)
