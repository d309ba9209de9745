"""Compare phantoms with real tissue: compare_phantoms.py --data ../shared/data --phantoms typical=DIR hard=DIR.

Fields of the same size and resolution are taken from real cores and from phantom slides, and measured alike: densities
of hematoxylin and DAB, nuclei, width of the membrane line, texture by scale. Printed are the ranges side by side and
how well a small classifier tells the two apart on slides it was not fitted on; for that, fields with tumor are
paired by how much of both stains they hold, so that like is compared with like. With --out a contact sheet of both is
written there, which holds real tissue and stays out of the repository, and one of the folders given alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment, minimize
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.special import expit

from hetscore.config import load_model, load_settings
from hetscore.domain import MppSource, Rgb, Tile, TileImage
from hetscore.evaluation.classification import area_under_curve
from hetscore.geometry import Box
from hetscore.membrane import measure_cells
from hetscore.pipeline import make_segmenter
from hetscore.scoring.cell import classify_cells
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.slides import open_slide
from hetscore.stain import Stain, find_white, unmix

Floats = NDArray[np.float64]

MPP = 0.25
"""Of the fields; the real cores have about this, other slides are resampled to it."""
FIELD_PX = 512
"""128 um: a gland and its surroundings."""
GASTRIC_MPP = 0.46
"""Of the tiles of `cldn18-gastric`."""
LEAST_OD = 0.03
"""Mean density of hematoxylin and DAB together from which a field is tissue; glass has 0.005 or less."""
BANDS_UM = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Scales of the texture: differences of Gaussians of these standard deviations and of twice them."""
QUANTILES = (5, 25, 50, 75, 95, 99)
LEAST_TUMOR = 25
"""Tumor cells called in a field to be paired: a quarter of what a field full of tumor holds."""
MOST_APART = 0.5
"""Standard deviations between the two of a pair."""
PENALTY = 1.0
"""Of the ridge: as strong as one field, so that the classifier is held back only where fields are few."""


@dataclass(frozen=True)
class FieldOf:
    """One field: which kind and slide it is of, its pixels and its measures."""

    kind: str
    slide: str
    rgb: Rgb
    measures: Floats


def measure_names() -> list[str]:
    """Names of the columns of `FieldOf.measures`."""
    densities = [f"{stain} {q} %" for stain in ("hematoxylin", "DAB") for q in QUANTILES]
    texture = [f"texture {band:g} um" for band in BANDS_UM]
    return [
        *densities,
        *texture,
        "nuclei per mm2",
        "nucleus, um2",
        "spacing, um",
        "membrane width, um",
        "membrane OD",
        "tumor",
    ]


def cut_fields(path: Path, mpp: float | None, n: int, seed: int) -> Iterator[tuple[Rgb, Stain]]:
    """Cut up to `n` fields of tissue from a slide, at places drawn by `seed`, none overlapping."""
    rng = np.random.default_rng(seed)
    model = load_model("watershed")
    with open_slide(path, mpp=mpp, mpp_source=MppSource.COMMAND_LINE if mpp else None) as slide:
        thumbnail = slide.thumbnail(4.0)
        stain = Stain(find_white(thumbnail.rgb), model.stain)
        density = np.add(*unmix(thumbnail.rgb, stain))
        side = round(FIELD_PX * MPP / slide.require_mpp())
        cell = max(1, round(side / thumbnail.downsample))
        rows, columns = density.shape[0] // cell, density.shape[1] // cell
        means = density[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell).mean(axis=(1, 3))
        places = rng.permutation(np.argwhere(means > LEAST_OD))[:n]
        for row, column in places:
            corner = (round(column * cell * thumbnail.downsample), round(row * cell * thumbnail.downsample))
            rgb = slide.read(Box(corner[0], corner[1], side, side), 1)
            yield cv2.resize(rgb, (FIELD_PX, FIELD_PX), interpolation=cv2.INTER_AREA), stain


def measure_field(rgb: Rgb, stain: Stain) -> Floats:
    """Measure one field; see `measure_names`. NaN where nothing of a kind was found."""
    hematoxylin, dab = unmix(rgb, stain)
    densities = [np.percentile(image, QUANTILES) for image in (hematoxylin, dab)]
    return np.concatenate([*densities, _texture(hematoxylin + dab), _measure_found(rgb, stain)])


def _texture(density: NDArray[np.float32]) -> Floats:
    """Logarithm of the standard deviation by scale."""
    blurred = [cv2.GaussianBlur(density, (0, 0), s / MPP) for s in (*BANDS_UM, 2 * BANDS_UM[-1])]
    return np.array([np.log10(np.std(a - b) + 1e-6) for a, b in pairwise(blurred)])


def _measure_found(rgb: Rgb, stain: Stain) -> Floats:
    """Density, size and spacing of the nuclei, width and density of stained membranes, as the pipeline finds them."""
    model, whole = load_model("watershed"), Box(0, 0, FIELD_PX, FIELD_PX)
    image = TileImage(Tile(0, whole, whole, 1, MPP), rgb)
    labels = make_segmenter(model, load_settings()).segment(image, stain)
    cells = classify_cells(measure_cells(image, labels, stain), model.membrane, GUIDELINES["gastric-biopsy"])
    if len(cells) < 2:
        return np.array([len(cells) / (FIELD_PX * MPP / 1000) ** 2, np.nan, np.nan, np.nan, np.nan, 0.0])
    spacing = cKDTree(np.column_stack([cells.x, cells.y])).query(np.column_stack([cells.x, cells.y]), 2)[0][:, 1]
    stained = cells.membrane_class >= 1
    width = cells.membrane_width_um[stained]
    return np.array(
        [
            len(cells) / (FIELD_PX * MPP / 1000) ** 2,
            np.median(cells.nucleus_area_um2),
            np.median(spacing) * MPP,
            np.nanmedian(width) if np.isfinite(width).any() else np.nan,
            np.nanmean(cells.membrane_od),
            np.count_nonzero(cells.is_tumor),
        ]
    )


def take_fields(kind: str, slides: Sequence[tuple[Path, float | None]], n_each: int) -> list[FieldOf]:
    """Take fields of some slides and measure them."""
    return [
        FieldOf(kind, path.name, rgb, measure_field(rgb, stain))
        for k, (path, mpp) in enumerate(slides)
        for rgb, stain in cut_fields(path, mpp, n_each, seed=k)
    ]


def pair_fields(real: Sequence[FieldOf], drawn: Sequence[FieldOf]) -> tuple[list[FieldOf], list[FieldOf]]:
    """Pair fields with tumor that are alike in hematoxylin and DAB; none is used twice."""
    own = [[f for f in fields if f.measures[-1] >= LEAST_TUMOR] for fields in (real, drawn)]
    names = measure_names()
    columns = [names.index("hematoxylin 50 %"), names.index("DAB 95 %")]
    both = [np.array([f.measures[columns] for f in fields]).reshape(-1, 2) for fields in own]
    scale = np.concatenate(both).std(axis=0) + 1e-9
    cost = cdist(both[0] / scale, both[1] / scale)
    i, j = linear_sum_assignment(cost)
    close = cost[i, j] <= MOST_APART
    return [own[0][k] for k in i[close]], [own[1][k] for k in j[close]]


def tell_apart(real: Sequence[FieldOf], drawn: Sequence[FieldOf]) -> float:
    """AUC of a ridge logistic classifier of real against drawn fields.

    A real and a drawn slide are judged together by a fit without both, and the AUC of all such pairs is averaged by
    their fields. Scores of different fits are never ranked against each other: left out alone, a slide would be judged
    by a fit that expects the other kind, which can push the AUC below one half.
    """
    fields = [*real, *drawn]
    slide = np.array([f"{f.kind} {f.slide}" for f in fields])
    target = np.array([f.kind == real[0].kind for f in fields], np.float64)
    measures = np.array([f.measures[:-1] for f in fields])
    measures = np.where(np.isfinite(measures), measures, np.nanmedian(measures, axis=0))
    total = weight = 0.0
    for one, other in product(np.unique(slide[target > 0]), np.unique(slide[target == 0])):
        own = (slide == one) | (slide == other)
        area = area_under_curve(_fit(measures[~own], target[~own])(measures[own]), target[own] > 0)
        n = np.count_nonzero(slide == one) * np.count_nonzero(slide == other)
        total, weight = total + n * (area or 0.0), weight + n
    return total / weight


def _fit(measures: Floats, target: Floats) -> _Classifier:
    center, scale = measures.mean(axis=0), measures.std(axis=0) + 1e-9
    z = (measures - center) / scale
    weight = np.where(target > 0, 0.5 / target.mean(), 0.5 / (1 - target.mean()))

    def loss(b: Floats) -> tuple[float, Floats]:
        score = z @ b[1:] + b[0]
        slope = weight * (expit(score) - target)
        value = float((weight * (np.logaddexp(0, score) - target * score)).sum() + PENALTY * (b[1:] ** 2).sum())
        return value, np.concatenate([[slope.sum()], z.T @ slope + 2 * PENALTY * b[1:]])

    return _Classifier(center, scale, minimize(loss, np.zeros(z.shape[1] + 1), jac=True, method="L-BFGS-B").x)


@dataclass(frozen=True)
class _Classifier:
    """A fitted logistic classifier."""

    center: Floats
    scale: Floats
    weights: Floats

    def __call__(self, measures: Floats) -> Floats:
        score: Floats = ((measures - self.center) / self.scale) @ self.weights[1:] + self.weights[0]
        return score


def print_ranges(real: Sequence[FieldOf], drawn: dict[str, list[FieldOf]]) -> None:
    """Print the 5th, 50th and 95th percentile of each measure, real first, as a Markdown table."""
    kinds = {"real": list(real), **drawn}
    print("| measure | " + " | ".join(f"{kind} ({len(fields)} fields)" for kind, fields in kinds.items()) + " |")
    print("|---" * (len(kinds) + 1) + "|")
    for k, name in enumerate(measure_names()):
        cells = [_range(np.array([f.measures[k] for f in fields])) for fields in kinds.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")


def _range(values: Floats) -> str:
    if not np.isfinite(values).any():
        return "-"
    low, middle, high = np.nanpercentile(values, (5, 50, 95))
    return f"{low:.3g} to {high:.3g}, median {middle:.3g}"


def draw_sheet(rows: dict[str, list[FieldOf]], path: Path, n_columns: int = 6) -> None:
    """Write a contact sheet, one kind a row."""
    gap = np.full((FIELD_PX, 8, 3), 255, np.uint8)
    strips = []
    for kind, fields in rows.items():
        shown = [f.rgb for f in fields[:: max(1, len(fields) // n_columns)][:n_columns]]
        shown += [np.full((FIELD_PX, FIELD_PX, 3), 255, np.uint8)] * (n_columns - len(shown))
        strip = np.concatenate([part for rgb in shown for part in (rgb, gap)], axis=1)
        label = np.full((34, strip.shape[1], 3), 255, np.uint8)
        strips += [cv2.putText(label, kind, (6, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2), strip]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.concatenate(strips), cv2.COLOR_RGB2BGR))


def find_real(data: Path) -> list[tuple[Path, float | None]]:
    """List the eight HER2 IHC cores."""
    return [(path, MPP) for path in sorted((data / "eac-tma").glob("*.jpg"))]


def find_gastric(data: Path) -> list[tuple[Path, float | None]]:
    """List the tiles of gastric tissue with another membranous marker: denser stain, shown beside, never told apart."""
    return [(path, GASTRIC_MPP) for path in sorted((data / "cldn18-gastric").glob("*.png"))]


def _named(text: str) -> tuple[str, Path]:
    """Part NAME=DIR."""
    name, _, folder = text.partition("=")
    if not (name and folder and Path(folder).is_dir()):
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=DIR, the DIR of hetscore phantom, e.g. typical=slides")
    return name, Path(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real images")
    parser.add_argument(
        "--phantoms", nargs="+", required=True, type=_named, metavar="NAME=DIR", help="folders of hetscore phantom"
    )
    parser.add_argument("--fields", type=int, default=12, help="fields a slide")
    parser.add_argument("--out", type=Path, help="folder for contact sheets")
    given = parser.parse_args(arguments)
    real = take_fields("real", find_real(given.data), given.fields)
    drawn = {}
    for name, folder in given.phantoms:
        slides = sorted([*folder.glob("*.tif"), *folder.glob("*.png")])
        drawn[name] = take_fields(
            name, [(path, MPP if path.suffix == ".png" else None) for path in slides], given.fields
        )
    gastric = take_fields("gastric", find_gastric(given.data), given.fields)
    print_ranges(real, {"gastric": gastric, **drawn})
    for name, fields in drawn.items():
        paired = pair_fields(real, fields)
        if min(len({f.slide for f in kind}) for kind in paired) < 2:
            print(f"\nReal against {name}: fewer than two slides of a kind with paired fields")
            continue
        print(f"\nReal against {name}: AUC {tell_apart(*paired):.3f} ({len(paired[0])} pairs of fields)")
    if given.out:
        draw_sheet({"real": real, "gastric": gastric, **drawn}, given.out / "contact-sheet.png")
        draw_sheet(drawn, given.out / "phantoms.jpg")


if __name__ == "__main__":
    main()
