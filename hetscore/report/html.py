"""The report a pathologist reads: one self-contained page, made from case.json, fragments.csv and the pictures.

The page shows what those files hold and nothing else, so `rebuild` can make it again, byte for byte, without a pixel of
the slide. It has no script and no outside link.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from hetscore.domain import CaseResult, MembraneClass
from hetscore.flags import FLAGS, Flag, Severity
from hetscore.report.case_json import CASE_FILE, case_document, read_case_json
from hetscore.report.document import CaseDocument
from hetscore.report.palette import CLASS_COLORS, Verdict, css_color, fragment_verdict
from hetscore.report.pictures import COMPANION_END, ReportPicture, read_pictures, write_pictures
from hetscore.report.tables import FRAGMENTS_FILE, FragmentRow, fragment_rows, read_fragment_rows

REPORT_FILE = "report.html"

MAX_FAILED_TILES = 20
"""Lines shown; case.json has them all."""

LIMITS = (
    "For research use only. This is not a diagnosis and must not be used to choose a treatment.",
    "Cells were found and graded by software; a cell can be missed, graded wrongly, or be no tumor cell at all. "
    "Look at the fields shown, and at the slide.",
    "Biopsies sample a small part of a tumor: a HER2-negative biopsy does not exclude a positive tumor, and biopsies "
    "that are homogeneous say little about the parts that were not sampled.",
)
"""What every reader must know; the last one is the sampling caveat of the study that gave the labels."""


@dataclass(frozen=True)
class Bar:
    """One segment of a fragment's class distribution."""

    name: str
    count: int
    percent: float
    """Of the fragment's tumor cells, the unscored included."""
    color: str


@dataclass(frozen=True)
class Shown:
    """A picture ready for the page."""

    picture: ReportPicture
    source: str
    """Data URI."""


def write(result: CaseResult, folder: Path) -> tuple[Path, ...]:
    """Write report.html and its pictures.

    Parameters
    ----------
    result : CaseResult
        The case.
    folder : Path
        Existing folder of the case.

    Returns
    -------
    tuple of Path
        The pictures, their index, and the page, which is the last one.
    """
    pictures = write_pictures(result, folder)
    page = _write_page(case_document(result), fragment_rows(result), folder)
    return (*pictures, page)


def rebuild(folder: Path) -> Path:
    """Make report.html again from case.json, fragments.csv and ``pictures/`` of a case folder.

    Parameters
    ----------
    folder : Path
        Folder of the case.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UsageError
        If one of those files is absent or damaged.
    """
    return _write_page(read_case_json(folder / CASE_FILE), read_fragment_rows(folder / FRAGMENTS_FILE), folder)


def render(case: CaseDocument, rows: Sequence[FragmentRow], pictures: Sequence[Shown]) -> str:
    """Render the page as text.

    Parameters
    ----------
    case : CaseDocument
        What case.json holds.
    rows : sequence of FragmentRow
        What fragments.csv holds.
    pictures : sequence of Shown
        Overviews and fields.

    Returns
    -------
    str
        A complete HTML document.
    """
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            case=case,
            rows=rows,
            overviews=[shown for shown in pictures if shown.picture.kind == "overview"],
            fields=[shown for shown in pictures if shown.picture.kind == "field"],
            companions={_own_field(s.picture): s for s in pictures if s.picture.kind == "companion"},
            verdicts=list(Verdict),
            classes=[(c.label, css_color(CLASS_COLORS[c])) for c in _BAR_ORDER],
            flags=[_flag(name) for name in case.flags],
            limits=LIMITS,
            max_failed_tiles=MAX_FAILED_TILES,
        )
    )


def _own_field(companion: ReportPicture) -> str:
    """Name the file of the field that a companion's picture stands beside."""
    return companion.file.replace(f"{COMPANION_END}.", ".")


def class_bars(row: FragmentRow) -> list[Bar]:
    """Split a fragment's tumor cells by class, strongest first and unscored last; empty classes are left out."""
    by_class = dict(zip(list(MembraneClass)[1:], row.counts, strict=True)) | {MembraneClass.UNSCORED: row.unscored or 0}
    total = sum(by_class.values())
    return [
        Bar(c.label, by_class[c], 100 * by_class[c] / total, css_color(CLASS_COLORS[c]))
        for c in _BAR_ORDER
        if by_class[c]
    ]


_BAR_ORDER = (
    MembraneClass.STRONG,
    MembraneClass.MODERATE,
    MembraneClass.FAINT,
    MembraneClass.NEGATIVE,
    MembraneClass.UNSCORED,
)


def _write_page(case: CaseDocument, rows: Sequence[FragmentRow], folder: Path) -> Path:
    path = folder / REPORT_FILE
    shown = [Shown(picture, _data_uri(data)) for picture, data in read_pictures(folder)]
    path.write_text(render(case, rows, shown), encoding="utf-8", newline="\n")
    return path


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + b64encode(jpeg).decode("ascii")


def _flag(name: str) -> Flag:
    """Look a flag up; one that this version does not know is shown by its name, never dropped."""
    return FLAGS.get(name, Flag(name, Severity.CAUTION, name))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hetscore.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": _number, "css": css_color, "share": _share, "degrees": _degrees}
    environment.globals |= {"bars": class_bars, "verdict": fragment_verdict}
    return environment


def _number(value: float | None, decimals: int = 0) -> str:
    """Write a number for people: thousands apart, an en dash where there is none."""
    return "\N{EN DASH}" if value is None else f"{value:,.{decimals}f}"


def _degrees(value: float | None) -> str:
    """Write an angle; where there is none, too few pixels told it."""
    return "not seen" if value is None else f"{value:.1f}°"


def _share(part: float, whole: float) -> str:
    """Write a share of an area in percent; an en dash where there is nothing to share."""
    return "\N{EN DASH}" if whole <= 0 else f"{100 * part / whole:.1f} %"
