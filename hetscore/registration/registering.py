"""Two sections -> Registration: each fragment found on the companion, its error estimated, and refused where in doubt.

Fragments are matched one by one, since sections are laid on the glass piece by piece. Nothing here knows the truth: the
error is estimated from how far small blocks of the picture lie from where the transform puts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, sqrt

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hetscore.domain import Affine, Fragment, FragmentMatch, Registration, fragment_shape
from hetscore.registration.blocks import Fit, apply_affine, fit_blocks, match_blocks, plan_blocks
from hetscore.registration.coarse import find_candidates
from hetscore.registration.params import RegistrationParams
from hetscore.registration.views import Section, View, view_fragment


@dataclass(frozen=True)
class _Found:
    """A fragment and the best fit for it."""

    fragment: Fragment
    fit: Fit | None
    """None where the companion holds nothing."""
    n_blocks: int


def register(section: Section, companion: Section, params: RegistrationParams) -> Registration:
    """Register a companion to a HER2 slide.

    Parameters
    ----------
    section : Section
        The HER2 slide; fragments of any role are matched.
    companion : Section
        The H&E slide.
    params : RegistrationParams
        How.

    Returns
    -------
    Registration
        A match a fragment, refused where the estimated error exceeds a gland, where no more blocks agree than by
        chance, or where another fragment claims the same tissue with more right.
    """
    here, there = _views(section, params), _views(companion, params)
    found = [_find(f, view, there, params) for f, view in zip(section.fragments, here, strict=True)]
    matches = [_judge(f, section.mpp, companion.mpp, params) for f in found]
    return Registration(section.name, companion.name, tuple(refuse_doubles(matches, section.fragments, params)))


def _views(section: Section, params: RegistrationParams) -> list[View]:
    return [view_fragment(section, fragment, params) for fragment in section.fragments]


def _find(fragment: Fragment, view: View, pieces: Sequence[View], params: RegistrationParams) -> _Found:
    """Look closely at each candidate, keep the one on which most blocks agree, and refine it."""
    corners = plan_blocks(view, params)
    fits = []
    for candidate in find_candidates(view, pieces, params):
        piece = pieces[candidate.piece]
        blocks = match_blocks(view, piece, candidate.affine, corners, params.reach_um, params)
        fits.append((fit_blocks(blocks, candidate.affine, params, is_rigid=True), piece))
    if not fits:
        return _Found(fragment, None, len(corners))
    fit, piece = max(fits, key=lambda pair: (pair[0].agreement(params.agree_um), -pair[0].error_um))
    for _ in range(params.rounds):
        blocks = match_blocks(view, piece, fit.affine, corners, params.reach_um, params)
        fit = fit_blocks(blocks, fit.affine, params, is_rigid=False)
    return _Found(fragment, fit, len(corners))


def _judge(found: _Found, here_mpp: float, there_mpp: float, params: RegistrationParams) -> FragmentMatch:
    """Turn microns into pixels and refuse what cannot be trusted."""
    fit = found.fit
    if fit is None:
        return FragmentMatch(found.fragment.id, None, None, None, 0.0, 0, "no tissue on the companion")
    agreement = fit.agreement(params.agree_um)
    has_error = isfinite(fit.error_um)
    return FragmentMatch(
        fragment=found.fragment.id,
        affine=fit.affine * np.array([here_mpp, here_mpp, 1.0]) / there_mpp,
        error_um=fit.error_um if has_error else None,
        error_p90_um=fit.error_p90_um if has_error else None,
        agreement=agreement,
        n_blocks=found.n_blocks,
        reason=find_doubt(fit.error_um, agreement, found.n_blocks, params),
    )


def find_doubt(error_um: float, agreement: float, n_blocks: int, params: RegistrationParams) -> str | None:
    """Say why a match is refused; None where it is not."""
    if n_blocks < params.min_blocks:
        return f"too small to be matched ({n_blocks} places to compare, {params.min_blocks} needed)"
    if isfinite(error_um) and error_um > params.gland_um:
        return f"estimated error {error_um:.0f} um exceeds a gland ({params.gland_um:.0f} um)"
    if not isfinite(error_um) or lower_bound(agreement, n_blocks) <= params.min_agreement:
        return f"no better than chance: {agreement:.0%} of {n_blocks} places show the same tissue"
    return None


def lower_bound(share: float, n: int) -> float:
    """Lower 97.5 % bound of a share of n.

    References
    ----------
    .. [1] Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc 22:209-212,
       1927. Blocks that overlap are no independent draws, so the bound is a little too high; where to cut was measured.
    """
    z = 1.96
    middle = share + z**2 / (2 * n)
    return (middle - z * sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)) / (1 + z**2 / n)


def refuse_doubles(
    matches: Sequence[FragmentMatch], fragments: Sequence[Fragment], params: RegistrationParams
) -> list[FragmentMatch]:
    """Refuse the weaker of two fragments that would lie on the same tissue; sections of one piece may."""
    kept: dict[int, BaseGeometry] = {}
    doubles: dict[int, int] = {}
    piece_of = {f.id: f.piece for f in fragments}
    places = {f.id: _place(f, m.affine) for f, m in zip(fragments, matches, strict=True) if m.affine is not None}
    for match in sorted((m for m in matches if not m.is_refused), key=lambda m: -m.agreement):
        own = places[match.fragment]
        for other, place in kept.items():
            overlap = own.intersection(place).area / max(min(own.area, place.area), 1e-9)
            if piece_of[other] != piece_of[match.fragment] and overlap > params.max_overlap:
                doubles[match.fragment] = other
        if match.fragment not in doubles:
            kept[match.fragment] = own
    return [
        replace(m, reason=f"lies on the same tissue as fragment {doubles[m.fragment]}") if m.fragment in doubles else m
        for m in matches
    ]


def _place(fragment: Fragment, affine: Affine) -> BaseGeometry:
    """Carry a fragment's outlines to the companion."""
    place: BaseGeometry = shapely.transform(fragment_shape(fragment), lambda xy: apply_affine(affine, xy))
    return place
