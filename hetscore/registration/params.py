"""What counts as the same place on two slides; each number with its source.

"Measured" means: by `scripts/measure_registration.py`, on drawn pairs; its tables stand in docs/registration.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RegistrationParams:
    """How a companion is registered."""

    mpp: float = 4.0
    """Microns per pixel of the pictures compared: a nucleus is two pixels across, a gland twenty."""
    margin_um: float = 20.0
    """Glass around a fragment."""
    smooth_um: float = 5.0
    """Standard deviation of the smoothing: single nuclei are not the same in two sections, their rows are. Measured:
    at 3 fewer blocks agree, at 8 more of unrelated ones do."""
    broad_um: float = 20.0
    """What is broader is left out when blocks are compared: the two stains take up differently in stroma and mucus.
    Measured: with it at least 0.69 of the blocks agree on every fragment, without it 0.38."""
    coarse_mpp: float = 16.0
    """Of the pictures that are turned all around;"""
    coarse_px: int = 96
    """a fragment longer than so many of these is shrunk to it: beyond 1.5 mm its outline alone tells the turn."""
    turn_deg: float = 5.0
    """Between two turns tried: half of it is 45 um at the end of a piece of 2 mm, within the reach of the blocks."""
    content: float = 0.5
    """Weight of the hematoxylin within the outline against the outline itself."""
    n_candidates: int = 4
    """Turns and pieces that are looked at closely, by either way of comparing: a round piece fits many ways from afar.
    Measured: the right one came first on 29 of 30 fragments."""
    apart_deg: float = 25.0
    """Two candidates on the same piece are turned at least this far against each other."""
    block_um: float = 128.0
    """Side of a block: a little more than a gland, so that it holds an edge in every direction."""
    step_um: float = 64.0
    """Between two blocks;"""
    max_blocks: int = 150
    """more where a fragment would have more blocks than this: they tell nothing new, and each takes a millisecond."""
    block_tissue: float = 0.6
    """Share of a block that is tissue."""
    reach_um: float = 150.0
    """How far a block is searched for: one and a half glands, so that blocks found at random are off by 115 um in the
    median, which is refused."""
    rounds: int = 4
    """Times the blocks are searched for and the transform is fitted anew."""
    agree_um: float = 30.0
    """A block found within this of where the transform puts it agrees: three cells, three times what neighboring
    sections are bent against each other."""
    min_agreement: float = 0.3
    """The lower bound of the share of blocks that agree must exceed this. Measured: 0.40 or more on all fragments of
    drawn pairs (seven blocks of ten), 0.24 or less on those of unrelated slides (five of ten)."""
    min_blocks: int = 6
    """Fewer cannot tell an affine transform, of six numbers, from chance."""
    max_stretch: float = 0.15
    """Sections are stretched by a few percent; more is a wrong match."""
    max_overlap: float = 0.5
    """Share of the smaller of two fragments that may lie on the same tissue of the companion."""
    gland_um: float = 100.0
    """Matches whose estimated error exceeds a gland are refused. Tumor glands stand 54-100 um apart across, wall
    included, as seen on the cores of `eac-tma` that `hetscore.phantom.glands` is drawn after."""
