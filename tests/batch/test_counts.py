"""The table of fragments: what it may say, and every way in which it can be wrong, told with its line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from textwrap import dedent

import pytest

from hetscore.batch.counts import CountedCase, read_counts
from hetscore.domain import Her2Score, IshCounts, IshResult
from hetscore.errors import UsageError
from hetscore.scoring.guidelines import GUIDELINES

BIOPSY = GUIDELINES["gastric-biopsy"]
CLASSES = "class_0,class_1plus,class_2plus,class_3plus"
CLUSTERS = "largest_cluster_1plus,largest_cluster_2plus,largest_cluster_3plus"


def _write(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(dedent(text).strip() + "\n", encoding="utf-8")
    return path


def _read(tmp_path: Path, text: str, guideline: str = "gastric-biopsy") -> tuple[CountedCase, ...]:
    return read_counts(_write(tmp_path, text), GUIDELINES[guideline])


def _faults(tmp_path: Path, text: str, guideline: str = "gastric-biopsy") -> list[str]:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, text, guideline)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


class TestGoodTables:
    """What a pathologist may write."""

    def test_scores_alone(self, tmp_path: Path) -> None:
        """With or without the plus sign, which spreadsheets drop; cases in the order of first mention."""
        cases = _read(tmp_path, "case_id,fragment,score\nB,1,3+\nA,1,2\nB,2,0")

        assert [(c.case_id, [f.score for f in c.fragments]) for c in cases] == [
            ("B", [Her2Score.THREE_PLUS, Her2Score.ZERO]),
            ("A", [Her2Score.TWO_PLUS]),
        ]

    def test_counts_with_clusters(self, tmp_path: Path) -> None:
        """What is not classed of the tumor cells is unscored."""
        (case,) = _read(tmp_path, f"case_id,fragment,{CLASSES},tumor_cells,{CLUSTERS}\nA,1,9,0,2,6,20,8,8,6")

        (fragment,) = case.fragments
        assert (fragment.counts, fragment.clusters, fragment.n_unscored) == ((9, 0, 2, 6), (8, 8, 6), 3)

    @pytest.mark.parametrize("row", ["A,1,,,,,0", "A,1,0,0,0,0,", "A,1,0,0,0,0,0"])
    def test_a_fragment_without_tumor(self, tmp_path: Path, row: str) -> None:
        """It is noted as such, and is neither score 0 nor a fault."""
        (case,) = _read(tmp_path, f"case_id,fragment,{CLASSES},tumor_cells\n{row}")

        assert [(f.has_tumor, f.score, f.counts) for f in case.fragments] == [(False, None, None)]

    def test_ish_stands_in_any_row_of_the_case(self, tmp_path: Path) -> None:
        """A ratio alone is enough; empty cells agree with it."""
        (case,) = _read(tmp_path, "case_id,fragment,score,ish_ratio,ish_cells\nA,1,2+,,\nA,2,2+,2.1,40")

        assert (case.ish.result, case.ish.ratio, case.ish.n_cells) == (IshResult.UNKNOWN, 2.1, 40)

    def test_timepoints_part_a_case(self, tmp_path: Path) -> None:
        """Baseline and post may name their fragments alike."""
        cases = _read(tmp_path, "case_id,timepoint,fragment,score\nA,baseline,1,3+\nA,post,1,0")

        assert [(c.case_id, c.timepoint, len(c.fragments)) for c in cases] == [("A", "baseline", 1), ("A", "post", 1)]

    def test_percents_are_read_exactly(self, tmp_path: Path) -> None:
        """99.9 is 999/10, not the nearest binary number."""
        (case,) = _read(tmp_path, "case_id,fragment,score,percent_2plus_or_3plus,percent_at_score\nA,1,3+,99.9,70")

        assert case.fragments[0].percent_overexpressed == Fraction(999, 10)
        assert case.percent_at_score == 70

    def test_nuclei_are_put_to_their_case(self, tmp_path: Path) -> None:
        """Row by row; without the column or with it empty the test is a single-probe one."""
        table = _write(tmp_path, "case_id,fragment,score\nA,1,2+\nB,1,2+")
        nuclei = _write(tmp_path, "case_id,her2,cep17\nA,4,2\nB,9,\nA,6,3\nB,7,", "n.csv")

        cases = read_counts(table, BIOPSY, nuclei)

        assert [c.ish.counts for c in cases] == [IshCounts((4, 6), (2, 3)), IshCounts((9, 7), None)]


class TestBadTables:
    """Each fault names its row and the remedy; all are told at once."""

    @pytest.mark.parametrize(
        ("header", "row", "fault"),
        [
            ("score", "4+", "score '4+': expected 0, 1+, 2+ or 3+; leave it empty where the fragment holds no tumor"),
            ("score", "positive", "score 'positive': expected 0, 1+, 2+ or 3+; leave it empty where"),
            (CLASSES, "5,0,-1,0", "class_2plus '-1': expected a whole number of at least 0"),
            (CLASSES, "5,0,1.5,0", "class_2plus '1.5': expected a whole number of at least 0"),
            (
                f"{CLASSES},tumor_cells",
                "5,0,0,8,12",
                "tumor_cells 12, but the classes and unscored cells add up to 13; expected at least as many."
                " Correct the counts.",
            ),
            (
                f"{CLASSES},unscored,tumor_cells",
                "5,0,0,8,2,16",
                "tumor_cells 16, but the classes and unscored cells add up to 15; expected the same. Correct one,",
            ),
            (CLASSES, "5,,0,8", "class_1plus is empty; expected all four classes or none. Write 0 where no cell"),
            ("score,tumor_cells", "2+,0", "tumor_cells 0, but a score or percent is given; expected neither."),
            ("score", "", "neither score nor counts; expected one of them, or tumor_cells 0 for a fragment without"),
            ("tumor_cells", "40", "neither score nor counts; expected one of them"),
            (f"{CLASSES},unscored", "0,0,0,0,9", "tumor cells, but none with a class, and no score; expected a score."),
            (
                f"{CLASSES},percent_2plus_or_3plus",
                "0,0,0,4,100",
                "percent_2plus_or_3plus beside the counts it follows from; expected one of them. Leave it empty.",
            ),
            ("score,percent_2plus_or_3plus", "3+,101", "percent_2plus_or_3plus '101': expected a number from 0 to 100"),
            ("score,percent_2plus_or_3plus", "3+,0", "score 3+, but percent_2plus_or_3plus 0; expected some"),
            (
                "score,largest_cluster_3plus",
                "3+,7",
                "largest_cluster_3plus without counts; expected class_0 to class_3",
            ),
            (
                f"{CLASSES},{CLUSTERS}",
                "9,0,0,6,9,6,6",
                "largest_cluster_1plus 9, but only 6 cells can be in it; expected no more.",
            ),
            (
                f"{CLASSES},{CLUSTERS}",
                "9,0,6,6,8,9,6",
                "largest_cluster_2plus 9, but only 8 cells can be in it; expected no more.",
            ),
            (
                CLASSES,
                "90,0,0,7",
                "the counts allow 0 to 3+ by gastric-biopsy, which asks for connected cells; expected one score."
                f" Give score, or the largest connected clusters in {CLUSTERS.replace(',', ', ')}.",
            ),
            (
                f"score,{CLASSES}",
                "3+,90,0,0,4",
                "score 3+, but the counts give 0 by gastric-biopsy; expected both to agree. Correct one,",
            ),
        ],
    )
    def test_each_fault(self, tmp_path: Path, header: str, row: str, fault: str) -> None:
        """Said with the line, the value seen, what was expected and the remedy."""
        (found,) = _faults(tmp_path, f"case_id,fragment,{header}\nA,1,{row}")

        assert found.startswith(f"t.csv line 2: {fault}")

    def test_all_faults_at_once_with_their_lines(self, tmp_path: Path) -> None:
        """Unknown score, negative count, fragment twice, tumor cells fewer than the sum, rows that disagree."""
        found = _faults(
            tmp_path,
            f"""
            case_id,fragment,score,{CLASSES},tumor_cells,ish
            A,1,3+,0,0,0,9,,amplified
            A,2,5+,0,0,0,9,,
            A,3,3+,0,0,0,-9,,
            A,1,3+,0,0,0,9,,
            B,1,3+,4,0,0,9,12,
            ,1,3+,0,0,0,9,,
            A,4,3+,0,0,0,9,,not-amplified
            """,
        )

        assert found == [
            "t.csv line 3: score '5+': expected 0, 1+, 2+ or 3+; leave it empty where the fragment holds no tumor",
            "t.csv line 4: class_3plus '-9': expected a whole number of at least 0",
            "t.csv line 7: case_id is empty; expected a value",
            "t.csv line 8: case A has ish not-amplified, but amplified in t.csv line 2; expected one value a case",
            "t.csv line 5: fragment 1 of case A stands in t.csv line 2 already; expected each once."
            " Remove a row, or name the second fragment differently.",
            "t.csv line 6: tumor_cells 12, but the classes and unscored cells add up to 13; expected at least as many."
            " Correct the counts.",
        ]

    def test_a_timepoint_in_some_rows_only(self, tmp_path: Path) -> None:
        """The row could belong to either sample."""
        (found,) = _faults(tmp_path, "case_id,timepoint,fragment,score\nA,baseline,1,3+\nA,,2,3+")

        assert found.startswith("t.csv line 3: timepoint is empty, but other rows of case A have one; expected it in")

    def test_a_row_with_an_unreadable_cell_is_told_once(self, tmp_path: Path) -> None:
        """What follows from the cell that could not be read is not told on top of it."""
        assert len(_faults(tmp_path, f"case_id,fragment,{CLASSES}\nA,1,0,0,many,9")) == 1

    def test_shares_need_no_clusters(self, tmp_path: Path) -> None:
        """The counts that leave the biopsy score open settle that of a resection."""
        (case,) = _read(tmp_path, f"case_id,fragment,{CLASSES}\nA,1,90,0,0,7", "gastric-resection")

        assert case.fragments[0].counts == (90, 0, 0, 7)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        """Neither the table nor that of the nuclei."""
        table = _write(tmp_path, "case_id,fragment,score\nA,1,3+")
        for paths in ((tmp_path / "none.csv", None), (table, tmp_path / "none.csv")):
            with pytest.raises(UsageError, match=r"none\.csv: no such file; expected a comma-separated table"):
                read_counts(paths[0], BIOPSY, paths[1])

    @pytest.mark.parametrize(
        ("nuclei", "fault"),
        [
            ("case_id,her2,cep17\nB,4,2", "n.csv line 2: case B is not in the table of fragments; expected it there."),
            ("case_id,timepoint,her2\nA,post,4", "n.csv line 2: case A at post is not in the table of fragments"),
            ("case_id,her2,cep17\nA,4,2\nA,4,", "n.csv line 2: cep17 is filled for some nuclei of case A and empty"),
            ("case_id,her2,cep17\nA,,2", "n.csv line 2: her2 is empty; expected a value"),
            ("case_id,her2,cep17\nA,-1,2", "n.csv line 2: her2 '-1': expected a whole number of at least 0"),
            ("case_id,her2,cep17", "n.csv: the table has no rows; expected one row a nucleus"),
        ],
    )
    def test_bad_nuclei(self, tmp_path: Path, nuclei: str, fault: str) -> None:
        """Signals of a case that is not there, or half a probe."""
        table = _write(tmp_path, "case_id,fragment,score\nA,1,2+")
        with pytest.raises(UsageError) as caught:
            read_counts(table, BIOPSY, _write(tmp_path, nuclei, "n.csv"))
        assert str(caught.value).replace(f"{tmp_path}/", "").startswith(fault)
