"""What counts as a fragment, a neck, a section of the same piece, a control core; each number with its source.

"Measured" means: by `scripts/measure_fragments.py`, on outlines drawn with seeds of their own; its tables stand in
docs/fragments.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FragmentParams:
    """What counts as one fragment."""

    bridge_um: float = 100.0
    """Pieces nearer than this are one broken fragment: a torn biopsy gapes by a few cells; two fragments on a slide lie
    several hundred micrometers apart. Measured: the right count on 144 of 144 drawn
    slides at every distance from 60 to 140."""
    min_area_mm2: float = 0.02
    """Smaller pieces are dust or floaters: 0.02 mm2 holds about 200 cells, below what can be judged per fragment (a
    biopsy fragment is 1-4 mm across)."""
    edge_max_width_um: float = 150.0
    """A piece that touches the slide's border, is long and on average thinner than this is a coverslip's or the slide's
    edge;"""
    line_max_width_um: float = 120.0
    """one that does not touch it but is thinner than this and"""
    line_min_length_um: float = 3000.0
    """longer than this, is a line of pen or a coverslip's edge: mucosa that long is 300 um thick and more."""
    edge_min_share: float = 0.3
    """Long at the border: more than this share of the slide's side"""
    edge_min_length_um: float = 1000.0
    """and at least this."""
    outline_um: float = 4.0
    """Outlines are simplified to this tolerance: one thumbnail pixel."""
    neck_min_part_um: float = 140.0
    """A part has at least the area of a square of this side to be a piece of its own: the floor above."""
    neck_even: float = 0.22
    """Length of a cut without a notch, over the square root of the smaller part's area, at which one piece and two that
    touch are as likely; 0.32 would be so if every other piece touched another, and one in nine does at this. A choice
    between the two errors: of 750 whole outlines none is cut then, of 250 that touch 0.92."""
    neck_slope: float = 5.6
    """Log odds for each natural logarithm by which a cut is shorter,"""
    neck_notch: float = 8.5
    """and for each unit of notch (both ends, a mean of three reaches). Measured: a logistic fit of the two to the
    likeliest cuts of 500 whole, 250 torn, 250 turned and 250 touching outlines, the last where they touch. A fit to the
    cuts found by these is steeper by two thirds, in the same proportion: the less steep tell more doubt."""
    tear_cost: float = 3.0
    """Log odds less where only glass lies along a cut, as in a tear: 20 to 1. A choice."""
    neck_sure: float = 0.5
    """Pieces are taken apart from this confidence on;"""
    neck_doubt: float = 0.15
    """from this on a neck that was not cut is told,"""
    neck_certain: float = 0.9
    """and up to this one that was."""
    level_even: float = 0.74
    """Similarity at which two pieces are as likely sections of the same as strangers;"""
    level_slope: float = 36.0
    """and how fast the log odds rise with it. Measured: two logistic fits to 250 sections and 31,125 pairs of strangers
    give 0.73 and 0.74, 36 and 42; the more careful are taken."""
    level_bound: float = 6.0
    """Log odds of one pair are at most this: 400 to 1, so that no single pair decides a slide of many."""
    level_lost: float = 3.0
    """Cost, in log odds, of a piece without a section: one section in 20 is lost on the way to the slide. A choice."""
    level_odd: float = 4.0
    """A pair with log odds below minus this is not alike;"""
    level_odd_share: float = 0.1
    """at most this share of the sections may be placed by their neighbors alone: as many as are torn. A choice."""
    level_evidence: float = 4.6
    """Log odds that levels must have: 99 to 1."""
    level_twins: float = 0.9
    """Two pieces at least this alike are sections of the same, or are told to be in doubt. Measured: none of 31,125
    pairs of strangers."""
    core_roundness: float = 0.95
    """Overlap with a disc from which a piece is a core. Measured: cores 0.98 and more, 650 biopsies 0.91 at most."""
    core_sure: float = 0.975
    """Rounder than any tissue core that is a specimen: 0.968 at most on the seven development cores that are whole."""
    core_doubt: float = 0.92
    """A piece this round that stands apart is told."""
    core_others: float = 0.88
    """Other pieces this round are nearly round: whole tissue cores (0.88 to 0.97 on the seven development cores that
    are whole) are, and one biopsy in 30. Where most others are, none is a control, and it is told; so it is where more
    than a quarter are."""
    core_samples: int = 2
    """Fewer biopsies beside a core do not show what is the exception on a slide. A choice."""
    core_least_um: float = 500.0
    """Tissue arrays are punched with needles of 600 um"""
    core_most_um: float = 2500.0
    """to 2 mm (Kononen J et al., Nat Med 1998;4:844-847 for the first); a fourth more or less is allowed."""
