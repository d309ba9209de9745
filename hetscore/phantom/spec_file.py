"""Specifications as TOML: read and checked in full, every fault named with its place; or written, to start from.

The keys are the names of the fields of `hetscore.phantom.spec`; the tables below say what each may be, and why.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from hetscore.domain import IshResult, MembraneClass, MembranePattern
from hetscore.errors import UsageError
from hetscore.phantom.spec import (
    MOST_CASES,
    ArtefactKind,
    ArtefactSpec,
    CaseSpec,
    Damage,
    FragmentSpec,
    OpticsSpec,
    Scanner,
    Tissue,
)


class Kind(Protocol):
    """What a key may hold."""

    def read(self, value: object, path: str, faults: list[str]) -> Any:  # noqa: ANN401 - of any field
        """Return the value for the field; what is wrong with it is added to `faults`."""

    def text(self, value: Any) -> str:  # noqa: ANN401 - of any field
        """Write the field's value as TOML."""


@dataclass(frozen=True)
class Range:
    """A number between two others."""

    low: float
    high: float
    reason: str
    """What lies beyond the ends."""
    is_whole: bool = False

    def read(self, value: object, path: str, faults: list[str]) -> float:
        """Take whole numbers for any number, but no truth values."""
        is_number = isinstance(value, int if self.is_whole else int | float) and not isinstance(value, bool)
        if is_number and self.low <= value <= self.high:  # type: ignore[operator]
            return value if self.is_whole else float(value)  # type: ignore[return-value, arg-type]
        what = "a whole number" if self.is_whole else "a number"
        faults.append(f"{path}: {value!r}; expected {what} from {self.low:g} to {self.high:g} ({self.reason})")
        return self.low

    def text(self, value: float) -> str:
        """Write with as many digits as needed."""
        return repr(value)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def read(self, value: object, path: str, faults: list[str]) -> bool:
        """Take truth values only."""
        if not isinstance(value, bool):
            faults.append(f"{path}: {value!r}; expected true or false")
        return value is True

    def text(self, value: bool) -> str:
        """Write as TOML does."""
        return "true" if value else "false"


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: Mapping[str, Enum]

    def read(self, value: object, path: str, faults: list[str]) -> Enum:
        """Take one of the words, spelled as they are."""
        if isinstance(value, str) and value in self.words:
            return self.words[value]
        faults.append(f"{path}: {value!r}; expected one of {', '.join(map(_quoted, self.words))}")
        return next(iter(self.words.values()))

    def text(self, value: Enum) -> str:
        """Write the word."""
        return _quoted(next(word for word, meant in self.words.items() if meant is value))


@dataclass(frozen=True)
class Choices:
    """A short list of words."""

    one: Choice
    most: int

    def read(self, value: object, path: str, faults: list[str]) -> tuple[Enum, ...]:
        """Take a list of words."""
        if not isinstance(value, list) or len(value) > self.most:
            faults.append(f"{path}: {value!r}; expected a list of at most {self.most} words")
            return ()
        return tuple(self.one.read(item, f"{path}[{i}]", faults) for i, item in enumerate(value, start=1))

    def text(self, value: Sequence[Enum]) -> str:
        """Write the list."""
        return f"[{', '.join(map(self.one.text, value))}]"


CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
"""Ids become names of files on any system."""


@dataclass(frozen=True)
class Name:
    """A case's id."""

    def read(self, value: object, path: str, faults: list[str]) -> str:
        """Take what can be a file's name."""
        if isinstance(value, str) and CASE_ID.fullmatch(value):
            return value
        faults.append(
            f"{path}: {value!r}; expected a name for files: at most 64 letters, digits and . _ + -, no sign first"
        )
        return ""

    def text(self, value: str) -> str:
        """Write in quotes."""
        return _quoted(value)


DAMAGED = Range(0.0, 0.8, "share of the fragment; more would leave no tissue to speak of")


@dataclass(frozen=True)
class Shares:
    """Shares of the fragment by kind of damage."""

    def read(self, value: object, path: str, faults: list[str]) -> dict[Damage, float]:
        """Take a table of numbers; together they may not exceed the limit of one."""
        if not isinstance(value, dict):
            faults.append(f"{path}: {value!r}; expected a table such as {{ necrosis = 0.1 }}")
            return {}
        words = [str(kind) for kind in Damage]
        faults += [_unknown(f"{path}.{key}", words) for key in value if key not in words]
        known = {key: share for key, share in value.items() if key in words}
        shares = {Damage(key): DAMAGED.read(share, f"{path}.{key}", faults) for key, share in known.items()}
        if math.fsum(shares.values()) > DAMAGED.high:
            faults.append(f"{path}: {math.fsum(shares.values()):g} in all; expected at most {DAMAGED.high:g}")
        return shares

    def text(self, value: Mapping[Damage, float]) -> str:
        """Write as an inline table."""
        inner = ", ".join(f"{kind} = {share!r}" for kind, share in value.items())
        return f"{{ {inner} }}" if inner else "{}"


def _words(kind: type[Enum]) -> Choice:
    return Choice({str(member.value): member for member in kind})


CLASS = Choice({member.label: member for member in MembraneClass if member is not MembraneClass.UNSCORED})
PATTERN = Choice({member.name.lower(): member for member in MembranePattern if member is not MembranePattern.NONE})

FRAGMENT: Mapping[str, Kind] = {
    "diameter_um": Range(80, 4000, "less holds no gland, forceps take no more, and memory grows with the square"),
    "tissue": _words(Tissue),
    "membrane_class": CLASS,
    "gland_pattern": PATTERN,
    "clone_cells": Range(0, 100_000, "cells; a fragment of 4 mm holds no more tumor cells", is_whole=True),
    "mosaic_share": Range(0, 1, "share of the tumor cells"),
    "minor_class": CLASS,
    "has_normal": Flag(),
    "is_graded": Flag(),
    "damage": Shares(),
}
OPTICS: Mapping[str, Kind] = {
    "scanner": _words(Scanner),
    "blur_um": Range(0.1, 3, "below is sharper than light allows; above no membrane is left"),
    "chromatic_um": Range(0, 2, "beyond, colors part by more than a membrane's width"),
    "noise": Range(0, 10, "factor; beyond, grains hide the nuclei"),
    "thickness_sd": Range(0, 0.6, "logarithm; beyond, folds of a factor of three"),
    "hematoxylin_gain": Range(0.1, 4, "factor; beyond, nuclei vanish or turn black"),
    "dab_gain": Range(0.1, 4, "factor; beyond, the classes cannot be told from one another"),
    "blush": Range(0, 10, "factor; beyond, cytoplasm outshines the membrane"),
    "nuclear_od": Range(0, 1, "optical density; beyond, nuclei are opaque"),
    "edge_od": Range(0, 1.5, "optical density; beyond, rims are opaque"),
}
ARTEFACT: Mapping[str, Kind] = {
    "kind": _words(ArtefactKind),
    "fragment": Range(1, 100, "number of a fragment, 1 for the first", is_whole=True),
    "share": Range(0.01, 0.9, "share of the fragment; less is not seen, more leaves nothing"),
}
CASE: Mapping[str, Kind] = {
    "case_id": Name(),
    "ish": _words(IshResult),
    "mpp": Range(0.2, 1.0, "um per pixel: x40 scans have 0.2-0.3, x10 scans 1.0"),
    "quality": Range(30, 100, "of JPEG; below, blocks hide the nuclei", is_whole=True),
    "levels": Range(1, 6, "serial sections; more do not fit on a slide", is_whole=True),
    "controls": Choices(CLASS, most=4),
    "companion": Flag(),
}
"""Its tables are optics, fragment and artefact."""

MOST_FRAGMENTS = 100
"""And artefacts, of a case: more do not fit on a slide."""


def _quoted(word: str) -> str:
    return f'"{word}"'


def _unknown(path: str, known: Sequence[str]) -> str:
    return f"{path}: not known; expected one of {', '.join(known)}"


def read_spec(path: Path) -> tuple[CaseSpec, ...]:
    """Read a specification.

    Parameters
    ----------
    path : Path
        TOML file with one or several ``[[case]]`` tables.

    Returns
    -------
    tuple of CaseSpec
        Complete and checked, with distinct case ids.

    Raises
    ------
    UsageError
        With every unknown key and every bad value at once, each with its place (counted from 1), the value, and what it
        may be.
    """
    faults: list[str] = []
    cases = _read_cases(_read_toml(path), faults)
    if faults:
        listed = "\n  ".join(faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise UsageError(f"{path}: {count}; expected none. Mend what is listed (places count from 1):\n  {listed}")
    return cases


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path}: no such file; expected a specification in TOML. Check the path.") from None
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); expected a specification in TOML. Give another file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML ({error}); expected TOML. Mend the line named.") from None


def _read_cases(values: dict[str, Any], faults: list[str]) -> tuple[CaseSpec, ...]:
    faults += [_unknown(key, ["case"]) for key in values if key != "case"]
    tables = _tables(values.get("case", []), "case", (1, MOST_CASES), faults)
    cases = tuple(_read_case(table, f"case[{i}]", faults) for i, table in enumerate(tables, start=1))
    ids = [case.case_id.lower() for case in cases]
    for i, case in enumerate(cases):
        if case.case_id and ids[i] in ids[:i]:
            faults.append(f"case[{i + 1}].case_id: {case.case_id!r} a second time; expected distinct ids")
    return cases


_PLACE = r"\[\d+\]"
"""Number of a table in a path: headings in the file have none."""


def _tables(value: object, path: str, number: tuple[int, int], faults: list[str]) -> list[dict[str, Any]]:
    least, most = number
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        seen = "one table" if isinstance(value, dict) else repr(value)
        faults.append(f"{path}: {seen}; expected tables headed [[{re.sub(_PLACE, '', path)}]]")
        return []
    if not least <= len(value) <= most:
        faults.append(f"{path}: {len(value)} tables; expected {least} to {most}")
    return value[:most]


def _read_fields(kinds: Mapping[str, Kind], table: dict[str, Any], path: str, faults: list[str]) -> dict[str, Any]:
    return {key: kind.read(table[key], f"{path}.{key}", faults) for key, kind in kinds.items() if key in table}


def _find_unknown(table: dict[str, Any], known: Sequence[str], path: str) -> list[str]:
    return [_unknown(f"{path}.{key}", known) for key in table if key not in known]


def _read_case(table: dict[str, Any], path: str, faults: list[str]) -> CaseSpec:
    faults += _find_unknown(table, [*CASE, "optics", "fragment", "artefact"], path)
    if "case_id" not in table:
        faults.append(f"{path}.case_id: missing; expected a name for the slide's file")
    case = {"case_id": "", **_read_fields(CASE, table, path, faults)}
    numbered = _tables(table.get("fragment", []), f"{path}.fragment", (1, MOST_FRAGMENTS), faults)
    fragments = [_read_fragment(item, f"{path}.fragment[{i}]", faults) for i, item in enumerate(numbered, start=1)]
    numbered = _tables(table.get("artefact", []), f"{path}.artefact", (0, MOST_FRAGMENTS), faults)
    n = len(fragments)
    artefacts = [_read_artefact(item, f"{path}.artefact[{i}]", n, faults) for i, item in enumerate(numbered, start=1)]
    optics = _read_optics(table.get("optics", {}), f"{path}.optics", faults)
    return CaseSpec(fragments=tuple(fragments), optics=optics, artefacts=tuple(artefacts), **case)


def _read_optics(table: object, path: str, faults: list[str]) -> OpticsSpec:
    if not isinstance(table, dict):
        faults.append(f"{path}: {table!r}; expected a table headed [case.optics]")
        return OpticsSpec()
    faults += _find_unknown(table, list(OPTICS), path)
    return OpticsSpec(**_read_fields(OPTICS, table, path, faults))


def _read_fragment(table: dict[str, Any], path: str, faults: list[str]) -> FragmentSpec:
    faults += _find_unknown(table, list(FRAGMENT), path)
    n_faults = len(faults)
    fragment = FragmentSpec(**_read_fields(FRAGMENT, table, path, faults))
    has_minor = bool(fragment.clone_cells or fragment.mosaic_share or fragment.is_graded)
    is_read = len(faults) == n_faults  # else a default stands where the value was refused
    if is_read and fragment.has_tumor and has_minor and fragment.minor_class is fragment.membrane_class:
        faults.append(
            f"{path}.minor_class: {_quoted(fragment.minor_class.label)}, as membrane_class; "
            "expected another class for the clone, the mosaic or the gradient to be seen"
        )
    return fragment


def _read_artefact(table: dict[str, Any], path: str, n_fragments: int, faults: list[str]) -> ArtefactSpec:
    faults += _find_unknown(table, list(ARTEFACT), path)
    if "kind" not in table:
        faults.append(f"{path}.kind: missing; expected one of {', '.join(_quoted(kind) for kind in ArtefactKind)}")
    values = {"kind": ArtefactKind.FOLD, **_read_fields(ARTEFACT, table, path, faults)}
    artefact = ArtefactSpec(**values)
    most = max(n_fragments, 1)
    if artefact.fragment is None and artefact.kind.needs_tissue and table.get("kind") == artefact.kind:
        faults.append(f"{path}.fragment: missing; expected 1 to {most}: bare glass has no {artefact.kind}")
    if artefact.fragment is not None and artefact.fragment > most:
        faults.append(f"{path}.fragment: {artefact.fragment}; expected 1 to {most}, the case's fragments")
    return artefact


def format_spec(cases: Sequence[CaseSpec]) -> str:
    """Write cases as the TOML that `read_spec` reads, every field of them, to be changed by hand."""
    return "\n".join(_format_case(case) for case in cases)


def _format_case(case: CaseSpec) -> str:
    parts = [_format_table("[[case]]", CASE, case), _format_table("[case.optics]", OPTICS, case.optics)]
    parts += [_format_table("[[case.fragment]]", FRAGMENT, fragment) for fragment in case.fragments]
    parts += [_format_table("[[case.artefact]]", ARTEFACT, artefact) for artefact in case.artefacts]
    return "\n".join(parts)


def _format_table(head: str, kinds: Mapping[str, Kind], noun: object) -> str:
    values = {key: getattr(noun, key) for key in kinds}
    lines = [f"{key} = {kinds[key].text(value)}" for key, value in values.items() if value is not None]
    return "\n".join([head, *lines, ""])
