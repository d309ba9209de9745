"""Stain real fields anew, with membranes of known class: make_semisynthetic.py --data ../shared/data --out DIR.

Fields of weak DAB are cut from the development cores; the watershed model finds nuclei and calls tumor; membranes are
drawn round the tumor cells. The folder is like that of `hetscore phantom`: fields as PNG, cases.csv with microns per
pixel, and truth/. The class of a cell is exact; which cells are tumor is the model's own call, so tumor figures of an
evaluation mean nothing here, and truth/cases.csv has no row: no label is known. The fields hold real tissue and stay
out of the repository.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hetscore.config import Model, load_model, load_settings
from hetscore.domain import MembraneClass, MembranePattern, MppSource, Rgb, Tile, TileImage
from hetscore.geometry import Box
from hetscore.phantom.restain import RestainedField, restain
from hetscore.phantom.truth_files import write_case_rows
from hetscore.pipeline import make_segmenter
from hetscore.slides import open_slide
from hetscore.stain import Stain, find_white, unmix

MPP = 0.25
"""Of the development cores, estimated from nuclear size."""
SIDE_PX = 1024
"""256 um: some hundred to a thousand cells."""
WEAK_DAB = 0.12
"""95th percentile of DAB from which a field is not taken: the hematoxylin under denser DAB is not known."""
LEAST_OD = 0.04
"""Mean density of both stains from which a field is well filled with tissue."""
LEAST_TUMOR = 60
"""Tumor cells a field must have to be worth staining."""
SEED = 77
"""Apart from those of phantoms, tests and calibration."""


@dataclass(frozen=True)
class Kind:
    """What is drawn on a field: class of most cells, and of the share that differs."""

    name: str
    usual: MembraneClass
    odd: MembraneClass
    odd_share: float


KINDS = (
    Kind("3plus", MembraneClass.STRONG, MembraneClass.STRONG, 0.0),
    Kind("2plus", MembraneClass.MODERATE, MembraneClass.MODERATE, 0.0),
    Kind("1plus", MembraneClass.FAINT, MembraneClass.FAINT, 0.0),
    Kind("negative", MembraneClass.NEGATIVE, MembraneClass.NEGATIVE, 0.0),
    Kind("mosaic", MembraneClass.STRONG, MembraneClass.NEGATIVE, 0.2),
)


def cut_fields(path: Path, model: Model) -> Iterator[tuple[Rgb, Stain]]:
    """Cut the fields of a core that are tissue of weak DAB."""
    with open_slide(path, mpp=MPP, mpp_source=MppSource.COMMAND_LINE) as slide:
        stain = Stain(find_white(slide.thumbnail(4.0).rgb), model.stain)
        for top in range(0, slide.info.height - SIDE_PX, SIDE_PX):
            for left in range(0, slide.info.width - SIDE_PX, SIDE_PX):
                rgb = slide.read(Box(left, top, SIDE_PX, SIDE_PX), 1)
                hematoxylin, dab = unmix(rgb, stain)
                if np.percentile(dab, 95) < WEAK_DAB and (hematoxylin + dab).mean() > LEAST_OD:
                    yield rgb, stain


def stain_field(rgb: Rgb, stain: Stain, model: Model, kind: Kind, rng: np.random.Generator) -> RestainedField | None:
    """Find the cells of a field and stain its tumor cells; None where there are too few."""
    whole = Box(0, 0, SIDE_PX, SIDE_PX)
    labels = make_segmenter(model, load_settings()).segment(TileImage(Tile(0, whole, whole, 1, MPP), rgb), stain)
    nuclei = np.kron(labels.nuclei, np.ones((labels.shrink, labels.shrink), np.int32)).astype(np.int32)
    is_tumor = labels.p_tumor >= 0.5
    if np.count_nonzero(is_tumor) < LEAST_TUMOR:
        return None
    classes = np.where(rng.random(len(is_tumor)) < kind.odd_share, kind.odd, kind.usual).astype(np.int8)
    pattern = np.full(len(is_tumor), MembranePattern.BASOLATERAL, np.int8)
    return restain(rgb, nuclei, is_tumor, classes, pattern, stain=stain, mpp=MPP, rng=rng)


def write_field(field: RestainedField, name: str, out: Path) -> dict[str, object]:
    """Write a field and the truth of its cells, and give its row of cases.csv."""
    cv2.imwrite(str(out / f"{name}.png"), cv2.cvtColor(field.rgb, cv2.COLOR_RGB2BGR))
    tissue = field.tissue
    seen: NDArray[np.bool_] = np.isfinite(tissue.x)
    columns = {
        "x": tissue.x[seen],
        "y": tissue.y[seen],
        "fragment": np.ones(int(seen.sum()), np.int32),
        "is_tumor": tissue.is_tumor[seen],
        "membrane_class": tissue.membrane_class[seen],
        "pattern": tissue.pattern[seen],
    }
    pq.write_table(pa.table(columns), out / "truth" / f"{name}.cells.parquet")
    return {"case_id": name, "slide": f"{name}.png", "mpp": MPP}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real images")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    given = parser.parse_args(arguments)
    (given.out / "truth").mkdir(parents=True)
    model, rng = load_model("watershed"), np.random.default_rng(SEED)
    rows: list[dict[str, object]] = []
    for path in sorted((given.data / "eac-tma").glob("*.jpg")):
        for rgb, stain in cut_fields(path, model):
            kind = KINDS[len(rows) % len(KINDS)]
            field = stain_field(rgb, stain, model, kind, rng)
            if field is not None:
                rows.append(write_field(field, f"{path.name[:6]}-{len(rows):03d}-{kind.name}", given.out))
                print(rows[-1]["case_id"], int(field.tissue.is_tumor.sum()), "tumor cells")
    write_case_rows(given.out / "truth" / "cases.csv", [])
    with (given.out / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["case_id", "slide", "mpp"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
