"""Fragments of known truth, drawn as text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import CellTruth, KnownFragment, KnownSlide, MembraneClass
from hetscore.scoring.error_count import FragmentErrors

SPACING_UM = 10.0
"""Of the lattice: each cell is linked to the eight around it."""

KINDS = {
    "+": (CellTruth.OVEREXPRESSED, MembraneClass.STRONG),
    "m": (CellTruth.OVEREXPRESSED, MembraneClass.MODERATE),
    "-": (CellTruth.OVEREXPRESSED, MembraneClass.FAINT),
    "u": (CellTruth.OVEREXPRESSED, MembraneClass.UNSCORED),
    "b": (CellTruth.BELOW, MembraneClass.NEGATIVE),
    "B": (CellTruth.BELOW, MembraneClass.MODERATE),
    "o": (CellTruth.NO_TUMOR, MembraneClass.NEGATIVE),
    "O": (CellTruth.NO_TUMOR, MembraneClass.STRONG),
    "?": (CellTruth.UNKNOWN, MembraneClass.NEGATIVE),
    "!": (CellTruth.UNKNOWN, MembraneClass.STRONG),
}
"""Letter -> what the cell is, and what it was read as; ``.`` is no cell."""


def fragment_of(text: str, *, area_mm2: float = 1.0, number: int = 1, p_tumor: float = 0.95) -> KnownFragment:
    """Draw a fragment, a letter a cell."""
    rows = text.split()
    places = [(x, y, letter) for y, row in enumerate(rows) for x, letter in enumerate(row) if letter != "."]
    kinds = [KINDS[letter] for _, _, letter in places]
    return KnownFragment(
        number,
        area_mm2,
        x_um=np.array([x for x, _, _ in places], float) * SPACING_UM,
        y_um=np.array([y for _, y, _ in places], float) * SPACING_UM,
        p_tumor=np.full(len(places), p_tumor),
        membrane_class=np.array([read for _, read in kinds], np.int8),
        truth=np.array([truth for truth, _ in kinds], np.int8),
    )


def slide_of(*fragments: KnownFragment, case_id: str = "a", homogeneous: bool = False) -> KnownSlide:
    """Put fragments on a slide, on which one of a hundred tumor cells was missed."""
    n = 0 if homogeneous else 100
    return KnownSlide(case_id, f"{case_id}.tif", fragments, n, n // 100, is_homogeneous=homogeneous)


def errors_of(n: int, c: int, *, stratum: str = "3+", links: int = 0, expected: float = 0.0) -> FragmentErrors:
    """Make the counts of a fragment of n overexpressing cells, c of them misread."""
    return FragmentErrors(
        stratum=stratum,
        area_mm2=1.0,
        n_known=n,
        n_overexpressed=n,
        n_false_negative=c,
        n_below=0,
        n_false_positive=0,
        n_beside=0,
        n_beside_positive=0,
        n_scattered=0,
        n_error_links=links,
        expected_links=expected,
        group_squares=float(c),
        expected_squares=float(c),
        n_far_pairs=0,
        expected_far=0.0,
        objects=(),
    )


def draw_clumped(
    rng: np.random.Generator, side: int, rate: float, latent: float, sigma: float = 2.0
) -> NDArray[np.bool_]:
    """(side, side) errors that lie together: a normal value a cell, partly of a smooth field, below a limit.

    The latent Gaussian field of the project's simulations; `latent` is the share of the variance in the field.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.special import ndtri

    margin = int(4 * sigma)
    field = gaussian_filter(rng.standard_normal((side + 2 * margin, side + 2 * margin)), sigma)
    field = field[margin:-margin, margin:-margin] * 2 * sigma * np.sqrt(np.pi)
    value = np.sqrt(1 - latent) * rng.standard_normal((side, side)) + np.sqrt(latent) * field
    errors: NDArray[np.bool_] = value < ndtri(rate)
    return errors


def text_of(errors: NDArray[np.bool_]) -> str:
    """Draw overexpressing cells, misread where so told."""
    return "\n".join("".join("-" if error else "+" for error in row) for row in errors)
