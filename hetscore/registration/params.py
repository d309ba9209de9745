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
    smooth_um: float = 5.0
    """Standard deviation of the smoothing: nuclei are not the same in two sections, their rows are."""
    coarse_mpp: float = 16.0
    """Of the pictures that are turned all around; a fragment longer than"""
    coarse_px: int = 96
    """so many of these pixels is shrunk to it: 1.5 mm, beyond which its outline alone tells the turn."""
    turn_deg: float = 5.0
    """Between two turns tried: 20 um at the end of a piece of 0.5 mm, within the reach of the blocks."""
    content: float = 0.5
    """Weight of the hematoxylin within the outline against the outline itself."""
    n_candidates: int = 4
    """Turns and pieces that are looked at closely: a round piece fits many ways from afar."""
    apart_deg: float = 25.0
    """Two candidates on the same piece are turned at least this far against each other."""
    block_um: float = 128.0
    """Side of a block: a little more than a gland, so that it holds an edge in every direction."""
    step_um: float = 64.0
    """Between two blocks."""
    block_tissue: float = 0.6
    """Share of a block that is tissue."""
    reach_um: float = 150.0
    """How far a block is searched for: one and a half glands, so that a place found at random is off by 115 um in the
    median, more than is allowed."""
    rounds: int = 4
    """Times the blocks are searched for and the transform is fitted anew."""
    agree_um: float = 30.0
    """A block found within this of where the transform puts it agrees: three cells, twice what two neighboring
    sections are bent against each other."""
    min_agreement: float = 0.5
    """A match with less is no better than chance."""
    min_blocks: int = 6
    """Fewer cannot tell an affine transform, of six numbers, from chance."""
    max_stretch: float = 0.15
    """Sections are stretched by a few percent; more is a wrong match."""
    gland_um: float = 100.0
    """Matches whose estimated error exceeds a gland are refused. Tumor glands stand 54-100 um apart across, wall
    included, as seen on the cores of `eac-tma` that `hetscore.phantom.glands` is drawn after."""
