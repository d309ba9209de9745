"""GeoJSON as QuPath writes it, and what is wrong with other files."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hetscore.annotations import check_place, read_annotations
from hetscore.domain import RegionKind, SlideInfo
from hetscore.errors import SlideError, UsageError

SQUARE = [[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]]
HOLE = [[20, 20], [40, 20], [40, 40], [20, 40], [20, 20]]


def feature(class_name: str | None, *rings: list[list[int]], name: str | None = None, **other: Any) -> dict[str, Any]:  # noqa: ANN401 - any property of QuPath
    """Write an annotation as QuPath 0.5 does."""
    properties: dict[str, Any] = {"objectType": "annotation", **({"name": name} if name else {})}
    if class_name:
        properties["classification"] = {"name": class_name, "color": [200, 0, 0]}
    geometry = {"type": "Polygon", "coordinates": list(rings or [SQUARE])}
    return {"type": "Feature", "id": "1f", "geometry": geometry, "properties": {**properties, **other}}


def write(folder: Path, content: object) -> Path:
    """Write a file of annotations: features are put into a collection."""
    path = folder / "a.geojson"
    whole = {"type": "FeatureCollection", "features": content} if isinstance(content, list) else content
    path.write_text(json.dumps(whole))
    return path


def fault_of(path: Path) -> str:
    """Return the error that a file leads to, without its folder."""
    with pytest.raises(UsageError) as caught:
        read_annotations(path)
    return str(caught.value).replace(f"{path.parent}/", "")


class TestWhatIsRead:
    """Regions and what is left out."""

    @pytest.mark.parametrize(
        ("class_name", "kind", "level"),
        [
            ("Fragment", RegionKind.FRAGMENT, None),
            ("Fragment: 2+ or 3+", RegionKind.FRAGMENT, None),
            ("Control", RegionKind.CONTROL, None),
            ("Exclude", RegionKind.EXCLUDE, None),
            ("Ignore*", RegionKind.EXCLUDE, None),
            ("Necrosis", RegionKind.EXCLUDE, None),
            ("tumor", RegionKind.TUMOR, None),
            ("Non-tumor", RegionKind.NON_TUMOR, None),
            ("Stroma", RegionKind.NON_TUMOR, None),
            ("Level 2", RegionKind.LEVEL, 2),
            ("section 3", RegionKind.LEVEL, 3),
        ],
    )
    def test_classes(self, tmp_path: Path, class_name: str, kind: RegionKind, level: int | None) -> None:
        """Each class by its name in any letter case, and by what it is derived from."""
        (region,) = read_annotations(write(tmp_path, [feature(class_name)])).regions

        assert (region.kind, region.level) == (kind, level)

    def test_holes_parts_and_names(self, tmp_path: Path) -> None:
        """A hole is no part of the region; several parts are one region; the name is kept."""
        parts = feature("Exclude", name="ink")
        parts["geometry"] = {
            "type": "MultiPolygon",
            "coordinates": [[SQUARE, HOLE], [[[x + 200, y] for x, y in SQUARE]]],
        }

        (region,) = read_annotations(write(tmp_path, [parts])).regions

        assert (region.shape.area, region.name) == (2 * 100**2 - 20**2, "ink")

    def test_every_way_it_may_be_packed(self, tmp_path: Path) -> None:
        """A collection, a bare list, one feature, and any of them by gzip are the same."""
        one = feature("Tumor")
        plain = [write(tmp_path, [one]).read_bytes(), json.dumps([one]).encode(), json.dumps(one).encode()]
        for number, data in enumerate([*plain, gzip.compress(plain[0])]):
            path = tmp_path / f"{number}.geojson"
            path.write_bytes(data)

            found = read_annotations(path)

            assert [r.kind for r in found.regions] == [RegionKind.TUMOR]
        assert found.sha256 == read_annotations(write(tmp_path, [one])).sha256

    def test_older_and_nested(self, tmp_path: Path) -> None:
        """A class given by its parts, an older object type and annotations within others are read."""
        inner = feature("Exclude")
        outer = feature(None, childObjects=[inner], classification={"names": ["Fragment", "2+"]})
        old = feature("Tumor", object_type="annotation")
        del old["properties"]["objectType"]

        kinds = [region.kind for region in read_annotations(write(tmp_path, [outer, old])).regions]

        assert kinds == [RegionKind.FRAGMENT, RegionKind.EXCLUDE, RegionKind.TUMOR]

    def test_what_says_nothing(self, tmp_path: Path) -> None:
        """Annotations without a class are counted, whatever their shape; cells are no regions, whatever their class."""
        point = {**feature(None), "geometry": {"type": "Point", "coordinates": [1, 2]}}
        cell = feature("Tumor: 3+", objectType="cell", measurements={"a": float("nan")})

        found = read_annotations(
            write(tmp_path, [point, feature(None), cell, feature("Unknown", objectType="detection")])
        )

        assert (found.regions, found.n_unclassified) == ((), 2)

    def test_an_outline_that_crosses_itself(self, tmp_path: Path) -> None:
        """A figure of eight is mended into its two halves, and told."""
        eight = [[0, 0], [100, 100], [100, 0], [0, 100], [0, 0]]

        found = read_annotations(write(tmp_path, [feature("Exclude", eight), feature("Exclude")]))

        assert found.n_mended == 1
        assert found.regions[0].shape.is_valid
        assert found.regions[0].shape.area == pytest.approx(100**2 / 2)


class TestFaults:
    """Files that cannot be used, with what was expected."""

    def test_no_file(self, tmp_path: Path) -> None:
        """The system's reason is given."""
        assert fault_of(tmp_path / "b.geojson").startswith("b.geojson: cannot be read (No such file or directory)")

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"not JSON", "not JSON"),
            (b"\xff\xfe\x00", "not JSON"),
            (b"\x1f\x8bbroken", "cannot be read"),
            (b'{"type": "Polygon"}', "not GeoJSON"),
            (b"[1, 2]", "not GeoJSON"),
            (b'{"features": {}}', "not GeoJSON"),
            (b"7", "not GeoJSON"),
        ],
    )
    def test_no_geojson(self, tmp_path: Path, data: bytes, said: str) -> None:
        """Whatever it is, it is named, with the remedy."""
        (tmp_path / "a.geojson").write_bytes(data)

        fault = fault_of(tmp_path / "a.geojson")

        assert fault.startswith(f"a.geojson: {said}")
        assert "expected GeoJSON" in fault

    def test_all_faults_at_once(self, tmp_path: Path) -> None:
        """Each annotation at fault has a line with its number, its name and the classes that are known."""
        line = {**feature("Tumor"), "geometry": {"type": "LineString", "coordinates": [[0, 0], [9, 9]]}}
        mixed = {**feature("Exclude", name="x"), "geometry": {"type": "GeometryCollection", "geometries": []}}
        flat = feature("Control", [[0, 0], [9, 9], [0, 0], [9, 9]])
        short = feature("Control", [[0, 0], [9, 9]])
        nothing = {**feature("Control"), "geometry": None}

        lines = fault_of(write(tmp_path, [feature("Other"), line, mixed, flat, short, nothing])).splitlines()

        assert [re.sub(r"[;(].*", "", fault) for fault in lines] == [
            "a.geojson: annotation 1: class 'Other' is not known",
            "a.geojson: annotation 2: Tumor of geometry LineString",
            "a.geojson: annotation 3 ",
            "a.geojson: annotation 4: Control without an area",
            "a.geojson: annotation 5: coordinates that cannot be read ",
            "a.geojson: annotation 6: Control of geometry none",
        ]
        assert "expected one of Fragment, Control" in lines[0]
        assert "(x): Exclude of geometry GeometryCollection; expected a Polygon or a MultiPolygon" in lines[2]


@pytest.mark.parametrize(
    ("dx", "is_fine"), [(0, True), (-70, True), (840, True), (-120, False), (895, False), (5000, False)]
)
def test_regions_lie_on_the_slide(tmp_path: Path, dx: int, is_fine: bool) -> None:
    """A region may reach over the border by a tenth of the slide; one that lies elsewhere is of another slide."""
    info = SlideInfo(Path("slide.tif"), "tiff", 900, 500, (), 0.25, None)
    drawn = read_annotations(write(tmp_path, [feature("Exclude", [[x + dx, y] for x, y in SQUARE])]))

    if is_fine:
        check_place(drawn, info)
    else:
        with pytest.raises(
            SlideError, match=r"a region Exclude from .* expected level-0 pixels of slide.tif, 900 x 500"
        ):
            check_place(drawn, info)
