"""Where an artefact may lie: on a fragment with some glass around it, or on the glass.

An artefact is drawn on cells of the slide (`hetscore.phantom.retouch`); places are in microns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb
from hetscore.geometry import Box
from hetscore.phantom.noise import smooth_noise
from hetscore.phantom.retouch import Mask, Patch, cell_px

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PlacedFragment:
    """A fragment on the slide."""

    box: Box
    """Pixels of the slide."""
    tissue: Mask
    """By cell, the first at the box's top left corner: where there is tissue. See `to_cells`."""


@dataclass(frozen=True)
class Scene:
    """The slide, and what lies on it."""

    rgb: Rgb
    fragments: Sequence[PlacedFragment]
    white: tuple[float, float, float]
    mpp: float

    @property
    def bounds(self) -> Box:
        """All of the slide."""
        return Box(0, 0, self.rgb.shape[1], self.rgb.shape[0])


@dataclass(frozen=True)
class Spot:
    """Where one artefact is to lie: a patch, the places of its cells, and the tissue it is measured against."""

    patch: Patch
    x: Floats
    y: Floats
    """Microns."""
    tissue: Mask
    """By cell; only of the fragment meant. All True on the glass."""
    share: float
    """Of `tissue`, to be covered."""
    border: Floats
    """Distance from the patch's border, where that is not the slide's; microns."""
    number: int | None = None
    """Of the fragment meant; None on the glass."""

    @property
    def on_glass(self) -> bool:
        """Whether no fragment is meant."""
        return self.number is None

    def level(self, distance: Floats) -> float:
        """Find the distance within which the share of the tissue lies."""
        return float(np.quantile(distance[self.tissue], self.share))

    def noise(self, rng: np.random.Generator, scale_um: float) -> Floats:
        """Draw a smooth field over the cells."""
        noise: Floats = smooth_noise(rng, self.x.shape, scale_um / self.cell_um).astype(np.float64)
        return noise

    @property
    def cell_um(self) -> float:
        """Side of a cell."""
        return cell_px(self.patch.mpp) * self.patch.mpp


@dataclass(frozen=True)
class Room:
    """How much room a kind of artefact takes."""

    margin_um: float
    """Around the fragment that it may reach over."""
    glass_um: tuple[float, float]
    """Length and width on the glass, if there is so much."""
    is_long: bool = False
    """Whether it crosses the slide from edge to edge."""


def on_fragment(scene: Scene, number: int, share: float, room: Room, rng: np.random.Generator) -> Spot:
    """Take the box of fragment `number` with some room around; its cells stay where the fragment's own are."""
    fragment, cell = scene.fragments[number - 1], cell_px(scene.mpp)
    margin = [math.ceil(room.margin_um / scene.mpp / cell)] * 2
    if room.is_long:
        margin[int(rng.integers(2))] = max(_wh(scene))
    left, top = min(margin[0], fragment.box.x // cell), min(margin[1], fragment.box.y // cell)
    x, y = fragment.box.x - left * cell, fragment.box.y - top * cell
    width, height = fragment.box.right + margin[0] * cell - x, fragment.box.bottom + margin[1] * cell - y
    box = Box(x, y, width, height).clipped(scene.bounds)
    patch = Patch(box, scene.mpp)
    tissue = np.zeros(patch.shape, bool)
    part = tissue[top : top + fragment.tissue.shape[0], left : left + fragment.tissue.shape[1]]
    part[...] = fragment.tissue[: part.shape[0], : part.shape[1]]
    if not tissue.any():
        raise ValueError(f"fragment {number} has no tissue")
    return Spot(patch, *patch.middles_um(), tissue, share, _border_um(patch, scene.bounds), number)


def _border_um(patch: Patch, slide: Box) -> Floats:
    x, y = patch.middles_um()
    box, mpp = patch.box, patch.mpp
    sides = (
        (x - box.x * mpp, box.x > 0),
        (y - box.y * mpp, box.y > 0),
        (box.right * mpp - x, box.right < slide.right),
        (box.bottom * mpp - y, box.bottom < slide.bottom),
    )
    border = np.full(x.shape, 1e6)
    for distance, is_inner in sides:
        border = np.minimum(border, distance) if is_inner else border
    return border


def on_glass(scene: Scene, room: Room, rng: np.random.Generator) -> Spot:
    """Find a place that touches no fragment: a wide one if there is, else narrower and narrower ones."""
    patch = Patch(_free_box(scene, room.glass_um, rng), scene.mpp)
    border = _border_um(patch, scene.bounds)
    return Spot(patch, *patch.middles_um(), np.ones(patch.shape, bool), 0.5, border)


_TRIES = 60
"""Places tried on the glass before less room is asked for."""


def _free_box(scene: Scene, room_um: tuple[float, float], rng: np.random.Generator) -> Box:
    """Throw boxes until one lies free; the last and smallest is taken wherever it falls, on a crowded slide."""
    box = scene.bounds
    for shrink in (1.0, 0.7, 0.5, 0.35, 0.25, 0.18):
        for _ in range(_TRIES):
            turned = room_um if rng.random() < 0.5 else room_um[::-1]
            width, height = (min(round(shrink * um / scene.mpp), n) for um, n in zip(turned, _wh(scene), strict=True))
            x, y = int(rng.integers(0, _wh(scene)[0] - width + 1)), int(rng.integers(0, _wh(scene)[1] - height + 1))
            box = Box(x, y, width, height)
            if all(fragment.box.clipped(box).is_empty for fragment in scene.fragments):
                return box
    return box


def _wh(scene: Scene) -> tuple[int, int]:
    return scene.bounds.width, scene.bounds.height
