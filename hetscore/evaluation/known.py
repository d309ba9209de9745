"""Results and their truth -> the cells called tumor, each with what it truly is: what errors are counted from.

Every cell counts that a case would be judged by, also one under an artefact: if it was called tumor and read, it can
make a homogeneous case look heterogeneous.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import CellTruth, KnownFragment, KnownSlide, MembraneClass
from hetscore.errors import UsageError
from hetscore.evaluation.classification import TUMOR_CUTOFF
from hetscore.evaluation.detection import MATCH_UM, judge_lonely, match_cells
from hetscore.evaluation.results import FoundCase, FoundSlide, read_cases, read_slides
from hetscore.evaluation.truth import SlideTruth, Truth
from hetscore.geometry import Box

Ints = NDArray[np.int64]
Truths = NDArray[np.int8]


def read_known(results: Path, truth: Truth, radius_um: float = MATCH_UM) -> tuple[KnownSlide, ...]:
    """Read results beside what is true of them.

    Parameters
    ----------
    results : Path
        Folder written by ``hetscore score``.
    truth : Truth
        Of a phantom, or of crops read by people; see `hetscore.evaluation.document.read_truth`.
    radius_um : float
        Nuclei closer than this are the same, as in `compare_cells`.

    Returns
    -------
    tuple of KnownSlide
        Slides that stand on both sides, in the order of the cases.

    Raises
    ------
    UsageError
        If the results cannot be read, or no slide stands on both sides.
    """
    slides = tuple(
        know_slide(case.case_id, found, truth.slides[Path(found.slide).stem], radius_um)
        for case in read_cases(results)
        for found in read_slides(case, _find_names(case, truth), with_outlines=False)
    )
    if not slides:
        expected = "expected slides of the same name. Score the slides that the truth is of."
        raise UsageError(f"{results}: no slide of the truth in it; {expected}")
    return slides


def _find_names(case: FoundCase, truth: Truth) -> set[str]:
    return {name for name in case.slides if Path(name).stem in truth.slides}


def read_homogeneous(results: Path) -> tuple[KnownSlide, ...]:
    """Read results of which the user says that every tumor cell overexpresses HER2.

    Parameters
    ----------
    results : Path
        Folder written by ``hetscore score``.

    Returns
    -------
    tuple of KnownSlide
        All slides, nothing known of single cells.

    Raises
    ------
    UsageError
        If the results cannot be read.
    """
    return tuple(
        KnownSlide(case.case_id, found.slide, _know_all(found), n_tumor=0, n_missed=0, is_homogeneous=True)
        for case in read_cases(results)
        for found in read_slides(case, case.slides, with_outlines=False)
    )


def _know_all(found: FoundSlide) -> tuple[KnownFragment, ...]:
    nothing = np.full(len(found), CellTruth.UNKNOWN, np.int8)
    return tuple(_know_fragments(found, nothing, {f.id: f.area_mm2 for f in found.fragments}))


def know_slide(case_id: str, found: FoundSlide, truth: SlideTruth, radius_um: float = MATCH_UM) -> KnownSlide:
    """Say of each cell called tumor what it truly is.

    Parameters
    ----------
    case_id : str
        Whose slide it is.
    found : FoundSlide
        What was found.
    truth : SlideTruth
        What is true of the same slide, in the same frame.
    radius_um : float
        Only nuclei closer than this are paired.

    Returns
    -------
    KnownSlide
        A find without a partner is no tumor cell, where it was looked for. Where only crops were read the other cells
        are UNKNOWN, and the area is that of the crops: each is given to the fragment that most of its finds are of.

    Notes
    -----
    Cells of a phantom under an artefact are known and count, unlike in `compare_cells`: a case is judged by them too.
    Only of the missed ones they are left out, since what lies under an artefact is rightly not judged. Cells of control
    cores are UNKNOWN.
    """
    found_xy, true_xy = np.column_stack([found.x, found.y]), np.column_stack([truth.x, truth.y])
    i, j = match_cells(found_xy, true_xy, radius_um / found.mpp)
    is_asked = truth.is_tumor & truth.is_sure
    is_called = np.zeros(len(truth), np.bool_)
    is_called[j] = found.p_tumor[i] >= TUMOR_CUTOFF
    return KnownSlide(
        case_id,
        found.slide,
        tuple(_know_fragments(found, _tell_truth(found, truth, (i, j), radius_um), _find_areas(found, truth))),
        n_tumor=int(np.count_nonzero(is_asked)),
        n_missed=int(np.count_nonzero(is_asked & ~is_called)),
    )


def _tell_truth(found: FoundSlide, truth: SlideTruth, partners: tuple[Ints, Ints], radius_um: float) -> Truths:
    """(n found,) `CellTruth`."""
    i, j = partners
    is_lonely = np.ones(len(found), np.bool_)
    is_lonely[i] = False
    is_false, _ = judge_lonely(found, truth, is_lonely, radius_um / found.mpp)
    told = np.full(len(found), CellTruth.UNKNOWN, np.int8)
    told[is_false] = CellTruth.NO_TUMOR
    told[i] = _tell_true_cells(truth)[j]
    return told


def _tell_true_cells(truth: SlideTruth) -> Truths:
    """(n true,) `CellTruth` of each true cell."""
    is_known = truth.is_sure if truth.fragment is None else truth.fragment >= 1
    is_read = truth.membrane_class >= MembraneClass.NEGATIVE
    kinds = np.where(truth.membrane_class >= MembraneClass.MODERATE, CellTruth.OVEREXPRESSED, CellTruth.BELOW)
    told = np.where(truth.is_tumor, np.where(is_read, kinds, CellTruth.UNKNOWN), CellTruth.NO_TUMOR)
    return np.where(is_known, told, CellTruth.UNKNOWN).astype(np.int8)


def _find_areas(found: FoundSlide, truth: SlideTruth) -> dict[int, float]:
    """Tissue whose truth is known, by fragment."""
    if truth.read is None:
        return {f.id: f.area_mm2 for f in found.fragments}
    areas = dict.fromkeys((f.id for f in found.fragments), 0.0)
    for box in truth.read:
        fragment = _find_fragment(found, box)
        areas[fragment] = areas.get(fragment, 0.0) + box.width * box.height * (found.mpp / 1000) ** 2
    return areas


def _find_fragment(found: FoundSlide, box: Box) -> int:
    """Fragment that most cells in a box are of; 0 without any."""
    inside = found.fragment[box.contains(found.x, found.y)]
    return int(np.bincount(inside).argmax()) if len(inside) else 0


def _know_fragments(found: FoundSlide, truth: Truths, areas: dict[int, float]) -> Iterator[KnownFragment]:
    is_called = found.p_tumor >= TUMOR_CUTOFF
    for fragment in found.fragments:
        rows = np.flatnonzero(is_called & (found.fragment == fragment.id))
        yield KnownFragment(
            fragment.id,
            areas[fragment.id],
            x_um=found.x[rows] * found.mpp,
            y_um=found.y[rows] * found.mpp,
            p_tumor=found.p_tumor[rows],
            membrane_class=found.membrane_class[rows],
            truth=truth[rows],
        )
