"""The negative cells of a case against the measured errors: simulated once, asked for each variant of the case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hetscore.domain import Detectable, Evidence, FragmentRole, FragmentScore, SlideResult
from hetscore.scoring.case import CaseParams
from hetscore.scoring.deconvolution import PRIOR_HOMO, FragmentNegatives, estimate_negatives, icc_of
from hetscore.scoring.error_domain import compare_domain, describe_slide
from hetscore.scoring.error_model import ErrorModel
from hetscore.scoring.evidence import NullCases, find_detectable, judge, simulate_null
from hetscore.scoring.simulator import Nest

MOST_OUTSIDE = 2
"""Numbers of `LOOKS` in which a slide may differ and its errors still be taken for those that were counted. Of like
slides one in 200 lies outside in any one of eleven; three at once are no chance."""
FALSE_TUMOR_QUANTILE = 0.75
"""Of the groups of cells that are no tumor, by their mean probability: a cluster must be called tumor more firmly. On
the trials of docs/verdict.md 0.9 left five more heterogeneous cases to a reviewer and made one false hetero less."""
MOST_CONTAMINATION = 0.5
"""Expected share of cells that are no tumor, at most: beyond, a count of negative cells tells nothing of tumor."""


def name_stratum(fragments: Sequence[FragmentScore]) -> str:
    """Name the strength of stain of a case: what most of its overexpressing cells are."""
    voting = [f for f in fragments if f.is_assessable]
    moderate, strong = sum(f.counts[2] for f in voting), sum(f.counts[3] for f in voting)
    return "3+" if strong >= moderate else "2+"


def describe_slides(slides: Sequence[SlideResult]) -> list[dict[str, float]]:
    """Describe the sample on each slide, for comparison with the slides that the errors were counted on."""
    looks = []
    for slide in slides:
        samples = [f for f in slide.fragments if f.role is FragmentRole.SAMPLE]
        cells = slide.cells.take(np.isin(slide.cells.fragment, [f.id for f in samples]))
        area = sum(f.area_mm2 for f in samples)
        looks.append(describe_slide(cells, mpp=slide.info.mpp or 0.0, tissue_mm2=area, stain=slide.stain))
    return looks


@dataclass
class Weigher:
    """Weighs a case and its variants against one error model.

    The homogeneous cases it compares with are simulated on the cells of the first reading it is given, that of the case
    itself as a rule. A variant with a few tumor cells more or less is compared with the same.
    """

    model: ErrorModel | None
    params: CaseParams
    n_threads: int
    looks: Sequence[Mapping[str, float]] = ()
    """Of the slides."""
    null: NullCases | None = None
    detectable: tuple[Detectable, ...] = ()
    """The clones that would be found among the cells of the first reading."""

    def weigh(self, nests: Sequence[Nest]) -> Evidence | None:
        """Weigh one reading of the case: its voting fragments; None where the errors are not known."""
        if self.model is None or not nests:
            return None
        is_first = self.null is None
        if self.null is None:
            self.null = simulate_null(nests, self.model, self.params.evidence, n_threads=self.n_threads)
        evidence = _add_doubts(judge(self.null, nests), self.model, self.looks)
        if is_first:
            self.detectable = find_detectable(self.null, self.params.verdict.hetero_p, n_threads=self.n_threads)
            evidence = _add_shares(evidence, nests, self.model)
        return replace(evidence, detectable=self.detectable)


def _add_doubts(evidence: Evidence, model: ErrorModel, looks: Sequence[Mapping[str, float]]) -> Evidence:
    """Say how far the error model can be believed of these slides, and of cells called tumor."""
    unlike = [compare_domain(look, model.domain, model.n_slides) for look in looks]
    firmness = [item.p_tumor for item in model.objects.items]
    return replace(
        evidence,
        is_site=model.is_site,
        false_tumor_p=float(np.quantile(firmness, FALSE_TUMOR_QUANTILE)) if firmness else None,
        outside=tuple(sorted({name for names in unlike for name in names})),
        is_unlike=any(len(names) > MOST_OUTSIDE for names in unlike),
    )


def _add_shares(evidence: Evidence, nests: Sequence[Nest], model: ErrorModel) -> Evidence:
    """Estimate how many of the negative cells are truly negative, by their number alone."""
    stratum = model.stratum(nests[0].stratum)
    icc = icc_of(stratum.fragment_sd, stratum.false_negative.value)
    counts = [
        FragmentNegatives(int(nest.is_negative.sum()), len(nest), _expect_contamination(nest, model)) for nest in nests
    ]
    found = estimate_negatives(counts, stratum.false_negative, model.false_positive, icc=icc)
    return replace(
        evidence,
        probability_homo=found.probability_homo,
        prior_homo=PRIOR_HOMO,
        probability_homo_even=_from_even_odds(found.probability_homo),
        shares={nest.fragment: share for nest, share in zip(nests, found.by_fragment, strict=True)},
        pooled_share=found.pooled,
    )


def _from_even_odds(probability: float) -> float:
    """Turn a probability of homo into what it would be from even odds before: Bayes' theorem in odds."""
    for_homo, against = probability * (1 - PRIOR_HOMO), (1 - probability) * PRIOR_HOMO
    return for_homo / (for_homo + against)


def _expect_contamination(nest: Nest, model: ErrorModel) -> float:
    """Share of a fragment's scored cells that are no tumor, to be expected."""
    sizes = [item.n_cells for item in model.objects.items]
    grouped = sum(sizes) / model.objects.area_mm2 * nest.area_mm2 / len(nest)
    return min(model.false_tumor.value + grouped, MOST_CONTAMINATION)
