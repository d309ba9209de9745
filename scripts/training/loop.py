"""The loop: patches in, weights out. It can be stopped at any time and goes on from where it was."""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from hetscore.segmenters.network import BORDER, CENTER, MAPS, NetworkConfig
from hetscore.segmenters.unet import SegmentationNetwork, normalize
from scripts.training.augment import AugmentParams, cut_patch
from scripts.training.examples import Example
from scripts.training.targets import TargetParams


@dataclass(frozen=True)
class TrainParams:
    """How long and how fast."""

    steps: int = 2400
    batch: int = 16
    rate: float = 2e-3
    """Highest learning rate; it rises over the first twentieth and falls as a cosine to nothing."""
    decay: float = 0.02
    """Of the weights, AdamW."""
    seed: int = 1
    average: float = 0.995
    """Of the running mean of the weights, which is what is kept: it errs less than the last step's."""
    loss_weights: tuple[float, ...] = (1.0, 1.0, 0.5, 0.5, 1.0)
    """Of `MAPS`. Cells and borders matter only where cells grow."""
    save_every: int = 100
    augment: AugmentParams = field(default_factory=AugmentParams)
    targets: TargetParams = field(default_factory=TargetParams)


@dataclass(frozen=True)
class Lesson:
    """Examples of a kind."""

    examples: Sequence[Example]
    share: float = 1.0
    """Of the patches, those cut from these examples."""
    chances: NDArray[np.float64] | None = None
    """Of each example; None: all are equally likely."""


class Patches(Dataset[tuple[Tensor, Tensor, Tensor, Tensor]]):
    """Patch i is decided by the seed and i alone: neither workers nor a stop change what is learned from."""

    def __init__(self, lessons: Sequence[Lesson], params: TrainParams, start: int) -> None:
        self.lessons, self.params, self.start = lessons, params, start

    def __len__(self) -> int:
        return self.params.steps * self.params.batch - self.start

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rng = np.random.default_rng([self.params.seed, self.start + index])
        example = self.choose(rng)
        patch = cut_patch(example, rng, self.params.augment, self.params.targets)
        parts = (patch.density, patch.target.maps, patch.target.weights)
        density, maps, weights = (torch.from_numpy(part) for part in parts)
        return density, maps, weights, torch.tensor(example.is_unread)

    def choose(self, rng: np.random.Generator) -> Example:
        """Choose a lesson by its share, and one of its examples."""
        lesson = self.lessons[0]
        if len(self.lessons) > 1:
            lesson = self.lessons[int(rng.choice(len(self.lessons), p=[lesson.share for lesson in self.lessons]))]
        return lesson.examples[int(rng.choice(len(lesson.examples), p=lesson.chances))]


def losses(logits: Tensor, maps: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy of each map, (5,): the mean over what is known of it.

    Centers and borders are few: they count nine and four times.
    """
    emphasis = torch.ones_like(maps)
    emphasis[:, CENTER] += 8 * maps[:, CENTER]
    emphasis[:, BORDER] += 3 * maps[:, BORDER]
    entropy = F.binary_cross_entropy_with_logits(logits, maps, reduction="none")
    weights = weights * emphasis
    total: Tensor = (entropy * weights).sum(dim=(0, 2, 3)) / weights.sum(dim=(0, 2, 3)).clamp(min=1.0)
    return total


@dataclass
class State:
    """What a stopped run needs to go on."""

    step: int
    model: SegmentationNetwork
    average: SegmentationNetwork
    optimizer: torch.optim.Optimizer
    before: SegmentationNetwork | None
    """The network the run began with: what it says is asked of unread tissue."""


def train(
    config: NetworkConfig,
    params: TrainParams,
    lessons: Sequence[Lesson],
    folder: Path,
    *,
    first: Path | None = None,
    device: str = "cpu",
    workers: int = 1,
    report: Callable[[int, SegmentationNetwork], None] | None = None,
) -> SegmentationNetwork:
    """Train, or go on training.

    Parameters
    ----------
    config : NetworkConfig
        Shape of the network.
    params : TrainParams
        How long and how fast.
    lessons : sequence of Lesson
        What to learn from; their shares add up to 1.
    folder : Path
        Keeps ``state.pt`` and ``log.csv``; a run found there goes on.
    first : Path, optional
        Weights to begin with, ``state.pt`` of another run. What that network says of unread examples is kept to, so
        that learning from drawn tissue does not undo what was learned of real tissue (Li and Hoiem 2017, learning
        without forgetting).
    device : str
        As torch names it.
    workers : int
        Processes that cut patches.
    report : callable, optional
        Called with step and network every `TrainParams.save_every` steps.
    """
    if first is None and any(example.is_unread for lesson in lessons for example in lesson.examples):
        raise ValueError("unread examples, but no network that says what is asked of them; expected `first`")
    folder.mkdir(parents=True, exist_ok=True)
    state = _begin(config, params, folder, first, device)
    patches = Patches(lessons, params, state.step * params.batch)
    loader = DataLoader(patches, params.batch, num_workers=workers, worker_init_fn=_quiet, persistent_workers=False)
    clock, done = time.perf_counter(), state.step
    for batch in loader:
        values = _step(state, params, [part.to(device, non_blocking=True) for part in batch])
        if state.step % 10 == 0 or state.step == params.steps:
            seconds = time.perf_counter() - clock
            _log(folder / "log.csv", state.step, values, (state.step - done) / seconds)
            clock, done = time.perf_counter(), state.step
        if state.step % params.save_every == 0 or state.step == params.steps:
            _save(folder / "state.pt", state, config, params)
            if report is not None:
                report(state.step, state.average)
    return state.average


def _quiet(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _begin(config: NetworkConfig, params: TrainParams, folder: Path, first: Path | None, device: str) -> State:
    torch.manual_seed(params.seed)
    model = SegmentationNetwork(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.rate, weight_decay=params.decay)
    path = folder / "state.pt"
    saved = torch.load(path, map_location=device, weights_only=True) if path.exists() else None
    before = None
    if first is not None and (saved is None or saved["step"] < params.steps):  # a run that is done needs no other
        if not first.exists():
            raise FileNotFoundError(f"{first}: no such run; expected the stage {first.parent.name} to be done first")
        model.load_state_dict(torch.load(first, map_location=device, weights_only=True)["average"])
        before = copy.deepcopy(model).eval()
    state = State(0, model, copy.deepcopy(model).eval(), optimizer, before)
    if saved is not None:
        state.step = saved["step"]
        model.load_state_dict(saved["model"])
        state.average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
    return state


def _step(state: State, params: TrainParams, batch: list[Tensor]) -> list[float]:
    density, maps, weights, is_unread = batch
    state.model.train()
    for group in state.optimizer.param_groups:
        group["lr"] = params.rate * _schedule(state.step / params.steps)
    shown = normalize(density).contiguous(memory_format=torch.channels_last)
    if state.before is not None and is_unread.any():
        maps[is_unread], weights[is_unread] = _ask(state.before, shown[is_unread]), 1.0
    parts = losses(state.model(shown), maps, weights)
    loss = (parts * torch.tensor(params.loss_weights, device=parts.device)).sum()
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), 5.0)
    state.optimizer.step()
    state.step += 1
    _average(state, min(params.average, (1 + state.step) / (10 + state.step)))
    return [float(part) for part in parts.detach()]


@torch.no_grad()
def _ask(network: SegmentationNetwork, shown: Tensor) -> Tensor:
    """Probabilities of all maps, as wanted ones: cross entropy takes them as well as truths."""
    said: Tensor = torch.sigmoid(network(shown))
    return said


def _schedule(share: float) -> float:
    return min(1.0, (share + 1e-3) / 0.05) * 0.5 * (1 + math.cos(math.pi * share))


@torch.no_grad()
def _average(state: State, keep: float) -> None:
    for mean, new in zip(state.average.state_dict().values(), state.model.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(new, 1 - keep)
        else:
            mean.copy_(new)


def _log(path: Path, step: int, values: list[float], rate: float) -> None:
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(["step", *MAPS, "steps_per_s"])
        writer.writerow([step, *(f"{value:.5f}" for value in values), f"{rate:.2f}"])


def _save(path: Path, state: State, config: NetworkConfig, params: TrainParams) -> None:
    partial = path.with_suffix(".part")
    torch.save(
        {
            "step": state.step,
            "model": state.model.state_dict(),
            "average": state.average.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "config": asdict(config),
            "params": asdict(params),
        },
        partial,
    )
    partial.rename(path)
