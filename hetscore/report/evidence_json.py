"""The evidence of a case in the shape of case.json."""

from __future__ import annotations

from typing import Any

from hetscore.domain import CaseScore, CutoffRow, Evidence, NegativeShare
from hetscore.report import document as doc

P_DECIMALS = 4
"""Of 2,000 replicates a p-value is known to 0.0005 at best."""
SHARE_DECIMALS = 5
STATED_POWER = 0.95
"""Of `smallest_detectable_clone`."""


def record_evidence(score: CaseScore) -> doc.Evidence:
    """Put what a label rests on into the shape of case.json.

    Parameters
    ----------
    score : CaseScore
        The case.

    Returns
    -------
    Evidence
        Of `hetscore.report.document`; null where a test was not made.
    """
    clusters = [c.n_cells for f in score.tumor_fragments for c in f.negative_clusters]
    untested: dict[str, Any] = dict.fromkeys(
        (
            "p_cluster",
            "p_scan",
            "p_fraction",
            "p_case",
            "p_clear",
            "smallest_detectable_clone",
            "probability_homo",
            "error_model",
        )
    )
    return doc.Evidence(
        largest_negative_cluster=max(clusters, default=0) if score.tumor_fragments else None,
        cutoff_sweep=[_cutoff(row) for row in score.cutoff_sweep],
        **(untested if score.evidence is None else _tests(score.evidence)),
    )


def _tests(found: Evidence) -> dict[str, Any]:
    return {
        "p_cluster": round(found.p_cluster, P_DECIMALS),
        "p_scan": round(found.p_scan, P_DECIMALS),
        "p_fraction": round(found.p_fraction, P_DECIMALS),
        "p_case": round(found.p_case, P_DECIMALS),
        "p_clear": round(found.p_clear, P_DECIMALS),
        "smallest_detectable_clone": _find_clone(found),
        "detectable": [doc.DetectableClone(power=d.power, n_cells=d.n_cells) for d in found.detectable],
        "probability_homo": _rounded(found.probability_homo),
        "prior_homo": found.prior_homo,
        "probability_homo_even": _rounded(found.probability_homo_even),
        "negative_shares": _list_shares(found),
        "error_model": _error_model(found),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, P_DECIMALS)


def _find_clone(found: Evidence) -> int | None:
    return next((d.n_cells for d in found.detectable if d.power == STATED_POWER), None)


def _list_shares(found: Evidence) -> list[doc.NegativeShareRecord]:
    """One row a fragment, then one for all."""
    rows = [_share(number, share) for number, share in sorted(found.shares.items())]
    return rows if found.pooled_share is None else [*rows, _share(None, found.pooled_share)]


def _share(fragment: int | None, share: NegativeShare) -> doc.NegativeShareRecord:
    point, low, high = (round(value, SHARE_DECIMALS) for value in (share.point, share.low, share.high))
    return doc.NegativeShareRecord(fragment=fragment, point=point, low=low, high=high)


def _error_model(found: Evidence) -> doc.ErrorModelRecord:
    return doc.ErrorModelRecord(
        id=found.error_model, is_site=found.is_site, replicates=found.n_replicates, outside=list(found.outside)
    )


def _cutoff(row: CutoffRow) -> doc.CutoffResult:
    return doc.CutoffResult(
        cutoff=row.cutoff, pooled=row.pooled, worst_fragment=row.worst_fragment, fragments=row.fragments
    )
