"""The specification as TOML: what it means, that it comes back as it was, and what is said of one that is wrong."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import IshResult, MembraneClass, MembranePattern
from hetscore.errors import UsageError
from hetscore.phantom import PRESETS, CaseSpec, FragmentSpec, Tissue, format_spec, make_cases, read_spec, spec_file
from hetscore.phantom.spec import ArtefactKind, ArtefactSpec, Damage, OpticsSpec, Scanner

EXAMPLE = """
[[case]]
case_id = "clone"
ish = "amplified"
mpp = 0.5
levels = 2
controls = ["3+", "0"]

[case.optics]
scanner = "warm"
dab_gain = 0.8

[[case.fragment]]
diameter_um = 300
tissue = "sheets"
membrane_class = "2+"
clone_cells = 12
damage = { necrosis = 0.1 }

[[case.fragment]]
tissue = "muscle"

[[case.artefact]]
kind = "pen"
fragment = 2

[[case]]
case_id = "plain"
[[case.fragment]]
"""


def write(folder: Path, text: str) -> Path:
    """Write a file."""
    path = folder / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_example_is_read_as_it_stands(tmp_path: Path) -> None:
    """Keys are the names of the fields; what is left out keeps its default."""
    clone, plain = read_spec(write(tmp_path, EXAMPLE))

    assert clone == CaseSpec(
        "clone",
        (
            FragmentSpec(300.0, Tissue.SHEETS, MembraneClass.MODERATE, clone_cells=12, damage={Damage.NECROSIS: 0.1}),
            FragmentSpec(tissue=Tissue.MUSCLE),
        ),
        IshResult.AMPLIFIED,
        mpp=0.5,
        levels=2,
        controls=(MembraneClass.STRONG, MembraneClass.NEGATIVE),
        optics=OpticsSpec(Scanner.WARM, dab_gain=0.8),
        artefacts=(ArtefactSpec(ArtefactKind.PEN, 2),),
    )
    assert plain == CaseSpec("plain", (FragmentSpec(),))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_can_be_written_and_read(tmp_path: Path, preset: str) -> None:
    """What a preset draws lies within the ranges, and comes back as it was."""
    cases = make_cases(preset, 1, 15)

    assert read_spec(write(tmp_path, format_spec(cases))) == cases


@given(
    diameter=st.floats(80, 4000),
    pattern=st.sampled_from([p for p in MembranePattern if p is not MembranePattern.NONE]),
    share=st.floats(0, 1),
    damage=st.dictionaries(st.sampled_from(Damage), st.floats(0, 0.16)),
)
def test_any_fragment_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    diameter: float,
    pattern: MembranePattern,
    share: float,
    damage: dict[Damage, float],
) -> None:
    """Numbers are written with all their digits."""
    fragment = FragmentSpec(diameter, Tissue.DIFFUSE, MembraneClass.STRONG, pattern, mosaic_share=share, damage=damage)
    case = CaseSpec("a", (fragment,))

    assert read_spec(write(tmp_path_factory.mktemp("spec"), format_spec([case]))) == (case,)


def test_every_field_can_be_set() -> None:
    """The tables of keys hold every field of the nouns, so that no choice is out of reach of a file."""
    for kinds, noun in (
        (spec_file.FRAGMENT, FragmentSpec),
        (spec_file.OPTICS, OpticsSpec),
        (spec_file.ARTEFACT, ArtefactSpec),
        ({**spec_file.CASE, "fragments": None, "optics": None, "artefacts": None}, CaseSpec),
    ):
        assert set(kinds) == {field.name for field in fields(noun)}


CASE = '[[case]]\ncase_id = "a"\n'
FRAGMENT = CASE + "[[case.fragment]]\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "case: 0 tables; expected 1 to 1000"),
        ("case = 3", "case: 3; expected tables headed [[case]]"),
        ("cases = 3\n" + FRAGMENT, "cases: not known; expected one of case"),
        ("[[case]]\n[[case.fragment]]", "case[1].case_id: missing"),
        (FRAGMENT.replace('"a"', '"a/b"'), "case[1].case_id: 'a/b'; expected a name for files"),
        (FRAGMENT + FRAGMENT.replace('"a"', '"A"'), "case[2].case_id: 'A' a second time; expected distinct ids"),
        (CASE, "case[1].fragment: 0 tables; expected 1 to 100"),
        (CASE + "levles = 2\n[[case.fragment]]", "case[1].levles: not known; expected one of case_id, ish, mpp,"),
        (CASE + "mpp = 2.5\n[[case.fragment]]", "case[1].mpp: 2.5; expected a number from 0.2 to 1 ("),
        (CASE + "mpp = nan\n[[case.fragment]]", "case[1].mpp: nan; expected a number from 0.2 to 1 ("),
        (CASE + "levels = 2.0\n[[case.fragment]]", "case[1].levels: 2.0; expected a whole number from 1 to 6 ("),
        (CASE + "levels = true\n[[case.fragment]]", "case[1].levels: True; expected a whole number from 1 to 6 ("),
        (CASE + 'controls = ["3"]\n[[case.fragment]]', 'case[1].controls[1]: \'3\'; expected one of "0", "1+",'),
        (CASE + 'controls = "3+"\n[[case.fragment]]', "case[1].controls: '3+'; expected a list of at most 4"),
        (CASE + "optics = 3\n[[case.fragment]]", "case[1].optics: 3; expected a table headed [case.optics]"),
        (FRAGMENT + "[case.optics]\nblur = 3", "case[1].optics.blur: not known; expected one of scanner, blur_um,"),
        (FRAGMENT + 'tissue = "gland"', 'case[1].fragment[1].tissue: \'gland\'; expected one of "glands", "sheets"'),
        (FRAGMENT + "is_graded = 1", "case[1].fragment[1].is_graded: 1; expected true or false"),
        (FRAGMENT + "clone_cells = 5", 'case[1].fragment[1].minor_class: "0", as membrane_class; expected another'),
        (FRAGMENT + "damage = 0.1", "case[1].fragment[1].damage: 0.1; expected a table such as"),
        (FRAGMENT + "damage = { burn = 0.1 }", "case[1].fragment[1].damage.burn: not known; expected one of necrosis"),
        (
            FRAGMENT + "damage = { crush = 0.6, mucus = 0.5 }",
            "case[1].fragment[1].damage: 1.1 in all; expected at most",
        ),
        ("[case]\n" + FRAGMENT.split("\n", 1)[1], "case: one table; expected tables headed [[case]]"),
        (CASE + "[case.fragment]", "case[1].fragment: one table; expected tables headed [[case.fragment]]"),
        (
            FRAGMENT + 'clone_cells = 5\nminor_class = "4+"',
            "case[1].fragment[1].minor_class: '4+'; expected one of \"0\"",
        ),
        (FRAGMENT + '[[case.artefact]]\nkind = "flod"', "case[1].artefact[1].kind: 'flod'; expected one of \"fold\""),
        (FRAGMENT + "[[case.artefact]]", 'case[1].artefact[1].kind: missing; expected one of "fold",'),
        (FRAGMENT + '[[case.artefact]]\nkind = "blur"', "case[1].artefact[1].fragment: missing; expected 1 to 1"),
        (
            FRAGMENT + '[[case.artefact]]\nkind = "pen"\nfragment = 2',
            "case[1].artefact[1].fragment: 2; expected 1 to 1",
        ),
    ],
)
def test_each_fault_is_named_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    """One fault in the file, one line of it in the message: place, value, what may stand there."""
    path = write(tmp_path, text)

    with pytest.raises(UsageError) as raised:
        read_spec(path)

    head, *lines = str(raised.value).split("\n  ")
    assert head == f"{path}: 1 fault; expected none. Mend what is listed (places count from 1):"
    assert len(lines) == 1
    assert lines[0].startswith(fault)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    """Three faults in two cases: three lines."""
    text = CASE + 'quality = 5\nwidth = 3\n[[case.fragment]]\n[[case]]\ncase_id = "b"\n[[case.fragment]]\ntissue = 1'

    with pytest.raises(UsageError, match="3 faults") as raised:
        read_spec(write(tmp_path, text))

    assert [line.split(":")[0] for line in str(raised.value).split("\n  ")[1:]] == [
        "case[1].width",
        "case[1].quality",
        "case[2].fragment[1].tissue",
    ]


def test_a_file_that_is_missing_or_no_toml_is_refused(tmp_path: Path) -> None:
    """The path is named, and what TOML finds wrong."""
    with pytest.raises(UsageError, match=r"no\.toml: no such file"):
        read_spec(tmp_path / "no.toml")
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\)"):
        read_spec(tmp_path)
    with pytest.raises(UsageError, match="not valid TOML"):
        read_spec(write(tmp_path, "case = ["))


def test_damage_may_make_up_the_limit(tmp_path: Path) -> None:
    """56 + 7 + 17 hundredths are 8 tenths, though their binary sum is more."""
    (case,) = read_spec(write(tmp_path, FRAGMENT + "damage = { necrosis = 0.56, crush = 0.07, blood = 0.17 }"))

    assert sum(case.fragments[0].damage.values()) > 0.8
