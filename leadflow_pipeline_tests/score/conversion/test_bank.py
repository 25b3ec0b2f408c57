"""The conversion model on the shipped contacts of a bank, in order of time."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from leadflow_pipeline.score.conversion.leakage import feature_alarms, jump_alarm
from leadflow_pipeline.score.conversion.measures import auc
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline_tests.benchmarks.conversion import SEED, history_of, once, shipped_campaign

BANK = Path(str(files("leadflow_pipeline.samples") / "bank" / "bank-marketing.csv.gz"))


def test_later_contacts_are_ranked_by_what_earlier_ones_taught_and_the_length_of_the_call_rings_the_alarm() -> (
    None
):
    rules = ConversionRules()
    told = history_of(shipped_campaign("bank"), [BANK], rules, also={"custom.duration": "duration"})
    told = told.of(slice(None, None, 2))  # every other contact: half the time, and the same order
    honest = told.without(["custom.duration"])

    outcome, probability = once(honest, rules)
    _, with_duration = once(told, rules)

    assert auc(outcome, probability) >= 0.70
    alarm = jump_alarm(outcome, probability, with_duration, ("custom.duration",))
    assert alarm is not None
    assert feature_alarms(honest.features, honest.converted, SEED) == []
