"""Count the tumor that a model does not know as tumor: measure_missed_tumor.py [--model NAME].

Drawn are fragments of tumor by growth and by stain, and of what is no tumor, in the optics of `typical` and of `hard`;
printed is the share of their cells that are called tumor, among the cells that are found.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import cv2
import numpy as np

from hetscore.config import Model, load_model, load_settings
from hetscore.domain import MembraneClass, Tile, TileImage
from hetscore.geometry import Box
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue
from hetscore.phantom.fields import LabeledField, draw_fields
from hetscore.phantom.mixes import poor_optics, usual_optics
from hetscore.pipeline import make_segmenter
from hetscore.segmenters import Segmenter
from hetscore.stain import Stain

SEED = 99_777
"""Apart from those trained and calibrated on."""
MPP = 0.5
"""At which the network reads; drawn at it, a field takes a quarter of the time."""
DIAMETER_UM = 450.0
N_CASES = 3
"""Of each kind, each a fragment with optics of its own."""
QUALITY = 80
MANNERS = {"typical": usual_optics, "hard": poor_optics}
TUMOR = (Tissue.GLANDS, Tissue.DIFFUSE, Tissue.SIGNET_RING)
STAINS = {"unstained": MembraneClass.NEGATIVE, "2+": MembraneClass.MODERATE, "3+": MembraneClass.STRONG}
OTHER = (Tissue.BENIGN, Tissue.METAPLASIA, Tissue.MUSCLE)


def draw_kinds(manner: str) -> Iterator[tuple[str, list[LabeledField]]]:
    """Draw the fields of each kind of tissue."""
    rng = np.random.default_rng(SEED)
    kinds = [(f"{tissue}, {name}", tissue, stain) for tissue in TUMOR for name, stain in STAINS.items()]
    kinds += [(f"{tissue}, no tumor", tissue, MembraneClass.NEGATIVE) for tissue in OTHER]
    for name, tissue, stain in kinds:
        spec = FragmentSpec(DIAMETER_UM, tissue, stain, has_normal=False)
        cases = [CaseSpec("kind", (spec,), optics=MANNERS[manner](rng), quality=QUALITY) for _ in range(N_CASES)]
        yield name, [field for i, case in enumerate(cases) for field in draw_fields(case, SEED + i, MPP)]


def count(field: LabeledField, segmenter: Segmenter, model: Model) -> tuple[int, int]:
    """Count the cells drawn as the kind that are found, and those of them that are called tumor."""
    height, width = field.rgb.shape[:2]
    rgb = cv2.copyMakeBorder(field.rgb, 0, -height % 128, 0, -width % 128, cv2.BORDER_REPLICATE)
    whole = Box(0, 0, rgb.shape[1], rgb.shape[0])
    labels = segmenter.segment(TileImage(Tile(0, whole, whole, 1, MPP), rgb), Stain(field.white, model.stain))
    drawn = np.flatnonzero(field.is_tumor) + 1 if field.is_tumor.any() else np.arange(1, len(field.is_tumor) + 1)
    is_drawn = np.isin(field.nuclei, drawn)
    n = len(labels.p_tumor) + 1
    found = labels.nuclei[:height, :width]
    on_kind = np.bincount(found[is_drawn], minlength=n) * 2 > np.bincount(found.ravel(), minlength=n)
    on_kind[0] = False
    return int(on_kind.sum()), int((labels.p_tumor[on_kind[1:]] >= 0.5).sum())


def main() -> None:
    """Draw, count and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=load_settings().model)
    model = load_model(parser.parse_args().model)
    segmenter = make_segmenter(model, load_settings())
    rows: dict[str, list[str]] = {}
    for manner in MANNERS:
        for name, fields in draw_kinds(manner):
            counts = np.array([count(field, segmenter, model) for field in fields]).sum(axis=0)
            rows.setdefault(name, []).append(f"{counts[1] / max(1, counts[0]):.1%} of {counts[0]:,}")
    print(
        f"| tissue | {' | '.join(f'called tumor, `{manner}`' for manner in MANNERS)} |\n|---|{'---:|' * len(MANNERS)}"
    )
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
