"""Mistakes in the experiments section, each with its path and remedy; and what may not change of what has begun."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.campaign import CampaignError, campaign_json_schema, load, parse_campaign, register
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.experiment_states import change_state, read_changes
from leadflow_pipeline_tests.samples import minimal_campaign_text

VARIANTS = "variants: [{key: as-is}, {key: gentle, sequences: {WARM: long_term_nurture}}]"
PRIMARY = "primary: {behaviour: reply, within_days: 7}"
WHOLE = f"key: gentler, hypothesis: why not, kind: sequences, {VARIANTS}, {PRIMARY}"


def text_with(*experiments: str, more: str = "") -> str:
    lines = "".join(f"  - {{{one}}}\n" for one in experiments)
    return minimal_campaign_text(extra=f"experiments:\n{lines}{more}")


def refusals(*experiments: str, more: str = "") -> str:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(text_with(*experiments, more=more), "spring.yaml")
    return str(refused.value)


def test_the_shortest_experiment_is_whole() -> None:
    [experiment] = parse_campaign(text_with(WHOLE), "spring.yaml").experiments
    assert experiment.weights == (0.5, 0.5)
    assert experiment.control.key == "as-is"
    assert [metric.name for metric in experiment.all_metrics] == [
        f"{what} within 7 days" for what in ("reply", "unsubscribe", "complaint", "bounce", "lost")
    ]
    assert parse_campaign(minimal_campaign_text(), "spring.yaml").experiments == ()


def test_every_kind_can_be_declared() -> None:
    kinds = {
        "routing": "{match: {performance: 1}}",
        "emails": "{emails: {cold_outreach: {emails: [{delay_days: 0, subject: Hi, text: 'Hi {{ first_name }}'}]}}}",
        "send_times": "{send_window: {start: '08:00', end: '11:00'}}",
    }
    declared = [
        WHOLE.replace("kind: sequences", f"kind: {kind}")
        .replace("key: gentler", f"key: e-{number}")
        .replace("{key: gentle, sequences: {WARM: long_term_nurture}}", f"{{key: other, {setting[1:]}")
        for number, (kind, setting) in enumerate(kinds.items())
    ]
    found = parse_campaign(text_with(*declared, more="ownership: {}\n"), "spring.yaml").experiments
    assert [each.kind for each in found] == list(kinds)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("reply", "repyl"), "primary.behaviour: repyl is no behaviour that is known of leads; did you mean reply?"),
        (("behaviour: reply", "behaviour: reply, outcome: won"), "one behaviour, one outcome or one value"),
        (("{key: as-is}", "{key: as-is, weight: 0.5}"), "give all or none"),
        (
            ("{key: as-is}, {key: gentle,", "{key: as-is, weight: 0.5}, {key: gentle, weight: 0.4,"),
            "the weights of gentler must sum to 1, but make 0.9",
        ),
        (("key: gentle,", "key: as-is,"), "the variant as-is of gentler is given twice"),
        (("key: gentle,", "key: holdout,"), "holdout names the leads that are kept out"),
        (("WARM:", "WARN:"), "variants[1].sequences.WARN: WARN is no tier; did you mean WARM?"),
        (("long_term_nurture", "long_nurture"), "long_nurture is no sequence; did you mean long_term_nurture?"),
        (("sequences: {WARM: long_term_nurture}", "match: {sla: 1}"), "may change sequences alone, not match"),
        (("{key: gentle, sequences: {WARM: long_term_nurture}}", "{key: gentle}"), "do the same"),
        (("kind: sequences", "kind: sequence"), "kind: must be one of"),
        (("hypothesis: why not", 'hypothesis: " "'), "hypothesis"),
        ((PRIMARY, PRIMARY + ", bandit: {floor: 0.5, method: top_three}"), "must be one of thompson, top_two"),
        ((PRIMARY, "primary: {value: won}, bandit: {}"), "needs a primary metric that is a behaviour or an outcome"),
        (
            (PRIMARY, PRIMARY + ", exclusion_group: {group: g, start: 0.5, end: 0.5}"),
            "the stretch of g must end after it starts",
        ),
        ((PRIMARY, PRIMARY + ", coverage: 0"), "coverage"),
        ((PRIMARY, PRIMARY + ", guardrails: [click]"), "must be one of unsubscribe, complaint, bounce, lost"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(changed: tuple[str, str], said: str) -> None:
    told = refusals(WHOLE.replace(*changed))
    assert said in told
    assert "spring.yaml:" in told
    assert "experiments[0]" in told


def test_weights_that_the_match_does_not_have_are_refused() -> None:
    routing = WHOLE.replace("kind: sequences", "kind: routing")
    wrong = routing.replace("sequences: {WARM: long_term_nurture}", "match: {speed: 1}")
    assert "match.speed: speed is no weight of the match" in refusals(wrong, more="ownership: {}\n")
    right = wrong.replace("speed", "sla")
    assert "nobody is given any; add a section ownership" in refusals(right)
    assert "has no weight above 0" in refusals(right.replace("sla: 1", "sla: 0"), more="ownership: {}\n")


def test_experiments_side_by_side_have_keys_and_stretches_of_their_own() -> None:
    assert "key: gentler is given twice" in refusals(WHOLE, WHOLE)
    left = f"{WHOLE}, exclusion_group: {{group: g, start: 0, end: 0.7}}"
    right = left.replace("gentler", "other").replace("start: 0, end: 0.7", "start: 0.5, end: 1")
    told = refusals(left, right)
    assert "0.5 to 1 meets the stretch 0 to 0.7 of gentler, and the group's stretches make 120%" in told
    parse_campaign(text_with(left, right.replace("0.5", "0.7")), "spring.yaml")


def test_the_schema_knows_the_words() -> None:
    variant: dict[str, Any] = campaign_json_schema()["$defs"]["Variant"]["properties"]
    assert variant["match"]["anyOf"][0]["propertyNames"]["enum"] == [
        "specialty",
        "performance",
        "capacity",
        "sla",
    ]
    assert variant["sequences"]["anyOf"][0]["propertyNames"]["enum"] == ["HOT", "WARM", "COOL", "COLD"]
    assert "long_term_nurture" in variant["sequences"]["anyOf"][0]["additionalProperties"]["enum"]
    definitions = campaign_json_schema()["$defs"]
    assert {"SendWindow", "SequenceEmails", "EmailStep", "Experiment"} <= set(definitions)


def test_an_experiment_that_has_begun_keeps_its_leads(engine: Engine) -> None:
    register(engine, text_with(WHOLE), "spring.yaml")
    register(engine, text_with(WHOLE.replace("WARM", "COOL")), "spring.yaml")  # a draft may change
    register(engine, text_with(WHOLE), "spring.yaml")
    experiments = load(engine, "spring").rules.experiments

    def decide(state: str, day: int, winner: str | None = None) -> None:
        change_state(
            engine, "spring", experiments[0], experiments, state, date(2026, 3, day),
            actor="ana", reason="a test", winner=winner,
        )  # fmt: skip

    decide("running", 2)
    for changed, said in (
        (WHOLE.replace("WARM", "COOL"), "experiments[0].variants: gentler has had leads since 2026-03-02"),
        (f"{WHOLE}, coverage: 0.5", "another coverage would move them"),
        (WHOLE.replace("gentler", "newer"), "gentler is left out, and runs since 2026-03-02"),
    ):
        with pytest.raises(CampaignError, match=r"spring\.yaml:") as refused:
            register(engine, text_with(changed), "spring.yaml")
        assert said in str(refused.value)
    same = WHOLE.replace("why not", "a better reason").replace("{key: as-is}", "{key: as-is, weight: 0.5}")
    same = same.replace("{key: gentle,", "{key: gentle, weight: 0.5,")
    assert register(engine, text_with(f"{same}, minimum_weeks: 3"), "spring.yaml").is_new
    assert load(engine, "spring").version == 4

    with pytest.raises(PermanentError, match="running, and what may follow is stopped or decided"):
        decide("running", 3)
    with pytest.raises(PermanentError, match="running from 2026-03-02 on: choose that day or a later one"):
        decide("stopped", 1)
    with pytest.raises(PermanentError, match="no variant quick: choose one of as-is, gentle, or none"):
        decide("decided", 5, "quick")
    decide("decided", 5, "gentle")
    assert [change.state for change in read_changes(engine, "spring")] == ["running", "decided"]
    with pytest.raises(CampaignError, match="would move them"):
        register(engine, text_with(WHOLE.replace("WARM", "COOL")), "spring.yaml")
    assert register(engine, minimal_campaign_text(), "spring.yaml").is_new, "what is over may leave the file"


def test_two_that_try_the_same_do_not_run_at_once(engine: Engine) -> None:
    register(engine, text_with(WHOLE, WHOLE.replace("gentler", "other")), "spring.yaml")
    experiments = load(engine, "spring").rules.experiments

    def start(number: int) -> None:
        change_state(
            engine,
            "spring",
            experiments[number],
            experiments,
            "running",
            date(2026, 3, 2),
            actor="ana",
            reason="now",
        )

    start(0)
    with pytest.raises(
        PermanentError, match="other and gentler both try sequences, and a lead cannot get both"
    ):
        start(1)
    assert [change.experiment for change in read_changes(engine, "spring")] == ["gentler"]
