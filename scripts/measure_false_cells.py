"""Count what a model finds where there is nothing to find: measure_false_cells.py [--model NAME].

Drawn are pieces of nothing but one ground, in which every cell called tumor is false: empty glass, mucus, muscle,
benign glands, necrosis, blood, and glass under ink. Printed per mm2 of that ground: nuclei found where none was drawn,
and cells called tumor.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetscore.config import load_model, load_settings
from hetscore.domain import Rgb, Tile, TileImage
from hetscore.geometry import Box
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue
from hetscore.phantom.fields import draw_fields
from hetscore.phantom.spec import ArtefactKind, ArtefactSpec, Damage
from hetscore.pipeline import make_segmenter
from hetscore.segmenters import Segmenter
from hetscore.stain import Stain, StainVectors

SEED = 70_001
"""Apart from those trained and calibrated on."""
N_PIECES = 3
DIAMETER_UM = 450.0


@dataclass(frozen=True)
class Ground:
    """A picture at 0.25 um/px where no cell is tumor."""

    name: str
    rgb: Rgb
    white: tuple[float, float, float]
    nuclei: NDArray[np.int32]
    is_asked: NDArray[np.bool_]


def draw_grounds() -> Iterator[Ground]:
    """Draw all grounds."""
    rng = np.random.default_rng(SEED)
    glass = np.clip(np.rint(rng.normal((234, 233, 243), (1.5, 1.5, 2.8), (2000, 2000, 3))), 0, 255).astype(np.uint8)
    empty = np.zeros(glass.shape[:2], np.int32)
    yield Ground("empty glass", glass, (234.0, 233.0, 243.0), empty, empty == 0)
    for name, spec in _specs().items():
        pen = (ArtefactSpec(ArtefactKind.PEN, 1, 0.5),) if name == "under ink" else ()
        case = CaseSpec(name.replace(" ", "-"), (spec,) * N_PIECES, artefacts=pen)
        for field in draw_fields(case, SEED, case.mpp):
            is_asked = field.is_hidden if pen else np.ones(field.nuclei.shape, bool)
            yield Ground(name, field.rgb, field.white, field.nuclei, is_asked)


def _specs() -> dict[str, FragmentSpec]:
    plain = FragmentSpec(DIAMETER_UM, Tissue.BENIGN, has_normal=False)
    spoiled = {kind: FragmentSpec(DIAMETER_UM, Tissue.BENIGN, damage={kind: 0.8}) for kind in Damage}
    return {
        "muscle": FragmentSpec(DIAMETER_UM, Tissue.MUSCLE),
        "normal glands": plain,
        "intestinal metaplasia": FragmentSpec(DIAMETER_UM, Tissue.METAPLASIA),
        **{f"{kind} (0.8 of a benign piece)": spec for kind, spec in spoiled.items()},
        "under ink": plain,
    }


def count(ground: Ground, segmenter: Segmenter, vectors: StainVectors) -> tuple[float, int, int, int]:
    """Square millimeters, nuclei found, of them where none was drawn, and cells called tumor."""
    whole = Box(0, 0, ground.rgb.shape[1], ground.rgb.shape[0])
    image = TileImage(Tile(0, whole, whole, 1, 0.25), ground.rgb)
    labels = segmenter.segment(image, Stain(ground.white, vectors))
    n, step = len(labels.p_tumor), labels.shrink
    is_drawn = ground.nuclei[step // 2 :: step, step // 2 :: step] > 0
    is_asked = ground.is_asked[step // 2 :: step, step // 2 :: step]
    height, width = (min(a, b) for a, b in zip(is_drawn.shape, labels.nuclei.shape, strict=True))
    inside = labels.nuclei[:height, :width][is_asked[:height, :width]]
    on_drawn = labels.nuclei[:height, :width][(is_drawn & is_asked)[:height, :width]]
    found = np.unique(inside[inside > 0])
    false = np.setdiff1d(found, on_drawn)
    tumor = int((labels.p_tumor[found - 1] >= 0.5).sum()) if n else 0
    return float(is_asked.sum()) * (0.25 * step / 1000) ** 2, len(found), len(false), tumor


def main() -> None:
    """Draw, count and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=load_settings().model)
    model = load_model(parser.parse_args().model)
    segmenter = make_segmenter(model, load_settings())
    totals: dict[str, NDArray[np.float64]] = {}
    for ground in draw_grounds():
        print(ground.name, file=sys.stderr)
        totals[ground.name] = totals.get(ground.name, np.zeros(4)) + count(ground, segmenter, model.stain)
    print("| ground | mm2 | nuclei found per mm2 | where none was drawn | called tumor |\n|---|---:|---:|---:|---:|")
    for name, (area, *counts) in totals.items():
        print(f"| {name} | {area:.2f} | " + " | ".join(f"{value / area:.0f}" for value in counts) + " |")


if __name__ == "__main__":
    main()
