"""The site's scale of DAB: found from the controls, refused where they contradict it, written so that it is read."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hetscore.config import models_folder
from hetscore.domain import Her2Score
from hetscore.errors import UsageError
from hetscore.intensity import (
    Control,
    IntensityCalibration,
    ModelScale,
    Setting,
    SettingsTables,
    fit_intensity,
    is_calibration,
    judge_control,
    load_calibration,
    write_calibration,
)

REFERENCE = (0.025, 0.1, 0.2, 0.4)
SCALE = ModelScale("made", "made-1", REFERENCE)
"""Places: 0 to 0.05, 1+ to 0.141, 2+ to 0.283, 3+ to 0.566. Scales: 0.707 to 1.414."""
SETTINGS: SettingsTables = {
    "tiling": {"mpp": 0.25},
    "made": {"sigmas_um": [1.5, 2.3], "flips": False, "name": 'a "made" one', "least": 1e-05},
    "membrane": {"n_rays": 48, "step_um": 0.25},
}
"""A setting of every kind."""
ZERO, ONE, TWO, THREE = Her2Score
CARDS = sorted(models_folder().glob("*/model.toml"))
"""Of the shipped models."""
each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)


def control(score: Her2Score, median_od: float | None, n_cells: int = 400, slide: str = "") -> Control:
    """Make a control, by default named after its score."""
    return Control(slide or f"{int(score)}.tif", score, n_cells if median_od is not None else 0, median_od, 0.25)


def site(gain: float, reference: Sequence[float] = REFERENCE) -> tuple[Control, ...]:
    """Make one control of each score whose densities are `gain` times those of the model's laboratory."""
    return tuple(control(score, gain * od) for score, od in zip(Her2Score, reference, strict=True))


def shipped(card: Path) -> ModelScale:
    """Read the scale of a shipped model, without its weights."""
    reference = tomllib.loads(card.read_text(encoding="utf-8"))["membrane"]["reference_od"]
    return ModelScale("made", "made-1", tuple(reference))


def fit(*controls: Control) -> IntensityCalibration:
    """Fit with the scale of this file."""
    return fit_intensity("site", controls, SCALE, SETTINGS)


class TestModelScale:
    """Where a control belongs."""

    @pytest.mark.parametrize(
        ("score", "low", "high"),
        [(ZERO, -math.inf, 0.05), (ONE, 0.05, 0.1414), (TWO, 0.1414, 0.2828), (THREE, 0.2828, 0.5657)],
    )
    def test_a_place_ends_half_way_to_the_neighbors(self, score: Her2Score, low: float, high: float) -> None:
        """Half way as ratios go; 3+ reaches as far up as down."""
        assert SCALE.place(score) == pytest.approx((low, high), abs=1e-4)

    def test_a_drift_is_less_than_half_a_step(self) -> None:
        """Of the closest two classes: 4 and 9 times apart, or 2.25 times."""
        assert ModelScale("made", "made-1", (0.01, 0.09, 0.36, 0.81)).drift_range == pytest.approx((1 / 1.5, 1.5))
        assert ModelScale("made", "made-1", (0.04, 0.09, 0.36, 1.44)).drift_range == pytest.approx((1 / 1.5, 1.5))

    @pytest.mark.parametrize(
        "od", [(0.0, 0.1, 0.2, 0.4), (0.1, 0.1, 0.2, 0.4), (0.4, 0.2, 0.1, 0.02), (0.02, 0.1, 0.2, math.nan)]
    )
    def test_references_must_increase(self, od: tuple[float, float, float, float]) -> None:
        """Else there is no place between them."""
        with pytest.raises(ValueError, match="four positive, increasing numbers"):
            ModelScale("made", "made-1", od)


class TestFit:
    """The scale."""

    def test_a_site_that_stains_alike(self) -> None:
        """Scale 1, and nothing to tell."""
        found = fit(*site(1.0))
        assert (found.dab_scale, found.problems, found.is_failed) == (1.0, (), False)

    @given(st.floats(0.71, 1.41))
    def test_a_gain_of_the_stain_is_the_scale(self, gain: float) -> None:
        """All densities times a gain: that gain is found, and every control is back where it belongs."""
        found = fit(*site(gain))
        assert found.dab_scale == pytest.approx(gain, abs=1e-4)
        assert not found.is_failed
        assert [found.scaled_od(c) for c in found.controls] == pytest.approx(REFERENCE, rel=1e-3)

    def test_the_mean_is_of_ratios(self) -> None:
        """A control at 0.8 and one at 1.25 of their classes cancel out."""
        assert fit(control(TWO, 0.8 * 0.2), control(THREE, 1.25 * 0.4)).dab_scale == 1.0

    def test_the_order_of_the_table_does_not_matter(self) -> None:
        """Controls are a set."""
        controls = site(0.7)
        assert fit(*controls).dab_scale == fit(*reversed(controls)).dab_scale

    def test_a_control_without_stain_does_not_move_it(self) -> None:
        """Of a 0 there is no DAB to compare: half of nearly nothing is no drift."""
        assert fit(*site(1.0)[1:], control(ZERO, 0.004)).dab_scale == 1.0
        assert not fit(*site(1.0)[1:], control(ZERO, -0.001)).is_failed

    def test_without_anything_measured(self) -> None:
        """A scale of 1 that nobody may use."""
        found = fit(control(TWO, None), control(THREE, -0.001))
        assert found.dab_scale == 1.0
        assert found.is_failed


class TestProblems:
    """What makes controls fail."""

    @pytest.mark.parametrize(
        ("controls", "told"),
        [
            ([], r"of the scores from 1\+ up, measured is none"),
            ([control(ZERO, 0.02), control(THREE, 0.4)], r"measured is 3\+; expected two or more"),
            ([*site(1.0)[:3], control(THREE, None)], r"3\.tif \(3\+\): 0 tumor cells measured; expected 50 or more"),
            ([*site(1.0)[:3], control(THREE, 0.4, n_cells=49)], r"3\.tif \(3\+\): 49 tumor cells measured"),
            (site(0.7), "DAB scale: 0.700; expected 0.707 to 1.414"),
            (site(1.42), "DAB scale: 1.420; expected 0.707 to 1.414"),
            (
                [control(ONE, 0.2), control(TWO, 0.2)],
                r"2\.tif \(2\+\): median density 0.200; expected more than the 0.200 of 1\.tif \(1\+\)",
            ),
            (
                [*site(1.0)[1:], control(ZERO, 0.06)],
                r"0\.tif \(0\): median density 0.060 after scaling; expected at most 0.050, or it would be read as st",
            ),
            (
                [*site(1.0), control(TWO, 0.11, slide="pale.tif")],
                r"pale\.tif \(2\+\): median density 0.128 after scaling; expected 0.141 to 0.283",
            ),
            (
                [*site(1.0), *site(1.0), control(THREE, 0.8, slide="dark.tif")],
                r"dark\.tif \(3\+\): median density 0.725 after scaling; expected 0.283 to 0.566",
            ),
        ],
        ids=["none", "one score", "no cells", "few cells", "pale", "dark", "mixed up", "stained 0", "below", "above"],
    )
    def test_each_is_told(self, controls: list[Control], told: str) -> None:
        """One sentence that names the control, what was seen and what was expected."""
        found = fit(*controls)
        assert found.is_failed
        assert any(re.search(told, problem) for problem in found.problems), found.problems

    def test_the_limits_hold(self) -> None:
        """Fifty cells, and densities at the very ends of a place, are enough."""
        assert judge_control(control(TWO, 0.2, n_cells=50), 1.0, SCALE) == ()
        for od in SCALE.place(TWO):
            assert judge_control(control(TWO, od), 1.0, SCALE) == ()

    def test_a_slide_that_could_not_be_read_fails_by_its_own_reason(self) -> None:
        """That it then holds no cells is no news."""
        broken = Control("broken.svs", TWO, refusal="broken.svs: not a slide")
        assert judge_control(broken, 1.0, SCALE) == ("broken.svs (2+): broken.svs: not a slide",)

    @each_card
    @pytest.mark.parametrize("gain", [0.8, 0.85, 1.0, 1.15, 1.25])
    @pytest.mark.parametrize("shift", [-1, 1])
    def test_scores_all_wrong_by_one_are_no_drift(self, shift: int, gain: float, card: Path) -> None:
        """Two or more controls a class off never pass for another stain, though the site has a drift of its own."""
        scale = shipped(card)
        wrong = [control(s, gain * scale.reference_od[s + shift]) for s in Her2Score if s and s + shift <= 3]
        for chosen in (some for n in range(2, len(wrong) + 1) for some in combinations(wrong, n)):
            found = fit_intensity("site", chosen, scale, SETTINGS)
            assert any(problem.startswith("DAB scale: ") for problem in found.problems)

    @each_card
    @pytest.mark.parametrize("gain", [0.8, 0.85, 1.0, 1.15, 1.25])
    def test_a_drift_with_right_scores_holds(self, gain: float, card: Path) -> None:
        """A quarter more or a fifth less is what a calibration is for."""
        scale = shipped(card)
        found = fit_intensity("site", site(gain, scale.reference_od), scale, SETTINGS)
        assert found.dab_scale == pytest.approx(gain, abs=1e-4)
        assert found.problems == ()

    def test_impossible_controls(self) -> None:
        """A median without cells, cells without one, and what is no number are slips of a programmer or a file."""
        for n_cells, od in ((0, 0.2), (3, None), (-1, None), (3, math.nan)):
            with pytest.raises(ValueError, match=r"^a\.tif: .*; expected a "):
                Control("a.tif", TWO, n_cells, od)


class TestSettings:
    """With what the controls were measured."""

    def test_the_same(self) -> None:
        """Nothing to tell, in whatever order the tables stand."""
        assert fit(*site(1.0)).find_differences(dict(reversed(list(SETTINGS.items())))) == ()

    @pytest.mark.parametrize(
        ("table", "values", "told"),
        [
            ("tiling", {"mpp": 0.5}, ("tiling.mpp 0.25; expected 0.5",)),
            ("tiling", {"mpp": 0.25, "new_um": 2.0}, ("tiling.new_um no such setting; expected 2.0",)),
            ("tiling", {}, ("tiling.mpp 0.25; expected no such setting",)),
            (
                "membrane",
                {"step_um": 0.5, "n_rays": 36},
                ("membrane.n_rays 48; expected 36", "membrane.step_um 0.25; "),
            ),
            ("made", {**SETTINGS["made"], "flips": True}, ("made.flips false; expected true",)),
            ("made", {**SETTINGS["made"], "sigmas_um": [2.3]}, ("made.sigmas_um [1.5, 2.3]; expected [2.3]",)),
            ("made", {**SETTINGS["made"], "name": "b"}, ('made.name "a \\"made\\" one"; expected "b"',)),
        ],
    )
    def test_others(self, table: str, values: dict[str, Setting], told: tuple[str, ...]) -> None:
        """Each by its name, what it was for the controls and what it is now, as a settings file has it."""
        found = fit(*site(1.0)).find_differences({**SETTINGS, table: values})
        assert len(found) == len(told)
        assert all(one.startswith(start) for one, start in zip(found, told, strict=True))


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


class TestFile:
    """The calibration on disk."""

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(NAMES, st.floats(0.2, 3.0))
    def test_what_is_written_is_read(self, tmp_path: Path, name: str, gain: float) -> None:
        """Any name and any scale, holding or failed, with a control that could not be read."""
        broken = Control(f"{name}.tif", TWO, refusal=f'{name}: "not" a slide')
        for controls in (site(gain), (*site(gain), broken)):
            found = fit_intensity(name, controls, SCALE, SETTINGS)
            write_calibration(found, tmp_path / "site.toml")
            assert load_calibration(tmp_path / "site.toml") == found

    def test_a_failed_one_says_so(self, tmp_path: Path) -> None:
        """In a word, for whoever opens the file."""
        write_calibration(fit(*site(0.3)), tmp_path / "site.toml")
        assert 'state = "failed"' in (tmp_path / "site.toml").read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ("dab_scale = 0.8", "dab_scale = 0.9", "dab_scale 0.9, state holds; expected 0.8, holds, as its controls"),
            ('state = "holds"', 'state = "failed"', "state failed; expected 0.8, holds"),
            ("median_od = 0.32", "median_od = 0.64", "expected 1.0079"),
            ("n_cells = 400", "n_cells = 4", "failed, as its controls give"),
            ("n_cells = 400", "n_cells = -4", "controls.0: Value error, 0.tif: -4 cells"),
            ("n_cells = 400", 'n_cells = "many"', "controls.0.n_cells: "),
            ("score = 2", "score = 4", "controls.2.score: "),
            ("dab_scale", "dab_scales", "dab_scale: "),
            ("[scale]", 'mine = "x"\n[scale]', "mine: "),
            ("reference_od = [0.025, ", "reference_od = [", "scale.reference_od"),
            ("hetscore/intensity/2", "hetscore/intensity/3", "schema: "),
            (
                "hetscore/intensity/2",
                "hetscore/intensity/1",
                "/1, without the settings its controls were measured with",
            ),
            ("flips = false", "flips = 2024-01-01", "settings.made.flips"),
            ("[settings.tiling]", "[setting.tiling]", "setting: "),
            ("dab_scale = 0.8", "dab_scale = ", "not valid TOML"),
        ],
    )
    def test_a_changed_file_is_refused(self, tmp_path: Path, old: str, new: str, told: str) -> None:
        """Whatever is changed by hand: one line that names the file, the place and the way out."""
        path = tmp_path / "site.toml"
        write_calibration(fit(*site(0.8)), path)
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

        with pytest.raises(UsageError) as caught:
            load_calibration(path)

        assert str(caught.value).startswith(f"{path}: ")
        assert told in str(caught.value)

    def test_an_older_file_is_measured_again(self, tmp_path: Path) -> None:
        """Of a version that wrote no settings: nothing but that is told, and what to do."""
        path = tmp_path / "site.toml"
        write_calibration(fit(*site(0.8)), path)
        text = path.read_text(encoding="utf-8").replace("intensity/2", "intensity/1")
        path.write_text(re.sub(r"\[settings\.\w+\]\n(?:\w.*\n)+", "", text), encoding="utf-8")

        with pytest.raises(UsageError) as caught:
            load_calibration(path)

        remedy = "expected hetscore/intensity/2. Measure the controls again: `hetscore calibrate intensity`."
        assert str(caught.value).endswith(f"its controls were measured with; {remedy}")
        assert is_calibration(path)

    def test_what_may_be_replaced(self, tmp_path: Path) -> None:
        """A calibration, failed or broken; no other file, not an empty one either, and no folder."""
        path = tmp_path / "site.toml"
        write_calibration(fit(*site(0.3)), path)
        assert is_calibration(path)

        path.write_text(path.read_text(encoding="utf-8").replace("dab_scale = ", ""), encoding="utf-8")
        (tmp_path / "notes.txt").write_text("of a slide\n")
        (tmp_path / "empty.toml").write_text("")

        assert is_calibration(path)
        assert not any(is_calibration(tmp_path / name) for name in ("notes.txt", "empty.toml", "none.toml", ""))

    def test_no_file(self, tmp_path: Path) -> None:
        """Neither a missing file nor a folder nor a slide is a calibration."""
        (tmp_path / "slide.svs").write_bytes(b"II*\x00\xff\xfe")
        for name, told in (("none.toml", "No such file"), ("", "Is a directory"), ("slide.svs", "not valid TOML")):
            with pytest.raises(UsageError, match=told):
                load_calibration(tmp_path / name)
        with pytest.raises(UsageError, match=r"Check --calibration, or calibration in the settings\.$"):
            load_calibration(tmp_path / "none.toml")

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        """The system's reason is told."""
        with pytest.raises(UsageError, match=r"cannot be written \(.*--out"):
            write_calibration(fit(*site(1.0)), tmp_path / "none" / "site.toml")
