"""One row of a pathologist's table -> one fragment read by hand, or the sentence that says why it cannot be.

The numbers of a row must fit one another first, then its score must fit its counts under the guideline; what a score
and counts allow is decided in `scoring.by_hand`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from hetscore.batch.table import Faults, Row
from hetscore.domain import Her2Score
from hetscore.scoring.by_hand import HandFragment, bound_score, find_fault
from hetscore.scoring.guidelines import Counts, Guideline

CLASSES = ("class_0", "class_1plus", "class_2plus", "class_3plus")
CLUSTERS = ("largest_cluster_1plus", "largest_cluster_2plus", "largest_cluster_3plus")
PERCENT = "percent_2plus_or_3plus"
_ROUNDING = Fraction(1, 2)
"""Percent are given to the nearest whole one."""


def make_fragment(row: Row, guideline: Guideline, faults: Faults) -> HandFragment:
    """Make one fragment; of its faults the first is told, since the others may follow from it."""
    values = row.values
    nothing = HandFragment(values["fragment"], has_tumor=False)
    if not row.is_whole:
        return nothing
    fault = _find_row_fault(values) or _find_cluster_fault(values) or _find_small_fault(values, guideline)
    fragment = nothing if fault else _make(values)
    fault = fault or find_fault(fragment, guideline)
    if fault:
        faults.add(row.where, fault)
        return nothing
    return fragment


def find_percent_fault(percent: Fraction, fragments: Sequence[HandFragment], guideline: Guideline) -> str | None:
    """Say how the percent at the score contradicts the counts; None where it does not, or cannot be known to.

    Known is it of a case with one tumor fragment that is counted and stained. What is "at the score" may be read as the
    cells of just that class or of at least that class, of all tumor cells or of those that were classed: a percent
    between the least and the greatest of these is let through.
    """
    tumor = [fragment for fragment in fragments if fragment.has_tumor]
    if len(tumor) != 1 or tumor[0].counts is None:
        return None
    counts, (lowest, highest) = tumor[0].counts, bound_score(tumor[0], guideline)
    score = tumor[0].score if tumor[0].score is not None else lowest
    if score is Her2Score.ZERO or (tumor[0].score is None and lowest is not highest):
        return None
    least = 100 * Fraction(counts[score], sum(counts) + tumor[0].n_unscored)
    most = 100 * Fraction(sum(counts[score:]), sum(counts))
    if least - _ROUNDING <= percent <= most + _ROUNDING:
        return None
    allowed = " to ".join(dict.fromkeys(f"{float(share):.4g}" for share in (least, most)))
    said = f"percent_at_score {float(percent):g}, but by the counts {allowed} percent are {score.label}"
    return f"{said}; expected them to agree as far as rounded to 1 percent. Correct one, or leave it empty."


def _make(values: Mapping[str, Any]) -> HandFragment:
    counts = _counts(values)
    n_tumor = _count_tumor(values) or 0
    return HandFragment(
        name=values["fragment"],
        has_tumor=n_tumor > 0 or "score" in values,
        score=values.get("score"),
        counts=counts if counts and any(counts) else None,
        clusters=(values.get(CLUSTERS[0]), values.get(CLUSTERS[1]), values.get(CLUSTERS[2])),
        n_unscored=n_tumor - sum(counts) if counts else 0,
        percent_overexpressed=values.get(PERCENT),
    )


def _counts(values: Mapping[str, Any]) -> Counts | None:
    if CLASSES[0] not in values:
        return None
    none, faint, moderate, strong = (values[name] for name in CLASSES)
    return none, faint, moderate, strong


def _count_tumor(values: Mapping[str, Any]) -> int | None:
    """Tumor cells of a fragment; None where neither they nor their classes were counted."""
    counts = _counts(values)
    if "tumor_cells" in values or counts is None:
        n_tumor: int | None = values.get("tumor_cells")
        return n_tumor
    unscored: int = values.get("unscored", 0)
    return sum(counts) + unscored


def _find_row_fault(values: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the numbers of a row by themselves; None where nothing is."""
    noted = [name for name in CLASSES if name in values]
    if noted and len(noted) < len(CLASSES):
        missing = ", ".join(name for name in CLASSES if name not in values)
        return f"{missing} is empty; expected all four classes or none. Write 0 where no cell was seen."
    n_added, n_tumor = sum(values[name] for name in noted) + values.get("unscored", 0), values.get("tumor_cells")
    added = f"tumor_cells {n_tumor}, but the classes and unscored cells add up to {n_added}"
    if n_tumor is not None and n_tumor < n_added:
        return f"{added}; expected at least as many. Correct the counts."
    if n_tumor is not None and noted and "unscored" in values and n_tumor > n_added:
        return f"{added}; expected the same. Correct one, or leave unscored empty."
    if n_tumor == 0 and ("score" in values or PERCENT in values):
        return "tumor_cells 0, but a score or percent is given; expected neither. A fragment without tumor has none."
    if not noted and n_tumor != 0 and "score" not in values:
        return "neither score nor counts; expected one of them, or tumor_cells 0 for a fragment without tumor."
    if noted and PERCENT in values:
        return f"{PERCENT} beside the counts it follows from; expected one of them. Leave it empty."
    if _count_tumor(values) == 0 and "score" in values:
        return (
            f"score {values['score'].label}, but all four classes are 0; expected tumor cells. Leave the classes empty"
            " if they were not counted, or the score if the fragment holds no tumor."
        )
    return None


def _find_cluster_fault(values: Mapping[str, Any]) -> str | None:
    clusters = [name for name in CLUSTERS if name in values]
    counts = _counts(values)
    if clusters and counts is None:
        return f"{clusters[0]} without counts; expected class_0 to class_3plus beside it. Or give the score alone."
    size = sum(counts or ())
    for least, name in enumerate(CLUSTERS, start=1):
        if name not in values:
            continue
        n_cells = sum((counts or (0, 0, 0, 0))[least:])
        if values[name] > min(size, n_cells):
            return (
                f"{name} {values[name]}, but only {min(size, n_cells)} cells can be in it; expected no more."
                " A cluster of stronger cells is part of that of weaker ones. Correct it."
            )
        size = values[name]
    return None


def _find_small_fault(values: Mapping[str, Any], guideline: Guideline) -> str | None:
    """Say that the tumor cells are fewer than the cluster that the given score asks for."""
    n_tumor, score = _count_tumor(values), values.get("score")
    needed = [row.n_cluster for row in guideline.criteria if row.score is score and row.n_cluster is not None]
    if n_tumor is None or not needed or n_tumor >= min(needed):
        return None
    seen = f"score {score.label if score else ''}, but {n_tumor} tumor cells"
    return f"{seen}; expected the {min(needed)} connected cells that {guideline.name} asks for. Correct one."
