"""The case against its error model: what stands in the evidence, and what does not change it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hetscore.scoring.case import CaseParams
from hetscore.scoring.error_model import FalseObject, FalseObjects
from hetscore.scoring.evidence import EvidenceParams
from hetscore.scoring.weighing import Weigher, name_stratum
from tests.scoring.builders import make_score
from tests.scoring.nests import make_errors, make_nest, with_clone

PARAMS = CaseParams(evidence=EvidenceParams(replicates=399, clone_replicates=49))
NESTS = [make_nest(400, k) for k in (1, 2)]
LOOK = {"mpp": 0.25, "membrane_od": 0.5, "nucleus_area_um2": 40.0}
DOMAIN = {"mpp": (0.25, 0.25), "membrane_od": (0.3, 0.7), "nucleus_area_um2": (35.0, 45.0)}


def _weigher(look: dict[str, float] | None = None) -> Weigher:
    return Weigher(replace(make_errors(), domain=DOMAIN), PARAMS, 1, [LOOK if look is None else look])


@pytest.mark.parametrize(
    ("counts", "stratum"), [((0, 0, 10, 90), "3+"), ((50, 0, 90, 10), "2+"), ((100, 0, 0, 0), "3+")]
)
def test_the_stratum_is_that_of_most_overexpressing_cells(counts: tuple[int, int, int, int], stratum: str) -> None:
    """Of the whole case: a negative fragment has none of its own."""
    assert name_stratum([make_score(1, counts)]) == stratum


def test_without_errors_there_is_no_evidence() -> None:
    """Nor without a fragment that votes."""
    assert Weigher(None, PARAMS, 1).weigh(NESTS) is None
    assert _weigher().weigh([]) is None


def test_everything_is_told_of_the_case_itself() -> None:
    """P-values, clones, shares and probabilities; of a variant the tests, and the clones, which can forbid homo."""
    weigher = _weigher()
    found = weigher.weigh(NESTS)
    variant = weigher.weigh([with_clone(NESTS[0], 40), NESTS[1]])
    assert found is not None
    assert variant is not None
    assert found.p_case == 1.0
    assert variant.p_case < 0.01
    assert [d.power for d in found.detectable] == [0.8, 0.95]
    assert set(found.shares) == {1, 2}
    assert found.pooled_share is not None
    assert found.pooled_share.high < 0.05
    assert found.probability_homo is not None
    assert found.probability_homo_even is not None
    assert found.probability_homo_even > found.probability_homo > 0.39
    assert (variant.detectable, variant.probability_homo) == (found.detectable, None)
    assert found.is_site


@pytest.mark.parametrize(
    ("look", "outside", "is_unlike"),
    [
        (LOOK, (), False),
        (LOOK | {"membrane_od": 2.0}, ("membrane_od",), False),
        ({"mpp": 1.0, "membrane_od": 2.0, "nucleus_area_um2": 90.0}, ("membrane_od", "mpp", "nucleus_area_um2"), True),
    ],
)
def test_slides_unlike_the_calibration(look: dict[str, float], outside: tuple[str, ...], is_unlike: bool) -> None:
    """One number outside is told, three forbid a label."""
    found = _weigher(look).weigh(NESTS)
    assert found is not None
    assert (found.outside, found.is_unlike) == (outside, is_unlike)


def test_groups_that_are_no_tumor_set_the_bar() -> None:
    """Three of four groups lie below it."""
    groups = tuple(FalseObject(5, p / 10) for p in range(11))
    model = replace(make_errors(), objects=FalseObjects(groups, 1000.0))
    found = Weigher(model, PARAMS, 1).weigh(NESTS)
    assert found is not None
    assert found.false_tumor_p == pytest.approx(0.75)
