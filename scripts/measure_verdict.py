"""The verdict on drawn cases whose truth is known, from pixels to label: right, deferred, wrong, by kind of case.

    python -m scripts.verdict_cases --manner typical --use trial --seed 9101 --out SLIDES
    hetscore score SLIDES --errors ERRORS.toml --out RESULTS
    python -m scripts.measure_verdict RESULTS --truth SLIDES

The kind of a case is its id without the number. A clone may come out smaller than asked where the fragment is small,
and some of its cells are not found; the truth beside the slides counts what was drawn.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import beta

from hetscore.report.case_json import CASE_FILE, read_case_json

HOMO, HETERO, OPEN = "homo-HER2", "hetero-HER2", "indeterminate"


@dataclass(frozen=True)
class Judged:
    """One case: what is true of it and what was said."""

    case_id: str
    truth: str
    label: str
    literal: str
    rule: str
    p_case: float | None

    @property
    def kind(self) -> str:
        """Id without the number."""
        return self.case_id.rpartition("-")[0]

    @property
    def is_wrong(self) -> bool:
        """Whether homo was said of hetero or hetero of homo, by the software alone."""
        return {self.label, self.truth} == {HOMO, HETERO}

    @property
    def is_deferred(self) -> bool:
        """Whether a label was asked for and none was given."""
        return self.truth in (HOMO, HETERO) and self.label not in (HOMO, HETERO)


def read_judged(results: Path, truth: Path) -> list[Judged]:
    """Read labels and truth of all cases of a run that were scored."""
    with (truth / "truth" / "cases.csv").open(encoding="utf-8", newline="") as file:
        known = {row["case_id"]: row["label"] for row in csv.DictReader(file)}
    return [_read_case(folder, known) for folder in sorted((results / "cases").iterdir())]


def _read_case(folder: Path, known: Mapping[str, str]) -> Judged:
    case = read_case_json(folder / CASE_FILE)
    said = case.reason.split(". ")[-1]
    return Judged(case.case_id, known[case.case_id], case.label, case.literal_label, said, case.evidence.p_case)


def tabulate(cases: Iterable[Judged]) -> str:
    """Write a Markdown table, one row a kind."""
    kinds: dict[str, list[Judged]] = defaultdict(list)
    for case in cases:
        kinds[case.kind].append(case)
    lines = ["| kind | cases | literal homo | homo | indeterminate | hetero | wrong |", "|---|---|---|---|---|---|---|"]
    for kind, of_kind in kinds.items():
        labels = [case.label for case in of_kind]
        other = len(labels) - sum(labels.count(name) for name in (HOMO, HETERO))
        literal = sum(case.literal == HOMO for case in of_kind)
        wrong = sum(case.is_wrong for case in of_kind)
        row = (kind, len(labels), literal, labels.count(HOMO), other, labels.count(HETERO), wrong)
        lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def summarize(cases: list[Judged]) -> str:
    """Write shares of all cases for which a label was asked, each with its 95 % interval."""
    asked = [case for case in cases if case.truth in (HOMO, HETERO)]
    homo = [case for case in asked if case.truth == HOMO]
    rows = {
        "wrong automatic label": (sum(c.is_wrong for c in asked), len(asked)),
        "deferred": (sum(c.is_deferred for c in asked), len(asked)),
        "homo called hetero": (sum(c.label == HETERO for c in homo), len(homo)),
        "literal rule wrong": (sum({c.literal, c.truth} == {HOMO, HETERO} for c in asked), len(asked)),
    }
    return "\n".join(f"{name}: {k} of {n}, {_interval(k, n)}" for name, (k, n) in rows.items())


def _interval(k: int, n: int) -> str:
    """Share with its Clopper-Pearson interval, percent."""
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return f"{100 * k / max(1, n):.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def main() -> None:
    """Print the table, the shares, and each case that is wrong or deferred with the reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--truth", type=Path, required=True, help="folder of the drawn slides")
    args = parser.parse_args()
    cases = read_judged(args.results, args.truth)
    print(tabulate(cases), summarize(cases), sep="\n\n", end="\n\n")
    for case in cases:
        if case.is_wrong or case.is_deferred:
            said = "wrong" if case.is_wrong else "deferred"
            p = "-" if case.p_case is None else f"{case.p_case:.4f}"
            print(f"{said}: {case.case_id}, truth {case.truth}, said {case.label}, p {p}: {case.rule}")


if __name__ == "__main__":
    main()
