"""The order of the stages; the only folder that knows it.

Path -> Slide -> Thumbnail -> TissueMask -> Fragments -> Tile* -> TileImage* -> TileLabels* -> Cells -> FragmentScore*
-> CaseScore -> CaseResult. Stages never import one another; here their results are handed on: `slide` goes from a path
to cells, `correction` applies what the user drew, `case` goes from the cells of all slides to the label.
"""

from hetscore.pipeline.case import ScoredCase, conclude_case, find_next_id, score_case
from hetscore.pipeline.correction import correct_slide
from hetscore.pipeline.run import ErrorSource, Progress, Run, StoredCalibration, make_segmenter, with_errors
from hetscore.pipeline.slide import analyze_slide

__all__ = [
    "ErrorSource",
    "Progress",
    "Run",
    "ScoredCase",
    "StoredCalibration",
    "analyze_slide",
    "conclude_case",
    "correct_slide",
    "find_next_id",
    "make_segmenter",
    "score_case",
    "with_errors",
]
