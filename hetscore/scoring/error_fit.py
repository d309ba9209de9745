"""Errors counted on slides of known truth -> an error model: rates with intervals, how clumped, how uneven.

Cells of one case are alike, so intervals come from drawing cases anew, not cells. What was not seen often enough to be
measured is taken over from other slides or from a stated guess, never for absent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from hetscore.scoring.error_count import FragmentErrors, LinkedSlide, count_slide
from hetscore.scoring.error_model import ErrorModel, FalseObjects, Rate, Stratum
from hetscore.scoring.error_spread import MIN_ERRORS, TAIL, Range, find_plain_sd, find_spread

Floats = NDArray[np.float64]

N_DRAWS = 2_000
"""Of the bootstrap: the bounds of a 95 % interval then rest on 50 draws each."""
SEED = 1
UNSEEN_ICC = 0.005
"""Likeness of the cells of a case, as an intraclass correlation, where too few errors were seen to measure it: the
clumped example of the project's tables of tolerance, which makes 1,000 cells worth 170."""
MAX_BELOW = 0.01
"""Largest share of truly negative cells among a fragment's tumor in which what is no tumor is counted. One find in
twenty lies farther off its cell than cells are matched, and is taken for no tumor: beside true negatives it reads 0
rightly, and one in 2,000 cells is then counted wrongly at most."""


@dataclass(frozen=True)
class Origin:
    """What an error model is of."""

    id: str
    model: str
    model_sha256: str
    calibration: str
    created: str
    """Date, ISO 8601."""
    is_site: bool
    domain: Mapping[str, Range] = field(default_factory=dict)
    """Of all slides, see `hetscore.scoring.error_domain`."""


@dataclass(frozen=True)
class Counts:
    """The errors of some slides, grouped by case, and the cases drawn anew for intervals."""

    ids: tuple[str, ...]
    cases: tuple[tuple[FragmentErrors, ...], ...]
    n_slides: tuple[int, ...]
    n_tumor: tuple[int, ...]
    n_missed: tuple[int, ...]
    """By case."""

    def without(self, ids: Collection[str]) -> Counts:
        """Leave out some cases."""
        kept = [i for i, case_id in enumerate(self.ids) if case_id not in ids]
        columns = {f.name: tuple(getattr(self, f.name)[i] for i in kept) for f in fields(self)}
        return Counts(**columns)

    @property
    def fragments(self) -> tuple[FragmentErrors, ...]:
        """Of all cases."""
        return tuple(fragment for case in self.cases for fragment in case)

    def asked(self) -> tuple[tuple[FragmentErrors, ...], ...]:
        """By case, the fragments in which what is no tumor is counted: of positive cases, without negative tumor."""
        return tuple(
            tuple(f for f in case if f.n_known and f.n_below <= MAX_BELOW * (f.n_overexpressed + f.n_below))
            if any(f.n_overexpressed for f in case)
            else ()
            for case in self.cases
        )

    def draws(self) -> NDArray[np.int64]:
        """(`N_DRAWS`, cases) how often each case is in each draw."""
        n = len(self.cases)
        times: NDArray[np.int64] = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), N_DRAWS)
        return times

    def sums(self, value: Callable[[FragmentErrors], float]) -> Floats:
        """(cases,) sum of a value over the fragments of each case."""
        return np.array([sum(value(fragment) for fragment in case) for case in self.cases], np.float64)


def group_counts(slides: Sequence[LinkedSlide]) -> Counts:
    """Count the errors of slides, by case.

    Parameters
    ----------
    slides : sequence of LinkedSlide
        Of known truth.

    Returns
    -------
    Counts
        Cases in the order in which they come first.
    """
    grouped: dict[str, list[LinkedSlide]] = {}
    for slide in slides:
        grouped.setdefault(slide.case_id, []).append(slide)
    return Counts(
        ids=tuple(grouped),
        cases=tuple(tuple(f for slide in own for f in count_slide(slide)) for own in grouped.values()),
        n_slides=tuple(len(own) for own in grouped.values()),
        n_tumor=tuple(sum(slide.n_tumor for slide in own) for own in grouped.values()),
        n_missed=tuple(sum(slide.n_missed for slide in own) for own in grouped.values()),
    )


def fit_errors(counts: Counts, origin: Origin, base: ErrorModel | None = None) -> ErrorModel:
    """Fit an error model.

    Parameters
    ----------
    counts : Counts
        From `group_counts`.
    origin : Origin
        What it will be the model of.
    base : ErrorModel, optional
        The model's own errors, from which is taken over what these slides cannot tell: without truly negative tumor
        cells the false positives, without truth of single cells the missed ones.

    Returns
    -------
    ErrorModel
        Without a check, see `check_errors`. What is no tumor is counted in HER2-positive cases alone, for no others are
        asked for homogeneity, and there in fragments next to without negative tumor cells (`MAX_BELOW`).

    Raises
    ------
    ValueError
        If no tumor cell of the slides overexpresses, or every fragment also holds negative ones; or something has to be
        taken over and there is no `base`.
    """
    strata = tuple(
        _fit_stratum(counts, name)
        for name in ("3+", "2+")
        if any(f.stratum == name and f.n_overexpressed for f in counts.fragments)
    )
    if not strata:
        raise ValueError("no tumor cell of these slides overexpresses HER2; expected homogeneous positive tissue")
    asked = counts.asked()
    if not any(asked):
        raise ValueError("every positive fragment of these slides holds negative tumor cells; expected some without")
    objects = _add_known(_list_objects(asked), base)
    if not objects.area_mm2 > 0:  # false for NaN too
        raise ValueError("the area of the tissue is not known; expected square millimeters")
    return ErrorModel(
        id=origin.id,
        model=origin.model,
        model_sha256=origin.model_sha256,
        calibration=origin.calibration,
        created=origin.created,
        is_site=origin.is_site,
        n_slides=sum(counts.n_slides),
        n_fragments=len(counts.fragments),
        strata=strata,
        false_positive=_fit_false_positive(counts, base),
        false_tumor=_fit_false_tumor(asked, counts.draws()),
        false_tumor_sd=find_plain_sd([(f.n_scattered, f.n_known) for case in asked for f in case]),
        objects=objects,
        missed=_fit_missed(counts, base),
        domain=dict(origin.domain),
        false_positive_beside=_fit_beside(counts, base),
    )


def _fit_stratum(counts: Counts, name: str) -> Stratum:
    """Fit one strength of stain; clumping is that of the stratum with the most errors where this one has too few."""
    errors = counts.sums(lambda f: f.n_false_negative * (f.stratum == name))
    cells = counts.sums(lambda f: f.n_overexpressed * (f.stratum == name))
    most = Counter[str]()
    for fragment in counts.fragments:
        most[fragment.stratum] += fragment.n_false_negative
    measured = name if errors.sum() >= MIN_ERRORS else most.most_common(1)[0][0]
    chosen = [[f for f in case if f.stratum == measured] for case in counts.cases]
    spread = find_spread(chosen, counts.draws())
    return Stratum(
        name=name,
        false_negative=find_rate(errors, cells, counts.draws()),
        neighbor_ratio=spread.neighbor_ratio,
        fragment_sd=spread.fragment_sd,
        ratio_range=spread.ratio_range,
        sd_range=spread.sd_range,
        reach=spread.reach,
    )


def _fit_false_tumor(asked: Sequence[Sequence[FragmentErrors]], draws: NDArray[np.int64]) -> Rate:
    scattered, known = (
        np.array([sum(getattr(f, name) for f in case) for case in asked], np.float64)
        for name in ("n_scattered", "n_known")
    )
    return find_rate(scattered, known, draws)


def _list_objects(asked: Sequence[Sequence[FragmentErrors]]) -> FalseObjects:
    """Collect the false objects, the largest first, and the tissue that was asked."""
    fragments = [f for case in asked for f in case]
    items = sorted((item for f in fragments for item in f.objects), key=lambda item: (-item.n_cells, item.p_tumor))
    numbers = np.array([len(f.objects) for f in fragments], np.float64)
    areas = np.array([f.area_mm2 for f in fragments])
    return FalseObjects(tuple(items), float(areas.sum()), _find_shape(numbers, areas))


def _add_known(own: FalseObjects, base: ErrorModel | None) -> FalseObjects:
    """Add the false objects that came with the model where few were seen.

    A few fragments show neither how large they come nor how firmly they are called tumor.
    """
    if base is None or len(own.items) >= MIN_ERRORS:
        return own
    items = sorted((*own.items, *base.objects.items), key=lambda item: (-item.n_cells, item.p_tumor))
    return FalseObjects(tuple(items), own.area_mm2 + base.objects.area_mm2, base.objects.shape)


def _find_shape(numbers: Floats, areas: Floats) -> float:
    """Unevenness of the number of false objects between fragments, by moments.

    A negative binomial of mean m and shape s has the variance m + m^2 / s: s is the sum of m^2 over the sum of what the
    squared deviations have beyond m. Infinite where they have nothing beyond, and with too few objects to tell.
    """
    if numbers.sum() < MIN_ERRORS:
        return math.inf
    mean = areas * numbers.sum() / areas.sum()
    beyond = float(((numbers - mean) ** 2 - mean).sum())
    return float((mean**2).sum()) / beyond if beyond > 0 else math.inf


def _fit_false_positive(counts: Counts, base: ErrorModel | None) -> Rate:
    among = counts.sums(lambda f: f.n_below - f.n_beside)
    if among.sum():
        return find_rate(counts.sums(lambda f: f.n_false_positive - f.n_beside_positive), among, counts.draws())
    if base is None:
        raise ValueError("no tumor cell is known to be 0 or 1+ among its like; expected some, or the model's own")
    return base.false_positive


def _fit_beside(counts: Counts, base: ErrorModel | None) -> Rate | None:
    """Fit the false positives beside overexpressing cells; None where nobody saw such cells."""
    beside = counts.sums(lambda f: f.n_beside)
    if beside.sum():
        return find_rate(counts.sums(lambda f: f.n_beside_positive), beside, counts.draws())
    return None if base is None else base.false_positive_beside


def _fit_missed(counts: Counts, base: ErrorModel | None) -> Rate:
    if sum(counts.n_tumor):
        return find_rate(np.array(counts.n_missed, float), np.array(counts.n_tumor, float), counts.draws())
    if base is None:
        raise ValueError("no tumor cell is known that was to be found; expected some, or the model's own errors")
    return base.missed


def find_rate(errors: Floats, cells: Floats, draws: NDArray[np.int64]) -> Rate:
    """Give a rate and an interval that allows for the cells of one case being alike.

    Parameters
    ----------
    errors, cells : ndarray, shape (cases,), float64
        Counts.
    draws : ndarray, shape (draws, cases), int64
        How often each case is in each draw of the cluster bootstrap.

    Returns
    -------
    Rate
        With the interval of Korn and Graubard [1]_: that of Clopper and Pearson [2]_ for as many independent cells as
        tell as much. How many these are follows from the variance of the rate over the draws. Where fewer than
        `MIN_ERRORS` errors were seen, or all cells are of one case, the draws cannot tell, and the cells of a case are
        taken to be at least as much alike as `UNSEEN_ICC` says. Of no cells the rate is anything.

    References
    ----------
    .. [1] Korn EL, Graubard BI. Confidence intervals for proportions with small expected number of positive counts
       estimated from survey data. Survey Methodology 1998;24:193-201.
    .. [2] Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the binomial.
       Biometrika 1934;26:404-413.
    """
    k, n = float(errors.sum()), float(cells.sum())
    if n == 0:
        return Rate(0, 0, 0.0, 1.0)
    n_cases = int(np.count_nonzero(cells))
    inflation = _find_inflation(errors, cells, draws) if 0 < k < n and n_cases > 1 else 1.0
    if min(k, n - k) < MIN_ERRORS or n_cases == 1:
        inflation = max(inflation, 1 + (n / n_cases - 1) * UNSEEN_ICC)
    low, high = _clopper_pearson(k / inflation, n / inflation)
    return Rate(int(k), int(n), low, high, n / inflation)


def _find_inflation(errors: Floats, cells: Floats, draws: NDArray[np.int64]) -> float:
    """Variance of the rate over the draws, to that of as many independent cells; at least 1."""
    drawn = draws @ cells
    rates = (draws @ errors)[drawn > 0] / drawn[drawn > 0]
    rate, n = errors.sum() / cells.sum(), cells.sum()
    return max(1.0, float(rates.var() * n / (rate * (1 - rate))))


def _clopper_pearson(k: float, n: float) -> Range:
    """Exact interval of k of n, which need not be whole, by the inverse of the incomplete beta function."""
    low = float(betaincinv(k, n - k + 1, TAIL)) if k > 0 else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - TAIL)) if k < n else 1.0
    return low, high
