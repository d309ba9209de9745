"""Two sections -> Registration: each fragment found on the companion, its error estimated, and refused where in doubt.

Fragments are matched one by one, since sections are laid on the glass piece by piece. Nothing here knows the truth: the
error is estimated from how far small blocks of the picture lie from where the transform puts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hetscore.domain import Fragment
from hetscore.domain.registration import Affine, FragmentMatch, Registration
from hetscore.registration.blocks import Fit, apply_affine, fit_blocks, match_blocks, plan_blocks
from hetscore.registration.coarse import find_candidates
from hetscore.registration.params import RegistrationParams
from hetscore.registration.views import Section, View, view_fragment


@dataclass(frozen=True)
class _Found:
    """A fragment and the best fit for it."""

    fragment: Fragment
    fit: Fit
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
        A match a fragment, refused where the estimated error exceeds a gland, where fewer blocks agree than
        `min_agreement`, or where another fragment claims the same tissue with more right.
    """
    here, there = _views(section, params), _views(companion, params)
    found = [_find(f, view, there, params) for f, view in zip(section.fragments, here, strict=True)]
    matches = [_judge(f, section.mpp, companion.mpp, params) for f in found]
    return Registration(section.name, companion.name, tuple(_refuse_doubles(matches, section.fragments, params)))


def _views(section: Section, params: RegistrationParams) -> list[View]:
    return [view_fragment(section, f, params.mpp, params.smooth_um, params.margin_um) for f in section.fragments]


def _find(fragment: Fragment, view: View, pieces: Sequence[View], params: RegistrationParams) -> _Found:
    """Look closely at each candidate and keep the one on which most blocks agree."""
    corners = plan_blocks(view, params)
    fits = []
    for candidate in find_candidates(view, pieces, params):
        piece = pieces[candidate.piece]
        blocks = match_blocks(view, piece, candidate.affine, corners, params.reach_um, params)
        fits.append((fit_blocks(blocks, candidate.affine, params, is_rigid=True), piece))
    if not fits:
        return _Found(fragment, Fit(np.eye(2, 3), np.zeros(0)), len(corners))
    fit, piece = max(fits, key=lambda pair: (pair[0].agreement(params.agree_um), -pair[0].error_um))
    for _ in range(params.rounds):
        blocks = match_blocks(view, piece, fit.affine, corners, params.reach_um, params)
        fit = fit_blocks(blocks, fit.affine, params, is_rigid=False)
    return _Found(fragment, fit, len(corners))
