"""The order of the stages; the only folder that knows it.

Path -> Slide -> Thumbnail -> TissueMask -> Fragments -> Tile* -> TileImage* -> TileLabels* -> Cells -> FragmentScore*
-> CaseScore -> CaseResult. Stages never import one another; here their results are handed on: `slide` goes from a path
to cells, `case` from the cells of all slides to the label.
"""

from hetscore.pipeline.case import ScoredCase, score_case
from hetscore.pipeline.run import Progress, Run, make_segmenter
from hetscore.pipeline.slide import analyze_slide

__all__ = ["Progress", "Run", "ScoredCase", "analyze_slide", "make_segmenter", "score_case"]
