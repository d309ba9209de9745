"""What is learned from: phantom fields whose every pixel is known, and crops of real cores with points read by people.

Both become `Example`s at about 0.5 um/px. Drawn fields are kept in a cache, as drawing takes longer than reading.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import MppSource, Rgb
from hetscore.geometry import Box
from hetscore.phantom import CaseSpec, make_cases
from hetscore.phantom.fields import LabeledField, draw_fields
from hetscore.phantom.raster import measure
from hetscore.slides import open_slide
from hetscore.stain import find_white, optical_density
from scripts.training.unstained import make_unstained_cases

MPP = 0.5
"""Of the pictures the network sees."""
CORE_MPP = 0.25
"""Of the development cores, estimated from nuclear size (data/MANIFEST.md)."""
CORE_BORDER_PX = 8
"""Level-0 pixels along the border of a crop that were not read (annotations/README.md)."""
SURROUNDINGS_PX = 384
"""Level-0 pixels cut around a crop: 96 um, so that its cells are seen with what lies beside them."""

DOUBT, OTHER, TUMOR = -1, 0, 1
"""Of a point: a nucleus of which nothing is known, a nucleus that is no tumor cell's, one that is."""
NOT_READ = -1
"""Of a pixel: in no region."""
CODES = {"t0": TUMOR, "t1": TUMOR, "t2": TUMOR, "t3": TUMOR, "n": OTHER, "u": DOUBT}
"""x is no nucleus, or a second point on one: it is background and has no row."""


NOWHERE = Box(0, 0, 0, 0)


@dataclass(frozen=True)
class Example:
    """A picture with what is known of it; pictures are (h, w), points (n, ...)."""

    name: str
    group: str
    """Core or case: what is left out at once."""
    rgb: Rgb
    white: tuple[float, float, float]
    xy: NDArray[np.float32]
    """(n, 2) centers of nuclei, pixels, the first pixel's center at 0.5."""
    kind: NDArray[np.int8]
    """(n,) `DOUBT`, `OTHER` or `TUMOR`."""
    known: NDArray[np.bool_]
    """Where all nuclei are among the points."""
    nuclei: NDArray[np.uint16] | None = None
    cells: NDArray[np.uint16] | None = None
    """Labels 1..n, rows of the points; None where only points are known."""
    code: NDArray[np.str_] | None = None
    """What the reader wrote of each point; None on phantoms."""
    box: Box = NOWHERE
    """Where a crop lies on its core, level-0 pixels."""
    tissue: NDArray[np.int8] | None = None
    """What a reader painted, `OTHER` or `TUMOR`, and `NOT_READ` elsewhere; None if nothing was painted."""
    is_unread: bool = False
    """Nobody read it: what is asked is what the network said before the stage."""


@dataclass(frozen=True)
class PhantomSet:
    """Some cases of a preset."""

    preset: str
    seed: int
    n_cases: int


PHANTOMS = (
    PhantomSet("easy", 50_001, 10),
    PhantomSet("typical", 50_002, 24),
    PhantomSet("hard", 50_003, 24),
    PhantomSet("artefacts", 50_004, 14),
    PhantomSet("scanner-warm", 50_005, 6),
    PhantomSet("scanner-cool", 50_006, 6),
    PhantomSet("scanner-contrast", 50_007, 6),
)
"""Trained on; tests, samples and evaluations use other seeds."""

PHANTOMS_SMALL = (PhantomSet("easy", 50_101, 1), PhantomSet("typical", 50_102, 1))
"""Enough to see that the loop learns."""

UNSTAINED = PhantomSet("unstained", 50_201, 24)
"""Of `make_unstained_cases`, no preset; case i is drawn with the seed + i."""
GLASS_OD = 0.06
"""Patches of a whole core are cut around pixels denser than this in some color: of the palest core 6 % are, mostly
nuclei."""


def read_phantoms(sets: Sequence[PhantomSet], cache: Path, processes: int) -> list[Example]:
    """Draw the fields of the sets, or read those drawn before from `cache`."""
    cases = [(s.seed, case) for s in sets for case in make_cases(s.preset, s.seed, s.n_cases)]
    return _read_fields(cases, cache, processes)


def read_unstained(cache: Path, processes: int, cases: PhantomSet = UNSTAINED) -> list[Example]:
    """Draw the fields of unstained tumor and of what looks like it, or read those drawn before from `cache`."""
    drawn = make_unstained_cases(cases.seed, cases.n_cases)
    return _read_fields([(cases.seed + i, case) for i, case in enumerate(drawn)], cache, processes)


def _read_fields(cases: Sequence[tuple[int, CaseSpec]], cache: Path, processes: int) -> list[Example]:
    cache.mkdir(parents=True, exist_ok=True)
    jobs = [(seed, case, cache) for seed, case in cases]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        files = [path for paths in pool.map(_draw_case, jobs) for path in paths]
    return [_read(path) for path in files]


def _draw_case(job: tuple[int, CaseSpec, Path]) -> list[Path]:
    seed, case, cache = job
    cv2.setNumThreads(1)
    name = f"{seed}-{zlib.crc32(repr(case).encode()):08x}"
    paths = [cache / f"{name}-{i}.npz" for i in range(len(case.fragments))]
    if not all(path.exists() for path in paths):
        for path, field in zip(paths, draw_fields(case, seed, MPP), strict=True):
            _write(path, _of_field(path.stem, name, field))
    return paths


def _of_field(name: str, group: str, field: LabeledField) -> Example:
    n = len(field.is_tumor)
    xy = measure(field.nuclei, n)[:, 1:]
    is_seen = np.isfinite(xy[:, 0])
    column, row = xy[is_seen].astype(int).T
    is_seen[is_seen] = ~field.is_hidden[row, column]
    number = np.zeros(n + 1, np.uint16)
    number[1:][is_seen] = np.arange(1, is_seen.sum() + 1)
    return Example(
        name=name,
        group=group,
        rgb=field.rgb,
        white=field.white,
        xy=xy[is_seen].astype(np.float32),
        kind=np.where(field.is_tumor, TUMOR, OTHER)[is_seen].astype(np.int8),
        known=~field.is_hidden,
        nuclei=number[field.nuclei],
        cells=number[field.cells],
    )


def _write(path: Path, example: Example) -> None:
    """Write under another name first: a cut session leaves no half file behind."""
    partial = path.with_suffix(".part.npz")
    labels = [np.zeros(0) if picture is None else picture for picture in (example.nuclei, example.cells)]
    np.savez_compressed(
        partial,
        group=example.group,
        rgb=example.rgb,
        white=np.array(example.white),
        xy=example.xy,
        kind=example.kind,
        known=example.known,
        nuclei=labels[0],
        cells=labels[1],
    )
    partial.rename(path)


def _read(path: Path) -> Example:
    with np.load(path) as file:
        white = tuple(float(v) for v in file["white"])
        return Example(
            name=path.stem,
            group=str(file["group"]),
            rgb=file["rgb"],
            white=(white[0], white[1], white[2]),
            xy=file["xy"],
            kind=file["kind"],
            known=file["known"],
            nuclei=file["nuclei"],
            cells=file["cells"],
        )


def read_cores(data: Path, left_out: Sequence[str]) -> list[Example]:
    """Read the development cores whole, but for those whose names begin so; of their nuclei nothing is said."""
    paths = sorted((data / "eac-tma").glob("*.jpg"))
    return [_read_core(path) for path in paths if not path.name.startswith(tuple(left_out))]


def _read_core(path: Path) -> Example:
    with open_slide(path, mpp=CORE_MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
        white = find_white(slide.thumbnail(4.0).rgb)
        rgb = slide.read(Box(0, 0, slide.info.width // 2 * 2, slide.info.height // 2 * 2), 2)
    return Example(
        name=f"whole {path.stem}",
        group=path.stem,
        rgb=rgb,
        white=white,
        xy=np.zeros((0, 2), np.float32),
        kind=np.zeros(0, np.int8),
        known=optical_density(rgb, white).max(axis=2) > GLASS_OD,
        is_unread=True,
    )


def read_crops(data: Path, reading: int = 0) -> list[Example]:
    """Read the crops of the development cores with their points, as the first reader of each (0) or the second (1).

    Crops that were read once have no second reading and are left out of it.
    """
    with (data / "annotations" / "cells.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    readers: dict[str, set[str]] = {}
    for row in rows:
        readers.setdefault(row["crop"], set()).add(row["reader"])
    used = [row for row in rows if row["reader"] in sorted(readers[row["crop"]])[reading : reading + 1]]
    return [example for core in sorted({row["core"] for row in used}) for example in _crops_of(data, core, used)]


def _crops_of(data: Path, core: str, rows: Iterable[dict[str, str]]) -> Iterator[Example]:
    own = [row for row in rows if row["core"] == core]
    with open_slide(data / "eac-tma" / f"{core}.jpg", mpp=CORE_MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
        white = find_white(slide.thumbnail(4.0).rgb)
        for name in sorted({row["crop"] for row in own}):
            points = [row for row in own if row["crop"] == name]
            left, top, side = (int(points[0][key]) for key in ("crop_x", "crop_y", "crop_size"))
            box = Box(left, top, side, side).grown(SURROUNDINGS_PX)
            box = Box(box.x // 2 * 2, box.y // 2 * 2, box.width, box.height)
            yield _of_crop(name, core, slide.read(box, 2), white, points, (box, Box(left, top, side, side)))


def _of_crop(
    name: str,
    core: str,
    rgb: Rgb,
    white: tuple[float, float, float],
    points: list[dict[str, str]],
    boxes: tuple[Box, Box],
) -> Example:
    box, crop = boxes
    points = [p for p in points if p["code"] in CODES]
    xy = np.array([[float(p["x"]) - box.x, float(p["y"]) - box.y] for p in points]).reshape(-1, 2) / 2
    known = np.zeros(rgb.shape[:2], bool)
    inner = crop.grown(-CORE_BORDER_PX)
    known[(inner.y - box.y) // 2 : (inner.bottom - box.y) // 2, (inner.x - box.x) // 2 : (inner.right - box.x) // 2] = 1
    return Example(
        name=name,
        group=core,
        rgb=rgb,
        white=white,
        xy=xy.astype(np.float32),
        kind=np.array([CODES[p["code"]] for p in points], np.int8),
        known=known,
        code=np.array([p["code"] for p in points]),
        box=box,
    )
