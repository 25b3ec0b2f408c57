"""Attribution as people meet it: read from facts as of a day, shown in Dagster and by the command."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine, insert
from typer.testing import CliRunner

from leadflow_pipeline.campaign import CampaignError, parse_campaign, register
from leadflow_pipeline.cli import app
from leadflow_pipeline.definitions import build_defs
from leadflow_pipeline.insight import plots
from leadflow_pipeline.insight.attribution.assets import source_attribution
from leadflow_pipeline.insight.attribution.rules import Model
from leadflow_pipeline.insight.attribution.touches import Attribution, attribute
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.facts import add_engagement_events, add_outcomes
from leadflow_pipeline.store.schema import channel_spend, person_leads, persons
from leadflow_pipeline_tests.identity.world import FIRST_DAY, Leads
from leadflow_pipeline_tests.samples import minimal_campaign_text

RULES = """
attribution:
  model: linear
  look_back_days: 30
  touches: {download: content, meeting: null}
"""
LAST_DAY = FIRST_DAY + timedelta(days=20)


def moment(day: float) -> pd.Timestamp:
    return pd.Timestamp(FIRST_DAY, tz=UTC) + pd.Timedelta(days=day)


@pytest.fixture
def leads(engine: Engine) -> Leads:
    """Three leads from the website; what two of them did; what two of them bought; what ads cost."""
    register(engine, minimal_campaign_text(extra=RULES), "spring.yaml")
    world = Leads(engine)
    world.arrive("spring", {lead: {"source": "website"} for lead in ("anna", "anna-too", "carla")})
    did = [
        ("anna", "click", 2, False),
        ("anna", "click", 3, True),
        ("anna", "open", 3, False),
        ("anna", "meeting", 4, False),
        ("anna", "download", 4, False),
        ("anna", "visit", 12, False),
        ("carla", "visit", 1, False),
    ]
    add_engagement_events(
        engine,
        pd.DataFrame(
            {
                "campaign": "spring",
                "event_id": [str(number) for number in range(len(did))],
                "lead_id": [lead for lead, *_ in did],
                "behaviour": [behaviour for _, behaviour, *_ in did],
                "occurred_at": [moment(day) for *_, day, _ in did],
                "is_machine": [is_machine for *_, is_machine in did],
                "origin": "a test",
            }
        ),
    )
    sold = [("anna", "won", 10, 300.0), ("anna-too", "won", 15, 60.0), ("carla", "lost", 9, None)]
    add_outcomes(
        engine,
        pd.DataFrame(
            {
                "campaign": "spring",
                "lead_id": [lead for lead, *_ in sold],
                "outcome": [outcome for _, outcome, *_ in sold],
                "occurred_at": [moment(day) for *_, day, _ in sold],
                "value": pd.Series([value for *_, value in sold], dtype="float64"),
                "origin": "a test",
            }
        ),
    )
    spent = [("inbound", 0, 30.0), ("inbound", 9, 60.0), ("billboards", 1, 500.0), ("inbound", 25, 1000.0)]
    with engine.begin() as connection:
        for channel, day, amount in spent:
            row = {"channel": channel, "day": FIRST_DAY + timedelta(days=day), "amount": amount}
            connection.execute(insert(channel_spend).values(campaign="spring", origin="costs", **row))
    return world


def credit(found: Attribution, model: Model) -> dict[str, float]:
    costs = found.costs(model)
    return dict(zip(costs["channel"], costs["conversions"], strict=True))


def test_what_counts_is_what_people_did_before_they_bought(engine: Engine, leads: Leads) -> None:
    found = attribute(engine, "spring", LAST_DAY)
    assert (found.conversions, found.value) == (2.0, 360.0)
    # Anna: inbound, click, download. The other lead, not known to be her: inbound alone.
    third = pytest.approx(1 / 3)
    assert credit(found, Model.LINEAR) == {
        "inbound": pytest.approx(4 / 3), "email": third, "content": third, "website": 0.0, "billboards": 0.0,
    }  # fmt: skip
    assert credit(found, Model.LAST)["content"] == 1.0


def test_leads_of_one_person_share_their_touches(engine: Engine, leads: Leads) -> None:
    with engine.begin() as connection:
        connection.execute(insert(persons).values(person_id="a"))
        for lead in ("anna", "anna-too"):
            row = {
                "campaign": "spring",
                "lead_id": lead,
                "person_id": "a",
                "match_probability": 1.0,
                "evidence": [],
            }
            connection.execute(insert(person_leads).values(**row))
    found = attribute(engine, "spring", LAST_DAY)
    # What she bought second was after the visit of day 12, which was hers whatever address she used.
    assert credit(found, Model.LAST) == {
        "content": 1.0, "website": 1.0, "inbound": 0.0, "email": 0.0, "billboards": 0.0,
    }  # fmt: skip


def test_the_days_after_do_not_exist(engine: Engine, leads: Leads) -> None:
    assert attribute(engine, "spring", FIRST_DAY + timedelta(days=9)).conversions == 0
    assert attribute(engine, "spring", FIRST_DAY + timedelta(days=10)).conversions == 1
    assert attribute(engine, "spring", FIRST_DAY - timedelta(days=1)).costs().empty


def test_what_each_channel_cost(engine: Engine, leads: Leads) -> None:
    costs = attribute(engine, "spring", LAST_DAY).costs().set_index("channel")
    inbound = costs.loc["inbound"]
    assert inbound[["leads", "spend", "cost_per_lead"]].tolist() == [3, 90.0, 30.0]
    assert inbound["cost_per_acquisition"] == pytest.approx(90 / (4 / 3))
    assert inbound["return_on_ad_spend"] == pytest.approx(160 / 90)
    assert costs.loc["billboards", ["leads", "conversions", "spend", "return_on_ad_spend"]].tolist() == [
        0,
        0,
        500,
        0,
    ]
    assert costs.loc["billboards", ["cost_per_lead", "cost_per_acquisition"]].isna().all()
    assert (
        costs.loc["email", ["spend", "cost_per_lead", "cost_per_acquisition", "return_on_ad_spend"]]
        .isna()
        .all()
    )


def materialized(campaign: str) -> dict[str, Any]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, [campaign])
        result = dg.materialize(
            [source_attribution], instance=instance, partition_key=campaign, resources=build_defs().resources
        )
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_the_asset_shows_all_models_and_nobody(engine: Engine, leads: Leads) -> None:
    shown = materialized("spring")
    assert (shown["conversions"], shown["value"], shown["model"]) == (2.0, 360.0, "linear")
    page = (get_settings().home / "reports" / "spring-attribution.html").read_text()
    for model in Model:
        assert model.value.replace("_", " ") in shown["attribution"]
        assert model.value.replace("_", " ") in page
    assert "| inbound | 3 | 1.33 | 160.00 | 1,090.00 | 363.33 | 817.50 | 0.15 |" in shown["attribution"]
    assert "| email | 0 | 0.33 | 100.00 | – | – | – | – |" in shown["attribution"]
    assert not any(name in f"{page}{shown}" for name in ("anna", "carla"))


def test_a_campaign_without_a_lead_has_an_attribution_too(engine: Engine) -> None:
    register(engine, minimal_campaign_text("quiet"), "quiet.yaml")
    assert materialized("quiet")["conversions"] == 0


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["attribution", *arguments], env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.exception
    return result.stdout


def test_the_command(engine: Engine, leads: Leads) -> None:
    told = json.loads(run("spring", "--as-of", str(LAST_DAY), "--model", "last", "--json"))
    assert (told["conversions"], told["value"], told["currency"], told["model"]) == (
        2.0,
        360.0,
        "EUR",
        "last",
    )
    assert list(told["models"]) == ["linear", *(model.value for model in Model if model is not Model.LINEAR)]
    for rows in told["models"].values():
        assert sum(row["value"] for row in rows) == pytest.approx(360, abs=1e-9)
    (email,) = [row for row in told["channels"] if row["channel"] == "email"]
    assert email == {
        "channel": "email", "leads": 0, "conversions": 0.0, "value": 0.0, "spend": None, "cost_per_lead": None,
        "cost_per_acquisition": None, "return_on_ad_spend": None,
    }  # fmt: skip
    printed = run("spring", "--as-of", str(LAST_DAY))
    assert "by the model linear" in printed
    assert "Conversions by model" in printed
    assert "no touch is known yet" in run("spring", "--as-of", "2026-01-01")


def test_the_command_of_a_campaign_nobody_knows() -> None:
    result = CliRunner().invoke(app, ["attribution", "nobody", "--model", "best"])
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("model: best", "attribution.model"),
        ("conversion: lost", "attribution.conversion"),
        ("look_back_days: 0", "attribution.look_back_days"),
        ("position: {first: 0.7, last: 0.4}", "first (0.7) and last (0.4) must not exceed 1 together"),
        ("position: {first: 0, last: 0}", "the model linear divides in equal parts"),
        ("half_life_days: -1", "attribution.half_life_days"),
        ("markov_order: 0", "attribution.markov_order"),
        ("touches: {click: ''}", "attribution.touches"),
        ("lookback: 3", "attribution.lookback"),
    ],
)
def test_a_mistake_in_the_campaign_file_is_refused(section: str, said: str) -> None:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(minimal_campaign_text(extra=f"attribution: {{{section}}}\n"), "spring.yaml")
    assert said in str(refused.value)


def test_many_channels_are_drawn_as_few() -> None:
    table = pd.DataFrame(
        {"channel": [f"c{number}" for number in range(30)], "first": 1.0, "last_non_direct": 2.0}
    )
    picture = plots.plot_attribution(table, "won")
    assert picture.startswith(b"\x89PNG")
    assert picture == plots.plot_attribution(table, "won")
    assert plots.plot_attribution(table[:0], "won").startswith(b"\x89PNG")


def test_a_conversion_may_be_a_meeting(engine: Engine) -> None:
    register(
        engine, minimal_campaign_text("calls", extra="attribution: {conversion: meeting}\n"), "calls.yaml"
    )
    Leads(engine).arrive("calls", {"anna": {"source": "website"}})
    met = {"campaign": "calls", "lead_id": "anna", "outcome": "meeting", "value": 1.0, "origin": "a test"}
    add_outcomes(engine, pd.DataFrame([{**met, "occurred_at": datetime(2026, 3, 9, tzinfo=UTC)}]))
    assert credit(attribute(engine, "calls", date(2026, 3, 9)), Model.W_SHAPED) == {"inbound": 1.0}
