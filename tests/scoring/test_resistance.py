"""Acquired resistance: each row of the inclusion rule at its boundary, met, failed and unknown."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.errors import UsageError
from hetscore.scoring.resistance import (
    ACQUIRED_RESISTANCE,
    BestResponse,
    ResistanceHistory,
    Specimen,
    check_acquired_resistance,
)

STABLE, PARTIAL = BestResponse.STABLE, BestResponse.PARTIAL
BIOPSY, RESECTION = Specimen.BIOPSY, Specimen.RESECTION

TYPICAL = ResistanceHistory(
    best_response=PARTIAL,
    has_progressed=True,
    maintenance_months=5,
    weeks_since_dose=3,
    specimen_before=RESECTION,
    specimen_after=BIOPSY,
    n_biopsies_after=6,
)


def test_a_typical_patient_is_included() -> None:
    """A response, maintenance, prompt progression, a surgical sample and then six biopsies."""
    decision = check_acquired_resistance(TYPICAL)
    assert (decision.value, decision.rule) == ("included", "all-met")


# "prior RECIST objective response (or stable disease lasting at least 9 months) to trastuzumab plus doublet
# chemotherapy, and PD occurring after >= 3 months of single agent maintenance trastuzumab"
@pytest.mark.parametrize(
    ("changed", "value", "rule"),
    [
        ({"best_response": BestResponse.COMPLETE}, "included", "all-met"),
        ({"best_response": BestResponse.PROGRESSIVE}, "excluded", "response"),
        ({"best_response": None}, "not-assessable", "response"),
        ({"best_response": None, "stable_months": 12}, "not-assessable", "response"),
        ({"best_response": STABLE, "stable_months": 9}, "included", "all-met"),
        ({"best_response": STABLE, "stable_months": 8.99}, "excluded", "stable-disease"),
        ({"best_response": STABLE}, "not-assessable", "stable-disease"),
        ({"stable_months": 1}, "included", "all-met"),  # asked only where there was no response
        ({"has_progressed": False}, "excluded", "progression"),
        ({"has_progressed": None}, "not-assessable", "progression"),
        ({"maintenance_months": 3}, "included", "all-met"),
        ({"maintenance_months": 2.99}, "excluded", "maintenance"),
        ({"maintenance_months": None}, "not-assessable", "maintenance"),
        ({"weeks_since_dose": 6}, "included", "all-met"),
        ({"weeks_since_dose": 6.01}, "excluded", "last-dose"),
        ({"weeks_since_dose": None}, "not-assessable", "last-dose"),
        ({"n_biopsies_after": 5}, "excluded", "biopsies-after"),
        ({"n_biopsies_after": 8}, "included", "all-met"),
        ({"n_biopsies_after": 9}, "excluded", "biopsies-after"),
        ({"n_biopsies_after": None}, "not-assessable", "biopsies-after"),
        ({"specimen_before": BIOPSY}, "not-assessable", "biopsies-before"),
        ({"specimen_before": BIOPSY, "n_biopsies_before": 5}, "excluded", "biopsies-before"),
        ({"specimen_before": BIOPSY, "n_biopsies_before": 7}, "included", "all-met"),
        ({"n_biopsies_before": 1}, "included", "all-met"),  # a surgical sample is not asked for biopsies
        ({"specimen_before": None, "n_biopsies_before": 7}, "included", "all-met"),  # either way it holds
        ({"specimen_before": None, "n_biopsies_before": 5}, "not-assessable", "biopsies-before"),
        ({"specimen_before": None}, "not-assessable", "biopsies-before"),
    ],
    ids=str,
)
def test_every_row_at_its_boundary(changed: dict[str, Any], value: str, rule: str) -> None:
    """One thing differs from the typical patient; what is unknown is never guessed."""
    decision = check_acquired_resistance(replace(TYPICAL, **changed))
    assert (decision.value, decision.rule) == (value, rule)
    start = {"excluded": "Not met: ", "not-assessable": "Not known: ", "included": "All conditions "}[value]
    assert decision.text.startswith(start)


def test_a_failed_row_excludes_whatever_else_is_unknown() -> None:
    """No later knowledge could mend it."""
    decision = check_acquired_resistance(ResistanceHistory(weeks_since_dose=7))
    assert (decision.value, decision.rule) == ("excluded", "last-dose")
    assert check_acquired_resistance(ResistanceHistory()).value == "not-assessable"


def test_rows_ask_of_fields_that_exist() -> None:
    """Every field is read by the table, as a measure or as what decides whether a row is asked."""
    read = {row.measure for row in ACQUIRED_RESISTANCE}
    read |= {row.asked_where[0] for row in ACQUIRED_RESISTANCE if row.asked_where}
    assert read == {field.name for field in fields(ResistanceHistory)}
    assert len({row.name for row in ACQUIRED_RESISTANCE}) == len(ACQUIRED_RESISTANCE)


@given(
    st.builds(
        ResistanceHistory,
        best_response=st.none() | st.sampled_from(BestResponse),
        stable_months=st.none() | st.integers(0, 20),
        has_progressed=st.none() | st.booleans(),
        maintenance_months=st.none() | st.integers(0, 6),
        weeks_since_dose=st.none() | st.integers(0, 12),
        specimen_before=st.none() | st.sampled_from(Specimen),
        n_biopsies_before=st.none() | st.integers(0, 10),
        specimen_after=st.just(RESECTION),
    ),
    st.sampled_from([field.name for field in fields(ResistanceHistory)]),
)
def test_forgetting_a_value_never_turns_a_decision_round(history: ResistanceHistory, forgotten: str) -> None:
    """Included never becomes excluded nor the reverse; it may only become not assessable."""
    known = check_acquired_resistance(history).value
    less = check_acquired_resistance(replace(history, **{forgotten: None})).value
    assert less in (known, "not-assessable")


@pytest.mark.parametrize(
    "changed", [{"maintenance_months": -1}, {"weeks_since_dose": float("nan")}, {"n_biopsies_after": -2}], ids=str
)
def test_impossible_values_are_refused(changed: dict[str, Any]) -> None:
    """The message names the field."""
    with pytest.raises(UsageError, match=f"history: {next(iter(changed))} is .*; expected a number from 0"):
        check_acquired_resistance(replace(TYPICAL, **changed))
