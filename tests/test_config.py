"""Settings and models are checked in full before any slide is opened, and every fault is named at once."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hetscore.config import Settings, find_measuring, load_model, load_settings, models_folder
from hetscore.errors import ModelError, UsageError
from hetscore.segmenters import SEGMENTERS

WriteToml = Callable[[str], Path]
SHIPPED = sorted(p.name for p in models_folder().iterdir() if p.is_dir())


@pytest.fixture
def write_toml(tmp_path: Path) -> WriteToml:
    """Write a settings file."""

    def write(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _fault(path: Path | None = None, *, guideline: str | None = None, rule_set: str | None = None) -> str:
    """Return what the user is told."""
    with pytest.raises(UsageError) as caught:
        load_settings(path, guideline=guideline, rule_set=rule_set)
    return str(caught.value)


class TestLoadSettings:
    """What is taken."""

    def test_without_a_file_all_is_default(self) -> None:
        """The gastric biopsy guideline and the rule set of the seed paper."""
        settings = load_settings()
        assert settings == Settings()
        assert (settings.model, settings.guideline, settings.rule_set) == (
            "gastric-her2",
            "gastric-biopsy",
            "yagi-2019",
        )

    def test_a_file_changes_what_it_names_and_nothing_else(self, write_toml: WriteToml) -> None:
        """One table a stage."""
        settings = load_settings(write_toml('guideline = "gastric-resection"\n[tissue]\nhalo_um = 25\n'))
        assert settings.guideline == "gastric-resection"
        assert settings.tissue.halo_um == 25.0
        assert settings.tissue.blur_um == Settings().tissue.blur_um
        assert settings.fragments == Settings().fragments

    def test_the_command_line_wins(self, write_toml: WriteToml) -> None:
        """What is not named there (None) leaves the file's word."""
        path = write_toml('mpp = 0.5\nrule_set = "pietrantonio-2016"\n')
        settings = load_settings(path, mpp=0.25, rule_set=None)
        assert (settings.mpp, settings.rule_set) == (0.25, "pietrantonio-2016")

    def test_the_command_line_names_fields_of_a_table(self, write_toml: WriteToml) -> None:
        """And leaves the other fields of the table to the file; a table of which it names nothing is not touched."""
        path = write_toml('[network]\nflips = true\ndevice = "cuda"\n[torchscript]\nmin_area_um2 = 5\n')
        settings = load_settings(path, network={"device": "cpu", "flips": None}, torchscript={"device": None})
        assert (settings.network.device, settings.network.flips) == ("cpu", True)
        assert settings.torchscript.min_area_um2 == 5
        assert settings.torchscript.device == "auto"

    def test_a_device_is_one_of_four(self, write_toml: WriteToml) -> None:
        """The known ones are told, from a file as from the command line."""
        path = write_toml('[network]\ndevice = "gpu"\n')
        with pytest.raises(UsageError, match=r"network\.device: .*'auto', 'cpu', 'cuda' or 'mps', got 'gpu'"):
            load_settings(path)

    def test_an_empty_file_is_no_fault(self, write_toml: WriteToml) -> None:
        """It changes nothing."""
        assert load_settings(write_toml("")) == Settings()

    def test_as_dict_is_fit_for_json(self) -> None:
        """It goes into run.json with every value in it."""
        plain = json.loads(json.dumps(load_settings().as_dict()))
        assert plain["tissue"]["halo_um"] == 24.0
        assert plain["mpp"] is None


class TestFaults:
    """What is refused, and what the user is told."""

    def test_an_unknown_setting_is_named_with_the_known_ones(self, write_toml: WriteToml) -> None:
        """A misspelled name never passes for a default."""
        told = _fault(write_toml('guidline = "gastric-biopsy"\n'))
        assert "unknown setting guidline" in told
        assert "guideline" in told
        assert "rule_set" in told

    def test_an_unknown_setting_of_a_stage_is_named_with_its_stage(self, write_toml: WriteToml) -> None:
        """With the names that this stage knows."""
        told = _fault(write_toml("[tissue]\nhalo = 25\n"))
        assert "unknown setting tissue.halo;" in told
        assert "halo_um" in told
        assert "rule_set" not in told

    def test_all_faults_are_told_at_once(self, write_toml: WriteToml) -> None:
        """One run of the command shows everything there is to mend, and the file it stands in."""
        path = write_toml('colour = 1\nmpp = "fine"\n[tissue]\nhalo = 25\nblur_um = "much"\n')
        told = _fault(path)
        assert told.startswith(f"{path}: ")
        for name in ("colour", "mpp", "tissue.halo", "tissue.blur_um", "'fine'", "'much'"):
            assert name in told

    def test_a_value_where_a_table_belongs(self, write_toml: WriteToml) -> None:
        """``tissue = 4`` is a fault, not a crash."""
        assert "tissue" in _fault(write_toml("tissue = 4\n"))

    def test_a_bad_choice_is_answered_with_the_choices(self) -> None:
        """Named on the command line, so the message does not name a file."""
        told = _fault(guideline="gastric", rule_set="yagi")
        assert told.startswith("command line: ")
        assert re.search("guideline 'gastric'; expected one of .*gastric-biopsy", told)
        assert re.search("rule_set 'yagi'; expected one of .*yagi-2019", told)

    def test_a_clone_must_be_tried_with_the_power_that_is_asked_for(self, write_toml: WriteToml) -> None:
        """Else nothing would forbid homo where a large clone could hide."""
        told = _fault(write_toml("[case_score.evidence]\npowers = [0.8, 0.9]\n"))
        assert "case_score.verdict.clone_power 0.95; expected one of case_score.evidence.powers (0.8, 0.9)" in told

    @pytest.mark.parametrize("core_px", [0, -128, 64, 200])
    def test_a_core_must_be_a_multiple_of_128(self, write_toml: WriteToml, core_px: int) -> None:
        """Else tiles would not join the same pixels."""
        told = _fault(write_toml(f"[tiling]\ncore_px = {core_px}\n"))
        assert f"tiling.core_px {core_px}; expected a multiple of 128 from 128 to 8192" in told

    def test_a_missing_file(self, tmp_path: Path) -> None:
        """Named, with what was expected; a folder is no file."""
        assert "absent.toml: no such file" in _fault(tmp_path / "absent.toml")
        assert "no such file" in _fault(tmp_path)

    def test_a_file_that_is_no_toml(self, write_toml: WriteToml) -> None:
        """With the line at fault."""
        told = _fault(write_toml("mpp = 0.25\n[tissue\n"))
        assert "not valid TOML" in told
        assert "line 2" in told

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        """A slide handed over as the settings is a fault, not a crash."""
        path = tmp_path / "slide.svs"
        path.write_bytes(b"II*\x00\xff\xfe\xfd")
        assert "not valid TOML" in _fault(path)


class TestLoadModel:
    """Model folders."""

    @pytest.mark.parametrize("name", SHIPPED)
    def test_every_shipped_model_loads(self, name: str) -> None:
        """Its card is complete, its kind is known and it carries the hash of what was read."""
        model = load_model(name)
        assert model.name == name
        assert model.kind in SEGMENTERS
        assert len(model.sha256) == 64

    def test_the_default_model_is_shipped(self) -> None:
        """Nothing is downloaded at run time."""
        assert Settings().model in SHIPPED

    def test_a_folder_of_ones_own(self, tmp_path: Path) -> None:
        """Any path to a folder with a card will do."""
        shutil.copytree(models_folder() / "watershed", tmp_path / "mine")
        mine, shipped = load_model(str(tmp_path / "mine")), load_model("watershed")
        assert mine.folder == tmp_path / "mine"
        assert replace(mine, folder=shipped.folder) == shipped

    def test_an_unknown_name_is_answered_with_the_known_ones(self) -> None:
        """And with the option to mend."""
        with pytest.raises(ModelError, match=r"^watershd: no such model; expected one of .*watershed.*--model"):
            load_model("watershd")

    def test_a_folder_without_a_card(self, tmp_path: Path) -> None:
        """The card that is missing is named."""
        with pytest.raises(ModelError, match=r"model\.toml: no such file"):
            load_model(str(tmp_path))

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ('kind = "watershed"', 'kind = "oracle"', "oracle"),
            ('kind = "watershed"', "", "kind"),
            ("[membrane]", "[membrana]", "membrane"),
            ("[stain]", "[stains]", "stain"),
            ("dab = [0.36, 0.567, 0.741]", "dab = [0.642, 0.627, 0.447]", "0.0 degrees apart; expected more than 6"),
            ("dab = [0.36, 0.567, 0.741]", "dab = [0.58, 0.62, 0.52]", "degrees apart; expected more than 6"),
            ("dab = [0.36, 0.567, 0.741]", "dab = [0.0, 0.0, 0.0]", "expected more than 6"),
            ('"minor_um"', '"minor"', "tumor.names"),
            ("cuts = [", "cuts = [99.0, ", "cuts"),
            ("cuts = [-", "cuts = [", "not monotone"),
            ("reference_od", "reference", "reference_od is missing"),
            ("reference_od = [0", "reference_od = [9", "expected four positive, increasing numbers"),
            ("reference_od = [", "reference_od = [0.001, ", "reference_od"),
            ("intercept = ", "intercept = [", "TOML"),
        ],
    )
    def test_a_broken_card_says_what_is_wrong(self, tmp_path: Path, old: str, new: str, told: str) -> None:
        """Whatever is missing or wrong in it: one line that names the card and the fault, never a traceback."""
        text = (models_folder() / "watershed" / "model.toml").read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "model.toml").write_text(text.replace(old, new), encoding="utf-8")

        with pytest.raises(ModelError) as caught:
            load_model(str(tmp_path))

        assert str(caught.value).startswith(f"{tmp_path / 'model.toml'}: ")
        assert told in str(caught.value)


class TestFindMeasuring:
    """What the density read at a membrane depends on."""

    @pytest.mark.parametrize("runtime", ["auto", "torch", "openvino"])
    def test_what_runs_the_network_does_not_matter(self, runtime: str) -> None:
        """Single precision is the same everywhere, and calibrations from before there was a choice still hold."""
        model, settings = load_model("gastric-her2", with_weights=False), load_settings(network={"runtime": runtime})
        assert find_measuring(settings, model) == find_measuring(Settings(), model)
        assert not {"runtime", "device"} & find_measuring(settings, model)["network"].keys()

    def test_8_bits_matter(self) -> None:
        """They find other cells, a few of them: controls and cases must have been read alike."""
        model, settings = (
            load_model("gastric-her2", with_weights=False),
            load_settings(network={"runtime": "openvino-int8"}),
        )
        assert find_measuring(settings, model)["network"]["runtime"] == "openvino-int8"
