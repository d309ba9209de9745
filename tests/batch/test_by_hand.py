"""Cases read by hand: a cohort like that of Yagi 2019, the four pairs of Bon 2020, and the form of the results."""

from __future__ import annotations

import csv
import os
from dataclasses import fields
from io import StringIO
from pathlib import Path
from textwrap import dedent

import pytest

from hetscore.batch.by_hand import HandResults, HandRow, apply_table, describe, save_rows, write_rows
from hetscore.errors import UsageError
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.scoring.status import RULE_SETS

HERE = Path(__file__).parent
EXPECTED = list(csv.DictReader((HERE / "cohort_expected.csv").read_text(encoding="utf-8").splitlines()))


def _apply(
    table: Path, guideline: str = "gastric-biopsy", rule_set: str = "yagi-2019", nuclei: Path | None = None
) -> HandResults:
    return apply_table(table, GUIDELINES[guideline], RULE_SETS[rule_set], ish_counts=nuclei)


def _apply_text(tmp_path: Path, text: str, guideline: str, rule_set: str) -> HandResults:
    path = tmp_path / "t.csv"
    path.write_text(dedent(text).strip() + "\n", encoding="utf-8")
    return _apply(path, guideline, rule_set)


@pytest.fixture(scope="module")
def cohort() -> HandResults:
    """Apply the default rules to the cohort."""
    return _apply(HERE / "cohort.csv", nuclei=HERE / "cohort_nuclei.csv")


class TestCohort:
    """Thirty-four biopsy cases written by hand, one for each way a case can turn out."""

    def test_every_case_is_expected(self, cohort: HandResults) -> None:
        """The two tables name the same cases, at least thirty."""
        assert [row.case_id for row in cohort.rows] == [row["case_id"] for row in EXPECTED]
        assert len(EXPECTED) >= 30

    @pytest.mark.parametrize("expected", EXPECTED, ids=[f"{row['case_id']} {row['why']}" for row in EXPECTED])
    def test_label_score_and_status(self, cohort: HandResults, expected: dict[str, str]) -> None:
        """Each with the row that decided."""
        row = next(row for row in cohort.rows if row.case_id == expected["case_id"])
        found = (row.label, row.label_rule, row.ihc_score, row.status, row.status_rule)
        names = ("label", "label_rule", "ihc_score", "status", "status_rule")
        assert found == tuple(expected[name] for name in names)

    def test_fragments_are_counted_as_in_the_paper(self, cohort: HandResults) -> None:
        """All, with tumor, 2+ or 3+, 3+: case 03 has a negative fragment, case 05 one without tumor."""
        counted = {
            row.case_id: (row.fragments, row.fragments_with_tumor, row.score_2plus_or_3plus, row.score_3plus)
            for row in cohort.rows
        }
        assert counted["03"] == (4, 4, 3, 2)
        assert counted["05"] == (4, 3, 3, 3)
        assert counted["11"] == (2, 0, 0, 0)

    def test_how_far_a_case_is_homo(self, cohort: HandResults) -> None:
        """Case 03: 530 of 712 cells, a fragment without any, 3 of 4 fragments; case 13 was not counted."""
        rows = {row.case_id: row for row in cohort.rows}
        sweep = ("homo_up_to_pooled", "homo_up_to_worst_fragment", "homo_up_to_fragments")
        assert [getattr(rows["03"], name) for name in sweep] == [70, 0, 70]
        assert [getattr(rows["01"], name) for name in sweep] == [100, 100, 100]
        assert [getattr(rows["13"], name) for name in sweep] == [None, None, None]

    def test_indices_need_counts(self, cohort: HandResults) -> None:
        """Case 26: half 0, half 3+; the fragments are alike, so nothing lies between them."""
        rows = {row.case_id: row for row in cohort.rows}
        assert (rows["26"].h_score, rows["26"].gini_simpson, rows["26"].tumor_level) == (150, 0.5, 0)
        assert rows["13"].h_score is None

    def test_the_mean_of_ratios_is_not_read(self, cohort: HandResults) -> None:
        """Case 32: 16 nuclei 2/2 and 4 nuclei 6/1 are 56/36, though their ratios average 2.0."""
        row = next(row for row in cohort.rows if row.case_id == "32")
        assert (row.ish, row.ish_ratio, row.ish_cells) == ("not-amplified", 1.5556, 20)
        assert row.ish_amplified_share == 0.2
        assert "genomic-heterogeneity" in row.flags.split()

    def test_other_rules_give_other_answers(self) -> None:
        """The papers disagree: by Pietrantonio 2016 the amplified 1+ of case 10 is positive, so hetero."""
        results = _apply(HERE / "cohort.csv", rule_set="pietrantonio-2016", nuclei=HERE / "cohort_nuclei.csv")
        row = next(row for row in results.rows if row.case_id == "10")
        assert (row.label, row.status_rule) == ("hetero-HER2", "ish-amplified")

    def test_the_summary_counts_labels(self, cohort: HandResults) -> None:
        """One line where there are no pairs."""
        (line,) = describe(cohort)
        assert line.startswith("34 cases: ")
        assert "9 homo-HER2" in line

    def test_the_table_can_be_read_back(self, cohort: HandResults) -> None:
        """One line a case; what is not known is empty, never 0 and never None."""
        file = StringIO()
        write_rows(cohort.rows, file)
        rows = list(csv.DictReader(file.getvalue().splitlines()))
        assert [row["case_id"] for row in rows] == [row.case_id for row in cohort.rows]
        assert (rows[12]["h_score"], rows[10]["ihc_score"], rows[8]["ihc_score"]) == ("", "", "0")
        assert "None" not in file.getvalue()


SEPHER = """
case_id,timepoint,fragment,score,percent_at_score,ish
1,baseline,a,2+,70,amplified
1,post,a,0,0,not-amplified
2,baseline,a,2+,30,amplified
2,post,a,1+,30,not-amplified
3,baseline,a,2+,100,amplified
3,post,a,1+,15,amplified
4,baseline,a,3+,100,
4,post,a,1+,60,amplified
"""
"""Bon 2020, Table 1; of the dashes, that of patient 4 means not done and those of patients 1 and 2 not amplified."""


class TestPairs:
    """A baseline and a later sample of one case."""

    @pytest.fixture
    def results(self, tmp_path: Path) -> HandResults:
        """Apply the rules of the study to its four pairs."""
        return _apply_text(tmp_path, SEPHER, "asco-cap-breast-2013", "asco-cap-breast-2013")

    def test_the_four_pairs(self, results: HandResults) -> None:
        """Losses, changes of score and percent, and score x percent stand in the later sample's row."""
        after = [row for row in results.rows if row.timepoint == "post"]
        assert [row.loss_of_positivity for row in after] == ["lost", "lost", "retained", "retained"]
        assert [row.loss_of_overexpression for row in after] == ["lost"] * 4
        assert [row.score_change for row in after] == [-2, -1, -1, -2]
        assert [row.percent_change for row in after] == [-70, 0, -85, -40]
        assert [row.score_by_percent for row in results.rows] == [140, 0, 60, 30, 200, 15, 300, 60]
        assert [row.status for row in after] == ["negative", "negative", "positive", "positive"]

    def test_the_baseline_row_says_nothing_of_change(self, results: HandResults) -> None:
        """There was nothing to compare it with."""
        before = [row for row in results.rows if row.timepoint == "baseline"]
        assert {(row.loss_of_positivity, row.score_change) for row in before} == {("", None)}

    def test_the_summary_claims_no_significance(self, results: HandResults) -> None:
        """Four pairs: p cannot fall below 0.125."""
        lines = describe(results)
        assert lines[1] == "4 pairs: 4 scored lower, 0 higher, 0 same, 0 without a score on either side"
        assert lines[2].startswith("loss of positivity: 2 of 4 (50.0 %, 95 % interval 6.8 to 93.2 %, Clopper-Pearson)")
        assert lines[3].startswith("loss of overexpression: 4 of 4 (100.0 %")
        assert "p = 0.1250" in lines[4]
        assert "no result can be significant" in lines[4]

    def test_the_summary_tells_agreement_and_losses_by_the_first_score(self, results: HandResults) -> None:
        """Of the three 2+ two lost positivity, the 3+ kept it; all lost overexpression."""
        lines = describe(results)
        assert lines[-5].startswith("weighted kappa of the scores: linear ")
        assert lines[-4:] == [
            "from 2+: positivity lost 2 of 3",
            "from 2+: overexpression lost 3 of 3",
            "from 3+: positivity lost 0 of 1",
            "from 3+: overexpression lost 1 of 1",
        ]

    def test_a_baseline_without_a_later_sample(self, tmp_path: Path) -> None:
        """It is a pair that cannot be assessed, once the table is about pairs at all."""
        text = SEPHER + "5,baseline,a,3+,100,\n"
        results = _apply_text(tmp_path, text, "asco-cap-breast-2013", "asco-cap-breast-2013")
        assert [(c.case_id, c.positivity.value) for c in results.pairs][-1] == ("5", "not-assessable")

    def test_baselines_alone_are_no_pairs(self, tmp_path: Path) -> None:
        """A cohort of first samples has lost nothing yet."""
        text = "case_id,timepoint,fragment,score\n1,baseline,a,3+"
        assert _apply_text(tmp_path, text, "gastric-biopsy", "yagi-2019").pairs == ()


class TestRefusals:
    """What the rules cannot be applied to."""

    def test_guideline_and_rule_set_of_two_organs(self, tmp_path: Path) -> None:
        """Gastric scores are not read by the rules of breast."""
        with pytest.raises(
            UsageError, match="asco-cap-breast-2018 is for breast, guideline gastric-biopsy for gastric"
        ):
            _apply_text(tmp_path, "case_id,fragment,score\nA,1,3+", "gastric-biopsy", "asco-cap-breast-2018")

    def test_impossible_ish_is_told_with_its_line(self, tmp_path: Path) -> None:
        """For every case that has it."""
        text = "case_id,fragment,score,her2_copies,cep17_copies,ish_ratio\nA,1,2+,8,2,4\nB,1,2+,8,2,3\nC,1,2+,9,3,9"
        with pytest.raises(UsageError) as caught:
            _apply_text(tmp_path, text, "gastric-biopsy", "yagi-2019")
        lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
        assert [line.split(": ")[0] for line in lines] == ["t.csv line 3", "t.csv line 4"]

    def test_what_the_rules_find_is_told_with_the_rest(self, tmp_path: Path) -> None:
        """At once, at the line where the ISH stands, in the words of the table."""
        text = "case_id,fragment,score,ish_ratio,ish_cells\nA,1,2+,,\nA,2,2+,0,40\nB,1,4+,,"
        with pytest.raises(UsageError) as caught:
            _apply_text(tmp_path, text, "gastric-biopsy", "yagi-2019")
        assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
            "t.csv line 4: score '4+': expected 0, 1+, 2+ or 3+; leave it empty where the fragment holds no tumor",
            "t.csv line 3: ISH: ish_ratio is 0; expected HER2/CEP17 above 0. Correct the table.",
        ]

    def test_nuclei_that_contradict_are_told_where_they_stand(self, tmp_path: Path) -> None:
        """Two nuclei are not forty; the shares that are missing are told beside it."""
        nuclei = tmp_path / "n.csv"
        nuclei.write_text("case_id,her2\nA,4\nA,4\n", encoding="utf-8")
        table = tmp_path / "t.csv"
        table.write_text("case_id,fragment,score,ish_cells\nA,1,2+,40\nA,2,0,40\n", encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            _apply(table, "gastric-resection", nuclei=nuclei)
        lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
        assert lines[0].startswith("n.csv line 2: ISH: ish_cells is 40, but 2 nuclei are counted; expected them")
        assert lines[1].startswith("t.csv line 2: case A: 2 fragments with tumor, not all counted")
        assert len(lines) == 2

    def test_scores_do_not_add_up_to_a_share(self, tmp_path: Path) -> None:
        """Of two blocks of a resection scored 3+ and 0 the share of all tumor cells is not known."""
        with pytest.raises(UsageError, match=r"t\.csv line 2: case A: 2 fragments with tumor, not all counted"):
            _apply_text(tmp_path, "case_id,fragment,score\nA,1,3+\nA,2,0", "gastric-resection", "yagi-2019")

    def test_breast_is_described_as_low(self, tmp_path: Path) -> None:
        """Only where the guideline is of breast."""
        text = "case_id,fragment,score,ish\nA,1,1+,\nB,1,2+,not-amplified\nC,1,3+,"
        rows = _apply_text(tmp_path, text, "asco-cap-breast-2018", "asco-cap-breast-2018").rows
        assert [row.low for row in rows] == ["her2-low", "her2-low", "not-low"]
        assert {row.low for row in _apply_text(tmp_path, text, "gastric-biopsy", "yagi-2019").rows} == {""}


class TestSummary:
    """The few lines on what was found."""

    def test_cases_and_samples_are_counted_apart(self, tmp_path: Path) -> None:
        """In the right number; a later sample alone is named, a pair without a score counted."""
        text = "case_id,timepoint,fragment,score,tumor_cells\n1,baseline,a,3+,\n1,post,a,,0\n2,post,a,0,"
        lines = describe(_apply_text(tmp_path, text, "gastric-biopsy", "yagi-2019"))
        assert lines[0].startswith("2 cases, 3 samples: ")
        assert lines[1] == "1 later sample without baseline: 2"
        assert lines[2] == "1 pair: 0 scored lower, 0 higher, 0 same, 1 without a score on either side"
        one = describe(_apply_text(tmp_path, "case_id,fragment,score\n1,a,0", "gastric-biopsy", "yagi-2019"))
        assert one == ["1 case: 1 not-applicable"]

    def test_the_tests_are_told_apart(self, tmp_path: Path) -> None:
        """Two are of the score; sixteen falls have a p too small to print."""
        rows = "".join(f"{k},baseline,a,3+\n{k},post,a,0\n" for k in range(16))
        lines = describe(
            _apply_text(tmp_path, f"case_id,timepoint,fragment,score\n{rows}", "gastric-biopsy", "yagi-2019")
        )
        tests = [line.split(":")[0] for line in lines if " test" in line]
        assert tests == ["score (signed rank)", "percent", "score (sign)", "positivity", "overexpression"]
        assert any(line.startswith("score (sign): p < 0.0001 (sign test") for line in lines)


class TestOutput:
    """The table of results."""

    def test_every_answer_has_its_row_and_sentence(self) -> None:
        """HER2-low and the losses too."""
        names = [f.name for f in fields(HandRow)]
        for name in ("label", "score", "ish", "status", "low", "loss_of_positivity", "loss_of_overexpression"):
            assert f"{name}_rule" in names
            assert {f"{name}_text", "reason"} & set(names)

    def test_texts_of_losses_and_low(self, tmp_path: Path) -> None:
        """Filled where the answer is."""
        after = [
            r for r in _apply_text(tmp_path, SEPHER, "asco-cap-breast-2018", "asco-cap-breast-2018").rows if r.ihc_score
        ]
        assert all(row.loss_of_positivity_text for row in after if row.loss_of_positivity)
        assert all(row.loss_of_overexpression_text for row in after if row.loss_of_overexpression)
        assert all(bool(row.low) == bool(row.low_rule) == bool(row.low_text) for row in after)
        assert any(row.low for row in after)

    def test_an_id_is_no_formula(self, tmp_path: Path) -> None:
        """A spreadsheet would run it; numbers below zero stay numbers."""
        text = "case_id,timepoint,fragment,score\n=1+1,baseline,a,3+\n=1+1,post,a,0"
        file = StringIO()
        write_rows(_apply_text(tmp_path, text, "gastric-biopsy", "yagi-2019").rows, file)
        rows = list(csv.DictReader(file.getvalue().splitlines()))
        assert [(row["case_id"], row["score_change"]) for row in rows] == [("'=1+1", ""), ("'=1+1", "-3")]

    def test_a_file_is_written_whole_or_not_at_all(self, tmp_path: Path, cohort: HandResults) -> None:
        """Through a link too; nothing is left beside it, and a device is written to and stays one."""
        out = tmp_path / "out.csv"
        out.write_text("old")
        link = tmp_path / "link.csv"
        link.symlink_to(out)
        save_rows(cohort.rows, link)
        assert out.read_text(encoding="utf-8").startswith("case_id,")
        assert link.is_symlink()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link.csv", "out.csv"]
        save_rows(cohort.rows, Path(os.devnull))
        assert not Path(os.devnull).is_file()
        for bad in (tmp_path, tmp_path / "none" / "out.csv", tmp_path / ("x" * 300)):
            with pytest.raises(UsageError, match="cannot be written"):
                save_rows(cohort.rows, bad)
