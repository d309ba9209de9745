"""Measure how fragments are counted: python -m scripts.measure_fragments --slides 200 --seed 4711 [--picture FILE].

Slides are drawn as outlines alone, with shapes of the phantoms (`hetscore.phantom.outline`), and what happens to them
on the glass: pieces that touch, that are torn, that are cut again and again, control cores. Printed are the tables of
docs/fragments.md, which are also the source of the constants of `FragmentParams`. With --phantoms NAME=FOLDER whole
phantoms are counted too; for real tissue see scripts/draw_fragments.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import FragmentRole, Fragments, TissueMask
from hetscore.fragments import FragmentParams, find_fragments
from hetscore.fragments.controls import measure_roundness
from hetscore.fragments.levels import compare_shapes
from hetscore.fragments.necks import find_neck
from hetscore.fragments.pieces import fill_clefts, find_pieces
from hetscore.phantom.layout import place_pieces
from hetscore.phantom.noise import smooth_noise
from hetscore.phantom.outline import draw_outline
from hetscore.slides import open_slide
from hetscore.stain import find_white
from hetscore.tissue import TissueParams, find_tissue

Mask = NDArray[np.bool_]
Drawn = NDArray[np.uint8]
"""A drawing: 1, and 2 for the second of two pieces that touch."""
Rng = np.random.Generator

MPP, DOWNSAMPLE = 4.0, 16
"""Of the thumbnail that `hetscore score` looks at."""
LEVELS = (0.4, 0.2, 0.2, 0.2)
"""Chances of one, two, three and four levels. These and what follows are choices: each difficulty must come up often
enough to be measured."""
CONTROLS = (0.6, 0.25, 0.15)
"""Chances of no, one and two control cores."""
MOST_PIECES = 12
SIZES_UM = (450.0, 1800.0)
TOUCHING = 0.1
"""Chance of a slide that two of its pieces touch, in every level."""
TORN = 0.08
"""Chance of a section to be torn in two,"""
TEAR_UM = (15.0, 75.0)
"""and how far it gapes."""
LOST = 0.02
"""Chance of a section after the first to be missing."""
TURN_DEGREES = 5.0
"""Standard deviation of how a section lies turned,"""
STRETCH_UM = ((800.0, 20.0), (250.0, 10.0))
"""and scale and amplitude of what it is stretched; those of the phantoms stretch by 7 um."""
OVERLAP_UM = 20.0
"""Pieces that touch overlap by up to this."""
CROWDING = (0.7, 2.5)
"""The 400 um of glass between pieces are divided by this."""
CORE_UM = (600.0, 1000.0)
DENT_UM = 5.0
"""Unevenness of a core's rim, as in phantoms."""
BLUR_UM = 12.0
"""Of the thumbnail, as `TissueParams.blur_um`."""


@dataclass(frozen=True)
class DrawnSlide:
    """A slide and its truth."""

    tissue: TissueMask
    truth: NDArray[np.int32]
    """Of each pixel its section, from 1; 0 on glass."""
    pieces: tuple[int, ...]
    """Of each section the piece it was cut from; negative for control cores."""
    n_levels: int
    is_touching: bool

    @property
    def n_sections(self) -> int:
        """Sections of biopsies."""
        return sum(number > 0 for number in self.pieces)


def draw_slide(rng: Rng) -> DrawnSlide:
    """Draw a slide."""
    n, n_levels = int(rng.integers(1, MOST_PIECES + 1)), 1 + int(rng.choice(len(LEVELS), p=LEVELS))
    cores = [draw_core(rng) for _ in range(int(rng.choice(len(CONTROLS), p=CONTROLS)))]
    shapes = [draw_shape(rng) for _ in range(n)]
    at = int(rng.integers(n - 1)) if n > 1 and rng.random() < TOUCHING else n
    angle = rng.uniform(0, 2 * math.pi)
    levels = [_draw_level(rng, shapes, level, at, angle) for level in range(n_levels)]
    return _lay_out(rng, levels, cores, is_touching=at < n)


def draw_shape(rng: Rng) -> Mask:
    """Draw the outline of a biopsy."""
    return draw_outline(rng, rng.uniform(*SIZES_UM) / MPP, 4, 14.0 / MPP)


def _draw_level(
    rng: Rng, shapes: Sequence[Mask], level: int, at: int, angle: float
) -> list[tuple[Drawn, tuple[int, ...]]]:
    """Draw the sections of a level, each with the numbers of its pieces."""
    sections = [cut_again(rng, shape) if level else shape for shape in shapes]
    row: list[tuple[Drawn, tuple[int, ...]]] = []
    for k, section in enumerate(sections):
        if k == at:
            row.append((push_together(rng, section, sections[k + 1], angle), (k + 1, k + 2)))
        elif k != at + 1 and (level == 0 or len(shapes) == 1 or rng.random() >= LOST):
            drawn = tear(rng, section) if rng.random() < TORN else section
            row.append((drawn.astype(np.uint8), (k + 1,)))
    return row or [(sections[0].astype(np.uint8), (1,))]


def cut_again(rng: Rng, shape: Mask) -> Mask:
    """Cut the next section of a shape: turned and stretched."""
    height, width = shape.shape
    side = math.ceil(math.hypot(height, width)) + 40
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, TURN_DEGREES), 1)
    turn[:, 2] += (side - width) / 2, (side - height) / 2
    turned = cv2.warpAffine(shape.astype(np.float32), turn, (side, side))
    y, x = np.indices((side, side)).astype(np.float32)
    for scale, amplitude in STRETCH_UM:
        x += np.float32(amplitude / MPP) * smooth_noise(rng, (side, side), scale / MPP)
        y += np.float32(amplitude / MPP) * smooth_noise(rng, (side, side), scale / MPP)
    section = cv2.remap(turned, x, y, cv2.INTER_LINEAR) > 0.5
    return _cropped(section.astype(np.uint8)).astype(bool)


def tear(rng: Rng, shape: Mask) -> Mask:
    """Tear a shape in two: a winding gap across it, in its middle half."""
    rows, columns = np.nonzero(shape)
    angle = rng.uniform(0, math.pi)
    y, x = np.indices(shape.shape)
    across = (x - columns.mean()) * math.cos(angle) + (y - rows.mean()) * math.sin(angle)
    place = rng.uniform(-0.5, 0.5) * np.abs(across[shape]).max()
    winding = 40.0 / MPP * smooth_noise(rng, (shape.shape[0], shape.shape[1]), 300.0 / MPP)
    torn: Mask = shape & (np.abs(across - place - winding) > rng.uniform(*TEAR_UM) / MPP / 2)
    return torn


def push_together(rng: Rng, one: Mask, other: Mask, angle: float) -> Drawn:
    """Push a second shape toward the first, along a direction, until they overlap."""
    reach = max(one.shape) + max(other.shape) + 20
    canvas = np.zeros((2 * reach, 2 * reach), np.uint8)
    top, left = (reach - side // 2 for side in one.shape)
    canvas[top : top + one.shape[0], left : left + one.shape[1]][one] = 1

    def look(step: int) -> Drawn:
        x, y = int(reach + step * math.cos(angle)), int(reach + step * math.sin(angle))
        top, left = y - other.shape[0] // 2, x - other.shape[1] // 2
        return canvas[top : top + other.shape[0], left : left + other.shape[1]]

    farthest = reach - max(other.shape) // 2 - 4
    contact = next(step for step in range(farthest, -1, -1) if (look(step)[other] == 1).any())
    window = look(max(0, contact - round(rng.uniform(0, OVERLAP_UM) / MPP)))
    window[other & (window == 0)] = 2
    return _cropped(canvas)


def draw_core(rng: Rng) -> Mask:
    """Draw a control core."""
    radius = rng.uniform(*CORE_UM) / 2 / MPP
    side = 2 * math.ceil(radius) + 9
    y, x = np.indices((side, side)) - (side - 1) / 2
    dent = DENT_UM / MPP * np.abs(smooth_noise(rng, (side, side), 4 * DENT_UM / MPP))
    return np.asarray(np.hypot(x, y) < radius - dent)


def _cropped(picture: Drawn) -> Drawn:
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return np.pad(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 4)


def _lay_out(
    rng: Rng, levels: Sequence[Sequence[tuple[Drawn, tuple[int, ...]]]], cores: Sequence[Mask], *, is_touching: bool
) -> DrawnSlide:
    """Lay the pieces on the glass as phantoms are laid, closer together."""
    sizes = [[(drawn.shape[1], drawn.shape[0]) for drawn, _ in row] for row in levels]
    core_sizes = [(core.shape[1], core.shape[0]) for core in cores]
    places = place_pieces(sizes, core_sizes, MPP * rng.uniform(*CROWDING), rng)
    truth = np.zeros((places.height, places.width), np.int32)
    pieces: list[int] = []
    laid = [drawn for row in levels for drawn in row]
    laid += [(core.astype(np.uint8), (-k,)) for k, core in enumerate(cores, start=1)]
    for (drawn, numbers), box in zip(laid, places.all, strict=True):
        for k, number in enumerate(numbers, start=1):
            pieces.append(number)
            truth[box.slices][drawn == k] = len(pieces)
    tissue = TissueMask(soften(truth > 0), DOWNSAMPLE, MPP)
    return DrawnSlide(tissue, truth, tuple(pieces), len(levels), is_touching)


def soften(mask: Mask) -> Mask:
    """See a mask as it looks after the thumbnail's smoothing."""
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), BLUR_UM / MPP) > 0.5)


@dataclass(frozen=True)
class Outcome:
    """What was found on a slide, against its truth."""

    is_counted: bool
    """As many fragments and as many controls as there are."""
    is_matched: bool
    """Also every section given to its piece."""
    flags: tuple[str, ...]
    seconds: float
    """Of the processor."""


def judge(slide: DrawnSlide, params: FragmentParams) -> tuple[Outcome, Fragments]:
    """Find the fragments of a slide and compare them with the truth."""
    clock = time.process_time()
    found = find_fragments(slide.tissue, "drawn", params)
    seconds = time.process_time() - clock
    samples = [item for item in found.items if item.role is FragmentRole.SAMPLE]
    n_controls = len(slide.pieces) - slide.n_sections
    is_counted = len(samples) == slide.n_sections and len(found.items) - len(samples) == n_controls
    true: dict[int, set[int]] = {}
    told: dict[int, set[int]] = {}
    for item in samples:
        section = int(np.bincount(slide.truth[(found.labels == item.id) & (slide.truth > 0)]).argmax())
        true.setdefault(slide.pieces[section - 1], set()).add(item.id)
        told.setdefault(item.piece, set()).add(item.id)
    is_matched = is_counted and sorted(map(sorted, true.values())) == sorted(map(sorted, told.values()))
    return Outcome(is_counted, is_matched, found.flags, seconds), found


def print_bridging(slides: Sequence[DrawnSlide], params: FragmentParams) -> None:
    """Print on how many slides bridging alone gives the right count, by its distance."""
    apart = [slide for slide in slides if not slide.is_touching]
    print("\n| bridging distance, um | slides with the right count |\n|---:|---:|")
    for bridge_um in (40, 60, 80, 100, 120, 140, 160, 200):
        counts = [len(find_pieces(slide.tissue, params, bridge_um).kept) for slide in apart]
        right = sum(n == len(slide.pieces) for n, slide in zip(counts, apart, strict=True))
        print(f"| {bridge_um} | {right} of {len(apart)} |")


def print_shapes(rng: Rng, n: int, params: FragmentParams) -> None:
    """Print how likely necks, how alike sections and how round biopsies and cores are."""
    shapes = [draw_shape(rng) for _ in range(n)]
    torn = [tear(rng, shape) for shape in shapes]
    pushed = [push_together(rng, shapes[i], shapes[i + 1], rng.uniform(0, 2 * math.pi)) > 0 for i in range(0, n - 1, 2)]
    kinds = (("whole", shapes), ("torn", torn), ("touching", pushed))
    necks = {name: [find_neck(_seen(mask), MPP, params) for mask in masks] for name, masks in kinds}
    odds = {name: np.array([n.log_odds if n else -math.inf for n in found]) for name, found in necks.items()}
    print("\n| log odds of the likeliest cut above | whole | torn | touching |\n|---:|---:|---:|---:|")
    for least in (-3, -2, -1, 0, 1, 2, 3):
        print(f"| {least} | " + " | ".join(f"{(found > least).mean():.3f}" for found in odds.values()) + " |")
    cuts = {name: np.array([(-math.log(n.ratio), n.notch) for n in found if n]) for name, found in necks.items()}
    fitted = fit_logistic(cuts["touching"], np.concatenate([cuts["whole"], cuts["torn"]]))
    print(f"\nLogistic fit to these cuts: even at {math.exp(fitted[0] / fitted[1]):.2f}, slopes {fitted[1:].round(1)}")
    again = [cut_again(rng, shape) for shape in shapes]
    again = [tear(rng, shape) if rng.random() < TORN else shape for shape in again]
    gap_px = params.bridge_um / MPP
    alike = compare_shapes([fill_clefts(_seen(m), gap_px).astype(bool) for m in (*shapes, *again)])
    same, strangers = np.diag(alike[:n, n:]), alike[:n, :n][np.triu_indices(n, 1)]
    print(f"\n| similarity below | {n} sections | {len(strangers)} strangers |\n|---:|---:|---:|")
    for limit in (0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        print(f"| {limit} | {(same < limit).mean():.3f} | {(strangers < limit).mean():.5f} |")
    constant, slope = fit_logistic(same, strangers)
    print(f"\nLogistic fit, both kinds as likely: even at {-constant / slope:.3f}, slope {slope:.1f}")
    rounds = [[measure_roundness(_seen(m)) for m in ms] for ms in (shapes, [draw_core(rng) for _ in range(n // 4)])]
    print(f"Roundness: biopsies {max(rounds[0]):.3f} at most, cores {min(rounds[1]):.3f} at least")


def _seen(mask: Mask) -> Mask:
    return _cropped(soften(np.pad(mask, 8)).astype(np.uint8)).astype(bool)


def fit_logistic(same: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit log odds to one measure or several, either kind weighing the same, by Newton's method; the constant first."""
    x = np.column_stack([np.ones(len(same) + len(others)), np.concatenate([same, others])])
    y = np.repeat([1.0, 0.0], [len(same), len(others)])
    weight = np.repeat([1 / len(same), 1 / len(others)], [len(same), len(others)])
    fitted = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ fitted))
        fitted += np.linalg.solve((x * (weight * p * (1 - p))[:, None]).T @ x, x.T @ (weight * (y - p)))
    return fitted


def print_slides(slides: Sequence[DrawnSlide], params: FragmentParams) -> None:
    """Print how many slides are counted and matched right, and whether the rest is told."""
    outcomes = [judge(slide, params)[0] for slide in slides]
    pairs = list(zip(slides, outcomes, strict=True))
    print("\n| slides | n | count right | wrong and told | wrong, not told | right, doubt told |")
    print("|---|---:|---:|---:|---:|---:|")
    kinds = {
        "all": pairs,
        "none touching": [p for p in pairs if not p[0].is_touching],
        "two touching": [p for p in pairs if p[0].is_touching],
    }
    for name, some in kinds.items():
        _print_row(name, [(o.is_counted, o.flags) for _, o in some])
    print("\n| levels | n | pieces matched right | wrong and told | wrong, not told | right, doubt told |")
    print("|---|---:|---:|---:|---:|---:|")
    for n_levels in range(1, len(LEVELS) + 1):
        _print_row(str(n_levels), [(o.is_matched, o.flags) for s, o in pairs if s.n_levels == n_levels])
    _print_row("2-4", [(o.is_matched, o.flags) for s, o in pairs if s.n_levels > 1])
    _print_row("2-4, counted right", [(o.is_matched, o.flags) for s, o in pairs if s.n_levels > 1 and o.is_counted])
    seconds = np.array([o.seconds for o in outcomes])
    print(f"\nProcessor time a slide: median {np.median(seconds):.2f} s, at most {seconds.max():.2f} s")
    print("Flags:", dict(Counter(flag for o in outcomes for flag in o.flags)))


def _print_row(name: str, results: Sequence[tuple[bool, tuple[str, ...]]]) -> None:
    right = sum(is_right for is_right, _ in results)
    told = sum(not is_right and bool(flags) for is_right, flags in results)
    doubted = sum(is_right and bool(flags) for is_right, flags in results)
    share = f" ({right / len(results):.3f})" if results else ""
    print(f"| {name} | {len(results)} | {right}{share} | {told} | {len(results) - right - told} | {doubted} |")


def print_whole(paths: Sequence[Path]) -> None:
    """Print what is found on whole phantoms, beside their truth."""
    params, tissue_params = FragmentParams(), TissueParams()
    print("\n| slide | sections (controls) | true | pieces | true | area, mm2 | range | flags |")
    print("|---|---|---|---|---|---|---|---|")
    for path in paths:
        with open_slide(path) as slide:
            thumbnail = slide.thumbnail(tissue_params.mpp)
        tissue = find_tissue(thumbnail, find_white(thumbnail.rgb), {}, tissue_params)
        found = find_fragments(tissue, path.name, params)
        samples = [item for item in found.items if item.role is FragmentRole.SAMPLE]
        sections, pieces = read_truth(path)
        area = " ".join(f"{item.area_mm2:.2f}" for item in samples[:4])
        print(
            f"| {path.stem[:12]} | {len(samples)} ({len(found.items) - len(samples)}) | {sections} "
            f"| {len({item.piece for item in samples})} | {pieces} | {area} | {found.count_range} "
            f"| {' '.join(found.flags)} |"
        )


def read_truth(slide: Path) -> tuple[str, str]:
    """Read how many sections, controls and pieces a phantom has; "-" where nothing is known."""
    outlines = slide.parent / "truth" / f"{slide.stem}.geojson"
    if not outlines.exists():
        return "-", "-"
    names = [feature["id"] for feature in json.loads(outlines.read_text(encoding="utf-8"))["features"]]
    n_controls = sum("control" in name for name in names)
    with (slide.parent / "truth" / "cases.csv").open(encoding="utf-8") as file:
        pieces = next(row["fragments"] for row in csv.DictReader(file) if row["case_id"] == slide.stem)
    return f"{len(names) - n_controls} ({n_controls})", pieces


def draw_picture(slides: Sequence[DrawnSlide], params: FragmentParams, path: Path) -> None:
    """Draw what was found on some slides: a color for each piece, gray controls, the number of each fragment."""
    colors = np.random.default_rng(3).integers(60, 220, (60, 3))
    views = []
    for slide in slides:
        found = judge(slide, params)[1]
        view = np.full((*found.labels.shape, 3), 255, np.uint8)
        for item in found.items:
            is_control = item.role is FragmentRole.CONTROL
            view[found.labels == item.id] = (160, 160, 160) if is_control else colors[item.piece % 60]
        for item in found.items:
            x, y = (int(side / DOWNSAMPLE) for side in (item.bounds.x, item.bounds.y))
            cv2.putText(view, f"{item.id}", (x, y), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (0, 0, 0), 4)
        scale = 600 / max(view.shape[:2])
        small = cv2.resize(view, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        views.append(np.pad(small, ((0, 610 - small.shape[0]), (0, 610 - small.shape[1]), (0, 0)), constant_values=230))
    cv2.imwrite(str(path), np.concatenate(views, axis=1), [cv2.IMWRITE_JPEG_QUALITY, 80])


def _draw_all(seed: int, n: int) -> Iterator[DrawnSlide]:
    for k in range(n):
        yield draw_slide(np.random.default_rng([seed, k]))


def main() -> None:
    """Read the command line, measure, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slides", type=int, default=200, help="how many are drawn to be counted")
    parser.add_argument("--seed", type=int, default=4711, help="of these slides; constants come from the next seed")
    parser.add_argument("--shapes", type=int, default=250, help="how many are drawn for the constants")
    parser.add_argument("--picture", type=Path, help="where to draw three of the slides")
    parser.add_argument("--phantoms", type=Path, nargs="*", default=[], help="folders of whole phantoms")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    params = FragmentParams()
    if given.shapes:
        print_shapes(np.random.default_rng(given.seed + 1), given.shapes, params)
        print_bridging(list(_draw_all(given.seed + 1, given.slides // 4)), params)
    slides = list(_draw_all(given.seed, given.slides))
    if slides:
        print_slides(slides, params)
    if given.picture:
        draw_picture([s for s in slides if s.n_sections < 16][:3], params, given.picture)
    print_whole([path for folder in given.phantoms for path in sorted(folder.glob("*.tif"))])


if __name__ == "__main__":
    main()
