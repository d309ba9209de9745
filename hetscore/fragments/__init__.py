"""TissueMask -> Fragments: the pieces of tissue as a pathologist counts them, numbered in reading order.

What hangs together once small gaps are bridged is one fragment, unless a narrow neck shows two that touch. Dust and
edges are dropped and counted; control cores are set apart; serial sections of one piece are matched. Every doubt about
the count, the levels and the controls is told, none is guessed away.
"""

from hetscore.fragments.across import Joined, SlideFragments, match_across_slides
from hetscore.fragments.finding import find_fragments
from hetscore.fragments.order import reading_order
from hetscore.fragments.params import FragmentParams

__all__ = ["FragmentParams", "Joined", "SlideFragments", "find_fragments", "match_across_slides", "reading_order"]
