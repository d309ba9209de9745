"""How dark each thing is: the calibrated densities and colors from which a slide is painted.

Only numbers stand here. All densities are base 10, along stain vectors of length 1, at gain 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hetscore.phantom.epithelium import CellType

FWHM_TO_SD = 1 / (2 * math.sqrt(2 * math.log(2)))
"""Standard deviation of a Gaussian over its full width at half maximum."""


@dataclass(frozen=True)
class NucleusStain:
    """Hematoxylin of the nuclei of one cell type."""

    inside_od: float
    rim_od: float
    """Above the inside, at the nuclear border."""
    chromatin_od: float
    """Standard deviation of the clumps."""
    nucleolus_od: float = 0.0
    """Above the inside; 0 draws none."""
    clock_od: float = 0.0
    """Of the clumps that stand round the border like the figures of a clock."""


_CYTOPLASM = MappingProxyType(
    {
        CellType.TUMOR: 0.05,
        CellType.FOVEOLAR: 0.018,
        CellType.METAPLASTIC: 0.045,
        CellType.PLASMA: 0.085,
    }
)
"""Measured around t0: 0.04-0.07. Foveolar: clear mucin, judged by eye. Absorptive cells have little mucin; plasma cells
are full of ribosomes, which take up hematoxylin. The others show no cytoplasm of their own."""

_NUCLEI = MappingProxyType(
    {
        CellType.TUMOR: NucleusStain(0.105, 0.120, 0.040, 0.20),
        CellType.FOVEOLAR: NucleusStain(0.130, 0.085, 0.040),
        CellType.METAPLASTIC: NucleusStain(0.125, 0.100, 0.045, 0.06),
        CellType.FIBROBLAST: NucleusStain(0.150, 0.070, 0.035),
        CellType.LYMPHOCYTE: NucleusStain(0.210, 0.060, 0.060),
        CellType.PLASMA: NucleusStain(0.160, 0.060, 0.030, clock_od=0.110),
        CellType.MUSCLE: NucleusStain(0.095, 0.060, 0.025),
        CellType.ENDOTHELIUM: NucleusStain(0.165, 0.060, 0.035),
        CellType.NEUTROPHIL: NucleusStain(0.250, 0.030, 0.050),
    }
)
"""Measured, median over a disk of 2 um and 95th percentile of 2.5 um: tumor 0.09-0.16 and 0.19-0.25; other 0.14-0.24
and 0.21-0.33, the high end where lymphocytes prevail (core 0_aa1d). Vesicular: pale inside, dark rim, one or two
nucleoli. The other types by eye between these: muscle pale (core 2_ac71), neutrophils at least as dark as
lymphocytes."""


@dataclass(frozen=True)
class StainParams:
    """Densities and colors.

    "Measured" is measured on the eight HER2 IHC cores of `eac-tma` (0.25 um/px) at the 2,885 tumor and 1,037 other
    nuclei of `annotations/cells.csv`, unmixed with the two vectors below; medians per core and code.
    """

    white: tuple[float, float, float] = (234.0, 233.0, 243.0)
    """Measured: commonest red, green, blue of empty glass."""
    hematoxylin: tuple[float, float, float] = (0.66, 0.64, 0.39)
    """Measured over unstained nuclei, 0.63-0.70, 0.62-0.65, 0.30-0.44; Ruifrok and Johnston give 0.65, 0.70, 0.29."""
    dab: tuple[float, float, float] = (0.34, 0.56, 0.76)
    """Measured where DAB is 0.25-0.5 and above 0.6: 0.30-0.38, 0.52-0.59, 0.72-0.79; Ruifrok: 0.27, 0.57, 0.78."""
    white_jitter: float = 1.0
    vector_jitter: float = 0.01
    """Standard deviations from slide to slide; measured between cores: 1 gray level, 0.02."""
    gain_range: tuple[float, float] = (0.93, 1.07)
    """Of either stain, from slide to slide: within what control normalization leaves (gain 0.9-1.1)."""
    membrane_od: tuple[float, float, float, float] = (0.0, 0.15, 0.36, 0.72)
    """Peak of the line, by class. Measured, median of the highest DAB in 16 sectors around the nucleus: no class 0.05
    (noise), 1+ 0.08-0.21, 2+ 0.33-0.58, 3+ 0.60-0.85. Slides drawn with these values give 0.04, 0.13, 0.41, 0.95."""
    membrane_fwhm_um: tuple[float, float, float, float] = (0.0, 0.64, 1.0, 1.74)
    """Width of the line, by class. Scheel et al. 2018, 120 breast biopsies: 0.64, 1.0, 2.14 (SD 0.1, 0.23, 0.4).
    Measured here: 1.4-1.6 in every class, clumps included, and 2.14 would swallow the cytoplasm of gland cells; so 3+
    is one SD below."""
    membrane_width_sd: float = 0.15
    """Along the line, relative."""
    membrane_cell_sd: float = 0.08
    """From cell to cell, of the logarithm of the peak."""
    membrane_texture_sd: float = 0.20
    """Along the line, of the logarithm of the peak."""
    blush_od: tuple[float, float, float, float] = (0.0, 0.02, 0.045, 0.08)
    """DAB of the cytoplasm, by class. Measured, lowest fifth around the nucleus: 0, 0-0.03, 0.04-0.05, 0.05-0.07."""
    blush_texture_sd: float = 0.6
    """Relative: the haze is granular."""
    background_dab_od: float = 0.004
    """On all tissue. Measured around unstained cells: not told from 0 (-0.01 to 0.02)."""
    background_dab_sd: float = 0.02
    """Grain of it before the blur, so that the highest DAB around an unstained nucleus nears the 0.05 measured."""
    cytoplasm_od: Mapping[CellType, float] = field(default_factory=lambda: _CYTOPLASM)
    """Hematoxylin of the cytoplasm."""
    cytoplasm_grain: tuple[float, float] = (0.35, 0.2)
    """Standard deviation of its grain over 1 and 5 um, relative."""
    nucleus_cell_sd: float = 0.2
    """From nucleus to nucleus, of the logarithm of the density."""
    crispness: tuple[float, float] = (0.6, 1.4)
    """Range of the factor on a nucleus's rim and chromatin: those cut at their cap or lying deeper show less."""
    noise: tuple[float, float, float] = (1.5, 1.5, 2.8)
    """Standard deviation of red, green, blue on empty glass, gray levels; measured, behind the camera's JPEG."""

    def nucleus(self, cell_type: CellType) -> NucleusStain:
        """Hematoxylin of the nuclei of a type."""
        return _NUCLEI[cell_type]
