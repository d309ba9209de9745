"""See what each map of the network is worth when cells are read: measure_heads.py --cache DIR [--model NAME].

Fields of phantoms that were not trained on are read with all maps, and again with one map silenced: no borders, every
pixel cell, every pixel nucleus. Printed are nuclei F1, the mean overlap (intersection over union) of a found cell with
its true territory, and the area under the curve of the tumor call.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hetscore.config import load_model, load_settings
from hetscore.evaluation.detection import MATCH_UM, match_cells
from hetscore.phantom.raster import measure
from hetscore.pipeline import make_segmenter
from hetscore.segmenters.network import BORDER, CELL, NUCLEUS, NetworkParams, NetworkSegmenter, find_cells
from scripts.train import HELD_OUT_PHANTOMS
from scripts.training.examples import MPP, Example, read_phantoms
from scripts.training.judge import figures, match

SILENCED = {"all maps": None, "no borders": (BORDER, -20.0), "no cells": (CELL, 20.0), "no nuclei": (NUCLEUS, 20.0)}
"""Variant -> map and the logit it is set to, as good as no or yes."""


def overlaps(nuclei: NDArray[np.int32], cells: NDArray[np.int32], example: Example) -> Iterator[float]:
    """Overlap of each found cell whose nucleus was matched with the true territory, where there is one."""
    if example.cells is None:
        return
    centers = measure(nuclei, int(nuclei.max()))[:, 1:]
    true = np.where(example.cells > 0, example.cells, 0).astype(np.int64)
    n_found, n_true = np.bincount(cells.ravel()), np.bincount(true.ravel(), minlength=len(example.xy) + 1)
    for i, j in zip(*match_cells(centers, example.xy.astype(np.float64), MATCH_UM / MPP), strict=True):
        if n_true[j + 1]:
            both = float(np.count_nonzero((cells == i + 1) & (true == j + 1)))
            yield both / (n_found[i + 1] + n_true[j + 1] - both)


def main() -> None:
    """Read the command line, read the fields in every way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the drawn fields")
    parser.add_argument("--model", default=load_settings().model)
    given = parser.parse_args()
    segmenter = make_segmenter(load_model(given.model), load_settings())
    if not isinstance(segmenter, NetworkSegmenter):
        parser.error(f"--model {given.model}; expected a model of kind network")
    fields = read_phantoms(HELD_OUT_PHANTOMS, given.cache, processes=1)
    maps = [segmenter.predict(field.rgb, field.white) for field in fields]
    print("| maps | nuclei F1 | overlap of cells | tumor AUC |\n|---|---:|---:|---:|")
    for name in SILENCED:
        print(_row(name, fields, maps))


def _row(name: str, fields: Sequence[Example], maps: Sequence[NDArray[np.float32]]) -> str:
    judged, shares = [], []
    for field, seen in zip(fields, maps, strict=True):
        change, heard = SILENCED[name], seen.copy()
        if change is not None:
            heard[change[0]] = change[1]
        nuclei, cells, logit = find_cells(heard, MPP, NetworkParams())
        judged.append(match(field, measure(nuclei, len(logit))[:, 1:], logit))
        shares += list(overlaps(nuclei, cells, field))
    found = figures(judged)
    return f"| {name} | {found['nuclei_f1']:.3f} | {np.mean(shares):.3f} | {found['tumor_auc']:.3f} |"


if __name__ == "__main__":
    main()
