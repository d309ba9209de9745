"""A GeoJSON file as QuPath writes it -> the regions drawn on a slide, with every fault named.

Annotations of a known class are regions; those without a class are counted and left out, and so is everything that is
no annotation, such as cells. Coordinates are level-0 pixels, as in QuPath.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import shape as make_shape

from hetscore.domain import Annotations, Region, RegionKind, SlideInfo, take_areas
from hetscore.errors import SlideError, UsageError

CLASS_NAMES: Mapping[str, RegionKind] = {
    **{kind.value.casefold(): kind for kind in RegionKind if kind is not RegionKind.LEVEL},
    "ignore*": RegionKind.EXCLUDE,
    "necrosis": RegionKind.EXCLUDE,
    "stroma": RegionKind.NON_TUMOR,
}
"""Class in QuPath, in small letters -> kind. The last three stand in the list that QuPath begins with."""
_LEVEL = re.compile(r"(?:level|section) ([1-9][0-9]?)")
"""What a region of a level is called; more than 99 sections of a biopsy do not fit on a slide."""
_KNOWN = (
    "Fragment, Control, Level 1, Level 2 ... (or Section 1 ...), Exclude (or Ignore*, Necrosis), Tumor,"
    " Non-tumor (or Stroma)"
)
_IS_ANNOTATION = ("annotation", "PathAnnotationObject")
"""Object types of annotations, as written since QuPath 0.3 and before; an object without a type is one as well."""
_BEYOND = 0.1
"""How far a region may reach beyond the slide, as a share of its longer side: a hand slips over the border, but the
coordinates of another slide, or microns in place of pixels turned about, lie further out. A choice."""


@dataclass(frozen=True)
class _Found:
    """One annotation of the file, before it is known to be a region."""

    where: str
    class_name: str
    name: str
    geometry: Any


def read_annotations(path: Path) -> Annotations:
    """Read what was drawn on a slide.

    Parameters
    ----------
    path : Path
        GeoJSON, plain or packed by gzip: a FeatureCollection, one Feature, or a list of Features.

    Returns
    -------
    Annotations
        Regions with valid shapes: an outline that crosses itself is mended and counted.

    Raises
    ------
    UsageError
        If the file cannot be read, is no GeoJSON, or holds an annotation of a class that is not known or without an
        area; all faults of its annotations are told at once.
    """
    data = _read_bytes(path)
    found = list(_find_annotations(_parse(path, data)))
    faults, regions, n_mended = [], [], 0
    for item in found:
        if not item.class_name:
            continue
        try:
            region, is_mended = _make_region(item)
        except ValueError as error:
            faults.append(f"{path}: {item.where}: {error}")
            continue
        regions.append(region)
        n_mended += is_mended
    if faults:
        raise UsageError("\n".join(faults))
    n_unclassified = sum(not item.class_name for item in found)
    return Annotations(path, hashlib.sha256(data).hexdigest(), tuple(regions), n_unclassified, n_mended)


def check_place(annotations: Annotations, info: SlideInfo) -> None:
    """Check that regions lie on the slide.

    Parameters
    ----------
    annotations : Annotations
        What was drawn.
    info : SlideInfo
        Of the slide.

    Raises
    ------
    SlideError
        If a region does not touch the slide or reaches far beyond it.
    """
    slide = shapely.box(0, 0, info.width, info.height)
    allowed = shapely.box(*_grown(slide.bounds, _BEYOND * max(info.width, info.height)))
    for region in annotations.regions:
        if not (region.shape.intersects(slide) and allowed.contains(region.shape)):
            left, top, right, bottom = (round(v) for v in region.shape.bounds)
            seen = f"a region {region.class_name} from ({left}, {top}) to ({right}, {bottom})"
            expected = f"expected level-0 pixels of {info.path.name}, {info.width} x {info.height}"
            raise SlideError(f"{annotations.path}: {seen}; {expected}. Give the file that was drawn on this slide.")


def _grown(bounds: tuple[float, float, float, float], by: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = bounds
    return left - by, top - by, right + by, bottom + by


def _read_bytes(path: Path) -> bytes:
    """Read a file, unpacked if its first bytes say that it is packed."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        remedy = "Export it again from QuPath."
        raise UsageError(f"{path}: cannot be read ({reason}); expected GeoJSON, plain or .gz. {remedy}") from None


def _parse(path: Path, data: bytes) -> list[Any]:
    """List the features of a file."""
    expected = "expected GeoJSON as QuPath exports it, with a list of features"
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error}); {expected}. Export it again from QuPath.") from None
    if isinstance(content, dict):
        content = content.get("features", [content])
    if not isinstance(content, list) or not all(isinstance(f, dict) and f.get("type") == "Feature" for f in content):
        raise UsageError(f"{path}: not GeoJSON; {expected}. Export it again from QuPath.")
    return content


def _find_annotations(features: Sequence[Any]) -> Iterator[_Found]:
    """Yield the annotations among features, and those nested in them where QuPath kept its hierarchy."""
    for number, feature in enumerate(features, start=1):
        properties = _as_dict(feature.get("properties"))
        object_type = properties.get("objectType", properties.get("object_type", "annotation"))
        if object_type in _IS_ANNOTATION:
            name = str(properties.get("name") or "")
            where = f"annotation {number}" + (f" ({name})" if name else "")
            class_name = _find_class(_as_dict(properties.get("classification")))
            yield _Found(where, class_name, name, feature.get("geometry"))
        children = properties.get("childObjects", properties.get("children"))
        yield from _find_annotations([c for c in children if isinstance(c, dict)] if isinstance(children, list) else [])


def _as_dict(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever JSON holds
    return value if isinstance(value, dict) else {}


def _find_class(classification: Mapping[str, Any]) -> str:
    """Give the class without what it is derived into: of "Fragment: 2+", or of its parts in a list, the first."""
    names = classification.get("names")
    name = names[0] if isinstance(names, list) and names else classification.get("name")
    return str(name or "").split(":")[0].strip()


def _make_region(found: _Found) -> tuple[Region, bool]:
    """Make a region and say whether its outline was mended; ValueError tells why it is none."""
    kind, level = _find_kind(found.class_name)
    geometry = _as_dict(found.geometry)
    if geometry.get("type") not in ("Polygon", "MultiPolygon"):
        seen = f"{found.class_name} of geometry {geometry.get('type') or 'none'}"
        raise ValueError(f"{seen}; expected a Polygon or a MultiPolygon. Draw it as an area or take its class away.")
    try:
        shape = make_shape(geometry)
        is_mended = not shape.is_valid
        areas = take_areas(shapely.make_valid(shape)) if is_mended else shape
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, shapely.errors.ShapelyError) as error:
        raise ValueError(f"coordinates that cannot be read ({error}); expected rings of at least 4 points.") from None
    if areas.is_empty or not areas.area > 0:
        raise ValueError(f"{found.class_name} without an area; expected a region. Draw it again or remove it.")
    return Region(kind, areas, found.name, level), is_mended


def _find_kind(class_name: str) -> tuple[RegionKind, int | None]:
    folded = class_name.casefold()
    if level := _LEVEL.fullmatch(folded):
        return RegionKind.LEVEL, int(level[1])
    if folded not in CLASS_NAMES:
        remedy = "Give it one of these classes, or none."
        raise ValueError(f"class {class_name!r} is not known; expected one of {_KNOWN}. {remedy}")
    return CLASS_NAMES[folded], None
