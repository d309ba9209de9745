"""An error model as a TOML file: what comes with a model, or what a site measured on its own slides.

A file is believed only if it says what would be written of it: no number beyond its bounds, no name unknown or left
out, and a check whose p-value follows from its counts.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from hetscore import __version__
from hetscore.errors import UsageError
from hetscore.scoring.error_check import exceed_chance
from hetscore.scoring.error_domain import LOOKS
from hetscore.scoring.error_model import Check, ErrorModel, Rate, Stratum

SCHEMA = "hetscore/errors/1"
STRATA = ("3+", "2+")
_MARK = "# Written by `hetscore calibrate errors`"
"""What an error file begins with, so that no other file is replaced by one."""
_EXPECTED = "expected a file written by `hetscore calibrate errors`"
_DIGITS = 6
"""Significant, of every number: more than any of them is known to."""


def write_errors(model: ErrorModel, path: Path) -> None:
    """Write an error model; an older file is replaced.

    Parameters
    ----------
    model : ErrorModel
        What was counted, whether its check failed or not.
    path : Path
        File to write.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    try:
        path.write_text(as_toml(model), encoding="utf-8", newline="\n")
    except OSError as error:
        said = f"{path}: cannot be written ({error.strerror}); expected a file in a writable folder"
        raise UsageError(f"{said}. Choose another --out.") from None


def as_toml(model: ErrorModel) -> str:
    """Give the text of the file."""
    return "\n".join(_lines(model)) + "\n"


def _lines(model: ErrorModel) -> Iterator[str]:
    yield f"{_MARK}; docs/errors.md says what each number means."
    yield f"schema = {_text(SCHEMA)}"
    yield f"hetscore_version = {_text(__version__)}"
    for name in ("id", "model", "model_sha256", "calibration", "created"):
        yield f"{name} = {_text(getattr(model, name))}"
    yield f"is_site = {str(model.is_site).lower()}"
    yield f"n_slides = {model.n_slides}"
    yield f"n_fragments = {model.n_fragments}"
    yield f"false_tumor_sd = {_number(model.false_tumor_sd)}"
    for name, rate in _named_rates(model).items():
        yield from ("", f"[{name}]", *_rate_lines(rate))
    for stratum in model.strata:
        yield from ("", "[[strata]]", *_stratum_lines(stratum))
    objects = model.objects
    yield from ("", "[objects]", f"area_mm2 = {_number(objects.area_mm2)}", f"shape = {_number(objects.shape)}")
    items = [f"{{n_cells = {o.n_cells}, p_tumor = {_number(o.p_tumor)}}}" for o in model.objects.items]
    yield from ("items = [", *(f"  {item}," for item in items), "]") if items else ("items = []",)
    yield from ("", "[domain]", *(f"{name} = {_range(model.domain[name])}" for name in LOOKS if name in model.domain))
    if model.check is not None:
        check = model.check
        yield from ("", "[check]", f"n_cases = {check.n_cases}", f"n_below = {check.n_below}")
        yield f"p_value = {_number(check.p_value)}"


def _named_rates(model: ErrorModel) -> dict[str, Rate]:
    """Give the rates that stand beside the strata."""
    beside = model.false_positive_beside
    return {
        "false_positive": model.false_positive,
        **({} if beside is None else {"false_positive_beside": beside}),
        "false_tumor": model.false_tumor,
        "missed": model.missed,
    }


def _rate_lines(rate: Rate) -> Iterator[str]:
    yield f"n_errors = {rate.n_errors}"
    yield f"n_cells = {rate.n_cells}"
    yield f"low = {_number(rate.low)}"
    yield f"high = {_number(rate.high)}"
    if rate.n_effective is not None:
        yield f"n_effective = {_number(rate.n_effective)}"


def _stratum_lines(stratum: Stratum) -> Iterator[str]:
    yield f"name = {_text(stratum.name)}"
    yield f"neighbor_ratio = {_number(stratum.neighbor_ratio)}"
    yield f"fragment_sd = {_number(stratum.fragment_sd)}"
    yield f"reach = {_number(stratum.reach)}"
    if stratum.ratio_range is not None:
        yield f"ratio_range = {_range(stratum.ratio_range)}"
    if stratum.sd_range is not None:
        yield f"sd_range = {_range(stratum.sd_range)}"
    yield from ("", "[strata.false_negative]", *_rate_lines(stratum.false_negative))


def _text(value: str) -> str:
    """Write a TOML text: as in JSON, but for the delete character, which JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(value: float) -> str:
    return repr(float(f"{value:.{_DIGITS}g}"))


def _range(bounds: tuple[float, float]) -> str:
    return f"[{_number(bounds[0])}, {_number(bounds[1])}]"


def is_errors(path: Path) -> bool:
    """Tell whether a file may be replaced by an error model, as it is one itself; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MARK)) == _MARK.encode()
    except OSError:
        return False


@dataclass(frozen=True)
class _Head:
    """What stands in the file beside the model."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="ignore")

    schema: Literal["hetscore/errors/1"]
    hetscore_version: str


_HEAD, _MODEL = TypeAdapter(_Head), TypeAdapter(ErrorModel)


def load_errors(path: Path) -> ErrorModel:
    """Read an error model and check it.

    Parameters
    ----------
    path : Path
        As `write_errors` writes it.

    Returns
    -------
    ErrorModel
        Its check may have failed.

    Raises
    ------
    UsageError
        If the file cannot be read, is no such file, or contradicts itself; all faults are told at once.
    """
    values = _read_toml(path)
    try:
        _HEAD.validate_python(values)
        model = _MODEL.validate_python({k: v for k, v in values.items() if k not in ("schema", "hetscore_version")})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
    else:
        faults = list(_find_faults(model)) or _find_unknown(values, tomllib.loads(as_toml(model)))
    if faults:
        raise UsageError(f"{path}: {'; '.join(faults)}; {_EXPECTED}. Run it again.")
    return model


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        remedy = "Check the path of the error model."
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {_EXPECTED}. {remedy}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML ({error}); {_EXPECTED}. Run it again.") from None


def _find_faults(model: ErrorModel) -> Iterator[str]:
    """Say what no counting gives."""
    names = [stratum.name for stratum in model.strata]
    if not names or len(set(names)) < len(names) or not set(names) <= set(STRATA):
        yield f"strata {', '.join(names) or 'none'}; expected {' and '.join(STRATA)}, each at most once"
    for stratum in model.strata:
        yield from _judge_rate(f"strata {stratum.name}", stratum.false_negative)
        yield from _judge_range(f"strata {stratum.name}: neighbor_ratio", stratum.neighbor_ratio, 1.0)
        yield from _judge_range(f"strata {stratum.name}: fragment_sd", stratum.fragment_sd, 0.0)
        yield from _judge_range(f"strata {stratum.name}: reach", stratum.reach, 0.5)
    for name, rate in _named_rates(model).items():
        yield from _judge_rate(name, rate)
    yield from _judge_range("false_tumor_sd", model.false_tumor_sd, 0.0)
    if not 0 < model.objects.area_mm2 < math.inf:
        yield f"objects.area_mm2 {model.objects.area_mm2:g}; expected square millimeters above 0"
    if not model.objects.shape > 0:
        yield f"objects.shape {model.objects.shape:g}; expected a number above 0"
    for item in model.objects.items:
        if item.n_cells < 1 or not 0 <= item.p_tumor <= 1:
            yield f"objects: {item.n_cells} cells with p_tumor {item.p_tumor:g}; expected 1 or more and 0 to 1"
    for name, (low, high) in model.domain.items():
        if name in LOOKS and not -math.inf < low <= high < math.inf:
            yield f"domain.{name} [{low:g}, {high:g}]; expected the lower number first"
    yield from _judge_check(model.check)


def _judge_rate(name: str, rate: Rate) -> Iterator[str]:
    """Say that an interval does not hold its rate, or that cells count for more than they are."""
    share = rate.n_errors / rate.n_cells if rate.n_cells else rate.low
    rounding = 10.0 ** -(_DIGITS - 1)
    if not rate.low * (1 - rounding) <= share <= rate.high * (1 + rounding):
        yield f"{name}: {rate.n_errors} of {rate.n_cells} outside {rate.low:g} to {rate.high:g}; expected it inside"
    if rate.n_effective is not None and not 0 < rate.n_effective <= rate.n_cells * (1 + rounding):
        yield f"{name}: n_effective {rate.n_effective:g}; expected more than 0 and at most {rate.n_cells}"


def _judge_range(name: str, value: float, least: float) -> Iterator[str]:
    if not least <= value < math.inf:
        yield f"{name} {value:g}; expected a number from {least:g} on"


def _judge_check(check: Check | None) -> Iterator[str]:
    if check is None:
        return
    if not 0 <= check.n_below <= check.n_cases:
        yield f"check: {check.n_below} of {check.n_cases} cases; expected no more than there are"
    elif not math.isclose(check.p_value, p := exceed_chance(check.n_below, check.n_cases), rel_tol=1e-3, abs_tol=1e-9):
        yield f"check: p_value {check.p_value:g}; expected {p:.4g}, as {check.n_below} of {check.n_cases} cases give"


def _find_unknown(values: Any, known: Any, prefix: str = "") -> list[str]:  # noqa: ANN401 - plain values of any depth
    """Names of a file that its model would not be written with."""
    if isinstance(values, list) and isinstance(known, list):
        pairs = zip(values, known, strict=False)
        return [fault for value, own in pairs for fault in _find_unknown(value, own, prefix)]
    if not isinstance(values, dict) or not isinstance(known, dict):
        return []
    faults = [f"unknown name {prefix}{name}" for name in values if name not in known]
    for name in values.keys() & known.keys():
        faults += _find_unknown(values[name], known[name], f"{prefix}{name}.")
    return sorted(faults)
