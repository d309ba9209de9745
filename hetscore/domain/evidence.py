"""What stands behind a label: the negative cells against the errors of their reading, and a reviewer's answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True)
class Detectable:
    """The smallest compact clone of clearly negative cells that would make a case hetero-HER2 with a stated power."""

    power: float
    n_cells: int | None
    """None where not even the largest clone tried would."""


@dataclass(frozen=True)
class NegativeShare:
    """Share of tumor cells that are truly below 2+, once misread cells are allowed for."""

    point: float
    """By Rogan and Gladen from these cells alone, not below 0; the interval draws on others and may leave it out."""
    low: float
    high: float
    """Bounds of the 95 % credible interval."""


@dataclass(frozen=True)
class Evidence:
    """How well "homogeneous, and the rest misread" explains the negative cells of a case."""

    p_cluster: float
    """Share of homogeneous cases simulated with the measured errors whose largest negative cluster is as large;"""
    p_scan: float
    """the same of the densest place,"""
    p_fraction: float
    """and of the fragment with the largest negative share."""
    p_case: float
    """Three times the smallest, at most 1."""
    p_clear: float
    """The same of the clearly negative cells alone, against all misread ones; at least `p_case`."""
    largest_negative_cluster: int
    worst_fraction: float
    n_replicates: int
    error_model: str
    """Id of the error model."""
    is_site: bool = False
    """Whether the errors were counted on slides of the site."""
    false_tumor_p: float | None = None
    """Mean probability of tumor that three of four groups of other cells stay below; None if none was seen."""
    detectable: tuple[Detectable, ...] = ()
    probability_homo: float | None = None
    """Chance that no fragment holds truly negative cells, before any look at where they lie; with the prior of"""
    prior_homo: float | None = None
    probability_homo_even: float | None = None
    """The same with even odds before."""
    shares: Mapping[int, NegativeShare] = field(default_factory=dict)
    """By fragment."""
    pooled_share: NegativeShare | None = None
    outside: tuple[str, ...] = ()
    """In what the slides differ from those that the errors were counted on."""
    is_unlike: bool = False
    """Whether they differ so much that the errors counted there say nothing of them."""


class AnswerKind(StrEnum):
    """What a reviewer sees at a place shown to him."""

    NEGATIVE = "negative-tumor"
    """Tumor cells that are truly 0 or 1+."""
    OVEREXPRESSED = "overexpressed"
    """Tumor cells of 2+ or 3+, misread."""
    NO_TUMOR = "no-tumor"
    """Cells that are no tumor."""
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Answer:
    """A reviewer's answer on one place."""

    slide: str
    x: float
    y: float
    """Level-0 pixels."""
    kind: AnswerKind
