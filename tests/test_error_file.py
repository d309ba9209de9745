"""Error models as files: written so that they are read, and refused where they contradict themselves."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hetscore.config import models_folder
from hetscore.error_file import SCHEMA, as_toml, is_errors, load_errors, write_errors
from hetscore.errors import UsageError
from hetscore.scoring.error_check import exceed_chance
from hetscore.scoring.error_model import Check, ErrorModel, FalseObject, FalseObjects, Rate, Stratum

SHIPPED = sorted(models_folder().glob("*/errors.toml"))

MODEL = ErrorModel(
    id="site",
    model="gastric",
    model_sha256="0" * 64,
    calibration='made "1" + autumn',
    created="2026-11-22",
    is_site=True,
    n_slides=24,
    n_fragments=100,
    strata=(
        Stratum("3+", Rate(0, 42_066, 0.0, 0.0014, 2626.08), 5.0, 0.5),
        Stratum("2+", Rate(31, 30_856, 0.0004, 0.002, 9000.0), 3.5, 0.25, (1.5, 5.5), (0.0, 0.75)),
    ),
    false_positive=Rate(5, 2114, 0.0005, 0.0063, 581.0),
    false_tumor=Rate(10, 74_813, 0.00003, 0.0004),
    false_tumor_sd=1.65,
    objects=FalseObjects((FalseObject(21, 0.8), FalseObject(3, 0.65)), 17.657),
    missed=Rate(1426, 76_462, 0.0128, 0.0262, 1711.41),
    domain={"mpp": (0.25, 0.25), "membrane_od": (0.31875, 0.889453), "dab_degrees": (0.3, 4.3)},
    check=Check(20, 1, exceed_chance(1, 20)),
    false_positive_beside=Rate(150, 200, 0.5, 0.9, 30.0),
)


def written(model: ErrorModel, folder: Path) -> Path:
    """Write a model."""
    write_errors(model, folder / "errors.toml")
    return folder / "errors.toml"


def test_read_back(tmp_path: Path) -> None:
    """What was written is read, to six digits."""
    path = written(MODEL, tmp_path)

    read = load_errors(path)

    assert replace(read, check=None) == replace(MODEL, check=None)
    assert read.check is not None
    assert read.check.p_value == pytest.approx(exceed_chance(1, 20), rel=1e-5)
    assert as_toml(read) == path.read_text(encoding="utf-8")
    assert is_errors(path)


def test_read_back_of_the_least(tmp_path: Path) -> None:
    """One stratum, no object, no domain, no check, nothing beside overexpressing cells."""
    least = replace(
        MODEL, strata=MODEL.strata[:1], objects=FalseObjects((), 2.0), domain={}, check=None, false_positive_beside=None
    )

    assert load_errors(written(least, tmp_path)) == least


@given(st.text(st.characters(blacklist_categories=["Cs"])))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name(tmp_path: Path, name: str) -> None:
    """Quotes, line breaks and control characters come back."""
    assert load_errors(written(replace(MODEL, id=name, check=None), tmp_path)).id == name


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_files(path: Path) -> None:
    """They are read, came with their model, and hold."""
    model = load_errors(path)

    assert model.model == path.parent.name
    assert not model.is_site
    assert model.check is not None
    assert not model.check.is_failed


CHANGES = [
    (r"schema = .*", 'schema = "hetscore/errors/0"', "schema: Input should be 'hetscore/errors/1', got"),
    (r"id = .*\n", "", "id: Field required"),
    (r"n_slides = 24", "n_slides = 24\nn_slide = 24", "unknown name n_slide;"),
    (r"\[missed\]", "[missed]\nmean = 0.1", "unknown name missed.mean;"),
    (r'name = "2\+"', 'name = "1+"', "strata 3+, 1+; expected 3+ and 2+, each at most once"),
    (r'name = "2\+"', 'name = "3+"', "strata 3+, 3+; expected 3+ and 2+, each at most once"),
    (r"n_errors = 31", "n_errors = 310", "strata 2+: 310 of 30856 outside 0.0004 to 0.002; expected it inside"),
    (r"n_errors = 1426", "n_errors = 99999", "missed: Value error, 99999 errors of 76462 cells"),
    (
        r"n_effective = 581.0",
        "n_effective = 5810.0",
        "false_positive: n_effective 5810; expected more than 0",
    ),
    (r"neighbor_ratio = 3.5", "neighbor_ratio = 0.5", "strata 2+: neighbor_ratio 0.5; expected a number from 1 on"),
    (r"fragment_sd = 0.25", "fragment_sd = nan", "strata 2+: fragment_sd nan; expected a number from 0 on"),
    (r"false_tumor_sd = .*", "false_tumor_sd = -1.0", "false_tumor_sd -1; expected a number from 0 on"),
    (r"area_mm2 = .*", "area_mm2 = 0.0", "objects.area_mm2 0; expected square millimeters above 0"),
    (r"shape = .*", "shape = 0.0", "objects.shape 0; expected a number above 0"),
    (r"p_tumor = 0.8}", "p_tumor = 8.0}", "objects: 21 cells with p_tumor 8; expected 1 or more and 0 to 1"),
    (
        r"membrane_od = \[.*",
        "membrane_od = [0.9, 0.3]",
        "domain.membrane_od [0.9, 0.3]; expected the lower number first",
    ),
    (r"membrane_od =", "membrane_oddity =", "unknown name domain.membrane_oddity;"),
    (r"n_below = 1", "n_below = 21", "check: 21 of 20 cases; expected no more than there are"),
    (r"n_below = 1", "n_below = 9", "check: p_value 0.641514; expected 1.979e-07, as 9 of 20 cases give"),
]


@pytest.mark.parametrize(("pattern", "changed", "told"), CHANGES, ids=[change[2][:40] for change in CHANGES])
def test_changed_files_are_refused(tmp_path: Path, pattern: str, changed: str, told: str) -> None:
    """The file, what was seen, what was expected and what to do."""
    path = written(MODEL, tmp_path)
    text, n = re.subn(pattern, changed, path.read_text(encoding="utf-8"), count=1)
    assert n == 1
    path.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        load_errors(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)
    assert str(caught.value).endswith("expected a file written by `hetscore calibrate errors`. Run it again.")


def test_all_faults_at_once(tmp_path: Path) -> None:
    """Whoever mends a file by hand sees everything that is wrong with it."""
    path = written(MODEL, tmp_path)
    text = path.read_text(encoding="utf-8").replace("neighbor_ratio = 3.5", "neighbor_ratio = 0.5")
    path.write_text(text.replace("area_mm2 = 17.657", "area_mm2 = -1.0"), encoding="utf-8")

    with pytest.raises(UsageError, match=r"neighbor_ratio 0\.5; .*; objects\.area_mm2 -1; "):
        load_errors(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file"),
        (b"a = ", "not valid TOML"),
        (b"\xff", "not valid TOML"),
        (b"", "schema: "),
    ],
)
def test_other_files(tmp_path: Path, content: bytes | None, told: str) -> None:
    """A file that is none is told for what it is."""
    path = tmp_path / "errors.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        load_errors(path)

    assert told in str(caught.value)
    assert not is_errors(path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Writing says so."""
    with pytest.raises(UsageError, match=r"cannot be written \(No such file.*Choose another --out\."):
        write_errors(MODEL, tmp_path / "none" / "errors.toml")


def test_schema() -> None:
    """The file says which version it is."""
    assert f'schema = "{SCHEMA}"' in as_toml(MODEL)
