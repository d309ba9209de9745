"""Measure the artefact masks: measure_quality.py --data ../shared/data --clean NAME=DIR --artefacts NAME=DIR.

Of slides without artefacts (phantoms, and the cores under --data) the share of tissue is printed that is lost, by
reason; of drawn artefacts Dice's coefficient of all masks together with the truth, within the drawn tissue, and of the
untouched rest what is lost. For stained rims (--rims OD=DIR) the name is the `edge_od` that the slides were drawn with.
The constants of `hetscore.quality` were chosen from these tables.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import tifffile

from hetscore.config import load_model, load_settings
from hetscore.domain import MppSource, TissueMask
from hetscore.phantom.densities import EDGE_UM
from hetscore.quality import exclude, find_artefacts
from hetscore.quality.shapes import Mask
from hetscore.slides import open_slide
from hetscore.stain import Stain, find_white
from hetscore.tissue import find_tissue

CORE_MPP = 0.25
"""Microns per pixel of the development cores."""


@dataclass(frozen=True)
class Found:
    """What was found on a slide."""

    tissue: TissueMask
    """Before anything was taken out."""
    masks: dict[str, Mask]
    seconds: float
    """Of processor time, for the masks alone."""

    @property
    def union(self) -> Mask:
        """All masks together."""
        union: Mask = np.logical_or.reduce(list(self.masks.values()))
        return union

    def lost(self) -> dict[str, float]:
        """Share of the tissue by reason; only reasons that took some."""
        excluded = exclude(self.tissue, self.masks, load_settings().quality).excluded
        shares = {reason: float(mask.sum() / self.tissue.mask.sum()) for reason, mask in excluded.items()}
        return {reason: share for reason, share in shares.items() if share > 0}


def look_at(path: Path, mpp: float | None) -> Found:
    """Find the artefacts of a slide as `hetscore score` does."""
    settings = load_settings()
    with open_slide(path, mpp=mpp, mpp_source=MppSource.COMMAND_LINE if mpp else None) as slide:
        thumbnail = slide.thumbnail(settings.tissue.mpp)
        white = find_white(thumbnail.rgb)
        tissue = find_tissue(thumbnail, white, {}, settings.tissue)
        stain = Stain(white, load_model(settings.model).stain)
        started = time.process_time()
        masks = find_artefacts(thumbnail, tissue, stain, slide.read, settings.quality)
        return Found(tissue, masks, time.process_time() - started)


def read_truth(path: Path, shape: tuple[int, ...]) -> tuple[Mask, Mask]:
    """Read where artefacts and where tissue were drawn, at the thumbnail's scale."""
    pages = tifffile.imread(path.parent / "truth" / f"{path.stem}.masks.tif", key=[0, 1])
    artefact, ground = (cv2.resize(page, shape[::-1], interpolation=cv2.INTER_NEAREST) > 0 for page in pages)
    return artefact, ground


def read_rim(path: Path, shape: tuple[int, ...], edge_od: float) -> tuple[Mask, Mask]:
    """Compute where a stained rim was drawn and read where tissue was, at the thumbnail's scale."""
    ground = read_truth(path, shape)[1]
    _, labels = cv2.connectedComponents(np.pad(~ground, 1, constant_values=True).astype(np.uint8))
    body = (labels != labels[0, 0])[1:-1, 1:-1]
    depth = (
        np.maximum(cv2.distanceTransform(body.astype(np.uint8), cv2.DIST_L2, 5) - 0.5, 0) * load_settings().tissue.mpp
    )
    return ground & (edge_od * np.exp(-depth / EDGE_UM) > RIM_OD), ground


RIM_OD = 0.03
"""Density of a drawn rim that is to be masked: a little more than `RimParams.min_rise_od`."""


def dice(left: Mask, right: Mask) -> float:
    """Dice's coefficient; NaN where both are empty."""
    total = int(left.sum() + right.sum())
    return 2 * float((left & right).sum()) / total if total else float("nan")


def tell_clean(slides: Sequence[tuple[str, Path, float | None]]) -> Iterator[str]:
    """Tell of clean slides what is lost, a row each."""
    yield "| slide | lost | by reason | s |\n|---|---|---|---|"
    for name, path, mpp in slides:
        found = look_at(path, mpp)
        lost = found.lost()
        reasons = ", ".join(f"{reason} {share:.2%}" for reason, share in lost.items())
        yield f"| {name} | {sum(lost.values()):.2%} | {reasons} | {found.seconds:.2f} |"


def tell_artefacts(slides: Sequence[tuple[str, Path, float | None]], *, are_rims: bool = False) -> Iterator[str]:
    """Tell of drawn artefacts, or of drawn rims, how they are found, a row each."""
    yield "| slide | tissue hidden | Dice | clean tissue lost | by reason | s |\n|---|---|---|---|---|---|"
    for name, path, mpp in slides:
        found = look_at(path, mpp)
        truth = read_rim(path, found.union.shape, float(name.split()[0])) if are_rims else None
        artefact, ground = truth or read_truth(path, found.union.shape)
        clean = ground & ~artefact
        cells = (
            name,
            f"{(artefact & ground).sum() / ground.sum():.1%}",
            f"{dice(found.union & ground, artefact & ground):.2f}",
            f"{(found.union & clean).sum() / clean.sum():.2%}",
            ", ".join(found.lost()),
            f"{found.seconds:.2f}",
        )
        yield f"| {' | '.join(cells)} |"


def find_slides(folders: Sequence[str]) -> list[tuple[str, Path, float | None]]:
    """Name and file of each slide of NAME=FOLDER; phantoms know their own resolution."""
    pairs = [folder.split("=", 1) for folder in folders]
    return [(f"{name} {path.stem}", path, None) for name, at in pairs for path in sorted(Path(at).glob("*.tif"))]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clean", nargs="*", default=[])
    parser.add_argument("--artefacts", nargs="*", default=[])
    parser.add_argument("--rims", nargs="*", default=[])
    args = parser.parse_args()
    cores = sorted((args.data / "eac-tma").glob("*.jpg")) if args.data else []
    clean = [(f"core {path.name[:6]}", path, CORE_MPP) for path in cores] + find_slides(args.clean)
    tables = (
        tell_clean(clean),
        tell_artefacts(find_slides(args.artefacts)),
        tell_artefacts(find_slides(args.rims), are_rims=True),
    )
    for row in chain.from_iterable(tables):
        print(row, flush=True)


if __name__ == "__main__":
    main()
