"""One case: its slides analyzed, then Cells -> FragmentScore* -> CaseScore -> CaseResult."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import cv2
import numpy as np

from hetscore import __version__
from hetscore.config import Settings
from hetscore.domain import (
    CaseInput,
    CaseResult,
    CaseScore,
    Cells,
    Evidence,
    Fragment,
    FragmentRole,
    FragmentScore,
    Picture,
    Provenance,
    Registration,
    SlideInput,
    SlideResult,
    SlideRole,
)
from hetscore.errors import SlideError
from hetscore.fragments import SlideFragments, match_across_slides
from hetscore.pictures import take_picture
from hetscore.pipeline.companion import add_companion, name_refused, register_companions
from hetscore.pipeline.correction import count_cells
from hetscore.pipeline.memory import release_memory
from hetscore.pipeline.run import Run, given_mpp
from hetscore.pipeline.slide import analyze_slide
from hetscore.pipeline.veto import apply_veto
from hetscore.scoring.case import score_case as decide_case
from hetscore.scoring.fragment import TumorLinks, find_nest, link_tumor, score_fragment
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.scoring.sensitivity import Classifier, probe_label
from hetscore.scoring.simulator import Nest
from hetscore.scoring.status import RULE_SETS
from hetscore.scoring.verdict import find_negative_fragments
from hetscore.scoring.weighing import Weigher, describe_slides, name_stratum
from hetscore.slides import open_slide


@dataclass(frozen=True)
class ScoredCase:
    """What came of a case: a result, unless no slide of it could be read, and the slides that failed."""

    result: CaseResult | None
    failed_slides: tuple[tuple[SlideInput, str], ...]
    """Slide and reason."""


def score_case(case: CaseInput, run: Run) -> ScoredCase:
    """Score one case from its slides.

    Parameters
    ----------
    case : CaseInput
        The case as named by the user; its HER2 slides are scored, its H&E slides shown beside them.
    run : Run
        Settings, model and workers.

    Returns
    -------
    ScoredCase
        A slide that cannot be read makes the case not assessable, the others are analyzed all the same. Without any
        readable slide there is no result.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    cv2.setNumThreads(1)  # the workers are the parallelism; nested threads only get in their way
    slides: list[SlideResult] = []
    failed: list[tuple[SlideInput, str]] = []
    for slide in (s for s in case.slides if s.role is SlideRole.HER2):
        try:
            slides.append(analyze_slide(slide, run, find_next_id(slides)))
        except SlideError as error:
            failed.append((slide, str(error)))
        release_memory()  # pictures of tiles and thumbnails are not needed again
    if not slides:
        return ScoredCase(None, tuple(failed))
    made = Provenance(
        hetscore_version=__version__,
        model=run.model.name,
        model_sha256=run.model.sha256,
        calibration=run.calibration_id,
        device=run.segmenter.device,
        started=started.isoformat(timespec="seconds"),
        seconds=0.0,
        settings=run.settings.as_dict(),
    )
    result = conclude_case(case, slides, run, made, is_slide_missing=bool(failed))
    timed = replace(made, seconds=round(time.perf_counter() - clock, 1))
    release_memory()  # before the reports are written
    return ScoredCase(replace(result, provenance=timed), tuple(failed))


def find_next_id(slides: Sequence[SlideResult]) -> int:
    """Find the number for the first fragment of a case's next slide; numbers that drawing freed stay free."""
    following = 1
    for slide in slides:
        found = slide.survey.fragments.items if slide.survey else ()
        following = max([following + len(found), *(f.id + 1 for f in slide.fragments)])
    return following


def conclude_case(
    case: CaseInput, slides: Sequence[SlideResult], run: Run, made: Provenance, *, is_slide_missing: bool
) -> CaseResult:
    """Go from analyzed slides to the result of the case: all that scoring and re-scoring share.

    Parameters
    ----------
    case : CaseInput
        The case as named by the user.
    slides : sequence of SlideResult
        Its slides as they count, what was drawn on them applied.
    run : Run
        Settings and model; its segmenter is not asked for.
    made : Provenance
        How the result came about.
    is_slide_missing : bool
        Whether a slide of the case could not be read.

    Returns
    -------
    CaseResult
        Without pictures, and with a flag that says so, where a slide to be shown is not at hand.
    """
    registrations = register_companions(case, slides, run)
    veto = apply_veto(case, slides, registrations)
    slides, separate = _match_levels(case, veto.slides, run.settings)
    doubts = {*veto.flags, *separate, *name_refused(registrations)}
    counted = [replace(slide, cells=count_cells(slide.cells)) for slide in slides]
    score = _decide_and_probe(case, counted, is_slide_missing=is_slide_missing, run=run)
    score = replace(score, flags=tuple(sorted({*score.flags, *doubts})))
    try:
        pictures = tuple(_take_pictures(score, case, slides, registrations, run))
    except SlideError:
        pictures, score = (), replace(score, flags=tuple(sorted({*score.flags, "pictures-missing"})))
    return CaseResult(score, tuple(slides), pictures, made, registrations)


def _match_levels(
    case: CaseInput, slides: Sequence[SlideResult], settings: Settings
) -> tuple[list[SlideResult], tuple[str, ...]]:
    """Match pieces across slides that are levels of the same blocks; also the doubts about it."""
    group = {slide.path.name: slide.level_group for slide in case.slides if slide.role is SlideRole.HER2}
    given = [SlideFragments(s.fragments, s.info.mpp or 0.0, group[s.info.path.name]) for s in slides if s.fragments]
    joined = match_across_slides(given, settings.fragments)
    found = iter(joined.slides)
    doubts = {
        "levels-unclear": joined.is_unclear,
        "slides-separate": len(given) > 1 and any(slide.group is None for slide in given),
    }
    matched = [replace(slide, fragments=next(found)) if slide.fragments else slide for slide in slides]
    return matched, tuple(name for name, is_set in doubts.items() if is_set)


def _decide_and_probe(case: CaseInput, slides: Sequence[SlideResult], *, is_slide_missing: bool, run: Run) -> CaseScore:
    """Decide the case, then again for each way in which its measurement may be off."""

    def decide(cells: Sequence[Cells]) -> CaseScore:
        varied = [replace(slide, cells=part) for slide, part in zip(slides, cells, strict=True)]
        return _decide(unanswered, varied, links, weigher, is_slide_missing=is_slide_missing, run=run)

    unanswered = replace(case, answers=())  # what a reviewer said is of the places of the case, not of its variants
    links = _link_tumor(slides, run.settings)
    weigher = Weigher(run.errors, run.settings.case_score, run.workers, describe_slides(slides))
    cells, vectors = [slide.cells for slide in slides], run.model.stain
    guideline = GUIDELINES[run.settings.guideline]
    classifier = Classifier(run.model.membrane, guideline, vectors.hematoxylin, vectors.dab)
    probed = probe_label(decide(cells), cells, decide, classifier)
    if not case.answers:
        return probed
    reviewed = _decide(case, slides, links, weigher, is_slide_missing=is_slide_missing, run=run)
    flags = {*reviewed.flags, *(name for name in probed.flags if name.endswith("-sensitive"))}
    return replace(reviewed, evidence=probed.evidence, sensitivity=probed.sensitivity, flags=tuple(sorted(flags)))


def _link_tumor(slides: Sequence[SlideResult], settings: Settings) -> dict[int, TumorLinks]:
    """Link the tumor cells of each fragment once: most variants of the case have the same."""
    return {
        f.id: link_tumor(_cells_of(slide, f.id), slide.info.mpp or 0.0, settings.fragment_score)
        for slide in slides
        for f in _find_samples(slide)
    }


def _find_samples(slide: SlideResult) -> list[Fragment]:
    """Fragments that vote: not the controls on the slide, whose cells are only kept."""
    return [f for f in slide.fragments if f.role is FragmentRole.SAMPLE]


def _decide(
    case: CaseInput,
    slides: Sequence[SlideResult],
    links: Mapping[int, TumorLinks],
    weigher: Weigher,
    *,
    is_slide_missing: bool,
    run: Run,
) -> CaseScore:
    """From cells to the label: everything after the last pixel."""

    def weigh(scores: Sequence[FragmentScore]) -> Evidence | None:
        return weigher.weigh(_find_nests(slides, scores, links, settings))

    settings = run.settings
    guideline, rule_set = GUIDELINES[settings.guideline], RULE_SETS[settings.rule_set]
    fragments = [
        score_fragment(
            f,
            _cells_of(slide, f.id),
            slide.info.mpp or 0.0,
            guideline,
            settings.fragment_score,
            links=links[f.id],
        )
        for slide in slides
        for f in _find_samples(slide)
    ]
    doubts = {
        "slide-failed": is_slide_missing,
        "slides-not-read": any(slide.role is SlideRole.CONTROL for slide in case.slides),
        "control-negative": any(_is_negative_control(f, slide, settings) for slide in slides for f in slide.fragments),
    }
    return decide_case(
        case.case_id,
        fragments,
        case.ish,
        guideline=guideline,
        rule_set=rule_set,
        slide_flags=(*(name for name, is_set in doubts.items() if is_set), *_join_flags(slides)),
        n_failed_tiles=sum(len(slide.failed_tiles) for slide in slides),
        pieces={f.id: f.piece for slide in slides for f in slide.fragments},
        weigh=weigh,
        answers=case.answers,
        is_site=run.errors is not None and run.errors.is_site,
        params=settings.case_score,
    )


def _is_negative_control(fragment: Fragment, slide: SlideResult, settings: Settings) -> bool:
    """Whether what was taken for a control, by its shape and not by a person, would be a negative tumor fragment."""
    if fragment.role is not FragmentRole.CONTROL or fragment.reason is not None:
        return False
    cells, mpp = _cells_of(slide, fragment.id), slide.info.mpp or 0.0
    score = score_fragment(fragment, cells, mpp, GUIDELINES[settings.guideline], settings.fragment_score)
    return bool(find_negative_fragments([score]))


def _find_nests(
    slides: Sequence[SlideResult],
    scores: Sequence[FragmentScore],
    links: Mapping[int, TumorLinks],
    settings: Settings,
) -> list[Nest]:
    """Scored tumor cells of the voting fragments."""
    voting, stratum = {f.fragment for f in scores if f.is_assessable}, name_stratum(scores)
    return [
        find_nest(f, _cells_of(slide, f.id), slide.info.mpp or 0.0, stratum, settings.fragment_score, links=links[f.id])
        for slide in slides
        for f in _find_samples(slide)
        if f.id in voting
    ]


def _join_flags(slides: Sequence[SlideResult]) -> list[str]:
    """Join the flags of all slides; an empty slide blocks the case only where no other slide holds tissue."""
    flags = [flag for slide in slides for flag in slide.flags]
    if any(slide.fragments for slide in slides):
        return ["empty-slide" if flag == "no-tissue" else flag for flag in flags]
    return flags


def _cells_of(slide: SlideResult, fragment: int) -> Cells:
    """Cells of one fragment: views of rows, since cells are sorted by fragment."""
    start, stop = np.searchsorted(slide.cells.fragment, [fragment, fragment + 1])
    return slide.cells.between(int(start), int(stop))


def _take_pictures(
    score: CaseScore,
    case: CaseInput,
    slides: Sequence[SlideResult],
    registrations: Sequence[Registration],
    run: Run,
) -> Iterator[Picture]:
    """Take pictures of the fields that decide, in the order of `CaseScore.decisive`."""
    by_name = {slide.path.name: slide for slide in case.slides if slide.role is SlideRole.HER2}
    bounds = {slide.info.path.name: slide.info.bounds for slide in slides}
    for place in score.decisive:
        slide_input = by_name[place.slide]
        mpp, source = given_mpp(slide_input, run.settings)
        with open_slide(slide_input.path, mpp=mpp, mpp_source=source) as slide:
            if slide.info.bounds != bounds[place.slide]:
                raise SlideError(f"{slide_input.path}: not the slide that was scored; expected one of its size.")
            picture = take_picture(slide, place.bounds, place.text)
        yield add_companion(picture, place, registrations, case, run.settings)
