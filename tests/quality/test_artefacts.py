"""All masks of a slide together: who has what, what is told, and what is lost of real tissue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hetscore.config import load_model, load_settings
from hetscore.domain import MppSource, Rgb, TissueMask
from hetscore.flags import FLAGS
from hetscore.geometry import Box
from hetscore.quality import QualityParams, exclude, find_artefacts, name_exclusions
from hetscore.quality.shapes import Mask
from hetscore.slides import open_slide
from hetscore.stain import Stain, find_white
from hetscore.tissue import find_tissue
from tests.drawings import STAIN, disc, make_thumbnail, shine
from tests.fields import CORES
from tests.quality.drawn import BLACK, BLUE_INK, HAIR, MPP, NUCLEI, RING, SHAPE, STROKE, TISSUE, density_of, lay

PARAMS = QualityParams()
WHOLE = TissueMask(TISSUE, downsample=16, mpp=MPP)


def _masks(**drawn: Mask) -> dict[str, Mask]:
    return {name.replace("_", "-"): mask for name, mask in drawn.items()}


def _grainy(box: Box, downsample: int) -> Rgb:
    """Give tissue in focus everywhere."""
    shape = (box.height // downsample, box.width // downsample)
    return shine(np.random.default_rng(5).uniform(0.1, 0.4, (*shape, 1)) * np.ones(3))


class TestFindArtefacts:
    """One picture, several artefacts."""

    def test_each_goes_by_its_own_name(self) -> None:
        """A stroke of ink and a hair that do not touch."""
        rows = np.indices(SHAPE)[0]
        stroke, hair = (rows > 75) & (rows < 120), HAIR & (rows < 55)
        rgb = shine(density_of(0.3 * NUCLEI, 0.2 * TISSUE) + lay(stroke, BLUE_INK) + lay(hair, (0.66, 0.72, 0.75)))

        found = find_artefacts(make_thumbnail(rgb), WHOLE, STAIN, _grainy, PARAMS)

        assert list(found) == ["pen", "foreign", "opaque-particles", "folds", "edge-stain", "out-of-focus"]
        assert found["pen"][stroke & TISSUE].all()
        assert found["foreign"][hair & TISSUE].all()
        assert not (found["folds"] & TISSUE & ~(found["pen"] | found["foreign"])).any()
        assert not found["out-of-focus"].any()

    def test_a_closed_rim_takes_what_it_encloses(self) -> None:
        """A bubble over focused tissue: its inside goes by the name of the rim."""
        rgb = shine(density_of(0.3 * NUCLEI, 0.2 * TISSUE) + lay(RING, BLACK))

        found = find_artefacts(make_thumbnail(rgb), WHOLE, STAIN, _grainy, PARAMS)

        assert found["foreign"][disc(SHAPE, 100.5, 80.5, 24)].all()
        assert not found["out-of-focus"].any()

    def test_what_an_edge_and_a_blur_enclose_is_lost_with_them(self) -> None:
        """A hair closes the open side of a blurred bay; the focused tissue inside cannot be told from it."""
        x, y = np.indices(SHAPE)[1], np.indices(SHAPE)[0]
        bay = (np.hypot(x - 110, y - 80) < 45) & (x > 110) & ~(np.hypot(x - 110, y - 80) < 20)

        def read(box: Box, downsample: int) -> Rgb:
            rgb = _grainy(box, downsample)
            scale = 16 // downsample
            part = bay[box.y // 16 : box.bottom // 16, box.x // 16 : box.right // 16]
            smooth = cv2.GaussianBlur(rgb, (0, 0), 2.0)
            return np.where(part.repeat(scale, axis=0).repeat(scale, axis=1)[..., None], smooth, rgb)

        rgb = shine(density_of(0.3 * NUCLEI, 0.2 * TISSUE) + lay(HAIR, BLACK))
        found = find_artefacts(make_thumbnail(rgb), WHOLE, STAIN, read, PARAMS)

        assert found["out-of-focus"][80, 122]

    def test_clean_tissue_is_left_alone(self) -> None:
        """Nothing over it, nothing masked."""
        rgb = shine(density_of(0.3 * NUCLEI, 0.4 * TISSUE))

        found = find_artefacts(make_thumbnail(rgb), WHOLE, STAIN, _grainy, PARAMS)

        assert not any(mask.any() for mask in found.values())


class TestExclude:
    """What is taken out, and what is told of it."""

    def test_the_first_reason_has_it_and_the_area_adds_up(self) -> None:
        """Two masks that overlap on the tissue and reach over the glass."""
        left = exclude(WHOLE, _masks(pen=STROKE, out_of_focus=HAIR))

        np.testing.assert_array_equal(left.excluded["pen"], STROKE & TISSUE)
        np.testing.assert_array_equal(left.excluded["out-of-focus"], HAIR & TISSUE & ~STROKE)
        assert left.mask.sum() + sum(mask.sum() for mask in left.excluded.values()) == TISSUE.sum()

    def test_what_was_excluded_before_stays(self) -> None:
        """A mask of the tissue's own finder is kept."""
        left = exclude(replace(WHOLE, excluded=_masks(control=HAIR & TISSUE)), _masks(pen=STROKE))

        assert list(left.excluded) == ["control", "pen"]

    def test_ink_on_glass_is_neither_tissue_nor_lost(self) -> None:
        """A stroke that was taken for a fragment of its own: its area is told apart and flagged."""
        stroke = np.zeros(SHAPE, bool)
        stroke[:, 180:] = True
        left = exclude(replace(WHOLE, mask=disc(SHAPE, 60, 80, 40) | stroke), _masks(pen=stroke))

        assert not left.excluded["pen"].any()
        assert left.covered_glass_mm2 == pytest.approx(stroke.sum() * 16e-6)
        assert left.mask.sum() == disc(SHAPE, 60, 80, 40).sum()
        assert name_exclusions(left, PARAMS) == {
            "artefacts-excluded": False,
            "many-artefacts": False,
            "covered-glass": True,
        }

    @pytest.mark.parametrize(
        ("n_excluded", "expected"),
        [(0, []), (1, ["artefacts-excluded"]), (10, ["artefacts-excluded"]), (11, ["many-artefacts"])],
    )
    def test_the_flag_tells_how_much(self, n_excluded: int, expected: list[str]) -> None:
        """Of 100 pixels; a tenth is not yet more than a tenth."""
        whole = TissueMask(np.ones((10, 10), bool), 16, MPP)
        folds = np.arange(100).reshape(10, 10) < n_excluded

        flags = name_exclusions(exclude(whole, {"folds": folds}), PARAMS)

        assert [name for name, is_set in flags.items() if is_set] == expected
        assert set(flags) <= set(FLAGS)


@pytest.mark.parametrize("name", CORES)
def test_hardly_any_of_a_core_is_lost(shared_data: Callable[[str], Path], name: str) -> None:
    """At most a fiftieth of real tissue, that round the speck of soot included."""
    settings, path = load_settings(), shared_data(name)
    with open_slide(path, mpp=0.25, mpp_source=MppSource.COMMAND_LINE) as slide:
        thumbnail = slide.thumbnail(settings.tissue.mpp)
        white = find_white(thumbnail.rgb)
        tissue = find_tissue(thumbnail, white, {}, settings.tissue)
        stain = Stain(white, load_model(settings.model).stain)
        found = find_artefacts(thumbnail, tissue, stain, slide.read, settings.quality)

    lost = {reason: mask.sum() / tissue.mask.sum() for reason, mask in exclude(tissue, found).excluded.items()}
    assert sum(lost.values()) < 0.02
    assert (lost["opaque-particles"] > 0) == ("1_f8a2" in name)
