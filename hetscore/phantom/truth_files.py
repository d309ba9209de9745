"""Write the truth of slides: tables of cases and cells, outlines, masks.

Like the slides, these files hold no date, no host and no order of work: same truth, same bytes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
import tifffile
from numpy.typing import NDArray

from hetscore.domain import FragmentRole, Her2Score, MembranePattern
from hetscore.geometry import Box
from hetscore.phantom.artefacts import ArtefactTruth
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.rings import Rings
from hetscore.phantom.spec import ArtefactKind
from hetscore.phantom.truth import CaseTruth, FragmentTruth

MASK_DOWNSAMPLE = 16
"""Level-0 pixels to a pixel of the masks: 4 um on a x40 scan, a cell or less."""

ARTEFACT_BITS: Mapping[ArtefactKind, int] = {kind: 1 << i for i, kind in enumerate(ArtefactKind)}
"""Artefacts lie on one another, so a pixel of the mask holds a sum of these."""

GROUNDS: Mapping[str, int] = {ground.name.lower(): int(ground) for ground in Ground}
"""Labels of the second mask."""

CASE_COLUMNS = (
    "case_id",
    "label",
    "literal_label",
    "ihc_score",
    "status",
    "fragments",
    "fragments_with_tumor",
    "tumor_cells",
    "pattern",
)
"""Of truth/cases.csv."""


_GEO = {
    "version": "1.1.0",
    "primary_column": "outline",
    "columns": {
        name: {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": None} for name in ("outline", "nucleus")
    },
}
"""Metadata of GeoParquet. No coordinate reference system: the frame is the slide's level-0 pixels, y down."""

CELL_SCHEMA = pa.schema(
    [
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("fragment", pa.int32()),
        ("is_tumor", pa.bool_()),
        ("membrane_class", pa.int8()),
        ("pattern", pa.int8()),
        ("type", pa.int8()),
        ("level", pa.int8()),
        ("artefact", pa.uint8()),
        ("outline", pa.binary()),
        ("nucleus", pa.binary()),
    ],
    metadata={"geo": json.dumps(_GEO)},
)
"""Of truth/<slide>.cells.parquet."""


@dataclass(frozen=True)
class Layer:
    """Labels of a part of a slide: pixel (0, 0) covers `cell` level-0 pixels from the box's corner."""

    box: Box
    labels: NDArray[np.uint8]
    cell: int


def write_case_rows(path: Path, rows: Sequence[CaseTruth], columns: Sequence[str] = CASE_COLUMNS) -> None:
    """Write a table of cases; the score as 0, 1+, 2+, 3+ or empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_text(getattr(row, column)) for column in columns])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, MembranePattern):
        return value.name.lower()
    return value.label if isinstance(value, Her2Score) else str(value)


def artefact_layer(artefact: ArtefactTruth, cell: int) -> Layer:
    """Turn the truth of an artefact into bits."""
    return Layer(artefact.box, artefact.mask.astype(np.uint8) * np.uint8(ARTEFACT_BITS[artefact.kind]), cell)


def read_layer(layer: Layer, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.uint8]:
    """Read a layer at level-0 places; 0 beyond its box."""
    height, width = layer.labels.shape
    column = np.floor((x - layer.box.x) / layer.cell).astype(np.intp)
    row = np.floor((y - layer.box.y) / layer.cell).astype(np.intp)
    is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    at = layer.labels[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    return np.where(is_inside, at, 0).astype(np.uint8)


def write_cells(path: Path, sections: Sequence[FragmentTruth], artefacts: Sequence[Layer] = ()) -> None:
    """Write truth/<slide>.cells.parquet: GeoParquet 1.1, one row a cell.

    Parameters
    ----------
    path : Path
        File to write.
    sections : sequence of FragmentTruth
        All fragments in all sections, and control cores.
    artefacts : sequence of Layer
        Bits of the artefacts.

    Notes
    -----
    The columns are those of `CELL_SCHEMA`. ``fragment`` is negative on control cores; ``artefact`` is the sum of
    `ARTEFACT_BITS` over the kinds that cover the nucleus's center; ``outline`` and ``nucleus`` are WKB polygons in
    level-0 pixels, null where there is no ring. A section is a row group, so that memory holds the polygons of one.

    References
    ----------
    .. [1] GeoParquet specification, version 1.1.0.
    """
    with pq.ParquetWriter(path, CELL_SCHEMA, compression="zstd") as writer:
        for section in sections:
            writer.write_table(pa.table(_cell_columns(section, artefacts), schema=CELL_SCHEMA))


def _cell_columns(section: FragmentTruth, artefacts: Sequence[Layer]) -> dict[str, Any]:
    names = ("x", "y", "is_tumor", "membrane_class", "pattern", "type")
    n = len(section.x)
    bits = [read_layer(layer, section.x, section.y) for layer in artefacts]
    return {
        **{name: getattr(section, name) for name in names},
        "fragment": np.full(n, section.number, np.int32),
        "level": np.full(n, section.level, np.int8),
        "artefact": np.bitwise_or.reduce([np.zeros(n, np.uint8), *bits]),
        "outline": as_wkb(section.outlines),
        "nucleus": as_wkb(section.nuclei),
    }


def as_wkb(rings: Rings) -> NDArray[np.object_]:
    """Turn rings into WKB polygons, the same bytes on any machine; None where there is no ring."""
    lengths = np.diff(rings.start)
    has_ring = lengths > 0
    polygons = np.full(len(rings), None, object)
    which = np.repeat(np.arange(np.count_nonzero(has_ring)), lengths[has_ring])
    polygons[has_ring] = shapely.polygons(shapely.linearrings(rings.xy.astype(np.float64), indices=which))
    wkb: NDArray[np.object_] = shapely.to_wkb(polygons, byte_order=1)
    return wkb


@dataclass(frozen=True)
class Outlined:
    """A piece on the slide."""

    number: int
    level: int
    role: FragmentRole
    rings: tuple[NDArray[np.int32], ...]
    """(n, 2) level-0 pixels each."""


def write_outlines(path: Path, pieces: Sequence[Outlined]) -> None:
    """Write truth/<slide>.geojson: a feature a piece, level-0 pixels, as QuPath reads annotations."""
    features = [_feature(piece) for piece in pieces]
    text = json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")


def _feature(piece: Outlined) -> dict[str, Any]:
    rings = [[[*ring.tolist(), ring[0].tolist()]] for ring in piece.rings]
    name = f"Control {-piece.number}" if piece.role is FragmentRole.CONTROL else f"Fragment {piece.number}"
    return {
        "type": "Feature",
        "id": f"{name.lower().replace(' ', '-')}-level-{piece.level}",
        "geometry": {"type": "MultiPolygon", "coordinates": rings},
        "properties": {
            "objectType": "annotation",
            "name": f"{name}, level {piece.level}",
            "fragment": piece.number,
            "level": piece.level,
            "role": str(piece.role),
        },
    }


def write_masks(
    path: Path, size: tuple[int, int], mpp: float, artefacts: Sequence[Layer], grounds: Sequence[Layer]
) -> None:
    """Write truth/<slide>.masks.tif.

    Parameters
    ----------
    path : Path
        File to write.
    size : (int, int)
        Width and height of the slide, level-0 pixels.
    mpp : float
        Microns per level-0 pixel.
    artefacts : sequence of Layer
        Bits of the artefacts: the first page is their sum.
    grounds : sequence of Layer
        `Ground` of each piece, as it was before any artefact: the second page.

    Notes
    -----
    Both pages are uint8 at `MASK_DOWNSAMPLE`; a pixel tells what lies in the middle of the square it covers.
    """
    per_cm = 10_000 / (mpp * MASK_DOWNSAMPLE)
    with tifffile.TiffWriter(path) as writer:
        for layers, names in ((artefacts, ARTEFACT_BITS), (grounds, GROUNDS)):
            writer.write(
                _merged(layers, size),
                photometric="minisblack",
                compression="zlib",
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                description=json.dumps({str(name): value for name, value in names.items()}),
                metadata=None,
                software=False,
            )


def _merged(layers: Sequence[Layer], size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    merged = np.zeros((-(-height // MASK_DOWNSAMPLE), -(-width // MASK_DOWNSAMPLE)), np.uint8)
    y, x = ((np.arange(n, dtype=np.float64) + 0.5) * MASK_DOWNSAMPLE for n in merged.shape)
    for layer in layers:
        rows = _covered(y, layer.box.y, layer.box.bottom)
        columns = _covered(x, layer.box.x, layer.box.right)
        at_x, at_y = np.meshgrid(x[columns], y[rows])
        merged[rows, columns] |= read_layer(layer, at_x, at_y)
    return merged


def _covered(places: NDArray[np.floating], start: int, stop: int) -> slice:
    """Find the places in [start, stop)."""
    first, last = np.searchsorted(places, [start, stop])
    return slice(int(first), int(last))
