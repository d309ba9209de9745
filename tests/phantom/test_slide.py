"""Whole folders: bytes, tables, labels, and the places of things."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import openslide
import pyarrow.parquet as pq
import pytest

from hetscore.domain import IshResult, MembraneClass
from hetscore.errors import UsageError
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue, draw_case, make_cases, write_phantom
from hetscore.phantom.truth import judge_case

STRONG = FragmentSpec(150.0, Tissue.SHEETS, MembraneClass.STRONG)
BENIGN = FragmentSpec(120.0, Tissue.BENIGN)
PAIR = CaseSpec("pair", (STRONG, BENIGN))
LONE = CaseSpec("lone", (BENIGN,), mpp=0.5)


def small(case: CaseSpec) -> CaseSpec:
    """Shrink a case's fragments to 150 um, solid where they hold tumor, and its clone with them."""
    fragments = [
        replace(
            f, diameter_um=150.0, clone_cells=min(f.clone_cells, 10), tissue=Tissue.SHEETS if f.has_tumor else f.tissue
        )
        for f in case.fragments
    ]
    return replace(case, fragments=tuple(fragments), mpp=1.0)


def rows(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """Two runs write the same files, byte for byte; another seed writes another slide."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_phantom([replace(PAIR, mpp=0.5)], seed, tmp_path / name)

    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert [str(name) for name in names] == ["cases.csv", "pair.tif", "truth/cases.csv", "truth/pair.cells.parquet"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)
    assert (tmp_path / "a" / "pair.tif").read_bytes() != (tmp_path / "c" / "pair.tif").read_bytes()


def test_a_case_does_not_depend_on_the_others() -> None:
    """The same case drawn under another name is another slide; under its own name it is always the same."""
    own = draw_case(LONE, 0)[0].tobytes()

    assert draw_case(LONE, 0)[0].tobytes() == own
    assert draw_case(replace(LONE, case_id="other"), 0)[0].tobytes() != own


def test_folder_is_read_like_any_other(tmp_path: Path) -> None:
    """cases.csv names slides that exist and open, at the resolution asked for."""
    seen: list[str] = []
    write_phantom(
        [PAIR, replace(PAIR, case_id="half", mpp=0.5, ish=IshResult.AMPLIFIED)],
        0,
        tmp_path,
        progress=lambda truth: seen.append(truth.case_id),
    )

    table = rows(tmp_path / "cases.csv")
    assert [tuple(row.values()) for row in table] == [
        ("pair", "pair.tif", "unknown"),
        ("half", "half.tif", "amplified"),
    ]
    assert seen == ["pair", "half"]
    for row, mpp in zip(table, (0.25, 0.5), strict=True):
        with openslide.OpenSlide(tmp_path / row["slide"]) as slide:
            assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(mpp)


def test_truth_lies_on_the_nuclei(tmp_path: Path) -> None:
    """Cells of the table lie in the slide, fragment 1 left of fragment 2, and the slide is bluer there than around."""
    write_phantom([PAIR], 0, tmp_path)

    cells = pq.read_table(tmp_path / "truth" / "pair.cells.parquet").to_pydict()
    x, y, fragment = (np.array(cells[name]) for name in ("x", "y", "fragment"))
    with openslide.OpenSlide(tmp_path / "pair.tif") as slide:
        red = np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[..., 0].astype(float)
    at_nuclei = red[y.astype(int), x.astype(int)]
    around = red[y.astype(int), (x + 400).astype(int) % red.shape[1]]
    assert list(cells) == ["x", "y", "fragment", "is_tumor", "membrane_class", "pattern"]
    assert x[fragment == 1].max() + 400 / 0.25 < x[fragment == 2].min()
    assert np.median(at_nuclei) < np.median(around) - 25
    assert not np.array(cells["is_tumor"])[fragment == 2].any()


def test_fragments_are_numbered_in_reading_order_and_apart() -> None:
    """Four fragments lie in two rows; ids go left to right, then down; at least 400 um of glass between any two."""
    case = CaseSpec("four", (BENIGN,) * 4, mpp=0.5)

    truths = draw_case(case, 1)[1]

    boxes = np.array([[t.x.min(), t.y.min(), t.x.max(), t.y.max()] for t in truths])
    apart = 400 / case.mpp
    for left, right in ((0, 1), (2, 3)):
        assert boxes[left, 2] + apart < boxes[right, 0]
    for upper, lower in ((0, 2), (1, 3)):
        assert boxes[upper, 3] + apart < boxes[lower, 1]


@pytest.mark.parametrize("index", range(7))
def test_each_sample_kind_has_its_label(index: int) -> None:
    """The seven kinds of the sample, drawn small, are labeled as their names say."""
    expected = (
        ("homo-HER2", "3+", "positive", 4, 3),
        ("homo-HER2", "2+", "positive", 3, 3),
        ("hetero-HER2", "3+", "positive", 4, 4),
        ("hetero-HER2", "3+", "positive", 3, 3),
        ("not-applicable", "1+", "negative", 3, 2),
        ("not-applicable", "2+", "equivocal", 3, 2),
        ("not-assessable", "", "not-assessable", 3, 0),
    )[index]
    case = small(make_cases("sample", 0, 7)[index])
    truth = judge_case(case.case_id, case.ish, draw_case(case, 0)[1])

    score = "" if truth.ihc_score is None else truth.ihc_score.label
    assert (truth.label, score, truth.status, truth.fragments, truth.fragments_with_tumor) == expected


def test_truth_table_has_a_row_a_case(tmp_path: Path) -> None:
    """truth/cases.csv writes the label and an empty score where there is no tumor."""
    truths = write_phantom([PAIR, LONE], 0, tmp_path)

    table = rows(tmp_path / "truth" / "cases.csv")
    assert [row["label"] for row in table] == ["homo-HER2", "not-assessable"]
    assert [row["ihc_score"] for row in table] == ["3+", ""]
    assert [int(row["tumor_cells"]) for row in table] == [truth.tumor_cells for truth in truths]
    assert truths[0].tumor_cells > 30


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    """Nothing is ever written over."""
    (tmp_path / "keep.txt").write_text("mine")

    with pytest.raises(UsageError, match="not empty"):
        write_phantom([PAIR], 0, tmp_path)
    with pytest.raises(UsageError, match="a file; expected a folder"):
        write_phantom([PAIR], 0, tmp_path / "keep.txt")

    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    """The second would replace the first."""
    with pytest.raises(UsageError, match="distinct ids"):
        write_phantom([PAIR, PAIR], 0, tmp_path)
