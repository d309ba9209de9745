"""Density and width of the stained borders, measured on a drawn slide along the true outlines.

The measure is written here in a few lines, apart from `hetscore.membrane`: lines across the border, nothing else. The
slide is measured before it is compressed: JPEG halves the resolution of color, and makes a 1+ line 1.0 um wide.
"""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from hetscore.domain import MembraneClass
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue, draw_case
from hetscore.phantom.presets import make_cases
from hetscore.phantom.stain import StainParams

Floats = NDArray[np.float64]

CLASSES = (MembraneClass.NEGATIVE, MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG)
MPP = 0.25
OFFSETS = np.arange(-14, 15) * 0.5
"""Pixels across the border: 1.75 um to either side."""
MIDDLE, ENDS = slice(12, 17), (slice(0, 5), slice(-5, None))
SEEN_OD = 0.06
"""Above the cytoplasm: three times the noise. Lower places are the gaps of a 1+ line."""


@pytest.fixture(scope="module")
def measured() -> dict[MembraneClass, Floats]:
    """Draw a fragment of solid tumor of each class with the optics of `easy`; give height and width of each cell."""
    fragments = tuple(FragmentSpec(150.0, Tissue.SHEETS, cls) for cls in CLASSES)
    rgb, sections = draw_case(CaseSpec("a", fragments, mpp=MPP, optics=make_cases("easy", 0, 1)[0].optics), 0)
    dab = brown(rgb.astype(float))
    found: dict[MembraneClass, Floats] = {}
    for cls, truth in zip(CLASSES, sections, strict=True):
        outlines = [shapely.Polygon(truth.outlines.ring(int(k))) for k in np.flatnonzero(truth.membrane_class == cls)]
        found[cls] = np.array([height_and_width(across(dab, outline), cls) for outline in outlines])
    return found


def brown(rgb: Floats) -> Floats:
    """Density of DAB, with the nominal vectors and the glass of the first rows for white."""
    od = np.log10(np.median(rgb[:40], axis=(0, 1)) / np.maximum(rgb, 1))
    vectors = np.array([StainParams().hematoxylin, StainParams().dab])
    result: Floats = od @ np.linalg.pinv(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))[:, 1]
    return result


def across(dab: Floats, outline: shapely.Polygon) -> Floats:
    """Read lines across an outline, one every two pixels of its length."""
    at = np.arange(0, outline.exterior.length, 2.0)
    behind, here, ahead = (
        shapely.get_coordinates(shapely.line_interpolate_point(outline.exterior, (at + step) % outline.exterior.length))
        for step in (-1.5, 0.0, 1.5)
    )
    along = (ahead - behind) / np.maximum(np.hypot(*(ahead - behind).T), 1e-9)[:, None]
    places = here[:, None] + OFFSETS[:, None] * np.stack([-along[:, 1], along[:, 0]], axis=1)[:, None]
    result: Floats = map_coordinates(dab, [places[..., 1] - 0.5, places[..., 0] - 0.5], order=1, mode="nearest")
    return result


def height_and_width(profiles: Floats, cls: MembraneClass) -> tuple[float, float]:
    """Height above the paler side and width at half of it, um, of a cell's median line; of 0 there is no width."""
    profiles = profiles - np.min([profiles[:, end].mean(axis=1) for end in ENDS], axis=0)[:, None]
    if cls:
        profiles = profiles[profiles[:, MIDDLE].max(axis=1) > SEEN_OD]
    line = np.median(profiles, axis=0)
    top = MIDDLE.start + int(np.argmax(line[MIDDLE]))
    width = sum(steps_to_half(side) for side in (line[top::-1], line[top:])) * 0.5 * MPP
    return float(line[top]), width if cls else 0.0


def steps_to_half(side: Floats) -> float:
    """How many steps down to half of the first value, straight lines between steps; nan where it stays above."""
    below = np.flatnonzero(side <= side[0] / 2)
    if not len(below):
        return float("nan")
    k = int(below[0])
    return float(k - (side[0] / 2 - side[k]) / (side[k - 1] - side[k]))


def test_every_class_is_measured(measured: dict[MembraneClass, Floats]) -> None:
    """Each fragment holds cells enough for a median."""
    assert min(len(cells) for cells in measured.values()) >= 15


def test_density_by_class(measured: dict[MembraneClass, Floats]) -> None:
    """The line stands above the cytoplasm by what both are drawn with, to a sixth; no line is under a sixth of 1+."""
    drawn = np.subtract(StainParams().membrane_od, StainParams().blush_od)
    heights = [float(np.median(measured[cls][:, 0])) for cls in CLASSES]

    assert heights[1:] == pytest.approx(drawn[1:], rel=1 / 6)
    assert abs(heights[0]) < drawn[1] / 6


def test_width_by_class(measured: dict[MembraneClass, Floats]) -> None:
    """Lines are wider by class, and as wide as drawn, to a pixel of 0.25 um."""
    widths = [float(np.nanmedian(measured[cls][:, 1])) for cls in CLASSES[1:]]

    assert widths == sorted(widths)
    assert widths == pytest.approx(StainParams().membrane_fwhm_um[1:], abs=MPP)


def test_each_cell_by_its_class(measured: dict[MembraneClass, Floats]) -> None:
    """Cut half way between the drawn densities, nine of ten cells fall into their class."""
    drawn = np.subtract(StainParams().membrane_od, StainParams().blush_od)
    cuts = (drawn[1:] + drawn[:-1]) / 2

    for cls in CLASSES:
        assert np.mean(np.digitize(measured[cls][:, 0], cuts) == cls) > 0.9
