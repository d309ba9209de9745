"""Whether the label stands: variants do what a second measurement would have done, and what they change is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from hetscore.config import load_model
from hetscore.domain import CaseLabel, CaseScore, Cells, Her2Status, IshData, IshResult, TileImage, TileLabels
from hetscore.flags import FLAGS
from hetscore.membrane import measure_cells
from hetscore.scoring.case import score_case
from hetscore.scoring.cell import OrdinalModel, classify_cells
from hetscore.scoring.fragment import score_fragment
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.scoring.sensitivity import (
    VARIANTS,
    Classifier,
    Variant,
    apply_variant,
    count_changed,
    probe_label,
    shift_probability,
    turned_gain,
)
from hetscore.scoring.status import RULE_SETS
from hetscore.stain import Stain, StainVectors, unmixing_matrix
from tests.drawings import VECTORS, WHITE, distance, make_tile, paint
from tests.scoring.builders import ANY_SIZE, MPP, draw_cells, make_fragment, weigh_by_size

Floats = NDArray[np.float64]

BIOPSY = GUIDELINES["gastric-biopsy"]
MODEL = OrdinalModel("by-hand", weights=(4.0, 0.0, 0.0), cuts=(-10.0, -8.0, -2.0))
"""Reads the density alone: 1+ from 0.06, 2+ from 0.115, 3+ from 0.59."""
CLASSIFIER = Classifier(MODEL, BIOPSY, VECTORS.hematoxylin, VECTORS.dab)
AS_MEASURED = Variant("as-measured", "As measured", "Nothing is off.")
BY_NAME = {variant.name: variant for variant in VARIANTS}


class TestVariants:
    """The table."""

    def test_each_is_off_in_one_thing(self) -> None:
        """Names and sentences are unlike one another, and each row has its reason."""
        assert len({v.name for v in VARIANTS}) == len({v.text for v in VARIANTS}) == len(VARIANTS)
        assert all(v.reason for v in VARIANTS)
        for v in VARIANTS:
            assert [v.gain != 1.0, v.turn_degrees != 0.0, v.tumor_cutoff != 0.5].count(True) == 1

    def test_each_says_how_far_it_is_off(self) -> None:
        """The one number of its sentence is that of its row, and the words tell the direction."""
        for v in VARIANTS:
            (said,) = (float(number) for number in re.findall(r"\d+(?:\.\d+)?", v.text))
            expected = {
                "weaker": 100 * (1 - v.gain),
                "stronger": 100 * (v.gain - 1),
                "away": -v.turn_degrees,
                "toward": v.turn_degrees,
                "probability": v.tumor_cutoff,
            }
            assert [said] == [pytest.approx(off) for word, off in expected.items() if word in v.text.split()]

    def test_names_of_cutoffs(self) -> None:
        """High is more careful than the half by which cells are called, low is less."""
        assert BY_NAME["tumor-cutoff-low"].tumor_cutoff < 0.5 < BY_NAME["tumor-cutoff-high"].tumor_cutoff


class TestTurnedGain:
    """What a turn of the DAB vector does to its density."""

    @pytest.mark.parametrize(("degrees", "gain"), [(-5, 0.837), (-2, 0.927), (0, 1.0), (2, 1.087), (5, 1.253)])
    def test_of_the_shipped_vectors(self, degrees: float, gain: float) -> None:
        """They lie 24 degrees apart, so a small turn is a large gain."""
        assert turned_gain(VECTORS.hematoxylin, VECTORS.dab, degrees) == pytest.approx(gain, abs=5e-4)

    def test_why_five_degrees(self) -> None:
        """The DAB of Ruifrok and Johnston 2001 lies 5.2 degrees further from hematoxylin, seen in the plane of ours."""
        h, d = (np.array(v) / np.linalg.norm(v) for v in (VECTORS.hematoxylin, VECTORS.dab))
        up = (d - (h @ d) * h) / np.linalg.norm(d - (h @ d) * h)
        theirs, ours = (np.degrees(np.arctan2(v @ up, v @ h)) for v in (np.array([0.268, 0.570, 0.776]), d))
        assert theirs - ours == pytest.approx(5.2, abs=0.05)

    @given(
        hnp.arrays(np.float64, (3,), elements=st.floats(0, 2)),
        st.sampled_from([(0.642, 0.627, 0.447), (0.651, 0.701, 0.29)]),
        st.floats(-20, 15),
    )
    def test_is_what_unmixing_by_the_turned_vector_gives(
        self, density: Floats, hematoxylin: tuple[float, float, float], turn: float
    ) -> None:
        """At any pixel, with what neither stain explains, and with any length of the vectors."""
        before = StainVectors(hematoxylin, VECTORS.dab)
        old, new = ((unmixing_matrix(v) @ density)[1] for v in (before, _turned(before, turn)))
        long = (10 * hematoxylin[0], 10 * hematoxylin[1], 10 * hematoxylin[2])
        assert new == pytest.approx(old * turned_gain(long, VECTORS.dab, turn), abs=1e-9)

    @pytest.mark.parametrize(("degrees", "dab"), [(1, 0.4991), (5, 0.4793)])
    def test_a_turn_out_of_the_plane_is_of_second_order(self, degrees: float, dab: float) -> None:
        """Five degrees out of it make a mixture of both stains 4 % weaker, one degree a twenty-fifth of that."""
        h, d = (np.array(v) / np.linalg.norm(v) for v in (VECTORS.hematoxylin, VECTORS.dab))
        normal = np.cross(h, d) / np.linalg.norm(np.cross(h, d))
        tilted = d * np.cos(np.radians(degrees)) + normal * np.sin(np.radians(degrees))
        unmix = unmixing_matrix(StainVectors(VECTORS.hematoxylin, _vector(tilted)))
        assert (unmix @ (0.1 * h + 0.5 * d))[1] == pytest.approx(dab, abs=1e-4)

    @pytest.mark.parametrize("degrees", [23.74, 90, -157])
    def test_a_turn_onto_hematoxylin_is_refused(self, degrees: float) -> None:
        """Two stains of one color cannot be unmixed."""
        with pytest.raises(ValueError, match="cannot be told from hematoxylin"):
            turned_gain(VECTORS.hematoxylin, VECTORS.dab, degrees)


class TestShiftProbability:
    """Another cut-off of tumor cells."""

    @given(
        hnp.arrays(np.float32, st.integers(0, 30), elements=st.floats(0, 1, width=32)),
        st.sampled_from([0.4, 0.5, 0.6]),
    )
    def test_a_half_means_the_cutoff(self, p: NDArray[np.float32], cutoff: float) -> None:
        """At least a half after the shift is at least the cut-off before it, to the last bit; the order is kept."""
        at_cutoff = np.array([cutoff, np.nextafter(np.float32(cutoff), np.float32(0))], np.float32)
        p = np.sort(np.concatenate([p, at_cutoff]))
        shifted = shift_probability(p, cutoff)
        assert ((shifted >= 0.5) == (p >= np.float32(cutoff))).all()
        assert (np.diff(shifted) >= 0).all()
        assert shifted.min(initial=0) >= 0
        assert shifted.max(initial=1) <= 1

    def test_by_hand(self) -> None:
        """Odds of 4 to 1 against a cut-off of 0.6 (3 to 2) are 8 to 3; certainty stays."""
        assert shift_probability(np.array([0, 0.8, 1], np.float32), 0.6) == pytest.approx([0, 8 / 11, 1])


class TestApplyVariant:
    """Cells measured a little otherwise."""

    def test_nothing_off_changes_nothing(self) -> None:
        """All columns stay, the probability of tumor to its last digits."""
        cells = _measured([0.03, 0.1, 0.3, 0.9, np.nan])
        again = apply_variant(cells, AS_MEASURED, CLASSIFIER)
        assert count_changed(cells, again) == 0
        assert again.membrane_od.tolist()[:4] == cells.membrane_od.tolist()[:4]
        assert again.p_tumor == pytest.approx(cells.p_tumor)

    def test_all_dab_takes_part(self) -> None:
        """Membrane, cytoplasm and nucleus are a tenth weaker; extent and width are kept."""
        cells = _measured([0.12]).with_columns(
            nucleus_od=np.array([0.2], np.float32), cytoplasm_od=np.array([0.1], np.float32)
        )
        weaker = apply_variant(cells, BY_NAME["dab-weaker"], CLASSIFIER)
        assert (cells.membrane_class[0], weaker.membrane_class[0]) == (2, 1)
        assert [weaker.membrane_od[0], weaker.nucleus_od[0], weaker.cytoplasm_od[0]] == pytest.approx(
            [0.108, 0.18, 0.09]
        )
        assert weaker.membrane_completeness.tolist() == cells.membrane_completeness.tolist()

    def test_what_was_not_measured_stays_unscored(self) -> None:
        """Under every variant, and never as 0."""
        cells = _measured([np.nan])
        assert [apply_variant(cells, v, CLASSIFIER).membrane_class[0] for v in VARIANTS] == [-1] * len(VARIANTS)

    def test_no_cells(self) -> None:
        """A slide without cells has none under any variant."""
        assert [len(apply_variant(_measured([]), v, CLASSIFIER)) for v in VARIANTS] == [0] * len(VARIANTS)

    @given(st.lists(st.floats(-0.125, 2, width=32), max_size=20))
    def test_weaker_never_raises_a_class(self, ods: list[float]) -> None:
        """And stronger never lowers one; no class depends on the cut-off of tumor."""
        cells = _measured(ods)
        for name, sign in {"dab-weaker": -1, "dab-turned-away": -1, "dab-stronger": 1, "dab-turned-toward": 1}.items():
            step = apply_variant(cells, BY_NAME[name], CLASSIFIER).membrane_class - cells.membrane_class
            assert (sign * step >= 0).all()
        low = apply_variant(cells, BY_NAME["tumor-cutoff-low"], CLASSIFIER)
        assert low.membrane_class.tolist() == cells.membrane_class.tolist()


class TestAgainstASecondMeasurement:
    """Drawn cells, measured anew: what is computed from the columns is what would have been seen."""

    @pytest.mark.parametrize("name", ["dab-weaker", "dab-stronger"])
    def test_more_dab_in_the_picture(self, name: str) -> None:
        """A tenth more or less DAB drawn: the same densities, and the same class of all cells but one in twenty."""
        variant = BY_NAME[name]
        varied = apply_variant(_read(1.0, VECTORS), variant, SHIPPED)
        _assert_alike(varied, _read(variant.gain, VECTORS))

    @pytest.mark.parametrize("name", ["dab-turned-away", "dab-turned-toward"])
    def test_a_turned_vector_on_the_same_picture(self, name: str) -> None:
        """The same picture unmixed by the turned vector, hematoxylin of the nuclei and all."""
        variant = BY_NAME[name]
        varied = apply_variant(_read(1.0, VECTORS), variant, SHIPPED)
        _assert_alike(varied, _read(1.0, _turned(VECTORS, variant.turn_degrees)))


class TestCountChanged:
    """Cells that count otherwise."""

    def test_by_hand(self) -> None:
        """Another class of a tumor cell, and a cell that becomes one; what is tumor in neither does not count."""
        cells = draw_cells("3 3 n n")
        varied = cells.with_columns(
            membrane_class=np.array([2, 3, 1, 0], np.int8), p_tumor=np.array([0.9, 0.9, 0.1, 0.9], np.float32)
        )
        assert count_changed(cells, varied) == count_changed(varied, cells) == 2


class TestProbeLabel:
    """The panel of a case."""

    def test_a_clear_case_stands(self) -> None:
        """All cells far above 2+: homo under every variant, and no flag."""
        score = _probe([0.9] * 30)
        assert score.label is CaseLabel.HOMO
        assert [row.variant for row in score.sensitivity] == [v.name for v in VARIANTS]
        assert not any(row.is_changed or row.n_changed for row in score.sensitivity)
        assert not {"label-sensitive", "status-sensitive"} & set(score.flags)

    def test_a_faint_corner_makes_it_fall(self) -> None:
        """Five connected cells just above 2+ are a negative cluster where the DAB is weaker."""
        score = _probe([0.12] * 5 + [0.9] * 25)
        assert score.label is CaseLabel.HOMO
        fallen = {row.variant: (row.label, row.n_changed) for row in score.sensitivity if row.is_changed}
        assert fallen == {"dab-weaker": (CaseLabel.HETERO, 5), "dab-turned-away": (CaseLabel.HETERO, 5)}
        assert "label-sensitive" in score.flags
        assert "label-sensitive" in FLAGS

    def test_doubtful_tumor_cells_make_it_fall(self) -> None:
        """Five bare cells that are tumor only from 0.4 make a homo case hetero there."""
        score = _probe([0.0] * 5 + [0.9] * 25, p_tumor=[0.45] * 5 + [0.9] * 25)
        assert score.label is CaseLabel.HOMO
        assert [row.variant for row in score.sensitivity if row.is_changed] == ["tumor-cutoff-low"]

    def test_a_status_may_move_under_a_label_that_stands(self) -> None:
        """Between 1+ and 2+ the question is not asked either way, but one waits for ISH: a flag of its own."""
        score = _probe([0.12] * 30)
        assert score.status is Her2Status.EQUIVOCAL
        weaker = score.sensitivity[0]
        assert (weaker.label, weaker.status) == (CaseLabel.NOT_APPLICABLE, Her2Status.NEGATIVE)
        assert not any(row.is_changed for row in score.sensitivity)
        assert "status-sensitive" in score.flags
        assert "label-sensitive" not in score.flags

    def test_nothing_but_panel_and_flags_is_changed(self) -> None:
        """The answer is the one that was measured."""
        cells = _measured([0.12] * 5 + [0.9] * 25)
        score = _decide([cells])
        probed = probe_label(score, [cells], _decide, CLASSIFIER)
        assert replace(probed, sensitivity=(), flags=score.flags) == score
        assert list(probed.flags) == sorted({*score.flags, "label-sensitive"})

    def test_a_case_without_a_label_has_no_panel(self) -> None:
        """Too little tumor to be judged: nothing stands or falls, and nothing is tried."""
        score = _probe([0.9] * 30, p_tumor=[0.1] * 30)
        assert score.label is CaseLabel.NOT_ASSESSABLE
        assert score.sensitivity == ()

    def test_a_case_may_become_not_assessable(self) -> None:
        """Where the tumor cells are in doubt a stricter cut-off leaves none."""
        score = _probe([0.9] * 30, p_tumor=[0.55] * 30)
        assert {row.variant: row.label for row in score.sensitivity if row.is_changed} == {
            "tumor-cutoff-high": CaseLabel.NOT_ASSESSABLE
        }

    def test_cells_of_all_slides_are_tried(self) -> None:
        """Each variant is decided from as many slides as the case has."""
        parts = [_measured([0.12] * 3), _measured([0.12, 0.9])]
        seen: list[list[int]] = []

        def decide(cells: Sequence[Cells]) -> CaseScore:
            seen.append([len(part) for part in cells])
            return _decide([_measured([0.9] * 30)])

        panel = probe_label(decide(parts), parts, decide, CLASSIFIER).sensitivity
        assert seen == [[3, 2]] * (1 + len(VARIANTS))
        assert panel[0].n_changed == 4


def _measured(ods: Sequence[float], p_tumor: Sequence[float] | None = None) -> Cells:
    """Cells in rows of ten, each with this density on a closed membrane, classified."""
    rows = "\n".join(" " * (k // 10 % 2) + "3 " * len(ods[k : k + 10]) for k in range(0, len(ods), 10))
    n, cells = len(ods), draw_cells(rows)
    measured = cells.with_columns(
        membrane_od=np.array(ods, np.float32),
        membrane_completeness=np.ones(n, np.float32),
        membrane_arc=np.ones(n, np.float32),
        p_tumor=np.array([0.9] * n if p_tumor is None else p_tumor, np.float32),
    )
    return classify_cells(measured, MODEL, BIOPSY)


def _decide(cells: Sequence[Cells]) -> CaseScore:
    """Score cells as one fragment, however few, of a case whose ISH is not known."""
    fragments = [score_fragment(make_fragment(k), part, MPP, BIOPSY, ANY_SIZE) for k, part in enumerate(cells, 1)]
    rule_set = RULE_SETS["yagi-2019"]
    unknown = IshData(IshResult.UNKNOWN)
    return score_case("case-1", fragments, unknown, guideline=BIOPSY, rule_set=rule_set, weigh=weigh_by_size)


def _probe(ods: Sequence[float], p_tumor: Sequence[float] | None = None) -> CaseScore:
    cells = [_measured(ods, p_tumor)]
    return probe_label(_decide(cells), cells, _decide, CLASSIFIER)


def _turned(vectors: StainVectors, degrees: float) -> StainVectors:
    """Turn DAB toward hematoxylin within the plane of the two."""
    h, d = (np.array(v) / np.linalg.norm(v) for v in (vectors.hematoxylin, vectors.dab))
    across = h - (h @ d) * d
    across /= np.linalg.norm(across)
    turned = d * np.cos(np.radians(degrees)) + across * np.sin(np.radians(degrees))
    return StainVectors(vectors.hematoxylin, _vector(turned))


def _vector(values: Floats) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue


SHIPPED = Classifier(load_model("watershed").membrane, BIOPSY, VECTORS.hematoxylin, VECTORS.dab)
DRAWN_ODS = np.geomspace(0.04, 1.0, 20)
"""Densities of the drawn lines, from none to 3+; half the cells are closed rings, half U-shaped."""


def _read(gain: float, vectors: StainVectors) -> Cells:
    """Measure and classify twenty round cells drawn with so much DAB, in rows on a hazy ground, by these vectors."""
    cells = measure_cells(*_draw(gain), Stain(WHITE, vectors))
    return classify_cells(cells, SHIPPED.model, BIOPSY)


def _draw(gain: float) -> tuple[TileImage, TileLabels]:
    """Draw cells 14 um across, 24 um apart, their lines 1.5 um wide; nuclei 7 um across."""
    mpp, rows, columns, step = 0.25, 4, 5, 96
    shape = (rows * step, columns * step)
    hematoxylin, dab = np.zeros(shape), np.zeros(shape)
    nuclei, territories = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for k, od in enumerate(DRAWN_ODS):
        x, y = (k % columns + 0.5) * step, (k // columns + 0.5) * step
        away_um = distance(shape, x, y) * mpp
        is_on = (np.indices(shape)[0] + 0.5 > y - 10) | (k % 2 == 0)  # the top of every second cell is free
        line = np.clip((0.75 - np.abs(away_um - 7)) / mpp + 0.5, 0, 1) * is_on
        dab += gain * np.maximum(od * line, 0.03 * (away_um < 7))
        hematoxylin += np.where(away_um < 3.5, 0.3, 0.05 * (away_um < 7))
        nuclei[away_um < 3.5], territories[away_um < 7] = k + 1, k + 1
    labels = TileLabels(nuclei, territories, np.full(len(DRAWN_ODS), 0.9), shrink=1)
    return make_tile(paint(hematoxylin, dab), mpp=mpp), labels


def _assert_alike(varied: Cells, measured: Cells) -> None:
    """Assert that the densities agree within 2 % or a gray level, and that at most one class differs.

    A gray level at 170 is 0.0026 of one channel, and 0.0065 of DAB, unmixed by vectors 24 degrees apart.
    """
    assert len(varied) == len(measured) == len(DRAWN_ODS)
    assert varied.membrane_od == pytest.approx(measured.membrane_od, rel=0.02, abs=0.0065)
    assert count_changed(varied, measured) <= 1
