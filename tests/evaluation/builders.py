"""Small results and truths: columns for the measures, and whole folders as `score` and `phantom` write them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from hetscore.evaluation.detection import Comparison
from hetscore.evaluation.results import FoundFragment, FoundSlide
from hetscore.evaluation.truth import SlideTruth

MPP = 0.25
"""So that the radius of 3 um is 12 px."""

OTHER_KINDS = {"n": -1, "f": 2, "l": 3, "p": 5, "m": 6}
"""Cells that are no tumor cells, and their types: nobody told, fibroblast, lymphocyte, plasma and muscle cell."""

Row = Mapping[str, Any]


def found_at(xy: Sequence[tuple[float, float]], **columns: Any) -> FoundSlide:  # noqa: ANN401 - handed on as it is
    """Make cells found at places, all 3+ tumor cells of fragment 1 unless said."""
    n = len(xy)
    places = np.array(xy, float).reshape(-1, 2)
    standard: dict[str, Any] = {
        "p_tumor": np.ones(n),
        "membrane_class": np.full(n, 3, np.int8),
        "fragment": np.ones(n, np.int64),
        "fragments": (FoundFragment(1, None),),
    }
    return FoundSlide("a.tif", MPP, places[:, 0], places[:, 1], **(standard | columns))


def truth_at(xy: Sequence[tuple[float, float]], **columns: Any) -> SlideTruth:  # noqa: ANN401 - handed on as it is
    """Make true cells at places, all 3+ tumor cells unless said."""
    n = len(xy)
    places = np.array(xy, float).reshape(-1, 2)
    standard = {
        "is_tumor": np.ones(n, bool),
        "membrane_class": np.full(n, 3, np.int8),
        "is_sure": np.ones(n, bool),
    }
    return SlideTruth(places[:, 0], places[:, 1], **(standard | columns))


def squares(corners: Sequence[tuple[float, float] | None], side: float = 10.0) -> NDArray[np.object_]:
    """Make squares with these upper left corners, nothing for None."""
    return np.array([None if at is None else shapely.box(*at, at[0] + side, at[1] + side) for at in corners], object)


def comparison(text: str) -> Comparison:
    """Make a comparison from words: true class (0-3, or of `OTHER_KINDS`), then what was found: class, p in tenths.

    ``03:9`` is a cell of class 0 taken for 3+ with p 0.9; ``n0:1`` another cell with p 0.1; ``2`` a 2+ cell missed;
    ``2u:8`` one found and not scored.
    """
    words = text.split()
    found = np.array([len(word) > 1 for word in words], bool)
    called = [-1 if len(word) == 1 or word[1] == "u" else int(word[1]) for word in words]
    return Comparison(
        is_tumor=np.array([word[0] not in OTHER_KINDS for word in words], bool),
        membrane_class=np.array([-1 if word[0] in OTHER_KINDS else int(word[0]) for word in words], np.int8),
        is_found=found,
        p_tumor=np.array([float(word[3:]) / 10 if len(word) > 1 else np.nan for word in words], float),
        called_class=np.array(called, np.int8),
        found_fragment=found.astype(np.int64),
        cell_type=np.array([OTHER_KINDS.get(word[0], 0) for word in words], np.int8),
        n_false=0,
        n_neutral=0,
        n_unsure=0,
    )


def write_results(
    folder: Path,
    cells: Sequence[Row],
    fragments: Sequence[Row] = (),
    *,
    case_id: str = "a",
    slide: str = "a.tif",
    outlines: NDArray[np.object_] | None = None,
    **record: Any,  # noqa: ANN401 - keys of case.json
) -> None:
    """Write one case as `hetscore score` does; `cells` are rows of x, y, p, class and fragment."""
    case = folder / "cases" / case_id
    case.mkdir(parents=True)
    document = {
        "case_id": case_id,
        "label": "homo-HER2",
        "literal_label": "hetero-HER2",
        "label_basis": "automatic",
        "her2": {"ihc_score": "3+", "status": "positive"},
        "provenance": {"slides": [{"path": f"scans/{slide}", "mpp": MPP}]},
    }
    (case / "case.json").write_text(json.dumps(document | record), encoding="utf-8")
    write_csv(
        case / "fragments.csv",
        ("slide", "fragment", "role", "score"),
        [{"slide": slide, "role": "sample"} | dict(row) for row in fragments],
    )
    columns: dict[str, Any] = {
        "slide": np.array([slide] * len(cells), object),
        "x": np.array([row["x"] for row in cells], np.float64),
        "y": np.array([row["y"] for row in cells], np.float64),
        "p_tumor": np.array([row["p"] for row in cells], np.float32),
        "membrane_class": np.array([row["class"] for row in cells], np.int8),
        "fragment": np.array([row["fragment"] for row in cells], np.int32),
    }
    if outlines is not None:
        columns["outline"] = shapely.to_wkb(outlines)
    pq.write_table(pa.table(columns), case / "cells.parquet")


def write_phantom_truth(
    folder: Path, cells: Sequence[Row], *, slide: str = "a", outlines: NDArray[np.object_] | None = None, **case: str
) -> None:
    """Write the truth of one case as `hetscore phantom` does; `cells` are rows of x, y, kind, fragment.

    The kind is 0-3 or one of `OTHER_KINDS`. Where all types are told, the file has the column `type`.
    """
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    kinds = [str(row["kind"]) for row in cells]
    columns: dict[str, Any] = {
        "x": np.array([row["x"] for row in cells], np.float64),
        "y": np.array([row["y"] for row in cells], np.float64),
        "fragment": np.array([row["fragment"] for row in cells], np.int32),
        "is_tumor": np.array([kind not in OTHER_KINDS for kind in kinds], bool),
        "membrane_class": np.array([-1 if kind in OTHER_KINDS else int(kind) for kind in kinds], np.int8),
        "pattern": np.zeros(len(cells), np.int8),
    }
    types = [OTHER_KINDS.get(kind, 0) for kind in kinds]
    if min(types, default=0) >= 0:
        columns["type"] = np.array(types, np.int8)
    if outlines is not None:
        columns["outline"] = shapely.to_wkb(outlines)
    pq.write_table(pa.table(columns), truth / f"{slide}.cells.parquet")
    row = {
        "case_id": slide,
        "label": "hetero-HER2",
        "literal_label": "hetero-HER2",
        "ihc_score": "3+",
        "status": "positive",
    }
    write_csv(truth / "cases.csv", tuple(row), [row | case])


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
