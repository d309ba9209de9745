"""Paths to cases: slides, folders and tables, and every fault told at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hetscore.batch.cases import COLUMNS, find_cases
from hetscore.domain import CaseInput, IshData, IshResult, SlideInput, SlideRole
from hetscore.errors import UsageError
from hetscore.scoring.ish import read_ish
from hetscore.scoring.status import RULE_SETS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with three files named as slides; nothing here opens them."""
    for name in ("a.svs", "b.tif", "c.NDPI"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write_table(folder: Path, text: str, name: str = "cases.csv") -> Path:
    """Write a table, one row a line, leading spaces dropped."""
    path = folder / name
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n", encoding="utf-8")
    return path


def faults_of(*paths: Path) -> list[str]:
    """Return the lines of the error that the paths lead to, without their folder."""
    with pytest.raises(UsageError) as caught:
        find_cases(paths)
    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_a_slide_is_a_case_of_its_own(folder: Path) -> None:
    """Named by its stem, with nothing known of it."""
    assert find_cases([folder / "a.svs"]) == (CaseInput("a", (SlideInput(folder / "a.svs"),)),)


def test_every_slide_of_a_folder_is_a_case(folder: Path) -> None:
    """By suffix in any case, sorted; other files, hidden ones and folders of scanners are passed over."""
    (folder / "notes.txt").write_text("no slide")
    (folder / "._a.svs").write_bytes(b"x")
    (folder / "d").mkdir()
    (folder / "d" / "Slidedat.ini").write_text("of d.mrxs")
    (folder / "d" / "e.tif").write_bytes(b"x")
    (folder / "d.mrxs").write_bytes(b"x")

    assert [case.case_id for case in find_cases([folder])] == ["a", "b", "c", "d"]


def test_a_dicom_series_is_one_case(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """The files of a series are one slide; another series is another."""
    root = shared_data("wsi-small")
    for source in ("openslide-python/tests/fixtures/boxes_0.dcm", "openslide-python/tests/fixtures/boxes_1.dcm"):
        (tmp_path / Path(source).name).write_bytes((root / source).read_bytes())
    (tmp_path / "other.dcm").write_bytes((root / "highdicom/data/test_files/sm_image.dcm").read_bytes())

    assert [case.case_id for case in find_cases([tmp_path])] == ["boxes_0", "other"]


@pytest.mark.parametrize("by_name", [True, False])
def test_a_table_with_every_column(folder: Path, by_name: bool) -> None:
    """All columns arrive in their fields; a case takes its values from whichever row has them."""
    (folder / "a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    table = write_table(
        folder,
        """
        case_id,slide,role,mpp,specimen,organ,timepoint,ish,her2_copies,cep17_copies,ish_cells,annotations,level_group
        P 1,a.svs,her2,0.25,resection,breast,post,amplified,,2.1,20,a.geojson,L1
        P 1,b.tif,he,,,,,,8.5,,,,
        P2,c.NDPI,,,,,,,,,,,
        """,
    )

    cases = find_cases([table if by_name else folder])

    assert cases == (
        CaseInput(
            "P 1",
            (
                SlideInput(folder / "a.svs", SlideRole.HER2, 0.25, folder / "a.geojson", "L1"),
                SlideInput(folder / "b.tif", SlideRole.HE),
            ),
            "resection",
            "breast",
            "post",
            IshData(IshResult.AMPLIFIED, 8.5, 2.1, 20),
        ),
        CaseInput("P2", (SlideInput(folder / "c.NDPI"),)),
    )


def test_a_table_from_a_spreadsheet(folder: Path) -> None:
    """A byte order mark, spaces, quotes and rows of empty cells do no harm."""
    (folder / "x,y.svs").write_bytes(b"x")
    (folder / "t.csv").write_text('\ufeffcase_id , slide\n 1 ,"x,y.svs"\n,\n', encoding="utf-8")

    assert find_cases([folder / "t.csv"]) == (CaseInput("1", (SlideInput(folder / "x,y.svs"),)),)


def test_annotations_are_read_at_once(folder: Path) -> None:
    """A file of annotations that cannot be used is told with the line of the table, each of its faults."""
    bad = {"type": "Feature", "geometry": None, "properties": {"classification": {"name": "Gland"}}}
    (folder / "a.geojson").write_text(json.dumps([bad, bad]))
    (folder / "b.geojson").write_text("no JSON")
    write_table(folder, "case_id,slide,annotations\n1,a.svs,a.geojson\n2,b.tif,b.geojson")

    faults = faults_of(folder)

    assert [fault.split(";")[0][:62] for fault in faults] == [
        "cases.csv line 2: annotations a.geojson: annotation 1: class '",
        "cases.csv line 2: annotations a.geojson: annotation 2: class '",
        "cases.csv line 3: annotations b.geojson: not JSON (Expecting v",
    ]


def test_slides_need_not_be_at_hand(folder: Path) -> None:
    """Where only what is known of slides is asked, they may lie elsewhere; annotations may not."""
    write_table(folder, "case_id,slide,annotations\n1,gone.svs,\n2,b.tif,gone.geojson")

    with pytest.raises(UsageError, match=r"^[^\n]*line 3: annotations [^\n]*gone.geojson is not a file[^\n]*$"):
        find_cases([folder], need_slides=False)


def test_all_faults_are_told_at_once_with_their_lines(folder: Path) -> None:
    """One line for each fault, in the order of the table."""
    write_table(
        folder,
        """
        case_id,slide,role,mpp,ish,ish_cells,her2_copies,annotations
        1,a.svs,IHC,25,positive,0,many,none.geojson
        2,none.svs,,,,,,
        ,b.tif,,,,,,
        3,,,,,,,
        ../4,c.NDPI,,0.25,,,,
        5,b.tif,,,,,,,,x
        """,
    )

    assert faults_of(folder) == [
        "cases.csv line 2: role 'IHC': expected her2 or he or control",
        "cases.csv line 2: mpp '25': expected a number from 0.05 to 4",
        "cases.csv line 2: ish 'positive': expected amplified or not-amplified or unknown",
        "cases.csv line 2: her2_copies 'many': expected a number from 0 to 100",
        "cases.csv line 2: ish_cells '0': expected a whole number of at least 1",
        "cases.csv line 2: annotations none.geojson is not a file; expected a path relative to the table",
        "cases.csv line 3: slide none.svs is not a file; expected a path relative to the table",
        "cases.csv line 4: case_id is empty; expected a value",
        "cases.csv line 5: slide is empty; expected a value",
        "cases.csv line 6: case_id '../4': cannot name a folder; expected an id without slashes or control characters",
        "cases.csv line 7: more cells than columns; expected one cell a column. Quote cells that hold commas.",
    ]


def test_rows_of_a_case_must_agree(folder: Path) -> None:
    """What belongs to the case has one value; an empty cell agrees with everything."""
    write_table(
        folder,
        """
        case_id,slide,ish,specimen
        1,a.svs,amplified,
        2,c.NDPI,unknown,
        1,b.tif,not-amplified,biopsy
        """,
    )

    assert faults_of(folder) == [
        "cases.csv line 4: case 1 has ish not-amplified, but amplified in cases.csv line 2; expected one value a case"
    ]


def test_a_slide_named_twice(folder: Path) -> None:
    """In one table, by different spellings, or in several inputs: a slide is scored once."""
    write_table(folder, "case_id,slide\n1,a.svs\n2,./a.svs")
    assert faults_of(folder) == ["a.svs: named 2 times; expected each slide once. Remove the repeated rows or paths."]

    other = write_table(folder, "case_id,slide\n1,b.tif", "other.csv")
    assert faults_of(folder / "b.tif", other) == [
        "b.tif: named 2 times; expected each slide once. Remove the repeated rows or paths."
    ]


def test_a_case_id_used_by_several_inputs(folder: Path) -> None:
    """Two slides of one stem, or a table and a slide, would write into one folder."""
    (folder / "a.tif").write_bytes(b"x")

    assert faults_of(folder / "a.svs", folder / "a.tif") == [
        "a: 2 cases of this id, in any letter case (a.svs, a.tif); expected one. "
        "Rename a file, or name several slides of a case in cases.csv."
    ]


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("case_id,slide,stage,mpp ,grade", "unknown column 'stage', 'grade'"),
        ("case_id,mpp", "missing column 'slide'"),
        ("case_id,slide,mpp,mpp", "repeated column 'mpp'"),
        ("", "missing column 'case_id', 'slide'"),
    ],
)
def test_a_bad_header_lists_the_known_columns(folder: Path, header: str, fault: str) -> None:
    """The fault, and every column there may be."""
    write_table(folder, f"{header}\n1,a.svs")

    lines = faults_of(folder)

    assert lines[0].startswith(f"cases.csv line 1: {fault}; expected comma-separated columns of: case_id, slide, role")
    assert all(column.name in lines[0] for column in COLUMNS)


def test_a_semicolon_table_is_told_to_use_commas(folder: Path) -> None:
    """Spreadsheets of some countries write semicolons."""
    write_table(folder, "case_id;slide\n1;a.svs")

    assert any("comma-separated" in line for line in faults_of(folder))


def test_a_table_that_is_no_text(folder: Path) -> None:
    """A spreadsheet renamed to .csv is told in one line."""
    (folder / "cases.csv").write_bytes(b"PK\x03\x04\xff\xfe")

    assert len(faults_of(folder)) == 1
    assert "not a readable table" in faults_of(folder)[0]


def test_nothing_to_score(tmp_path: Path) -> None:
    """No such path, an empty folder and a table without rows, all told together."""
    (tmp_path / "empty").mkdir()
    table = write_table(tmp_path, "case_id,slide")

    assert faults_of(table, tmp_path / "none", tmp_path / "empty")[0].startswith("cases.csv: the table has no rows")
    assert faults_of(table, tmp_path / "none", tmp_path / "empty")[1].startswith("none: no such file or folder")
    assert faults_of(table, tmp_path / "none", tmp_path / "empty")[2].startswith("empty: no slides in the folder")


@pytest.mark.parametrize("case_id", [".", "..", "a/b", "a\\b", "a\tb"])
def test_ids_that_cannot_name_a_folder(folder: Path, case_id: str) -> None:
    """An id becomes a folder of the results."""
    write_table(folder, f"case_id,slide\n{case_id},a.svs")

    assert "cannot name a folder" in faults_of(folder)[0]


def test_nothing_is_known_that_was_not_said(folder: Path) -> None:
    """Specimen and organ are not made up."""
    (case,) = find_cases([folder / "a.svs"])

    assert (case.specimen, case.organ, case.timepoint) == (None, None, None)


@pytest.mark.parametrize("role", ["her2", "he"])
@pytest.mark.parametrize("name", ["a.svs", "A.SVS"])
def test_two_slides_of_one_name_in_a_case(folder: Path, role: str, name: str) -> None:
    """They would overwrite each other's files, in any letter case and whatever their roles."""
    (folder / "second").mkdir()
    (folder / "second" / name).write_bytes(b"y")
    write_table(folder, f"case_id,slide,role\n1,a.svs,her2\n1,second/{name},{role}")

    assert faults_of(folder) == [
        f"cases.csv line 3: case 1 has slide {name}, but a.svs in cases.csv line 2;"
        " expected different file names within a case, in any letter case. Rename one."
    ]


def test_slides_of_one_name_in_two_cases(folder: Path) -> None:
    """Each case has a folder of its own, so they do not meet."""
    (folder / "second").mkdir()
    (folder / "second" / "a.svs").write_bytes(b"y")
    write_table(folder, "case_id,slide\n1,a.svs\n2,second/a.svs")

    assert [case.case_id for case in find_cases([folder])] == ["1", "2"]


def test_a_slide_named_twice_in_one_case_is_told_once(folder: Path) -> None:
    """It is one slide, not two of one name."""
    write_table(folder, "case_id,slide\n1,a.svs\n1,./a.svs")

    assert faults_of(folder) == ["a.svs: named 2 times; expected each slide once. Remove the repeated rows or paths."]


def test_a_case_without_her2_slide(folder: Path) -> None:
    """It cannot be scored, which is told with the other faults; a role that cannot be read is told once."""
    write_table(
        folder,
        """
        case_id,slide,role
        1,a.svs,he
        1,b.tif,control
        2,c.NDPI,IHC
        """,
    )

    assert faults_of(folder) == [
        "cases.csv line 4: role 'IHC': expected her2 or he or control",
        "cases.csv line 2: case 1 has no slide with the role her2; expected at least one. Correct the role column.",
    ]


@pytest.mark.parametrize("copies", ["0", "0.0", "-0", "1e-400", "-1", "nan", "inf"])
def test_cep17_copies_that_have_no_ratio(folder: Path, copies: str) -> None:
    """HER2 is divided by them: what the scorer would refuse is refused in the table."""
    write_table(folder, f"case_id,slide,her2_copies,cep17_copies\n1,a.svs,4,{copies}")

    assert faults_of(folder) == [f"cases.csv line 2: cep17_copies {copies!r}: expected a number from 0.1 to 100"]
    with pytest.raises(UsageError):
        read_ish(IshData(her2_copies=4.0, cep17_copies=float(copies)), RULE_SETS["yagi-2019"].ish_rule)


def test_the_least_copies_that_can_be_read(folder: Path) -> None:
    """No HER2 signal is a result; what the table lets through the scorer takes."""
    write_table(folder, "case_id,slide,her2_copies,cep17_copies\n1,a.svs,0,0.1")

    (case,) = find_cases([folder])

    assert case.ish == IshData(her2_copies=0.0, cep17_copies=0.1)
    assert read_ish(case.ish, RULE_SETS["yagi-2019"].ish_rule).result is IshResult.NOT_AMPLIFIED


def test_semicolons_are_named(tmp_path: Path) -> None:
    """A table saved with semicolons is told what it is, not that its columns are unknown."""
    (tmp_path / "cases.csv").write_text("case_id;slide\na;a.svs\n")

    with pytest.raises(UsageError, match="semicolons; expected commas"):
        find_cases([tmp_path / "cases.csv"])


def test_a_broken_link_in_a_folder_is_told(tmp_path: Path) -> None:
    """A slide that is a link to nothing is a fault, not a slide less."""
    (tmp_path / "lost.svs").symlink_to(tmp_path / "nowhere.svs")

    with pytest.raises(UsageError, match=r"lost\.svs: a link to nothing"):
        find_cases([tmp_path])


def test_ids_that_differ_in_letter_case_alone(folder: Path) -> None:
    """Their folders would be one on some file systems: in a table with both lines, among files with both names."""
    (folder / "A.tif").write_bytes(b"x")
    assert faults_of(folder / "a.svs", folder / "A.tif") == [
        "a and A: 2 cases of this id, in any letter case (a.svs, A.tif); expected one."
        " Rename a file, or name several slides of a case in cases.csv."
    ]
    write_table(folder, "case_id,slide\np1,a.svs\nP1,b.tif")
    (found,) = faults_of(folder)
    assert found.startswith("cases.csv line 3: case P1, but p1 in cases.csv line 2; expected one spelling.")


def test_microns_per_pixel_as_slide_libraries_print_them(folder: Path) -> None:
    """All their digits are let through."""
    write_table(folder, "case_id,slide,mpp\n1,a.svs,0.22094488188976378")
    assert find_cases([folder])[0].slides[0].mpp == 0.22094488188976378


def test_names_that_are_too_long(folder: Path) -> None:
    """Of a path and of a slide in a table; neither ends in a traceback."""
    with pytest.raises(UsageError, match="no such file or folder"):
        find_cases([folder / ("x" * 300)])
    write_table(folder, f"case_id,slide\n1,{'x' * 300}.svs")
    assert "is not a file; expected a path relative to the table" in faults_of(folder)[0]
