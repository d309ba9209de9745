"""The loop on a network and pictures of a few pixels."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hetscore.segmenters.network import MAPS, TUMOR, NetworkConfig
from scripts.training.augment import AugmentParams
from scripts.training.loop import Lesson, Patches, TrainParams, losses, train
from tests.scripts.training.test_augment import spotted

CONFIG = NetworkConfig(widths=(4, 8))
PARAMS = TrainParams(steps=6, batch=2, save_every=1, augment=AugmentParams(side_px=32))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Mean weights of a run."""
    saved: dict[str, torch.Tensor] = torch.load(folder / "state.pt", weights_only=True)["average"]
    return saved


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Three steps and a stop, then three more, leave the weights of six steps; the log has every tenth and the last."""

    def stop(step: int, _: object) -> None:
        if step == 3:
            raise KeyboardInterrupt

    torch.set_num_threads(1)
    train(CONFIG, PARAMS, [Lesson([spotted()])], tmp_path / "whole", workers=0)
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, PARAMS, [Lesson([spotted()])], tmp_path / "cut", workers=0, report=stop)
    train(CONFIG, PARAMS, [Lesson([spotted()])], tmp_path / "cut", workers=0)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, rtol=1e-5, atol=1e-6)
    with (tmp_path / "whole" / "log.csv").open(newline="", encoding="utf-8") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["6"]


def test_a_run_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    """With no step to go the weights are those it began with."""
    train(CONFIG, PARAMS, [Lesson([spotted()])], tmp_path / "first", workers=0)
    later = train(
        CONFIG, replace(PARAMS, steps=0), [Lesson([spotted()])], tmp_path / "second",
        first=tmp_path / "first" / "state.pt", workers=0,
    )  # fmt: skip
    for name, value in weights(tmp_path / "first").items():
        torch.testing.assert_close(later.state_dict()[name], value)


def test_of_unread_tissue_it_keeps_to_what_it_said(tmp_path: Path) -> None:
    """What a truth would say of an unread picture changes nothing, and what the network said hardly changes."""
    torch.set_num_threads(1)
    first = tmp_path / "first" / "state.pt"
    train(CONFIG, replace(PARAMS, steps=60, rate=0.01), [Lesson([spotted()])], first.parent, workers=0)
    params = replace(PARAMS, steps=60, rate=0.003)
    other = replace(spotted(), kind=1 - spotted().kind)
    pictures = {"read": other, "unread": replace(spotted(), is_unread=True), "also": replace(other, is_unread=True)}
    runs = {name: train(CONFIG, params, [Lesson([p])], tmp_path / name, first=first, workers=0)
            for name, p in pictures.items()}  # fmt: skip
    for name, value in weights(tmp_path / "also").items():
        torch.testing.assert_close(weights(tmp_path / "unread")[name], value)
    shown = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    said = train(CONFIG, replace(params, steps=0), [Lesson([spotted()])], tmp_path / "no", first=first, workers=0)(
        shown
    )
    moved = {name: float((network(shown) - said).detach()[:, TUMOR].abs().mean()) for name, network in runs.items()}
    assert moved["unread"] < 0.5 * moved["read"]


def test_of_a_batch_only_the_unread_patches_are_asked_of_the_network(tmp_path: Path) -> None:
    """The truth of the read ones still counts: with another, other weights come out."""
    torch.set_num_threads(1)
    first = tmp_path / "first" / "state.pt"
    train(CONFIG, PARAMS, [Lesson([spotted()])], first.parent, workers=0)
    unread = Lesson([replace(spotted(), is_unread=True)], 0.5)
    for name, read in (("one", spotted()), ("other", replace(spotted(), kind=1 - spotted().kind))):
        params = replace(PARAMS, batch=8)  # each batch holds both
        train(CONFIG, params, [Lesson([read], 0.5), unread], tmp_path / name, first=first, workers=0)
    one, other = weights(tmp_path / "one"), weights(tmp_path / "other")
    assert any(not torch.equal(value, other[name]) for name, value in one.items())


def test_a_stopped_run_is_still_asked_what_the_first_network_said(tmp_path: Path) -> None:
    """Not what the run itself had come to say: stopped or not, the weights are the same."""

    def stop(step: int, _: object) -> None:
        if step == 30:
            raise KeyboardInterrupt

    torch.set_num_threads(1)
    first, params = tmp_path / "first" / "state.pt", replace(PARAMS, steps=60, save_every=30, rate=0.01)
    train(CONFIG, params, [Lesson([spotted()])], first.parent, workers=0)
    lessons = [Lesson([replace(spotted(), kind=1 - spotted().kind)], 0.5),
               Lesson([replace(spotted(), is_unread=True)], 0.5)]  # fmt: skip
    train(CONFIG, params, lessons, tmp_path / "whole", first=first, workers=0)
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, params, lessons, tmp_path / "cut", first=first, workers=0, report=stop)
    train(CONFIG, params, lessons, tmp_path / "cut", first=first, workers=0)
    for name, value in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(tmp_path / "cut")[name], value, rtol=1e-3, atol=1e-4)


def test_a_run_that_is_done_needs_the_one_before_no_more(tmp_path: Path) -> None:
    """One that is not names the stage that is missing."""
    first = tmp_path / "phantoms" / "state.pt"
    with pytest.raises(FileNotFoundError, match="expected the stage phantoms to be done first"):
        train(CONFIG, PARAMS, [Lesson([spotted()])], tmp_path / "final", first=first, workers=0)
    train(CONFIG, PARAMS, [Lesson([spotted()])], tmp_path / "final", workers=0)
    train(CONFIG, PARAMS, [Lesson([spotted()])], tmp_path / "final", first=first, workers=0)


def test_unread_tissue_needs_a_network_to_ask(tmp_path: Path) -> None:
    """At the first stage nothing was said yet."""
    with pytest.raises(ValueError, match="expected `first`"):
        train(CONFIG, PARAMS, [Lesson([replace(spotted(), is_unread=True)])], tmp_path, workers=0)


def test_nothing_known_is_nothing_lost() -> None:
    """Pixels of weight 0 do not count, and a map of which nothing is known has no loss."""
    maps, known = torch.zeros(1, len(MAPS), 4, 4), torch.ones(1, len(MAPS), 4, 4)
    known[:, TUMOR] = 0
    known[0, 0, 0, 0] = 0
    logits = torch.zeros(1, len(MAPS), 4, 4)
    logits[0, 0, 0, 0] = 100.0
    np.testing.assert_allclose(losses(logits, maps, known).numpy(), [np.log(2)] * 4 + [0], rtol=1e-5)


def test_lessons_have_their_shares() -> None:
    """A quarter of the patches comes from crops where a quarter is asked for."""
    crop = replace(spotted(), group="crop")
    patches = Patches([Lesson([spotted()], 0.75), Lesson([crop], 0.25)], PARAMS, 0)
    drawn = [patches.choose(np.random.default_rng(i)).group for i in range(400)]
    assert 70 < drawn.count("crop") < 130


def test_each_example_is_as_likely_as_another() -> None:
    """Of ten crops each is drawn about once in ten times."""
    patches = Patches([Lesson([replace(spotted(), name=str(i)) for i in range(10)])], PARAMS, 0)
    drawn = [patches.choose(np.random.default_rng(i)).name for i in range(1000)]
    assert all(70 < drawn.count(str(i)) < 130 for i in range(10))


def test_chances_are_kept() -> None:
    """Of two examples the one with three times the chance is drawn three times as often."""
    pair = [replace(spotted(), name=name) for name in "ab"]
    patches = Patches([Lesson(pair, chances=np.array([0.25, 0.75]))], PARAMS, 0)
    drawn = [patches.choose(np.random.default_rng(i)).name for i in range(400)]
    assert 70 < drawn.count("a") < 130
