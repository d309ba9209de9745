"""Compare the results of a run with what was expected of it; used by ``make demo``.

``python scripts/check_expected.py RESULTS EXPECTED.csv``: exit status 1 where a case differs or is missing.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def read_rows(path: Path) -> dict[str, dict[str, str]]:
    """Read a table by case_id."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["case_id"]: row for row in csv.DictReader(file)}


def find_differences(results: dict[str, dict[str, str]], expected: dict[str, dict[str, str]]) -> list[str]:
    """One line for each value that is not as expected."""
    lines = []
    for case_id, wanted in expected.items():
        got = results.get(case_id)
        if got is None:
            lines.append(f"{case_id}: not scored")
            continue
        lines += [f"{case_id}: {k} is {got[k]!r}, expected {v!r}" for k, v in wanted.items() if got[k] != v]
    return lines


def main(arguments: list[str]) -> int:
    """Compare and tell."""
    results, expected = read_rows(Path(arguments[0]) / "cases.csv"), read_rows(Path(arguments[1]))
    differences = find_differences(results, expected)
    print("\n".join(differences) or f"all {len(expected)} cases are as expected")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
