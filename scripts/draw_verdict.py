"""Draw the places that decided the labels of some cases: python -m scripts.draw_verdict RESULTS CASE... --sheet FILE.

A row a case: what was said of it and why, the slide with its fragments, and the first field that decides, as in the
report. For docs/verdict.md; the cases are those of `scripts/verdict_cases.py`.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.report.case_json import CASE_FILE, read_case_json

Rgb = NDArray[np.uint8]

SIDE, N_FIELDS = 400, 1
"""Pixels of a picture, and fields a case."""
LINE_PX, LETTERS = 19, 100
"""Height of a line of text, and letters in it."""
QUALITY = 85


def draw_case(folder: Path) -> Rgb:
    """Draw a case's row: text above, pictures below."""
    pictures = json.loads((folder / "pictures" / "index.json").read_text(encoding="utf-8"))
    overviews, fields = ([p for p in pictures if p["kind"] == kind] for kind in ("overview", "field"))
    shown = overviews[:1] + fields[:N_FIELDS]
    views = [_fit(read_picture(folder / "pictures" / picture["file"])) for picture in shown]
    views += [np.full((SIDE, SIDE, 3), 255, np.uint8)] * (1 + N_FIELDS - len(views))
    case = read_case_json(folder / CASE_FILE)
    lines = [f"{case.case_id}: {case.label}. {case.reason}", *(f"> {field['caption']}" for field in fields[:N_FIELDS])]
    return np.vstack([write_lines(lines, SIDE * len(views)), np.hstack(views)])


def read_picture(path: Path) -> Rgb:
    """Read a picture, OpenCV's blue, green, red; raise FileNotFoundError where there is none."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(f"{path}: no picture; expected a folder that hetscore score or rescore wrote")
    return np.asarray(picture, np.uint8)


def _fit(view: Rgb) -> Rgb:
    """Bring a picture to a square on white."""
    scale = SIDE / max(view.shape[:2])
    small = cv2.resize(view, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:SIDE, :SIDE]
    margins = ((0, SIDE - small.shape[0]), (0, SIDE - small.shape[1]), (0, 0))
    return np.asarray(np.pad(small, margins, constant_values=255), np.uint8)


def write_lines(lines: Sequence[str], width: int) -> Rgb:
    """Write lines of text on white, broken where they are too long."""
    broken = [part for line in lines for part in textwrap.wrap(line, LETTERS, subsequent_indent="  ")]
    sheet = np.full((LINE_PX * (len(broken) + 1), width, 3), 255, np.uint8)
    for i, line in enumerate(broken):
        cv2.putText(sheet, line, (4, LINE_PX * (i + 1)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet


def main() -> None:
    """Read the command line, draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder written by hetscore score")
    parser.add_argument("cases", nargs="+", help="their ids")
    parser.add_argument("--sheet", type=Path, required=True, help="where to draw them")
    given = parser.parse_args()
    missing = [case for case in given.cases if not (given.results / "cases" / case).is_dir()]
    if missing:
        parser.error(f"{given.results} holds no case {', '.join(missing)}")
    sheet = np.vstack([draw_case(given.results / "cases" / case) for case in given.cases])
    if not cv2.imwrite(str(given.sheet), sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
        parser.error(f"--sheet {given.sheet} cannot be written; expected a .jpg in a folder that exists")


if __name__ == "__main__":
    main()
