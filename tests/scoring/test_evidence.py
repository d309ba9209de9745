"""Three tests and their joint p-value: uniform where the model holds, small where a clone lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.scoring.clusters import largest_cluster
from hetscore.scoring.error_model import ErrorModel
from hetscore.scoring.evidence import (
    EvidenceParams,
    NullCases,
    find_detectable,
    is_inner,
    join_p,
    judge,
    measure,
    simulate_null,
)
from hetscore.scoring.simulator import draw_shared, simulate, take_group
from tests.scoring.nests import make_errors, make_nest, with_clone

QUICK = EvidenceParams(replicates=399, clone_replicates=99)
NESTS = tuple(make_nest(500, k) for k in (1, 2, 3))
CLEAN = make_errors(0.01)
CLUMPED = make_errors(0.03, 6.0)


@pytest.fixture(scope="module")
def null() -> NullCases:
    """Homogeneous cases of three fragments, 1 % misread independently."""
    return simulate_null(NESTS, CLEAN, QUICK)


class TestMeasure:
    """The statistics of readings."""

    @given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
    @settings(max_examples=25, deadline=None)
    def test_the_largest_group_is_that_of_the_graph(self, seed: int, share: float) -> None:
        """Many readings in one graph give what each gives alone."""
        nest = NESTS[0]
        negative = np.random.default_rng(seed).random((3, len(nest))) < share
        expected = [largest_cluster(nest.edges, reading) for reading in negative]
        assert measure(nest, negative).cluster.tolist() == expected

    def test_by_hand(self) -> None:
        """A clone of 20 among 500: a cluster of 20, 4 % negative."""
        clone = with_clone(NESTS[0], 20)
        found = measure(clone, clone.is_negative[None, :])
        assert (found.cluster[0], found.fraction[0]) == (20, 0.04)


class TestJudge:
    """P-values."""

    def test_nothing_negative_is_no_evidence(self, null: NullCases) -> None:
        """Every homogeneous case shows as much."""
        found = judge(null)
        assert (found.p_cluster, found.p_scan, found.p_fraction, found.p_case) == (1.0, 1.0, 1.0, 1.0)
        assert (found.largest_negative_cluster, found.worst_fraction, found.n_replicates) == (0, 0.0, 399)

    @pytest.mark.parametrize("n_cells", [20, 60])
    def test_a_clone_is_found(self, null: NullCases, n_cells: int) -> None:
        """No homogeneous case of 399 has the like: p is 3 in 400."""
        found = judge(null, [with_clone(NESTS[0], n_cells), *NESTS[1:]])
        assert found.p_cluster == found.p_scan == 1 / 400
        assert found.p_case == pytest.approx(3 / 400)
        assert found.largest_negative_cluster == n_cells

    def test_doubtful_cells_are_weighed_apart(self, null: NullCases) -> None:
        """A clone of which only four cells are clearly negative is as rare as before, but not by these four."""
        clone = with_clone(NESTS[0], 60)
        few = np.zeros(len(clone), np.bool_)
        few[np.flatnonzero(clone.is_negative)[::15]] = True
        found = judge(null, [replace(clone, is_clear=few), *NESTS[1:]])
        assert found.p_case == pytest.approx(3 / 400)
        assert found.p_clear > 0.01
        assert judge(null, [clone, *NESTS[1:]]).p_clear == found.p_case

    @pytest.mark.parametrize("every", [1, 2, 3, 7])
    def test_fewer_cells_are_never_stronger(self, null: NullCases, every: int) -> None:
        """Though the densest place can stand out more once the cells around it no longer count."""
        clone = with_clone(NESTS[0], 20)
        negative = clone.is_negative.copy()
        negative[::9] = True
        is_clear = negative & clone.is_negative
        is_clear[::every] = negative[::every]
        found = judge(null, [replace(clone, is_negative=negative, is_clear=is_clear), *NESTS[1:]])
        assert found.p_clear >= found.p_case

    def test_a_negative_fragment_is_found(self, null: NullCases) -> None:
        """By its share, though the scan within fragments does not see it."""
        negative = replace(NESTS[0], is_negative=np.ones(len(NESTS[0]), np.bool_))
        found = judge(null, [negative, *NESTS[1:]])
        assert (found.p_fraction, found.p_cluster) == (1 / 400, 1 / 400)
        assert found.p_scan == 1.0

    def test_clumped_errors_hide_what_independent_ones_do_not(self) -> None:
        """Eight connected negative cells: rare where single cells are misread, common where errors clump."""
        nests = [with_clone(NESTS[0], 8), *NESTS[1:]]
        clean, clumped = (judge(simulate_null(nests, model, QUICK)).p_case for model in (CLEAN, CLUMPED))
        assert clean < 0.01
        assert clumped > 0.1

    def test_threads_and_repeats_change_nothing(self) -> None:
        """The same case has the same p-values, always."""
        nests = [with_clone(NESTS[0], 4), *NESTS[1:]]
        one, three, again = (judge(simulate_null(nests, CLUMPED, QUICK, n_threads=n)) for n in (1, 3, 1))
        assert one == three == again


def _judge_homogeneous(null: NullCases, model: ErrorModel, n: int) -> NDArray[np.float64]:
    """P-values of homogeneous cases whose errors follow a model, that of `null` or another."""
    rng = np.random.default_rng(77)
    draws = draw_shared(model, n, rng)
    parts = [measure(nest, np.concatenate([read for _, read in simulate(nest, model, draws, rng)])) for nest in NESTS]
    return join_p(parts[0].join(parts[1]).join(parts[2]).p_values(null.statistics))


@pytest.mark.parametrize("model", [CLEAN, CLUMPED, make_errors(0.02, 3.0, fragment_sd=0.5, false_tumor=0.01)])
def test_p_values_hold_their_level(model: ErrorModel) -> None:
    """Of homogeneous cases drawn from the model at most one in twenty lies below 0.05, one in ten below 0.10."""
    p = _judge_homogeneous(simulate_null(NESTS, model, EvidenceParams(replicates=999)), model, 1000)
    # joined by Bonferroni the level is at most nominal; 0.06 and 0.12 leave room for 1,000 cases
    assert np.mean(p < 0.05) <= 0.06
    assert np.mean(p < 0.10) <= 0.12
    assert p.min() < 0.05


def test_a_model_that_takes_errors_for_independent_is_found_out() -> None:
    """Cases with clumped errors, judged as if independent: more than a fifth are called hetero."""
    independent = simulate_null(NESTS, make_errors(0.03, 1.0), QUICK)
    assert np.mean(_judge_homogeneous(independent, CLUMPED, 300) < 0.01) > 0.2


def test_joined_p_is_three_times_the_smallest() -> None:
    """And never above 1."""
    assert join_p(np.array([[0.001, 0.5], [0.2, 0.6], [0.9, 0.7]])).tolist() == [0.003, 1.0]


class TestDetectable:
    """The smallest clone that makes a case hetero."""

    def test_a_clean_reading_detects_smaller_clones(self, null: NullCases) -> None:
        """More power asks for no smaller a clone; clumped errors ask for a larger one."""
        clean = find_detectable(null, 0.01)
        clumped = find_detectable(simulate_null(NESTS, CLUMPED, QUICK), 0.01)
        assert [d.power for d in clean] == [0.8, 0.95]
        assert None not in {d.n_cells for d in (*clean, *clumped)}
        sizes = [d.n_cells or 0 for d in clean]
        assert sizes == sorted(sizes)
        assert sizes[1] < (clumped[1].n_cells or 0)

    def test_the_rim_of_a_clone_shares_stained_walls(self) -> None:
        """Of seven cells on a lattice one is inside: the rest touch cells that overexpress."""
        nest = make_nest(400)
        inner = [int(is_inner(nest, take_group(nest, 210, n)).sum()) for n in (1, 7, 400)]
        assert inner == [0, 1, 400]

    def test_none_where_nothing_is_large_enough(self) -> None:
        """Where errors are as common as in a negative clone, no clone is found."""
        nests = (make_nest(40),)
        null = simulate_null(nests, make_errors(0.4, 2.0, fragment_sd=2.0), QUICK)
        assert [d.n_cells for d in find_detectable(null, 0.01)] == [None, None]
