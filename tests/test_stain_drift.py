"""Stain vectors of a slide: drawn ones come back, too few pixels give none, and a drift is told."""

from __future__ import annotations

from dataclasses import replace
from math import acos, degrees

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.domain import Fragments, Rgb, StainEstimate
from hetscore.stain import StainVectors
from hetscore.stain_drift import StainDriftParams, estimate_stain, has_drifted, plan_patches
from tests.drawings import STAIN, VECTORS, glass, shine

Vector = tuple[float, float, float]
Floats = NDArray[np.float64]

NO_LIMIT = StainDriftParams(max_degrees=180)
"""As the default, but no estimate is turned back."""
AEC = (0.2743, 0.6796, 0.6803)
"""Another chromogen: Ruifrok and Johnston 2001."""


def unit(vector: Vector | Floats) -> Floats:
    """Scale to length 1."""
    return np.asarray(np.array(vector) / np.linalg.norm(vector))


def apart(one: Vector | Floats | None, other: Vector | Floats) -> float:
    """Degrees between two directions."""
    assert one is not None
    return degrees(acos(min(1.0, float(unit(one) @ unit(other)))))


def turn(vector: Vector, toward: Vector, by: float) -> Vector:
    """Turn a vector toward another by some degrees."""
    own = unit(vector)
    across = unit(unit(toward) - (unit(toward) @ own) * own)
    red, green, blue = (np.cos(np.radians(by)) * own + np.sin(np.radians(by)) * across).tolist()
    return red, green, blue


def draw(vectors: StainVectors = VECTORS, dab_share: float = 0.3) -> Rgb:
    """Draw 100 x 100 pixels of which a fifth is glass, the given share DAB, and the rest nuclei, a few under DAB."""
    rng = np.random.default_rng(3)
    hematoxylin, dab = np.zeros(10_000), np.zeros(10_000)
    n_dab = round(10_000 * dab_share)
    dab[:n_dab] = rng.uniform(0.4, 0.8, n_dab)
    hematoxylin[n_dab:8_000] = rng.uniform(0.25, 0.45, 8_000 - n_dab)
    hematoxylin[: n_dab // 5] = 0.2
    density = np.multiply.outer(hematoxylin, unit(vectors.hematoxylin)) + np.multiply.outer(dab, unit(vectors.dab))
    return shine(density).reshape(100, 100, 3)


def turned(stain: str, by: float) -> StainVectors:
    """Turn one of the vectors of the drawings toward the other; negative is away from it."""
    if stain == "dab":
        return replace(VECTORS, dab=turn(VECTORS.dab, VECTORS.hematoxylin, by))
    return replace(VECTORS, hematoxylin=turn(VECTORS.hematoxylin, VECTORS.dab, by))


class TestEstimateStain:
    """From pixels to two directions."""

    def test_a_gap_between_two_colors_is_no_place_for_a_stain(self) -> None:
        """Where the percentile falls between two colors six degrees apart, one of them is found, not nothing."""
        bluer, browner = unit(VECTORS.hematoxylin), unit(turned("hematoxylin", 6.0).hematoxylin)
        density = 0.4 * np.concatenate([np.tile(bluer, (101, 1)), np.tile(browner, (905, 1))])
        found = estimate_stain([shine(density).reshape(2, 503, 3)], STAIN)
        assert min(apart(found.hematoxylin, bluer), apart(found.hematoxylin, browner)) < 1

    @pytest.mark.parametrize("by", [-10.0, -5.0, 0.0, 5.0, 10.0])
    @pytest.mark.parametrize("stain", ["hematoxylin", "dab"])
    def test_drawn_vectors_come_back(self, stain: str, by: float) -> None:
        """Within a degree, whichever is turned and which way; their angles from the model's are told."""
        vectors = turned(stain, by)

        found = estimate_stain([draw(vectors)], STAIN)

        assert apart(found.hematoxylin, vectors.hematoxylin) < 1
        assert apart(found.dab, vectors.dab) < 1
        told = found.hematoxylin_degrees if stain == "hematoxylin" else found.dab_degrees
        assert told == pytest.approx(abs(by), abs=1)

    def test_a_vector_out_of_the_plane_comes_back(self) -> None:
        """A color that no mixture of the two has is found as well."""
        found = estimate_stain([draw(replace(VECTORS, dab=AEC))], STAIN)
        assert apart(found.dab, AEC) < 1
        assert found.residual_od is not None
        assert found.residual_od > 0.001

    def test_directions_have_length_one(self) -> None:
        """As their names say."""
        found = estimate_stain([draw()], STAIN)
        assert found.hematoxylin is not None
        assert found.dab is not None
        assert np.linalg.norm([found.hematoxylin, found.dab], axis=1) == pytest.approx([1, 1])

    def test_a_slide_of_0_has_no_dab(self) -> None:
        """Hematoxylin alone tells nothing of DAB, neither its color nor a drift."""
        found = estimate_stain([draw(dab_share=0.0)], STAIN)
        assert (found.dab, found.dab_degrees) == (None, None)
        assert apart(found.hematoxylin, VECTORS.hematoxylin) < 1
        assert not has_drifted(found)

    @pytest.mark.parametrize(("share", "is_seen"), [(0.023, False), (0.025, True)])
    def test_how_much_dab_it_takes(self, share: float, is_seen: bool) -> None:
        """3 % of the tissue, which is four fifths of the picture."""
        few = StainDriftParams(min_pixels=1)
        assert (estimate_stain([draw(dab_share=share)], STAIN, few).dab is not None) == is_seen

    def test_few_pixels_tell_nothing(self) -> None:
        """400 pixels of DAB in small tissue are less than 500, however large their share."""
        patch = draw()[::5, ::2]
        assert estimate_stain([patch], STAIN).dab is None
        assert estimate_stain([patch], STAIN, StainDriftParams(min_pixels=100)).dab is not None

    @pytest.mark.parametrize("patches", [[], [glass(50, 50)]], ids=["nothing read", "glass only"])
    def test_without_tissue_there_is_nothing(self, patches: list[Rgb]) -> None:
        """No estimate, no residual of 0 that would look perfect, and no drift."""
        found = estimate_stain(patches, STAIN)
        assert found == StainEstimate(None, None, None, None, None, 0)
        assert not has_drifted(found)

    def test_glass_does_not_count(self) -> None:
        """Only tissue is counted and measured: glass beside it changes nothing."""
        alone, beside = estimate_stain([draw()], STAIN), estimate_stain([glass(40, 90), draw()], STAIN)
        assert alone == beside
        assert alone.n_pixels == 8_000

    def test_an_estimate_is_bounded(self) -> None:
        """A DAB turned by 20 degrees is told as 15, on the same side."""
        patch = draw(turned("dab", -20))

        bounded, free = estimate_stain([patch], STAIN), estimate_stain([patch], STAIN, NO_LIMIT)

        assert bounded.dab_degrees == pytest.approx(15)
        assert free.dab_degrees == pytest.approx(20, abs=1)
        assert apart(bounded.dab, turned("dab", -15).dab) < 1

    def test_the_site_scale_is_no_matter(self) -> None:
        """How much DAB there is says nothing of its color."""
        assert estimate_stain([draw()], replace(STAIN, dab_scale=2.0)) == estimate_stain([draw()], STAIN)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 9_999))
    def test_the_order_of_pixels_does_not_matter(self, cut: int) -> None:
        """Shuffled and dealt into two patches, the same pixels give the same bits."""
        pixels = draw().reshape(-1, 1, 3)
        order = np.random.default_rng(cut).permutation(len(pixels))

        found = estimate_stain([pixels[order[:cut]], pixels[order[cut:]]], STAIN)

        assert found == estimate_stain([draw()], STAIN)


class TestHasDrifted:
    """From where on a slide is told apart."""

    def test_the_models_own_stains_have_not(self) -> None:
        """Drawn with the model's vectors."""
        assert not has_drifted(estimate_stain([draw()], STAIN))

    @pytest.mark.parametrize(
        "vectors",
        [*(turned(stain, by) for stain in ("hematoxylin", "dab") for by in (-10, 10)), replace(VECTORS, dab=AEC)],
        ids=["hematoxylin away", "hematoxylin toward", "DAB away", "DAB toward", "AEC"],
    )
    def test_turned_and_other_stains_have(self, vectors: StainVectors) -> None:
        """10 degrees either way, or another chromogen."""
        assert has_drifted(estimate_stain([draw(vectors)], STAIN))

    @pytest.mark.parametrize(
        ("hematoxylin", "dab", "is_told"),
        [(8.0, 5.0, False), (8.1, None, True), (None, 5.1, True), (None, None, False)],
    )
    def test_the_limits(self, hematoxylin: float | None, dab: float | None, is_told: bool) -> None:
        """Each stain has its own; a stain that was not seen has not drifted."""
        found = StainEstimate(None, None, hematoxylin, dab, 0.004, 1000)
        assert has_drifted(found) == is_told


class TestPlanPatches:
    """Where to look."""

    def _fragments(self, labels: NDArray[np.int32]) -> Fragments:
        return Fragments((), labels, downsample=16, mpp=4.0, dropped={})

    def test_they_are_spread_by_area(self) -> None:
        """Of 16 patches a fragment of three quarters of the tissue has 12; each is centered on its own tissue."""
        labels = np.zeros((200, 200), np.int32)
        labels[20:80, 20:140] = 1
        labels[120:160, 20:80] = 2

        boxes, downsample = plan_patches(self._fragments(labels), 0.25, StainDriftParams())

        assert downsample == 2
        assert {(box.width, box.height) for box in boxes} == {(512, 512)}
        assert not any(value % 2 for box in boxes for value in (box.x, box.y))
        middles = [labels[(box.y + 256) // 16, (box.x + 256) // 16] for box in boxes]
        assert np.bincount(middles).tolist() == [0, 12, 4]

    def test_a_speck_has_one_patch_a_pixel(self) -> None:
        """There are no more patches than pixels of tissue; without tissue there is none."""
        labels = np.zeros((9, 9), np.int32)
        assert plan_patches(self._fragments(labels), 0.5, StainDriftParams()) == ((), 1)
        labels[4, 4] = 1
        (box,), _ = plan_patches(self._fragments(labels), 0.5, StainDriftParams())
        assert (box.x + box.width / 2, box.y + box.height / 2) == (72, 72)
