"""Folders of results whose truth is known -> an error model, checked on the cases it was not fitted to.

Every folder comes with a phantom's truth or a table of points read by people, or with the user's word that all of its
cases are homogeneous HER2-positive tissue. All of them must have been read by one model with one calibration, for other
ones make other errors. A case that cannot be homogeneous by its own record is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hetscore.config import models_folder
from hetscore.domain import Cells, FragmentRole, Her2Score, Her2Status, KnownSlide, StainEstimate
from hetscore.error_file import load_errors
from hetscore.errors import UsageError
from hetscore.evaluation.document import read_truth
from hetscore.evaluation.known import read_homogeneous, read_known
from hetscore.pipeline.run import ERRORS_FILE
from hetscore.report.case_json import read_case_json
from hetscore.report.cells_parquet import CELLS_FILE, read_cells
from hetscore.report.document import SlideRecord, StainRecord
from hetscore.report.tables import FRAGMENTS_FILE, read_fragment_rows
from hetscore.scoring.error_check import check_errors
from hetscore.scoring.error_count import homogeneous_cases, link_slide
from hetscore.scoring.error_domain import describe_slide, join_looks
from hetscore.scoring.error_fit import Counts, Origin, fit_errors, group_counts
from hetscore.scoring.error_model import ErrorModel


@dataclass(frozen=True)
class KnownFolder:
    """A folder of results and where its truth is."""

    results: Path
    truth: Path | None
    """Phantom folder or CSV of points; None: every case is homogeneous HER2-positive tissue, by the user's word."""


@dataclass(frozen=True)
class Reader:
    """What read the slides."""

    model: str
    model_sha256: str
    calibration: str


@dataclass(frozen=True)
class Fitted:
    """An error model and how it came about."""

    model: ErrorModel
    p_values: tuple[tuple[str, float], ...]
    """Of the homogeneous cases in the check, each under the errors of the others."""
    taken_over: tuple[str, ...]
    """Rates that these slides cannot tell, and that are the model's own."""


PValueDone = Callable[[str, float], None]
"""Called with the id and the p-value of each case of the check."""


def fit_folders(
    folders: Sequence[KnownFolder],
    name: str,
    *,
    created: str,
    is_site: bool,
    done: PValueDone = lambda _case_id, _p: None,
) -> Fitted:
    """Fit an error model to folders of results.

    Parameters
    ----------
    folders : sequence of KnownFolder
        At least one.
    name : str
        Id of the error model.
    created : str
        Date, ISO 8601.
    is_site : bool
        Whether the slides are the site's own.
    done : callable, optional
        Called after each case of the check.

    Returns
    -------
    Fitted
        With its check, which may have failed.

    Raises
    ------
    UsageError
        If results or truth cannot be read, a case cannot be homogeneous, the results are of several models, hold no
        fragment that votes, or cannot tell a rate that the model's own file does not tell either.
    """
    slides = [slide for folder in folders for slide in _read_slides(folder, folders)]
    reader, looks = _read_records([folder.results for folder in folders])
    origin = Origin(name, reader.model, reader.model_sha256, reader.calibration, created, is_site, join_looks(looks))
    linked = [link_slide(slide) for slide in slides]
    counts = group_counts(linked)
    base = _load_base(reader) if _find_untold(counts) else None

    def fit(part: Counts) -> ErrorModel:
        return fit_errors(part, origin, base)

    try:
        model = fit(counts)
    except ValueError as error:
        where = ", ".join(folder.results.as_posix() for folder in folders)
        raise UsageError(f"{where}: {error}. Score such slides, and give their folder with the others.") from None
    p_values: list[tuple[str, float]] = []

    def note(case_id: str, p: float) -> None:
        p_values.append((case_id, p))
        done(case_id, p)

    check = check_errors(counts, homogeneous_cases(linked), fit, progress=note)
    return Fitted(replace(model, check=check), tuple(p_values), _find_taken_over(counts, base))


def _read_slides(folder: KnownFolder, folders: Sequence[KnownFolder]) -> Iterator[KnownSlide]:
    """Read the slides of a folder; of several folders, cases are named with their folder, for names come again."""
    if folder.truth is None:
        _check_homogeneous(folder.results)
        slides = read_homogeneous(folder.results)
    else:
        slides = read_known(folder.results, read_truth(folder.truth))
    for slide in slides:
        yield replace(slide, case_id=_name_case(slide.case_id, folder, folders))


def _check_homogeneous(results: Path) -> None:
    """Refuse cases that are not positive, or hold a tumor fragment that scores below 2+: no word makes them so."""
    faults = [fault for path in sorted(results.glob("cases/*/case.json")) for fault in _find_unlike(path)]
    if faults:
        remedy = "Score these apart, or give the truth of their cells with --truth."
        raise UsageError(f"{results}: {'; '.join(faults)}; expected homogeneous HER2-positive tissue. {remedy}")


def _find_unlike(path: Path) -> Iterator[str]:
    """Say why a case cannot be homogeneous HER2-positive tissue."""
    document = read_case_json(path)
    if Her2Status(document.her2.status) is not Her2Status.POSITIVE:
        yield f"case {document.case_id} has the status {document.her2.status}"
    low = (Her2Score.ZERO.label, Her2Score.ONE_PLUS.label)
    below = [row for row in read_fragment_rows(path.parent / FRAGMENTS_FILE) if row.assessable and row.score in low]
    if below:
        scores = ", ".join(f"{row.fragment} ({row.score})" for row in below)
        yield f"case {document.case_id} holds tumor fragments below 2+: {scores}"


def _name_case(case_id: str, folder: KnownFolder, folders: Sequence[KnownFolder]) -> str:
    """Name a case so that it is no other one: with the name of its folder, or its path where names are the same."""
    if len(folders) == 1:
        return case_id
    is_named = len({other.results.name for other in folders}) == len(folders)
    return f"{folder.results.name if is_named else folder.results.as_posix()}/{case_id}"


def _read_records(results: Sequence[Path]) -> tuple[Reader, list[dict[str, float]]]:
    """Read which model read the cases, which must be one, and what each slide looks like."""
    readers: dict[Reader, Path] = {}
    looks: list[dict[str, float]] = []
    for path in (path for folder in results for path in sorted(folder.glob("cases/*/case.json"))):
        made = read_case_json(path).provenance
        readers.setdefault(Reader(made.model.name, made.model.sha256, made.calibration), path)
        looks += _describe_case(path.parent, made.slides)
    if len(readers) > 1:
        seen = "; ".join(f"{path}: {r.model} {r.model_sha256[:8]}, {r.calibration}" for r, path in readers.items())
        raise UsageError(f"{seen}; expected one model and one calibration. Score all slides with the same.")
    return next(iter(readers)), [look for look in looks if look]


def _describe_case(folder: Path, slides: Sequence[SlideRecord]) -> Iterator[dict[str, float]]:
    names, cells = read_cells(folder / CELLS_FILE)
    rows = [row for row in read_fragment_rows(folder / FRAGMENTS_FILE) if row.role == FragmentRole.SAMPLE]
    for slide in slides:
        file = Path(slide.path).name
        own = [row for row in rows if row.slide == file]
        is_own = (names == file) & np.isin(cells.fragment, [row.fragment for row in own])
        yield _describe(slide, cells.take(is_own), sum(row.area_mm2 or 0.0 for row in own))


def _describe(slide: SlideRecord, cells: Cells, tissue_mm2: float) -> dict[str, float]:
    if slide.mpp is None:
        return {}
    return describe_slide(cells, mpp=slide.mpp, tissue_mm2=tissue_mm2, stain=_as_estimate(slide.stain))


def _as_estimate(stain: StainRecord | None) -> StainEstimate | None:
    """Turn the record of a slide's stain into what it was written from."""
    if stain is None:
        return None
    return StainEstimate(
        hematoxylin=stain.hematoxylin,
        dab=stain.dab,
        hematoxylin_degrees=stain.hematoxylin_degrees,
        dab_degrees=stain.dab_degrees,
        residual_od=stain.residual_od,
        n_pixels=stain.pixels,
    )


def _load_base(reader: Reader) -> ErrorModel | None:
    """Read the errors that came with the model; None where nobody counted them."""
    path = models_folder() / reader.model / ERRORS_FILE
    if not path.is_file():
        return None
    base = load_errors(path)
    if base.model_sha256 != reader.model_sha256:
        said = f"{path}: of model.toml {base.model_sha256[:8]}; expected {reader.model_sha256[:8]}, as the results"
        raise UsageError(f"{said}. Score the slides with the model that is installed.")
    return base


def _find_untold(counts: Counts) -> tuple[str, ...]:
    """Name the rates that these slides cannot tell and no model can do without."""
    is_untold = {
        "false_positive": not any(fragment.n_below > fragment.n_beside for fragment in counts.fragments),
        "missed": not sum(counts.n_tumor),
    }
    return tuple(name for name, is_absent in is_untold.items() if is_absent)


def _find_taken_over(counts: Counts, base: ErrorModel | None) -> tuple[str, ...]:
    """Name the rates that are those of the base."""
    if base is None:
        return ()
    is_seen = base.false_positive_beside is None or any(fragment.n_beside for fragment in counts.fragments)
    return _find_untold(counts) + (() if is_seen else ("false_positive_beside",))
