"""Fragment scores for the laws of scoring, drawn by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from hetscore.domain import Her2Score
from tests.scoring.builders import NO_TUMOR, make_score

N = st.integers(0, 50)
FRAGMENT = st.builds(
    lambda counts, score, negative, positive: make_score(
        counts=counts,
        score=Her2Score(score),
        negative=(min(negative, counts[0] + counts[1]),),
        largest_cluster=(0, min(positive, counts[2] + counts[3]), 0),
    ),
    st.tuples(N, N, N, N).filter(any),
    st.integers(0, 3),
    N,
    N,
)
FRAGMENTS = st.lists(FRAGMENT, min_size=1, max_size=6)
NON_VOTERS = st.lists(st.just(NO_TUMOR), max_size=3)
SHUFFLED = st.tuples(FRAGMENTS, NON_VOTERS).flatmap(
    lambda both: st.tuples(st.just(both[0]), st.permutations([*both[0], *both[1]]))
)
"""Fragments that vote, and the same in any order with fragments that do not vote among them."""
