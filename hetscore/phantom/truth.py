"""What is true of a phantom case: every cell, and the label that follows from them by the literal rule.

The rule is written here a second time on purpose, from the paper and not from `hetscore.scoring`: truth must not be
made by what it is meant to test.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hetscore.domain import CaseLabel, Her2Score, Her2Status, IshResult, MembraneClass
from hetscore.phantom.tissue import FragmentTissue

LEAST_CLUSTER = 5
"""Tumor cells in contact that make a score in a biopsy (FDA gastric table; Yagi et al. 2019, Methods)."""


@dataclass(frozen=True)
class FragmentTruth:
    """The cells of one fragment that show a nucleus, as columns of length n."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Centroid of the nucleus, level-0 pixels of the slide."""
    is_tumor: NDArray[np.bool_]
    membrane_class: NDArray[np.int8]
    """`MembraneClass`; UNSCORED on cells that are not tumor."""
    pattern: NDArray[np.int8]
    """`MembranePattern`."""
    contacts: NDArray[np.int64]
    """(m, 2) rows of cells that touch."""

    @property
    def n_tumor(self) -> int:
        """Tumor cells."""
        return int(np.count_nonzero(self.is_tumor))


@dataclass(frozen=True)
class CaseTruth:
    """One row of truth/cases.csv."""

    case_id: str
    label: CaseLabel
    literal_label: CaseLabel
    """Equal to `label`: no cell of the truth is misread."""
    ihc_score: Her2Score | None
    """None without tumor."""
    status: Her2Status
    fragments: int
    fragments_with_tumor: int
    tumor_cells: int


def fragment_truth(tissue: FragmentTissue, offset_xy: tuple[int, int], shrink: int) -> FragmentTruth:
    """Take the truth from a fragment painted at `shrink` times the slide's resolution and put at `offset_xy` on it."""
    rows = np.flatnonzero(tissue.has_nucleus)
    row_of = np.full(len(tissue.x), -1)
    row_of[rows] = np.arange(len(rows))
    contacts = row_of[tissue.contacts]
    return FragmentTruth(
        x=tissue.x[rows] / shrink + offset_xy[0],
        y=tissue.y[rows] / shrink + offset_xy[1],
        is_tumor=tissue.is_tumor[rows],
        membrane_class=tissue.membrane_class[rows],
        pattern=tissue.pattern[rows],
        contacts=contacts[(contacts >= 0).all(axis=1)],
    )


def judge_case(case_id: str, ish: IshResult, fragments: Sequence[FragmentTruth]) -> CaseTruth:
    """Label a case by the literal rule.

    Parameters
    ----------
    case_id : str
        Name of the case.
    ish : IshResult
        Result of in-situ hybridization.
    fragments : sequence of FragmentTruth
        All fragments.

    Returns
    -------
    CaseTruth
        Positive is 3+, or 2+ and amplified. A positive case is homo-HER2 if and only if every tumor cell of every
        fragment is 2+ or 3+; fragments without tumor do not vote.

    References
    ----------
    .. [1] Yagi S et al., "Clinical significance of intratumoral HER2 heterogeneity on trastuzumab efficacy using
       endoscopic biopsy specimens in patients with advanced HER2 positive gastric cancer", Gastric Cancer 22, 2019.
    """
    scores = [biopsy_score(fragment) for fragment in fragments if fragment.n_tumor]
    score = max(scores) if scores else None
    status = _status(score, ish)
    label = _label(status, fragments)
    n_tumor = sum(fragment.n_tumor for fragment in fragments)
    return CaseTruth(case_id, label, label, score, status, len(fragments), len(scores), n_tumor)


def biopsy_score(fragment: FragmentTruth) -> Her2Score:
    """Score a fragment: the highest class that five tumor cells in contact reach."""
    for score in (Her2Score.THREE_PLUS, Her2Score.TWO_PLUS, Her2Score.ONE_PLUS):
        if largest_cluster(fragment, int(score)) >= LEAST_CLUSTER:
            return score
    return Her2Score.ZERO


def largest_cluster(fragment: FragmentTruth, least: int) -> int:
    """Size of the largest group of touching tumor cells of at least class `least`; 0 if there is none."""
    member = fragment.is_tumor & (fragment.membrane_class >= least)
    pairs = fragment.contacts[member[fragment.contacts].all(axis=1)]
    n = len(member)
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, group = connected_components(graph, directed=False)
    return int(np.bincount(group[member]).max()) if member.any() else 0


def _status(score: Her2Score | None, ish: IshResult) -> Her2Status:
    if score is None:
        return Her2Status.NOT_ASSESSABLE
    if score is Her2Score.TWO_PLUS and ish is IshResult.UNKNOWN:
        return Her2Status.EQUIVOCAL
    is_positive = score is Her2Score.THREE_PLUS or (score is Her2Score.TWO_PLUS and ish is IshResult.AMPLIFIED)
    return Her2Status.POSITIVE if is_positive else Her2Status.NEGATIVE


def _label(status: Her2Status, fragments: Sequence[FragmentTruth]) -> CaseLabel:
    if status is Her2Status.NOT_ASSESSABLE:
        return CaseLabel.NOT_ASSESSABLE
    if status is not Her2Status.POSITIVE:
        return CaseLabel.NOT_APPLICABLE
    is_homo = all((f.membrane_class[f.is_tumor] >= MembraneClass.MODERATE).all() for f in fragments)
    return CaseLabel.HOMO if is_homo else CaseLabel.HETERO


def write_cells(path: Path, fragments: Sequence[FragmentTruth]) -> None:
    """Write truth/<slide>.cells.parquet: x, y, fragment (1..n), is_tumor, membrane_class, pattern."""
    ids = [np.full(len(f.x), i + 1, np.int32) for i, f in enumerate(fragments)]
    columns = {
        name: np.concatenate([getattr(f, name) for f in fragments])
        for name in ("x", "y", "is_tumor", "membrane_class", "pattern")
    }
    order = ("x", "y", "fragment", "is_tumor", "membrane_class", "pattern")
    columns["fragment"] = np.concatenate(ids)
    pq.write_table(pa.table({name: columns[name] for name in order}), path)


CASE_COLUMNS = (
    "case_id",
    "label",
    "literal_label",
    "ihc_score",
    "status",
    "fragments",
    "fragments_with_tumor",
    "tumor_cells",
)
"""Of truth/cases.csv."""


def write_case_rows(path: Path, rows: Sequence[CaseTruth], columns: Sequence[str] = CASE_COLUMNS) -> None:
    """Write a table of cases; the score as 0, 1+, 2+, 3+ or empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_text(getattr(row, column)) for column in columns])


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.label if isinstance(value, Her2Score) else str(value)
