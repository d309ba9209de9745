"""Measure what a network needs to compute in 8 bits: calibrate_int8.py [--model NAME] [--data ../shared/data].

Drawn fields, and with --data real cores too, go through the network in single precision, and the largest values between
its layers are written to int8.toml in the model's folder. `scripts/measure_int8.py` says what 8 bits then cost.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from hetscore.config import load_model, load_settings
from hetscore.domain import MppSource
from hetscore.geometry import Box
from hetscore.phantom import make_cases
from hetscore.phantom.fields import draw_fields
from hetscore.segmenters.architecture import LEAST_OD, MOST_OD
from hetscore.segmenters.folding import FoldedNetwork, Planes
from hetscore.segmenters.network import read_network
from hetscore.segmenters.openvino_runtime import CONFIG, build_graph
from hetscore.segmenters.quantization import RANGES_FILE, picture_names
from hetscore.slides import open_slide
from hetscore.stain import find_white, optical_density

PHANTOMS = (("typical", 2), ("hard", 2), ("scanner-warm", 1), ("scanner-contrast", 1))
"""Presets, and cases of each."""
SEED, N_FRAGMENTS = 61_001, 2
"""Apart from the seeds that are trained, tested and evaluated on; fragments of each case."""
MPP, CORE_MPP = 0.5, 0.25
"""Of the pictures the network sees, and of the real cores (data/MANIFEST.md)."""
CORE_PX = 2560
"""Of the middle of each core."""
PERCENTILE = 99.99
"""Of each channel. The largest value of all would waste levels on one pixel in millions: on cores and phantoms the maps
lie 0.035 logits from those in single precision with this, 0.040 with the largest and 0.06 with 99.9."""
MOST_PIXELS = 40_000
"""Of a picture that are looked at: as many as give four beyond the percentile."""


def read_densities(data: Path | None) -> Iterator[Planes]:
    """Draw the fields, and read the cores if there are any, as the network is shown them."""
    for preset, n_cases in PHANTOMS:
        for case in make_cases(preset, SEED, n_cases):
            for field, _ in zip(draw_fields(case, SEED, MPP), range(N_FRAGMENTS), strict=False):
                yield optical_density(field.rgb, field.white)
    for path in sorted((data / "eac-tma").glob("*.jpg")) if data else ():
        with open_slide(path, mpp=CORE_MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
            white = find_white(slide.thumbnail(4.0).rgb)
            # the corner of a whole block of 2 x 2 pixels, as every place read at downsample 2
            left, top = ((side - CORE_PX) // 4 * 2 for side in (slide.info.width, slide.info.height))
            yield optical_density(slide.read(Box(left, top, CORE_PX, CORE_PX), 2), white)


def measure_ranges(network: FoldedNetwork, densities: Iterable[Planes]) -> dict[str, float]:
    """Find the largest value of each picture between layers: of its channels' percentiles over all fields."""
    names, graph = picture_names(network.config), build_graph(network)
    graph.add_outputs(names)
    request = ov.Core().compile_model(graph, "CPU", CONFIG).create_infer_request()
    seen: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    for density in densities:
        height, width = (side // network.config.stride * network.config.stride for side in density.shape[:2])
        shown = np.clip(density[:height, :width], LEAST_OD, MOST_OD).transpose(2, 0, 1)
        pictures = request.infer([np.ascontiguousarray(shown[None])])
        for name in names:
            values = pictures[name][0].reshape(pictures[name].shape[1], -1)
            seen[name].append(values[:, :: max(1, values.shape[1] // MOST_PIXELS)].copy())
    return {
        name: float(np.percentile(np.concatenate(of, axis=1), PERCENTILE, axis=1).max()) for name, of in seen.items()
    }


def write_ranges(path: Path, weights_sha256: str, most: Mapping[str, float], data: str) -> None:
    """Write the file that `quantization.read_ranges` reads."""
    lines = [
        "# Written by scripts/calibrate_int8.py; do not edit by hand.",
        f'weights_sha256 = "{weights_sha256}"',
        f'data = "{data}"',
        "",
        "[most]",
        *(f'"{name}" = {value:.4f}' for name, value in most.items()),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=load_settings().model)
    parser.add_argument("--data", type=Path, help="folder of the real images")
    given = parser.parse_args()
    model = load_model(given.model)
    if model.kind != "network":
        parser.error(f"--model {given.model}; expected a model of kind network")
    network = read_network(model.card, model.folder)
    most = measure_ranges(network, read_densities(given.data))
    drawn = ", ".join(f"{preset} {n_cases}" for preset, n_cases in PHANTOMS)
    data = f"phantoms of seed {SEED}, cases: {drawn}" + ("; the middle of the development cores" if given.data else "")
    write_ranges(model.folder / RANGES_FILE, model.card["network"]["sha256"], most, data)
    print("\n".join(f"{name:16}{value:8.3f}" for name, value in most.items()))


if __name__ == "__main__":
    main()
