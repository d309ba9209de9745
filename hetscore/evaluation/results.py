"""A folder written by ``hetscore score`` -> its cases and the cells of their slides, as far as truth can judge them.

What a report shows beside that is not read here. Positions stay in level-0 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import CaseLabel, FragmentRole, Her2Score, Her2Status
from hetscore.errors import UsageError
from hetscore.evaluation.tables import as_polygons, check_cells, read_csv, read_json, read_parquet

REMEDY = "Score the slides again."

SCORES = {score.label: score for score in Her2Score}
"""By its name in tables: 0, 1+, 2+, 3+."""


@dataclass(frozen=True)
class FoundFragment:
    """One fragment as scored."""

    id: int
    score: Her2Score | None
    """None where it could not be scored, as without tumor."""
    area_mm2: float = math.nan
    """Not known in results of old versions."""


@dataclass(frozen=True)
class FoundSlide:
    """The cells found on one slide, as columns of length n."""

    slide: str
    """Name of the slide's file."""
    mpp: float
    """Microns per level-0 pixel; NaN where not known, then there are no cells."""
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Centroid of the nucleus, level-0 pixels."""
    p_tumor: NDArray[np.float64]
    membrane_class: NDArray[np.int8]
    fragment: NDArray[np.int64]
    fragments: tuple[FoundFragment, ...]
    """Of the sample; controls and excluded pieces are left out."""
    outlines: NDArray[np.object_] | None = None
    """Shape of each whole cell, None for a cell that has none; None in place of all where nobody asked for them."""

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class FoundCase:
    """One case as labeled."""

    case_id: str
    folder: Path
    label: CaseLabel
    literal_label: CaseLabel
    is_automatic: bool
    """False where a reader settled the label."""
    ihc_score: Her2Score | None
    status: Her2Status
    slides: Mapping[str, float]
    """Name of each slide's file -> microns per level-0 pixel, NaN where not known."""


def read_cases(folder: Path) -> tuple[FoundCase, ...]:
    """Read what is said of every case of a folder of results, in the order of their ids.

    Parameters
    ----------
    folder : Path
        As given to ``hetscore score --out``.

    Returns
    -------
    tuple of FoundCase
        One a case; cases that failed have no file and are not among them.

    Raises
    ------
    UsageError
        If the folder holds no case, or a case.json is not what it should be.
    """
    paths = sorted(folder.glob("cases/*/case.json"))
    if not paths:
        msg = f"{folder}: no cases/<case_id>/case.json in it; expected a folder written by hetscore score. Check it."
        raise UsageError(msg)
    return tuple(_read_case(path) for path in paths)


def _read_case(path: Path) -> FoundCase:
    record = read_json(path, REMEDY)
    try:
        slides = [(Path(slide["path"]).name, slide["mpp"]) for slide in record["provenance"]["slides"]]
        score = record["her2"]["ihc_score"]
        case = FoundCase(
            case_id=record["case_id"],
            folder=path.parent,
            label=CaseLabel(record["label"]),
            literal_label=CaseLabel(record["literal_label"]),
            is_automatic=record["label_basis"] == "automatic",
            ihc_score=None if score is None else SCORES[score],
            status=Her2Status(record["her2"]["status"]),
            slides={name: float("nan") if mpp is None else float(mpp) for name, mpp in slides},
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{path}: {type(error).__name__} {error}; expected a case.json of this version. {REMEDY}"
        raise UsageError(msg) from None
    if len(case.slides) < len(slides):
        names = ", ".join(name for name, _ in slides)
        msg = f"{path}: slides of the same name ({names}); expected distinct names, or cells cannot be told apart."
        raise UsageError(f"{msg} Rename the slides and score them again.")
    return case


_COLUMNS = ("slide", "x", "y", "p_tumor", "membrane_class", "fragment")


def read_slides(case: FoundCase, wanted: Container[str], *, with_outlines: bool) -> Iterator[FoundSlide]:
    """Read the cells of a case, slide by slide.

    Parameters
    ----------
    case : FoundCase
        The case.
    wanted : container of str
        Names of slides' files; the others are passed over.
    with_outlines : bool
        Whether the outlines, which are most of the file, are read too.

    Yields
    ------
    FoundSlide
        In the order of `case.slides`; a slide without tissue has no cells.

    Raises
    ------
    UsageError
        If a file of the case is absent or not what it should be.
    """
    path = case.folder / "cells.parquet"
    cells = read_parquet(path, _COLUMNS, REMEDY, nullable=("outline",) if with_outlines else ())
    check_cells(path, cells, REMEDY)
    if with_outlines:
        cells["outline"] = as_polygons(path, cells["outline"], REMEDY)
    fragments = _read_fragments(case.folder / "fragments.csv")
    for slide, mpp in case.slides.items():
        rows = cells["slide"] == slide
        if slide not in wanted:
            continue
        if rows.any() and not mpp > 0:
            msg = f"{case.folder / 'case.json'}: slide {slide} has cells and no mpp; expected microns per pixel."
            raise UsageError(f"{msg} {REMEDY}")
        yield _slide(slide, mpp, {name: column[rows] for name, column in cells.items()}, fragments.get(slide, ()))


def _slide(slide: str, mpp: float, cells: dict[str, NDArray[Any]], fragments: tuple[FoundFragment, ...]) -> FoundSlide:
    return FoundSlide(
        slide=slide,
        mpp=mpp,
        x=cells["x"].astype(np.float64),
        y=cells["y"].astype(np.float64),
        p_tumor=cells["p_tumor"].astype(np.float64),
        membrane_class=cells["membrane_class"].astype(np.int8),
        fragment=cells["fragment"].astype(np.int64),
        fragments=fragments,
        outlines=cells.get("outline"),
    )


def _read_fragments(path: Path) -> dict[str, tuple[FoundFragment, ...]]:
    found: dict[str, tuple[FoundFragment, ...]] = {}
    for row in read_csv(path, ("slide", "fragment", "role", "score"), REMEDY):
        if row["role"] != FragmentRole.SAMPLE:
            continue
        try:
            score = SCORES[row["score"]] if row["score"] else None
            fragment = FoundFragment(int(row["fragment"]), score, float(row.get("area_mm2") or math.nan))
        except (KeyError, ValueError) as error:
            raise UsageError(f"{path}: {error}; expected a fragment's number and score. {REMEDY}") from None
        found[row["slide"]] = (*found.get(row["slide"], ()), fragment)
    return found
