"""Put fragments on glass and write slides: one TIFF a case, with the tables that make a folder of them a cohort.

Fragments are painted one by one, so memory is the slide's pixels plus the working arrays of the largest fragment.
"""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb
from hetscore.errors import UsageError
from hetscore.geometry import Box
from hetscore.phantom.pyramid import write_pyramid
from hetscore.phantom.spec import CaseSpec, FragmentSpec
from hetscore.phantom.stain import SlideStain, StainParams, add_noise, develop, draw_stain, paint_densities
from hetscore.phantom.tissue import FragmentTissue, TissueParams, grow_fragment
from hetscore.phantom.truth import CaseTruth, FragmentTruth, fragment_truth, judge_case, write_case_rows, write_cells

PAINT_MPP = 0.25
"""Fragments are painted at least this finely: a 1+ line is 0.64 um wide."""

GAP_UM = 400.0
"""Least glass between two fragments, so that no reader takes two for one."""

PLAY_UM = 60.0
"""Fragments lie up to this far from their place in the rows, well below a row's height: reading order stays plain."""

BORDER_UM = 150.0
"""Glass around all."""

N_DUST = 4
"""Specks of dust on the glass of each slide: enough to be dropped by whoever finds fragments."""


def write_phantom(
    cases: Sequence[CaseSpec], seed: int, out_dir: Path, *, progress: Callable[[CaseTruth], None] | None = None
) -> tuple[CaseTruth, ...]:
    """Write a folder of synthetic cases with their truth.

    Parameters
    ----------
    cases : sequence of CaseSpec
        What to write; see `hetscore.phantom.spec.make_cases` for presets.
    seed : int
        Together with the case id it decides each slide: a case does not depend on the others.
    out_dir : Path
        New or empty folder; gets ``<case_id>.tif``, ``cases.csv`` and ``truth/``.
    progress : callable, optional
        Called after each case.

    Returns
    -------
    tuple of CaseTruth
        In the order of `cases`.

    Raises
    ------
    UsageError
        If the folder holds anything, or two cases have the same id.
    """
    ids = [case.case_id for case in cases]
    if len(set(ids)) < len(ids):
        raise UsageError(f"cases: {len(ids)} cases with {len(set(ids))} ids; expected distinct ids. Rename the cases.")
    make_empty_folder(out_dir)
    truths = []
    for case in cases:
        truths.append(write_case(case, seed, out_dir))
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
    folder.mkdir(parents=True, exist_ok=True)


def write_case(case: CaseSpec, seed: int, folder: Path) -> CaseTruth:
    """Write one slide, ``<case_id>.tif``, and ``truth/<case_id>.cells.parquet``.

    Parameters
    ----------
    case : CaseSpec
        What to write.
    seed : int
        Decides everything the specification leaves open, together with the case id.
    folder : Path
        Where to write; made if need be.

    Returns
    -------
    CaseTruth
        The case's row of truth/cases.csv.
    """
    rgb, fragments = draw_case(case, seed)
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    write_pyramid(folder / f"{case.case_id}.tif", rgb, case.mpp, quality=case.quality)
    write_cells(folder / "truth" / f"{case.case_id}.cells.parquet", fragments)
    return judge_case(case.case_id, case.ish, fragments)


def draw_case(case: CaseSpec, seed: int) -> tuple[Rgb, tuple[FragmentTruth, ...]]:
    """Draw the whole slide, (h, w, 3) uint8 at the case's mpp, and the truth of its fragments in reading order."""
    params = StainParams()
    rng = np.random.default_rng([seed, zlib.crc32(case.case_id.encode())])
    stain = draw_stain(rng, params)
    places, size = _plan(case, rng)
    rgb = np.empty((size[1], size[0], 3), np.uint8)
    rgb[...] = np.rint(stain.white).astype(np.uint8)
    truths = []
    for spec, place, own_rng in zip(case.fragments, places, rng.spawn(len(places)), strict=True):
        tissue, picture = _draw_fragment(spec, case.mpp, own_rng, stain)
        rows, columns = place.slices
        rgb[rows, columns] = picture[: place.height, : place.width]
        truths.append(fragment_truth(tissue, (place.x, place.y), oversampling(case.mpp)))
    _add_dust(rgb, places, case.mpp, rng)
    add_noise(rgb, rng, params)
    return rgb, tuple(truths)


def oversampling(mpp: float) -> int:
    """How many painted pixels make the side of one slide pixel."""
    return max(1, math.ceil(mpp / PAINT_MPP - 1e-9))


def _draw_fragment(
    spec: FragmentSpec, mpp: float, rng: np.random.Generator, stain: SlideStain
) -> tuple[FragmentTissue, Rgb]:
    shrink = oversampling(mpp)
    tissue = grow_fragment(spec, mpp / shrink, rng)
    light = develop(*paint_densities(tissue, rng), stain)
    if shrink > 1:
        size = (light.shape[1] // shrink, light.shape[0] // shrink)
        light = cv2.resize(light[: size[1] * shrink, : size[0] * shrink], size, interpolation=cv2.INTER_AREA)
    return tissue, np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _plan(case: CaseSpec, rng: np.random.Generator) -> tuple[list[Box], tuple[int, int]]:
    """Place the fragments in rows, left to right and top to bottom, and size the slide in whole tiles of 16 pixels."""
    sides = [_side_px(fragment.diameter_um, case.mpp) for fragment in case.fragments]
    n_columns = math.ceil(math.sqrt(len(sides)))
    play, border = round(PLAY_UM / case.mpp), round(BORDER_UM / case.mpp)
    pitch = max(sides) + round(GAP_UM / case.mpp) + play
    boxes = []
    for i, side in enumerate(sides):
        dx, dy = rng.integers(0, play + 1, 2)
        slack = (max(sides) - side) // 2
        left, top = i % n_columns * pitch, i // n_columns * pitch
        boxes.append(Box(border + left + slack + int(dx), border + top + slack + int(dy), side, side))
    width, height = max(b.right for b in boxes) + border, max(b.bottom for b in boxes) + border
    return boxes, (width + -width % 16, height + -height % 16)


def _side_px(diameter_um: float, mpp: float) -> int:
    """Side of a fragment's own picture, in slide pixels; as `draw_outline` makes it, less what fills no pixel."""
    fine = mpp / oversampling(mpp)
    side = math.ceil(diameter_um / fine) + 2 * math.ceil(TissueParams().margin_um / fine)
    return side // oversampling(mpp)


def _add_dust(rgb: Rgb, places: Sequence[Box], mpp: float, rng: np.random.Generator) -> None:
    """Drop `N_DUST` specks, 4 to 24 um across and a little out of focus, where they touch no fragment."""
    height, width = rgb.shape[:2]
    for _ in range(N_DUST):
        radius = rng.uniform(2.0, 12.0) / mpp
        reach = math.ceil(2 * radius) + 2
        x, y = int(rng.integers(reach, width - reach)), int(rng.integers(reach, height - reach))
        box = Box(x - reach, y - reach, 2 * reach + 1, 2 * reach + 1)
        if all(place.clipped(box).is_empty for place in places):
            rgb[box.slices] = _dusted(rgb[box.slices], radius, rng)


def _dusted(rgb: Rgb, radius: float, rng: np.random.Generator) -> Rgb:
    y, x = np.indices(rgb.shape[:2]) - (rgb.shape[0] - 1) / 2
    theta = np.arctan2(y, x)
    lobes = 1 + sum(rng.normal(0, 0.2 / k) * np.cos(k * theta + rng.uniform(0, 2 * math.pi)) for k in (1, 2, 3, 5))
    cover = 1 / (1 + np.exp(np.clip((np.hypot(x, y) - radius * lobes) / (0.12 * radius), -30, 30)))
    color = np.array([96.0, 88.0, 80.0]) + rng.normal(0, 12)
    mixed: NDArray[np.float64] = rgb + (color - rgb) * (0.8 * cover)[..., None]
    return np.rint(mixed).astype(np.uint8)


def _write_cases_table(path: Path, cases: Sequence[CaseSpec]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("case_id", "slide", "ish"))
        writer.writerows((case.case_id, f"{case.case_id}.tif", str(case.ish)) for case in cases)
