"""Cases of tumor without stain and of what looks like it: `make_unstained_cases`.

The presets draw tumor as often as slides show it, and most of it stained. A network that learned from them alone takes
unstained poorly cohesive tumor for stroma, and metaplasia now and then for tumor; but a negative clone is unstained.
"""

from __future__ import annotations

import numpy as np

from hetscore.domain import MembraneClass
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue
from hetscore.phantom.mixes import poor_optics, usual_optics
from hetscore.phantom.spec import Damage

UNSTAINED, FAINT = MembraneClass.NEGATIVE, MembraneClass.FAINT
PAGES = (
    ((Tissue.DIFFUSE, UNSTAINED), (Tissue.SIGNET_RING, UNSTAINED), (Tissue.METAPLASIA, UNSTAINED),
     (Tissue.MUSCLE, UNSTAINED)),
    ((Tissue.DIFFUSE, FAINT), (Tissue.MIXED, UNSTAINED), (Tissue.METAPLASIA, UNSTAINED),
     (Tissue.DIFFUSE, UNSTAINED)),
)  # fmt: skip
"""Fragments of the cases in turn: the first seen in usual optics, the second in poor ones, which so never show pure
signet-ring tumor and muscle. By choice, as are the numbers below."""
DAMAGED_EVERY, DAMAGE = 3, 0.25
"""Cases in turn of which a share is necrotic or crushed: no nucleus is wanted there, of tumor nothing is asked."""
DIAMETER_UM = (380.0, 560.0)
NORMAL_CHANCE = 0.4
QUALITY = (65, 92)
"""JPEG, 65 to 91: within the 60 to 91 of `hard` and `typical`."""


def make_unstained_cases(seed: int, n_cases: int) -> tuple[CaseSpec, ...]:
    """Draw the specifications of cases of unstained tumor and what looks like it, four fragments each."""
    rng = np.random.default_rng(seed)
    return tuple(_draw_case(rng, i) for i in range(n_cases))


def _draw_case(rng: np.random.Generator, i: int) -> CaseSpec:
    kind = Damage.CRUSH if i % 2 else Damage.NECROSIS
    damage = {kind: DAMAGE} if i % DAMAGED_EVERY == 0 else {}
    fragments = tuple(
        FragmentSpec(
            float(rng.uniform(*DIAMETER_UM)),
            tissue,
            drawn,
            has_normal=bool(rng.random() < NORMAL_CHANCE),
            damage=damage,
        )
        for tissue, drawn in PAGES[i % 2]
    )
    optics = (poor_optics if i % 2 else usual_optics)(rng)
    return CaseSpec(f"x{i}", fragments, optics=optics, quality=int(rng.integers(*QUALITY)))
