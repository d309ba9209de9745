"""Whole folders: bytes, tables, labels, and the places of things."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pyarrow.parquet as pq
import pytest
import shapely
import tifffile

from hetscore.domain import FragmentRole, IshResult, MembraneClass
from hetscore.errors import UsageError
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue, draw_case, make_cases, write_phantom
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.noise import Field
from hetscore.phantom.pieces import PieceOrder
from hetscore.phantom.spec import ArtefactKind, ArtefactSpec, Damage
from hetscore.phantom.tissue import FragmentTissue, grow_fragment
from hetscore.phantom.truth import judge_case
from hetscore.phantom.truth_files import ARTEFACT_BITS, MASK_DOWNSAMPLE

STRONG = FragmentSpec(220.0, Tissue.SHEETS, MembraneClass.STRONG)
BENIGN = FragmentSpec(120.0, Tissue.BENIGN)
PAIR = CaseSpec("pair", (STRONG, BENIGN))
LONE = CaseSpec("lone", (BENIGN,), mpp=0.5)
RICH = CaseSpec(
    "rich",
    (replace(STRONG, clone_cells=8), BENIGN),
    mpp=0.5,
    levels=2,
    controls=(MembraneClass.MODERATE,),
    artefacts=(ArtefactSpec(ArtefactKind.PEN, 1),),
)


@pytest.fixture(autouse=True)
def small_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut control cores of 100 um, which are drawn in no time."""
    monkeypatch.setattr("hetscore.phantom.slide.CORE_UM", 100.0)


@pytest.fixture
def unstained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the stain out where only the truth is looked at: it takes half of the time."""

    def paint(tissue: FragmentTissue, *_: object, **__: object) -> tuple[Field, Field]:
        bare = np.zeros(tissue.ground.shape, np.float32)
        return bare, bare

    monkeypatch.setattr("hetscore.phantom.pieces.paint_densities", paint)


def small(case: CaseSpec) -> CaseSpec:
    """Shrink a case's fragments to 220 um, solid where they hold tumor, and its clone with them."""
    fragments = [
        replace(
            f, diameter_um=220.0, clone_cells=min(f.clone_cells, 10), tissue=Tissue.SHEETS if f.has_tumor else f.tissue
        )
        for f in case.fragments
    ]
    return replace(case, fragments=tuple(fragments), mpp=1.0)


def rows(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files_of(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """Drawn by one process and again by two, all files are the same, byte for byte."""
    case = replace(RICH, fragments=RICH.fragments[:1])

    for name, processes in (("one", 1), ("two", 2)):
        write_phantom([case], 3, tmp_path / name, processes=processes)

    one, two = (files_of(tmp_path / name) for name in ("one", "two"))
    assert sorted(one) == [
        "cases.csv",
        "rich.tif",
        "truth/cases.csv",
        "truth/rich.cells.parquet",
        "truth/rich.geojson",
        "truth/rich.masks.tif",
    ]
    assert one == two


def test_another_seed_draws_another_slide() -> None:
    """Other pixels, other cells."""
    (one, (first,)), (other, (second,)) = draw_case(LONE, 3), draw_case(LONE, 4)

    assert one.shape != other.shape or not np.array_equal(one, other)
    assert len(first.x) != len(second.x) or not np.array_equal(first.x, second.x)


def test_a_case_does_not_depend_on_the_others(tmp_path: Path) -> None:
    """Drawn alone or after another case, the files are the same; under another name it is another slide."""
    write_phantom([LONE], 0, tmp_path / "alone")
    write_phantom([replace(LONE, case_id="other"), LONE], 0, tmp_path / "second")

    alone, second = files_of(tmp_path / "alone"), files_of(tmp_path / "second")
    assert all(alone[name] == second[name] for name in alone if name.startswith(("lone", "truth/lone")))
    assert second["lone.tif"] != second["other.tif"]


@pytest.mark.usefixtures("unstained")
def test_a_fragment_does_not_depend_on_the_others() -> None:
    """With a second fragment, a control core or a second level beside it, fragment 1 has the same cells."""
    alone = draw_case(LONE, 0)[1][0]

    for more in (
        replace(LONE, fragments=(BENIGN, STRONG)),
        replace(LONE, controls=(MembraneClass.STRONG,)),
        replace(LONE, levels=2),
    ):
        other = draw_case(more, 0)[1][0]
        assert np.array_equal(other.type, alone.type)
        assert np.ptp(other.x - alone.x) == pytest.approx(0, abs=1e-9)
        assert np.ptp(other.y - alone.y) == pytest.approx(0, abs=1e-9)


def test_folder_is_read_like_any_other(tmp_path: Path) -> None:
    """cases.csv names slides that exist and open, at the resolution asked for."""
    seen: list[str] = []
    write_phantom(
        [replace(LONE, mpp=0.25), replace(LONE, case_id="half", ish=IshResult.AMPLIFIED)],
        0,
        tmp_path,
        progress=lambda truth: seen.append(truth.case_id),
    )

    table = rows(tmp_path / "cases.csv")
    assert [tuple(row.values()) for row in table] == [
        ("lone", "lone.tif", "unknown"),
        ("half", "half.tif", "amplified"),
    ]
    assert seen == ["lone", "half"]
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
    assert x[fragment == 1].max() + 400 / 0.25 < x[fragment == 2].min()
    assert np.median(at_nuclei) < np.median(around) - 25
    assert not np.array(cells["is_tumor"])[fragment == 2].any()


@pytest.mark.usefixtures("unstained")
@pytest.mark.parametrize("mpp", [0.25, 0.5])
def test_outlines_of_the_truth_are_the_cells_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mpp: float) -> None:
    """Every row has its nucleus around its center; tumor cells an outline, with the area of the territory painted."""
    grown: list[FragmentTissue] = []

    def grow(*args: Any) -> FragmentTissue:  # noqa: ANN401 - handed on as they are
        grown.append(grow_fragment(*args))
        return grown[-1]

    monkeypatch.setattr("hetscore.phantom.pieces.grow_fragment", grow)
    write_phantom([CaseSpec("a", (STRONG,), mpp=mpp)], 0, tmp_path)

    cells = pq.read_table(tmp_path / "truth" / "a.cells.parquet")
    nucleus, outline = (shapely.from_wkb(cells[name].to_numpy()) for name in ("nucleus", "outline"))
    centers = shapely.points(cells["x"].to_numpy(), cells["y"].to_numpy())
    painted = np.bincount(grown[0].cells.ravel(), minlength=len(grown[0].x) + 1)[1:][grown[0].has_nucleus]
    has_outline = ~shapely.is_missing(outline)
    assert shapely.distance(shapely.centroid(nucleus), centers).max() < 1.0
    assert np.array_equal(has_outline, painted > 0)
    assert has_outline[cells["is_tumor"].to_numpy()].all()
    assert not has_outline[np.isin(cells["type"].to_numpy(), [CellType.FIBROBLAST, CellType.LYMPHOCYTE])].any()
    ratio = shapely.area(outline[has_outline]) * (mpp / grown[0].mpp) ** 2 / painted[has_outline]
    assert np.median(ratio) == pytest.approx(1, abs=0.005)
    assert shapely.covers(outline[has_outline], nucleus[has_outline]).all()


@pytest.mark.usefixtures("unstained")
def test_counts_in_truth_are_counts_drawn(tmp_path: Path) -> None:
    """A clone of eight and a mosaic of a quarter, counted in the table of cells."""
    mosaic = replace(STRONG, mosaic_share=0.25, minor_class=MembraneClass.FAINT)
    write_phantom([CaseSpec("a", (replace(STRONG, clone_cells=8), mosaic), mpp=1.0)], 0, tmp_path)

    cells = pq.read_table(tmp_path / "truth" / "a.cells.parquet").to_pydict()
    fragment, is_tumor, classes = (np.array(cells[name]) for name in ("fragment", "is_tumor", "membrane_class"))
    in_first, in_second = (classes[(fragment == number) & is_tumor] for number in (1, 2))
    assert np.count_nonzero(in_first == MembraneClass.NEGATIVE) == 8
    assert np.count_nonzero(in_second == MembraneClass.FAINT) == round(0.25 * len(in_second))
    assert int(rows(tmp_path / "truth" / "cases.csv")[0]["tumor_cells"]) == np.count_nonzero(is_tumor)
    assert (np.array(cells["type"])[is_tumor] == CellType.TUMOR).all()


@pytest.mark.usefixtures("unstained")
def test_a_gradient_has_every_class_in_between() -> None:
    """From 3+ to 0 through 2+ and 1+."""
    spec = FragmentSpec(250.0, Tissue.SHEETS, MembraneClass.STRONG, is_graded=True)

    (truth,) = draw_case(CaseSpec("a", (spec,), mpp=1.0), 0)[1]

    assert set(truth.membrane_class[truth.is_tumor]) == {0, 1, 2, 3}


@pytest.mark.usefixtures("unstained")
def test_levels_and_controls_are_in_the_truth_and_count_for_nothing(tmp_path: Path) -> None:
    """Two fragments in two levels and a core: five outlines, five sets of cells, two fragments in the case."""
    write_phantom([RICH], 0, tmp_path)

    cells = pq.read_table(tmp_path / "truth" / "rich.cells.parquet").to_pydict()
    features = json.loads((tmp_path / "truth" / "rich.geojson").read_text())["features"]
    case = rows(tmp_path / "truth" / "cases.csv")[0]
    expected = {(1, 1), (2, 1), (1, 2), (2, 2), (-1, 1)}
    assert set(zip(cells["fragment"], cells["level"], strict=True)) == expected
    assert {(f["properties"]["fragment"], f["properties"]["level"]) for f in features} == expected
    assert [f["properties"]["role"] for f in features].count("control") == 1
    assert (case["fragments"], case["fragments_with_tumor"], case["label"]) == ("2", "1", "hetero-HER2")
    core = np.array(cells["fragment"]) == -1
    assert set(np.array(cells["membrane_class"])[core & np.array(cells["is_tumor"])]) == {MembraneClass.MODERATE}


def test_an_artefact_changes_the_pixels_under_its_mask(tmp_path: Path) -> None:
    """Drawn with and without the pen's ink: the slides differ under the mask, and the cells under it are marked."""
    case = CaseSpec("a", (replace(STRONG, diameter_um=250.0),), mpp=0.5, quality=100)
    pen = replace(case, artefacts=(ArtefactSpec(ArtefactKind.PEN, 1, 0.3),))
    write_phantom([pen], 0, tmp_path)

    clean, marked = draw_case(case, 0)[0].astype(int), draw_case(pen, 0)[0].astype(int)
    with tifffile.TiffFile(tmp_path / "truth" / "a.masks.tif") as file:
        bits, ground = (page.asarray() for page in file.pages)
    change = np.abs(marked - clean).sum(axis=-1)[MASK_DOWNSAMPLE // 2 :: MASK_DOWNSAMPLE, :][
        :, MASK_DOWNSAMPLE // 2 :: MASK_DOWNSAMPLE
    ]
    cells = pq.read_table(tmp_path / "truth" / "a.cells.parquet").to_pydict()
    is_pen = bits == ARTEFACT_BITS[ArtefactKind.PEN]
    assert set(np.unique(bits)) == {0, ARTEFACT_BITS[ArtefactKind.PEN]}
    assert change[is_pen].mean() > 10 * change[~is_pen].mean() + 10
    assert set(cells["artefact"]) == {0, ARTEFACT_BITS[ArtefactKind.PEN]}
    assert {Ground.GLASS, Ground.STROMA, Ground.EPITHELIUM} <= set(np.unique(ground))


@pytest.mark.usefixtures("unstained")
def test_ground_of_the_mask_lies_under_the_cells(tmp_path: Path) -> None:
    """Damage is found in the second mask, and no cell lies on glass there."""
    spec = FragmentSpec(300.0, Tissue.SHEETS, MembraneClass.STRONG, damage={Damage.NECROSIS: 0.3})
    write_phantom([CaseSpec("a", (spec,), mpp=0.5)], 0, tmp_path)

    ground = tifffile.imread(tmp_path / "truth" / "a.masks.tif", key=1)
    cells = pq.read_table(tmp_path / "truth" / "a.cells.parquet").to_pydict()
    at = tuple((np.array(cells[name]) / MASK_DOWNSAMPLE).astype(int) for name in ("y", "x"))
    assert np.count_nonzero(ground == Ground.NECROSIS) > 0.1 * np.count_nonzero(ground)
    assert np.mean(ground[at] == Ground.GLASS) < 0.05


@pytest.mark.usefixtures("unstained")
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
    found = (truth.label, score, truth.status, truth.fragments, truth.fragments_with_tumor)
    assert found == expected


@pytest.mark.usefixtures("unstained")
def test_truth_table_has_a_row_a_case(tmp_path: Path) -> None:
    """truth/cases.csv writes the label and an empty score where there is no tumor."""
    truths = write_phantom([PAIR, LONE], 0, tmp_path)

    table = rows(tmp_path / "truth" / "cases.csv")
    assert [row["label"] for row in table] == ["homo-HER2", "not-assessable"]
    assert [row["ihc_score"] for row in table] == ["3+", ""]
    assert [row["pattern"] for row in table] == ["complete", "none"]
    assert [int(row["tumor_cells"]) for row in table] == [truth.tumor_cells for truth in truths]
    assert truths[0].tumor_cells > 5


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    """Nothing is ever written over."""
    (tmp_path / "keep.txt").write_text("mine")

    with pytest.raises(UsageError, match="not empty"):
        write_phantom([PAIR], 0, tmp_path)
    with pytest.raises(UsageError, match="a file; expected a folder"):
        write_phantom([PAIR], 0, tmp_path / "keep.txt")

    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]


def test_a_folder_inside_a_file_is_refused(tmp_path: Path) -> None:
    """A path that leads through a file is told, not a traceback."""
    (tmp_path / "file.txt").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cannot be made \(Not a directory\)"):
        write_phantom(make_cases("easy", 1, 1), 1, tmp_path / "file.txt" / "out")


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    """The second would replace the first."""
    with pytest.raises(UsageError, match="distinct ids"):
        write_phantom([PAIR, PAIR], 0, tmp_path)


def test_no_process_is_refused(tmp_path: Path) -> None:
    """Somebody has to paint."""
    with pytest.raises(UsageError, match="processes: 0"):
        write_phantom([PAIR], 0, tmp_path, processes=0)


def test_orders_keep_their_random_numbers_apart() -> None:
    """Growth, looks and cuts of any fragment and core draw different numbers, and levels share the growth alone."""
    orders = [
        PieceOrder(BENIGN, number, level, 0.5, PAIR.optics, None, (0, 1))  # type: ignore[arg-type]
        for number in (1, 2, -1, -2)
        for level in (1, 2)
    ]

    growth = {order.number: order.rng(0).random() for order in orders}
    rest = [order.rng(2 * order.level - k).random() for order in orders for k in (0, 1)]

    assert len(set(growth.values())) == 4
    assert len({*growth.values(), *rest}) == 4 + 16
    assert [order.role for order in orders].count(FragmentRole.CONTROL) == 4
