"""A reviewer's answers -> the label of an indeterminate case."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from hetscore.domain import Answer, AnswerKind, CaseLabel, Decision, Decisive
from hetscore.scoring.heterogeneity import LabelRow, decide
from hetscore.scoring.verdict import REVIEWABLE

REVIEWED_NEGATIVE = LabelRow(
    "reviewed-negative", CaseLabel.HETERO, "A reviewer found tumor cells below 2+ at a place that was shown."
)
REVIEWED_NONE = LabelRow(
    "reviewed-none-negative", CaseLabel.HOMO, "A reviewer found no tumor cells below 2+ at any place that was shown."
)


def settle(
    decided: tuple[CaseLabel, Decision],
    places: Sequence[Decisive],
    answers: Sequence[Answer],
    unseen: LabelRow | None = None,
) -> tuple[CaseLabel, Decision]:
    """Let a reviewer's answers settle an indeterminate case.

    Parameters
    ----------
    decided : tuple of CaseLabel and Decision
        Of `decide_verdict`.
    places : sequence of Decisive
        Everything that is open, from `list_open`, whether it was shown or not.
    answers : sequence of Answer
        In any order.
    unseen : LabelRow, optional
        Of `forbid_homo`.

    Returns
    -------
    tuple of CaseLabel and Decision
        Hetero if tumor cells below 2+ were found at one place; homo if every open place was answered and none holds
        any; else as it was. Only what `REVIEWABLE` names is settled, and what was not seen forbids homo all the same:
        answers on some places say nothing of tissue that was never judged.
    """
    if decided[1].rule not in REVIEWABLE:
        return decided
    kinds = read_answers(places, answers)
    if AnswerKind.NEGATIVE in kinds:
        return decide(REVIEWED_NEGATIVE)
    if kinds and all(kind in (AnswerKind.OVEREXPRESSED, AnswerKind.NO_TUMOR) for kind in kinds):
        return decide(unseen or REVIEWED_NONE)
    return decided


def read_answers(places: Sequence[Decisive], answers: Sequence[Answer]) -> list[AnswerKind | None]:
    """Say what was answered at each place; None where nothing was.

    Each answer speaks of one place, the smallest whose box it lies in. Answers that contradict one another are unclear.
    """
    given: list[set[AnswerKind]] = [set() for _ in places]
    for answer in answers:
        if (chosen := find_place(places, answer)) is not None:
            given[chosen].add(answer.kind)
    return [None if not kinds else kinds.pop() if len(kinds) == 1 else AnswerKind.UNCLEAR for kinds in given]


def find_place(places: Sequence[Decisive], answer: Answer) -> int | None:
    """Find the place that an answer speaks of: of those whose box holds it the smallest, then the nearest."""
    around = [
        i
        for i, place in enumerate(places)
        if place.slide == answer.slide
        and place.bounds.x <= answer.x <= place.bounds.right
        and place.bounds.y <= answer.y <= place.bounds.bottom
    ]

    def size(i: int) -> tuple[float, float]:
        box = places[i].bounds
        return box.width * box.height, hypot(answer.x - places[i].x, answer.y - places[i].y)

    return min(around, key=size) if around else None
