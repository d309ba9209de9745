"""The page on phantoms says what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hetscore.phantom import PRESETS, read_spec, spec_file
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.truth_files import ARTEFACT_BITS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "phantoms.md").read_text(encoding="utf-8")
KINDS = {**spec_file.CASE, **spec_file.FRAGMENT, **spec_file.OPTICS, **spec_file.ARTEFACT}


@pytest.mark.parametrize("key", sorted(KINDS))
def test_every_key_has_a_row_with_its_range_or_words(key: str) -> None:
    """The row names the ends of the range, or every word."""
    tables = PAGE.split("## A specification")[1]
    row = next(line for line in tables.splitlines() if line.startswith(f"| `{key}` |"))

    kind = KINDS[key]
    if isinstance(kind, spec_file.Range) and key != "fragment":
        assert f"{kind.low:g} to {kind.high:g}" in row or f"{kind.low:g} to {kind.high:.0f}" in row
    if isinstance(kind, spec_file.Choice) and kind is not spec_file.CLASS:
        assert [word for word in kind.words if f"`{word}`" not in row] == []


def test_the_example_is_a_specification(tmp_path: Path) -> None:
    """What the page shows can be drawn."""
    example = PAGE.split("```toml")[1].split("```")[0]
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")

    (case,) = read_spec(path)

    assert case.fragments[1].clone_cells == 20


def test_presets_and_numbers_are_all_there() -> None:
    """Every preset, and every number that stands for a kind of artefact, ground or cell."""
    assert [name for name in PRESETS if f"`{name}`" not in PAGE] == []
    assert [kind for kind, bit in ARTEFACT_BITS.items() if not re.search(rf"\b{bit} {kind}\b", PAGE)] == []
    assert [ground for ground in Ground if not re.search(rf"\b{int(ground)} \w+", PAGE)] == []
    names = {cell: cell.name.lower().replace("plasma", "plasma cell") for cell in CellType}
    assert [cell for cell, name in names.items() if f"{int(cell)} {name}" not in PAGE] == []
