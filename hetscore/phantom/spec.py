"""What to draw: fragments, artefacts, optics, cases.

A specification holds every choice a reader of the slide could state in words; the seed decides the rest. Presets make
specifications (`hetscore.phantom.presets`), and a TOML file can hold them (`hetscore.phantom.spec_file`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hetscore.domain import IshResult, MembraneClass, MembranePattern

MOST_CASES = 1000
"""In a folder: a day's drawing. More are drawn with another seed into another folder."""


class Tissue(StrEnum):
    """What a fragment is made of; stroma and lymphocytes fill the rest."""

    GLANDS = "glands"
    SHEETS = "sheets"
    MIXED = "mixed"
    DIFFUSE = "diffuse"
    """Poorly cohesive tumor cells, singly and in files."""
    SIGNET_RING = "signet-ring"
    BENIGN = "benign"
    """Normal foveolar glands."""
    METAPLASIA = "metaplasia"
    """Intestinal metaplasia: glands with goblet cells; not tumor."""
    MUSCLE = "muscle"


class Damage(StrEnum):
    """What takes the place of tissue in part of a fragment."""

    NECROSIS = "necrosis"
    CRUSH = "crush"
    DEBRIS = "debris"
    """Of an ulcer: fibrin and neutrophils."""
    MUCUS = "mucus"
    BLOOD = "blood"


class ArtefactKind(StrEnum):
    """What was done to the section or the scan."""

    FOLD = "fold"
    PEN = "pen"
    BLUR = "blur"
    """A patch out of focus."""
    BUBBLE = "bubble"
    COVERSLIP = "coverslip"
    """The edge of the coverslip."""
    HAIR = "hair"
    FLOATER = "floater"
    """Tissue that came off and lies elsewhere."""

    @property
    def needs_tissue(self) -> bool:
        """Whether it is nothing on bare glass."""
        return self in (ArtefactKind.FOLD, ArtefactKind.BLUR)


class Scanner(StrEnum):
    """Color response of the scanner."""

    NEUTRAL = "neutral"
    WARM = "warm"
    COOL = "cool"
    CONTRAST = "contrast"


@dataclass(frozen=True)
class ArtefactSpec:
    """One artefact."""

    kind: ArtefactKind
    fragment: int | None = None
    """Number of the fragment it lies on, 1 for the first; None: on the glass."""
    share: float = 0.15
    """Of the fragment's area that it covers, about; ignored on the glass."""


@dataclass(frozen=True)
class OpticsSpec:
    """How the slide was stained and scanned. Factors multiply what `StainParams` says."""

    scanner: Scanner = Scanner.NEUTRAL
    blur_um: float = 0.28
    """Standard deviation of the optics' blur; 0.25-0.35 for x20 to x40 objectives."""
    chromatic_um: float = 0.0
    """Shift of red against blue at the same place."""
    noise: float = 1.0
    """Factor on the camera's noise."""
    thickness_sd: float = 0.0
    """Standard deviation of the logarithm of the section's thickness, over some 100 um."""
    hematoxylin_gain: float = 1.0
    dab_gain: float = 1.0
    blush: float = 1.0
    """Factor on the DAB of the cytoplasm."""
    nuclear_od: float = 0.0
    """DAB over all nuclei, non-specific."""
    edge_od: float = 0.0
    """DAB along the rim of every fragment, non-specific."""


@dataclass(frozen=True)
class FragmentSpec:
    """One biopsy fragment. The membrane fields say nothing where `tissue` is benign."""

    diameter_um: float = 450.0
    """Longest extent. Real forceps biopsies measure millimeters; this holds enough cells and renders in seconds."""
    tissue: Tissue = Tissue.MIXED
    membrane_class: MembraneClass = MembraneClass.NEGATIVE
    """Of every tumor cell outside the clone and the mosaic."""
    gland_pattern: MembranePattern = MembranePattern.BASOLATERAL
    """Of stained tumor glands: basolateral or lateral is the rule in the stomach. Sheets stain completely."""
    clone_cells: int = 0
    """Size of a compact group of tumor cells of class `minor_class`."""
    mosaic_share: float = 0.0
    """Share of the tumor cells, scattered singly, that are of class `minor_class`."""
    minor_class: MembraneClass = MembraneClass.NEGATIVE
    has_normal: bool = True
    """Whether normal or metaplastic glands may lie beside the tumor, as they do in some biopsies."""
    is_graded: bool = False
    """Whether the class falls from `membrane_class` on one side of the fragment to `minor_class` on the other."""
    damage: Mapping[Damage, float] = field(default_factory=dict)
    """Share of the fragment by kind."""

    @property
    def has_tumor(self) -> bool:
        """Whether tumor cells are drawn."""
        return self.tissue not in (Tissue.BENIGN, Tissue.METAPLASIA, Tissue.MUSCLE)


@dataclass(frozen=True)
class CaseSpec:
    """One case: one slide with its fragments, and what ISH said."""

    case_id: str
    fragments: tuple[FragmentSpec, ...]
    ish: IshResult = IshResult.UNKNOWN
    mpp: float = 0.25
    """Microns per level-0 pixel: the usual x40 scan."""
    quality: int = 90
    """JPEG quality of the slide."""
    levels: int = 1
    """Serial sections of all fragments on the slide, one below the other; the same fragments, not more of them."""
    controls: tuple[MembraneClass, ...] = ()
    """On-slide control cores by the class of their cells."""
    optics: OpticsSpec = field(default_factory=OpticsSpec)
    artefacts: tuple[ArtefactSpec, ...] = ()
    companion: bool = False
    """Whether an H&E slide of the next section comes with it."""
