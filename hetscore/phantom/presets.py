"""Presets by name: from a preset, a seed and a number to specifications of cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hetscore.domain import IshResult, MembraneClass
from hetscore.errors import UsageError
from hetscore.phantom.mixes import (
    BENIGN,
    CLONE,
    EASY,
    FAINT,
    HARD,
    LABELED,
    MODERATE,
    NEGATIVE,
    PLAIN,
    POOR,
    STRONG,
    TYPICAL,
    USUAL,
    Rng,
    dark_optics,
    draw_artefact,
    draw_mix,
    harder,
    poor_optics,
    usual_optics,
)
from hetscore.phantom.spec import MOST_CASES, ArtefactKind, CaseSpec, FragmentSpec, OpticsSpec, Scanner, Tissue

DrawCases = Callable[[Rng, int], tuple[CaseSpec, ...]]
"""From a generator and a number of cases to the cases."""


@dataclass(frozen=True)
class Preset:
    """A named mix of cases."""

    description: str
    """One line for whoever chooses."""
    draw: DrawCases


def _easy(rng: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
    optics = OpticsSpec(blur_um=0.25, noise=0.7)
    return tuple(replace(case, optics=optics, quality=95) for case in draw_mix(rng, n_cases, EASY, PLAIN))


def _typical(rng: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
    cases = draw_mix(rng, n_cases, TYPICAL, USUAL)
    return tuple(replace(case, optics=usual_optics(rng), quality=int(rng.integers(80, 93))) for case in cases)


def _hard(rng: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
    cases = [harder(rng, case) for case in draw_mix(rng, n_cases, HARD, POOR)]
    return tuple(replace(case, optics=poor_optics(rng), quality=int(rng.integers(60, 86))) for case in cases)


def _dark(rng: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
    return tuple(replace(case, optics=dark_optics(rng)) for case in _typical(rng, n_cases))


def _artefacts(rng: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
    """One artefact a case, the kinds in turn: each can be looked for alone."""
    kinds, drawn = tuple(ArtefactKind), []
    for i, case in enumerate(draw_mix(rng, n_cases, LABELED, PLAIN)):
        kind = kinds[i % len(kinds)]
        artefact = draw_artefact(rng, kind, len(case.fragments))
        drawn.append(replace(case, case_id=f"{kind}-{i // len(kinds) + 1}", artefacts=(artefact,)))
    return tuple(drawn)


MPPS = (0.2306, 0.25, 0.2738, 0.3457, 0.4607, 0.4991)
"""Level-0 pixels as common scanners make them at x40 and x20: 0.23-0.50 um."""


def _scanned(scanner: Scanner) -> DrawCases:
    def draw(rng: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
        return tuple(
            replace(
                case,
                optics=replace(case.optics, scanner=scanner),
                mpp=MPPS[int(rng.integers(len(MPPS)))],
                quality=int(rng.integers(60, 91)),
            )
            for case in _typical(rng, n_cases)
        )

    return draw


def _levels(rng: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
    controls = ((MembraneClass.STRONG,), (MembraneClass.STRONG, MembraneClass.NEGATIVE))
    return tuple(
        replace(case, levels=int(rng.integers(2, 5)), controls=controls[int(rng.integers(2))])
        for case in _typical(rng, n_cases)
    )


LARGE_UM = (3600.0, 3000.0, 2400.0, 2000.0)
"""About 10 mm2 of tissue in all: a fragment fills about a third of the square of its length. Forceps take 1-4 mm."""


def _large(rng: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
    manner = replace(USUAL, n_tumor=(len(LARGE_UM), len(LARGE_UM)), other_chance=0.0)
    cases = draw_mix(rng, n_cases, TYPICAL, manner)
    sized = [replace(case, fragments=_sized(case.fragments, *rng.permutation(LARGE_UM))) for case in cases]
    return tuple(replace(case, optics=usual_optics(rng)) for case in sized)


def _sized(fragments: tuple[FragmentSpec, ...], *sizes_um: float) -> tuple[FragmentSpec, ...]:
    return tuple(replace(f, diameter_um=float(size)) for f, size in zip(fragments, sizes_um, strict=True))


def _of(fragment: FragmentSpec, tissue: Tissue) -> FragmentSpec:
    return replace(fragment, tissue=tissue)


_SHEETS, _GLANDS = Tissue.SHEETS, Tissue.GLANDS


_SAMPLE = (
    CaseSpec(
        "homo-3plus",
        _sized((_of(STRONG, _GLANDS), STRONG, _of(STRONG, _SHEETS), BENIGN), 420, 400, 380, 350),
    ),
    CaseSpec(
        "homo-2plus-amplified",
        _sized((MODERATE, _of(MODERATE, _GLANDS), _of(MODERATE, _SHEETS)), 400, 420, 380),
        IshResult.AMPLIFIED,
    ),
    CaseSpec(
        "hetero-fragment",
        _sized((STRONG, _of(STRONG, _GLANDS), _of(NEGATIVE, _GLANDS), _of(STRONG, _SHEETS)), 380, 420, 400, 360),
    ),
    CaseSpec("hetero-clone", _sized((STRONG, _of(CLONE, _SHEETS), _of(STRONG, _GLANDS)), 400, 420, 400)),
    CaseSpec("negative", _sized((FAINT, _of(NEGATIVE, _GLANDS), BENIGN), 400, 400, 360)),
    CaseSpec("equivocal-2plus", _sized((_of(MODERATE, _GLANDS), MODERATE, BENIGN), 420, 400, 350)),
    CaseSpec("no-tumor", _sized((BENIGN, BENIGN, BENIGN), 420, 380, 360)),
)
"""One small case of each kind of answer, without normal glands beside the tumor."""


def _sample(_: Rng, n_cases: int) -> tuple[CaseSpec, ...]:
    return tuple(replace(_clear(case), quality=75) for case in repeat_cases(_SAMPLE, n_cases))


def _clear(case: CaseSpec) -> CaseSpec:
    return replace(case, fragments=tuple(replace(fragment, has_normal=False) for fragment in case.fragments))


def repeat_cases(cases: Sequence[CaseSpec], n_cases: int) -> tuple[CaseSpec, ...]:
    """Take cases in turn until there are `n_cases`; from the second round on ``-2``, ``-3`` follow the id."""
    rounds = [divmod(i, len(cases)) for i in range(n_cases)]
    return tuple(
        replace(cases[k], case_id=f"{cases[k].case_id}-{turn + 1}") if turn else cases[k] for turn, k in rounds
    )


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "easy": Preset("sharp, evenly stained slides; every tumor cell of a case is of one class", _easy),
        "typical": Preset("all kinds of case and tissue, stained as in routine work, a little damage", _typical),
        "hard": Preset("weak or hazy stain, soft focus, clones of 5-50 cells, thin mosaics, gradients, damage", _hard),
        "dark": Preset("typical, stained heavily: dark nuclei, brown membranes and cytoplasm that hide nuclei", _dark),
        "artefacts": Preset(
            "one artefact a case, in turn: fold, pen, blur, bubble, coverslip, hair, floater", _artefacts
        ),
        "scanner-warm": Preset("typical, warm colors, 0.23-0.50 um/px, JPEG 60-90", _scanned(Scanner.WARM)),
        "scanner-cool": Preset("typical, cool colors, 0.23-0.50 um/px, JPEG 60-90", _scanned(Scanner.COOL)),
        "scanner-contrast": Preset("typical, hard contrast, 0.23-0.50 um/px, JPEG 60-90", _scanned(Scanner.CONTRAST)),
        "levels": Preset("typical, with 2-4 serial sections and 1-2 control cores on the slide", _levels),
        "large": Preset("typical, with four fragments of 2.0-3.6 mm: about 10 mm2 of tissue, minutes a case", _large),
        "sample": Preset("one small case of each kind of answer, seven in all", _sample),
    }
)
"""Presets by name."""


def make_cases(preset: str, seed: int, n_cases: int) -> tuple[CaseSpec, ...]:
    """Draw the cases of a preset.

    Parameters
    ----------
    preset : str
        A name in `PRESETS`.
    seed : int
        Not negative; the same seed gives the same cases.
    n_cases : int
        How many.

    Returns
    -------
    tuple of CaseSpec
        With distinct case ids.

    Raises
    ------
    UsageError
        If the preset is unknown, or seed or number make no sense.
    """
    if preset not in PRESETS:
        raise UsageError(
            f"preset: {preset!r}; expected one of {', '.join(PRESETS)}, or a file that ends in .toml. "
            "Choose one of these; `hetscore phantom --list` describes them."
        )
    check_request(seed, n_cases)
    return PRESETS[preset].draw(np.random.default_rng(seed), n_cases)


def check_request(seed: int, n_cases: int) -> None:
    """Raise UsageError unless there are 1 to `MOST_CASES` cases, and a seed that is not negative."""
    if n_cases < 1:
        raise UsageError(f"cases: {n_cases}; expected at least 1. Ask for one case or more.")
    if n_cases > MOST_CASES:
        raise UsageError(
            f"cases: {n_cases}; expected at most {MOST_CASES}. Draw more with another --seed into another --out."
        )
    if seed < 0:
        raise UsageError(f"seed: {seed}; expected 0 or more. Give a seed that is not negative.")
