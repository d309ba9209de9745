"""The table of fragments: what it may say, and every way in which it can be wrong, told with its line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from textwrap import dedent

import pytest

from hetscore.batch.counts import COLUMNS, NUCLEUS_COLUMNS, CountedCase, columns_markdown, read_counts
from hetscore.batch.table import Faults
from hetscore.domain import Her2Score, IshCounts, IshResult
from hetscore.errors import UsageError
from hetscore.scoring.guidelines import GUIDELINES

CLASSES = "class_0,class_1plus,class_2plus,class_3plus"
CLUSTERS = "largest_cluster_1plus,largest_cluster_2plus,largest_cluster_3plus"


def _write(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(dedent(text).strip() + "\n", encoding="utf-8")
    return path


def _read_paths(path: Path, nuclei: Path | None = None, guideline: str = "gastric-biopsy") -> tuple[CountedCase, ...]:
    faults = Faults()
    cases = read_counts(path, GUIDELINES[guideline], faults, nuclei)
    faults.raise_any()
    return cases


def _read(tmp_path: Path, text: str, guideline: str = "gastric-biopsy") -> tuple[CountedCase, ...]:
    return _read_paths(_write(tmp_path, text), guideline=guideline)


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

        cases = _read_paths(table, nuclei)

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
            ("score,percent_2plus_or_3plus", "3+,0", "score 3+, but 0 percent of 2+ or 3+ give 0 to 1+ by"),
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
                f" Give the score, or the largest connected clusters ({CLUSTERS.replace(',', ', ')}).",
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
                _read_paths(*paths)

    @pytest.mark.parametrize(
        ("nuclei", "fault"),
        [
            ("case_id,her2,cep17\nB,4,2", "n.csv line 2: case B is not in the table of fragments; expected it there."),
            ("case_id,timepoint,her2\nA,post,4", "n.csv line 2: case A at post is not in the table of fragments"),
            ("case_id,her2,cep17\nA,4,2\nA,4,", "n.csv line 2: cep17 is filled for some nuclei of case A and empty"),
            ("case_id,her2,cep17\nA,,2", "n.csv line 2: her2 is empty; expected a value"),
            ("case_id,her2,cep17\nA,-1,2", "n.csv line 2: her2 '-1': expected a whole number of at least 0"),
            ("case_id,her2,cep17", "n.csv: the table has no rows; expected one row a nucleus"),
            ("case_id,her2,cep17\nA,4,2\nA,4,many", "n.csv line 3: cep17 'many': expected a whole number"),
        ],
    )
    def test_bad_nuclei(self, tmp_path: Path, nuclei: str, fault: str) -> None:
        """Signals of a case that is not there, or half a probe."""
        table = _write(tmp_path, "case_id,fragment,score\nA,1,2+")
        with pytest.raises(UsageError) as caught:
            _read_paths(table, _write(tmp_path, nuclei, "n.csv"))
        (found,) = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
        assert found.startswith(fault)

    def test_nuclei_without_their_timepoint(self, tmp_path: Path) -> None:
        """The table has two samples of the case: either could be meant."""
        table = _write(tmp_path, "case_id,timepoint,fragment,score\nA,baseline,1,2+\nA,post,1,2+")
        nuclei = _write(tmp_path, "case_id,her2\nA,4\nA,5", "n.csv")
        with pytest.raises(UsageError, match=r"n\.csv line 2: case A has several timepoints; expected timepoint base"):
            _read_paths(table, nuclei)

    def test_nuclei_beside_a_table_that_cannot_be_read(self, tmp_path: Path) -> None:
        """That their case is not there is no news."""
        nuclei = _write(tmp_path, "case_id,her2\nA,4", "n.csv")
        with pytest.raises(UsageError) as caught:
            _read_paths(tmp_path / "none.csv", nuclei)
        assert len(str(caught.value).splitlines()) == 1


PERCENT = "percent_2plus_or_3plus"


class TestContradictions:
    """A score, a percent and counts that cannot all be true."""

    @pytest.mark.parametrize(
        ("guideline", "score", "percent", "allowed"),
        [
            ("gastric-resection", "0", "80", "2+ to 3+"),
            ("gastric-resection", "3+", "5", "0 to 1+"),
            ("gastric-resection", "2+", "9.99", "0 to 1+"),
            ("gastric-resection", "1+", "100", "2+ to 3+"),
            ("asco-cap-breast-2018", "3+", "10", "0 to 2+"),
            ("gastric-biopsy", "2+", "0", "0 to 1+"),
        ],
    )
    def test_score_and_percent(self, tmp_path: Path, guideline: str, score: str, percent: str, allowed: str) -> None:
        """Compared with the share that the guideline prints, exactly."""
        (found,) = _faults(tmp_path, f"case_id,fragment,score,{PERCENT}\nA,1,{score},{percent}", guideline)
        given = f"score {score}, but {percent} percent of 2+ or 3+ give {allowed} by {guideline}"
        assert found == f"t.csv line 2: {given}; expected both to agree. Correct one."

    @pytest.mark.parametrize(
        ("guideline", "score", "percent"),
        [
            ("gastric-resection", "2+", "10"),
            ("gastric-resection", "3+", "100"),
            ("gastric-resection", "1+", "9.9"),
            ("asco-cap-breast-2018", "2+", "10"),
            ("asco-cap-breast-2018", "3+", "10.1"),
            ("gastric-biopsy", "3+", "0.5"),
            ("gastric-biopsy", "1+", "0.5"),
        ],
    )
    def test_score_and_percent_that_agree(self, tmp_path: Path, guideline: str, score: str, percent: str) -> None:
        """Exactly 10 percent are enough for a resection, not for 3+ of breast; a cluster is any share."""
        (case,) = _read(tmp_path, f"case_id,fragment,score,{PERCENT}\nA,1,{score},{percent}", guideline)
        assert case.fragments[0].percent_overexpressed == Fraction(percent)

    def test_all_overexpress_and_score_0(self, tmp_path: Path) -> None:
        """Only fewer than five cells can do so, which counts must show."""
        (found,) = _faults(tmp_path, f"case_id,fragment,score,{PERCENT}\nA,1,0,100")
        assert found.startswith("t.csv line 2: score 0, but 100 percent are 2+ or 3+; expected counts that show it.")
        (case,) = _read(tmp_path, f"case_id,fragment,score,{CLASSES}\nA,1,0,0,0,0,4")
        assert case.fragments[0].score is Her2Score.ZERO

    def test_a_score_of_no_cells(self, tmp_path: Path) -> None:
        """Four zeros say that there is no tumor; with unscored cells there is."""
        (found,) = _faults(tmp_path, f"case_id,fragment,score,{CLASSES}\nA,1,3+,0,0,0,0")
        assert found.startswith("t.csv line 2: score 3+, but all four classes are 0; expected tumor cells.")
        (case,) = _read(tmp_path, f"case_id,fragment,score,{CLASSES},unscored\nA,1,3+,0,0,0,0,20")
        assert case.fragments[0].n_unscored == 20

    def test_fewer_cells_than_a_cluster(self, tmp_path: Path) -> None:
        """Four cells are no cluster of five; they can score 0, and have a share."""
        (found,) = _faults(tmp_path, "case_id,fragment,score,tumor_cells\nA,1,1+,4")
        seen = "score 1+, but 4 tumor cells; expected the 5 connected cells that gastric-biopsy asks for."
        assert found == f"t.csv line 2: {seen} Correct one."
        assert _read(tmp_path, "case_id,fragment,score,tumor_cells\nA,1,1+,5\nA,2,0,4")
        assert _read(tmp_path, "case_id,fragment,score,tumor_cells\nA,1,1+,4", "gastric-resection")

    @pytest.mark.parametrize(
        ("counts", "percent", "is_refused"),
        [
            ("40,0,0,60", "60", False),
            ("40,0,0,60", "60.5", False),
            ("40,0,0,60", "60.6", True),
            ("40,0,0,60", "40", True),
            ("40,0,20,40", "39.5", False),
            ("40,0,20,40", "41", True),
        ],
    )
    def test_percent_at_score(self, tmp_path: Path, counts: str, percent: str, is_refused: bool) -> None:
        """It agrees with the only counted fragment as far as rounded, at the line where it stands."""
        header = f"case_id,fragment,{CLASSES},tumor_cells,percent_at_score"
        text = f"{header}\nA,1,{counts},,\nA,2,,,,,0,{percent}"
        if not is_refused:
            assert _read(tmp_path, text, "gastric-resection")[0].percent_at_score == Fraction(percent)
            return
        (found,) = _faults(tmp_path, text, "gastric-resection")
        assert found.startswith(f"t.csv line 3: percent_at_score {percent}, but by the counts ")
        assert "percent are 3+; expected them to agree as far as rounded to 1 percent." in found

    def test_percent_at_score_may_be_read_in_two_ways(self, tmp_path: Path) -> None:
        """Of just 2+ or of at least 2+: 85 or 90 of 100; of 0 nothing is stained."""
        header = f"case_id,fragment,{CLASSES},percent_at_score"
        for percent in ("85", "90"):
            assert _read(tmp_path, f"{header}\nA,1,10,0,85,5,{percent}", "gastric-resection")
        assert _read(tmp_path, f"{header}\nA,1,100,0,0,0,0", "gastric-resection")


class TestIds:
    """What names a case or fragment."""

    def test_letter_case_alone_does_not_part_ids(self, tmp_path: Path) -> None:
        """One of the two is a slip; said once, with both lines."""
        found = _faults(tmp_path, "case_id,fragment,score\nA,1,3+\na,1,3+\na,2,3+\nB,x,0\nB,X,0")
        assert found == [
            "t.csv line 3: case a, but A in t.csv line 2; expected one spelling."
            " Write both alike, or let them differ in more than letter case.",
            "t.csv line 6: case B has fragment X, but x in t.csv line 5; expected one spelling."
            " Write both alike, or let them differ in more than letter case.",
        ]

    def test_composed_letters_are_one(self, tmp_path: Path) -> None:
        """An umlaut of one sign or of two looks alike, and is."""
        cases = _read(tmp_path, "case_id,fragment,score\nM\u00fcller,1,3+\nMu\u0308ller,2,3+")
        assert [(case.case_id, len(case.fragments)) for case in cases] == [("M\u00fcller", 2)]


def test_the_page_is_made_from_the_columns() -> None:
    """A column was changed and docs/counts.md was not, or the other way round: run `make rules`."""
    page = (Path(__file__).parents[2] / "docs" / "counts.md").read_text(encoding="utf-8")
    assert page == columns_markdown()
    assert all(f"| `{column.name}` | " in page for column in (*COLUMNS, *NUCLEUS_COLUMNS))
    assert all(column.text.endswith(".") for column in (*COLUMNS, *NUCLEUS_COLUMNS))
