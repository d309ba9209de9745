"""The negative cells of a case against the measured errors: simulated once, asked for each variant of the case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hetscore.domain import Evidence, FragmentScore
from hetscore.scoring.case import CaseParams
from hetscore.scoring.error_model import ErrorModel
from hetscore.scoring.evidence import NullCases, find_detectable, judge, simulate_null
from hetscore.scoring.simulator import Nest


def name_stratum(fragments: Sequence[FragmentScore]) -> str:
    """Name the strength of stain of a case: what most of its overexpressing cells are."""
    voting = [f for f in fragments if f.is_assessable]
    moderate, strong = sum(f.counts[2] for f in voting), sum(f.counts[3] for f in voting)
    return "3+" if strong >= moderate else "2+"


@dataclass
class Weigher:
    """Weighs a case and its variants against one error model.

    The homogeneous cases it compares with are simulated on the cells of the first reading it is given, that of the case
    itself as a rule. A variant with a few tumor cells more or less is compared with the same.
    """

    model: ErrorModel | None
    params: CaseParams
    n_threads: int
    null: NullCases | None = None

    def weigh(self, nests: Sequence[Nest]) -> Evidence | None:
        """Weigh one reading of the case: its voting fragments; None where the errors are not known."""
        if self.model is None or not nests:
            return None
        if self.null is not None:
            return judge(self.null, nests)
        self.null = simulate_null(nests, self.model, self.params.evidence, n_threads=self.n_threads)
        detectable = find_detectable(self.null, self.params.verdict.hetero_p, n_threads=self.n_threads)
        return replace(judge(self.null), detectable=detectable)
