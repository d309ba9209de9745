"""The site's scale of DAB, from control tissue of known score.

Comes in: what each control reads, and what the classes read in the laboratory of the model. Goes out: the one number by
which the DAB of the site is divided, or the reasons why the controls do not hold; and its file, which is believed only
if it follows from the controls that stand in it, and used only with the settings they were measured with. No case is
looked at: what is to be judged must not set the scale.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from hetscore import __version__
from hetscore.domain import Her2Score
from hetscore.errors import UsageError

MIN_CELLS = 50
"""Fewest tumor cells of a control: log densities within a class spread by an SD of 0.4 (2+ of the development crops:
5th percentile 0.12, median 0.23), so the median of 50 has a standard error of 1.25 * 0.4 / sqrt(50), 7 %."""
MIN_SCORES = 2
"""Fewest scores of 1+ or more: one alone fits any scale, and nothing tells whether it was scored right."""
SCHEMA = "hetscore/intensity/2"
_SCHEMA_WITHOUT_SETTINGS = "hetscore/intensity/1"
Setting = bool | int | float | str | list[float]
SettingsTables = Mapping[str, Mapping[str, Setting]]
"""Settings by table and name, as they stand in a settings file."""
_MARK = "# Written by `hetscore calibrate intensity`"
"""What a calibration begins with, so that no other file is replaced by one."""


@dataclass(frozen=True)
class ModelScale:
    """What the classes of a model read in the laboratory it was calibrated in."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    model: str
    """Name of the model, and"""
    membrane: str
    """id of its membrane calibration: another one reads other cells, or measures them otherwise."""
    reference_od: tuple[float, float, float, float]
    """Median `Cells.membrane_od` of the cells that people read as 0, 1+, 2+ and 3+."""

    def __post_init__(self) -> None:
        """Refuse numbers that could not place a control."""
        bounds = (0.0, *self.reference_od, math.inf)
        if not all(low < high for low, high in pairwise(bounds)):
            raise ValueError(f"reference_od {list(self.reference_od)}; expected four positive, increasing numbers")

    def place(self, score: Her2Score) -> tuple[float, float]:
        """Between which densities a control of this score belongs: those nearer to its class than to another, by ratio.

        3+ has no neighbor above and reaches as far up as down, 0 reaches down to nothing.
        """
        od = (*self.reference_od, self.reference_od[3] ** 2 / self.reference_od[2])
        upper = math.sqrt(od[score] * od[score + 1])
        return (math.sqrt(od[score - 1] * od[score]) if score else -math.inf), upper

    @property
    def drift_range(self) -> tuple[float, float]:
        """Scales that a drift of the stain explains: up to half the step between the closest classes, as a ratio.

        Where the scores are all wrong by one, the scale is off by a whole step or more, and lies outside unless the
        stain drifts by more than half a step the other way. The shipped models allow a factor of 1.4 or more.
        """
        half = math.sqrt(min(high / low for low, high in pairwise(self.reference_od)))
        return 1 / half, half


@dataclass(frozen=True)
class Control:
    """A piece of control tissue as it was measured."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    slide: str
    """As named in the table of controls."""
    score: Her2Score
    """As known; most of its tumor cells are of the class of that name."""
    n_cells: int = 0
    """Tumor cells whose membrane could be measured."""
    median_od: float | None = None
    """Median of their `Cells.membrane_od`, before scaling; None without any."""
    mpp: float | None = None
    """Microns per level-0 pixel; None where the slide could not be opened."""
    refusal: str | None = None
    """Why it could not be measured, or not whole."""

    def __post_init__(self) -> None:
        """Refuse what no measurement gives."""
        if self.n_cells < 0 or (self.median_od is None) != (self.n_cells == 0):
            expected = "expected a median if there are cells, and none without"
            raise ValueError(f"{self.slide}: {self.n_cells} cells and a median of {self.median_od}; {expected}")
        if self.median_od is not None and not math.isfinite(self.median_od):
            raise ValueError(f"{self.slide}: a median of {self.median_od}; expected a finite number")

    @property
    def name(self) -> str:
        """Slide and score, as messages begin."""
        return f"{self.slide} ({self.score.label})"


@dataclass(frozen=True)
class IntensityCalibration:
    """How strongly a site stains, against the laboratory of a model."""

    id: str
    """Name of the calibration, carried into every result."""
    dab_scale: float
    """DAB of this site for 1 of the model's laboratory."""
    controls: tuple[Control, ...]
    problems: tuple[str, ...]
    """Why it must not be used, one sentence each; empty where the controls hold."""
    scale: ModelScale
    """Of the model it was made for; no other may use it."""
    settings: SettingsTables
    """What the density of a membrane depends on, as it was set for the controls; cases are read with the same."""

    @property
    def is_failed(self) -> bool:
        """Whether no case may be scored with it."""
        return bool(self.problems)

    def scaled_od(self, control: Control) -> float | None:
        """Median of a control on the scale of the model's laboratory; None where nothing was measured."""
        return None if control.median_od is None else control.median_od / self.dab_scale

    def find_differences(self, settings: SettingsTables) -> tuple[str, ...]:
        """Say which settings are others than those of the controls, what was seen and what was expected; sorted."""
        was, now = _flatten(self.settings), _flatten(settings)
        names = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
        return tuple(f"{name} {_show(was.get(name))}; expected {_show(now.get(name))}" for name in names)


def _flatten(tables: SettingsTables) -> dict[str, Setting]:
    """Give settings their full names, such as ``membrane.step_um``."""
    return {f"{table}.{name}": value for table, values in tables.items() for name, value in values.items()}


def _show(setting: Setting | None) -> str:
    """Write a setting as in a settings file; None is one that another version of hetscore has."""
    return "no such setting" if setting is None else _as_value(setting)


def fit_intensity(
    name: str, controls: Sequence[Control], scale: ModelScale, settings: SettingsTables
) -> IntensityCalibration:
    """Find the site's scale of DAB and check that it explains every control.

    Parameters
    ----------
    name : str
        Id of the calibration.
    controls : sequence of Control
        Measured with the model, unscaled.
    scale : ModelScale
        Of that model.
    settings : mapping
        With which they were measured, by table: what the density of a membrane depends on.

    Returns
    -------
    IntensityCalibration
        With a scale rounded to a ten-thousandth, and the problems of the set before those of single controls.

    Notes
    -----
    The scale is the geometric mean, over the controls of 1+ or more, of site median over reference median: by the
    Beer-Lambert law more or less DAB multiplies every density alike. Controls of 0 have no DAB to compare and are only
    checked. A control without a positive median does not enter; where none is left the scale is 1, and there is a
    problem. The scale must be one that a drift explains (`ModelScale.drift_range`). Every control must lie in its place
    (`ModelScale.place`) after scaling, and no control of a lower score at or above one of a higher score.
    """
    logs = [log for control in controls if (log := _log_ratio(control, scale)) is not None]
    dab_scale = max(round(math.exp(math.fsum(logs) / len(logs)), 4), 0.0001) if logs else 1.0
    problems = [*_judge_set(controls, dab_scale, scale)]
    problems += [problem for control in controls for problem in judge_control(control, dab_scale, scale)]
    return IntensityCalibration(name, dab_scale, tuple(controls), tuple(problems), scale, settings)


def _log_ratio(control: Control, scale: ModelScale) -> float | None:
    """Logarithm of the control's density over that of its class; None where it holds no DAB to compare."""
    if control.score is Her2Score.ZERO or control.median_od is None or control.median_od <= 0:
        return None
    return math.log(control.median_od / scale.reference_od[control.score])


def _judge_set(controls: Sequence[Control], dab_scale: float, scale: ModelScale) -> Iterator[str]:
    """Say what is wrong with the controls together."""
    low, high = scale.drift_range
    measured = sorted((c for c in controls if c.median_od is not None), key=lambda c: c.score)
    scores = sorted({c.score for c in measured if c.score})
    if len(scores) < MIN_SCORES:
        seen = " and ".join(score.label for score in scores) or "none"
        yield f"controls: of the scores from 1+ up, measured is {seen}; expected two or more. Add a control of another."
    if not low <= dab_scale <= high:
        said = f"DAB scale: {dab_scale:.3f}; expected {low:.3f} to {high:.3f}, what a drift of the stain explains"
        yield f"{said}. Check the scores of the controls, the clone and the kit."
    for weaker, stronger in pairwise(_extremes(measured)):
        if (weaker[1].median_od or 0) >= (stronger[0].median_od or 0):
            said = f"{stronger[0].name}: median density {stronger[0].median_od:.3f}"
            than = f"more than the {weaker[1].median_od:.3f} of {weaker[1].name}"
            yield f"{said}; expected {than}. Check whether the two were mixed up."


def _extremes(ranked: Sequence[Control]) -> list[tuple[Control, Control]]:
    """Weakest and strongest control of each score, from the lowest score up."""
    scores = sorted({control.score for control in ranked})
    groups = [sorted((c for c in ranked if c.score == s), key=lambda c: c.median_od or 0) for s in scores]
    return [(group[0], group[-1]) for group in groups]


def judge_control(control: Control, dab_scale: float, scale: ModelScale) -> tuple[str, ...]:
    """Say what is wrong with one control under a scale of DAB; nothing where it holds.

    Parameters
    ----------
    control : Control
        As measured.
    dab_scale : float
        Of the site.
    scale : ModelScale
        Of the model.

    Returns
    -------
    tuple of str
        One sentence each: it could not be measured, it holds too few tumor cells, it lies out of its place.
    """
    problems = [] if control.refusal is None else [f"{control.name}: {control.refusal}"]
    if control.n_cells < MIN_CELLS and not problems:
        said = f"{control.name}: {control.n_cells} tumor cells measured; expected {MIN_CELLS} or more"
        problems.append(f"{said}. Choose a larger control.")
    low, high = scale.place(control.score)
    if control.median_od is not None and not low <= control.median_od / dab_scale <= high:
        within = f"{low:.3f} to {high:.3f}" if control.score else f"at most {high:.3f}, or it would be read as stained"
        said = f"{control.name}: median density {control.median_od / dab_scale:.3f} after scaling; expected {within}"
        problems.append(f"{said}. Check its score and its stain.")
    return tuple(problems)


def write_calibration(calibration: IntensityCalibration, path: Path) -> None:
    """Write a calibration as TOML, failed or not; an older file is replaced.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    try:
        path.write_text(_as_toml(calibration), encoding="utf-8", newline="\n")
    except OSError as error:
        said = f"{path}: cannot be written ({error.strerror}); expected a file in a writable folder"
        raise UsageError(f"{said}. Choose another --out.") from None


def _as_toml(calibration: IntensityCalibration) -> str:
    scale = calibration.scale
    lines = [
        f"{_MARK}; do not edit by hand: a file that was changed is refused.",
        f"schema = {_as_value(SCHEMA)}",
        f"hetscore_version = {_as_value(__version__)}",
        f"id = {_as_value(calibration.id)}",
        f"state = {_as_value('failed' if calibration.is_failed else 'holds')}",
        f"dab_scale = {calibration.dab_scale!r}",
        f"problems = [{', '.join(map(_as_value, calibration.problems))}]",
        "",
        "[scale]",
        f"model = {_as_value(scale.model)}",
        f"membrane = {_as_value(scale.membrane)}",
        f"reference_od = {list(scale.reference_od)}",
        "",
        "# The settings with which the controls were measured; cases are scored with the same or not at all.",
    ]
    for table, values in calibration.settings.items():
        lines += ["", f"[settings.{table}]", *(f"{name} = {_as_value(value)}" for name, value in values.items())]
    for control in calibration.controls:
        lines += ["", "[[controls]]", f"slide = {_as_value(control.slide)}", f"score = {int(control.score)}"]
        lines += [f"n_cells = {control.n_cells}"]
        lines += [f"{key} = {v!r}" for key in ("median_od", "mpp") if (v := getattr(control, key)) is not None]
        lines += [f"refusal = {_as_value(control.refusal)}"] if control.refusal is not None else []
    return "\n".join(lines) + "\n"


def _as_value(value: Setting) -> str:
    """Write a TOML value: as in JSON, but for the delete character, which JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def is_calibration(path: Path) -> bool:
    """Tell whether a file may be replaced by a calibration, as it is one itself.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        True also for one that has failed, was changed by hand below its first words, or is of another version; False
        where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(_MARK)) == _MARK.encode()
    except OSError:
        return False


@dataclass(frozen=True)
class _File:
    """The file as it stands."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    schema: Literal["hetscore/intensity/2"]
    hetscore_version: str
    id: str
    state: Literal["holds", "failed"]
    dab_scale: float
    problems: tuple[str, ...]
    scale: ModelScale
    settings: dict[str, dict[str, Setting]]
    controls: tuple[Control, ...]


_FILE = TypeAdapter(_File)


def load_calibration(path: Path) -> IntensityCalibration:
    """Read a calibration and check that it follows from its controls.

    Parameters
    ----------
    path : Path
        As `write_calibration` writes it.

    Returns
    -------
    IntensityCalibration
        Fitted anew from the controls in the file; it may have failed.

    Raises
    ------
    UsageError
        If the file cannot be read, is no such file, is one that does not say with which settings the controls were
        measured, or says another scale or state than its controls give.
    """
    stored = _read_file(path)
    fitted = fit_intensity(stored.id, stored.controls, stored.scale, stored.settings)
    state = "failed" if fitted.is_failed else "holds"
    if (stored.dab_scale, stored.state) != (fitted.dab_scale, state):
        said = f"{path}: dab_scale {stored.dab_scale:g}, state {stored.state}"
        expected = f"{fitted.dab_scale:g}, {state}, as its controls give"
        raise UsageError(f"{said}; expected {expected}. Run `hetscore calibrate intensity` again.")
    return fitted


def _read_file(path: Path) -> _File:
    expected = "expected a file written by `hetscore calibrate intensity`"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        if values.get("schema") == _SCHEMA_WITHOUT_SETTINGS:
            said = f"schema {_SCHEMA_WITHOUT_SETTINGS}, without the settings its controls were measured with"
            remedy = "Measure the controls again: `hetscore calibrate intensity`."
            raise UsageError(f"{path}: {said}; expected {SCHEMA}. {remedy}")
        return _FILE.validate_python(values)
    except OSError as error:
        remedy = "Check --calibration, or calibration in the settings."
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {expected}. {remedy}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(f"{path}: {faults}; {expected}. Run it again.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML ({error}); {expected}. Run it again.") from None
