"""What to draw: fragments, cases, and named presets of cases.

A specification holds every choice a reader of the slide could state in words; the seed decides the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from hetscore.domain import IshResult, MembraneClass, MembranePattern
from hetscore.errors import UsageError


class Tissue(StrEnum):
    """What a fragment is made of; stroma and lymphocytes fill the rest."""

    GLANDS = "glands"
    SHEETS = "sheets"
    MIXED = "mixed"
    BENIGN = "benign"


@dataclass(frozen=True)
class FragmentSpec:
    """One biopsy fragment. The membrane fields say nothing where `tissue` is benign."""

    diameter_um: float = 450.0
    """Longest extent. Real forceps biopsies measure millimeters; this holds enough cells and renders in seconds."""
    tissue: Tissue = Tissue.MIXED
    membrane_class: MembraneClass = MembraneClass.NEGATIVE
    """Of every tumor cell outside the clone and the mosaic."""
    gland_pattern: MembranePattern = MembranePattern.BASOLATERAL
    """Of stained tumor glands: basolateral or lateral is the rule in the stomach. Sheets stain completely."""
    clone_cells: int = 0
    """Size of a compact group of tumor cells of class `minor_class`."""
    mosaic_share: float = 0.0
    """Share of the tumor cells, scattered singly, that are of class `minor_class`."""
    minor_class: MembraneClass = MembraneClass.NEGATIVE

    @property
    def has_tumor(self) -> bool:
        """Whether tumor cells are drawn."""
        return self.tissue is not Tissue.BENIGN


@dataclass(frozen=True)
class CaseSpec:
    """One case: one slide with its fragments, and what ISH said."""

    case_id: str
    fragments: tuple[FragmentSpec, ...]
    ish: IshResult = IshResult.UNKNOWN
    mpp: float = 0.25
    """Microns per level-0 pixel: the usual x40 scan."""
    quality: int = 90
    """JPEG quality of the slide."""


Preset: TypeAlias = Callable[[np.random.Generator, int], tuple[CaseSpec, ...]]
"""From a generator and a number of cases to the cases."""

_STRONG = FragmentSpec(membrane_class=MembraneClass.STRONG)
_MODERATE = FragmentSpec(membrane_class=MembraneClass.MODERATE)
_FAINT = FragmentSpec(membrane_class=MembraneClass.FAINT)
_NEGATIVE = FragmentSpec(membrane_class=MembraneClass.NEGATIVE)
_BENIGN = FragmentSpec(tissue=Tissue.BENIGN)


def _sized(fragments: tuple[FragmentSpec, ...], *sizes_um: float) -> tuple[FragmentSpec, ...]:
    return tuple(replace(f, diameter_um=size) for f, size in zip(fragments, sizes_um, strict=True))


def _of(fragment: FragmentSpec, tissue: Tissue) -> FragmentSpec:
    return replace(fragment, tissue=tissue)


_SHEETS, _GLANDS = Tissue.SHEETS, Tissue.GLANDS
_CLONE = replace(_of(_STRONG, _SHEETS), clone_cells=40)

_SAMPLE = (
    CaseSpec(
        "homo-3plus",
        _sized((_of(_STRONG, _GLANDS), _STRONG, _of(_STRONG, _SHEETS), _BENIGN), 420, 400, 380, 350),
    ),
    CaseSpec(
        "homo-2plus-amplified",
        _sized((_MODERATE, _of(_MODERATE, _GLANDS), _of(_MODERATE, _SHEETS)), 400, 420, 380),
        IshResult.AMPLIFIED,
    ),
    CaseSpec(
        "hetero-fragment",
        _sized((_STRONG, _of(_STRONG, _GLANDS), _of(_NEGATIVE, _GLANDS), _of(_STRONG, _SHEETS)), 380, 420, 400, 360),
    ),
    CaseSpec("hetero-clone", _sized((_STRONG, _CLONE, _of(_STRONG, _GLANDS)), 400, 420, 400)),
    CaseSpec("negative", _sized((_FAINT, _of(_NEGATIVE, _GLANDS), _BENIGN), 400, 400, 360)),
    CaseSpec("equivocal-2plus", _sized((_of(_MODERATE, _GLANDS), _MODERATE, _BENIGN), 420, 400, 350)),
    CaseSpec("no-tumor", _sized((_BENIGN, _BENIGN, _BENIGN), 420, 380, 360)),
)
"""One small case of each kind of answer; the slides of `slides_sample`."""


def _sample(_: np.random.Generator, n_cases: int) -> tuple[CaseSpec, ...]:
    kinds = [_SAMPLE[i % len(_SAMPLE)] for i in range(n_cases)]
    named = [
        k if i < len(_SAMPLE) else replace(k, case_id=f"{k.case_id}-{i // len(_SAMPLE) + 1}")
        for i, k in enumerate(kinds)
    ]
    return tuple(replace(case, quality=75) for case in named)


@dataclass(frozen=True)
class _Kind:
    """A kind of case in the `typical` mix: its weight, its tumor fragments, its ISH result."""

    weight: float
    usual: FragmentSpec
    odd: FragmentSpec | None = None
    """Replaces one of the tumor fragments, so that the case is heterogeneous."""
    ish: IshResult = IshResult.UNKNOWN


_TYPICAL = (
    _Kind(0.22, _STRONG),
    _Kind(0.08, _MODERATE, ish=IshResult.AMPLIFIED),
    _Kind(0.12, _STRONG, _NEGATIVE),
    _Kind(0.12, _STRONG, replace(_STRONG, clone_cells=40)),
    _Kind(0.08, _STRONG, replace(_STRONG, mosaic_share=0.3, minor_class=MembraneClass.FAINT)),
    _Kind(0.08, _MODERATE, _FAINT, ish=IshResult.AMPLIFIED),
    _Kind(0.10, _NEGATIVE),
    _Kind(0.08, _FAINT),
    _Kind(0.06, _MODERATE),
    _Kind(0.06, _BENIGN),
)
"""Weights by choice, not by incidence: each kind of answer must come up often enough to be measured."""


def _typical(rng: np.random.Generator, n_cases: int) -> tuple[CaseSpec, ...]:
    weights = np.array([kind.weight for kind in _TYPICAL])
    kinds = rng.choice(len(_TYPICAL), size=n_cases, p=weights / weights.sum())
    return tuple(_typical_case(rng, f"case-{i + 1:03d}", _TYPICAL[k]) for i, k in enumerate(kinds))


def _typical_case(rng: np.random.Generator, case_id: str, kind: _Kind) -> CaseSpec:
    """Three to five tumor fragments (Yagi et al. 2019: median 4), and in half of the cases one without tumor."""
    n_tumor = int(rng.integers(3, 6))
    fragments = [kind.usual] * n_tumor
    if kind.odd is not None:
        fragments[int(rng.integers(n_tumor))] = kind.odd
    if rng.random() < 0.5:
        fragments.insert(int(rng.integers(n_tumor + 1)), _BENIGN)
    return CaseSpec(case_id, tuple(_varied(rng, fragment) for fragment in fragments), kind.ish)


def _varied(rng: np.random.Generator, fragment: FragmentSpec) -> FragmentSpec:
    size = float(np.round(rng.uniform(450, 900)))
    tissue = (Tissue.GLANDS, Tissue.SHEETS, Tissue.MIXED)[int(rng.integers(3))]
    pattern = MembranePattern.LATERAL if rng.random() < 0.25 else MembranePattern.BASOLATERAL
    drawn = replace(fragment, diameter_um=size, gland_pattern=pattern)
    return replace(drawn, tissue=tissue) if fragment.has_tumor else drawn


PRESETS: Mapping[str, Preset] = MappingProxyType({"typical": _typical, "sample": _sample})
"""Presets by name."""


def make_cases(preset: str, seed: int, n_cases: int) -> tuple[CaseSpec, ...]:
    """Draw the cases of a preset.

    Parameters
    ----------
    preset : str
        A name in `PRESETS`.
    seed : int
        Not negative; the same seed gives the same cases.
    n_cases : int
        How many.

    Returns
    -------
    tuple of CaseSpec
        With distinct case ids.

    Raises
    ------
    UsageError
        If the preset is unknown, or seed or number make no sense.
    """
    if preset not in PRESETS:
        raise UsageError(f"preset: {preset!r}; expected one of {', '.join(PRESETS)}. Choose one of these.")
    if n_cases < 1:
        raise UsageError(f"cases: {n_cases}; expected at least 1. Ask for one case or more.")
    if seed < 0:
        raise UsageError(f"seed: {seed}; expected 0 or more. Give a seed that is not negative.")
    return PRESETS[preset](np.random.default_rng(seed), n_cases)
