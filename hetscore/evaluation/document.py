"""A folder of results and a truth -> all figures, over all slides together and slide by slide, and their JSON file.

Slides are the same when their files have the same name, but for the suffix; cases when they have the same id. What
stands on one side only is listed, not judged.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hetscore import __version__
from hetscore.errors import UsageError
from hetscore.evaluation.cases import CaseFigures, CaseRow, case_figures, case_row
from hetscore.evaluation.classification import (
    ClassFigures,
    OverexpressedFigures,
    TumorFigures,
    class_figures,
    overexpressed_figures,
    tumor_figures,
)
from hetscore.evaluation.detection import (
    MATCH_UM,
    Comparison,
    DetectionFigures,
    compare_cells,
    detection_figures,
    join_comparisons,
)
from hetscore.evaluation.fragments import FragmentFigures, SlideFragments, compare_fragments, fragment_figures
from hetscore.evaluation.points import read_points
from hetscore.evaluation.results import FoundCase, FoundSlide, read_cases, read_slides
from hetscore.evaluation.truth import SlideTruth, Truth, read_phantom

SCHEMA = "hetscore/evaluation/1"

DECIMALS = 4
"""Of every rate: one cell in 10,000."""

SHOWN_NAMES = 5
"""Names listed in an error: enough to see how the two sides differ."""


@dataclass(frozen=True)
class Figures:
    """Everything measured, of one slide or of all."""

    detection: DetectionFigures
    tumor: TumorFigures
    classes: ClassFigures
    overexpressed: OverexpressedFigures
    fragments: FragmentFigures
    cases: CaseFigures


@dataclass(frozen=True)
class SlideFigures:
    """The figures of one slide; those of cases are of the one case it belongs to."""

    slide: str
    case_id: str
    mpp: float
    figures: Figures


@dataclass(frozen=True)
class Skipped:
    """What was not judged."""

    slides_without_truth: tuple[str, ...]
    truth_without_slide: tuple[str, ...]
    """True slides that no result has, as when a slide failed."""
    cases_without_truth: tuple[str, ...]
    truth_without_case: tuple[str, ...]
    second_readings: int
    """Points of crops that another person's reading stands for."""


@dataclass(frozen=True)
class Evaluation:
    """A folder of results beside a truth."""

    results: Path
    truth: Path
    truth_kind: str
    figures: Figures
    slides: tuple[SlideFigures, ...]
    skipped: Skipped


@dataclass(frozen=True)
class _Judged:
    """One slide compared with its truth."""

    slide: str
    case_id: str
    mpp: float
    compared: Comparison
    fragments: SlideFragments | None


def read_truth(path: Path) -> Truth:
    """Read a phantom folder or a CSV of points; UsageError if it is neither."""
    if path.is_dir():
        return read_phantom(path)
    if path.is_file():
        return read_points(path)
    raise UsageError(
        f"{path}: there is no such file or folder; expected a phantom folder or a CSV of points. Check it."
    )


def evaluate(results: Path, truth_path: Path, radius_um: float = MATCH_UM) -> Evaluation:
    """Measure how right a folder of results is.

    Parameters
    ----------
    results : Path
        Folder written by ``hetscore score``.
    truth_path : Path
        A phantom folder, or a CSV of points read by people.
    radius_um : float
        Nuclei closer than this are paired.

    Returns
    -------
    Evaluation
        Over all slides every cell counts the same: figures are of the cells pooled, not means of the slides' figures.

    Raises
    ------
    UsageError
        If one side cannot be read, two slides have the same name, or no slide stands on both sides.
    """
    truth, cases = read_truth(truth_path), read_cases(results)
    names = _slide_names(cases, results)
    if not names.keys() & truth.slides.keys():
        msg = f"{results}: no slide of {truth_path} in it (results: {_some(names)}; truth: {_some(truth.slides)})"
        raise UsageError(f"{msg}; expected slides of the same name. Score the slides that the truth is of.")
    wanted = {names[name] for name in names if name in truth.slides}
    judged = [
        _judge(case, found, truth.slides[Path(found.slide).stem], radius_um)
        for case in cases
        for found in read_slides(case, wanted, with_outlines=_has_outlines(case, truth.slides))
    ]
    rows = {case.case_id: case_row(case, truth.cases[case.case_id]) for case in cases if case.case_id in truth.cases}
    return Evaluation(
        results=results,
        truth=truth_path,
        truth_kind=truth.kind,
        figures=_figures(judged, list(rows.values()), radius_um),
        slides=tuple(_slide_figures(one, rows, radius_um) for one in judged),
        skipped=_skipped(names, truth, cases),
    )


def _slide_names(cases: Sequence[FoundCase], results: Path) -> dict[str, str]:
    """Name without suffix -> name of every slide of the results."""
    names = [slide for case in cases for slide in case.slides]
    counts = Counter(Path(name).stem for name in names)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        msg = f"{results}: several slides named {_some(twice)}; expected distinct names, as truth goes by them"
        raise UsageError(f"{msg}. Score them into two folders.")
    return {Path(name).stem: name for name in names}


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - SHOWN_NAMES} more" if len(ordered) > SHOWN_NAMES else ""
    return ", ".join(ordered[:SHOWN_NAMES]) + more


def _has_outlines(case: FoundCase, truths: Mapping[str, SlideTruth]) -> bool:
    stems = [Path(slide).stem for slide in case.slides]
    return any(truths[stem].outlines is not None for stem in stems if stem in truths)


def _judge(case: FoundCase, found: FoundSlide, truth: SlideTruth, radius_um: float) -> _Judged:
    compared = compare_cells(found, truth, radius_um)
    return _Judged(found.slide, case.case_id, found.mpp, compared, compare_fragments(found, truth, compared))


def _figures(judged: Sequence[_Judged], rows: Sequence[CaseRow], radius_um: float) -> Figures:
    compared = join_comparisons([one.compared for one in judged])
    return Figures(
        detection=detection_figures(compared, radius_um),
        tumor=tumor_figures(compared),
        classes=class_figures(compared),
        overexpressed=overexpressed_figures(compared),
        fragments=fragment_figures([one.fragments for one in judged if one.fragments is not None]),
        cases=case_figures(rows),
    )


def _slide_figures(one: _Judged, rows: Mapping[str, CaseRow], radius_um: float) -> SlideFigures:
    own = [rows[one.case_id]] if one.case_id in rows else []
    return SlideFigures(one.slide, one.case_id, one.mpp, _figures([one], own, radius_um))


def _skipped(names: Mapping[str, str], truth: Truth, cases: Sequence[FoundCase]) -> Skipped:
    """List what stands on one side only; where a truth judges no case, no case is missing its truth."""
    ids = {case.case_id for case in cases}
    both = names.keys() & truth.slides.keys()
    return Skipped(
        slides_without_truth=tuple(sorted(names[name] for name in names.keys() - both)),
        truth_without_slide=tuple(sorted(truth.slides.keys() - both)),
        cases_without_truth=tuple(sorted(ids - truth.cases.keys())) if truth.cases else (),
        truth_without_case=tuple(sorted(truth.cases.keys() - ids)),
        second_readings=sum(truth.slides[name].n_second_readings for name in both),
    )


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write the figures as JSON; UsageError if the file cannot be written."""
    text = json.dumps(as_document(evaluation), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        msg = (
            f"{path}: cannot be written ({error.strerror}); expected a file in a writable folder. Choose another --out."
        )
        raise UsageError(msg) from None


def as_document(evaluation: Evaluation) -> dict[str, Any]:
    """Put the figures into the shape of the JSON file: over all at the top, slides below, null where not defined."""
    return {
        "schema": SCHEMA,
        "hetscore_version": __version__,
        "results": evaluation.results.as_posix(),
        "truth": {"path": evaluation.truth.as_posix(), "kind": evaluation.truth_kind},
        **_plain_figures(evaluation.figures),
        "slides": [
            {
                "slide": slide.slide,
                "case_id": slide.case_id,
                "mpp": slide.mpp if slide.mpp > 0 else None,
                **_plain_figures(slide.figures),
            }
            for slide in evaluation.slides
        ],
        "skipped": _plain(asdict(evaluation.skipped)),
    }


def _plain_figures(figures: Figures) -> dict[str, Any]:
    """Turn the figures into JSON's own types; the key ``class`` cannot be a Python name."""
    return {("class" if name == "classes" else name): _plain(value) for name, value in asdict(figures).items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - walks any nesting of plain values
    match value:
        case float():
            return round(value, DECIMALS)
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
