"""Write slides_sample/: seven small synthetic cases, one of each kind of answer, with the answers expected.

Run from the repository's root: ``python scripts/make_sample_slides.py``. What was in the folder is replaced.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from hetscore.phantom import CaseTruth, make_cases, write_phantom
from hetscore.phantom.truth_files import write_case_rows

FOLDER = Path(__file__).resolve().parent.parent / "slides_sample"
SEED = 20190101
N_CASES = 7
EXPECTED = ("case_id", "label", "ihc_score", "status", "fragments", "fragments_with_tumor")

README = """\
# Sample slides

Seven small synthetic HER2 IHC slides (hematoxylin and DAB) of gastric biopsies, one for each kind of answer. No
patient, no tissue, no scanner: every pixel is drawn by `scripts/make_sample_slides.py` with seed {seed}. Licence:
Apache-2.0.

Tiled JPEG pyramids at 0.25 um/px; `cases.csv` is what `hetscore score` reads, `expected.csv` what it should find, and
`truth/` holds every cell. `hetscore phantom sample --seed {seed} --cases {n} --out DIR` draws the same.

| case | label | HER2 IHC | status | fragments | with tumor | why |
|---|---|---|---|---|---|---|
{rows}
"""

WHY = {
    "homo-3plus": "every tumor cell is 3+; the fragment without tumor does not vote",
    "homo-2plus-amplified": "every tumor cell is 2+, and ISH is amplified",
    "hetero-fragment": "one of four fragments is negative",
    "hetero-clone": "forty negative cells lie together in one fragment",
    "negative": "no tumor cell is above 1+: the question is not asked",
    "equivocal-2plus": "2+ without ISH: the status is open",
    "no-tumor": "benign glands, stroma and lymphocytes only",
}


def main() -> None:
    """Write the folder anew and print what it holds."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    truths = write_phantom(make_cases("sample", SEED, N_CASES), SEED, FOLDER, progress=lambda row: print(row))
    write_case_rows(FOLDER / "expected.csv", truths, EXPECTED)
    rows = "\n".join(_row(truth) for truth in truths)
    (FOLDER / "README.md").write_text(README.format(seed=SEED, n=N_CASES, rows=rows), encoding="utf-8")
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{size / 1e6:.1f} MB in {FOLDER}")


def _row(truth: CaseTruth) -> str:
    score = truth.ihc_score.label if truth.ihc_score is not None else ""
    cells = (truth.case_id, truth.label, score, truth.status, truth.fragments, truth.fragments_with_tumor)
    return "| " + " | ".join(str(cell) for cell in (*cells, WHY[truth.case_id])) + " |"


if __name__ == "__main__":
    main()
