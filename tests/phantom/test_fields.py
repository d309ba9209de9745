"""Labeled fields: the fragments of a slide, with every pixel known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hetscore.domain import MembraneClass
from hetscore.phantom import CaseSpec, FragmentSpec, Tissue, draw_case
from hetscore.phantom.fields import LabeledField, draw_fields
from hetscore.phantom.spec import ArtefactKind, ArtefactSpec

CASE = CaseSpec("fields", (FragmentSpec(140, Tissue.GLANDS, MembraneClass.STRONG), FragmentSpec(120, Tissue.MUSCLE)))


@pytest.fixture(scope="module")
def fields() -> tuple[LabeledField, ...]:
    """Fields of a small case at 0.5 um/px."""
    return tuple(draw_fields(CASE, 5, 0.5))


def test_fields_are_the_fragments_of_the_slide(fields: tuple[LabeledField, ...]) -> None:
    """Each field shows the nuclei that the slide's truth counts, none lost in shrinking, and their classes."""
    _, sections = draw_case(CASE, 5)
    for field, section in zip(fields, sections, strict=True):
        shown = np.unique(field.nuclei)[1:] - 1
        assert len(shown) == len(section.x)
        assert sorted(field.membrane_class[shown]) == sorted(section.membrane_class)
        assert field.is_tumor[shown].sum() == section.n_tumor


def test_pictures_of_a_field_have_one_size(fields: tuple[LabeledField, ...]) -> None:
    """Pixels and labels are shrunk alike, and columns belong to labels."""
    for field in fields:
        assert field.mpp == 0.5
        assert field.rgb.shape[:2] == field.nuclei.shape == field.cells.shape == field.is_hidden.shape
        assert max(field.nuclei.max(), field.cells.max()) <= len(field.is_tumor) == len(field.type)
        assert not field.is_hidden.any()


def test_labels_lie_on_the_nuclei(fields: tuple[LabeledField, ...]) -> None:
    """Nuclei are darker in red, where hematoxylin takes up most, than the rest of the tissue around them."""
    field = fields[1]
    red = field.rgb[..., 0].astype(float)
    assert np.median(red[field.nuclei > 0]) < np.median(red[field.nuclei == 0]) - 20


def test_same_seed_same_field_and_another_seed_another(fields: tuple[LabeledField, ...]) -> None:
    """Seed and specification decide a field."""
    again = next(draw_fields(CASE, 5, 0.5))
    np.testing.assert_array_equal(again.rgb, fields[0].rgb)
    np.testing.assert_array_equal(again.nuclei, fields[0].nuclei)
    assert next(draw_fields(CASE, 6, 0.5)).rgb.shape != fields[0].rgb.shape


def test_what_lies_under_an_artefact_is_hidden() -> None:
    """An artefact hides part of its own fragment only."""
    pen = ArtefactSpec(ArtefactKind.PEN, fragment=1, share=0.3)
    first, second = draw_fields(replace(CASE, artefacts=(pen,)), 5, 0.5)
    assert 0.05 < first.is_hidden.mean() < 0.95
    assert not second.is_hidden.any()


@pytest.mark.parametrize(("mpp", "at"), [(0.5, 0.5), (0.25, 0.25), (1.0, 1.0), (0.46, 0.5)])
def test_resolution_is_the_nearest_by_powers_of_two(mpp: float, at: float) -> None:
    """A field has the case's microns per pixel times a power of two."""
    assert next(draw_fields(CASE, 5, mpp)).mpp == at


def test_coarse_scans_are_left_as_they_are() -> None:
    """A scan coarser than asked for is not refined."""
    field = next(draw_fields(replace(CASE, mpp=0.6), 5, 0.25))
    assert field.mpp == 0.6
    assert field.rgb.shape[:2] == field.nuclei.shape
