"""Found cells with their true partners -> how right the tumor call and the membrane class are.

Only cells that were found are judged here, but for what is kept of the tumor, where a cell not found is lost like one
called something else. Every figure is None where it is not defined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hetscore.domain import MembraneClass
from hetscore.evaluation.detection import Comparison, ratio
from hetscore.evaluation.truth import CELL_TYPES, TUMOR_TYPE

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TUMOR_CUTOFF = 0.5
"""Probability from which a cell counts as a tumor cell; as in `Cells.is_tumor`."""

N_BINS = 10
"""Of equal width, for the calibration error: a common choice, and each bin still holds some cells of one slide."""

CLASSES = (MembraneClass.NEGATIVE, MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG)


@dataclass(frozen=True)
class KeptFigures:
    """What became of the true tumor cells of one class."""

    n: int
    n_found: int
    n_kept: int
    """Found and called tumor."""
    found: float | None
    called_tumor: float | None
    """Of those found."""
    kept: float | None
    """Of all: what is left for the label to rest on."""


@dataclass(frozen=True)
class OtherFigures:
    """What the true cells of one type other than tumor were called."""

    n: int
    n_found: int
    n_called: int
    """Found and called tumor."""
    called_tumor: float | None
    """Of those found: wrong, every one."""
    auc: float | None
    """Of all found tumor cells against the found cells of this type alone."""


@dataclass(frozen=True)
class TumorFigures:
    """How right the tumor call is, over found cells."""

    n: int
    n_tumor: int
    n_other: int
    auc: float | None
    balanced_accuracy: float | None
    sensitivity: float | None
    """Share of the tumor cells called tumor."""
    specificity: float | None
    """Share of the other cells not called tumor."""
    ece: float | None
    kept_by_class: Mapping[str, KeptFigures]
    """By true membrane class, over all true tumor cells, found or not."""
    kept_0_to_3plus: float | None
    """Kept share of class 0 over that of class 3+: far below 1, an unstained clone vanishes beside stained tumor."""
    other_by_type: Mapping[str, OtherFigures]
    """By what the other cells truly are, only types that are present; empty where nobody told the types."""


@dataclass(frozen=True)
class ClassFigures:
    """How right the membrane class is, over found tumor cells that were scored."""

    n: int
    n_unscored: int
    """Found tumor cells of known class without a score; in no figure."""
    accuracy: float | None
    quadratic_kappa: float | None
    confusion: tuple[tuple[int, ...], ...]
    """Rows: true class 0, 1+, 2+, 3+; columns: the class given."""


@dataclass(frozen=True)
class OverexpressedFigures:
    """How right "2+ or 3+" is, over the same cells as the class."""

    n: int
    n_positive: int
    """Truly 2+ or 3+."""
    n_negative: int
    accuracy: float | None
    false_negative_rate: float | None
    """Share of the true 2+ or 3+ cells called below: what makes a homogeneous case look hetero."""
    false_positive_rate: float | None
    """Share of the cells truly below called 2+ or 3+: what hides a negative clone."""


def tumor_figures(compared: Comparison) -> TumorFigures:
    """Sum up the tumor call.

    Parameters
    ----------
    compared : Comparison
        Of a slide or of several.

    Returns
    -------
    TumorFigures
        Over found cells known to be tumor or not; what is kept, over all true tumor cells whose class is known.

    Notes
    -----
    Balanced accuracy is the mean of sensitivity and specificity at `TUMOR_CUTOFF` [1]_, None where tumor cells or other
    cells are absent. `kept_0_to_3plus` is None where one of both classes is absent, or no 3+ cell was kept. Where
    only some slides tell the types, `other_by_type` is of their cells, its AUC with the tumor cells of all slides.

    References
    ----------
    .. [1] Brodersen KH, Ong CS, Stephan KE, Buhmann JM. The balanced accuracy and its posterior distribution. ICPR
       2010:3121-3124.
    """
    p, is_tumor = compared.p_tumor[compared.is_found], compared.is_tumor[compared.is_found]
    is_called = p >= TUMOR_CUTOFF
    n_tumor, n_other = int(np.count_nonzero(is_tumor)), int(np.count_nonzero(~is_tumor))
    sensitivity = ratio(np.count_nonzero(is_called & is_tumor), n_tumor)
    specificity = ratio(np.count_nonzero(~is_called & ~is_tumor), n_other)
    balanced = None if sensitivity is None or specificity is None else (sensitivity + specificity) / 2
    kept = {cls.label: kept_figures(compared, cls) for cls in CLASSES}
    none, strong = kept[MembraneClass.NEGATIVE.label].kept, kept[MembraneClass.STRONG.label].kept
    return TumorFigures(
        n=len(p),
        n_tumor=n_tumor,
        n_other=n_other,
        auc=area_under_curve(p, is_tumor),
        balanced_accuracy=balanced,
        sensitivity=sensitivity,
        specificity=specificity,
        ece=calibration_error(p, is_tumor),
        kept_by_class=kept,
        kept_0_to_3plus=None if none is None or strong is None else ratio(none, strong),
        other_by_type=_others_by_type(compared),
    )


def kept_figures(compared: Comparison, cls: MembraneClass) -> KeptFigures:
    """Follow the true tumor cells of one class: how many were found, and how many of those called tumor."""
    n, n_found, n_kept = _count_called(compared, compared.is_tumor & (compared.membrane_class == cls))
    return KeptFigures(n, n_found, n_kept, ratio(n_found, n), ratio(n_kept, n_found), ratio(n_kept, n))


def _count_called(compared: Comparison, member: Bools) -> tuple[int, int, int]:
    """Count the members, those found, and those of them called tumor."""
    is_found = member & compared.is_found
    is_called = is_found & (np.nan_to_num(compared.p_tumor) >= TUMOR_CUTOFF)
    n, n_found, n_called = (int(np.count_nonzero(mask)) for mask in (member, is_found, is_called))
    return n, n_found, n_called


def _others_by_type(compared: Comparison) -> dict[str, OtherFigures]:
    """Judge each type but tumor that is present, in the order of `CELL_TYPES`."""
    present = [kind for kind in np.unique(compared.cell_type).tolist() if kind > TUMOR_TYPE]
    return {CELL_TYPES[kind]: other_figures(compared, kind) for kind in present}


def other_figures(compared: Comparison, kind: int) -> OtherFigures:
    """Follow the true cells of one type other than tumor: how many were found, and what those were called.

    Parameters
    ----------
    compared : Comparison
        Of a slide or of several.
    kind : int
        The type, a place in `CELL_TYPES`.

    Returns
    -------
    OtherFigures
        The share is None where none was found, the AUC also where no tumor cell was.
    """
    member = compared.cell_type == kind
    n, n_found, n_called = _count_called(compared, member)
    is_judged = compared.is_found & (compared.is_tumor | member)
    auc = area_under_curve(compared.p_tumor[is_judged], compared.is_tumor[is_judged])
    return OtherFigures(n, n_found, n_called, ratio(n_called, n_found), auc)


def area_under_curve(p: Floats, is_positive: Bools) -> float | None:
    """Give the chance that a positive has a higher `p` than a negative, ties counting half.

    Parameters
    ----------
    p : ndarray, shape (n,), float64
        Scores.
    is_positive : ndarray, shape (n,), bool
        What is true.

    Returns
    -------
    float or None
        Area under the ROC curve, exact, from the ranks [1]_; None where positives or negatives are absent.

    References
    ----------
    .. [1] Hanley JA, McNeil BJ. The meaning and use of the area under a receiver operating characteristic (ROC) curve.
       Radiology 1982;143:29-36.
    """
    n_positive, n_negative = int(np.count_nonzero(is_positive)), int(np.count_nonzero(~is_positive))
    if not (n_positive and n_negative):
        return None
    least = n_positive * (n_positive + 1) / 2
    return float((rankdata(p)[is_positive].sum() - least) / (n_positive * n_negative))


def calibration_error(p: Floats, is_positive: Bools) -> float | None:
    """Tell how far probabilities lie from what comes true.

    Parameters
    ----------
    p : ndarray, shape (n,), float64
        Probabilities of being positive, [0, 1].
    is_positive : ndarray, shape (n,), bool
        What is true.

    Returns
    -------
    float or None
        Expected calibration error [1]_: over `N_BINS` bins of equal width, the absolute difference between the mean
        probability and the share of positives, weighted by the cells of the bin; 1 belongs to the last bin, an empty
        bin weighs nothing. None of no cells.

    References
    ----------
    .. [1] Naeini MP, Cooper GF, Hauskrecht M. Obtaining well calibrated probabilities using Bayesian binning. AAAI
       2015:2901-2907.
    """
    if not len(p):
        return None
    place = np.minimum((p * N_BINS).astype(np.int64), N_BINS - 1)
    gaps = np.bincount(place, p - is_positive, minlength=N_BINS)
    return float(np.abs(gaps).sum() / len(p))


def class_figures(compared: Comparison) -> ClassFigures:
    """Sum up the membrane class.

    Parameters
    ----------
    compared : Comparison
        Of a slide or of several.

    Returns
    -------
    ClassFigures
        Over found cells that are truly tumor, of known class, and were scored, whether they were called tumor or not:
        an error of the tumor call is not counted again. Accuracy is None of no cells.
    """
    truth, called, n_unscored = _classes(compared)
    confusion = np.zeros((4, 4), np.int64)
    np.add.at(confusion, (truth, called), 1)
    return ClassFigures(
        n=len(truth),
        n_unscored=n_unscored,
        accuracy=ratio(int(np.trace(confusion)), len(truth)),
        quadratic_kappa=quadratic_kappa(confusion),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
    )


def _classes(compared: Comparison) -> tuple[NDArray[np.int8], NDArray[np.int8], int]:
    """Classes, true and given, of the cells judged, and how many more have no score."""
    is_known = compared.is_found & compared.is_tumor & (compared.membrane_class >= MembraneClass.NEGATIVE)
    is_scored = is_known & (compared.called_class >= MembraneClass.NEGATIVE)
    n_unscored = int(np.count_nonzero(is_known) - np.count_nonzero(is_scored))
    return compared.membrane_class[is_scored], compared.called_class[is_scored], n_unscored


def quadratic_kappa(confusion: NDArray[np.int64]) -> float | None:
    """Give Cohen's kappa with quadratic weights.

    Parameters
    ----------
    confusion : ndarray, shape (k, k), int64
        Counts by true and by given class.

    Returns
    -------
    float or None
        1 less the summed squared difference of the classes over that which the margins give by chance [1]_; None where
        chance gives none: no cells, or all of one class on both sides.

    References
    ----------
    .. [1] Cohen J. Weighted kappa: nominal scale agreement with provision for scaled disagreement or partial credit.
       Psychological Bulletin 1968;70:213-220.
    """
    rows, columns = np.indices(confusion.shape)
    cost = (rows - columns) ** 2
    by_chance = float((cost * np.outer(confusion.sum(axis=1), confusion.sum(axis=0))).sum())
    seen = float((cost * confusion).sum()) * float(confusion.sum())
    return 1 - seen / by_chance if by_chance else None


def overexpressed_figures(compared: Comparison) -> OverexpressedFigures:
    """Sum up how right "2+ or 3+" is; each rate is None where there is no cell to take it of."""
    truth, called, _ = _classes(compared)
    is_over, is_called = truth >= MembraneClass.MODERATE, called >= MembraneClass.MODERATE
    n_positive, n_negative = int(np.count_nonzero(is_over)), int(np.count_nonzero(~is_over))
    return OverexpressedFigures(
        n=len(truth),
        n_positive=n_positive,
        n_negative=n_negative,
        accuracy=ratio(np.count_nonzero(is_over == is_called), len(truth)),
        false_negative_rate=ratio(np.count_nonzero(is_over & ~is_called), n_positive),
        false_positive_rate=ratio(np.count_nonzero(~is_over & is_called), n_negative),
    )
