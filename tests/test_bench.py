"""The benchmark measures what it says: slides as described, equal duties, ratios that are ratios."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import MembraneClass, SlideInput
from hetscore.geometry import Box
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue, write_case
from hetscore.pipeline import analyze_slide
from hetscore.report.cells_parquet import read_cells
from hetscore.segmenters.decoding import BORDER, CELL, CENTER, MAPS, NUCLEUS, Maps, NetworkParams
from hetscore.segmenters.network import find_cells
from hetscore.slides import open_slide
from scripts.bench.__main__ import main
from scripts.bench.agreement import shared_part
from scripts.bench.growth import fit_exponent
from scripts.bench.material import MPP, PERIOD, write_repeated
from scripts.bench.million import score_cells
from scripts.bench.naive import analyze, longest_run
from scripts.bench.post import find_cells_by_skimage, find_centers
from scripts.bench.table import Findings, Row, print_table, write_json
from scripts.bench.tiles import WATERSHED, load_run
from scripts.bench.timing import on_one_core, race


def test_cells_are_shared_within_reach_and_only_once() -> None:
    """Two of three cells lie near one of the other set, but one partner serves only one cell: 2 * 1 / (3 + 2)."""
    first = np.array([[0.0, 0.0], [1.0, 0.0], [50.0, 0.0]])
    second = np.array([[0.4, 0.0], [90.0, 0.0]])

    assert shared_part(first, second, reach=3.0) == pytest.approx(0.4)


def test_two_empty_sets_agree_and_one_empty_set_does_not() -> None:
    """Without any cell there is nothing to disagree on."""
    nothing, one = np.zeros((0, 2)), np.zeros((1, 2))

    assert shared_part(nothing, nothing, 1.0) == 1
    assert shared_part(nothing, one, 1.0) == 0


_POINTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12, unique=True)


@given(_POINTS, _POINTS)
def test_agreement_is_mutual(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    """Either set may be named first, up to ties between equal distances; a set agrees with itself."""
    a, b = (np.array(points, np.float64).reshape(-1, 2) for points in (first, second))
    b += (0.1, 0.003)  # no two distances are equal

    assert shared_part(a, b, 5.0) == shared_part(b, a, 5.0)
    assert shared_part(a, a, 5.0) == 1


def test_candidates_run_in_turns_after_one_call_to_warm_up() -> None:
    """Every round begins with the next candidate; a clock that ticks at every look gives each one second."""
    calls: list[str] = []
    ticks = count()

    spread = race({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3, lambda: float(next(ticks)))

    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert [spread[name].median for name in "ab"] == [1, 1]


def test_one_core_is_given_back() -> None:
    """Inside there is one core, afterwards as many as before."""
    before = os.sched_getaffinity(0)

    with on_one_core():
        inside = os.sched_getaffinity(0)

    assert len(inside) == 1
    assert os.sched_getaffinity(0) == before


@given(st.floats(0.5, 2.0), st.floats(0.1, 10.0))
def test_the_exponent_of_a_power_is_found(power: float, factor: float) -> None:
    """Times that grow as a power of the area give that power."""
    areas = [1.0, 4.0, 16.0]

    assert fit_exponent(areas, [factor * area**power for area in areas]) == pytest.approx(power)


@pytest.mark.parametrize(("rays", "longest"), [("", 0), ("..", 0), ("#..#", 2), ("####", 4), (".##.#", 2)])
def test_a_run_of_rays_goes_round(rays: str, longest: int) -> None:
    """The last ray neighbors the first, and no run is longer than the round."""
    assert longest_run(np.array([ray == "#" for ray in rays], bool)) == longest


def test_a_field_is_repeated_on_glass(tmp_path: Path) -> None:
    """Twice across and on twice the glass: both copies are the same pixels, at each level, and below is glass."""
    field = np.full((PERIOD, PERIOD, 3), 240, np.uint8)
    field[256:512, 128:384] = (160, 90, 120)
    path = tmp_path / "slide.tif"

    write_repeated(path, field, across=2, down=1, glass=2)

    with open_slide(path) as slide:
        assert (slide.info.width, slide.info.height, slide.require_mpp()) == (2 * PERIOD, 2 * PERIOD, MPP)
        for step in (1, 4, 16):
            left, right = (slide.read(Box(x, 0, PERIOD, PERIOD), step) for x in (0, PERIOD))
            glass = slide.read(Box(0, PERIOD, 2 * PERIOD, PERIOD), step)
            assert np.array_equal(left, right)
            assert left.min() < 100
            assert glass.min() >= 238


def _draw_maps(centers: list[tuple[int, int]]) -> Maps:
    """Draw the maps of round cells at 0.5 um/px: nuclei of 4 um, cells of 6 um, a hill on each center."""
    y, x = np.mgrid[0:96, 0:96]
    distance = np.min([np.hypot(y - row, x - column) for row, column in centers], axis=0)
    maps = np.zeros((len(MAPS), 96, 96), np.float32)
    maps[CENTER] = 4 - distance
    maps[NUCLEUS], maps[CELL], maps[BORDER] = 8 - distance, 12 - distance, -6
    return maps


def test_scikit_image_reads_the_same_cells_from_the_maps() -> None:
    """Three apart and two that touch: both versions find five nuclei at the same places."""
    maps = _draw_maps([(20, 20), (20, 70), (70, 20), (60, 60), (60, 78)])

    ours, cells, _ = find_cells(maps, 0.5, NetworkParams())
    theirs, their_cells, tumor = find_cells_by_skimage(maps, 0.5, NetworkParams())

    assert len(find_centers(theirs)) == len(tumor) == 5
    assert shared_part(find_centers(ours), find_centers(theirs), 2.0) == 1
    assert np.mean((cells > 0) == (their_cells > 0)) > 0.98


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw one fragment of solid tumor, stained 2+."""
    folder = tmp_path_factory.mktemp("bench")
    fragment = FragmentSpec(300.0, Tissue.SHEETS, MembraneClass.MODERATE, has_normal=False)
    write_case(CaseSpec("small", (fragment,)), 3, folder)
    return folder / "small.tif"


def test_the_naive_pipeline_does_the_same_duties(phantom: Path) -> None:
    """It finds about as many cells, most of them the same, with about the membranes that we see."""
    naive = analyze(phantom)

    ours = analyze_slide(SlideInput(phantom), load_run(WATERSHED)).cells

    shared = shared_part(np.stack([ours.x, ours.y], axis=1), np.stack([naive.x, naive.y], axis=1), 4 / MPP)
    assert 0.7 < len(naive.x) / len(ours) < 1.4
    assert shared > 0.65
    assert np.nanmedian(naive.membrane_od) == pytest.approx(np.nanmedian(ours.membrane_od), rel=0.25)
    assert np.nanmedian(naive.completeness) == pytest.approx(np.nanmedian(ours.membrane_completeness), abs=0.3)
    assert np.nanmedian(naive.width_um) == pytest.approx(np.nanmedian(ours.membrane_width_um), rel=0.3)


def test_synthetic_cells_are_scored_and_written(tmp_path: Path) -> None:
    """Sixteen fragments of a hundred cells are a HER2-positive case with all its files."""
    score_cells(1600, tmp_path)

    case = json.loads((tmp_path / "case.json").read_text(encoding="utf-8"))
    _, cells = read_cells(tmp_path / "cells.parquet")
    assert len(cells) == case["cells"]["tumor"] == 1600
    assert (case["fragments"]["total"], case["her2"]["ihc_score"]) == (16, "3+")


def test_the_figures_stand_at_the_top_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures by name, the rows as printed, the machine beside them; what was not measured is null and a dash."""
    parts = {"reading": Findings((Row("read", 0.0123, "MP/s"), Row("peer", None, "MP/s")), {"read_vs_openslide": 4.5})}

    write_json(tmp_path / "speed.json", parts, machine={"cores": "2 of 2"})
    print_table(parts, {"cores": "2 of 2"})

    document = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    assert document["read_vs_openslide"] == 4.5
    assert document["machine"] == {"cores": "2 of 2"}
    assert [row["value"] for row in document["rows"]] == [0.0123, None]
    printed = capsys.readouterr().out
    assert "0.0123" in printed
    assert "cores 2 of 2" in printed


def test_a_part_can_be_run_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any environment of theirs, every peer has a row that says what is missing."""
    path = tmp_path / "speed.json"

    assert main(["--only", "peers", "--json", str(path)]) == 0

    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert {row["value"] for row in rows} == {None}
    assert all(row["note"] for row in rows)
    assert "stardist" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "reading,rowing"], "--only: rowing; expected some of reading, stages"),
        (["--peer", "qupath=python"], "--peer: qupath=python; expected one of stardist"),
        (["--peer", "stardist=no/such/python"], "e.g. --peer stardist="),
    ],
)
def test_what_cannot_be_run_is_said_at_once(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown part or peer ends the run before anything is drawn."""
    assert main(arguments) == 2

    assert told in capsys.readouterr().err
