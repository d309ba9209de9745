"""The sheet of what decides a case."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from scripts.draw_verdict import LINE_PX, N_FIELDS, SIDE, draw_case, write_lines

GOLDEN = Path(__file__).parent.parent / "golden" / "report" / "case.json"


def make_case(folder: Path) -> Path:
    """Write a case with an overview, wider than high, and a field, both gray."""
    (folder / "pictures").mkdir(parents=True)
    shutil.copy(GOLDEN, folder / "case.json")
    shown = [("overview", (200, 400)), ("field", (800, 800))]
    for kind, shape in shown:
        cv2.imwrite(str(folder / "pictures" / f"{kind}.jpg"), np.full((*shape, 3), 100, np.uint8))
    index = [{"file": f"{kind}.jpg", "kind": kind, "caption": f"the {kind}"} for kind, _ in shown]
    (folder / "pictures" / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def test_pictures_keep_their_shape_side_by_side(tmp_path: Path) -> None:
    """The overview is as wide as its square and half as high, on white; the field fills its own."""
    row = draw_case(make_case(tmp_path / "case"))
    assert row.shape[1] == SIDE * (1 + N_FIELDS)
    pictures = row[-SIDE:]
    assert abs(int(pictures[SIDE // 4, SIDE // 2].max()) - 100) < 5
    assert pictures[3 * SIDE // 4, SIDE // 2].min() == 255
    assert abs(int(pictures[3 * SIDE // 4, SIDE + SIDE // 2].max()) - 100) < 5


def test_long_text_is_broken_not_cut() -> None:
    """Three times as many words take more lines, and each line has its height."""
    short, long = write_lines(["word " * 10], 800), write_lines(["word " * 60], 800)
    assert short.shape == (2 * LINE_PX, 800, 3)
    assert long.shape[0] > 3 * LINE_PX
    assert long.min() < 100


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    """It is not drawn as a white square."""
    case = make_case(tmp_path / "case")
    (case / "pictures" / "field.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"field\.jpg: no picture"):
        draw_case(case)
