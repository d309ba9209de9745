"""What is true of a phantom case: every cell, and the label that follows from them by the literal rule.

The rule is written here a second time on purpose, from the paper and not from `hetscore.scoring`: truth must not be
made by what it is meant to test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hetscore.domain import (
    CaseLabel,
    FragmentRole,
    Her2Score,
    Her2Status,
    IshResult,
    MembraneClass,
    MembranePattern,
)
from hetscore.phantom.rings import Rings

LEAST_CLUSTER = 5
"""Tumor cells in contact that make a score in a biopsy (FDA gastric table; Yagi et al. 2019, Methods)."""


@dataclass(frozen=True)
class FragmentTruth:
    """The cells of one section of a fragment that show a nucleus, as columns of length n."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Centroid of the nucleus, level-0 pixels of the slide."""
    is_tumor: NDArray[np.bool_]
    membrane_class: NDArray[np.int8]
    """`MembraneClass`; UNSCORED on cells that are not tumor."""
    pattern: NDArray[np.int8]
    """`MembranePattern`."""
    type: NDArray[np.int8]
    """`hetscore.phantom.epithelium.CellType`."""
    contacts: NDArray[np.int64]
    """(m, 2) rows of cells that touch."""
    outlines: Rings
    """Around the territories of epithelial and plasma cells, nuclei included, level-0 pixels of the slide; none around
    the other cells."""
    nuclei: Rings
    """Around the visible nuclei, likewise."""
    number: int
    """Of the fragment, 1 for the first; of a control core, -1 for the first."""
    level: int = 1
    """Serial section, 1 for the first."""
    role: FragmentRole = FragmentRole.SAMPLE

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
    """In all sections."""
    pattern: MembranePattern
    """The most frequent one among stained tumor cells; NONE where there are none."""


def judge_case(case_id: str, ish: IshResult, sections: Sequence[FragmentTruth]) -> CaseTruth:
    """Label a case by the literal rule.

    Parameters
    ----------
    case_id : str
        Name of the case.
    ish : IshResult
        Result of in-situ hybridization.
    sections : sequence of FragmentTruth
        All fragments, in all their serial sections, and control cores.

    Returns
    -------
    CaseTruth
        Positive is 3+, or 2+ and amplified. A positive case is homo-HER2 if and only if every tumor cell of every
        fragment is 2+ or 3+.

    Notes
    -----
    Fragments without tumor do not vote. Serial sections of a fragment are one fragment: its score is the highest of its
    sections', and the rule asks for the cells of all of them. Control cores are left out altogether.

    References
    ----------
    .. [1] Yagi S et al., "Clinical significance of intratumoral HER2 heterogeneity on trastuzumab efficacy using
       endoscopic biopsy specimens in patients with advanced HER2 positive gastric cancer", Gastric Cancer 22, 2019.
    """
    samples = [section for section in sections if section.role is FragmentRole.SAMPLE]
    with_tumor = [section for section in samples if section.n_tumor]
    score = max((biopsy_score(section) for section in with_tumor), default=None)
    status = _status(score, ish)
    label = _label(status, with_tumor)
    return CaseTruth(
        case_id=case_id,
        label=label,
        literal_label=label,
        ihc_score=score,
        status=status,
        fragments=len({section.number for section in samples}),
        fragments_with_tumor=len({section.number for section in with_tumor}),
        tumor_cells=sum(section.n_tumor for section in samples),
        pattern=_prevailing_pattern(with_tumor),
    )


def _prevailing_pattern(sections: Sequence[FragmentTruth]) -> MembranePattern:
    counts = np.zeros(len(MembranePattern), np.intp)
    for section in sections:
        is_stained = section.is_tumor & (section.membrane_class > MembraneClass.NEGATIVE)
        counts += np.bincount(section.pattern[is_stained], minlength=len(counts))
    return MembranePattern(int(np.argmax(counts))) if counts.any() else MembranePattern.NONE


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


def _label(status: Her2Status, sections: Sequence[FragmentTruth]) -> CaseLabel:
    if status is Her2Status.NOT_ASSESSABLE:
        return CaseLabel.NOT_ASSESSABLE
    if status is not Her2Status.POSITIVE:
        return CaseLabel.NOT_APPLICABLE
    is_homo = all((s.membrane_class[s.is_tumor] >= MembraneClass.MODERATE).all() for s in sections)
    return CaseLabel.HOMO if is_homo else CaseLabel.HETERO
