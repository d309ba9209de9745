"""The user's hand: GeoJSON from QuPath -> regions, and regions -> other fragments, other area, other tumor cells.

What is drawn outranks what was found. It is applied to what a survey of the slide found, never to a result, so the same
drawing gives the same score whenever it is given. docs/annotations.md says what each class of region means.
"""

from hetscore.annotations.cells import call_tumor
from hetscore.annotations.correction import Correction, correct_fragments
from hetscore.annotations.drawing import draw_mask
from hetscore.annotations.reading import check_place, read_annotations

__all__ = ["Correction", "call_tumor", "check_place", "correct_fragments", "draw_mask", "read_annotations"]
