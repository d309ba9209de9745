"""From what a network says of a cell to the probability that it is a tumor cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from hetscore.segmenters.growth import Labels
from hetscore.segmenters.kernels import region_sums


@dataclass(frozen=True)
class TumorCalibration:
    """Scale and offset of the mean logit over a nucleus, fitted on cores the network was not trained on.

    References
    ----------
    .. [1] Platt JC. Probabilistic outputs for support vector machines. In: Advances in Large Margin Classifiers. MIT
       Press, 1999. Pages 61-74.
    """

    scale: float
    offset: float

    def probability(self, logit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability that a cell is a tumor cell."""
        chance: NDArray[np.float64] = expit(self.scale * logit + self.offset)
        return chance


def mean_over(nuclei: Labels, n: int, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of `values` over each of the nuclei 1..n, (n,); 0 of one without a pixel."""
    sums = region_sums(nuclei, n, np.ascontiguousarray(values))
    mean: NDArray[np.float64] = sums[:, 6] / np.maximum(sums[:, 0], 1)
    return mean
