"""The order of the stages; the only file that knows it.

Path -> Slide -> Thumbnail -> TissueMask -> Fragments -> Tile* -> TileImage* -> TileLabels* -> Cells -> FragmentScore*
-> CaseScore -> CaseResult. Stages never import one another; here their results are handed on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import cv2
import numpy as np

from hetscore import __version__
from hetscore.config import Model, Settings
from hetscore.coverage import mark_failed, measure_coverage
from hetscore.domain import (
    CaseInput,
    CaseResult,
    CaseScore,
    Cells,
    Coverage,
    Fragment,
    FragmentRole,
    Fragments,
    MppSource,
    Picture,
    Provenance,
    SlideInput,
    SlideResult,
    SlideRole,
    StainEstimate,
    Thumbnail,
    Tile,
    TileImage,
    empty_cells,
)
from hetscore.errors import SlideError
from hetscore.fragments import find_fragments
from hetscore.intensity import IntensityCalibration
from hetscore.membrane import MAX_SEEN_UM, measure_cells
from hetscore.merging import merge_cells
from hetscore.pictures import take_picture
from hetscore.quality import exclude, find_artefacts, find_refusals, name_exclusions
from hetscore.scoring.case import score_case as decide_case
from hetscore.scoring.cell import classify_cells
from hetscore.scoring.fragment import TumorLinks, link_tumor, score_fragment
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.scoring.sensitivity import Classifier, probe_label
from hetscore.scoring.status import RULE_SETS
from hetscore.segmenters import Segmenter
from hetscore.segmenters import make_segmenter as make_of_kind
from hetscore.slides import Slide, hash_slide, open_slide
from hetscore.stain import Stain, find_white
from hetscore.stain_drift import estimate_stain, has_drifted, plan_patches
from hetscore.tiling import find_downsample, plan_tiles
from hetscore.tissue import find_tissue

Progress = Callable[[str, int, int], None]
"""Called with what is being worked on, how many tiles are done and how many there are."""


def _no_progress(_what: str, _done: int, _total: int) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class ScoredCase:
    """What came of a case: a result, unless no slide of it could be read, and the slides that failed."""

    result: CaseResult | None
    failed_slides: tuple[tuple[SlideInput, str], ...]
    """Slide and reason."""


@dataclass(frozen=True)
class Run:
    """What stays the same over the cases of a run."""

    settings: Settings
    model: Model
    workers: int = 1
    """Threads that analyze tiles; never changes a result."""
    progress: Progress = _no_progress
    calibration: IntensityCalibration | None = None
    """What the site's controls tell of its stain; None where none were measured."""

    @property
    def calibration_id(self) -> str:
        """Names of the calibrations behind a class: of the membrane and, where there is one, of the site's stain."""
        parts = [self.model.membrane.id, *([self.calibration.id] if self.calibration else [])]
        return " + ".join(parts)

    def make_stain(self, white: tuple[float, float, float]) -> Stain:
        """Say how to read the densities of a slide with this glass."""
        return Stain(white, self.model.stain, self.calibration.dab_scale if self.calibration else 1.0)

    @cached_property
    def segmenter(self) -> Segmenter:
        """What finds the cells, made once for all slides and shared by the workers."""
        return make_segmenter(self.model, self.settings)

    def with_progress(self, progress: Progress) -> Run:
        """Make a run that tells its progress elsewhere, with the same segmenter: weights are read and folded once."""
        other = replace(self, progress=progress)
        other.__dict__["segmenter"] = self.segmenter  # where cached_property keeps it
        return other


def score_case(case: CaseInput, run: Run) -> ScoredCase:
    """Score one case from its slides.

    Parameters
    ----------
    case : CaseInput
        The case as named by the user; only its HER2 slides are read.
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
        first_id = 1 + sum(len(s.fragments) for s in slides)
        try:
            slides.append(analyze_slide(slide, run, first_id))
        except SlideError as error:
            failed.append((slide, str(error)))
    if not slides:
        return ScoredCase(None, tuple(failed))
    score = _decide_and_probe(case, slides, is_slide_missing=bool(failed), run=run)
    pictures = tuple(_take_pictures(score, case, run))
    provenance = Provenance(
        hetscore_version=__version__,
        model=run.model.name,
        model_sha256=run.model.sha256,
        calibration=run.calibration_id,
        device=run.segmenter.device,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - clock, 1),
        settings=run.settings.as_dict(),
    )
    return ScoredCase(CaseResult(score, tuple(slides), pictures, provenance), tuple(failed))


def _decide_and_probe(case: CaseInput, slides: Sequence[SlideResult], *, is_slide_missing: bool, run: Run) -> CaseScore:
    """Decide the case, then again for each way in which its measurement may be off."""

    def decide(cells: Sequence[Cells]) -> CaseScore:
        varied = [replace(slide, cells=part) for slide, part in zip(slides, cells, strict=True)]
        return _decide(case, varied, links, is_slide_missing=is_slide_missing, run=run)

    links = _link_tumor(slides, run.settings)
    cells, vectors = [slide.cells for slide in slides], run.model.stain
    guideline = GUIDELINES[run.settings.guideline]
    classifier = Classifier(run.model.membrane, guideline, vectors.hematoxylin, vectors.dab)
    return probe_label(decide(cells), cells, decide, classifier)


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
    *,
    is_slide_missing: bool,
    run: Run,
) -> CaseScore:
    """From cells to the label: everything after the last pixel."""
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
        "slides-not-read": any(slide.role is not SlideRole.HER2 for slide in case.slides),
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
        params=settings.case_score,
    )


def _join_flags(slides: Sequence[SlideResult]) -> list[str]:
    """Join the flags of all slides; an empty slide blocks the case only where no other slide holds tissue."""
    flags = [flag for slide in slides for flag in slide.flags]
    if any(slide.fragments for slide in slides):
        return ["empty-slide" if flag == "no-tissue" else flag for flag in flags]
    return flags


def _cells_of(slide: SlideResult, fragment: int) -> Cells:
    """Cells of one fragment: a slice, since cells are sorted by fragment."""
    start, stop = np.searchsorted(slide.cells.fragment, [fragment, fragment + 1])
    return slide.cells.take(np.arange(start, stop))


def analyze_slide(slide_input: SlideInput, run: Run, first_id: int = 1) -> SlideResult:
    """Find and measure the cells of one slide.

    Parameters
    ----------
    slide_input : SlideInput
        The slide as named by the user.
    run : Run
        Settings, model and workers.
    first_id : int, optional
        Number of the slide's first fragment within the case.

    Returns
    -------
    SlideResult
        A slide that is no HER2 IHC, too coarse or empty has blocking flags and no cells; so has every slide where the
        site's controls failed. Densities are those of the model's stain vectors; how far the slide's own lie from them
        is told (`SlideResult.stain`), not put right.

    Raises
    ------
    SlideError
        If the slide cannot be read or its microns per pixel are not known.
    """
    settings = run.settings
    mpp, source = _given_mpp(slide_input, settings)
    with open_slide(slide_input.path, mpp=mpp, mpp_source=source) as slide, ThreadPoolExecutor(run.workers) as pool:
        digest = pool.submit(hash_slide, slide_input.path)  # takes seconds of a slide of gigabytes
        thumbnail = slide.thumbnail(settings.tissue.mpp)
        white = find_white(thumbnail.rgb)
        refusals = find_refusals(thumbnail, white, settings.quality.refusals) or _find_other_refusals(slide, run)
        if refusals:
            return _refused(slide, digest.result(), thumbnail, refusals)
        stain = run.make_stain(white)
        tissue = find_tissue(thumbnail, white, {}, settings.tissue)
        artefacts = find_artefacts(thumbnail, tissue, stain, slide.read, settings.quality)
        tissue = exclude(tissue, artefacts)
        fragments = find_fragments(tissue, slide_input.path.name, settings.fragments, first_id)
        estimate = pool.submit(_estimate_stain, slide, fragments, stain, settings)
        cells, failed = _analyze_tiles(slide, fragments, stain, run, pool)
        colors = estimate.result()
        doubts = {
            "stain-drift": has_drifted(colors, settings.stain_drift),
            "failed-tiles": bool(failed),
            **name_exclusions(tissue, settings.quality),
            "intensity-unchecked": bool(fragments.items) and run.calibration is None,
        }
        return SlideResult(
            info=slide.info,
            sha256=digest.result(),
            fragments=mark_failed(fragments, [tile for tile, _ in failed]),
            cells=cells,
            coverage=measure_coverage(tissue, fragments, [tile for tile, _ in failed]),
            thumbnail=thumbnail,
            dropped=fragments.dropped,
            failed_tiles=tuple(f"tile {tile.id} at ({tile.core.x}, {tile.core.y}): {why}" for tile, why in failed),
            flags=_slide_flags(fragments, doubts),
            stain=colors,
        )


def _given_mpp(slide: SlideInput, settings: Settings) -> tuple[float | None, MppSource | None]:
    """Microns per pixel given by the user: the cases table outranks the command line."""
    if slide.mpp is not None:
        return slide.mpp, MppSource.CASES_TABLE
    if settings.mpp is not None:
        return settings.mpp, MppSource.COMMAND_LINE
    return None, None


def _find_other_refusals(slide: Slide, run: Run) -> tuple[str, ...]:
    """Name why a slide of the right kind must not be analyzed."""
    if slide.require_mpp() > run.settings.tiling.max_mpp:
        return ("coarse-resolution",)
    return ("controls-failed",) if run.calibration is not None and run.calibration.is_failed else ()


def _refused(slide: Slide, sha256: str, thumbnail: Thumbnail, flags: tuple[str, ...]) -> SlideResult:
    """Report a slide that was looked at but must not be analyzed."""
    nothing = Coverage(tissue_mm2=0.0, analysed_mm2=0.0, excluded_mm2={}, failed_mm2=0.0)
    return SlideResult(slide.info, sha256, (), empty_cells(), nothing, thumbnail, {}, (), flags)


def _estimate_stain(slide: Slide, fragments: Fragments, stain: Stain, settings: Settings) -> StainEstimate:
    """Estimate the slide's own stain vectors; a patch that cannot be read is left out."""
    boxes, downsample = plan_patches(fragments, slide.require_mpp(), settings.stain_drift)
    patches = []
    for box in boxes:
        with suppress(SlideError):
            patches.append(slide.read(box, downsample))
    return estimate_stain(patches, stain, settings.stain_drift)


def _slide_flags(fragments: Fragments, doubts: Mapping[str, bool]) -> tuple[str, ...]:
    seen = {
        "no-tissue": not fragments.items,
        "dropped-specks": fragments.dropped["dust"] > 0,
        "dropped-edges": fragments.dropped["edge"] > 0,
        **dict.fromkeys(fragments.flags, True),
        **doubts,
    }
    return tuple(name for name, is_set in seen.items() if is_set)


def _analyze_tiles(
    slide: Slide, fragments: Fragments, stain: Stain, run: Run, pool: Executor
) -> tuple[Cells, list[tuple[Tile, str]]]:
    """Cells of all tiles, classified, and the tiles that could not be read with the reason."""
    segmenter, tiling, mpp = run.segmenter, run.settings.tiling, slide.require_mpp()
    margin_um = max(segmenter.margin_um(mpp * find_downsample(mpp, tiling)), MAX_SEEN_UM)
    tiles = plan_tiles(fragments, mpp, margin_um, tiling)

    def analyze(tile: Tile) -> Cells | str:
        try:
            image = TileImage(tile, slide.read(tile.box, tile.downsample))
        except SlideError as error:
            return str(error)
        return measure_cells(image, segmenter.segment(image, stain), stain, run.settings.membrane)

    parts: list[Cells] = []
    failed: list[tuple[Tile, str]] = []
    run.progress(slide.info.path.name, 0, len(tiles))
    for done, (tile, part) in enumerate(zip(tiles, pool.map(analyze, tiles), strict=True), start=1):
        if isinstance(part, str):
            failed.append((tile, part))
        else:
            parts.append(part)
        run.progress(slide.info.path.name, done, len(tiles))
    guideline = GUIDELINES[run.settings.guideline]
    return classify_cells(merge_cells(parts, fragments), run.model.membrane, guideline), failed


def make_segmenter(model: Model, settings: Settings) -> Segmenter:
    """Make the segmenter that a model's card asks for, with the settings' table of that name."""
    return make_of_kind(model.kind, model.card, model.folder, getattr(settings, model.kind))


def _take_pictures(score: CaseScore, case: CaseInput, run: Run) -> Iterator[Picture]:
    """Take pictures of the fields that decide, in the order of `CaseScore.decisive`."""
    by_name = {slide.path.name: slide for slide in case.slides if slide.role is SlideRole.HER2}
    for place in score.decisive:
        slide_input = by_name[place.slide]
        mpp, source = _given_mpp(slide_input, run.settings)
        with open_slide(slide_input.path, mpp=mpp, mpp_source=source) as slide:
            yield take_picture(slide, place.bounds, place.text)
