"""Mixes of cases: which kinds come up how often, and how fragments and optics vary within a kind.

Weights and ranges are choices, not incidences: each kind of answer and each difficulty must come up often enough to be
measured. Where a number has a source, it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from hetscore.domain import IshResult, MembraneClass, MembranePattern
from hetscore.phantom.spec import (
    ArtefactKind,
    ArtefactSpec,
    CaseSpec,
    Damage,
    FragmentSpec,
    OpticsSpec,
    Scanner,
    Tissue,
)

Rng = np.random.Generator
_T = TypeVar("_T")

STRONG = FragmentSpec(membrane_class=MembraneClass.STRONG)
MODERATE = FragmentSpec(membrane_class=MembraneClass.MODERATE)
FAINT = FragmentSpec(membrane_class=MembraneClass.FAINT)
NEGATIVE = FragmentSpec(membrane_class=MembraneClass.NEGATIVE)
BENIGN = FragmentSpec(tissue=Tissue.BENIGN)
CLONE = replace(STRONG, clone_cells=40)
FAINT_CLONE = replace(CLONE, minor_class=MembraneClass.FAINT)
MOSAIC = replace(STRONG, mosaic_share=0.3, minor_class=MembraneClass.FAINT)
GRADED = replace(STRONG, is_graded=True)
MODERATE_GRADED = replace(MODERATE, is_graded=True)


@dataclass(frozen=True)
class Kind:
    """A kind of case: its weight in the mix, its tumor fragments, its ISH result."""

    weight: float
    usual: FragmentSpec
    odd: FragmentSpec | None = None
    """Replaces one of the tumor fragments, so that the case is heterogeneous."""
    ish: IshResult = IshResult.UNKNOWN


TYPICAL = (
    Kind(0.22, STRONG),
    Kind(0.08, MODERATE, ish=IshResult.AMPLIFIED),
    Kind(0.12, STRONG, NEGATIVE),
    Kind(0.10, STRONG, CLONE),
    Kind(0.07, STRONG, MOSAIC),
    Kind(0.05, STRONG, GRADED),
    Kind(0.08, MODERATE, FAINT, ish=IshResult.AMPLIFIED),
    Kind(0.10, NEGATIVE),
    Kind(0.07, FAINT),
    Kind(0.06, MODERATE),
    Kind(0.05, BENIGN),
)
"""Every answer: homogeneous, heterogeneous in each way, negative, equivocal, without tumor."""

EASY = (
    Kind(0.40, STRONG),
    Kind(0.15, MODERATE, ish=IshResult.AMPLIFIED),
    Kind(0.30, NEGATIVE),
    Kind(0.15, BENIGN),
)
"""Homogeneous through and through; 1+ is left out, for nobody finds it easy."""

HARD = (
    Kind(0.15, STRONG),
    Kind(0.15, MODERATE, ish=IshResult.AMPLIFIED),
    Kind(0.15, STRONG, CLONE),
    Kind(0.10, STRONG, FAINT_CLONE),
    Kind(0.15, STRONG, MOSAIC),
    Kind(0.10, STRONG, GRADED),
    Kind(0.10, MODERATE, MODERATE_GRADED, ish=IshResult.AMPLIFIED),
    Kind(0.10, FAINT),
)
"""What decides is small or faint; `harder` draws how small."""

LABELED = (Kind(0.5, STRONG), Kind(0.25, STRONG, NEGATIVE), Kind(0.25, STRONG, CLONE))
"""Positive cases, so that the label can be wrong."""


@dataclass(frozen=True)
class Manner:
    """How the fragments of a preset vary beyond what their kind says."""

    tumor: Mapping[Tissue, float]
    """Weights of the tissue of tumor fragments."""
    other: Mapping[Tissue, float]
    """Weights of the tissue of the others."""
    damage_chance: float = 0.0
    """Of a fragment."""
    damage_share: tuple[float, float] = (0.0, 0.0)
    sizes_um: tuple[float, float] = (450.0, 900.0)
    """Smaller than real ones (1-4 mm): enough cells, and drawn in seconds."""
    n_tumor: tuple[int, int] = (3, 5)
    """Yagi et al. 2019: median 4 fragments with tumor."""
    other_chance: float = 0.5
    """Of a case to have a fragment without tumor besides."""


_ALL_TUMOR = {
    Tissue.GLANDS: 0.32,
    Tissue.MIXED: 0.24,
    Tissue.SHEETS: 0.22,
    Tissue.DIFFUSE: 0.12,
    Tissue.SIGNET_RING: 0.10,
}
"""Intestinal types prevail, as among HER2-positive cancers; poorly cohesive ones often enough to be measured."""

_ALL_OTHER = {Tissue.BENIGN: 0.5, Tissue.METAPLASIA: 0.3, Tissue.MUSCLE: 0.2}
PLAIN = Manner({Tissue.GLANDS: 0.4, Tissue.MIXED: 0.3, Tissue.SHEETS: 0.3}, {Tissue.BENIGN: 1.0})
USUAL = Manner(_ALL_TUMOR, _ALL_OTHER, damage_chance=0.3, damage_share=(0.03, 0.12))
POOR = Manner(_ALL_TUMOR, _ALL_OTHER, damage_chance=0.6, damage_share=(0.08, 0.3))


def draw_mix(rng: Rng, n_cases: int, kinds: tuple[Kind, ...], manner: Manner) -> tuple[CaseSpec, ...]:
    """Draw cases named ``case-001`` and so on, each of one of the kinds, its fragments varied in a manner."""
    weights = {i: kind.weight for i, kind in enumerate(kinds)}
    return tuple(_draw_case(rng, f"case-{i + 1:03d}", kinds[pick(rng, weights)], manner) for i in range(n_cases))


def pick(rng: Rng, weights: Mapping[_T, float]) -> _T:
    """Pick one by weight."""
    shares = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def between(rng: Rng, low: float, high: float) -> float:
    """Draw a number from a range, with two decimals: specifications are read by people."""
    return round(float(rng.uniform(low, high)), 2)


def _draw_case(rng: Rng, case_id: str, kind: Kind, manner: Manner) -> CaseSpec:
    least, most = manner.n_tumor
    n_tumor = int(rng.integers(least, most + 1))
    fragments = [kind.usual] * n_tumor
    if kind.odd is not None:
        fragments[int(rng.integers(n_tumor))] = kind.odd
    if rng.random() < manner.other_chance:
        fragments.insert(int(rng.integers(n_tumor + 1)), BENIGN)
    return CaseSpec(case_id, tuple(_vary(rng, fragment, manner) for fragment in fragments), kind.ish)


def _vary(rng: Rng, fragment: FragmentSpec, manner: Manner) -> FragmentSpec:
    size = float(np.round(rng.uniform(*manner.sizes_um)))
    tissue = pick(rng, manner.tumor if fragment.has_tumor else manner.other)
    pattern = MembranePattern.LATERAL if rng.random() < 0.25 else MembranePattern.BASOLATERAL
    damage = _draw_damage(rng, tissue, manner)
    return replace(fragment, diameter_um=size, tissue=tissue, gland_pattern=pattern, damage=damage)


def _draw_damage(rng: Rng, tissue: Tissue, manner: Manner) -> dict[Damage, float]:
    """One kind of damage, or none. Muscle lies too deep for mucus and ulcer debris."""
    kinds = (Damage.CRUSH, Damage.BLOOD) if tissue is Tissue.MUSCLE else tuple(Damage)
    if rng.random() >= manner.damage_chance:
        return {}
    return {kinds[int(rng.integers(len(kinds)))]: between(rng, *manner.damage_share)}


def harder(rng: Rng, case: CaseSpec) -> CaseSpec:
    """Shrink clones to 5-50 cells and mosaics to 2-20 percent; each kind of artefact comes in one of ten cases."""
    fragments = tuple(
        replace(
            fragment,
            clone_cells=int(rng.integers(5, 51)) if fragment.clone_cells else 0,
            mosaic_share=between(rng, 0.02, 0.2) if fragment.mosaic_share else 0.0,
        )
        for fragment in case.fragments
    )
    kinds = [kind for kind in ArtefactKind if rng.random() < 0.1]
    artefacts = tuple(draw_artefact(rng, kind, len(fragments)) for kind in kinds)
    return replace(case, fragments=fragments, artefacts=artefacts)


def draw_artefact(rng: Rng, kind: ArtefactKind, n_fragments: int) -> ArtefactSpec:
    """Put an artefact on one of the fragments; the coverslip's edge is of the glass."""
    if kind is ArtefactKind.COVERSLIP:
        return ArtefactSpec(kind)
    return ArtefactSpec(kind, int(rng.integers(1, n_fragments + 1)), between(rng, 0.08, 0.3))


def usual_optics(rng: Rng) -> OpticsSpec:
    """Draw the optics of a good or fair slide of a routine laboratory."""
    return OpticsSpec(
        blur_um=between(rng, 0.25, 0.35),
        chromatic_um=between(rng, 0.0, 0.15),
        noise=between(rng, 0.7, 1.3),
        thickness_sd=between(rng, 0.03, 0.12),
        hematoxylin_gain=between(rng, 0.8, 1.25),
        dab_gain=between(rng, 0.9, 1.1),
        blush=between(rng, 0.7, 1.4),
    )


def dark_optics(rng: Rng) -> OpticsSpec:
    """Draw heavy stain: dark nuclei and membranes, cytoplasm so brown that nuclei are hard to see.

    The factors bring the densest hematoxylin and DAB of a field to what the `cldn18-gastric` tiles show, as measured
    by `scripts/compare_phantoms.py`; half of the slides are scanned with hard contrast, for these tiles are as
    saturated.
    """
    return replace(
        usual_optics(rng),
        scanner=Scanner.CONTRAST if rng.random() < 0.5 else Scanner.NEUTRAL,
        thickness_sd=between(rng, 0.08, 0.2),
        hematoxylin_gain=between(rng, 2.3, 3.1),
        dab_gain=between(rng, 1.12, 1.35),
        blush=between(rng, 2.5, 4.5),
    )


def poor_optics(rng: Rng) -> OpticsSpec:
    """Draw weak and uneven stain, haze, soft focus, in some cases stained rims and nuclei."""
    return OpticsSpec(
        blur_um=between(rng, 0.35, 0.6),
        chromatic_um=between(rng, 0.1, 0.4),
        noise=between(rng, 1.0, 2.0),
        thickness_sd=between(rng, 0.1, 0.25),
        hematoxylin_gain=between(rng, 0.6, 1.5),
        dab_gain=between(rng, 0.7, 0.95),
        blush=between(rng, 1.3, 2.5),
        nuclear_od=between(rng, 0.02, 0.08) if rng.random() < 0.4 else 0.0,
        edge_od=between(rng, 0.05, 0.25) if rng.random() < 0.5 else 0.0,
    )
