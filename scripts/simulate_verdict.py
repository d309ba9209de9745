"""Operating characteristics of the verdict on simulated cases: how often it is wrong, how small a clone it sees.

    python -m scripts.simulate_verdict > table.md

Four fragments of some 1,200 tumor cells on a jittered hexagonal lattice, read with nine kinds of errors. First: how
often rules call a homogeneous case hetero. Then: what each test finds at 5 % false alarms. Last: the three-valued rule,
with what a reviewer is assumed to answer where it defers. Nothing here is measured on a slide; that is
`scripts.measure_verdict`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetscore.scoring.clusters import link_cells
from hetscore.scoring.error_model import ErrorModel, FalseObject, FalseObjects, Rate, Stratum
from hetscore.scoring.evidence import Statistics, join_p, simulate_statistics
from hetscore.scoring.simulator import Nest
from hetscore.scoring.verdict import VerdictParams

SPACING_UM = 12.0
N_CELLS = 1225
N_FRAGMENTS = 4
CELLS_PER_MM2 = 5000.0
FALSE_POSITIVE = 0.03
CLONES = (5, 10, 15, 20, 30, 50)
MOSAICS = (0.05, 0.2)
VERDICT = VerdictParams()
CONFIRMS, MISCONFIRMS = 0.95, 0.01
"""Assumed of the reviewer, not measured: he confirms a shown clone so often, and another field so seldom."""


@dataclass(frozen=True)
class Scenario:
    """A kind of errors."""

    name: str
    rate: float
    ratio: float = 1.0
    fragment_sd: float = 0.0
    scattered: float = 0.0
    glands: float = 0.0
    """Chance of a fragment to hold a gland of 30 cells that is called tumor."""

    def model(self, *, independent: bool = False, mosaic: float = 0.0) -> ErrorModel:
        """Make the error model, or the one that takes its errors for independent single cells."""
        area = N_CELLS / CELLS_PER_MM2
        n_glands = 0 if independent else round(self.glands * 1000)
        rate, sd = (self.rate, 0.0) if independent else (self.rate, self.fragment_sd)
        scattered = 0.0 if independent else self.scattered
        mixed = scattered + mosaic * (1 - FALSE_POSITIVE)
        return ErrorModel(
            id=self.name,
            model="",
            model_sha256="",
            calibration="",
            created="",
            is_site=True,
            n_slides=1,
            n_fragments=1,
            strata=(Stratum("3+", _known(rate), 1.0 if independent else self.ratio, sd),),
            false_positive=_known(FALSE_POSITIVE),
            false_tumor=_known(mixed),
            false_tumor_sd=0.0,
            objects=FalseObjects((FalseObject(30, 0.7),) * n_glands, area * 1000 if n_glands else 1e6),
            missed=_known(0.0),
            domain={},
        )


SCENARIOS = (
    Scenario("iid 1%", 0.01),
    Scenario("iid 3%", 0.03),
    Scenario("corr 1%", 0.01, 5.1),
    Scenario("corr 3%", 0.03, 3.3),
    Scenario("corr 3% sd .5", 0.03, 3.3, 0.5),
    Scenario("1% + scatter 1%", 0.01, scattered=0.01),
    Scenario("1% + scatter 5%", 0.01, scattered=0.05),
    Scenario("1% + gland 10%", 0.01, glands=0.1),
    Scenario("all, 3%", 0.03, 3.3, 0.5, 0.02, 0.05),
)
"""Those of the simulations the rule was chosen by."""


def _known(share: float) -> Rate:
    """Make a rate so well known that its own uncertainty does not matter: here calibration equals truth."""
    n = 1_000_000
    k = round(share * n)
    return Rate(k, n, 0.999 * k / n, 1.001 * k / n)


def make_nests() -> tuple[Nest, ...]:
    """Make the fragments."""
    return tuple(_make_nest(k) for k in range(N_FRAGMENTS))


def _make_nest(fragment: int) -> Nest:
    rng = np.random.default_rng(fragment)
    side = int(np.ceil(np.sqrt(N_CELLS)))
    row, column = np.divmod(np.arange(N_CELLS), side)
    x = (column + row % 2 / 2) * SPACING_UM + rng.normal(0, 1, N_CELLS)
    y = row * SPACING_UM * np.sqrt(3) / 2 + rng.normal(0, 1, N_CELLS)
    negative = np.zeros(N_CELLS, np.bool_)
    return Nest(fragment, x, y, link_cells(x, y), negative, "3+", N_CELLS / CELLS_PER_MM2)


def bench(scenario: Scenario, nests: Sequence[Nest], n_null: int, n_test: int) -> Iterator[tuple[str, list[str]]]:
    """Rows of the three tables, by the table's key."""
    model = scenario.model()
    null = simulate_statistics(nests, model, n_null, 1)
    homo = simulate_statistics(nests, model, n_test, 2)
    naive = simulate_statistics(nests, scenario.model(independent=True), n_null, 3)
    limit, naive_limit = (np.quantile(part.cluster, 0.95) + 1 for part in (null, naive))
    rules = (
        homo.cluster >= 1,
        homo.fraction > 0.01,
        homo.fraction > 0.05,
        homo.fraction > 0.10,
        *(homo.cluster >= k for k in (5, 10, 20)),
    )
    shares = [f"{np.mean(rule):.3f}" for rule in rules]
    yield "homo", [scenario.name, *shares, f"{limit:.0f}", f"{np.mean(homo.cluster >= naive_limit):.2f}"]
    others = {f"k={k}": simulate_statistics(nests, model, n_test, 10 + k, clone_cells=k) for k in CLONES}
    for share in MOSAICS:
        mixed = scenario.model(mosaic=share)
        others[f"mosaic {100 * share:.0f}%"] = simulate_statistics(nests, mixed, n_test, 90)
    yield "power", [scenario.name, *(_power(part, null) for part in others.values())]
    yield "rule", [scenario.name, *_three_valued(homo, null), *(_final(part, null) for part in others.values())]


def _power(seen: Statistics, null: Statistics) -> str:
    """Share found by each test at 5 %, and by the three joined at 5 %."""
    p = seen.p_values(null)
    return "/".join(f"{np.mean(part < 0.05):.2f}" for part in (*p, join_p(p)))


def _labels(seen: Statistics, null: Statistics) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which cases are called hetero, and which homo."""
    p = join_p(seen.p_values(null))
    return p < VERDICT.hetero_p, (p >= VERDICT.homo_p) & (seen.cluster < VERDICT.min_negative_cluster)


def _three_valued(homo: Statistics, null: Statistics) -> list[str]:
    """Of homogeneous cases: called homo, deferred, called hetero, and hetero in the end."""
    is_hetero, is_homo = _labels(homo, null)
    deferred = ~is_hetero & ~is_homo
    final = np.mean(is_hetero) + np.mean(deferred) * MISCONFIRMS * 3  # of two to three fields shown
    return [f"{np.mean(part):.3f}" for part in (is_homo, deferred, is_hetero)] + [f"{final:.3f}"]


def _final(seen: Statistics, null: Statistics) -> str:
    """Share of heterogeneous cases called hetero, and called homo."""
    is_hetero, is_homo = _labels(seen, null)
    deferred = ~is_hetero & ~is_homo
    return f"{np.mean(is_hetero):.2f}+{np.mean(deferred) * CONFIRMS:.2f} ({np.mean(is_homo):.2f})"


_ALTERNATIVES = [*(f"k={k}" for k in CLONES), *(f"mosaic {100 * s:.0f}%" for s in MOSAICS)]
TABLES = {
    "homo": ["errors", "literal", ">1%", ">5%", ">10%", "cluster>=5", ">=10", ">=20", "k*", "k* as if iid"],
    "power": ["errors", *_ALTERNATIVES],
    "rule": ["errors", "auto homo", "deferred", "auto hetero", "hetero in the end", *_ALTERNATIVES],
}
"""Columns: shares of homogeneous cases called hetero; cluster/scan/fraction/joined; the rule."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--null", type=int, default=1999, help="homogeneous cases simulated for the p-values")
    parser.add_argument("--cases", type=int, default=600, help="cases tried of each kind")
    args = parser.parse_args()
    nests, rows = make_nests(), {name: [columns, ["---"] * len(columns)] for name, columns in TABLES.items()}
    for scenario in SCENARIOS:
        for table, row in bench(scenario, nests, args.null, args.cases):
            rows[table].append(row)
    for lines in rows.values():
        print("\n".join(f"| {' | '.join(line)} |" for line in lines), end="\n\n")


if __name__ == "__main__":
    main()
