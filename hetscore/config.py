"""Settings of a run and the model it uses, read from TOML and checked in full before any slide is opened.

Each stage's parameters stand beside the stage; this file only gathers them, so a settings file has one table a stage,
such as ``[tissue]`` with ``halo_um = 25``. All faults are reported at once.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from math import inf
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from hetscore.errors import HetscoreError, ModelError, UsageError
from hetscore.fragments import FragmentParams
from hetscore.intensity import IntensityCalibration, ModelScale, Setting, load_calibration
from hetscore.membrane import MembraneParams
from hetscore.quality import QualityParams
from hetscore.scoring.case import CaseParams
from hetscore.scoring.cell import OrdinalModel
from hetscore.scoring.fragment import FragmentParams as FragmentScoreParams
from hetscore.scoring.guidelines import GUIDELINES, Guideline
from hetscore.scoring.status import RULE_SETS, RuleSet
from hetscore.segmenters import SEGMENTERS, make_segmenter
from hetscore.segmenters.decoding import NetworkParams
from hetscore.segmenters.matching import TorchscriptParams
from hetscore.segmenters.watershed import WatershedParams
from hetscore.stain import StainVectors, angle_between
from hetscore.stain_drift import StainDriftParams
from hetscore.tiling import ALIGN_PX, MAX_CORE_PX, TilingParams
from hetscore.tissue import TissueParams


@dataclass(frozen=True)
class Settings:
    """Everything that can change a result; written into run.json and case.json."""

    model: str = "gastric-her2"
    """Folder under models/, or a path."""
    guideline: str = "gastric-biopsy"
    """Seed of the project: Yagi 2019, endoscopic biopsies. Never inferred from the slide."""
    rule_set: str = "yagi-2019"
    """What counts as HER2-positive."""
    mpp: float | None = None
    """Microns per level-0 pixel where the cases table gives none; outranks the file."""
    calibration: str | None = None
    """Path of the site's intensity calibration, see `hetscore.intensity`; without one a drift of the stain goes unseen,
    and every result says so."""
    errors: str | None = None
    """Path of the site's error model, see `hetscore.error_file`; without one that of the model is used, and labels are
    provisional."""
    quality: QualityParams = field(default_factory=QualityParams)
    tissue: TissueParams = field(default_factory=TissueParams)
    fragments: FragmentParams = field(default_factory=FragmentParams)
    tiling: TilingParams = field(default_factory=TilingParams)
    stain_drift: StainDriftParams = field(default_factory=StainDriftParams)
    watershed: WatershedParams = field(default_factory=WatershedParams)
    network: NetworkParams = field(default_factory=NetworkParams)
    torchscript: TorchscriptParams = field(default_factory=TorchscriptParams)
    membrane: MembraneParams = field(default_factory=MembraneParams)
    fragment_score: FragmentScoreParams = field(default_factory=FragmentScoreParams)
    case_score: CaseParams = field(default_factory=CaseParams)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON."""
        plain: dict[str, Any] = _SETTINGS.dump_python(self, mode="json")
        return plain


_SETTINGS = TypeAdapter(Settings)


def load_settings(path: Path | None = None, **given: Any) -> Settings:  # noqa: ANN401 - checked by pydantic below
    """Read settings from a TOML file and the command line; the command line wins.

    Parameters
    ----------
    path : Path, optional
        TOML file with any of the fields of `Settings`.
    **given
        Fields named on the command line; None means not named. A mapping names fields of a table.

    Returns
    -------
    Settings
        Complete and checked.

    Raises
    ------
    UsageError
        With every unknown name and every bad value at once.
    """
    values = _read_toml(path, UsageError) if path else {}
    named = _find_named(given)
    values = _merge(values, named)
    faults = _find_unknown(values, Settings, "")
    try:
        settings = _SETTINGS.validate_python(_known_only(values, Settings))
    except ValidationError as error:
        faults += [f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
    else:
        faults += _find_bad_choices(settings)
    if faults:
        sources = [str(path)] if path else []
        sources += ["command line"] if named or not path else []
        raise UsageError(f"{' and '.join(sources)}: " + "; ".join(faults))
    return settings


def _find_named(given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None, and a table of which nothing is named."""
    tables = {name: _find_named(value) if isinstance(value, Mapping) else value for name, value in given.items()}
    return {name: value for name, value in tables.items() if value is not None and value != {}}


def _merge(values: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Join settings of a file and of the command line, which wins field by field."""
    both = {
        n: _merge(values[n], v) for n, v in named.items() if isinstance(v, dict) and isinstance(values.get(n), dict)
    }
    return {**values, **named, **both}


def _read_toml(path: Path, error_type: type[HetscoreError]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise error_type(f"{path}: no such file; expected a TOML file. Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise error_type(f"{path}: not valid TOML ({error}). Mend the line named.") from None


def _find_unknown(values: dict[str, Any], kind: type[Any], prefix: str) -> list[str]:
    """Names in `values` that `kind` does not have, with those it has."""
    types = get_type_hints(kind)
    faults = []
    for name, value in values.items():
        if name not in types:
            faults.append(f"unknown setting {prefix}{name}; known: {', '.join(sorted(types))}")
        elif isinstance(value, dict) and is_dataclass(types[name]):
            faults += _find_unknown(value, types[name], f"{prefix}{name}.")
    return faults


def _known_only(values: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    known = {f.name for f in fields(kind)}
    return {name: value for name, value in values.items() if name in known}


def _find_bad_numbers(values: Any, name: str) -> list[str]:  # noqa: ANN401 - plain values of any depth
    """Numbers that are not finite and positive; no setting of any stage has a use for zero or less."""
    if isinstance(values, dict):
        return [
            fault for key, value in values.items() for fault in _find_bad_numbers(value, f"{name}.{key}".lstrip("."))
        ]
    if isinstance(values, list):
        empty = [] if values else [f"{name} is empty; expected at least one number"]
        return empty + [fault for value in values for fault in _find_bad_numbers(value, name)]
    is_number = isinstance(values, int | float) and not isinstance(values, bool)
    if is_number and not 0 < values < inf:
        return [f"{name} {values}; expected a positive number"]
    return []


def find_other_organ(guideline: Guideline, rule_set: RuleSet) -> list[str]:
    """Say that a rule set is not of the guideline's organ, and which are; nothing where it is."""
    if guideline.organ == rule_set.organ:
        return []
    fitting = ", ".join(r.name for r in RULE_SETS.values() if r.organ == guideline.organ)
    said = f"rule_set {rule_set.name} is for {rule_set.organ}, guideline {guideline.name} for {guideline.organ}"
    return [f"{said}; expected rule_set {fitting}"]


def _find_bad_choices(settings: Settings) -> list[str]:
    faults = _find_bad_numbers(_SETTINGS.dump_python(settings), "")
    if settings.guideline not in GUIDELINES:
        faults.append(f"guideline {settings.guideline!r}; expected one of {', '.join(sorted(GUIDELINES))}")
    if settings.rule_set not in RULE_SETS:
        faults.append(f"rule_set {settings.rule_set!r}; expected one of {', '.join(sorted(RULE_SETS))}")
    if settings.guideline in GUIDELINES and settings.rule_set in RULE_SETS:
        faults += find_other_organ(GUIDELINES[settings.guideline], RULE_SETS[settings.rule_set])
    powers, power = settings.case_score.evidence.powers, settings.case_score.verdict.clone_power
    if power not in powers:
        faults.append(f"case_score.verdict.clone_power {power}; expected one of case_score.evidence.powers {powers}")
    if not ALIGN_PX <= settings.tiling.core_px <= MAX_CORE_PX or settings.tiling.core_px % ALIGN_PX:
        expected = f"a multiple of {ALIGN_PX} from {ALIGN_PX} to {MAX_CORE_PX}"
        faults.append(f"tiling.core_px {settings.tiling.core_px}; expected {expected}")
    return faults


@dataclass(frozen=True)
class Model:
    """A model folder, read: what the segmenter, the stain and the cell class were calibrated to."""

    name: str
    kind: str
    """Which segmenter, a key of `SEGMENTERS`."""
    sha256: str
    """Of model.toml."""
    card: Mapping[str, Any]
    """model.toml, read; the segmenter takes its part from it."""
    folder: Path
    """Where the card stands, and the weights if the kind has any."""
    stain: StainVectors
    membrane: OrdinalModel
    scale: ModelScale
    """What the classes of `membrane` read where they were calibrated."""


def models_folder() -> Path:
    """Return where the shipped models lie: inside the installed package, or beside it in a source checkout."""
    inside = Path(__file__).parent / "models"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "models"


def load_model(name: str, settings: Settings | None = None, *, with_weights: bool = True) -> Model:
    """Read and check a model folder, its weights with it.

    Parameters
    ----------
    name : str
        Folder under `models_folder`, or a path to a folder.
    settings : Settings, optional
        With which the model will be used; the segmenter is made once with them to see that it can be.
    with_weights : bool, optional
        Whether it is: who scores cells that were found long ago needs the card alone.

    Returns
    -------
    Model
        Checked.

    Raises
    ------
    ModelError
        If the folder or its model.toml is missing or does not say what it must, or the weights are missing, changed or
        of another shape.
    UsageError
        If the device in the settings is not on this machine, or what should run the network is not installed.
    """
    folder = Path(name) if name and Path(name).is_dir() else models_folder() / (name or "-")
    if not folder.is_dir():
        known = sorted(p.name for p in models_folder().iterdir() if p.is_dir())
        raise ModelError(f"{name}: no such model; expected one of {', '.join(known)}, or a folder. Check --model.")
    card = folder / "model.toml"
    values = _read_toml(card, ModelError)
    try:
        model = _parse_model(values, folder, hashlib.sha256(card.read_bytes()).hexdigest())
        if with_weights:
            params = getattr(settings or Settings(), model.kind)
            make_segmenter(model.kind, model.card, folder, params)  # so that bad weights are told at once
    except KeyError as error:
        fault = f"{error.args[0]} is missing"
    except ValidationError as error:
        fault = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
    except (ValueError, TypeError) as error:
        fault = str(error)
    else:
        return model
    raise ModelError(f"{card}: {fault}; expected the card of docs/models.md. Mend or reinstall it.")


_MIN_STAIN_DEGREES = 6.0
"""Least angle between the stain vectors of a model. The sensitivity panel turns one toward the other by 5 degrees; at 6
that multiplies every density of DAB by 6, and one gray level of noise already reads as a stain."""


def _parse_stain(values: Any) -> StainVectors:  # noqa: ANN401 - a table of the card, checked here
    vectors = TypeAdapter(StainVectors).validate_python(values)
    angle = angle_between(vectors)
    if not angle > _MIN_STAIN_DEGREES:  # false for NaN too
        raise ValueError(f"stain vectors {angle:.1f} degrees apart; expected more than {_MIN_STAIN_DEGREES:g}")
    return vectors


def _parse_model(values: dict[str, Any], folder: Path, sha256: str) -> Model:
    if values["kind"] not in SEGMENTERS:
        raise ValueError(f"kind {values['kind']!r} is none of {', '.join(SEGMENTERS)}")
    membrane = TypeAdapter(OrdinalModel).validate_python(values["membrane"])
    scale = {"model": values["name"], "membrane": membrane.id, "reference_od": values["membrane"]["reference_od"]}
    return Model(
        name=values["name"],
        kind=values["kind"],
        sha256=sha256,
        card=values,
        folder=folder,
        stain=_parse_stain(values["stain"]),
        membrane=membrane,
        scale=TypeAdapter(ModelScale).validate_python(scale),
    )


def find_measuring(settings: Settings, model: Model) -> dict[str, dict[str, Setting]]:
    """Pick the settings that change the density read at a membrane.

    Parameters
    ----------
    settings : Settings
        Of a run.
    model : Model
        Of the run; the tables of the other segmenters are not used.

    Returns
    -------
    dict
        By table: the resolution of the tiles, how cells are found and how their membranes are measured. Other settings
        choose which cells are looked at or what is made of them. The device is left out, and so is what runs a network,
        but for 8 bits: all others agree within the bound that is tested, and controls may be measured on another
        machine than the cases; and so is the glass that is read beyond the tissue.
    """
    plain = settings.as_dict()
    same = {"device", "glass_um"}
    same |= set() if plain[model.kind].get("runtime") == "openvino-int8" else {"runtime"}
    segmenter = {name: value for name, value in plain[model.kind].items() if name not in same}
    return {"tiling": {"mpp": plain["tiling"]["mpp"]}, model.kind: segmenter, "membrane": plain["membrane"]}


def load_intensity(settings: Settings, model: Model) -> IntensityCalibration | None:
    """Read the intensity calibration that the settings name.

    Parameters
    ----------
    settings : Settings
        With its path, if any, and everything else that the cases will be read with.
    model : Model
        With which it will be used.

    Returns
    -------
    IntensityCalibration or None
        Checked, though it may have failed; None where the settings name none.

    Raises
    ------
    UsageError
        If it cannot be read, was changed by hand, was made for another model, or from controls that were measured with
        other settings (`find_measuring`): the first of them is named.
    """
    if settings.calibration is None:
        return None
    path = Path(settings.calibration)
    calibration = load_calibration(path)
    if calibration.scale != model.scale:
        made, meant = (f"{s.model}, {s.membrane}, {list(s.reference_od)}" for s in (calibration.scale, model.scale))
        remedy = "Measure the controls with this model: `hetscore calibrate intensity`."
        raise UsageError(f"{path}: made for the model {made}; expected {meant}. {remedy}")
    if others := calibration.find_differences(find_measuring(settings, model)):
        more = f" ({len(others) - 1} more differ)" if len(others) > 1 else ""
        remedy = "Run `hetscore calibrate intensity` with these settings, or score with those of the controls."
        raise UsageError(f"{path}: controls measured with {others[0]}, as the cases{more}. {remedy}")
    return calibration
