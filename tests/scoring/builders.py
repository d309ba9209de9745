"""Cells drawn as text, and fragment scores by hand, so that every example can be checked by eye.

A picture is a hexagonal lattice as it looks on paper: one character every half spacing, every other row moved by one
character. '0' to '3' are tumor cells of that class, '?' is a tumor cell without a class, 'n' is a cell that is not
tumor; a dot or a blank is nothing:

    3 3 3
     3 0 3
    3 3 n
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import dedent

import numpy as np

from hetscore.domain import (
    Cells,
    Decision,
    Detectable,
    Evidence,
    Fragment,
    FragmentScore,
    Her2Score,
    MembraneClass,
    NegativeCluster,
)
from hetscore.geometry import Box
from hetscore.scoring.fragment import FragmentParams, score_fragment
from hetscore.scoring.guidelines import GUIDELINES, Clusters, Counts
from hetscore.scoring.verdict import find_clusters, find_negative_fragments

MPP = 0.5
SPACING_UM = 10.0
_CLASSES = {"0": 0, "1": 1, "2": 2, "3": 3, "?": MembraneClass.UNSCORED, "n": 0}

ANY_SIZE = FragmentParams(min_tumor_cells=1, min_tumor_cluster=1)
"""Judges the smallest picture, so that an example needs no twenty cells."""


def draw_cells(picture: str, *, spacing_um: float = SPACING_UM, fragment: int = 1) -> Cells:
    """Make cells of a picture; neighbors lie `spacing_um` apart, at 0.5 um per pixel."""
    rows = dedent(picture).strip("\n").split("\n")
    drawn = [(j, i, mark) for j, row in enumerate(rows) for i, mark in enumerate(row) if mark in _CLASSES]
    half_px = spacing_um / MPP / 2
    return make_cells(
        x=[1000 + i * half_px for _, i, _ in drawn],
        y=[2000 + j * half_px * 3**0.5 for j, _, _ in drawn],
        classes=[_CLASSES[mark] for _, _, mark in drawn],
        p_tumor=[0.1 if mark == "n" else 0.9 for _, _, mark in drawn],
        fragment=fragment,
    )


def make_cells(
    x: Sequence[float], y: Sequence[float], classes: Sequence[int], p_tumor: Sequence[float], fragment: int = 1
) -> Cells:
    """Make cells at level-0 pixels (x, y) with round nuclei of 5.8 um, without outlines."""
    n = len(x)
    zeros = np.zeros(n, np.float32)
    return Cells(
        x=np.array(x, np.float64),
        y=np.array(y, np.float64),
        fragment=np.full(n, fragment, np.int32),
        nucleus_area_um2=np.full(n, np.pi * 2.9**2, np.float32),
        p_tumor=np.array(p_tumor, np.float32),
        membrane_od=zeros,
        membrane_completeness=zeros,
        membrane_arc=zeros,
        membrane_pattern=np.zeros(n, np.int8),
        cytoplasm_od=zeros,
        nucleus_od=zeros,
        membrane_width_um=np.full(n, np.nan, np.float32),
        nucleus_residual_od=zeros,
        membrane_ground_od=zeros,
        membrane_arcs=np.zeros(n, np.int8),
        gap_deg=np.full(n, np.nan, np.float32),
        lumen_share=zeros,
        lumen_stained=np.full(n, np.nan, np.float32),
        saturated_share=zeros,
        membrane_class=np.array(classes, np.int8),
        p_class=np.zeros((n, 4), np.float32),
        outline_xy=np.zeros((0, 2), np.float32),
        outline_start=np.zeros(n + 1, np.int64),
    )


def make_fragment(number: int = 1) -> Fragment:
    """Make a fragment of 1 mm2."""
    return Fragment(id=number, slide="a.svs", outlines=(), bounds=Box(0, 0, 4000, 4000), area_mm2=1.0)


def score_picture(
    picture: str, *, guideline: str = "gastric-biopsy", params: FragmentParams = ANY_SIZE, fragment: int = 1
) -> FragmentScore:
    """Score a picture, however small."""
    cells = draw_cells(picture, fragment=fragment)
    return score_fragment(make_fragment(fragment), cells, MPP, GUIDELINES[guideline], params)


def make_score(
    fragment: int = 1,
    counts: Counts = (0, 0, 0, 500),
    score: Her2Score | None = Her2Score.THREE_PLUS,
    *,
    negative: Sequence[int] = (),
    largest_cluster: Clusters = (500, 500, 500),
    n_unscored: int = 0,
    flags: tuple[str, ...] = (),
) -> FragmentScore:
    """Make a fragment score by hand; `negative` are the sizes of its negative clusters, largest first."""
    clusters = (
        NegativeCluster(fragment, "a.svs", n, x=100.0 * fragment, y=10.0 * k, bounds=Box(100 * fragment, 10 * k, 9, 9))
        for k, n in enumerate(negative)
    )
    return FragmentScore(
        fragment=fragment,
        slide="a.svs",
        area_mm2=1.0,
        n_cells=sum(counts) + n_unscored,
        n_tumor=sum(counts) + n_unscored,
        n_unscored=n_unscored,
        counts=counts,
        largest_cluster=largest_cluster,
        is_assessable=score is not None,
        score=score,
        decision=Decision("not-assessable" if score is None else score.label, "by-hand", "By hand."),
        negative_clusters=tuple(clusters),
        flags=flags,
        negative_cluster_sizes=tuple(negative),
    )


HOMO = make_score()
NEGATIVE = make_score(2, (600, 12, 0, 0), Her2Score.ZERO, negative=(600, 12), largest_cluster=(3, 0, 0))
UNSCORED = make_score(4, (0, 0, 0, 440), n_unscored=60, flags=("many-unscored",))
NO_TUMOR = make_score(3, (0, 0, 0, 4), None, largest_cluster=(4, 4, 4))
FEW_NEGATIVE = make_score(5, (9, 0, 0, 4), None, largest_cluster=(4, 4, 4))
"""Too little tumor to be judged, most of it negative."""


def make_evidence(
    p_cluster: float = 1.0,
    p_scan: float = 1.0,
    p_fraction: float = 1.0,
    *,
    p_clear: float | None = None,
    detectable: tuple[Detectable, ...] = (),
    false_tumor_p: float | None = None,
    outside: tuple[str, ...] = (),
    is_unlike: bool = False,
) -> Evidence:
    """Make evidence by hand; the p-value of the case is three times the smallest, and all cells are clear."""
    p_case = min(1.0, 3 * min(p_cluster, p_scan, p_fraction))
    return Evidence(
        p_cluster,
        p_scan,
        p_fraction,
        p_case=p_case,
        p_clear=p_case if p_clear is None else p_clear,
        largest_negative_cluster=0,
        worst_fraction=0.0,
        n_replicates=1999,
        error_model="by-hand",
        false_tumor_p=false_tumor_p,
        detectable=detectable,
        outside=outside,
        is_unlike=is_unlike,
    )


def weigh_by_size(fragments: Sequence[FragmentScore]) -> Evidence:
    """Weigh as if nothing but single cells were ever misread: five connected ones, or a negative fragment, are real."""
    is_clustered = bool(find_clusters(fragments, least=5))
    return make_evidence(
        p_cluster=0.001 if is_clustered else 1.0, p_fraction=0.0005 if find_negative_fragments(fragments) else 1.0
    )
