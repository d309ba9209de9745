"""How well a network does on examples it was not trained on: nuclei found, tumor told from the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy.special import expit

from hetscore.evaluation.classification import area_under_curve, calibration_error
from hetscore.evaluation.detection import MATCH_UM, match_cells, ratio
from hetscore.phantom.raster import measure
from hetscore.segmenters import DeviceName
from hetscore.segmenters.calibration import TumorCalibration
from hetscore.segmenters.network import NetworkParams, NetworkSegmenter, find_cells
from hetscore.segmenters.unet import SegmentationNetwork, fold_trained
from scripts.training.examples import DOUBT, MPP, OTHER, TUMOR, Example
from scripts.training.regions import Region, paint, read_regions

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """What was found in one example, matched with what is known."""

    group: str
    n_matched: int
    n_false: int
    n_missed: int
    rows: NDArray[np.int64]
    """Of the finds, those matched with a sure point; the columns below are theirs."""
    is_tumor: NDArray[np.bool_]
    logit: Floats
    code: NDArray[np.str_]


def judge(
    model: SegmentationNetwork, examples: Sequence[Example], params: NetworkParams, device: str = "cpu"
) -> Iterator[Judged]:
    """Judge examples one by one. Finds near a doubtful nucleus, or where not all is known, count neither way."""
    choice = TypeAdapter(DeviceName).validate_python(device)
    segmenter = NetworkSegmenter(fold_trained(model), TumorCalibration(1.0, 0.0), replace(params, device=choice))
    for example in examples:
        nuclei, _, logit = find_cells(segmenter.predict(example.rgb, example.white), MPP, params)
        yield match(example, measure(nuclei, len(logit))[:, 1:], logit)


def match(example: Example, found: Floats, logit: Floats) -> Judged:
    """Pair what was found, centers in pixels of the example, with what is known, as `hetscore evaluate` does."""
    inside = example.known[found[:, 1].astype(int), found[:, 0].astype(int)]
    at = np.clip(example.xy.astype(int), 0, np.array(example.known.shape[::-1]) - 1)
    asked = (example.kind != DOUBT) & example.known[at[:, 1], at[:, 0]]
    pairs = np.stack(match_cells(found, example.xy.astype(np.float64), MATCH_UM / MPP), axis=1)
    sure = pairs[asked[pairs[:, 1]]]
    free = np.setdiff1d(np.flatnonzero(inside), pairs[:, 0])
    return Judged(
        group=example.group if example.code is not None else f"phantom {example.group.split('-')[0]}",
        n_matched=len(sure),
        n_false=len(free),
        n_missed=int(asked.sum()) - len(sure),
        rows=sure[:, 0],
        is_tumor=example.kind[sure[:, 1]] == TUMOR,
        logit=logit[sure[:, 0]],
        code=example.code[sure[:, 1]] if example.code is not None else np.full(len(sure), ""),
    )


@dataclass(frozen=True)
class JudgedRegion:
    """The nuclei found in a region."""

    region: Region
    area_mm2: float
    logit: Floats


def judge_regions(
    model: SegmentationNetwork, regions: Sequence[Region], data: Path, params: NetworkParams, device: str = "cpu"
) -> Iterator[JudgedRegion]:
    """Judge regions one by one: a nucleus belongs to one if its center does."""
    choice = TypeAdapter(DeviceName).validate_python(device)
    segmenter = NetworkSegmenter(fold_trained(model), TumorCalibration(1.0, 0.0), replace(params, device=choice))
    for region, example in zip(regions, read_regions(data, regions), strict=True):
        nuclei, _, logit = find_cells(segmenter.predict(example.rgb, example.white), MPP, params)
        yield within(region, example, measure(nuclei, len(logit))[:, 1:], logit)


def within(region: Region, example: Example, centers: Floats, logit: Floats) -> JudgedRegion:
    """Take the nuclei whose centers, pixels of the example, lie in the region."""
    height, width = example.known.shape
    inside = paint([region], example.box, (height, width)) == region.kind
    column, row = centers.astype(int).T
    return JudgedRegion(region, float(inside.sum()) * (MPP / 1000) ** 2, logit[inside[row, column]])


def report_regions(judged: Sequence[JudgedRegion]) -> str:
    """One line an image and tissue: regions, area, nuclei found, share of them called tumor."""
    lines = []
    for kind, name in ((TUMOR, "tumor"), (OTHER, "other")):
        own = [j for j in judged if j.region.kind == kind]
        for image, tissue in sorted({(j.region.image, j.region.tissue) for j in own}):
            same = [j for j in own if (j.region.image, j.region.tissue) == (image, tissue)]
            lines.append(f"{name}  {image[:24]:24}  {tissue:24}" + _region_line(same))
        lines += [f"{name}  {'all':24}  {'':24}" + _region_line(own)] if own else []
    return "\n".join(lines)


def _region_line(judged: Sequence[JudgedRegion]) -> str:
    area, logit = sum(j.area_mm2 for j in judged), np.concatenate([j.logit for j in judged])
    called = int((logit >= 0).sum())
    return (
        f"regions {len(judged):3d}  mm2 {area:.3f}  nuclei {len(logit):5d}  "
        f"called tumor {_share(logit >= 0):.3f}, per mm2 {called / area:5.0f}"
    )


def report(judged: Sequence[Judged]) -> str:
    """One line a group and one over all."""
    lines = []
    for group in [*sorted({j.group for j in judged}), ""]:
        own = [j for j in judged if group in ("", j.group)]
        lines.append(f"{group[:24] or 'all':26}" + _line(own))
    return "\n".join(lines)


def _line(judged: Sequence[Judged]) -> str:
    called = np.concatenate([j.logit for j in judged]) >= 0
    code = np.concatenate([j.code for j in judged])
    by_code = " ".join(f"{c} {_share(called[code == c]):.2f}" for c in ("t0", "t1", "t2", "t3") if (code == c).any())
    return "  ".join(f"{name} {value:.3f}" for name, value in figures(judged).items()) + f"  kept {by_code}"


def figures(judged: Sequence[Judged]) -> dict[str, float]:
    """Sum up how good a network is; NaN where a figure is not defined. docs/training.md says what each is of."""
    matched, false, missed = (sum(getattr(j, name) for j in judged) for name in ("n_matched", "n_false", "n_missed"))
    is_tumor, logit = (np.concatenate([getattr(j, name) for j in judged]) for name in ("is_tumor", "logit"))
    kept, refused = _share((logit >= 0)[is_tumor]), _share((logit < 0)[~is_tumor])
    values = {
        "nuclei_f1": ratio(2 * matched, 2 * matched + false + missed),
        "nuclei_precision": ratio(matched, matched + false),
        "nuclei_recall": ratio(matched, matched + missed),
        "tumor_auc": area_under_curve(logit, is_tumor),
        "tumor_balanced_accuracy": (kept + refused) / 2,
        "tumor_kept": kept,
        "other_refused": refused,
        "tumor_calibration_error": calibration_error(expit(logit), is_tumor),
    }
    return {name: math.nan if value is None else round(float(value), 3) for name, value in values.items()}


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else float("nan")
