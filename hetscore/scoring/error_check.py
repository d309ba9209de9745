"""The shipped check of an error model: homogeneous tissue that it was not fitted to, tested under it.

A model that takes errors for independent where they come in groups, or that never saw what a slide holds, calls
homogeneous cases heterogeneous; then the check fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from scipy.special import betainc

from hetscore.scoring.error_fit import Counts
from hetscore.scoring.error_model import Check, ErrorModel
from hetscore.scoring.evidence import EvidenceParams, judge, simulate_null
from hetscore.scoring.simulator import Nest

MAX_FOLDS = 20
"""Models fitted for the check at most; of more cases several are left out at once, in 10 folds."""
N_FOLDS = 10
BELOW = 0.05
"""P-value under which the check counts a case."""


REPLICATES = 499
"""Simulated for each p-value: what is asked is whether it is below 0.05, known to 0.01."""

PValue = Callable[[Sequence[Nest], ErrorModel], float]
"""P-value of a case, given its voting fragments and a model of the errors."""


def find_p_value(nests: Sequence[Nest], model: ErrorModel) -> float:
    """Give the p-value of a case as the verdict does, from fewer simulations."""
    return judge(simulate_null(nests, model, EvidenceParams(replicates=REPLICATES), n_threads=1)).p_case


def check_errors(
    counts: Counts,
    cases: Mapping[str, Sequence[Nest]],
    fit: Callable[[Counts], ErrorModel],
    p_value_of: PValue = find_p_value,
    progress: Callable[[str, float], None] = lambda _case_id, _p: None,
) -> Check | None:
    """Leave out each homogeneous case in turn and test it under the errors of the others.

    Parameters
    ----------
    counts : Counts
        The errors of all cases.
    cases : mapping of str to sequence of Nest
        Voting fragments of the homogeneous ones, from `homogeneous_cases`.
    fit : callable
        Fits a model to counts.
    p_value_of : callable, optional
        P-value of a case.
    progress : callable, optional
        Called with the id and the p-value of each case.

    Returns
    -------
    Check or None
        None with fewer than two homogeneous cases. Of more than `MAX_FOLDS` every tenth are left out together.
    """
    if len(cases) < 2:
        return None
    n_below = 0
    for fold in _make_folds(list(cases)):
        model = fit(counts.without(fold))
        for case_id in fold:
            p = p_value_of(cases[case_id], model)
            progress(case_id, p)
            n_below += p < BELOW
    return Check(len(cases), n_below, exceed_chance(n_below, len(cases)))


def _make_folds(case_ids: Sequence[str]) -> list[list[str]]:
    n_folds = len(case_ids) if len(case_ids) <= MAX_FOLDS else N_FOLDS
    return [list(case_ids[i::n_folds]) for i in range(n_folds)]


def exceed_chance(n_below: int, n_cases: int) -> float:
    """Give the chance that so many or more of n cases have a p-value below `BELOW` if the model is right.

    Notes
    -----
    The upper tail of the binomial distribution is an incomplete beta function, I_p(k, n - k + 1).

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 8.17.5.
    """
    return float(betainc(n_below, n_cases - n_below + 1, BELOW))  # in scipy.stats too, which takes 0.4 s to import
