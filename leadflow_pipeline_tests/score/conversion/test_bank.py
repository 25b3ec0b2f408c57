"""The conversion model on the shipped contacts of a bank, in order of time."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from leadflow_pipeline.score.conversion.leakage import feature_alarms, jump_alarm
from leadflow_pipeline.score.conversion.measures import auc
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline_tests.benchmarks.conversion import SEED, History, history_of, once, shipped_campaign

BANK = Path(str(files("leadflow_pipeline.samples") / "bank" / "bank-marketing.csv.gz"))


@pytest.fixture(scope="module")
def contacts() -> History:
    return history_of(
        shipped_campaign("bank"), [BANK], ConversionRules(), also={"custom.duration": "duration"}
    )


def test_later_contacts_are_ranked_by_what_earlier_ones_taught(contacts: History) -> None:
    outcome, probability = once(contacts.without(["custom.duration"]), ConversionRules())

    assert auc(outcome, probability) >= 0.70


def test_the_length_of_the_call_rings_the_alarm(contacts: History) -> None:
    some = contacts.of(slice(None, None, 3))  # enough to ring it
    honest = some.without(["custom.duration"])

    outcome, probability = once(honest, ConversionRules())
    _, with_duration = once(some, ConversionRules())

    assert jump_alarm(outcome, probability, with_duration, ("custom.duration",)) is not None
    assert feature_alarms(honest.features, honest.converted, SEED) == []
