"""What the user draws on a slide: regions of a kind, in level-0 pixels, as docs/annotations.md tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import shapely

from hetscore.domain.image import Fragment


class RegionKind(StrEnum):
    """What a region says of the tissue in it; the value is its class in QuPath."""

    FRAGMENT = "Fragment"
    CONTROL = "Control"
    LEVEL = "Level"
    EXCLUDE = "Exclude"
    TUMOR = "Tumor"
    NON_TUMOR = "Non-tumor"


@dataclass(frozen=True)
class Region:
    """One region drawn by hand."""

    kind: RegionKind
    shape: Any
    """`shapely.Polygon` or `shapely.MultiPolygon`, valid, level-0 pixels; what lies in a hole is not in the region."""
    name: str = ""
    """As given in QuPath; of a fragment its number."""
    level: int | None = None
    """Which serial level; of the kind LEVEL alone."""

    @property
    def class_name(self) -> str:
        """Its class in QuPath."""
        return self.kind.value if self.level is None else f"{self.kind.value} {self.level}"


@dataclass(frozen=True)
class Annotations:
    """Everything that was drawn on one slide."""

    path: Path
    """The file, as given."""
    sha256: str
    """Of the file."""
    regions: tuple[Region, ...]
    """In the order of the file."""
    n_unclassified: int = 0
    """Annotations without a class; they say nothing."""
    n_mended: int = 0
    """Outlines that crossed themselves and were mended."""


def fragment_shape(fragment: Fragment) -> Any:  # noqa: ANN401 - shapely is untyped
    """Make a shape of a fragment's outline.

    Parameters
    ----------
    fragment : Fragment
        With or without outlines.

    Returns
    -------
    shapely.Polygon or shapely.MultiPolygon
        Valid, level-0 pixels; empty where the fragment has no outline.
    """
    rings = [shapely.Polygon(ring) for ring in fragment.outlines if len(ring) >= 3]
    shape = rings[0] if len(rings) == 1 else shapely.MultiPolygon(rings)
    return shape if shape.is_valid else take_areas(shapely.make_valid(shape))


def take_areas(shape: Any) -> Any:  # noqa: ANN401
    """Keep the areas of a shape: mending one may leave lines and points beside them."""
    parts = shapely.get_parts(shapely.get_parts(shape))  # an area of several parts may stand beside a line
    return shapely.union_all([part for part in parts if part.geom_type == "Polygon"])


_SAME_PX = 0.5
"""Level-0 pixels: files keep a tenth of a pixel and QuPath single precision, while no hand moves a corner by less."""


def is_same_outline(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Tell whether two shapes have the same corners up to rounding, wherever their rings begin."""
    n_corners = shapely.get_num_coordinates([one, other])
    return bool(n_corners[0] == n_corners[1] and shapely.hausdorff_distance(one, other) <= _SAME_PX)
