"""What is true: a phantom folder, where every cell is known, or a table of points read by people in some crops.

Both become the same nouns, in level-0 pixels. What a truth does not say is None or left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import CaseLabel, Her2Score, Her2Status
from hetscore.errors import UsageError
from hetscore.evaluation.results import SCORES
from hetscore.evaluation.tables import as_polygons, check_cells, read_csv, read_parquet
from hetscore.geometry import Box

CELL_TYPES = (
    "tumor",
    "foveolar",
    "fibroblast",
    "lymphocyte",
    "metaplastic",
    "plasma",
    "muscle",
    "endothelium",
    "neutrophil",
)
"""What a cell is, by the number that a phantom writes."""
TUMOR_TYPE = CELL_TYPES.index("tumor")
UNTYPED = -1
"""Nobody said what the cell is, beyond tumor or not."""


@dataclass(frozen=True)
class SlideTruth:
    """The true cells of one slide, as columns of length n, and where absence of a cell means something."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Center of the nucleus, level-0 pixels."""
    is_tumor: NDArray[np.bool_]
    membrane_class: NDArray[np.int8]
    """`MembraneClass`; UNSCORED where the cell is no tumor cell, or nobody read its membrane."""
    is_sure: NDArray[np.bool_]
    """False: a nucleus of which nothing is known or asked; whoever finds or misses it is neither right nor wrong."""
    fragment: NDArray[np.int64] | None = None
    """1..n on the slide, the same in all serial sections; below 1 on control cores. None where not known."""
    cell_type: NDArray[np.int8] | None = None
    """Place in `CELL_TYPES`; None where nobody told the types."""
    doubtful_xy: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    """(m, 2), level-0 pixels: places near which a find without a partner counts neither way."""
    read: tuple[Box, ...] | None = None
    """Where a find without a partner is wrong, level-0 pixels; None: everywhere."""
    outlines: NDArray[np.object_] | None = None
    """Shape of each whole cell, None for a cell of which only the nucleus is known; None in place of all where outlines
    are not known."""
    n_second_readings: int = 0
    """Points left out because another person's reading of the same crop is used."""

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class CaseTruth:
    """What is true of a case."""

    case_id: str
    label: CaseLabel
    literal_label: CaseLabel
    ihc_score: Her2Score | None
    """None without tumor."""
    status: Her2Status


@dataclass(frozen=True)
class Truth:
    """All that is known."""

    kind: str
    """phantom or points."""
    slides: Mapping[str, SlideTruth]
    """By the name of the slide's file without its suffix."""
    cases: Mapping[str, CaseTruth]
    """By case id; empty where no case was judged."""


CASE_COLUMNS = ("case_id", "label", "literal_label", "ihc_score", "status")
CELL_COLUMNS = ("x", "y", "fragment", "is_tumor", "membrane_class")
CELLS_SUFFIX = ".cells.parquet"
REMEDY = "Write the phantom again."


def read_phantom(folder: Path) -> Truth:
    """Read the truth of a phantom folder.

    Parameters
    ----------
    folder : Path
        Holds ``truth/cases.csv`` and ``truth/<slide>.cells.parquet``; columns that are not needed are passed over.

    Returns
    -------
    Truth
        Of every slide and case; each cell of the tissue is known, so whatever else is found is wrong. Outlines where
        the files have a column ``outline`` (WKB, level-0 pixels; empty where only the nucleus of a cell is known),
        types where they have a column ``type`` (places in `CELL_TYPES`).

    Raises
    ------
    UsageError
        If the folder is no phantom, or one of the files is not what it should be.
    """
    place = folder / "truth"
    paths = sorted(place.glob(f"*{CELLS_SUFFIX}"))
    if not paths:
        expected = (
            f"expected a folder written by hetscore phantom, with truth/<slide>{CELLS_SUFFIX}, or a CSV of points"
        )
        raise UsageError(f"{folder}: no true cells in it; {expected}. Give another --truth.")
    slides = {path.name.removesuffix(CELLS_SUFFIX): read_cells(path) for path in paths}
    return Truth("phantom", slides, _read_case_rows(place / "cases.csv"))


def read_cells(path: Path) -> SlideTruth:
    """Read one ``<slide>.cells.parquet``.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    SlideTruth
        Its cells. Those of control cores (fragment below 1) are no part of the sample, and those under an artefact
        (column ``artefact``, where there is one, above 0) nobody can judge, so that neither is asked for: they are not
        sure. What is done with such places shows in fragments and labels.

    Raises
    ------
    UsageError
        If the file is not what it should be.
    """
    columns = read_parquet(path, CELL_COLUMNS, REMEDY, optional=("artefact", "outline", "type"))
    classes = columns["membrane_class"]
    check_cells(path, columns, REMEDY)
    return SlideTruth(
        x=columns["x"].astype(np.float64),
        y=columns["y"].astype(np.float64),
        is_tumor=columns["is_tumor"].astype(np.bool_),
        membrane_class=classes.astype(np.int8),
        is_sure=(columns["fragment"] >= 1) & (columns.get("artefact", np.zeros(len(classes))) == 0),
        fragment=columns["fragment"].astype(np.int64),
        cell_type=_cell_types(path, columns["type"], columns["is_tumor"]) if "type" in columns else None,
        outlines=as_polygons(path, columns["outline"], REMEDY) if "outline" in columns else None,
    )


def _cell_types(path: Path, types: NDArray[Any], is_tumor: NDArray[Any]) -> NDArray[np.int8]:
    """Check the types; UsageError naming the first that is none, or that is not what `is_tumor` says."""
    is_known = np.isin(types, range(len(CELL_TYPES)))
    if not is_known.all():
        expected = f"0 ({CELL_TYPES[0]}) to {len(CELL_TYPES) - 1} ({CELL_TYPES[-1]})"
        raise UsageError(f"{path}: type {types[~is_known][0]}; expected {expected}. {REMEDY}")
    differs = (types == TUMOR_TYPE) != is_tumor
    if differs.any():
        seen = f"type {CELL_TYPES[int(types[differs][0])]} where is_tumor is {bool(is_tumor[differs][0])}"
        raise UsageError(f"{path}: {seen}; expected tumor where it is true, another type elsewhere. {REMEDY}")
    return types.astype(np.int8)


def _read_case_rows(path: Path) -> dict[str, CaseTruth]:
    cases = {}
    for row in read_csv(path, CASE_COLUMNS, REMEDY):
        try:
            cases[row["case_id"]] = CaseTruth(
                case_id=row["case_id"],
                label=CaseLabel(row["label"]),
                literal_label=CaseLabel(row["literal_label"]),
                ihc_score=SCORES[row["ihc_score"]] if row["ihc_score"] else None,
                status=Her2Status(row["status"]),
            )
        except (KeyError, ValueError) as error:
            msg = f"{path}: case {row['case_id']}: {error}; expected a label, a score and a status. {REMEDY}"
            raise UsageError(msg) from None
    return cases
