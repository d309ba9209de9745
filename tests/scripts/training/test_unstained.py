"""What the cases of unstained tumor hold."""

from __future__ import annotations

from hetscore.domain import MembraneClass
from hetscore.phantom import Tissue
from scripts.training.examples import UNSTAINED
from scripts.training.unstained import make_unstained_cases


def test_each_holds_unstained_tumor_beside_what_looks_like_it() -> None:
    """Four fragments of 0 or 1+, poorly cohesive tumor and metaplasia among them; some are damaged."""
    cases = make_unstained_cases(UNSTAINED.seed, UNSTAINED.n_cases)
    assert len({case.case_id for case in cases}) == UNSTAINED.n_cases
    for case in cases:
        assert len(case.fragments) == 4
        assert {Tissue.DIFFUSE, Tissue.METAPLASIA} <= {fragment.tissue for fragment in case.fragments}
        assert all(fragment.membrane_class <= MembraneClass.FAINT for fragment in case.fragments)
    assert sum(bool(case.fragments[0].damage) for case in cases) == UNSTAINED.n_cases / 3


def test_a_case_does_not_depend_on_how_many_are_drawn() -> None:
    """The first two of three are the two drawn alone; another seed draws others."""
    assert make_unstained_cases(1, 3)[:2] == make_unstained_cases(1, 2)
    assert make_unstained_cases(1, 2) != make_unstained_cases(2, 2)
