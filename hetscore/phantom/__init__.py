"""Synthetic HER2 IHC slides of gastric biopsies whose every cell is known: the test bench and the demonstration.

`make_cases` draws specifications from a preset, `write_phantom` turns them into a folder that is scored like any other.
"""

from hetscore.phantom.pyramid import write_pyramid
from hetscore.phantom.slide import draw_case, write_case, write_phantom
from hetscore.phantom.spec import PRESETS, CaseSpec, FragmentSpec, Tissue, make_cases
from hetscore.phantom.truth import CaseTruth, FragmentTruth

__all__ = [
    "PRESETS",
    "CaseSpec",
    "CaseTruth",
    "FragmentSpec",
    "FragmentTruth",
    "Tissue",
    "draw_case",
    "make_cases",
    "write_case",
    "write_phantom",
    "write_pyramid",
]
