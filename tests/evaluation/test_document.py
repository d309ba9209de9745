"""A whole evaluation: twenty cells whose every figure can be checked by eye, laws, and readers against each other."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetscore.errors import UsageError
from hetscore.evaluation.document import as_document, evaluate, write_evaluation
from tests.evaluation.builders import squares, write_csv, write_phantom_truth, write_results

TWENTY = """
    0  0 .95
    0  1 .85
    0  0 .35
    0
    1  1 .95
    1  2 .95
    1  1 .85
    2  2 .95
    2  2 .95
    2  1 .85
    2
    3  3 .95
    3  3 .95
    3  2 .95
    3 -1 .85
    l  0 .05
    l  0 .05
    p  0 .15
    p  0 .85
    p
"""
"""True cells in a row, 15 um apart: kind, then class and p of what was found 2 um beside it, or nothing. The first
seven are fragment 1, the others fragment 2. Two more finds, fragment 3, lie where nothing is."""


def twenty(
    dx: float = 8.0, order: np.ndarray[Any, Any] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give the true and the found cells, moved by `dx` px, the found ones in another order if asked."""
    true, found = [], []
    for i, line in enumerate(TWENTY.split("\n")[1:-1]):
        kind, *call = line.split()
        place = {"x": 60.0 * i, "y": 50.0, "fragment": 1 if i < 7 else 2}
        true.append({**place, "kind": kind})
        if call:
            found.append({**place, "x": 60.0 * i + dx, "class": int(call[0]), "p": float(call[1])})
    found += [{"x": x, "y": 900.0, "fragment": 3, "class": 0, "p": 0.2} for x in (0.0, 60.0)]
    return true, found if order is None else [found[k] for k in order]


FRAGMENTS = [{"fragment": 1, "score": "0"}, {"fragment": 2, "score": "3+"}, {"fragment": 3, "score": ""}]


def evaluate_twenty(folder: Path, dx: float = 8.0, order: np.ndarray[Any, Any] | None = None) -> dict[str, Any]:
    """Write both folders and evaluate them."""
    true, found = twenty(dx, order)
    write_results(folder / "results", found, FRAGMENTS)
    write_phantom_truth(folder / "phantom", true)
    return as_document(evaluate(folder / "results", folder / "phantom"))


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Evaluate the twenty cells once."""
    return evaluate_twenty(tmp_path_factory.mktemp("twenty"))


class TestTwentyCells:
    """Every figure by hand."""

    def test_detection(self, figures: dict[str, Any]) -> None:
        """17 of 20 are found, 2 of 19 finds are none."""
        assert figures["detection"] == {
            "f1": round(34 / 39, 4),
            "precision": round(17 / 19, 4),
            "recall": 0.85,
            "pq": None,
            "radius_um": 3.0,
            "n_truth": 20,
            "n_found": 19,
            "n_matched": 17,
            "n_neutral": 0,
            "n_unsure": 0,
            "n_outlines": 0,
            "n_outlines_matched": 0,
            "n_outlines_false": 0,
            "n_outlines_neutral": 0,
        }

    def test_tumor(self, figures: dict[str, Any]) -> None:
        """13 tumor cells and 4 others were found; of each kind one is on the wrong side of 0.5.

        AUC: against the others at .05, .05 and .15 all 13 are right, against that at .85 eight are right and four tie:
        (39 + 8 + 2) / 52. Calibration: .95 eight times, all tumor: .4; .85 five times, four tumor: .25; .35 once,
        tumor: .65; .05 twice and .15 once, none tumor: .1 and .15; of 17.
        """
        tumor = figures["tumor"]

        assert (tumor["n"], tumor["n_tumor"], tumor["n_other"]) == (17, 13, 4)
        assert tumor["auc"] == round(49 / 52, 4)
        assert (tumor["sensitivity"], tumor["specificity"]) == (round(12 / 13, 4), 0.75)
        assert tumor["balanced_accuracy"] == round((12 / 13 + 0.75) / 2, 4)
        assert tumor["ece"] == round(1.55 / 17, 4)

    def test_kept(self, figures: dict[str, Any]) -> None:
        """Of four unstained tumor cells one is missed and one called other; of four strong ones all are kept."""
        kept = figures["tumor"]["kept_by_class"]
        none = {"n": 4, "n_found": 3, "n_kept": 2, "found": 0.75, "called_tumor": round(2 / 3, 4), "kept": 0.5}

        assert kept["0"] == none
        assert [kept[cls]["kept"] for cls in ("1+", "2+", "3+")] == [1.0, 0.75, 1.0]
        assert figures["tumor"]["kept_0_to_3plus"] == 0.5

    def test_other_by_type(self, figures: dict[str, Any]) -> None:
        """Lymphocytes are all below every tumor cell; of three plasma cells one is missed and one called tumor.

        AUC of plasma cells: at .15 all 13 tumor cells are right, at .85 eight are right and four tie: 23 / 26.
        """
        assert figures["tumor"]["other_by_type"] == {
            "lymphocyte": {"n": 2, "n_found": 2, "n_called": 0, "called_tumor": 0.0, "auc": 1.0},
            "plasma": {"n": 3, "n_found": 2, "n_called": 1, "called_tumor": 0.5, "auc": round(23 / 26, 4)},
        }

    def test_class(self, figures: dict[str, Any]) -> None:
        """Of 13 tumor cells found one is unscored; of 12, four are one class off.

        Kappa: true classes 3, 3, 3, 3; given 2, 4, 4, 2; by chance (2 * 42 + 4 * 18 + 4 * 18 + 2 * 42) / 12 = 26.
        """
        assert figures["class"] == {
            "n": 12,
            "n_unscored": 1,
            "accuracy": round(8 / 12, 4),
            "quadratic_kappa": round(1 - 4 / 26, 4),
            "confusion": [[2, 1, 0, 0], [0, 2, 1, 0], [0, 1, 2, 0], [0, 0, 1, 2]],
        }

    def test_overexpressed(self, figures: dict[str, Any]) -> None:
        """Of six each, one cell is on the wrong side."""
        assert figures["overexpressed"] == {
            "n": 12,
            "n_positive": 6,
            "n_negative": 6,
            "accuracy": round(10 / 12, 4),
            "false_negative_rate": round(1 / 6, 4),
            "false_positive_rate": round(1 / 6, 4),
        }

    def test_fragments(self, figures: dict[str, Any]) -> None:
        """Fragment 1 (0 0 0 0 1 1 1) scores 0, as found; 2 (2 2 2 2 3 3 3 3) scores 2+, found 3+; 3 is too many."""
        fragments = figures["fragments"]
        rows = [(row["truth_fragment"], row["fragment"], row["truth_score"], row["score"]) for row in fragments["rows"]]

        assert rows == [(1, 1, "0", "0"), (2, 2, "2+", "3+")]
        assert (fragments["n_truth"], fragments["n_found"], fragments["count_agreement"]) == (2, 3, 0.0)
        assert (fragments["n_paired"], fragments["n_scored"], fragments["score_agreement"]) == (2, 2, 0.5)

    def test_cases(self, figures: dict[str, Any]) -> None:
        """A hetero case labeled homo is wrong; its literal label was right."""
        cases = figures["cases"]

        assert {name: value for name, value in cases.items() if name != "rows"} == {
            "n": 1,
            "agree": 0,
            "wrong_automatic": 1,
            "wrong_reviewed": 0,
            "deferred": 0,
            "literal_agree": 1,
            "score_agree": 1,
        }
        assert cases["rows"][0]["outcome"] == "wrong-automatic"

    def test_one_slide_is_all(self, figures: dict[str, Any]) -> None:
        """Of one slide the figures are those over all."""
        (slide,) = figures["slides"]

        assert (slide["slide"], slide["case_id"], slide["mpp"]) == ("a.tif", "a", 0.25)
        for part in ("detection", "tumor", "class", "overexpressed", "fragments", "cases"):
            assert slide[part] == figures[part]

    def test_nothing_was_skipped(self, figures: dict[str, Any]) -> None:
        """Both sides are the same slide and case."""
        assert not any(figures["skipped"].values())


def figures_only(document: dict[str, Any]) -> dict[str, Any]:
    """Drop the paths."""
    return {name: value for name, value in document.items() if name not in ("results", "truth")}


class TestLaws:
    """What must hold whatever the cells."""

    def test_order_does_not_matter(self, tmp_path: Path) -> None:
        """Found cells in another order give the same document."""
        order = np.random.default_rng(0).permutation(19)

        one, other = evaluate_twenty(tmp_path / "one"), evaluate_twenty(tmp_path / "other", order=order)

        assert figures_only(one) == figures_only(other)

    def test_a_shift_within_the_radius_changes_nothing(self, tmp_path: Path) -> None:
        """2 um or 2.9 um beside the nucleus is the same find."""
        one, other = evaluate_twenty(tmp_path / "one"), evaluate_twenty(tmp_path / "other", dx=-11.6)

        assert figures_only(one) == figures_only(other)

    def test_a_shift_past_the_radius_loses_all(self, tmp_path: Path) -> None:
        """Every find is false and every nucleus missed; nothing is left to judge the calls by."""
        lost = evaluate_twenty(tmp_path, dx=12.5)

        assert (lost["detection"]["f1"], lost["detection"]["n_matched"]) == (0.0, 0)
        assert (lost["tumor"]["auc"], lost["class"]["accuracy"], lost["fragments"]["n_paired"]) == (None, None, 0)
        assert lost["tumor"]["kept_by_class"]["3+"]["kept"] == 0.0

    def test_perfect(self, tmp_path: Path) -> None:
        """The truth as result gives 1 everywhere, 0 errors, and null only for outlines, which no one has."""
        true, _ = twenty()
        found = [
            {**cell, "class": 0, "p": 0.0} if cell["kind"] in "lp" else {**cell, "class": int(cell["kind"]), "p": 1.0}
            for cell in true
        ]
        scores = [{"fragment": 1, "score": "0"}, {"fragment": 2, "score": "2+"}]
        write_results(tmp_path / "results", found, scores, label="hetero-HER2")
        write_phantom_truth(tmp_path / "phantom", true)

        figures = as_document(evaluate(tmp_path / "results", tmp_path / "phantom"))

        assert [figures["detection"][name] for name in ("f1", "precision", "recall", "pq")] == [1.0, 1.0, 1.0, None]
        assert [figures["tumor"][name] for name in ("auc", "balanced_accuracy", "kept_0_to_3plus", "ece")] == [
            1,
            1,
            1,
            0,
        ]
        assert [figures["class"][name] for name in ("accuracy", "quadratic_kappa")] == [1.0, 1.0]
        over = figures["overexpressed"]
        assert [over[name] for name in ("accuracy", "false_negative_rate", "false_positive_rate")] == [1.0, 0.0, 0.0]
        assert [figures["fragments"][name] for name in ("count_agreement", "score_agreement")] == [1.0, 1.0]
        assert (figures["cases"]["agree"], figures["cases"]["wrong_automatic"]) == (1, 0)


class TestSides:
    """Slides and cases of one side only."""

    CELL = {"x": 5.0, "y": 5.0, "p": 1.0, "class": 3, "fragment": 1}  # noqa: RUF012 - read only
    TRUE = {"x": 5.0, "y": 5.0, "kind": "3", "fragment": 1}  # noqa: RUF012 - read only

    def test_listed(self, tmp_path: Path) -> None:
        """What stands on one side only is named and changes no figure."""
        for name in ("a", "b"):
            write_results(
                tmp_path / "r", [self.CELL], [{"fragment": 1, "score": ""}], case_id=name, slide=f"{name}.svs"
            )
        write_phantom_truth(tmp_path / "p", [self.TRUE], slide="c")
        write_phantom_truth(tmp_path / "p", [self.TRUE], slide="b")

        evaluation = evaluate(tmp_path / "r", tmp_path / "p")

        assert [slide.slide for slide in evaluation.slides] == ["b.svs"]
        assert evaluation.figures.detection.n_truth == 1
        assert evaluation.skipped.slides_without_truth == ("a.svs",)
        assert evaluation.skipped.truth_without_slide == ("c",)
        assert evaluation.skipped.cases_without_truth == ("a",)

    def test_two_slides_are_pooled(self, tmp_path: Path) -> None:
        """A slide of one cell found and a slide of two missed: recall is 1 and 0 each, 1/3 over all cells."""
        write_results(tmp_path / "r", [self.CELL], case_id="a", slide="a.tif")
        write_results(tmp_path / "r", [], case_id="b", slide="b.tif")
        write_phantom_truth(tmp_path / "p", [self.TRUE], slide="a")
        write_phantom_truth(tmp_path / "p", [self.TRUE, self.TRUE | {"x": 90.0}], slide="b")

        evaluation = evaluate(tmp_path / "r", tmp_path / "p")

        assert [slide.figures.detection.recall for slide in evaluation.slides] == [1.0, 0.0]
        assert evaluation.figures.detection.recall == pytest.approx(1 / 3)

    def test_nothing_in_common(self, tmp_path: Path) -> None:
        """The error names both sides."""
        write_results(tmp_path / "r", [self.CELL])
        write_phantom_truth(tmp_path / "p", [self.TRUE], slide="c")

        with pytest.raises(UsageError, match=r"\(results: a; truth: c\); expected slides of the same name"):
            evaluate(tmp_path / "r", tmp_path / "p")

    def test_the_same_name_twice(self, tmp_path: Path) -> None:
        """Two slides of one name cannot be told apart."""
        write_results(tmp_path / "r", [self.CELL], case_id="a", slide="a.tif")
        write_results(tmp_path / "r", [self.CELL], case_id="b", slide="a.svs")
        write_phantom_truth(tmp_path / "p", [self.TRUE])

        with pytest.raises(UsageError, match="several slides named a; expected distinct names"):
            evaluate(tmp_path / "r", tmp_path / "p")

    def test_no_truth(self, tmp_path: Path) -> None:
        """A path that is not there."""
        with pytest.raises(
            UsageError, match="none: there is no such file or folder; expected a phantom folder or a CSV"
        ):
            evaluate(tmp_path, tmp_path / "none")

    def test_outlines_are_read_where_the_truth_has_them(self, tmp_path: Path) -> None:
        """Results without the column are refused then, not passed over."""
        write_results(tmp_path / "r", [self.CELL])
        write_phantom_truth(tmp_path / "p", [self.TRUE], outlines=squares([(0, 0)]))

        with pytest.raises(UsageError, match="there is no column outline"):
            evaluate(tmp_path / "r", tmp_path / "p")

    def test_outlines_from_file_to_figure(self, tmp_path: Path) -> None:
        """Three cells, one of a known extent, one of an unknown one, one missed; a found one has no outline: PQ 1/2."""
        found = [self.CELL, self.CELL | {"x": 50.0}, self.CELL | {"x": 200.0}]
        true = [self.TRUE, self.TRUE | {"x": 50.0}, self.TRUE | {"x": 100.0}]
        write_results(tmp_path / "r", found, outlines=squares([(0, 0), (45, 0), None]))
        write_phantom_truth(tmp_path / "p", true, outlines=squares([(0, 0), None, (95, 0)]))

        detection = evaluate(tmp_path / "r", tmp_path / "p").figures.detection

        assert detection.pq == 0.5
        assert (detection.n_outlines, detection.n_outlines_matched) == (2, 1)
        assert (detection.n_outlines_false, detection.n_outlines_neutral) == (1, 1)


class TestWriting:
    """The JSON file."""

    def test_written(self, tmp_path: Path) -> None:
        """Plain JSON, the same bytes each time, newline at the end, null for what is not defined."""
        true, found = twenty()
        write_results(tmp_path / "r", found, FRAGMENTS)
        write_phantom_truth(tmp_path / "p", true)
        evaluation = evaluate(tmp_path / "r", tmp_path / "p")

        write_evaluation(evaluation, tmp_path / "one.json")
        write_evaluation(evaluate(tmp_path / "r", tmp_path / "p"), tmp_path / "two.json")

        text = (tmp_path / "one.json").read_text(encoding="utf-8")
        assert json.loads(text) == as_document(evaluation)
        assert text.endswith("}\n")
        assert text == (tmp_path / "two.json").read_text(encoding="utf-8")

    def test_not_writable(self, tmp_path: Path) -> None:
        """A folder that is not there is told."""
        true, found = twenty()
        write_results(tmp_path / "r", found, FRAGMENTS)
        write_phantom_truth(tmp_path / "p", true)

        with pytest.raises(UsageError, match=r"cannot be written \(No such file or directory\)"):
            write_evaluation(evaluate(tmp_path / "r", tmp_path / "p"), tmp_path / "none" / "e.json")


def test_readers_against_each_other(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Second readings of seven crops, given as results: the agreement that the notes of the annotations state."""
    path = shared_data("annotations/cells.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "candidate"]
    readers: dict[str, set[str]] = {}
    for row in rows:
        readers.setdefault(row["crop"], set()).add(row["reader"])
    twice = [row for row in rows if len(readers[row["crop"]]) == 2]
    second = [row for row in twice if row["reader"] == max(readers[row["crop"]]) and row["code"] not in "ux"]
    write_csv(tmp_path / "points.csv", tuple(rows[0]), twice)
    for core in {row["core"] for row in twice}:
        cells = [
            {
                "x": row["x"],
                "y": row["y"],
                "p": float(row["code"] != "n"),
                "class": int(row["code"][1:] or -1),
                "fragment": 1,
            }
            for row in second
            if row["core"] == core
        ]
        write_results(tmp_path / "r", cells, case_id=core, slide=f"{core}.jpg")

    figures = evaluate(tmp_path / "r", tmp_path / "points.csv").figures

    assert figures.tumor.balanced_accuracy == 1.0
    assert figures.tumor.n == 368
    assert figures.classes.n == 262
    assert figures.classes.quadratic_kappa == pytest.approx(0.90, abs=0.005)
    assert figures.overexpressed.accuracy == pytest.approx(0.89, abs=0.005)
    assert figures.fragments.n_slides == figures.cases.n == 0
    assert figures.tumor.other_by_type == {}
