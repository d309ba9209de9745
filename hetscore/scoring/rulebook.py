"""Every table by which hetscore decides, as text: what `hetscore rules` shows and docs/rules.md holds.

In: the tables of the other files of this package, as they are. Out: titles, columns and rows of words, and Markdown.
Nothing is decided and nothing is restated here, so what a reader is shown cannot differ from what was applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from hetscore.domain import Her2Score, IshResult, MembranePattern
from hetscore.scoring import descriptors, pairs, resistance
from hetscore.scoring.guidelines import GUIDELINES, CellRule, Criterion, Guideline
from hetscore.scoring.heterogeneity import LITERAL_RULE
from hetscore.scoring.ish import IshRow, Span
from hetscore.scoring.patterns import PATTERNS
from hetscore.scoring.status import RULE_SETS, RuleSet, StatusRow


@dataclass(frozen=True)
class RuleTable:
    """One table of words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class RuleEntry:
    """One name of `hetscore rules list` and all that belongs to it."""

    name: str
    kind: str
    organ: str
    citation: str
    notes: tuple[str, ...]
    tables: tuple[RuleTable, ...]


def to_markdown(entry: RuleEntry) -> str:
    """Write an entry as Markdown: a heading, its source and notes, and its tables.

    Parameters
    ----------
    entry : RuleEntry
        Any value of `RULEBOOK`.

    Returns
    -------
    str
        Ends with a line break; a bar inside a cell is escaped.
    """
    lines = [f"## {entry.name}", "", f"{entry.kind}, {entry.organ}. {entry.citation}", ""]
    for note in entry.notes:
        lines += [f"- {note}"]
    lines += [""] if entry.notes else []
    for table in entry.tables:
        lines += [f"**{table.title}**", "", _line(table.columns), _line("---" for _ in table.columns)]
        lines += [*(_line(row) for row in table.rows), ""]
    return "\n".join(lines)


def book_markdown() -> str:
    """Write the whole book as one Markdown page; docs/rules.md is this, written down by `make rules`."""
    head = (
        "# The rules\n\nEvery table by which hetscore decides, made from the tables themselves by `make rules`: do not"
        " edit this page.\nA tumor cell of at least 2+ is one of 2+ or 3+: counts are cumulative, so that a stronger"
        " cell never lowers a score.\n"
    )
    return "\n".join([head, *(to_markdown(entry) for entry in RULEBOOK.values())])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _say(text: str, citation: str) -> str:
    """Leave out of a sentence the source that its whole table names."""
    return text.replace(f" ({citation})", "").replace(f"({citation}; ", "(")


def _guideline_entry(guideline: Guideline) -> RuleEntry:
    cited = guideline.citation
    score = RuleTable(
        "Score: the first row that holds decides",
        ("row", "score", "asks for", "sentence"),
        (
            *((row.name, row.score.label, _ask(row), _say(row.text, cited)) for row in guideline.criteria),
            ("otherwise", Her2Score.ZERO.label, "none of the above", _say(guideline.otherwise, cited)),
        ),
    )
    cells = RuleTable(
        "How a stained tumor cell counts: the first row that holds decides",
        ("row", "counts as", "staining", "pattern", "sentence"),
        tuple(_cell_row(rule, cited) for rule in guideline.cell_rules),
    )
    return RuleEntry(
        name=guideline.name,
        kind="guideline",
        organ=f"{guideline.organ} {guideline.specimen or ''}".strip(),
        citation=guideline.citation,
        notes=guideline.remarks,
        tables=(score, cells) if cells.rows else (score,),
    )


def _ask(row: Criterion) -> str:
    stained = f"of at least {row.at_least.label}"
    if row.n_cluster is not None:
        return f"{row.n_cluster} or more connected tumor cells {stained}"
    sign = "at least" if row.inclusive else "more than"
    return f"{sign} {_percent(row.share)} of the tumor cells {stained}"


def _cell_row(rule: CellRule, cited: str) -> tuple[str, ...]:
    every = len(rule.patterns) == len(MembranePattern)
    patterns = "any" if every else ", ".join(pattern.name.lower() for pattern in rule.patterns)
    return rule.name, rule.counts_as.label, f"at least {rule.at_least.label}", patterns, _say(rule.text, cited)


def _percent(share: Fraction | None) -> str:
    return f"{float(100 * (share or 0)):g} %"


def _rule_set_entry(rule_set: RuleSet) -> RuleEntry:
    status = RuleTable(
        "HER2 status: exactly one row holds",
        ("row", "IHC", "ISH", "status", "sentence"),
        tuple(_status_row(row) for row in rule_set.rows),
    )
    rule = rule_set.ish_rule
    columns = ("row", "group", "HER2/CEP17", "HER2 copies", "IHC", "result", "sentence")
    return RuleEntry(
        name=rule_set.name,
        kind="rule set",
        organ=rule_set.organ,
        citation=rule_set.citation,
        notes=(*rule_set.remarks, f"Fewer than {rule.min_cells} nuclei leave the ISH result unknown."),
        tables=(
            status,
            RuleTable("ISH where the ratio is known", columns, tuple(_ish_row(row) for row in rule.dual)),
            RuleTable("ISH with HER2 copies alone", columns, tuple(_ish_row(row) for row in rule.single)),
        ),
    )


def _status_row(row: StatusRow) -> tuple[str, ...]:
    return row.name, _scores(row.scores), _results(row.ish), row.status.value, row.text


def _ish_row(row: IshRow) -> tuple[str, ...]:
    group = "" if row.group is None else str(row.group)
    scores = "any" if row.scores is None else _scores(row.scores)
    recount = " (after a blinded recount)" if row.needs_recount else ""
    return row.name, group, _span(row.ratio), _span(row.her2), scores, row.result.value + recount, row.text


def _span(span: Span | None) -> str:
    """Write an interval: ">= 2", "> 6", ">= 4 and < 6", or "any"."""
    if span is None:
        return "any"
    low = None if span.low is None else f"{'>=' if span.is_low_in else '>'} {float(span.low):g}"
    high = None if span.high is None else f"{'<=' if span.is_high_in else '<'} {float(span.high):g}"
    return " and ".join(part for part in (low, high) if part) or "any"


def _scores(scores: Iterable[Her2Score | None]) -> str:
    return ", ".join("none" if score is None else score.label for score in scores)


def _results(results: Iterable[IshResult]) -> str:
    results = tuple(results)
    return "any" if len(results) == len(IshResult) else ", ".join(result.value for result in results)


def _loss_entry(table: pairs.LossTable) -> RuleEntry:
    rows = tuple(
        (row.name, _readings(row.before), _readings(row.after), row.outcome.value, row.text) for row in table.rows
    )
    columns = ("row", "before", "after", "outcome", "sentence")
    return RuleEntry(
        name=table.name,
        kind="paired samples",
        organ="gastric",
        citation=table.citation,
        notes=table.remarks,
        tables=(RuleTable("Outcome: exactly one row holds", columns, rows),),
    )


def _readings(readings: Iterable[pairs.Reading]) -> str:
    """Write a set of readings by what they share: "0, 1+, 2+ amplified; not judged"."""
    by_ish: dict[tuple[str, ...], list[str]] = {}
    results: dict[str, list[IshResult]] = {}
    for score, ish in sorted(readings, key=lambda r: (isinstance(r[0], pairs.Unread), str(r[0]), r[1].value)):
        name = score.value.replace("-", " ") if isinstance(score, pairs.Unread) else score.label
        results.setdefault(name, []).append(ish)
    for name, seen in results.items():
        by_ish.setdefault(tuple(result.value for result in seen), []).append(name)
    return "; ".join(_reading(names, ish) for ish, names in by_ish.items())


def _reading(names: list[str], ish: tuple[str, ...]) -> str:
    unread = {unread.value.replace("-", " ") for unread in pairs.Unread}
    if len(ish) == len(IshResult) or set(names) <= unread:
        return ", ".join(names)
    how = " or ".join("without ISH" if result == IshResult.UNKNOWN.value else result for result in ish)
    return f"{', '.join(names)} {how}"


def _resistance_entry() -> RuleEntry:
    rows = tuple((row.name, row.text) for row in resistance.ACQUIRED_RESISTANCE)
    return RuleEntry(
        name="acquired-resistance",
        kind="paired samples",
        organ="gastric",
        citation=pairs.LOSS_OF_POSITIVITY.citation,
        notes=("Read to the letter: nine biopsies are as far outside as five. What is not known leaves it open.",),
        tables=(RuleTable("Inclusion: all rows must hold", ("row", "sentence"), rows),),
    )


def _subtype_entry() -> RuleEntry:
    words = {True: "positive", False: "negative", None: "not known"}
    rows = tuple(
        (row.name, "; ".join(f"ER {words[er]}, PgR {words[pgr]}" for er, pgr in row.receptors), row.text)
        for row in pairs.RECEPTOR_SUBTYPES
    )
    return RuleEntry(
        name="receptor-subtype",
        kind="paired samples",
        organ="breast",
        citation="Bon G et al., J Exp Clin Cancer Res 2020;39:279",
        notes=(f"A receptor is positive from {float(pairs.RECEPTOR_POSITIVE):g} % of the tumor cells.",),
        tables=(RuleTable("Subtype: exactly one row holds", ("row", "receptors", "sentence"), rows),),
    )


def _low_entry() -> RuleEntry:
    rows = tuple(
        (row.name, _scores(row.scores), _results(row.ish), _stained(row.stained), row.value, row.text)
        for row in descriptors.LOW_TABLE
    )
    return RuleEntry(
        name="her2-low",
        kind="descriptor",
        organ="breast",
        citation="DESTINY-Breast04 and -06; not result categories of ASCO/CAP 2023",
        notes=("Reported beside the score, never part of it.",),
        tables=(
            RuleTable("Name: exactly one row holds", ("row", "IHC", "ISH", "stained cells", "name", "sentence"), rows),
        ),
    )


def _stained(shares: Iterable[descriptors.StainedShare]) -> str:
    names = {
        descriptors.StainedShare.NONE: "none",
        descriptors.StainedShare.UP_TO_TENTH: "> 0 and <= 10 %, faint",
        descriptors.StainedShare.MORE: "more, or stronger",
        descriptors.StainedShare.UNKNOWN: "not counted",
    }
    shares = tuple(shares)
    return "any" if len(shares) == len(names) else ", ".join(names[share] for share in shares)


def _magnification_entry() -> RuleEntry:
    rows = tuple(
        (row.name, "" if row.below_um is None else f"< {float(row.below_um):g} um", row.value, row.text)
        for row in descriptors.WIDTH_TABLE
    )
    return RuleEntry(
        name="magnification",
        kind="descriptor",
        organ="gastric, breast",
        citation="Rüschoff J et al., Mod Pathol 2012;25:637-650; widths of Scheel AH et al., Diagn Pathol 2018;13:19",
        notes=("Reported beside the score, never part of it.",),
        tables=(
            RuleTable(
                "Objective: the first row that holds decides", ("row", "line width", "seen at", "sentence"), rows
            ),
        ),
    )


def _heterogeneity_entry() -> RuleEntry:
    labels = tuple((row.name, row.label.value, row.text) for row in LITERAL_RULE)
    patterns = tuple((row.name, row.pattern.value, f"{row.text} ({row.source})") for row in PATTERNS)
    return RuleEntry(
        name="homo-hetero",
        kind="heterogeneity",
        organ="gastric",
        citation="Yagi S et al., Gastric Cancer 2019;22:518-525, Evaluation of intratumoral HER2 heterogeneity",
        notes=(
            "The literal rule; the label of a slide read by hetscore allows for misread cells, see docs/method.md.",
        ),
        tables=(
            RuleTable("Literal label: the first row that holds decides", ("row", "label", "sentence"), labels),
            RuleTable(
                "Pattern, descriptive: the first row that holds decides",
                ("row", "pattern", "sentence"),
                patterns,
            ),
        ),
    )


def _gather(entries: Iterable[RuleEntry]) -> dict[str, RuleEntry]:
    """Key entries by name; a guideline and the rule set of the same publication share one."""
    gathered: dict[str, RuleEntry] = {}
    for entry in entries:
        other = gathered.get(entry.name)
        if other is not None:
            entry = replace(
                other,
                kind=f"{other.kind} and {entry.kind}",
                notes=(*other.notes, *entry.notes),
                tables=(*other.tables, *entry.tables),
            )
        gathered[entry.name] = entry
    return gathered


RULEBOOK: Mapping[str, RuleEntry] = _gather(
    (
        *(_guideline_entry(guideline) for guideline in GUIDELINES.values()),
        *(_rule_set_entry(rule_set) for rule_set in RULE_SETS.values()),
        _heterogeneity_entry(),
        _loss_entry(pairs.LOSS_OF_POSITIVITY),
        _loss_entry(pairs.LOSS_OF_OVEREXPRESSION),
        _resistance_entry(),
        _subtype_entry(),
        _low_entry(),
        _magnification_entry(),
    )
)
"""By name. To show one more kind of table, add a function that puts it into words and a line here."""
