"""Measure the registration of H&E companions: measure_registration.py --pairs 12 [--folder DIR] [--sheet JPEG].

Draws pairs of slides of the presets typical, hard and large, registers each HER2 slide to its own companion and to that
of another case, and prints the true error, the estimated one, and what was refused. With --folder the slides are kept
and used again; with --sheet some fields are drawn beside their companion's.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.config import Settings, load_model, load_settings
from hetscore.domain import Fragment, FragmentMatch, Rgb
from hetscore.geometry import Box
from hetscore.phantom import make_cases, write_case
from hetscore.pictures import take_companion, take_picture
from hetscore.pipeline.companion import find_section
from hetscore.registration import RegistrationParams, register
from hetscore.registration.registering import lower_bound
from hetscore.slides import open_slide
from hetscore.stain import Stain

PRESETS = (("typical", 3), ("hard", 2), ("large", 1))
"""In turn, so many cases of each: fragments of 0.45-0.9 mm, the same under worse stain, of 2.0-3.6 mm."""
MPP = 0.5
"""Of the slides: registration looks at 4 um, and coarser slides are drawn faster."""
SHEET_FIELD_UM = 300.0
SHEET_PX = 380


@dataclass(frozen=True)
class Row:
    """One fragment registered."""

    preset: str
    is_own: bool
    """Whether to its own companion."""
    match: FragmentMatch
    true_um: float | None
    """Median distance of the nuclei from where they are put; None without truth."""
    true_p90_um: float | None


def draw_pairs(folder: Path, n_pairs: int, seed: int) -> list[tuple[str, Path]]:
    """Draw what is not there yet; preset and file of each HER2 slide."""
    presets = [preset for preset, share in PRESETS for _ in range(share)]
    drawn = []
    for number in range(n_pairs):
        preset = presets[number % len(presets)]
        case = make_cases(preset, seed, number + 1)[number]
        case = replace(case, case_id=f"{preset}-{number}", mpp=MPP, levels=1, controls=(), companion=True)
        path = folder / f"{case.case_id}.tif"
        if not (folder / "truth" / f"{case.case_id}.he.csv").exists():
            write_case(case, seed, folder)
        drawn.append((preset, path))
    return drawn


def measure_pair(path: Path, companion: Path, preset: str, settings: Settings) -> tuple[list[Row], float]:
    """Register a pair; a row a fragment, and the seconds it took."""
    vectors = load_model(settings.model).stain
    is_own = companion.name == f"{path.stem}.he.tif"
    with open_slide(path) as slide, open_slide(companion) as other:
        section = find_section(slide, settings)
        section = replace(section, stain=Stain(section.stain.white, vectors))
        there = find_section(other, settings)
        started = time.process_time()
        found = register(section, there, RegistrationParams())
        seconds = time.process_time() - started
    points = read_points(path) if is_own else None
    rows = [
        Row(preset, is_own, match, *true_error(fragment, match, points))
        for fragment, match in zip(section.fragments, found.matches, strict=True)
    ]
    return rows, seconds


def read_points(path: Path) -> NDArray[np.float64]:
    """Read the pairs of points of a HER2 slide: fragment, x, y, he_x, he_y."""
    with (path.parent / "truth" / f"{path.stem}.he.csv").open(newline="", encoding="utf-8") as file:
        return np.array([[float(value) for value in row.values()] for row in csv.DictReader(file)])


def true_error(
    fragment: Fragment, match: FragmentMatch, points: NDArray[np.float64] | None
) -> tuple[float | None, float | None]:
    """Measure how far nuclei lie from where the match puts them, microns: median and 90th percentile."""
    if points is None or match.affine is None:
        return None, None
    box = fragment.bounds
    is_inside = (points[:, 1:3] >= (box.x, box.y)).all(axis=1) & (points[:, 1:3] < (box.right, box.bottom)).all(axis=1)
    if not is_inside.any():
        return None, None
    inside = points[is_inside]
    number = np.bincount(inside[:, 0].astype(int)).argmax()
    own = inside[inside[:, 0] == number]
    carried = own[:, 1:3] @ match.affine[:, :2].T + match.affine[:, 2]
    distance = MPP * np.linalg.norm(carried - own[:, 3:5], axis=1)
    return float(np.median(distance)), float(np.quantile(distance, 0.9))


def measure_all(pairs: Sequence[tuple[str, Path]], settings: Settings) -> Iterator[tuple[list[Row], float]]:
    """Register every slide to its own companion and to that of the case before."""
    for k, (preset, path) in enumerate(pairs):
        for other in (path, pairs[k - 1][1]) if len(pairs) > 1 else (path,):
            yield measure_pair(path, other.with_name(f"{other.stem}.he.tif"), preset, settings)


def print_tables(rows: Sequence[Row], seconds: Sequence[float]) -> None:
    """Print what came out, a line a preset."""
    print("| pairs | fragments | refused | true error, um | 90 % | estimated, um | 90 % | least bound |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in dict.fromkeys(row.preset for row in rows):
        print_line(name, [row for row in rows if row.is_own and row.preset == name])
    print_line("all", [row for row in rows if row.is_own])
    strangers = [row for row in rows if not row.is_own]
    refused = [row for row in strangers if row.match.is_refused]
    most = max(map(agreement_bound, strangers), default=0.0)
    print(f"unrelated: {len(strangers)} fragments, {len(refused)} refused, highest bound {most:.2f}")
    for row in rows:
        if row.is_own and row.match.is_refused:
            print(f"refused: {row.preset}, fragment {row.match.fragment}: {row.match.reason}; truly {row.true_um} um")
    print(f"seconds a pair: median {np.median(seconds):.1f}, most {max(seconds):.1f}")


def agreement_bound(row: Row) -> float:
    """Bound the agreement from below, as `RegistrationParams.min_agreement` is compared with."""
    return lower_bound(row.match.agreement, row.match.n_blocks) if row.match.n_blocks else 0.0


def print_line(name: str, rows: Sequence[Row]) -> None:
    """Print medians over the fragments that were not refused."""
    kept = [row for row in rows if not row.match.is_refused and row.true_um is not None]
    columns = (
        [row.true_um for row in kept],
        [row.true_p90_um for row in kept],
        [row.match.error_um for row in kept],
        [row.match.error_p90_um for row in kept],
    )
    texts = [f"{np.median(np.array(column, float)):.1f}" if column else "-" for column in columns]
    spread = np.array(columns[0], float)
    texts[0] += f" ({spread.min():.1f}-{spread.max():.1f})" if kept else ""
    least = min(map(agreement_bound, kept), default=0.0)
    print(f"| {name} | {len(rows)} | {len(rows) - len(kept)} | {' | '.join(texts)} | {least:.2f} |")


def draw_sheet(pairs: Sequence[tuple[str, Path]], settings: Settings, path: Path) -> None:
    """Draw the middle field of the first fragment of three pairs above the same field of its companion."""
    columns = [column for _, slide in pairs if (column := draw_field(slide, settings)) is not None][:3]
    cv2.imwrite(str(path), np.hstack(columns)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_field(path: Path, settings: Settings) -> Rgb | None:
    """Draw a field above its companion's; None where the fragment is refused."""
    vectors = load_model(settings.model).stain
    with open_slide(path) as slide, open_slide(path.with_name(f"{path.stem}.he.tif")) as other:
        section = find_section(slide, settings)
        section = replace(section, stain=Stain(section.stain.white, vectors))
        match = register(section, find_section(other, settings), RegistrationParams()).matches[0]
        if match.is_refused:
            return None
        side = round(SHEET_FIELD_UM / 1.5 / MPP)
        box = section.fragments[0].bounds
        middle = Box(box.x + (box.width - side) // 2, box.y + (box.height - side) // 2, side, side)
        picture = take_picture(slide, middle, "")
        shown = [picture.rgb, take_companion(other, picture, match).rgb]
    size = (SHEET_PX, SHEET_PX)
    return np.vstack([cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) for rgb in shown])


def main() -> None:
    """Draw, register, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    settings = load_settings()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        pairs = draw_pairs(folder, args.pairs, args.seed)
        measured = list(measure_all(pairs, settings))
        print_tables([row for rows, _ in measured for row in rows], [seconds for _, seconds in measured])
        if args.sheet:
            draw_sheet(pairs, settings, args.sheet)


if __name__ == "__main__":
    main()
