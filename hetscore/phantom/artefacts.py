"""Spoil a finished slide as laboratories and scanners do, and keep the truth of where.

Each artefact works within its own box of the slide, in place. Its truth is a mask of cells (`retouch.CELL_UM`, at most
2 um), and on a fragment it covers about the share asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hetscore.domain import Rgb
from hetscore.errors import UsageError
from hetscore.geometry import Box
from hetscore.phantom.artefact_kinds import KINDS
from hetscore.phantom.artefact_spots import PlacedFragment, Scene, on_fragment, on_glass
from hetscore.phantom.retouch import Mask, cell_px, retouch, to_cells
from hetscore.phantom.spec import ArtefactKind, ArtefactSpec

__all__ = ["ArtefactTruth", "PlacedFragment", "apply_artefacts", "cell_px", "to_cells"]


@dataclass(frozen=True)
class ArtefactTruth:
    """Where an artefact lies."""

    kind: ArtefactKind
    box: Box
    """Pixels of the slide."""
    mask: Mask
    """By cell, the first at the box's top left corner; the last ones may reach beyond the box."""


def apply_artefacts(
    rgb: Rgb,
    specs: Iterable[ArtefactSpec],
    fragments: Sequence[PlacedFragment],
    white: tuple[float, float, float],
    rng: np.random.Generator,
    *,
    mpp: float,
) -> list[ArtefactTruth]:
    """Spoil a slide, one artefact after another.

    Parameters
    ----------
    rgb : (h, w, 3) uint8
        The slide, before the camera's noise; changed in place. It may be mapped from a file.
    specs : iterable of ArtefactSpec
        What to do.
    fragments : sequence of PlacedFragment
        In the order of their numbers.
    white : (float, float, float)
        Of the slide's glass.
    rng : numpy.random.Generator
        Decides place and shape. Each artefact has a generator of its own.
    mpp : float
        Microns per pixel.

    Returns
    -------
    list of ArtefactTruth
        One for each of `specs`, in their order.

    Raises
    ------
    UsageError
        If a spec names a fragment that is not there, or lays a fold or a blur on the glass, where neither is seen.

    Notes
    -----
    A hair and a fold are as thick as hairs and folds are; where one is too thin for its share, there are several.
    Ink, bubble and coverslip reach beyond the fragment. Outside the mask a pixel changes by a few gray levels at most.
    """
    specs = list(specs)
    scene = Scene(rgb, fragments, white, mpp)
    for spec in specs:
        _check(spec, fragments)
    return [_spoil(scene, spec, own) for spec, own in zip(specs, rng.spawn(len(specs)), strict=True)]


def _check(spec: ArtefactSpec, fragments: Sequence[PlacedFragment]) -> None:
    where = f"artefacts: {spec.kind}"
    if spec.fragment is None:
        if spec.kind.needs_tissue:
            raise UsageError(
                f"{where} on the glass; expected a fragment, for it shows only on tissue. Name a fragment."
            )
        if spec.kind is ArtefactKind.FLOATER and not fragments:
            raise UsageError(f"{where} on a slide without fragments; expected tissue to float off. Add a fragment.")
    elif not 1 <= spec.fragment <= len(fragments):
        raise UsageError(
            f"{where} on fragment {spec.fragment}; expected 1 to {len(fragments)}. Name a fragment that is there."
        )


def _spoil(scene: Scene, spec: ArtefactSpec, rng: np.random.Generator) -> ArtefactTruth:
    kind = KINDS[spec.kind]
    if spec.fragment is None:
        spot = on_glass(scene, kind.room, rng)
    else:
        spot = on_fragment(scene, spec.fragment, spec.share, kind.room, rng)
    what = kind.draw(scene, spot, rng)
    retouch(scene.rgb, spot.patch, what, scene.white)
    return ArtefactTruth(spec.kind, spot.patch.box, what.changed(spot.patch.shape))
