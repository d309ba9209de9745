"""Draw the cases that the verdict is calibrated on and tried on: homogeneous ones, and each way not to be.

    python -m scripts.verdict_cases --manner typical --use trial --seed 9101 --out DIR

Three uses, drawn with different seeds: `calibrate` (homogeneous cases, and some with a negative fragment, by which the
errors of the cell calls are counted), `beside` (a few more, for negative cells that touch stained ones) and `trial`
(also clones of 5 to 50 cells and mosaics, by which the verdict is judged). The manner is that of the preset of the same
name. The errors that come with the network were counted on `calibrate` of both manners (seeds 7001 and 7002) and on
`beside` (typical, 7003).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hetscore.domain import IshResult, MembraneClass
from hetscore.phantom import CaseSpec, write_phantom
from hetscore.phantom.mixes import (
    CLONE,
    MODERATE,
    MOSAIC,
    NEGATIVE,
    POOR,
    STRONG,
    USUAL,
    Kind,
    Manner,
    Rng,
    draw_artefact,
    draw_mix,
    poor_optics,
    usual_optics,
)
from hetscore.phantom.spec import ArtefactKind, OpticsSpec

AMPLIFIED = IshResult.AMPLIFIED
HOMO = {"homo-3plus": Kind(1, STRONG), "homo-2plus": Kind(1, MODERATE, ish=AMPLIFIED)}
FRAGMENT = {"negative-fragment": Kind(1, STRONG, NEGATIVE)}
CLONES = {f"clone-{n}": Kind(1, STRONG, replace(CLONE, clone_cells=n)) for n in (5, 10, 20, 50)}
MOSAICS = {
    f"mosaic-{percent}": Kind(
        1, STRONG, replace(MOSAIC, mosaic_share=percent / 100, minor_class=MembraneClass.NEGATIVE)
    )
    for percent in (5, 20)
}
KINDS = HOMO | FRAGMENT | CLONES | MOSAICS
"""Kinds of case by name; the odd fragment is one of the tumor fragments."""

USES = {
    "calibrate": {"homo-3plus": 10, "homo-2plus": 10, "negative-fragment": 4},
    "beside": {"clone-50": 3, "clone-20": 1, "mosaic-20": 2},
    "trial": dict.fromkeys(HOMO, 16)
    | dict.fromkeys(FRAGMENT, 6)
    | dict.fromkeys(CLONES, 5)
    | dict.fromkeys(MOSAICS, 3),
}
"""How many cases of each kind. On trial are at least 30 homogeneous ones, so that none wrong says under 10 %."""

MANNERS: dict[str, tuple[Manner, Callable[[Rng], OpticsSpec], tuple[int, int], float]] = {
    "typical": (USUAL, usual_optics, (80, 93), 0.0),
    "hard": (POOR, poor_optics, (60, 86), 0.1),
}
"""Fragments, optics, JPEG quality and the chance of each kind of artefact, as in the preset of that name."""


def draw_cases(manner: str, use: str, seed: int) -> tuple[CaseSpec, ...]:
    """Draw the specifications of all cases of a use; the kind is the beginning of the id."""
    rng = np.random.default_rng(seed)
    return tuple(case for kind, n_cases in USES[use].items() for case in _draw_kind(rng, kind, n_cases, manner))


def _draw_kind(rng: Rng, kind: str, n_cases: int, manner: str) -> list[CaseSpec]:
    how, optics, quality, chance = MANNERS[manner]
    return [
        replace(
            case,
            case_id=f"{kind}-{i + 1:02d}",
            optics=optics(rng),
            quality=int(rng.integers(*quality)),
            artefacts=tuple(
                draw_artefact(rng, artefact, len(case.fragments)) for artefact in ArtefactKind if rng.random() < chance
            ),
        )
        for i, case in enumerate(draw_mix(rng, n_cases, (KINDS[kind],), how))
    ]


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--manner", choices=MANNERS, required=True)
    parser.add_argument("--use", choices=USES, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    cases = draw_cases(args.manner, args.use, args.seed)
    write_phantom(cases, args.seed, args.out, processes=args.processes, progress=lambda case: print(case.case_id))


if __name__ == "__main__":
    main()
