"""Calibrate the `watershed` model from points read by people, its tumor call also from phantoms.

Writes models/watershed/model.toml and prints the figures of its card: each development core is judged by a fit that
never saw it. Run from the repository with the development data beside it::

    python scripts/calibrate_default.py --data ../shared/data
"""

from __future__ import annotations

import argparse
import csv
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.special import expit
from scipy.stats import rankdata

from hetscore.domain import Rgb, Tile, TileImage, TileLabels
from hetscore.geometry import Box
from hetscore.membrane import measure_cells
from hetscore.phantom import draw_case, make_cases
from hetscore.scoring.cell import OD_FLOOR, OrdinalModel, cell_measures
from hetscore.segmenters.growth import find_shrink
from hetscore.segmenters.watershed import (
    FEATURES,
    LogisticModel,
    WatershedParams,
    find_nuclei,
    find_views,
    grow_cells,
    measure_nuclei,
)
from hetscore.stain import Stain, StainVectors, find_white

Floats = NDArray[np.float64]

REPOSITORY = Path(__file__).resolve().parent.parent
MODEL = REPOSITORY / "models" / "watershed" / "model.toml"
STAIN = StainVectors(hematoxylin=(0.642, 0.627, 0.447), dab=(0.360, 0.567, 0.741))
"""Medians over the bluest and the brownest pixels of the eight development cores, densities against their glass."""
MPP = 0.25
"""Of the development cores, estimated from nuclear size (data/MANIFEST.md)."""
MIN_SHARE = 0.2
"""Completeness below which a cell is not 2+ or 3+: below nearly all cells read as such (0.43 at the 5th percentile of
2+), above nearly all read as 0 (0.15 at the 95th)."""
PHANTOM_SEED = 1000
"""Of the phantoms calibrated on; tests, samples and evaluations use others."""
PRESETS = ("sample", "typical")
N_PHANTOMS = 7
"""Of each preset: of `sample` one of each kind; more cells than the real points have in all."""
MARGIN_PX = 400
"""Read around each crop, so that its cells are measured as on the whole core: above `Watershed.margin_um`."""
MATCH_UM = 3.0
"""A found nucleus and a point are the same within this (the annotations' own precision is 3 px, 0.75 um)."""
CLASSES = {"t0": 0, "t1": 1, "t2": 2, "t3": 3}


@dataclass(frozen=True)
class Sample:
    """Found nuclei that a person (or the phantom's truth) has named."""

    group: NDArray[np.str_]
    """Core or phantom: what is left out at once."""
    code: NDArray[np.str_]
    features: Floats
    measures: Floats

    def take(self, index: NDArray[np.bool_]) -> Sample:
        """Return the rows chosen."""
        return Sample(self.group[index], self.code[index], self.features[index], self.measures[index])


def join_samples(parts: Sequence[Sample]) -> Sample:
    """Put samples one after another."""
    columns = (np.concatenate([getattr(p, f) for p in parts]) for f in ("group", "code", "features", "measures"))
    return Sample(*columns)


def measure_field(rgb: Rgb, stain: Stain, mpp: float) -> tuple[Floats, Floats, Floats]:
    """Centers (px of the field), tumor features and membrane measures of all nuclei of a field."""
    params = WatershedParams()
    height, width = rgb.shape[:2]
    whole = Box(0, 0, width, height)
    image = TileImage(Tile(0, whole, whole, 1, mpp), rgb)
    shrink = find_shrink(mpp, params.mpp)
    views = find_views(image, stain, shrink, params)
    nuclei, seeds = find_nuclei(views, params)
    features = measure_nuclei(nuclei, seeds, views, params)
    index = np.arange(len(seeds), dtype=np.float64)  # carried through in place of the probability
    cells = measure_cells(image, TileLabels(nuclei, grow_cells(nuclei, seeds, views, params), index, shrink), stain)
    rows = cells.p_tumor.astype(np.int64)
    return np.column_stack([cells.x, cells.y]), features[rows], cell_measures(cells)


def match_points(found: Floats, points: Floats, reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair found nuclei with points, nearest first, each used once; positions in `found` and in `points`."""
    distances = cKDTree(found).sparse_distance_matrix(cKDTree(points), reach, output_type="coo_matrix")
    order = np.argsort(distances.data, kind="stable")
    used_found, used_points, pairs = set(), set(), []
    for i, j in zip(distances.row[order], distances.col[order], strict=True):
        if i not in used_found and j not in used_points:
            used_found.add(i)
            used_points.add(j)
            pairs.append((i, j))
    chosen = np.array(pairs, np.int64).reshape(-1, 2)
    return chosen[:, 0], chosen[:, 1]


def read_crops(data: Path) -> Iterator[Sample]:
    """Measure the development crops, one sample a crop."""
    crops: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    with (data / "annotations" / "cells.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            crops[row["core"], row["crop"]].append(row)
    core_name, core, stain = "", np.zeros((0, 0, 3), np.uint8), Stain((240.0, 240.0, 240.0), STAIN)
    for (name, _), rows in sorted(crops.items()):
        if name != core_name:
            core_name, core = name, cv2.cvtColor(cv2.imread(str(data / "eac-tma" / f"{name}.jpg")), cv2.COLOR_BGR2RGB)
            stain = Stain(find_white(cv2.resize(core, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)), STAIN)
        x, y, size = (int(rows[0][key]) for key in ("crop_x", "crop_y", "crop_size"))
        left, top = max(0, x - MARGIN_PX) // 2 * 2, max(0, y - MARGIN_PX) // 2 * 2
        field = core[top : y + size + MARGIN_PX, left : x + size + MARGIN_PX]
        found, features, measures = measure_field(field[: len(field) // 2 * 2, : field.shape[1] // 2 * 2], stain, MPP)
        points = np.array([(float(r["x"]) - left, float(r["y"]) - top) for r in rows])
        codes = np.array([r["code"] for r in rows])
        i, j = match_points(found, points, MATCH_UM / MPP)
        yield Sample(np.full(len(i), name), codes[j], features[i], measures[i])


def draw_phantoms() -> Iterator[Sample]:
    """Measure phantoms of known truth, one sample a case; found nuclei that are none are code x."""
    cases = [case for preset in PRESETS for case in make_cases(preset, PHANTOM_SEED, N_PHANTOMS)]
    for case in cases:
        drawn, fragments = draw_case(case, PHANTOM_SEED)
        _, jpeg = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, case.quality])
        rgb = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
        stain = Stain(find_white(cv2.resize(rgb, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)), STAIN)
        for truth in fragments:
            x, y = int(truth.x.min()) // 2 * 2, int(truth.y.min()) // 2 * 2
            left, top = max(0, x - MARGIN_PX), max(0, y - MARGIN_PX)
            field = rgb[top : int(truth.y.max()) + MARGIN_PX, left : int(truth.x.max()) + MARGIN_PX]
            even = field[: len(field) // 2 * 2, : field.shape[1] // 2 * 2]
            found, features, measures = measure_field(even, stain, case.mpp)
            points = np.column_stack([truth.x - left, truth.y - top])
            i, j = match_points(found, points, MATCH_UM / case.mpp)
            code = np.full(len(found), "x", "U2")
            code[i] = np.where(truth.is_tumor[j], np.char.add("t", truth.membrane_class[j].astype(str)), "n")
            yield Sample(np.full(len(found), f"phantom {case.case_id}"), code, features, measures)


def thin_out(sample: Sample, n_most: int) -> Sample:
    """Keep at most `n_most` rows of each phantom, so that they do not outweigh the real cores."""
    rng = np.random.default_rng(PHANTOM_SEED)
    keep = np.ones(len(sample.code), bool)
    for name in np.unique(sample.group[np.char.startswith(sample.group, "phantom")]):
        rows = np.flatnonzero(sample.group == name)
        keep[rng.permutation(rows)[n_most:]] = False
    return sample.take(keep)


def fit_tumor(sample: Sample, penalty: float = 2.0) -> LogisticModel:
    """Fit the tumor call by ridge logistic regression.

    Each code of each core (of all phantoms together) weighs by the square root of its inverse size: unstained tumor
    cells are few, and losing them is what would make a hetero case homo.
    """
    chosen = sample.take(sample.code != "u")
    target = np.isin(chosen.code, list(CLASSES)).astype(np.float64)
    center, scale = chosen.features.mean(axis=0), chosen.features.std(axis=0)
    z = np.clip((chosen.features - center) / scale, -4, 4)
    source = np.where(np.char.startswith(chosen.group, "phantom"), "phantom", chosen.group)
    weight = _group_weights(np.char.add(source, chosen.code))

    def loss(b: Floats) -> tuple[float, Floats]:
        score = z @ b[1:] + b[0]
        value = float((weight * (np.logaddexp(0, score) - target * score)).sum() + penalty * (b[1:] ** 2).sum())
        slope = weight * (expit(score) - target)
        return value, np.concatenate([[slope.sum()], z.T @ slope + 2 * penalty * b[1:]])

    b = minimize(loss, np.zeros(z.shape[1] + 1), jac=True, method="L-BFGS-B").x
    first, second, third = (tuple(float(round(v, 5)) for v in column) for column in (center, scale, b[1:]))
    return LogisticModel(FEATURES, first, second, third, intercept=float(round(b[0], 5)))


def _group_weights(group: NDArray[np.str_]) -> Floats:
    names, inverse, counts = np.unique(group, return_inverse=True, return_counts=True)
    weights: Floats = np.sqrt(len(group) / len(names) / counts[inverse])
    return weights


def fit_membrane(sample: Sample, name: str) -> OrdinalModel:
    """Fit the membrane class over the tumor cells: proportional odds with weights >= 0."""
    chosen = sample.take(np.isin(sample.code, list(CLASSES)) & np.isfinite(sample.measures).all(axis=1))
    classes = np.array([CLASSES[c] for c in chosen.code])
    weight = _group_weights(chosen.group)

    def loss(b: Floats) -> float:
        cuts = np.cumsum([b[3], np.exp(b[4]), np.exp(b[5])])
        model = OrdinalModel(name, tuple(b[:3]), tuple(cuts))
        chance = model.probabilities(chosen.measures)[np.arange(len(classes)), classes]
        return float(-(weight * np.log(np.maximum(chance, 1e-9))).sum() + 0.5 * (b[:3] ** 2).sum())

    start = np.array([3.0, 1.0, 1.0, -7.0, 1.0, 1.0])
    bounds = [(0.0, None)] * 3 + [(None, None)] + [(-3.0, 4.0)] * 2
    b = minimize(loss, start, bounds=bounds, method="L-BFGS-B").x
    cuts = np.cumsum([b[3], np.exp(b[4]), np.exp(b[5])])
    first, second, third = (float(round(v, 4)) for v in cuts)
    one, two, three = (float(round(v, 4)) for v in b[:3])
    return OrdinalModel(name, (one, two, three), (first, second, third), MIN_SHARE)


def find_reference(sample: Sample) -> tuple[float, float, float, float]:
    """Median membrane density of the cells read as 0, 1+, 2+ and 3+: what controls of another site are held against."""
    od = np.exp(sample.measures[:, 0]) - OD_FLOOR
    zero, one, two, three = (round(float(np.nanmedian(od[sample.code == code])), 3) for code in CLASSES)
    return zero, one, two, three


def report_tumor(sample: Sample) -> None:
    """Print AUC and errors of the tumor call, each group judged by a fit without it."""
    probability = _leave_out(sample, lambda rest, own: fit_tumor(rest).probability(own.features))
    is_tumor = np.isin(sample.code, list(CLASSES))
    is_named = is_tumor | (sample.code == "n")
    for name in [*np.unique(sample.group), ""]:
        rows = is_named & (sample.group == name) if name else is_named & ~np.char.startswith(sample.group, "phantom")
        if rows.any():
            p, t = probability[rows], is_tumor[rows]
            kept = "  ".join(f"{c} {share(probability[rows & (sample.code == c)] >= 0.5):.2f}" for c in CLASSES)
            print(f"{name[:24] or 'all cores':26} n {rows.sum():5}  AUC {area_under(p, t):.3f}  "
                  f"tumor kept {share(p[t] >= 0.5):.3f} ({kept})  "
                  f"non-tumor called {share(p[~t] >= 0.5):.3f}")  # fmt: skip


def named_tumor(sample: Sample) -> Sample:
    """Take the cells that were read as tumor and could be measured."""
    return sample.take(np.isin(sample.code, list(CLASSES)) & np.isfinite(sample.measures).all(axis=1))


def most_likely(chances: Floats) -> NDArray[np.int64]:
    """Call a class for each row of `OrdinalModel.probabilities`: the median, as `classify_cells` does."""
    at_least = np.cumsum(chances[:, ::-1], axis=1)[:, ::-1]
    return np.asarray((at_least[:, 1:] >= 0.5).sum(axis=1), np.int64)


def report_membrane(sample: Sample) -> None:
    """Print accuracy and kappa of the membrane class, each group judged by a fit without it."""
    tumor = named_tumor(sample)
    truth = np.array([CLASSES[c] for c in tumor.code])
    called = most_likely(_leave_out(tumor, lambda rest, own: fit_membrane(rest, "x").probabilities(own.measures)))
    for name in [*np.unique(tumor.group), ""]:
        rows = tumor.group == name if name else np.ones(len(truth), bool)
        if rows.any():
            print(f"{name[:24] or 'all cores':26} {membrane_figures(truth[rows], called[rows])}")


def membrane_figures(truth: NDArray[np.int64], called: NDArray[np.int64]) -> str:
    """Sum up how well classes are called, in a line."""
    return (
        f"n {len(truth):5}  accuracy {share(truth == called):.3f}  "
        f"quadratic kappa {quadratic_kappa(truth, called):.3f}  "
        f"overexpressed or not {share((truth >= 2) == (called >= 2)):.3f}  read x called {confusion(truth, called)}"
    )


def _leave_out(sample: Sample, judge: Callable[[Sample, Sample], Floats]) -> Floats:
    """Judge each group by what was fitted on the others."""
    parts = [(sample.group == name) for name in np.unique(sample.group)]
    judged = [judge(sample.take(~own), sample.take(own)) for own in parts]
    result = np.zeros((len(sample.group), *judged[0].shape[1:]))
    for own, values in zip(parts, judged, strict=True):
        result[own] = values
    return result


def area_under(p: Floats, is_positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve; NaN where one kind is absent."""
    n_positive, n_negative = is_positive.sum(), (~is_positive).sum()
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(p)[is_positive].sum()
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def share(values: NDArray[np.bool_]) -> float:
    """Share of true values; NaN of none."""
    return float(values.mean()) if values.size else float("nan")


def confusion(truth: NDArray[np.int64], called: NDArray[np.int64]) -> list[list[int]]:
    """Count cells, a row a class as read, a column a class as called."""
    counts = np.zeros((4, 4), np.int64)
    np.add.at(counts, (truth, called), 1)
    rows: list[list[int]] = counts.tolist()
    return rows


def quadratic_kappa(truth: NDArray[np.int64], called: NDArray[np.int64]) -> float:
    """Cohen's kappa with quadratic weights over the four classes; NaN where there is nothing to disagree on."""
    observed = np.zeros((4, 4))
    np.add.at(observed, (truth, called), 1)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    cost = (np.arange(4)[:, None] - np.arange(4)[None, :]) ** 2
    return float(1 - (cost * observed).sum() / (cost * expected).sum()) if (cost * expected).sum() else float("nan")


def write_model(tumor: LogisticModel, membrane: OrdinalModel, reference: tuple[float, ...]) -> None:
    """Write the model's card as TOML."""
    lines = [
        "# Written by scripts/calibrate_default.py; do not edit by hand. See MODEL_CARD.md.",
        'name = "watershed"',
        'kind = "watershed"',
        "",
        "[stain]",
        f"hematoxylin = {list(STAIN.hematoxylin)}",
        f"dab = {list(STAIN.dab)}",
        "",
        "[tumor]",
        f"names = {list(tumor.names)}".replace("'", '"'),
        *(f"{name} = {list(getattr(tumor, name))}" for name in ("center", "scale", "weights")),
        f"intercept = {tumor.intercept}",
        "",
        "[membrane]",
        f'id = "{membrane.id}"',
        f"weights = {list(membrane.weights)}",
        f"cuts = {list(membrane.cuts)}",
        f"min_share = {membrane.min_share}",
        f"reference_od = {list(reference)}",
    ]
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    MODEL.write_text("\n".join(lines) + "\n", encoding="utf-8")


def calibrate_tumor(real: Sample) -> LogisticModel:
    """Fit the tumor call on cores and phantoms, and report it."""
    both = thin_out(join_samples([real, *draw_phantoms()]), n_most=700)
    report_tumor(both)
    return fit_tumor(both)


def load_tumor() -> LogisticModel:
    """Load the tumor call of the card that stands."""
    card = tomllib.loads(MODEL.read_text(encoding="utf-8"))["tumor"]
    names, center, scale, weights = (tuple(card[name]) for name in ("names", "center", "scale", "weights"))
    return LogisticModel(names, center, scale, weights, intercept=card["intercept"])


def main() -> None:
    """Collect, fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with eac-tma and annotations")
    parser.add_argument("--id", default="default-2026-11b", help="name of the calibration")
    parser.add_argument("--keep-tumor", action="store_true", help="leave the tumor call as it is in the card")
    options = parser.parse_args()
    real = join_samples(list(read_crops(options.data)))
    tumor = load_tumor() if options.keep_tumor else calibrate_tumor(real)
    report_membrane(real)
    write_model(tumor, fit_membrane(real, options.id), find_reference(real))
    print(f"wrote {MODEL}")


if __name__ == "__main__":
    main()
