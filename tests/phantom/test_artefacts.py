"""Artefacts: they change what their mask says, and about as much of the fragment as asked."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hetscore.domain import Rgb
from hetscore.errors import UsageError
from hetscore.geometry import Box
from hetscore.phantom.artefacts import ArtefactTruth, PlacedFragment, apply_artefacts, cell_px, to_cells
from hetscore.phantom.retouch import defocused
from hetscore.phantom.spec import ArtefactKind, ArtefactSpec

MPP = 0.5
WHITE = (236.0, 235.0, 242.0)
BOXES = (Box(240, 200, 440, 420), Box(1150, 230, 400, 380))
ON_GLASS = [kind for kind in ArtefactKind if kind not in (ArtefactKind.FOLD, ArtefactKind.BLUR)]


def slide() -> tuple[Rgb, tuple[PlacedFragment, ...]]:
    """Give a slide of one's own to spoil."""
    rgb, placed = _drawn()
    return rgb.copy(), placed


@cache
def _drawn() -> tuple[Rgb, tuple[PlacedFragment, ...]]:
    """Lay two ellipses of grainy tissue on glass, 220 and 200 um across, 0.5 um/px."""
    rng = np.random.default_rng(7)
    rgb = np.empty((820, 1800, 3), np.uint8)
    rgb[...] = np.rint(WHITE)
    placed = []
    for box in BOXES:
        y, x = np.indices((box.height, box.width))
        is_tissue = np.hypot(2 * x / box.width - 1, 2 * y / box.height - 1) < 0.97
        grain = rng.integers(60, 220, (box.height // 4 + 1, box.width // 4 + 1, 3)).astype(np.uint8)
        grain = grain.repeat(4, axis=0).repeat(4, axis=1)[: box.height, : box.width]
        rgb[box.slices][is_tissue] = grain[is_tissue]
        placed.append(PlacedFragment(box, to_cells(is_tissue, MPP)))
    return rgb, tuple(placed)


def spoil(spec: ArtefactSpec, seed: int = 0) -> tuple[Rgb, Rgb, ArtefactTruth]:
    """Give the slide before and after one artefact, and its truth."""
    rgb, placed = slide()
    before = rgb.copy()
    (truth,) = apply_artefacts(rgb, [spec], placed, WHITE, np.random.default_rng(seed), mpp=MPP)
    return before, rgb, truth


def in_pixels(truth: ArtefactTruth, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Spread the mask over the slide."""
    cell, mask = cell_px(MPP), np.zeros(shape[:2], bool)
    fine = truth.mask.repeat(cell, axis=0).repeat(cell, axis=1)
    mask[truth.box.slices] = fine[: truth.box.height, : truth.box.width]
    return mask


@pytest.mark.parametrize(
    "spec",
    [
        *(ArtefactSpec(kind, 1, 0.2) for kind in ArtefactKind),
        *(ArtefactSpec(kind, None) for kind in ON_GLASS),
    ],
    ids=lambda spec: f"{spec.kind}-{spec.fragment}",
)
def test_the_mask_is_where_the_slide_changed(spec: ArtefactSpec) -> None:
    """Outside the mask a pixel moves by a few gray levels at most; most pixels of tissue inside it moved."""
    before, after, truth = spoil(spec)

    mask = in_pixels(truth, after.shape)
    change = np.abs(after.astype(int) - before).max(axis=2)
    is_tissue = before.min(axis=2) < 230
    seen = mask & is_tissue if (mask & is_tissue).any() else mask
    assert truth.kind is spec.kind
    assert mask.any()
    assert change[~mask].max() <= 8
    assert (change[seen] > 2).mean() > 0.6


@pytest.mark.parametrize(
    ("kind", "share"),
    [*((kind, 0.1) for kind in ArtefactKind), *((kind, 0.4) for kind in ArtefactKind if kind is not ArtefactKind.HAIR)],
)
def test_about_the_share_asked_is_covered(kind: ArtefactKind, share: float) -> None:
    """Of the fragment's tissue, between a little less and half as much again lies under the mask."""
    _, after, truth = spoil(ArtefactSpec(kind, 1, share), 3)

    placed = slide()[1][0]
    on_fragment = in_pixels(truth, after.shape)[placed.box.slices]
    covered = to_cells(on_fragment, MPP)[placed.tissue].mean()
    assert 0.6 * share <= covered <= 1.5 * share + 0.06


@pytest.mark.parametrize("kind", ON_GLASS)
def test_on_the_glass_fragments_are_spared(kind: ArtefactKind) -> None:
    """With room for it, an artefact on the glass touches no fragment."""
    before, after, _ = spoil(ArtefactSpec(kind, None), 5)

    for box in BOXES:
        assert np.array_equal(before[box.slices], after[box.slices])


@pytest.mark.parametrize("kind", list(ArtefactKind))
def test_the_same_seed_gives_the_same_pixels(kind: ArtefactKind) -> None:
    """Place and shape follow from the seed; another seed gives others."""
    spec = ArtefactSpec(kind, 2, 0.2)

    first, again, other = (spoil(spec, seed) for seed in (4, 4, 5))

    assert np.array_equal(first[1], again[1])
    assert np.array_equal(first[2].mask, again[2].mask)
    assert not np.array_equal(first[1], other[1])


def test_folds_floaters_ink_and_hair_darken_and_blur_keeps_the_mean() -> None:
    """Tissue laid on tissue passes less light, so do ink and hair; out of focus as much passes as before."""
    for kind in (ArtefactKind.FOLD, ArtefactKind.FLOATER, ArtefactKind.PEN, ArtefactKind.HAIR):
        before, after, truth = spoil(ArtefactSpec(kind, 1, 0.2))
        mask = in_pixels(truth, after.shape) & (before.min(axis=2) < 230)
        assert after[mask].mean() < 0.9 * before[mask].mean()

    before, after, truth = spoil(ArtefactSpec(ArtefactKind.BLUR, 1, 0.2))
    mask = in_pixels(truth, after.shape)
    steps = [np.abs(np.diff(picture.astype(int), axis=0))[mask[1:]].mean() for picture in (before, after)]
    assert after[mask].mean() == pytest.approx(before[mask].mean(), rel=0.02)
    assert steps[1] < 0.5 * steps[0]


def test_a_fold_lays_other_tissue_over() -> None:
    """What dims a fold is not the tissue beneath it, out of focus, but tissue from beside it, in the mirror."""
    before, after, truth = spoil(ArtefactSpec(ArtefactKind.FOLD, 1, 0.3))
    inside = ndimage.binary_erosion(in_pixels(truth, after.shape), iterations=12)

    beneath = defocused(before, 1.1 / MPP)
    laid_over = np.log(after[inside] + 1.0) - np.log(beneath[inside] + 1.0)

    assert np.corrcoef(laid_over.ravel(), np.log(beneath[inside] + 1.0).ravel())[0, 1] < 0.3


def test_a_coverslip_crosses_the_slide() -> None:
    """Its edge runs from one border of the slide to the other."""
    _, _, truth = spoil(ArtefactSpec(ArtefactKind.COVERSLIP, 1, 0.2))

    assert truth.mask.any(axis=0).all() or truth.mask.any(axis=1).all()


def test_a_slide_in_a_file_is_changed_there(tmp_path: Path) -> None:
    """Pixels mapped from a file are changed in place, as those in memory are."""
    rgb, placed = slide()
    mapped = np.memmap(tmp_path / "slide", np.uint8, "w+", shape=rgb.shape)
    mapped[...] = rgb
    specs = [ArtefactSpec(ArtefactKind.FOLD, 1, 0.1), ArtefactSpec(ArtefactKind.PEN, 2, 0.3)]

    for picture in (rgb, mapped):
        apply_artefacts(picture, specs, placed, WHITE, np.random.default_rng(0), mpp=MPP)

    assert np.array_equal(rgb, mapped)


def test_no_artefact_is_no_change() -> None:
    """Without specs nothing is drawn and nothing is true."""
    rgb, placed = slide()

    assert apply_artefacts(rgb, [], placed, WHITE, np.random.default_rng(0), mpp=MPP) == []
    assert np.array_equal(rgb, slide()[0])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ArtefactSpec(ArtefactKind.PEN, 3), "fragment 3; expected 1 to 2"),
        (ArtefactSpec(ArtefactKind.PEN, 0), "fragment 0; expected 1 to 2"),
        (ArtefactSpec(ArtefactKind.FOLD, None), "fold on the glass; expected a fragment"),
        (ArtefactSpec(ArtefactKind.BLUR, None), "blur on the glass; expected a fragment"),
    ],
)
def test_an_artefact_that_cannot_be_is_refused(spec: ArtefactSpec, message: str) -> None:
    """A fragment that is not there, or a fold of glass, is an error that says so; the slide is untouched."""
    rgb, placed = slide()

    with pytest.raises(UsageError, match=message):
        apply_artefacts(
            rgb, [ArtefactSpec(ArtefactKind.HAIR, 1), spec], placed, WHITE, np.random.default_rng(0), mpp=MPP
        )

    assert np.array_equal(rgb, slide()[0])


def test_a_floater_needs_tissue_somewhere() -> None:
    """On a slide without fragments nothing can come off."""
    with pytest.raises(UsageError, match="without fragments"):
        apply_artefacts(
            slide()[0], [ArtefactSpec(ArtefactKind.FLOATER, None)], (), WHITE, np.random.default_rng(0), mpp=MPP
        )


def test_an_empty_fragment_is_a_mistake() -> None:
    """A fragment whose mask is empty has no share to cover."""
    empty = PlacedFragment(BOXES[0], np.zeros((105, 110), bool))

    with pytest.raises(ValueError, match="fragment 1 has no tissue"):
        apply_artefacts(
            slide()[0], [ArtefactSpec(ArtefactKind.PEN, 1)], [empty], WHITE, np.random.default_rng(0), mpp=MPP
        )
