"""From training runs to a model folder: weights, calibrations, figures, log and learning curves.

Everything calibrated or told of real tissue comes from crops of cores that the network in question was not trained on.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from scipy.optimize import minimize
from scipy.special import expit

from hetscore.domain import MppSource, Rgb, Tile, TileImage
from hetscore.evaluation.classification import area_under_curve
from hetscore.geometry import Box
from hetscore.membrane import measure_cells
from hetscore.scoring.cell import OrdinalModel, cell_measures
from hetscore.segmenters.calibration import TumorCalibration
from hetscore.segmenters.network import (
    MAPS,
    NetworkConfig,
    NetworkParams,
    NetworkSegmenter,
)
from hetscore.segmenters.unet import SegmentationNetwork, fold_trained
from hetscore.slides import open_slide
from hetscore.stain import Stain
from scripts.calibrate_default import (
    CLASSES,
    STAIN,
    Sample,
    find_reference,
    fit_membrane,
    membrane_figures,
    most_likely,
    named_tumor,
    report_membrane,
)
from scripts.training.examples import CORE_MPP, MPP, PHANTOMS, TUMOR, UNSTAINED, Example, read_crops
from scripts.training.judge import Judged, JudgedRegion, figures, judge_regions, match, report, report_regions
from scripts.training.regions import load_regions

Floats = NDArray[np.float64]

REPOSITORY = Path(__file__).resolve().parent.parent.parent
LOG_FILE = "training-log.csv"
REAL = ("eac-tma (bozeklab/HER2-overexpression, Apache-2.0), 62 crops of 8 cores with our points",)
"""Of the training data, what was not drawn."""
CALIBRATED = "2026-11c"
"""Part of the name of the membrane calibration."""


@dataclass(frozen=True)
class Looked:
    """A crop as a network that never saw its core finds it, with the membrane measures of what was matched."""

    judged: Judged
    measures: Floats


def load_network(run: Path) -> SegmentationNetwork:
    """Load the mean weights of a run."""
    saved = torch.load(run / "state.pt", map_location="cpu", weights_only=True)
    network = SegmentationNetwork(NetworkConfig(widths=tuple(saved["config"]["widths"])))
    network.load_state_dict(saved["average"])
    return network.eval()


def look(data: Path, run: Path, crops: Sequence[Example]) -> Iterator[Looked]:
    """Segment and measure crops at full resolution with the network of a run."""
    segmenter = NetworkSegmenter(fold_trained(load_network(run)), TumorCalibration(1.0, 0.0), NetworkParams())
    for core in sorted({crop.group for crop in crops}):
        with open_slide(data / "eac-tma" / f"{core}.jpg", mpp=CORE_MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
            for crop in (c for c in crops if c.group == core):
                yield _look(segmenter, crop, slide.read(crop.box, 1))


def _look(segmenter: NetworkSegmenter, crop: Example, rgb: Rgb) -> Looked:
    whole = Box(0, 0, rgb.shape[1], rgb.shape[0])
    image, stain = TileImage(Tile(0, whole, whole, 1, CORE_MPP), rgb), Stain(crop.white, STAIN)
    cells = measure_cells(image, segmenter.segment(image, stain), stain)
    chance = np.clip(cells.p_tumor.astype(np.float64), 1e-6, 1 - 1e-6)
    judged = match(crop, np.column_stack([cells.x, cells.y]) / 2, np.log(chance / (1 - chance)))
    return Looked(judged, cell_measures(cells)[judged.rows])


def fit_tumor(logit: Floats, is_tumor: NDArray[np.bool_]) -> TumorCalibration:
    """Fit scale and offset of the logit by maximum likelihood (Platt scaling)."""

    def loss(b: Floats) -> float:
        score = b[0] * logit + b[1]
        return float((np.logaddexp(0, score) - is_tumor * score).sum())

    scale, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return TumorCalibration(round(float(scale), 4), round(float(offset), 4))


def fit_membranes(looked: Sequence[Looked], name: str) -> OrdinalModel:
    """Fit the membrane class on the matched tumor cells."""
    return fit_membrane(to_sample(looked), name)


def to_sample(looked: Sequence[Looked]) -> Sample:
    """Join what was looked at into the sample that calibration works on."""
    group = np.concatenate([np.full(len(part.measures), part.judged.group) for part in looked])
    code = np.concatenate([part.judged.code for part in looked])
    measures = np.concatenate([part.measures for part in looked])
    return Sample(group, code, np.zeros((len(code), 0)), measures)


def write_weights(network: SegmentationNetwork, folder: Path) -> str:
    """Write weights.safetensors and give its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    (folder / "weights.safetensors").write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def write_card(folder: Path, tables: Mapping[str, Mapping[str, object]]) -> None:
    """Write model.toml: top-level values under the empty name, then the tables."""
    lines = ["# Written by `make train`; do not edit by hand. See MODEL_CARD.md."]
    for table, values in tables.items():
        lines += ["", f"[{table}]"] if table else []
        lines += [f"{name} = {_toml(value)}" for name, value in values.items()]
    (folder / "model.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def write_log(folder: Path, runs: Mapping[str, Path]) -> None:
    """Join the logs of the runs into one table, with the stage first."""
    with (folder / LOG_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for k, (stage, run) in enumerate(runs.items()):
            with (run / "log.csv").open(newline="", encoding="utf-8") as log:
                head, *rows = list(csv.reader(log))
            writer.writerows([["stage", *head]] if k == 0 else [])
            writer.writerows([stage, *row] for row in rows)


def draw_curves(path: Path, runs: Mapping[str, Path]) -> None:
    """Draw the losses of the runs, one panel a map, smoothed over a twentieth of each run."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    colors = colormaps["tab20"].colors  # type: ignore[attr-defined]
    figure = Figure(figsize=(14, 3), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(MAPS), sharex=True), MAPS, strict=True):
        for (stage, run), color in zip(runs.items(), cycle(colors), strict=False):
            with (run / "log.csv").open(newline="", encoding="utf-8") as log:
                rows = list(csv.DictReader(log))
            values = np.array([float(row[name]) for row in rows])
            n = max(1, math.ceil(len(values) / 20))
            smooth = np.convolve(values, np.full(n, 1 / n), mode="valid")
            axis.plot([int(row["step"]) for row in rows][n - 1 :], smooth, label=stage, linewidth=1, color=color)
        axis.set(title=name, xlabel="step", yscale="log")
    figure.legend(*figure.axes[-1].get_legend_handles_labels(), loc="outside right upper", fontsize=7)
    figure.savefig(path, dpi=90)


def draw_reliability(path: Path, chance: Floats, is_tumor: NDArray[np.bool_], n_bins: int = 10) -> None:
    """Draw the share that is tumor against the probability said, with 95 % intervals (Wilson)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), layout="constrained")
    axis = figure.subplots()
    bins = np.minimum((chance * n_bins).astype(int), n_bins - 1)
    for k in np.unique(bins):
        own, n = is_tumor[bins == k], int((bins == k).sum())
        low, high = wilson(int(own.sum()), n)
        said = chance[bins == k].mean()
        axis.errorbar(said, own.mean(), [[own.mean() - low], [high - own.mean()]], fmt="o", color="tab:blue")
        axis.annotate(str(n), (said, own.mean()), xytext=(5, -9), textcoords="offset points", fontsize=7)
    axis.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
    axis.set(xlabel="probability of tumor", ylabel="share that is tumor", xlim=(0, 1), ylim=(0, 1))
    figure.savefig(path, dpi=90)


def wilson(n_true: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share (Wilson 1927)."""
    share, spread = n_true / n, z * math.sqrt(n_true * (n - n_true) / n**3 + z**2 / (4 * n**2))
    middle = share + z**2 / (2 * n)
    return (middle - spread) / (1 + z**2 / n), (middle + spread) / (1 + z**2 / n)


def judge_left_out(
    runs: Path, folds: Mapping[str, Sequence[str]], data: Path, tumor: TumorCalibration
) -> Iterator[JudgedRegion]:
    """Judge each region by the network that never saw its image; logits are calibrated."""
    regions = load_regions()
    for run, images in folds.items():
        own = [region for region in regions if region.image.startswith(tuple(images))]
        for judged in judge_regions(load_network(runs / run), own, data, NetworkParams()):
            yield replace(judged, logit=tumor.scale * judged.logit + tumor.offset)


def region_figures(judged: Sequence[JudgedRegion]) -> dict[str, float]:
    """Sum up the regions of the cores: share of nuclei in tumor kept, in other tissue refused, and AUC."""
    cores = [part for part in judged if part.region.image[0].isdigit()]
    logit = np.concatenate([part.logit for part in cores])
    is_tumor = np.concatenate([np.full(len(part.logit), part.region.kind == TUMOR) for part in cores])
    values = {
        "region_tumor_kept": (logit >= 0)[is_tumor].mean(),
        "region_other_refused": (logit < 0)[~is_tumor].mean(),
        "region_auc": area_under_curve(logit, is_tumor),
    }
    return {name: round(float(value), 3) for name, value in values.items() if value is not None}


def calibrate(looked: Sequence[Looked]) -> list[Judged]:
    """Replace the logits of each core by those of a calibration on the other cores."""
    calibrated = []
    for part in looked:
        rest = [other.judged for other in looked if other.judged.group != part.judged.group]
        fit = fit_tumor(np.concatenate([r.logit for r in rest]), np.concatenate([r.is_tumor for r in rest]))
        calibrated.append(replace(part.judged, logit=fit.scale * part.judged.logit + fit.offset))
    return calibrated


def report_readers(looked: Sequence[Looked], data: Path, runs: Path, folds: Mapping[str, Sequence[str]]) -> str:
    """Agreement of the membrane class with either reader of the crops that were read twice, a line a reader.

    Each core is judged by a network and a calibration without it; calibrated on first readings.
    """
    second = read_crops(data, reading=1)
    names = {crop.name for crop in second}
    lines = []
    for reader, crops in (("first", [c for c in read_crops(data) if c.name in names]), ("second", second)):
        own = [part for run, cores in folds.items() for part in look(data, runs / run, _of(crops, cores))]
        truth, called = [], []
        for core in sorted({part.judged.group for part in own}):
            model = fit_membranes([part for part in looked if part.judged.group != core], "x")
            sample = named_tumor(to_sample([part for part in own if part.judged.group == core]))
            truth.append(np.array([CLASSES[code] for code in sample.code]))
            called.append(most_likely(model.probabilities(sample.measures)))
        t, c = np.concatenate(truth), np.concatenate(called)
        lines.append(f"{reader} reader of {len(names)} crops: " + membrane_figures(t, c))
    return "\n".join(lines)


def _of(crops: Sequence[Example], cores: Sequence[str]) -> list[Example]:
    return [crop for crop in crops if crop.group.startswith(tuple(cores))]


def write_model(
    name: str, runs: Path, folds: Mapping[str, Sequence[str]], final: str, logs: Sequence[str], data: Path
) -> None:
    """Make ``models/<name>`` from the runs, and print what its card needs to say.

    Parameters
    ----------
    name : str
        Of the model and its folder.
    runs : Path
        Folder of the runs.
    folds : mapping
        Run -> beginnings of the names of the cores it was not trained on.
    final : str
        The run that is shipped.
    logs : sequence of str
        The runs, in order, whose logs are joined and drawn.
    data : Path
        Folder of the real images.
    """
    crops, folder = read_crops(data), REPOSITORY / "models" / name
    looked = [part for run, cores in folds.items() for part in look(data, runs / run, _of(crops, cores))]
    logit, is_tumor = (np.concatenate([getattr(p.judged, key) for p in looked]) for key in ("logit", "is_tumor"))
    tumor, membrane = fit_tumor(logit, is_tumor), fit_membranes(looked, f"{name}-{CALIBRATED}")
    judged = calibrate(looked)
    print(f"{tumor}\neach core by a network, and calibrated, without it:\n{report(judged)}\n{figures(judged)}")
    report_membrane(to_sample(looked))
    print(report_readers(looked, data, runs, folds))
    regions = list(judge_left_out(runs, folds, data, tumor))
    print(report_regions(regions))
    network = load_network(runs / final)
    sha256 = write_weights(network, folder)
    every = {stage: runs / stage for stage in logs}
    write_log(folder, every)
    draw_curves(REPOSITORY / "docs" / f"{name}-training.png", every)
    chance = expit(np.concatenate([part.logit for part in judged]))
    draw_reliability(REPOSITORY / "docs" / f"{name}-reliability.png", chance, is_tumor)
    write_card(
        folder,
        {
            "": {"name": name, "kind": "network"},
            "stain": {"hematoxylin": STAIN.hematoxylin, "dab": STAIN.dab},
            "network": {"widths": network.config.widths, "sha256": sha256},
            "tumor": {"scale": tumor.scale, "offset": tumor.offset},
            "membrane": {
                "id": membrane.id,
                "weights": membrane.weights,
                "cuts": membrane.cuts,
                "min_share": membrane.min_share,
                "reference_od": find_reference(to_sample(looked)),
            },
            "training": {
                "data": tuple(f"phantom {p.preset}, seed {p.seed}, {p.n_cases} cases" for p in (*PHANTOMS, UNSTAINED))
                + REAL,
                "mpp": MPP,
                "licence": "Apache-2.0",
                "log": LOG_FILE,
            },
            "figures": {
                "judged": "each development core by a network that never saw it",
                **figures(judged),
                **region_figures(regions),
            },
        },
    )
