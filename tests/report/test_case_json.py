"""case.json: keys, values, schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from hetscore.domain import (
    CaseResult,
    Decision,
    FragmentMatch,
    Her2Score,
    IshReading,
    IshResult,
    MppSource,
    Registration,
)
from hetscore.report import case_json
from hetscore.report.document import CaseDocument, case_schema
from tests.report.builders import SLIDE, empty_result, small_result

SCHEMA = Path(case_json.__file__).with_name("case.schema.json")


def document(result: CaseResult) -> dict[str, Any]:
    """Give case.json as plain values."""
    parsed: dict[str, Any] = json.loads(case_json.case_text(case_json.case_document(result)))
    return parsed


def test_golden(golden: Callable[[str, str], None]) -> None:
    """The whole file, as a reader sees it."""
    golden("report/case.json", case_json.case_text(case_json.case_document(small_result())))


def test_golden_of_an_empty_case(golden: Callable[[str, str], None]) -> None:
    """A case of which nothing is known has the same keys, with null and nothing."""
    golden("report/case-empty.json", case_json.case_text(case_json.case_document(empty_result())))


def test_published_schema_is_the_one_of_the_records(request: pytest.FixtureRequest) -> None:
    """case.schema.json is what the records say; --update-golden writes it anew."""
    text = json.dumps(case_schema(), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-golden"):
        SCHEMA.write_text(text, encoding="utf-8", newline="\n")

    assert SCHEMA.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("result", [small_result(), empty_result()], ids=["small", "empty"])
def test_valid_by_the_published_schema(result: CaseResult) -> None:
    """What is written passes the published schema, which itself is a schema."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.Draft202012Validator(schema).validate(document(result))


@pytest.mark.parametrize(
    ("key", "value"),
    [("label", "homo"), ("schema", "hetscore/case/2"), ("provisional", "perhaps"), ("flags", ["Two Words"])],
)
def test_schema_refuses(key: str, value: object) -> None:
    """A value that the design does not know is no case.json."""
    wrong = document(small_result()) | {key: value}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads(SCHEMA.read_text(encoding="utf-8")))
    with pytest.raises(ValidationError):
        CaseDocument.model_validate(wrong)


def test_read_back_gives_the_same_text(tmp_path: Path) -> None:
    """Reading and writing again changes nothing, not even keys that this version does not know."""
    (path,) = case_json.write(small_result(), tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:-3] + ',\n  "signed_by": "somebody"\n}\n', encoding="utf-8")

    again = case_json.case_text(case_json.read_case_json(path))

    assert again == path.read_text(encoding="utf-8")


def test_fragments_without_tumor_do_not_vote() -> None:
    """Three fragments, two with tumor, one of them 3+; the control is not among them."""
    assert document(small_result())["fragments"] == {
        "total": 3,
        "with_tumor": 2,
        "score_2plus_or_3plus": 1,
        "score_3plus": 1,
        "not_assessable": 1,
    }


def test_cells_add_up() -> None:
    """Scored and unscored tumor cells together are the tumor cells."""
    cells = document(small_result())["cells"]

    assert cells["tumor"] == cells["unscored"] + sum(cells["by_class"].values()) == 23
    assert list(cells["by_class"]) == ["0", "1+", "2+", "3+"]


def test_cells_of_fragments_that_do_not_vote_are_counted_apart() -> None:
    """Tumor cells the label does not rest on are told, and are in no other count."""
    score = small_result().score
    silent = replace(score.fragments[1], is_assessable=False, score=None)
    result = replace(small_result(), score=replace(score, fragments=(score.fragments[0], silent)))

    cells = document(result)["cells"]

    assert (cells["total"], cells["tumor"], cells["unscored"], cells["tumor_not_voting"]) == (23, 12, 0, 11)
    assert cells["by_class"] == {"0": 0, "1+": 0, "2+": 2, "3+": 10}


def test_largest_negative_cluster_is_zero_or_unknown() -> None:
    """No negative cluster is 0; where no fragment votes there is nothing to say."""
    fragments = small_result().score.fragments
    clean = replace(small_result(), score=replace(small_result().score, fragments=fragments[:1]))

    assert document(clean)["evidence"]["largest_negative_cluster"] == 0
    assert document(empty_result())["evidence"]["largest_negative_cluster"] is None


def test_negative_clusters_of_fragments_that_do_not_vote_do_not_count() -> None:
    """A fragment that is not assessable adds nothing to the evidence."""
    score = small_result().score
    silent = replace(score.fragments[1], is_assessable=False, score=None)
    result = replace(small_result(), score=replace(score, fragments=(score.fragments[0], silent)))

    assert document(result)["evidence"]["largest_negative_cluster"] == 0


def test_score_zero_is_not_none() -> None:
    """IHC 0 is a score; null is none."""
    zero = replace(small_result(), score=replace(small_result().score, score=Her2Score.ZERO))

    assert document(zero)["her2"]["ihc_score"] == "0"
    assert document(empty_result())["her2"]["ihc_score"] is None


def test_sensitivity_is_told_row_by_row() -> None:
    """A variant with its label, its score and how many cells it moved; a case without a panel has no row."""
    rows = document(small_result())["sensitivity"]

    assert [(row["variant"], row["label"], row["label_changed"]) for row in rows] == [
        ("dab-weaker", "hetero-HER2", False),
        ("dab-stronger", "homo-HER2", True),
    ]
    assert (rows[1]["ihc_score"], rows[1]["status"], rows[1]["changed_cells"]) == ("3+", "positive", 1234)
    assert document(empty_result())["sensitivity"] == []


def test_a_case_written_before_the_panel_is_read() -> None:
    """Keys may be added to a schema, so a file without this one is still a case.json."""
    old = document(small_result())
    del old["sensitivity"]

    assert CaseDocument.model_validate(old).sensitivity == []


def test_ish_says_how_it_was_read() -> None:
    """Copies stand beside the result, and the row that read them."""
    row = Decision("amplified", "ratio", "HER2/CEP17 of at least 2 is amplified.")
    ish = IshReading(IshResult.AMPLIFIED, row, n_cells=20, her2_copies=Fraction("8.5"), cep17_copies=Fraction(2))
    result = replace(small_result(), score=replace(small_result().score, ish=ish))

    her2 = document(result)["her2"]

    assert (her2["ish"], her2["her2_copies"], her2["cep17_copies"], her2["ish_cells"]) == ("amplified", 8.5, 2.0, 20)
    assert her2["decided_by"]["ish"]["rule"] == "ratio"


def test_flags_of_case_and_slides_once_in_the_order_of_the_registry() -> None:
    """Flags are joined without repetition."""
    flagged = replace(small_result().slides[0], flags=("dropped-specks", "uncalibrated"))

    flags = document(replace(small_result(), slides=(flagged,)))["flags"]

    assert flags == ["limited-sampling", "label-sensitive", "uncalibrated", "dropped-specks"]


def test_coverage_is_summed_over_slides() -> None:
    """Two slides double every area and every count."""
    slide = replace(small_result().slides[0], failed_tiles=("tile 7: truncated",))

    coverage = document(replace(small_result(), slides=(slide, slide)))["coverage"]

    assert coverage["tissue_mm2"] == 0.1
    assert coverage["excluded_mm2"] == {"control": 0.025}
    assert coverage["dropped_pieces"] == {"speck": 6}
    assert coverage["failed_tiles"] == ["tile 7: truncated"] * 2


def test_settings_become_plain() -> None:
    """Paths, tuples, enumerations and mappings in the settings become what JSON knows."""
    provenance = replace(small_result().provenance, settings={"a": {"b": (MppSource.FILE, Path("x") / "y")}})

    assert document(replace(small_result(), provenance=provenance))["provenance"]["settings"] == {
        "a": {"b": ["file", "x/y"]}
    }


def test_a_slide_without_resolution_is_null() -> None:
    """Unknown microns per pixel are null, never 0."""
    slide = small_result().slides[0]
    unknown = replace(slide, info=replace(slide.info, mpp=None, mpp_source=None))

    (record,) = document(replace(small_result(), slides=(unknown,)))["provenance"]["slides"]

    assert (record["mpp"], record["mpp_source"]) == (None, None)
    assert record["path"] == f"slides/{SLIDE}"


def test_a_refused_match_gives_no_transform() -> None:
    """Of a registration that fragment's row says why, and the other's where it lies, rounded."""
    affine = np.array([[0.0, -1.00000049, 90.04], [1.0, 0.0, 7.0]])
    matches = (
        FragmentMatch(1, affine, 4.44, 9.06, 0.95, 40),
        FragmentMatch(2, affine, None, None, 0.1, 4, "too small to be matched"),
    )
    result = replace(small_result(), registrations=(Registration("her2.tif", "he.tif", matches),))

    (record,) = case_json.case_document(result).registrations

    kept, refused = record.matches
    assert (kept.affine, kept.error_um, kept.error_p90_um) == ([[0.0, -1.0, 90.04], [1.0, 0.0, 7.0]], 4.4, 9.1)
    assert (refused.affine, refused.refused_because) == (None, "too small to be matched")
    assert record.refused_because == "fragment 2: too small to be matched"
