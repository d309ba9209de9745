"""Measure the stain vectors of slides: measure_stain.py --data ../shared/data --phantoms typical=DIR scanner-warm=DIR.

Each slide is read in patches as `hetscore score` does, and so are pictures of single fields. Printed are the angle of
each stain's color from the model's, what the model's stains leave unexplained, whether the slide is flagged, and, for
the same pixels with one stain turned by 10 degrees either way or its DAB exchanged for AEC, whether that is seen. The
limits of `StainDriftParams` were chosen from this table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hetscore.config import load_model, load_settings
from hetscore.domain import MppSource, Rgb, StainEstimate
from hetscore.fragments import find_fragments
from hetscore.slides import open_slide
from hetscore.stain import Stain, StainVectors, find_white, optical_density, unmixing_matrix
from hetscore.stain_drift import estimate_stain, has_drifted, plan_patches
from hetscore.tissue import find_tissue

CORE_MPP, FIELD_MPP = 0.25, 0.5
"""Microns per pixel of the development cores and of the fields of another antigen."""
TURN_DEGREES = 10.0
AEC = (0.2743, 0.6796, 0.6803)
"""Another chromogen: Ruifrok and Johnston 2001."""


def find_sources(data: Path, phantoms: Sequence[str]) -> Iterator[tuple[str, Path, float | None]]:
    """Name, file and resolution of each slide or field; phantoms know their own."""
    for core in sorted((data / "eac-tma").glob("*.jpg")):
        yield f"core {core.name[:6]}", core, CORE_MPP
    for field in sorted((data / "cldn18-gastric").glob("*.png")):
        yield f"CLDN18 {field.stem[:24]}", field, FIELD_MPP
    for phantom in phantoms:
        name, folder = phantom.split("=", 1)
        for slide in sorted(Path(folder).glob("*.tif")):
            yield f"{name} {slide.stem}", slide, None


def read_patches(path: Path, mpp: float | None, vectors: StainVectors) -> tuple[list[Rgb], Stain]:
    """Read what the pipeline would look at; of a field without fragments the whole."""
    settings = load_settings()
    with open_slide(path, mpp=mpp, mpp_source=MppSource.COMMAND_LINE if mpp else None) as slide:
        thumbnail = slide.thumbnail(settings.tissue.mpp)
        white = find_white(thumbnail.rgb)
        tissue = find_tissue(thumbnail, white, {}, settings.tissue)
        fragments = find_fragments(tissue, path.name, settings.fragments)
        boxes, downsample = plan_patches(fragments, slide.require_mpp(), settings.stain_drift)
        whole = replace(slide.info.bounds, width=slide.info.width // 2 * 2, height=slide.info.height // 2 * 2)
        patches = [slide.read(box, downsample) for box in boxes] or [slide.read(whole, downsample)]
    return patches, Stain(white, vectors)


def turn_vector(vector: NDArray[np.float64], other: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Turn a stain vector of length 1 toward another, in the plane of the two."""
    across = other - (other @ vector) * vector
    across /= np.linalg.norm(across)
    angle = np.radians(degrees)
    return np.asarray(np.cos(angle) * vector + np.sin(angle) * across)


def stain_anew(rgb: Rgb, stain: Stain, stains: NDArray[np.float64]) -> Rgb:
    """Give a picture other stain vectors, (2, 3); what neither stain explains is left as it is."""
    density = optical_density(rgb, stain.white).astype(np.float64)
    amounts = density @ unmixing_matrix(stain.vectors).T
    own = _units(stain.vectors)
    light = (np.array(stain.white) + 1) * 10.0 ** -(density + amounts @ (stains - own)) - 1
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _units(vectors: StainVectors) -> NDArray[np.float64]:
    both = np.array([vectors.hematoxylin, vectors.dab], np.float64)
    return np.asarray(both / np.linalg.norm(both, axis=1, keepdims=True))


def make_changes(vectors: StainVectors) -> dict[str, NDArray[np.float64]]:
    """Stain vectors of slides that should be flagged, by name."""
    hematoxylin, dab = _units(vectors)
    changes = {
        "hematoxylin turned away": (turn_vector(hematoxylin, dab, -TURN_DEGREES), dab),
        "hematoxylin turned toward DAB": (turn_vector(hematoxylin, dab, TURN_DEGREES), dab),
        "DAB turned away": (hematoxylin, turn_vector(dab, hematoxylin, -TURN_DEGREES)),
        "DAB turned toward hematoxylin": (hematoxylin, turn_vector(dab, hematoxylin, TURN_DEGREES)),
        "AEC": (hematoxylin, np.array(AEC) / np.linalg.norm(AEC)),
    }
    return {name: np.stack(vectors) for name, vectors in changes.items()}


def format_row(name: str, found: StainEstimate, seen: Sequence[str]) -> str:
    """One line of the table."""
    values = [found.hematoxylin_degrees, found.dab_degrees]
    degrees = ["-" if value is None else f"{value:.1f}" for value in values]
    residual = "-" if found.residual_od is None else f"{found.residual_od:.4f}"
    return "| " + " | ".join([name, *degrees, residual, f"{found.n_pixels:,}", *seen]) + " |"


def main() -> None:
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--phantoms", nargs="*", default=[])
    arguments = parser.parse_args()
    vectors = load_model(load_settings().model).stain
    changes = make_changes(vectors)
    heads = ["slide", "hematoxylin, degrees", "DAB, degrees", "unexplained", "pixels", "flagged"]
    heads += [f"flagged: {name}" for name in changes]
    print("| " + " | ".join(heads) + " |\n|---" + "|---:" * 4 + "|---" * (1 + len(changes)) + "|")
    for name, path, mpp in find_sources(arguments.data, arguments.phantoms):
        patches, stain = read_patches(path, mpp, vectors)
        found = estimate_stain(patches, stain)
        others = [estimate_stain([stain_anew(p, stain, c) for p in patches], stain) for c in changes.values()]
        seen = ["yes" if has_drifted(one) else "no" for one in (found, *others)]
        print(format_row(name, found, seen), flush=True)


if __name__ == "__main__":
    main()
