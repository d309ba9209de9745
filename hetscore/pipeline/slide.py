"""One slide: Path -> Slide -> Thumbnail -> TissueMask -> Fragments -> Tile* -> TileImage* -> TileLabels* -> Cells.

What the user drew is read first, so that a file that is wrong costs no time and excluded tissue is never read; it is
applied to what was found at the end, by `correct_slide`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress

import numpy as np

from hetscore.annotations import check_place, read_annotations
from hetscore.config import Settings
from hetscore.domain import (
    Annotations,
    Cells,
    Coverage,
    FailedTile,
    Fragments,
    SlideInput,
    SlideResult,
    StainEstimate,
    Survey,
    Thumbnail,
    Tile,
    TileImage,
    TissueMask,
    empty_cells,
)
from hetscore.domain.cells import CellParts
from hetscore.errors import SlideError
from hetscore.fragments import find_fragments
from hetscore.membrane import MAX_SEEN_UM, measure_cells
from hetscore.merging import gather_cells, merge_gathered
from hetscore.pipeline.correction import correct_found, correct_slide
from hetscore.pipeline.memory import put_away, release_memory, take_out
from hetscore.pipeline.run import Run, given_mpp
from hetscore.quality import exclude, find_artefacts, find_refusals, name_background, name_exclusions
from hetscore.scoring.cell import classify_cells
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.slides import Slide, hash_slide, open_slide
from hetscore.stain import Stain, find_white
from hetscore.stain_drift import estimate_stain, has_drifted, plan_patches
from hetscore.tiling import find_downsample, plan_tiles
from hetscore.tissue import find_tissue


def analyze_slide(slide_input: SlideInput, run: Run, first_id: int = 1) -> SlideResult:
    """Find and measure the cells of one slide.

    Parameters
    ----------
    slide_input : SlideInput
        The slide as named by the user, with what was drawn on it.
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
        If the slide cannot be read or its microns per pixel are not known, or what was drawn does not lie on it.
    UsageError
        If the file of what was drawn cannot be read.
    """
    annotations = None if slide_input.annotations is None else read_annotations(slide_input.annotations)
    mpp, source = given_mpp(slide_input, run.settings)
    with open_slide(slide_input.path, mpp=mpp, mpp_source=source) as slide, ThreadPoolExecutor(run.workers) as pool:
        if annotations is not None:
            check_place(annotations, slide.info)
        return correct_slide(_survey_slide(slide, annotations, run, pool), annotations, run.settings, first_id)


def _survey_slide(slide: Slide, annotations: Annotations | None, run: Run, pool: Executor) -> SlideResult:
    """Find tissue, fragments and cells; of what was drawn only the tissue not to be read matters here."""
    settings = run.settings
    digest = pool.submit(hash_slide, slide.info.path)  # takes seconds of a slide of gigabytes
    thumbnail = slide.thumbnail(settings.tissue.mpp)
    white = find_white(thumbnail.rgb)
    refusals = find_refusals(thumbnail, white, settings.quality.refusals) or _find_other_refusals(slide, run)
    if refusals:
        return _refused(slide, digest.result(), thumbnail, refusals)
    stain = run.make_stain(white)
    tissue = find_tissue(thumbnail, white, {}, settings.tissue)
    artefacts = find_artefacts(thumbnail, tissue, stain, slide.read, settings.quality)
    tissue = exclude(tissue, artefacts, settings.quality)
    kept = thumbnail if len(slide.info.levels) == 1 else None  # without a coarse level it takes long to read again
    del thumbnail, artefacts  # large, and not needed while the tiles are read
    release_memory()
    fragments = find_fragments(tissue, slide.info.path.name, settings.fragments)
    to_read = correct_found(fragments, tissue, annotations, settings).fragments
    estimate = pool.submit(_estimate_stain, slide, fragments, stain, settings)
    tiles = plan_slide_tiles(slide, to_read, tissue, run)
    maps = put_away((tissue, fragments, to_read))
    del tissue, fragments, to_read
    found, failed = _analyze_tiles(slide, tiles, stain, run, pool)
    tissue, fragments, to_read = take_out(maps)
    cells = classify_cells(merge_gathered(found, to_read), run.model.membrane, GUIDELINES[settings.guideline])
    release_memory()
    colors = estimate.result()
    doubts = {
        "stain-drift": has_drifted(colors, settings.stain_drift),
        **name_exclusions(tissue, settings.quality),
        **name_background(cells, settings.quality.background),
        "intensity-unchecked": bool(fragments.items) and run.calibration is None,
    }
    survey = Survey(
        tissue=tissue,
        fragments=fragments,
        failed=tuple(
            FailedTile(tile.core, f"tile {tile.id} at ({tile.core.x}, {tile.core.y}): {why}") for tile, why in failed
        ),
        flags=_slide_flags(fragments, doubts),
        is_read=to_read.labels > 0,
    )
    return SlideResult(
        info=slide.info,
        sha256=digest.result(),
        fragments=fragments.items,
        cells=cells,
        coverage=_NOTHING,
        thumbnail=kept or slide.thumbnail(settings.tissue.mpp),
        dropped=fragments.dropped,
        failed_tiles=(),
        flags=survey.flags,
        stain=colors,
        survey=survey,
    )


_NOTHING = Coverage(tissue_mm2=0.0, analysed_mm2=0.0, excluded_mm2={}, failed_mm2=0.0)


def _find_other_refusals(slide: Slide, run: Run) -> tuple[str, ...]:
    """Name why a slide of the right kind must not be analyzed."""
    if slide.require_mpp() > run.settings.tiling.max_mpp:
        return ("coarse-resolution",)
    return ("controls-failed",) if run.calibration is not None and run.calibration.is_failed else ()


def _refused(slide: Slide, sha256: str, thumbnail: Thumbnail, flags: tuple[str, ...]) -> SlideResult:
    """Report a slide that was looked at but must not be analyzed."""
    return SlideResult(slide.info, sha256, (), empty_cells(), _NOTHING, thumbnail, {}, (), flags)


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


def plan_slide_tiles(slide: Slide, fragments: Fragments, tissue: TissueMask, run: Run) -> tuple[Tile, ...]:
    """Plan the tiles of a slide, as far as its segmenter and the rays of the membrane have to see."""
    tiling, mpp = run.settings.tiling, slide.require_mpp()
    tile_mpp = mpp * find_downsample(mpp, tiling)
    margin_um = max(run.segmenter.margin_um(tile_mpp), MAX_SEEN_UM)
    glass_um = max(run.segmenter.glass_um(tile_mpp), run.settings.membrane.seen_um)
    beside = np.logical_or.reduce([tissue.mask, *tissue.excluded.values()])
    return plan_tiles(fragments, mpp, margin_um, tiling, glass_um=glass_um, beside=beside)


_TILES_PER_RELEASE = 4
"""Free memory is given back after so many tiles, some seconds."""


def _analyze_tiles(
    slide: Slide, tiles: Sequence[Tile], stain: Stain, run: Run, pool: Executor
) -> tuple[CellParts, list[tuple[Tile, str]]]:
    """Cells of all tiles, and the tiles that could not be read with the reason."""

    def analyze(tile: Tile) -> Cells | str:
        try:
            image = TileImage(tile, slide.read(tile.box, tile.downsample))
        except SlideError as error:
            return str(error)
        return measure_cells(image, run.segmenter.segment(image, stain), stain, run.settings.membrane)

    failed: list[tuple[Tile, str]] = []

    def find_parts() -> Iterator[Cells]:
        run.progress(slide.info.path.name, 0, len(tiles))
        for done, (tile, part) in enumerate(zip(tiles, pool.map(analyze, tiles), strict=True), start=1):
            if isinstance(part, str):
                failed.append((tile, part))
            else:
                yield part
            run.progress(slide.info.path.name, done, len(tiles))
            if done % _TILES_PER_RELEASE == 0:
                release_memory()

    release_memory()
    found = gather_cells(find_parts())
    release_memory()
    return found, failed
