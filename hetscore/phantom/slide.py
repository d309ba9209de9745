"""Draw slides and write them: one TIFF a case, with the tables that make a folder of them a cohort, and their truth.

Pieces are painted one by one, the slide lies in a file: memory holds the working arrays of the largest piece, whatever
the number of pieces. Work may be spread over processes; what is drawn does not depend on that.
"""

from __future__ import annotations

import csv
import math
import multiprocessing
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb
from hetscore.errors import UsageError
from hetscore.geometry import Box
from hetscore.phantom.artefacts import ArtefactTruth, PlacedFragment, apply_artefacts, cell_px
from hetscore.phantom.canvas import Canvas, new_canvas, paste
from hetscore.phantom.companion import (
    CompanionPiece,
    draw_companion_stain,
    order_companion,
    paint_companion,
    place_companion,
    write_points,
)
from hetscore.phantom.layout import Places, place_pieces
from hetscore.phantom.optics import SlideStain, add_noise, draw_stain
from hetscore.phantom.pieces import Piece, PieceOrder, control_spec, moved, paint_piece
from hetscore.phantom.pyramid import write_pyramid
from hetscore.phantom.spec import CaseSpec, OpticsSpec
from hetscore.phantom.stain import StainParams
from hetscore.phantom.truth import CaseTruth, FragmentTruth, judge_case
from hetscore.phantom.truth_files import (
    Layer,
    Outlined,
    artefact_layer,
    write_case_rows,
    write_cells,
    write_masks,
    write_outlines,
)

CORE_UM = 700.0
"""Diameter of a control core: tissue arrays have 600-1,000 um."""

N_DUST = 4
"""Specks of dust on the glass of each slide: enough to be dropped by whoever finds fragments."""

_A = TypeVar("_A")
_B = TypeVar("_B")


def write_phantom(
    cases: Sequence[CaseSpec],
    seed: int,
    out_dir: Path,
    *,
    processes: int = 1,
    progress: Callable[[CaseTruth], None] | None = None,
) -> tuple[CaseTruth, ...]:
    """Write a folder of synthetic cases with their truth.

    Parameters
    ----------
    cases : sequence of CaseSpec
        What to write; see `hetscore.phantom.presets.make_cases` and `hetscore.phantom.spec_file.read_spec`.
    seed : int
        Together with the case id it decides each slide: a case does not depend on the others.
    out_dir : Path
        New or empty folder; gets ``<case_id>.tif``, ``cases.csv`` and ``truth/``.
    processes : int
        How many to paint with. The files are the same for any number.
    progress : callable, optional
        Called after each case.

    Returns
    -------
    tuple of CaseTruth
        In the order of `cases`.

    Raises
    ------
    UsageError
        If the folder holds anything, two cases have the same id, or there is no process to paint with.
    """
    ids = [case.case_id for case in cases]
    if len(set(ids)) < len(ids):
        raise UsageError(f"cases: {len(ids)} cases with {len(set(ids))} ids; expected distinct ids. Rename the cases.")
    if processes < 1:
        raise UsageError(f"processes: {processes}; expected at least 1. Give the number of cores to use.")
    make_empty_folder(out_dir)
    truths = []
    with _start_pool(processes) as pool:
        for case in cases:
            truths.append(write_case(case, seed, out_dir, pool=pool))
            if progress is not None:
                progress(truths[-1])
    write_case_rows(out_dir / "truth" / "cases.csv", truths)
    _write_cases_table(out_dir / "cases.csv", cases)
    return tuple(truths)


def make_empty_folder(folder: Path) -> None:
    """Make a folder, or accept an empty one; UsageError if something is in the way."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file; expected a folder. Give another --out.")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder}: the folder is not empty; expected a new or empty one. Give another --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"cannot be made ({error.strerror})"
        raise UsageError(f"{folder}: {reason}; expected a new or empty folder. Give another --out.") from None


@contextmanager
def _start_pool(processes: int) -> Iterator[Executor | None]:
    """Start processes anew rather than fork them: forks of a process with threads may hang. One needs no other."""
    if processes == 1:
        yield None
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), partial(cv2.setNumThreads, 1)) as pool:
        yield pool


def _run(pool: Executor | None, work: Callable[[_A], _B], items: Iterable[_A]) -> list[_B]:
    return list(map(work, items) if pool is None else pool.map(work, items))


def write_case(case: CaseSpec, seed: int, folder: Path, *, pool: Executor | None = None) -> CaseTruth:
    """Write one slide, ``<case_id>.tif``, with its companion if it has one, and their files in ``truth/``.

    Parameters
    ----------
    case : CaseSpec
        What to write.
    seed : int
        Decides everything the specification leaves open, together with the case id.
    folder : Path
        Where to write; made if need be. What is being drawn lies there too, until it is done.
    pool : Executor, optional
        Processes to paint with.

    Returns
    -------
    CaseTruth
        The case's row of truth/cases.csv.
    """
    truth_folder = folder / "truth"
    truth_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".drawing-", dir=folder) as scratch:
        slide = _draw_slide(case, seed, Path(scratch), pool)
        write_pyramid(folder / f"{case.case_id}.tif", slide.canvas, case.mpp, quality=case.quality)
        if case.companion:
            _write_companion(case, slide, (seed, zlib.crc32(case.case_id.encode())), folder, Path(scratch), pool)
    _write_truth(slide, case, truth_folder)
    return judge_case(case.case_id, case.ish, slide.sections)


def draw_case(case: CaseSpec, seed: int) -> tuple[Rgb, tuple[FragmentTruth, ...]]:
    """Draw a whole slide into memory.

    Parameters
    ----------
    case : CaseSpec
        What to draw.
    seed : int
        As for `write_case`: the pixels are those it compresses.

    Returns
    -------
    rgb : (h, w, 3) uint8
        At the case's microns per pixel.
    sections : tuple of FragmentTruth
        The fragments in reading order, level by level, then the control cores.
    """
    with tempfile.TemporaryDirectory() as scratch:
        slide = _draw_slide(case, seed, Path(scratch), None)
        return np.array(slide.canvas[:]), slide.sections


@dataclass(frozen=True)
class _Slide:
    """A drawn slide."""

    canvas: Canvas
    pieces: tuple[tuple[Piece, Box], ...]
    """With their places: fragments level by level, then control cores."""
    artefacts: tuple[ArtefactTruth, ...]

    @property
    def sections(self) -> tuple[FragmentTruth, ...]:
        """Truth of the pieces, level-0 pixels of the slide."""
        return tuple(moved(piece.truth, box.x, box.y) for piece, box in self.pieces)


def _draw_slide(case: CaseSpec, seed: int, scratch: Path, pool: Executor | None) -> _Slide:
    seeds = (seed, zlib.crc32(case.case_id.encode()))
    rng = np.random.default_rng([*seeds, 3])
    stain = draw_stain(rng, StainParams(), case.optics)
    pieces = _paint_pieces(_order_pieces(case, stain, seeds), scratch, pool)
    places = _place(case, pieces, rng)
    canvas = _lay_out(pieces, places, stain, scratch / "slide.raw")
    _add_dust(canvas, places.all, case.mpp, rng)
    placed = [PlacedFragment(box, piece.tissue) for piece, box in zip(pieces, places.levels[0], strict=False)]
    artefacts = apply_artefacts(canvas[:], case.artefacts, placed, stain.white, rng, mpp=case.mpp)
    _run(pool, _add_noise, _order_noise(canvas, case.optics, seeds))
    return _Slide(canvas, tuple(zip(pieces, places.all, strict=True)), tuple(artefacts))


def _write_companion(
    case: CaseSpec, slide: _Slide, seeds: tuple[int, ...], folder: Path, scratch: Path, pool: Executor | None
) -> None:
    """Draw the next section of every fragment in H&E and write it with its truth."""
    rng = np.random.default_rng([*seeds, 5])
    stain = draw_companion_stain(rng, case.optics)
    orders, turn = order_companion(case, stain, seeds, rng)
    pieces = _run(pool, partial(paint_companion, folder=scratch), orders)
    boxes = [box for _, box in slide.pieces[: len(pieces)]]
    places = place_companion(boxes, [(piece.width, piece.height) for piece in pieces], turn, case.mpp, rng)
    canvas = _lay_out(pieces, places, stain, scratch / "companion.raw")
    _add_dust(canvas, places.all, case.mpp, rng)
    _run(pool, _add_noise, _order_noise(canvas, case.optics, (*seeds, 6)))
    write_pyramid(folder / f"{case.case_id}.he.tif", canvas, case.mpp, quality=case.quality)
    write_points(folder / "truth" / f"{case.case_id}.he.csv", pieces, boxes, places.all)


def _paint_pieces(orders: Sequence[PieceOrder], scratch: Path, pool: Executor | None) -> list[Piece]:
    """Paint the largest first, so that no process is left with a large one at the end."""
    first = sorted(range(len(orders)), key=lambda i: -orders[i].spec.diameter_um)
    painted = _run(pool, partial(paint_piece, folder=scratch), [orders[i] for i in first])
    by_order = dict(zip(first, painted, strict=True))
    return [by_order[i] for i in range(len(orders))]


def _order_pieces(case: CaseSpec, stain: SlideStain, seeds: tuple[int, ...]) -> list[PieceOrder]:
    """Order the fragments level by level, then the control cores."""
    order = partial(PieceOrder, mpp=case.mpp, optics=case.optics, stain=stain, seed=seeds)
    levels = [
        order(spec, number, level)
        for level in range(1, case.levels + 1)
        for number, spec in enumerate(case.fragments, start=1)
    ]
    controls = [
        order(control_spec(core, CORE_UM), -number, 1, core_um=CORE_UM)
        for number, core in enumerate(case.controls, start=1)
    ]
    return levels + controls


def _place(case: CaseSpec, pieces: Sequence[Piece], rng: np.random.Generator) -> Places:
    n = len(case.fragments)
    sizes = [piece.size for piece in pieces]
    levels = [sizes[k * n : (k + 1) * n] for k in range(case.levels)]
    return place_pieces(levels, sizes[case.levels * n :], case.mpp, rng)


def _lay_out(pieces: Sequence[Piece | CompanionPiece], places: Places, stain: SlideStain, path: Path) -> Canvas:
    """Put the pieces on clear glass; their own pictures are removed."""
    canvas = new_canvas(path, places.height, places.width)
    for strip in canvas.strips():
        canvas[strip][...] = np.rint(stain.white).astype(np.uint8)
    for piece, box in zip(pieces, places.all, strict=True):
        paste(canvas, np.load(piece.path, mmap_mode="r"), box.x, box.y)
        piece.path.unlink()
    return canvas


def _add_dust(canvas: Canvas, places: Sequence[Box], mpp: float, rng: np.random.Generator) -> None:
    """Drop `N_DUST` specks, 4 to 24 um across and a little out of focus, where they touch no piece."""
    for _ in range(N_DUST):
        radius = rng.uniform(2.0, 12.0) / mpp
        reach = math.ceil(2 * radius) + 2
        x, y = (int(rng.integers(reach, side - reach)) for side in (canvas.width, canvas.height))
        box = Box(x - reach, y - reach, 2 * reach + 1, 2 * reach + 1)
        if all(place.clipped(box).is_empty for place in places):
            window = canvas[box.y : box.bottom][:, box.x : box.right]
            window[...] = _dusted(window, radius, rng)


def _dusted(rgb: Rgb, radius: float, rng: np.random.Generator) -> Rgb:
    y, x = np.indices(rgb.shape[:2]) - (rgb.shape[0] - 1) / 2
    theta = np.arctan2(y, x)
    lobes = 1 + sum(rng.normal(0, 0.2 / k) * np.cos(k * theta + rng.uniform(0, 2 * math.pi)) for k in (1, 2, 3, 5))
    cover = 1 / (1 + np.exp(np.clip((np.hypot(x, y) - radius * lobes) / (0.12 * radius), -30, 30)))
    color = np.array([96.0, 88.0, 80.0]) + rng.normal(0, 12)
    mixed: NDArray[np.float64] = rgb + (color - rgb) * (0.8 * cover)[..., None]
    return np.rint(mixed).astype(np.uint8)


@dataclass(frozen=True)
class _NoiseOrder:
    """The noise of one strip: its own generator, so that no strip waits for another."""

    canvas: Canvas
    rows: slice
    optics: OpticsSpec
    seed: tuple[int, ...]


def _order_noise(canvas: Canvas, optics: OpticsSpec, seeds: tuple[int, ...]) -> list[_NoiseOrder]:
    return [_NoiseOrder(canvas, rows, optics, (*seeds, 4, 1 + i)) for i, rows in enumerate(canvas.strips())]


def _add_noise(order: _NoiseOrder) -> None:
    add_noise(order.canvas[order.rows], np.random.default_rng(order.seed), StainParams(), order.optics)


def _write_truth(slide: _Slide, case: CaseSpec, folder: Path) -> None:
    cell = cell_px(case.mpp)
    artefacts = [artefact_layer(artefact, cell) for artefact in slide.artefacts]
    grounds = [Layer(box, piece.ground, cell) for piece, box in slide.pieces]
    write_cells(folder / f"{case.case_id}.cells.parquet", slide.sections, artefacts)
    write_outlines(folder / f"{case.case_id}.geojson", list(starmap(_outlined, slide.pieces)))
    size = (slide.canvas.width, slide.canvas.height)
    write_masks(folder / f"{case.case_id}.masks.tif", size, case.mpp, artefacts, grounds)


def _outlined(piece: Piece, box: Box) -> Outlined:
    truth = piece.truth
    rings = tuple(ring + np.array([box.x, box.y]) for ring in piece.outlines)
    return Outlined(truth.number, truth.level, truth.role, rings)


def _write_cases_table(path: Path, cases: Sequence[CaseSpec]) -> None:
    """Write cases.csv; the role of a slide only where there are companions."""
    has_roles = any(case.companion for case in cases)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("case_id", "slide", *(["role"] if has_roles else []), "ish"))
        for case in cases:
            writer.writerow((case.case_id, f"{case.case_id}.tif", *(["her2"] if has_roles else []), str(case.ish)))
            if case.companion:
                writer.writerow((case.case_id, f"{case.case_id}.he.tif", "he", str(case.ish)))
