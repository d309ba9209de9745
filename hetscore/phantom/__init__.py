"""Synthetic HER2 IHC slides of gastric biopsies whose every cell is known: the test bench and the demonstration.

`make_cases` draws specifications from a preset, `read_spec` reads them from a file, and `write_phantom` turns them into
a folder that is scored like any other.
"""

from hetscore.phantom.presets import PRESETS, make_cases, repeat_cases
from hetscore.phantom.pyramid import write_pyramid
from hetscore.phantom.slide import draw_case, write_case, write_phantom
from hetscore.phantom.spec import CaseSpec, FragmentSpec, Tissue
from hetscore.phantom.spec_file import format_spec, read_spec
from hetscore.phantom.truth import CaseTruth, FragmentTruth

__all__ = [
    "PRESETS",
    "CaseSpec",
    "CaseTruth",
    "FragmentSpec",
    "FragmentTruth",
    "Tissue",
    "draw_case",
    "format_spec",
    "make_cases",
    "read_spec",
    "repeat_cases",
    "write_case",
    "write_phantom",
    "write_pyramid",
]
