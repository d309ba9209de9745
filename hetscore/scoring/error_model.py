"""What the reading of cells gets wrong, measured: how often, how clumped, and on which slides that was found.

An error model is counted on tissue whose truth is known (`hetscore.scoring.error_fit`), kept in a file beside the model
or made by a site (`hetscore.error_file`), and believed only for slides like those it was counted on. The simulator
(`hetscore.scoring.simulator`) draws from it what a homogeneous case would look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log

MIN_RATE = 1e-6
"""No rate is believed to be smaller: a million cells without an error say no more."""


@dataclass(frozen=True)
class Rate:
    """A share found by counting, with an interval that allows for cells of one slide being alike."""

    n_errors: int
    n_cells: int
    low: float
    high: float
    """Bounds of the 95 % interval."""
    n_effective: float | None = None
    """How many independent cells would tell as much, never more than `n_cells`; None: they are independent."""

    def __post_init__(self) -> None:
        """Refuse what no counting gives."""
        if not 0 <= self.n_errors <= self.n_cells or not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"{self.n_errors} errors of {self.n_cells} cells within {self.low} to {self.high}")

    @property
    def value(self) -> float:
        """Mean of the posterior under Jeffreys' prior, so that no error among n cells is not taken for never."""
        weight = 1.0 if self.n_effective is None else self.n_effective / max(1, self.n_cells)
        return max((self.n_errors * weight + 0.5) / (self.n_cells * weight + 1), MIN_RATE)

    @property
    def logit_se(self) -> float:
        """Standard error of the log odds, from the upper half of the interval.

        Where few errors were seen the lower bound is next to 0 and far away on the scale of log odds: read from the
        whole interval, a rate known to be at most 1 in 1,000 would be thought to reach 1 in 10.
        """
        high, value = (min(max(rate, MIN_RATE), 1 - MIN_RATE) for rate in (self.high, self.value))
        return max(0.0, log(high / (1 - high)) - log(value / (1 - value))) / 1.959964


@dataclass(frozen=True)
class Stratum:
    """False negatives among tumor cells of one strength of stain."""

    name: str
    """``3+`` or ``2+``: what most overexpressing cells of the fragment are."""
    false_negative: Rate
    """Tumor cells that overexpress HER2 but are read as 0 or 1+."""
    neighbor_ratio: float
    """How many times likelier a cell is a false negative if a linked one is: 1 where errors are independent."""
    fragment_sd: float
    """Standard deviation of the log odds of the rate between fragments, beyond what counting makes."""
    ratio_range: tuple[float, float] | None = None
    sd_range: tuple[float, float] | None = None
    """Bounds of the 95 % intervals of both; None where too few errors were seen to measure them."""
    reach: float = 2.0
    """How far the clumping reaches: standard deviation of the kernel of its field, in distances of linked cells."""


@dataclass(frozen=True)
class FalseObject:
    """A group of linked cells that are no tumor but were called so: a gland, a nest of lymphocytes, muscle."""

    n_cells: int
    p_tumor: float
    """Mean probability of tumor that the model gave them."""


@dataclass(frozen=True)
class FalseObjects:
    """All such groups found on an area of tissue; those of one or two cells are counted as scattered instead."""

    items: tuple[FalseObject, ...]
    area_mm2: float
    """Tissue they were looked for on."""
    shape: float = inf
    """Of the gamma distribution of their number on a square millimeter between fragments: the smaller, the more uneven
    (the number of a fragment is negative binomial); infinite where fragments do not differ."""

    @property
    def per_mm2(self) -> float:
        """How many to expect on a square millimeter; none seen counts as half a one."""
        return max(len(self.items), 0.5) / self.area_mm2


@dataclass(frozen=True)
class Check:
    """Whether the model fits tissue that it was not fitted to: each homogeneous slide left out in turn."""

    n_cases: int
    n_below: int
    """Homogeneous cases with a p-value of the case below 0.05 under the model fitted to the others."""
    p_value: float
    """Chance of so many or more if the model were right: binomial, 0.05 a case."""

    @property
    def is_failed(self) -> bool:
        """Whether the model calls homogeneous tissue heterogeneous too often to be used."""
        return self.p_value < 0.01


@dataclass(frozen=True)
class ErrorModel:
    """Everything known of the errors of a model in a laboratory."""

    id: str
    model: str
    model_sha256: str
    calibration: str
    """Of the membrane classes, and of the site's stain: other ones make other errors."""
    created: str
    """Date, ISO 8601."""
    is_site: bool
    """Whether it was counted on slides of the site; else it came with the model, and labels stay provisional."""
    n_slides: int
    n_fragments: int
    strata: tuple[Stratum, ...]
    false_positive: Rate
    """Tumor cells of 0 or 1+ that are read as 2+ or 3+, with only their like beside them."""
    false_tumor: Rate
    """Cells called tumor that are none and read as 0 or 1+, scattered singly or in pairs."""
    false_tumor_sd: float
    """Standard deviation of the log odds of that rate between fragments: not every one holds what looks like tumor."""
    objects: FalseObjects
    missed: Rate
    """Tumor cells not found, or not called tumor."""
    domain: Mapping[str, tuple[float, float]]
    """What the slides looked like, lowest and highest, by the names of `hetscore.scoring.error_domain`."""
    check: Check | None = None
    """None where there were too few slides to leave one out."""
    false_positive_beside: Rate | None = None
    """The same of those linked to a tumor cell that overexpresses, whose membrane they share: the rim of a clone, a
    mosaic. None where none was seen."""

    def stratum(self, name: str) -> Stratum:
        """Return the stratum of a strength of stain; the one with more errors where it was not measured."""
        named = {s.name: s for s in self.strata}
        return named.get(name) or max(self.strata, key=lambda s: s.false_negative.value)
