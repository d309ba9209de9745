"""The nouns the stages exchange: frozen, typed, without behavior beyond what their own fields say.

Everything that leaves a tile is in level-0 pixels, (x, y), float64. Units stand in the names (`_um`, `_um2`, `_mm2`,
`_px`, `_od`); optical density is base 10. Millions of cells are one columnar `Cells`, never a list of objects.
"""

from hetscore.domain.cells import (
    CELL_COLUMNS,
    Cells,
    MembraneClass,
    MembranePattern,
    empty_cells,
    join_cells,
)
from hetscore.domain.image import (
    Fragment,
    FragmentRole,
    Fragments,
    Level,
    MppSource,
    Rgb,
    SlideInfo,
    Thumbnail,
    Tile,
    TileImage,
    TileLabels,
    TissueMask,
)
from hetscore.domain.inputs import CaseInput, SlideInput, SlideRole
from hetscore.domain.results import (
    CaseResult,
    Coverage,
    Picture,
    Provenance,
    SlideResult,
)
from hetscore.domain.scores import (
    CaseLabel,
    CaseScore,
    CutoffRow,
    Decision,
    Decisive,
    FragmentScore,
    Her2Score,
    Her2Status,
    IshData,
    IshResult,
    NegativeCluster,
)

__all__ = [
    "CELL_COLUMNS",
    "CaseInput",
    "CaseLabel",
    "CaseResult",
    "CaseScore",
    "Cells",
    "Coverage",
    "CutoffRow",
    "Decision",
    "Decisive",
    "Fragment",
    "FragmentRole",
    "FragmentScore",
    "Fragments",
    "Her2Score",
    "Her2Status",
    "IshData",
    "IshResult",
    "Level",
    "MembraneClass",
    "MembranePattern",
    "MppSource",
    "NegativeCluster",
    "Picture",
    "Provenance",
    "Rgb",
    "SlideInfo",
    "SlideInput",
    "SlideResult",
    "SlideRole",
    "Thumbnail",
    "Tile",
    "TileImage",
    "TileLabels",
    "TissueMask",
    "empty_cells",
    "join_cells",
]
