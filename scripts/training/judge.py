"""How well a network does on examples it was not trained on: nuclei found, tumor told from the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import expit

from hetscore.evaluation.classification import area_under_curve
from hetscore.segmenters.network import NetworkParams, SegmentationNetwork, find_cells, normalize
from hetscore.stain import optical_density
from scripts.training.examples import DOUBT, MPP, TUMOR, Example

Floats = NDArray[np.float64]

MATCH_UM = 3.0
"""A found nucleus and a point are the same within this."""


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


@torch.no_grad()
def predict(model: SegmentationNetwork, example: Example, device: str = "cpu") -> NDArray[np.float32]:
    """Compute the maps of a whole example, (5, h, w)."""
    height, width = example.rgb.shape[:2]
    stride = 32
    padded = np.pad(example.rgb, ((0, -height % stride), (0, -width % stride), (0, 0)), mode="edge")
    density = torch.from_numpy(optical_density(padded, example.white).transpose(2, 0, 1)[None].copy()).to(device)
    maps = model(normalize(density).contiguous(memory_format=torch.channels_last))
    return np.ascontiguousarray(maps[0, :, :height, :width].float().cpu().numpy())


def judge(
    model: SegmentationNetwork, examples: Sequence[Example], params: NetworkParams, device: str = "cpu"
) -> Iterator[Judged]:
    """Judge examples one by one. Finds near a doubtful nucleus, or where not all is known, count neither way."""
    model.eval()
    for example in examples:
        nuclei, _, logit = find_cells(predict(model, example, device), MPP, params)
        yield match(example, centers(nuclei, len(logit)), logit)


def match(example: Example, found: Floats, logit: Floats) -> Judged:
    """Pair what was found, centers in pixels of the example, with what is known, nearest first."""
    inside = example.known[found[:, 1].astype(int), found[:, 0].astype(int)]
    at = np.clip(example.xy.astype(int), 0, np.array(example.known.shape[::-1]) - 1)
    asked = (example.kind != DOUBT) & example.known[at[:, 1], at[:, 0]]
    pairs = pair_nearest(found, example.xy.astype(np.float64), MATCH_UM / MPP)
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


def centers(labels: NDArray[np.int32], n: int) -> Floats:
    """Centers of labels 1..n, (n, 2) pixels, the first pixel's center at 0.5."""
    y, x = np.nonzero(labels)
    label = labels[y, x]
    area = np.maximum(np.bincount(label, minlength=n + 1)[1:], 1)
    return np.stack([np.bincount(label, weights=v + 0.5, minlength=n + 1)[1:] / area for v in (x, y)], axis=1)


def pair_nearest(a: Floats, b: Floats, reach: float) -> NDArray[np.int64]:
    """Pair points of `a` and `b` within reach, nearest first, each used once; (m, 2) positions."""
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.int64)
    near = cKDTree(a).sparse_distance_matrix(cKDTree(b), reach, output_type="coo_matrix")
    used_a, used_b, pairs = set(), set(), []
    for k in np.argsort(near.data, kind="stable"):
        i, j = int(near.row[k]), int(near.col[k])
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            pairs.append((i, j))
    return np.array(pairs, np.int64).reshape(-1, 2)


def report(judged: Sequence[Judged]) -> str:
    """One line a group and one over all."""
    lines = []
    for group in [*sorted({j.group for j in judged}), ""]:
        own = [j for j in judged if group in ("", j.group)]
        lines.append(f"{group[:24] or 'all':26}" + _line(own))
    return "\n".join(lines)


def _line(judged: Sequence[Judged]) -> str:
    matched, false, missed = (sum(getattr(j, name) for j in judged) for name in ("n_matched", "n_false", "n_missed"))
    is_tumor, logit = np.concatenate([j.is_tumor for j in judged]), np.concatenate([j.logit for j in judged])
    called, code = logit >= 0, np.concatenate([j.code for j in judged])
    kept, refused = _share(called[is_tumor]), _share(~called[~is_tumor])
    auc = area_under_curve(logit, is_tumor) if is_tumor.any() and not is_tumor.all() else float("nan")
    by_code = " ".join(f"{c} {_share(called[code == c]):.2f}" for c in ("t0", "t1", "t2", "t3") if (code == c).any())
    precision, recall = matched / max(1, matched + false), matched / max(1, matched + missed)
    return (
        f"F1 {2 * matched / max(1, 2 * matched + false + missed):.3f} (precision {precision:.3f}"
        f" recall {recall:.3f})  tumor AUC {auc:.3f} kept {kept:.3f} ({by_code})"
        f" other refused {refused:.3f} ece {calibration_error(expit(logit), is_tumor):.3f}"
    )


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else float("nan")


def calibration_error(chance: Floats, truth: NDArray[np.bool_], n_bins: int = 10) -> float:
    """Mean distance between chance and share that is true, over bins of equal width (expected calibration error)."""
    if not len(chance):
        return float("nan")
    bins = np.minimum((chance * n_bins).astype(int), n_bins - 1)
    gaps = [abs(chance[bins == k].mean() - truth[bins == k].mean()) * (bins == k).mean() for k in np.unique(bins)]
    return float(sum(gaps))
