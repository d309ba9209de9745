"""Does the label stand: a case decided again as if its measurement had been a little off.

In: the cells of a case as they were measured, and a function that decides the case from cells. Out: its score with one
row for each of `VARIANTS`, and flags where one of them changes the label or the HER2 status. No pixel is read again:
what a variant would have measured is computed from the columns that are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from hetscore.domain import CaseLabel, CaseScore, Cells, Sensitivity
from hetscore.scoring.cell import OrdinalModel, classify_cells
from hetscore.scoring.guidelines import Guideline

Vector = tuple[float, float, float]
"""Direction of a stain in optical-density space: red, green, blue; any length."""
Decide = Callable[[Sequence[Cells]], CaseScore]
"""From the cells of each slide, in the order of the slides, to the score of the case."""


@dataclass(frozen=True)
class Variant:
    """One way in which the measurement may be off; what is not named is as it was measured."""

    name: str
    """In case.json."""
    text: str
    """As shown to the reader."""
    reason: str
    """Why so much and no more."""
    gain: float = 1.0
    """What every DAB density is multiplied by."""
    turn_degrees: float = 0.0
    """How far the DAB vector is turned toward that of hematoxylin, in the plane of the two."""
    tumor_cutoff: float = 0.5
    """Probability from which a cell is a tumor cell."""


_GAIN = (
    "A design choice: a tenth is what one run of a stain may differ from the next without anybody seeing it on the"
    " slide. Half of what a calibration on control tissue is held to (0.8 to 1.25)."
)
_CUTOFF = (
    "A design choice: a tenth, several times the mean error of the probabilities on cores the network was not trained"
    " on (expected calibration error 0.02), since on the tissue of another site they are less sure."
)
_TURN = (
    "A hard case on purpose. The vectors of the development cores lie 1 to 2 degrees apart, which is a gain of less"
    " than a tenth and so in the panel already; that of Ruifrok and Johnston 2001, the default of many programs, lies"
    " 5.2 degrees from theirs in this plane, away from hematoxylin: one laboratory's brown taken for another's."
)

VARIANTS = (
    Variant("dab-weaker", "DAB 10 % weaker", _GAIN, gain=0.9),
    Variant("dab-stronger", "DAB 10 % stronger", _GAIN, gain=1.1),
    Variant("dab-turned-away", "DAB vector turned 5° away from hematoxylin", _TURN, turn_degrees=-5.0),
    Variant("dab-turned-toward", "DAB vector turned 5° toward hematoxylin", _TURN, turn_degrees=5.0),
    Variant("tumor-cutoff-high", "Tumor cells from a probability of 0.6", _CUTOFF, tumor_cutoff=0.6),
    Variant("tumor-cutoff-low", "Tumor cells from a probability of 0.4", _CUTOFF, tumor_cutoff=0.4),
)
"""What is tried, in the order of the report."""


@dataclass(frozen=True)
class Classifier:
    """What gave the cells their classes."""

    model: OrdinalModel
    guideline: Guideline
    hematoxylin: Vector
    dab: Vector
    """The vectors the densities were unmixed by."""


def probe_label(score: CaseScore, cells: Sequence[Cells], decide: Decide, classifier: Classifier) -> CaseScore:
    """Decide a case again under each variant.

    Parameters
    ----------
    score : CaseScore
        What `decide` made of `cells`.
    cells : sequence of Cells
        Classified cells of each slide.
    decide : callable
        Decides the case from the cells of each slide; called once a variant.
    classifier : Classifier
        What gave `cells` their classes.

    Returns
    -------
    CaseScore
        `score` with its panel, in the order of `VARIANTS`, and with the flags ``label-sensitive`` and
        ``status-sensitive`` if any variant has another label or another HER2 status; nothing else is changed. A status
        may move while the label stands: 1+ is negative and 2+ waits for ISH, and both are not-applicable.

    Notes
    -----
    A case that is not assessable has no label that could stand or fall: it is returned as it is, without a panel.
    """
    if score.label is CaseLabel.NOT_ASSESSABLE:
        return score
    panel = tuple(_try_variant(variant, score, cells, decide, classifier) for variant in VARIANTS)
    doubts = {
        "label-sensitive": any(row.is_changed for row in panel),
        "status-sensitive": any(row.status is not score.status for row in panel),
    }
    flags = {*score.flags, *(name for name, is_set in doubts.items() if is_set)}
    return replace(score, sensitivity=panel, flags=tuple(sorted(flags)))


def _try_variant(
    variant: Variant, score: CaseScore, cells: Sequence[Cells], decide: Decide, classifier: Classifier
) -> Sensitivity:
    varied = [apply_variant(part, variant, classifier) for part in cells]
    other = decide(varied)
    return Sensitivity(
        variant=variant.name,
        text=variant.text,
        label=other.label,
        literal_label=other.literal_label,
        score=other.score,
        status=other.status,
        n_changed=sum(count_changed(*both) for both in zip(cells, varied, strict=True)),
        is_changed=other.label is not score.label,
    )


_DAB_COLUMNS = ("membrane_od", "cytoplasm_od", "nucleus_od")


def apply_variant(cells: Cells, variant: Variant, classifier: Classifier) -> Cells:
    """Give cells the measures and the class they would have had.

    Parameters
    ----------
    cells : Cells
        Measured cells.
    variant : Variant
        How the measurement is off.
    classifier : Classifier
        What gives a class.

    Returns
    -------
    Cells
        Classified, in the same order. UNSCORED stays UNSCORED.

    Notes
    -----
    Completeness, arc, pattern and width are kept as they were measured. They were found at a fixed density, so their
    share of a faint line would move a little; but a line rises steeply from its sides, and the class rests mostly on
    its density. What neither stain explains is kept as well: no variant leaves the plane of the two.
    """
    gain = variant.gain * turned_gain(classifier.hematoxylin, classifier.dab, variant.turn_degrees)
    densities = {name: (gain * getattr(cells, name)).astype(np.float32) for name in _DAB_COLUMNS}
    p_tumor = shift_probability(cells.p_tumor, variant.tumor_cutoff)
    return classify_cells(cells.with_columns(**densities, p_tumor=p_tumor), classifier.model, classifier.guideline)


def turned_gain(hematoxylin: Vector, dab: Vector, degrees: float) -> float:
    """Find what a turn of the DAB vector within the plane of the two stains does to the density of DAB.

    Parameters
    ----------
    hematoxylin, dab : tuple of float
        The vectors; any length.
    degrees : float
        Toward hematoxylin; negative is away from it.

    Returns
    -------
    float
        New density over old; the same at every pixel, however much hematoxylin it holds.

    Raises
    ------
    ValueError
        If the turned vector is not between hematoxylin and its opposite, where nothing can be unmixed.

    Notes
    -----
    With the angle a between the vectors and the turn t it is ``sin(a) / sin(a - t)``. Proof: least squares first
    projects a pixel on the plane of the two vectors, and turning one of them within the plane does not move the plane.
    There, hematoxylin along the first axis, a pixel of densities H and D lies at height ``D sin(a)`` above that axis.
    The turned vector rises by ``sin(a - t)``, and hematoxylin not at all, so the new density D' has
    ``D' sin(a - t) = D sin(a)``. Only the density of hematoxylin takes up a mixture of both. A turn out of the plane
    changes D in the second order of t alone, where two stains explain the pixel.

    The nearer the vectors, the more a turn does: at 23.7 degrees, as in the shipped models, 5 degrees make 1.25 toward
    and 0.84 away.

    References
    ----------
    .. [1] Ruifrok AC, Johnston DA. Quantification of histochemical staining by color deconvolution. Anal Quant Cytol
       Histol 23:291-299, 2001. Its DAB is (0.268, 0.570, 0.776).
    """
    h, d = (np.array(v) / np.linalg.norm(v) for v in (hematoxylin, dab))
    angle = np.arctan2(np.linalg.norm(np.cross(h, d)), h @ d)
    turned = angle - np.radians(degrees)
    if not 0 < turned < np.pi:
        raise ValueError(f"dab {dab} turned by {degrees} degrees cannot be told from hematoxylin {hematoxylin}")
    return float(np.sin(angle) / np.sin(turned))


def shift_probability(p_tumor: NDArray[np.float32], cutoff: float) -> NDArray[np.float32]:
    """Shift probabilities so that `cutoff` becomes 0.5, which is what makes a tumor cell.

    Parameters
    ----------
    p_tumor : ndarray of float32, (n,)
        In [0, 1].
    cutoff : float
        Between 0 and 1, both excluded.

    Returns
    -------
    ndarray of float32, (n,)
        In [0, 1]: every logit is lower by that of `cutoff`, as if the network had been more careful by the same
        evidence everywhere. The order is kept; what is certain, 0 or 1, stays certain.
    """
    shifted: NDArray[np.float32] = expit(logit(p_tumor.astype(np.float64)) - logit(cutoff)).astype(np.float32)
    return shifted


def count_changed(cells: Cells, varied: Cells) -> int:
    """Count the cells that count otherwise: tumor in one and not in the other, or in both and of another class."""
    is_either = cells.is_tumor | varied.is_tumor
    is_other = (cells.is_tumor != varied.is_tumor) | (cells.membrane_class != varied.membrane_class)
    return int(np.count_nonzero(is_either & is_other))
