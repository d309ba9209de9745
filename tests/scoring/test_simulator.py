"""The simulated readings err as the error model says: as often, as clumped, in groups as large."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.scoring.clusters import largest_cluster
from hetscore.scoring.error_model import ErrorModel
from hetscore.scoring.simulator import (
    MAX_LATENT,
    Bools,
    Nest,
    draw_shared,
    find_latent,
    neighbor_probability,
    simulate,
    take_group,
)
from tests.scoring.nests import SPACING_UM, make_errors, make_nest

FIELD_AT_A_LINK = float(np.exp(-1 / 16))
"""Correlation of a field smoothed over two spacings, one spacing away."""


def _draw(nest: Nest, model: ErrorModel, n: int = 400) -> Bools:
    rng = np.random.default_rng(1)
    draws = draw_shared(model, n, rng)
    return np.concatenate([negative for _, negative in simulate(nest, model, draws, rng)])


@pytest.mark.parametrize(
    ("rate", "latent", "chance"), [(0.01, 0.3, 0.051), (0.03, 0.3, 0.099), (0.01, 0.6, 0.164), (0.03, 0.6, 0.238)]
)
def test_what_a_latent_share_means(rate: float, latent: float, chance: float) -> None:
    """Chance of a negative neighbor, as printed for these settings."""
    assert neighbor_probability(rate, latent * FIELD_AT_A_LINK) == pytest.approx(chance, abs=5e-4)
    assert find_latent(rate, chance / rate, FIELD_AT_A_LINK) == pytest.approx(latent, abs=0.01)


def test_the_latent_share_is_bounded() -> None:
    """Independent errors need none; errors that always come together need all there is."""
    assert find_latent(0.01, 1.0, FIELD_AT_A_LINK) == 0.0
    assert find_latent(0.01, 0.5, FIELD_AT_A_LINK) == 0.0
    assert find_latent(0.01, 100.0, FIELD_AT_A_LINK) == MAX_LATENT


@pytest.mark.parametrize("reach", [2.0, 4.0])
def test_the_field_is_standard_and_reaches_as_far(reach: float) -> None:
    """Rows of the kernel have length 1; cells d spacings apart correlate by exp(-d^2 / (4 reach^2))."""
    nest = make_nest(900)
    field = nest.field(reach)
    length = np.sqrt(np.asarray(field.kernel.power(2).sum(axis=1)))
    assert length == pytest.approx(1.0, abs=1e-5)
    assert field.linked_correlation == pytest.approx(np.exp(-1 / (4 * reach**2)), abs=0.02)
    away = np.hypot(nest.x_um - nest.x_um[435], nest.y_um - nest.y_um[435]) / SPACING_UM
    seen = np.asarray((field.kernel @ field.kernel[[435]].T).todense()).ravel()
    assert seen == pytest.approx(np.exp(-(away**2) / (4 * reach**2)), abs=0.05)


@pytest.mark.parametrize(("ratio", "reach"), [(1.0, 2.0), (3.3, 2.0), (8.0, 2.0), (5.0, 5.0)])
def test_rate_and_clumping_come_back(ratio: float, reach: float) -> None:
    """Of many readings the mean rate and the chance of a negative neighbor are those of the model."""
    nest = make_nest(900)
    negative = _draw(nest, make_errors(0.03, ratio, reach=reach), 1200)
    first, second = nest.edges.T
    both = np.count_nonzero(negative[:, first] & negative[:, second]) / negative[:, first].sum()
    assert negative.mean() == pytest.approx(0.03, rel=0.1)
    assert both / 0.03 == pytest.approx(ratio, rel=0.15)


def test_fragments_may_err_more_or_less() -> None:
    """A spread of the log odds between fragments spreads the number of errors far beyond the binomial."""
    nest = make_nest(900)
    even, uneven = (_draw(nest, make_errors(0.05, fragment_sd=sd)).sum(axis=1) for sd in (0.0, 1.0))
    assert even.std() == pytest.approx(np.sqrt(900 * 0.05 * 0.95), rel=0.15)
    assert uneven.std() > 4 * even.std()


def test_scattered_cells_that_are_no_tumor_add_up() -> None:
    """1 % misread and 2 % no tumor make 3 % negative."""
    assert _draw(make_nest(900), make_errors(0.01, false_tumor=0.02)).mean() == pytest.approx(0.03, rel=0.1)


def test_whole_groups_are_called_tumor() -> None:
    """One gland of 30 cells on 0.36 mm2 of known tissue: on a fragment of 0.18 mm2 about 0.4 readings of 1 hold one."""
    nest = make_nest(900)
    negative = _draw(nest, make_errors(0.0, objects=(30,), area_mm2=0.36))
    largest = np.array([largest_cluster(nest.edges, reading) for reading in negative])
    assert set(largest[largest >= 20]) >= {30}
    # the rate is drawn from Gamma(1.5) / 0.36 mm2: P(none) = (1 + 0.18 / 0.36) ** -1.5
    assert np.mean(largest < 20) == pytest.approx(1.5**-1.5, abs=0.08)


def test_a_group_is_compact() -> None:
    """Seven cells on a lattice are a cell and its six neighbors."""
    nest = make_nest(400)
    group = take_group(nest, 210, 7)
    away = np.hypot(nest.x_um[group] - nest.x_um[210], nest.y_um[group] - nest.y_um[210])
    assert away.max() < 1.5 * SPACING_UM
    assert len(take_group(nest, 0, 4000)) == 400
