"""What a run carries: whose errors it is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from hetscore.config import load_model, load_settings, models_folder
from hetscore.errors import UsageError
from hetscore.pipeline import Run, with_errors

SHIPPED = models_folder() / "gastric-her2" / "errors.toml"


def _run(runtime: str = "openvino", errors: Path | None = None) -> Run:
    settings = load_settings(network={"runtime": runtime}, errors=None if errors is None else str(errors))
    return Run(settings, load_model("gastric-her2", with_weights=False))


class TestErrorsInEightBits:
    """Errors counted in full precision are not those of 8 bits."""

    def test_full_precision_takes_what_came_with_the_model(self) -> None:
        """Whatever runs the network, the maps are the same to rounding."""
        assert all(with_errors(_run(runtime)).errors is not None for runtime in ("auto", "torch", "openvino"))

    def test_eight_bits_take_none(self) -> None:
        """So the case gets no homo or hetero until they are counted."""
        run = _run("openvino-int8")
        assert with_errors(run).errors is None
        assert run.calibration_id == f"{_run().calibration_id} + int8"

    def test_a_file_of_the_other_precision_is_refused(self) -> None:
        """Even where it is asked for by name."""
        with pytest.raises(UsageError, match=r"counted with calibration gastric-her2-2026-11c; expected .* \+ int8"):
            with_errors(_run("openvino-int8", SHIPPED))
