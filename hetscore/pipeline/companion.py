"""The H&E companions of a case: registered to its HER2 slides, and shown beside the fields that decide.

A companion is never scored. What cannot be registered is told with its reason, and nothing is shown of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hetscore.config import Settings
from hetscore.domain import (
    CaseInput,
    Decisive,
    Fragment,
    FragmentRole,
    Picture,
    Registration,
    SlideInput,
    SlideResult,
    SlideRole,
)
from hetscore.errors import SlideError
from hetscore.fragments import find_fragments
from hetscore.pictures import take_companion
from hetscore.pipeline.run import Run, given_mpp
from hetscore.registration import HE_VECTORS, RegistrationParams, Section, register
from hetscore.slides import Slide, open_slide
from hetscore.stain import Stain, find_white
from hetscore.tissue import find_tissue


def register_companions(case: CaseInput, slides: Sequence[SlideResult], run: Run) -> tuple[Registration, ...]:
    """Register every H&E slide of a case to every HER2 slide that has fragments.

    Parameters
    ----------
    case : CaseInput
        The case as named by the user.
    slides : sequence of SlideResult
        Its HER2 slides, analyzed.
    run : Run
        Settings and model.

    Returns
    -------
    tuple of Registration
        By HER2 slide, then by companion. One that cannot be read has a `problem` and no matches.
    """
    companions = [slide for slide in case.slides if slide.role is SlideRole.HE]
    her2 = {slide.path.name: slide for slide in case.slides if slide.role is SlideRole.HER2}
    return tuple(
        _register(slide, her2[slide.info.path.name], companion, run)
        for slide in slides
        if _find_samples(slide)
        for companion in companions
    )


def name_refused(registrations: Sequence[Registration]) -> tuple[str, ...]:
    """Name the flag of companions that cannot be shown, or not everywhere."""
    return () if all(registration.is_complete for registration in registrations) else ("companion-refused",)


def _find_samples(slide: SlideResult) -> tuple[Fragment, ...]:
    """Fragments that may lie on the companion: control cores do not."""
    return tuple(f for f in slide.fragments if f.role is not FragmentRole.CONTROL)


def _register(result: SlideResult, own: SlideInput, companion: SlideInput, run: Run) -> Registration:
    try:
        with _open(own, run.settings) as slide, _open(companion, run.settings) as other:
            if slide.info.bounds != result.info.bounds:
                raise SlideError(f"{own.path}: not the slide that was scored; expected one of its size.")
            here = _section_of(slide, result, run)
            return register(here, find_section(other, run.settings), RegistrationParams())
    except SlideError as error:
        return Registration(own.path.name, companion.path.name, (), str(error))


def _open(slide: SlideInput, settings: Settings) -> Slide:
    mpp, source = given_mpp(slide, settings)
    return open_slide(slide.path, mpp=mpp, mpp_source=source)


def _section_of(slide: Slide, result: SlideResult, run: Run) -> Section:
    """Make a section of a HER2 slide whose fragments are known."""
    thumbnail = result.thumbnail or slide.thumbnail(run.settings.tissue.mpp)
    stain = run.make_stain(find_white(thumbnail.rgb))
    return Section(slide.info.path.name, slide.require_mpp(), stain, _find_samples(result), slide.read)


def find_section(slide: Slide, settings: Settings) -> Section:
    """Find the pieces of an H&E slide, by the settings with which fragments are found.

    Raises
    ------
    SlideError
        If it cannot be read, or its microns per pixel are not known.
    """
    mpp = slide.require_mpp()
    thumbnail = slide.thumbnail(settings.tissue.mpp)
    white = find_white(thumbnail.rgb)
    tissue = find_tissue(thumbnail, white, {}, settings.tissue)
    fragments = find_fragments(tissue, slide.info.path.name, settings.fragments)
    return Section(slide.info.path.name, mpp, Stain(white, HE_VECTORS), fragments.items, slide.read)


def add_companion(
    picture: Picture, place: Decisive, registrations: Sequence[Registration], case: CaseInput, settings: Settings
) -> Picture:
    """Put the same field of the companion beside a picture, where one is registered there; the best of several.

    Parameters
    ----------
    picture : Picture
        Of the HER2 slide.
    place : Decisive
        What it shows.
    registrations : sequence of Registration
        Of the case.
    case : CaseInput
        Which knows the companions' files.
    settings : Settings
        Which may give their microns per pixel.

    Returns
    -------
    Picture
        The picture given where nothing is registered, or the companion cannot be read there.
    """
    matches = [(r.companion, r.match_of(place.fragment)) for r in registrations if r.slide == place.slide]
    found = [(match, name) for name, match in matches if match is not None and match.affine is not None]
    if not found:
        return picture
    match, name = min(found, key=lambda pair: pair[0].error_um or 0.0)
    companion = next(s for s in case.slides if s.role is SlideRole.HE and s.path.name == name)
    with _open(companion, settings) as slide:
        return replace(picture, companion=take_companion(slide, picture, match))
