"""Folders of results and their truth become an error model, or a sentence that says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hetscore.batch.known import Fitted, KnownFolder, fit_folders
from hetscore.domain import Her2Score, Her2Status
from hetscore.errors import UsageError
from hetscore.report import case_json, tables
from tests.batch.known_results import write_case
from tests.report.builders import small_result, small_score

GOOD = "\n".join(["++++++++++++"] * 12)
ONE_WRONG = GOOD.replace("+", "-", 1)
BELOW = GOOD.replace("+", "b")


def fit(*folders: Path, homogeneous: bool = False, is_site: bool = False) -> Fitted:
    """Fit the errors of folders written by `write_case`."""
    known = [KnownFolder(folder / "results", None if homogeneous else folder / "truth") for folder in folders]
    return fit_folders(known, "autumn", created="2026-11-22", is_site=is_site)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write two homogeneous cases, one of them with a misread cell, and one that is truly 0."""
    for case_id, text in {"a": GOOD, "b": ONE_WRONG, "c": BELOW}.items():
        write_case(tmp_path / "one", case_id, text)
    return tmp_path / "one"


def test_a_folder(folder: Path) -> None:
    """One false negative of 288 cells, and the names of what read them."""
    fitted = fit(folder)

    model = fitted.model
    assert (model.id, model.model, model.model_sha256, model.calibration) == ("autumn", "made", "cd" * 32, "made-1")
    assert (model.n_slides, model.n_fragments, model.is_site) == (3, 3, False)
    assert fitted.taken_over == ()
    (stratum,) = model.strata
    assert (stratum.name, stratum.false_negative.n_errors, stratum.false_negative.n_cells) == ("3+", 1, 288)
    assert (model.false_positive.n_errors, model.false_positive.n_cells) == (0, 144)
    assert model.objects.area_mm2 == 1.0


def test_the_check_is_of_the_homogeneous_cases(folder: Path) -> None:
    """Each left out once; the p-values are told by case."""
    fitted = fit(folder)

    assert fitted.model.check is not None
    assert fitted.model.check.n_cases == 2
    assert [case_id for case_id, _ in fitted.p_values] == ["a", "b"]
    assert all(0 < p <= 1 for _, p in fitted.p_values)


def test_the_domain_is_of_all_slides(folder: Path) -> None:
    """From the cells, the area and the stain as they stand in the results."""
    domain = fit(folder).model.domain

    assert domain["mpp"] == (0.25, 0.25)
    assert domain["tumor_per_mm2"] == (288.0, 288.0)
    assert domain["membrane_od"] == (0.75, 0.75)
    assert domain["hematoxylin_degrees"] == (0.5, 0.5)
    assert "dab_degrees" not in domain


def test_two_folders(folder: Path, tmp_path: Path) -> None:
    """Cases of the same name in two folders are two cases."""
    write_case(tmp_path / "two", "a", ONE_WRONG)

    fitted = fit(folder, tmp_path / "two")

    assert fitted.model.n_slides == 4
    assert fitted.model.check is not None
    assert fitted.model.check.n_cases == 3
    assert [Path(case_id).name for case_id, _ in fitted.p_values] == ["a", "b", "a"]


def test_homogeneous_needs_what_came_with_the_model(tmp_path: Path) -> None:
    """What such slides cannot tell is the model's own; a model without errors of its own has nothing to give."""
    write_case(tmp_path / "one", "a", ONE_WRONG)

    with pytest.raises(
        UsageError, match=r"results: no tumor cell is known to be 0 or 1\+ among its like; expected some"
    ):
        fit(tmp_path / "one", homogeneous=True)


@pytest.mark.parametrize(
    ("status", "scores", "fault"),
    [
        ("equivocal", {1: Her2Score.TWO_PLUS}, "case a has the status equivocal; expected homogeneous"),
        (
            "positive",
            {1: Her2Score.THREE_PLUS, 2: Her2Score.ONE_PLUS},
            r"case a holds tumor fragments below 2\+: 2 \(1\+\);",
        ),
    ],
)
def test_a_case_that_cannot_be_homogeneous(
    tmp_path: Path, status: str, scores: dict[int, Her2Score], fault: str
) -> None:
    """A word does not make it so: it is named and refused, and nothing is fitted."""
    place = tmp_path / "results" / "cases" / "a"
    place.mkdir(parents=True)
    first = small_score().fragments[0]
    fragments = tuple(replace(first, fragment=number, score=score) for number, score in scores.items())
    score = replace(small_score(), case_id="a", status=Her2Status(status), fragments=fragments, decisive=())
    for writer in (case_json, tables):
        writer.write(replace(small_result(), score=score, slides=(), pictures=()), place)

    with pytest.raises(UsageError, match=fault):
        fit(tmp_path, homogeneous=True)


@pytest.mark.parametrize(("model", "calibration"), [("other", "made-1"), ("made", "made-2")])
def test_results_of_two_models(folder: Path, model: str, calibration: str) -> None:
    """Another model, or other classes, make other errors."""
    write_case(folder, "d", GOOD, model=model, calibration=calibration)

    with pytest.raises(
        UsageError, match=r"case\.json: made cdcdcdcd, made-1; .*expected one model and one calibration"
    ):
        fit(folder)


def test_results_without_positive_tissue(tmp_path: Path) -> None:
    """False negatives need cells that overexpress."""
    write_case(tmp_path / "one", "c", BELOW)

    with pytest.raises(UsageError, match="no tumor cell of these slides overexpresses HER2; expected homogeneous"):
        fit(tmp_path / "one")
