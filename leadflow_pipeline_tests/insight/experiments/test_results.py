"""Results through the real store: counted by canonical lead, shown by command, kept by the asset, decided by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.cli import app
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.experiments.assets import experiment_results
from leadflow_pipeline.insight.experiments.reading import results_of
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, days_between
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.experiment_states import change_state, read_changes
from leadflow_pipeline.store.facts import add_engagement_events, add_outcomes
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline_tests.samples import minimal_campaign_text

TODAY = datetime.now(UTC).date()
FIRST = TODAY - timedelta(days=40)
DAYS = days_between(FIRST, FIRST + timedelta(days=27))
A_DAY = 40
RULES = """
experiments:
  - key: gentler
    hypothesis: they reply more when they are left more time
    kind: sequences
    variants: [{key: as-is}, {key: gentle, sequences: {WARM: long_term_nurture}}]
    primary: {behaviour: reply, within_days: 7}
    metrics: [{value: won, within_days: 10}]
    looks: {number: 4}
    minimum_leads: 200
    auto_decide: true
  - key: empty
    hypothesis: nobody knows
    kind: sequences
    exclusion_group: {group: later}
    variants: [{key: as-is}, {key: gentle, sequences: {WARM: long_term_nurture}}]
    primary: {behaviour: reply, within_days: 7}
  - key: worth
    hypothesis: nobody knows either
    kind: sequences
    exclusion_group: {group: much-later}
    variants: [{key: as-is}, {key: gentle, sequences: {WARM: long_term_nurture}}]
    primary: {value: won, within_days: 7}
"""


@pytest.fixture
def spring(engine: Engine) -> Engine:
    """Four weeks in which half of the leads got what two in five reply to, the others one in five."""
    register(engine, minimal_campaign_text("spring", extra=RULES), "spring.yaml")
    experiments = load(engine, "spring").rules.experiments
    change_state(
        engine, "spring", experiments[0], experiments, "running", FIRST, actor="ana", reason="it is a test"
    )
    number = np.arange(len(DAYS) * A_DAY)
    exposed = pd.DataFrame(
        {
            "day": pd.to_datetime([DAYS[place] for place in number // A_DAY]),
            "lead_id": [f"lead-{each:05d}" for each in number],
            "experiment": "gentler",
            "variant": np.where(number % 2 == 0, "as-is", "gentle"),
            "is_holdout": False,
            "propensity": 0.5,
        }
    )
    routed = exposed[["day", "lead_id"]].assign(
        source="website", icp_fit=0.5, score=50.0 + number % 7, intent_score=0.0, status="ROUTED",
        boosted_by_intent=False, reasoning="", routing_number=1, tier="WARM", sequence="regular_nurture",
    )  # fmt: skip
    routed["sequence_start_at"] = routed["day"].dt.tz_localize("UTC") + pd.Timedelta(days=1)
    for table, frame in ((schema.experiment_exposures, exposed), (schema.routed_leads, routed)):
        replace_partitions(engine, table, "spring", DAYS, frame, campaign_version=1, run_id="by hand")
    replies = (number // 2) % 5 < np.where(number % 2 == 0, 1, 2)
    noon = exposed["day"].dt.tz_localize("UTC") + pd.Timedelta(hours=12)
    facts = pd.DataFrame({"campaign": "spring", "lead_id": exposed["lead_id"], "origin": "a test"})
    first = facts.assign(
        behaviour="reply", event_id="e-" + facts["lead_id"], occurred_at=noon + pd.Timedelta(days=7)
    )
    again = first.assign(event_id="again-" + first["event_id"])
    before = first.assign(event_id="before-" + first["event_id"], occurred_at=noon)
    after = first.assign(event_id="after-" + first["event_id"], occurred_at=noon + pd.Timedelta(days=8))
    machine = first.assign(event_id="machine-" + first["event_id"], is_machine=True)
    told = [first[replies], again[replies], before, after[~replies], machine]
    add_engagement_events(
        engine, pd.concat(told).assign(is_machine=lambda table: table["is_machine"].fillna(False))
    )
    won = facts[replies].assign(outcome="won", value=100.0, occurred_at=noon + pd.Timedelta(days=2))
    add_outcomes(engine, won)
    return engine


def test_leads_count_once_within_their_days_and_people_alone(spring: Engine) -> None:
    found, empty, _ = results_of(spring, "spring", TODAY - timedelta(days=1))
    control, gentle = found.metrics[0].arms
    assert (control.leads, control.came) == (560, 112)
    assert (gentle.leads, gentle.came) == (560, 224)
    assert found.metrics[1].arms[1].value == pytest.approx(40, abs=0.5)
    assert found.metrics[1].arms[1].came == 224
    assert found.verdict.winner == "gentle"
    assert empty.exposed["leads"].sum() == 0
    halfway = results_of(spring, "spring", FIRST + timedelta(days=13))[0]
    assert halfway.metrics[0].arms[0].leads == 7 * A_DAY / 2, "others have not had their days"


def test_what_an_alias_did_is_its_canonical_leads_doing_from_its_day_on(spring: Engine) -> None:
    late = FIRST + timedelta(days=5)
    aliases = pd.DataFrame(
        {
            "day": pd.to_datetime([late, late]), "lead_id": ["alias-1", "alias-2"],
            "alias_of": ["lead-00012", "lead-00014"], "match_probability": 1.0, "evidence": "{}",
        }
    )  # fmt: skip
    replace_partitions(
        spring, schema.lead_aliases, "spring", [late], aliases, campaign_version=1, run_id="by hand"
    )
    moments = [datetime.combine(day, datetime.min.time(), UTC) for day in (late, late - timedelta(days=2))]
    events = pd.DataFrame(
        {
            "campaign": "spring", "event_id": ["x", "y"], "lead_id": ["alias-1", "alias-2"], "behaviour": "reply",
            "occurred_at": pd.to_datetime(moments, utc=True), "origin": "a test",
        }
    )  # fmt: skip
    add_engagement_events(spring, events)
    control = results_of(spring, "spring", TODAY - timedelta(days=1))[0].metrics[0].arms[0]
    assert control.came == 113


def test_the_asset_shows_all_and_decides_once(spring: Engine) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        for _ in range(2):
            result = dg.materialize(
                [experiment_results],
                instance=instance,
                resources={"store": StoreResource()},
                partition_key="spring",
            )
            assert result.success
        checks = result.get_asset_check_evaluations()
        assert {check.check_name: check.passed for check in checks} == {
            "arms_as_weighted": True,
            "no_guardrail_harmed": True,
        }
        [made] = result.asset_materializations_for_node(experiment_results.op.name)
    page = str(made.metadata["experiments"].value)
    assert "gentle wins" in page
    assert page.count("data:image/png") == 3
    [_, decided] = read_changes(spring, "spring")
    assert (decided.state, decided.winner, decided.from_day) == (
        "decided",
        "gentle",
        TODAY + timedelta(days=1),
    )
    assert "gentle wins" in decided.reason


def run(*arguments: str) -> str:
    result = CliRunner().invoke(
        app, ["experiment", *arguments], catch_exceptions=False, env={"COLUMNS": "140"}
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_commands_tell_and_change(spring: Engine, tmp_path) -> None:
    assert "running" in run("list", "spring")
    assert "long_term_nurture" in run("show", "spring", "gentler")
    said = json.loads(run("results", "spring", "gentler", "--json"))["experiments"][0]
    assert said["verdict"]["winner"] == "gentle"
    control = said["metrics"][0]["arms"][0]
    assert control.pop("interval") == pytest.approx([0.169, 0.235], abs=0.001)
    assert control == {"variant": "as-is", "leads": 560, "came": 112, "value": 0.2}
    assert "gentle wins" in run("results", "spring")
    page = tmp_path / "page.html"
    run("results", "spring", "--html", str(page))
    assert "data:image/png" in page.read_text()
    assert "of each variant" in run("power", "spring", "gentler")
    with pytest.raises(PermanentError, match="name its rate, such as baseline"):
        run("power", "spring", "empty")
    assert run("power", "spring", "worth", "--baseline", "120", "--deviation", "300").count("120.00") == 1
    with pytest.raises(PermanentError, match="deviation 300"):
        run("power", "spring", "worth", "--baseline", "120")
    assert "days" in run("power", "spring", "empty", "--baseline", "0.1", "--leads-a-day", "50")
    with pytest.raises(PermanentError, match=r"become due again .*say --yes"):
        run("stop", "spring", "gentler", "--from", str(DAYS[-1]))
    assert "is stopped" in run("stop", "spring", "gentler")
    assert json.loads(run("decide", "spring", "gentler", "none", "--json"))["winner"] is None
    states = [row["state"] for row in json.loads(run("list", "spring", "--json"))["experiments"]]
    assert states == ["decided", "draft", "draft"]
