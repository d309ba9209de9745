"""Descriptive indices of heterogeneity: how mixed the membrane classes of the tumor cells are, and at which level.

In: counts of scored tumor cells, or scores of fragments. Out: exact fractions wherever the formula allows it, and None
where an index is not defined: no cells is not "no heterogeneity". None of the indices decides a label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from hetscore.domain import FragmentScore, Indices
from hetscore.scoring.guidelines import Counts


def h_score(counts: Counts) -> Fraction | None:
    """Weigh the percentages: 1 x % of 1+, plus 2 x % of 2+, plus 3 x % of 3+.

    Parameters
    ----------
    counts : tuple of 4 int
        Scored tumor cells of class 0, 1+, 2+, 3+.

    Returns
    -------
    Fraction or None
        0 to 300; 100 times the class where all cells are of one class. None without cells.

    Notes
    -----
    It measures how much, not how mixed: all cells 2+, and a third of them 0 with the rest 3+, both have 200.

    References
    ----------
    .. [1] McCarty KS et al., Cancer Res 1986;46:4244s-4248s, without the unit they add to every class.
    """
    n = sum(counts)
    return Fraction(100 * sum(weight * n_class for weight, n_class in enumerate(counts)), n) if n else None


def shannon_entropy(counts: Counts, base: float = 2) -> float | None:
    """Uncertainty of the class of a tumor cell drawn at random.

    Parameters
    ----------
    counts : tuple of 4 int
        Scored tumor cells of class 0, 1+, 2+, 3+.
    base : float
        Of the logarithm: 2 gives bits, `math.e` gives nats, 4 gives the share of the most that four classes can have.

    Returns
    -------
    float or None
        0 where all cells are of one class, log 4 where the four classes are equal. None without cells.

    Notes
    -----
    It takes the classes for mere names: half 0 and half 3+ is as mixed as half 2+ and half 3+.

    References
    ----------
    .. [1] Shannon CE, Bell Syst Tech J 1948;27:379-423.
    """
    n = sum(counts)
    if n == 0:
        return None
    return math.fsum(n_class / n * math.log2(n / n_class) for n_class in counts if n_class) / math.log2(base)


def gini_simpson(counts: Counts) -> Fraction | None:
    """Probability that two tumor cells, drawn with replacement, differ in class.

    Parameters
    ----------
    counts : tuple of 4 int
        Scored tumor cells of class 0, 1+, 2+, 3+.

    Returns
    -------
    Fraction or None
        0 where all cells are of one class, 3/4 where the four classes are equal. None without cells.

    References
    ----------
    .. [1] Simpson EH, Nature 1949;163:688: one less his measure of concentration of a population.
    """
    n = sum(counts)
    return 1 - Fraction(sum(n_class**2 for n_class in counts), n**2) if n else None


def rao_quadratic_entropy(counts: Counts, power: Literal[1, 2] = 1) -> Fraction | None:
    """Mean distance in class of two tumor cells drawn with replacement.

    Parameters
    ----------
    counts : tuple of 4 int
        Scored tumor cells of class 0, 1+, 2+, 3+.
    power : 1 or 2
        The distance of classes i and j is ``|i - j|`` or its square.

    Returns
    -------
    Fraction or None
        0 where all cells are of one class; at most 3/2 (or 9/2 squared), with half of them 0 and half 3+. None without
        cells.

    Notes
    -----
    Unlike Shannon's entropy it knows that 0 and 3+ lie further apart than 2+ and 3+. With the square it is twice the
    variance of the class.

    References
    ----------
    .. [1] Rao CR, Theor Popul Biol 1982;21:24-43.
    """
    n = sum(counts)
    distances = sum(abs(i - j) ** power * n_i * n_j for i, n_i in enumerate(counts) for j, n_j in enumerate(counts))
    return Fraction(distances, n**2) if n else None


def cell_level_heterogeneity(fragments: Sequence[FragmentScore]) -> Fraction | None:
    """Mean difference in class of neighboring tumor cells.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.

    Returns
    -------
    Fraction or None
        0 to 3: the differences over all pairs of linked scored tumor cells of the voting fragments, by their number, so
        a fragment weighs by its links. None where no two scored tumor cells are linked.

    Notes
    -----
    In the style of HetMap [1]_, whose cell level is the consistency of expression among neighboring cells of a tumor
    nest. The question is theirs; the neighbors (see `clusters.link_cells`), the difference in class and the mean over
    the case are ours, so the numbers cannot be compared with theirs. They report the average or the maximum over a
    slide; this is an average. Next to `Indices.rao_linear` it tells how the classes lie: as large where they are mixed
    at random, smaller where like lies beside like.

    References
    ----------
    .. [1] Potts SJ et al., Lab Invest 2012;92:1342-1357.
    """
    voting = [f for f in fragments if f.is_assessable]
    n_links = sum(f.n_links for f in voting)
    return Fraction(sum(f.n_link_steps for f in voting), n_links) if n_links else None


def tumor_level_heterogeneity(fragments: Sequence[FragmentScore]) -> Fraction | None:
    """Part of Rao's entropy that lies between fragments, not within them.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.

    Returns
    -------
    Fraction or None
        0 to 3/2: Rao's entropy (distance ``|i - j|``) of the pooled cells, less the mean over the fragments of their
        own, weighed by their scored tumor cells. 0 where all fragments have the same shares of the classes, and only
        there. None with fewer than two voting fragments that hold scored tumor cells.

    Notes
    -----
    In the style of HetMap [1]_, whose tumor level is the difference of expression across a tumor as a section shows it.
    They compare regions that a pathologist outlines; here the regions are the biopsy fragments, and the measure is the
    apportionment of diversity of [2]_, so the numbers cannot be compared with theirs. It is never negative because
    Rao's entropy with this distance is concave: pooling never makes a mixture purer than its parts.

    References
    ----------
    .. [1] Potts SJ et al., Lab Invest 2012;92:1342-1357.
    .. [2] Rao CR, Theor Popul Biol 1982;21:24-43.
    """
    parts = [f.counts for f in fragments if f.is_assessable and any(f.counts)]
    pooled = rao_quadratic_entropy(_pool(parts))
    if pooled is None or len(parts) < 2:
        return None
    n = sum(sum(counts) for counts in parts)
    within = sum(((rao_quadratic_entropy(counts) or 0) * Fraction(sum(counts), n) for counts in parts), Fraction(0))
    return pooled - within


def summarize_indices(fragments: Sequence[FragmentScore]) -> Indices:
    """Measure the heterogeneity of a case.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.

    Returns
    -------
    Indices
        Of the pooled cells of the voting fragments, and of the two levels; every field None where no fragment votes.
    """
    pooled = _pool([f.counts for f in fragments if f.is_assessable])
    return Indices(
        h_score=_round(h_score(pooled)),
        shannon_bits=shannon_entropy(pooled),
        shannon_share=shannon_entropy(pooled, base=4),
        gini_simpson=_round(gini_simpson(pooled)),
        rao_linear=_round(rao_quadratic_entropy(pooled)),
        rao_squared=_round(rao_quadratic_entropy(pooled, 2)),
        cell_level=_round(cell_level_heterogeneity(fragments)),
        tumor_level=_round(tumor_level_heterogeneity(fragments)),
    )


def _pool(parts: Sequence[Counts]) -> Counts:
    none, faint, moderate, strong = (sum(counts[place] for counts in parts) for place in range(4))
    return none, faint, moderate, strong


def _round(value: Fraction | None) -> float | None:
    """Give the nearest float; None stays None."""
    return None if value is None else float(value)
