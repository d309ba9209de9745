"""The house rules that a machine can check: size of functions and files, imports, flags, registries."""

from __future__ import annotations

import ast
import re
from importlib import metadata
from pathlib import Path
from statistics import median

import pytest

from hetscore.flags import FLAGS
from hetscore.report import EXPORTERS
from hetscore.segmenters import SEGMENTERS
from hetscore.slides import READERS

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = sorted((REPOSITORY / "hetscore").rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def functions() -> list[tuple[str, int]]:
    """Name and length (lines, without the docstring) of every function of the package."""
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append((f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}", body_length(node)))
    return found


def body_length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = node.body[0]
    has_docstring = ast.get_docstring(node, clean=False) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_functions_are_short() -> None:
    """Half of all functions have at most 8 lines, none more than 60."""
    lengths = functions()

    assert [f for f in lengths if f[1] > 60] == []
    assert median(length for _, length in lengths) <= 8


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_files_are_short(path: Path) -> None:
    """No file has more than 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_nothing_imports_the_package_from_its_root() -> None:
    """Modules import from where a thing is, not from the root, which would make a cycle; the version is only data."""
    offenders = [
        (path.name, alias.name)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "hetscore" and node.level == 0
        for alias in node.names
        if alias.name != "__version__"
    ]
    assert offenders == []


def test_every_flag_is_set_somewhere() -> None:
    """A flag nobody sets is a promise nobody keeps; a name that is set must be in the registry."""
    text = "\n".join(p.read_text(encoding="utf-8") for p in SOURCES if p.name != "flags.py")

    assert [name for name in FLAGS if f'"{name}"' not in text] == []


@pytest.mark.parametrize("registry", [READERS, SEGMENTERS, EXPORTERS], ids=["readers", "segmenters", "exporters"])
def test_registries_are_in_the_readme(registry: dict[str, tuple[str, str]]) -> None:
    """Every entry of a registry is named in the README's table of where to change what."""
    table = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("## Where do I change")[1]

    assert [name for name in registry if not re.search(rf"\b{name}\b", table)] == []


def test_one_opencv() -> None:
    """Opencv-python and its headless twin overwrite one another's files: only the first may be installed."""
    names = {d.metadata["Name"].lower() for d in metadata.distributions()}

    assert "opencv-python" in names
    assert names.isdisjoint({"opencv-python-headless", "opencv-contrib-python"})
