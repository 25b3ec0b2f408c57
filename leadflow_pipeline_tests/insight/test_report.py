"""The report as a person gets it: pictures that open, pages that stand alone, made for any campaign."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline.definitions import build_defs
from leadflow_pipeline.insight import pages, plots, summaries
from leadflow_pipeline.insight.assets import campaign_report
from leadflow_pipeline.insight.campaign_report import make_report
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import add_outcomes
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline_tests.invented_models import compute_empty_days, register_model
from leadflow_pipeline_tests.samples import minimal_campaign_text

PNG = b"\x89PNG\r\n\x1a\n"
DAYS = pd.date_range(date(2026, 1, 1), periods=200)
NOTHING = pd.DataFrame(
    {"lead_id": [], "status": [], "tier": [], "score": [], "email_status": [], "outcome": []}
)
SOME = pd.DataFrame(
    {
        "lead_id": [f"{number:03}" for number in range(100)],
        "email_status": "valid",
        "status": "ROUTED",
        "tier": ["HOT", "WARM", "COOL", "COLD"] * 25,
        "score": [float(number) for number in range(100)],
        "icp_fit": [number / 100 for number in range(100)],
        "engagement": [float(number * 7 % 100) for number in range(100)],
        "outcome": "won",
    }
)

NOTHING = SOME[:0]


def volume(days: pd.DatetimeIndex) -> pd.DataFrame:
    counts = pd.DataFrame({"day": days, "rows": range(len(days))})
    return summaries.daily_volume(counts, counts)


def drawings(leads: pd.DataFrame, days: pd.DatetimeIndex) -> dict[str, bytes]:
    return {
        "funnel": plots.plot_funnel(summaries.funnel(leads, leads, leads, leads, leads)),
        "scores": plots.plot_score_distribution(summaries.score_distribution(leads), 60),
        "volume": plots.plot_daily_volume(volume(days)),
        "tiers": plots.plot_tiers(summaries.tier_table(leads, leads)),
        "grid": plots.plot_fit_engagement_grid(
            summaries.fit_engagement_grid(leads, leads[::3], [0.5, 0.7, 0.85], [25, 60])
        ),
        "deciles": plots.plot_conversion_by_decile(summaries.conversion_by_decile(leads, leads[::3])),
    }


@pytest.mark.parametrize(
    ("leads", "days"), [(NOTHING, DAYS[:0]), (SOME[:1], DAYS[:1]), (SOME, DAYS)], ids=["none", "one", "many"]
)
def test_every_plot_is_a_picture_and_the_same_each_time(leads: pd.DataFrame, days: pd.DatetimeIndex) -> None:
    first = drawings(leads, days)
    assert all(picture.startswith(PNG) for picture in first.values())
    assert drawings(leads, days) == first


def test_a_page_holds_all_it_shows_and_trusts_no_text() -> None:
    class Page(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.addresses: list[str] = []

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            assert tag != "script"
            self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]

    table = pd.DataFrame({"step": ["<script>alert(1)</script>"], "leads": [45211], "share": [0.1234]})
    html = pages.html_page("<script>alert(2)</script>", {"Funnel": table}, {"Funnel": PNG})
    page = Page()
    page.feed(html)
    assert len(page.addresses) == 1
    assert page.addresses[0].startswith("data:image/png;base64,")
    assert "45,211" in html
    assert "12.3%" in html
    unknown = pages.markdown_table(pd.DataFrame({"fit": ["0 to 1"], "conversion": [float("nan")]}))
    assert "| 0 to 1 | not known |" in unknown


def test_a_campaign_without_a_day_has_a_report_too(engine: Engine) -> None:
    register(engine, minimal_campaign_text("quiet"), "quiet.yaml")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["quiet"])
        result = dg.materialize(
            [campaign_report], instance=instance, partition_key="quiet", resources=build_defs().resources
        )
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["Leads"].value == 0
    assert "| Leads | 0 |" in event.materialization.metadata["report"].value
    assert (get_settings().home / "reports" / "quiet.html").read_text().startswith("<!doctype html>")


HEADINGS = [
    "Funnel",
    "Scores",
    "Daily volume",
    "Why leads stand where they stand",
    "Tiers",
    "Conversion by score decile",
    "Fit and engagement",
    "From score to conversion",
    "Expected conversions, value in EUR",
    "People in other campaigns too",
]


def test_without_a_model_the_report_says_that_none_has_scored(engine: Engine) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    report = make_report(engine, "spring")
    assert pages.headings(report.tables, report.plots) == HEADINGS
    assert report.tables["Expected conversions, value in EUR"] == (
        "No model has scored these leads yet: leadflow model list spring says which there are."
    )


def score_and_route(engine: Engine, day: date, lead_ids: list[str], model: str | None = None) -> None:
    """Leads of spring as a run leaves them; with a model, a quarter of them is promised."""
    count = len(lead_ids)
    leads = pd.DataFrame(
        {"lead_id": lead_ids, "day": pd.Timestamp(day), "source": "website", "icp_fit": 0.5}
    ).assign(score=[100.0 * number / count for number in range(count)])
    scored = leads.assign(
        engagement=10.0,
        temperature="cold",
        score_breakdown="{}",
        reasons="[]",
        conversion_probability=0.25 if model else None,
        model_version=model,
    )
    routed = leads.assign(
        intent_score=0.0,
        status="ROUTED",
        tier="WARM",
        sequence="regular_nurture",
        sequence_start_at=pd.Timestamp(day, tz="UTC"),
        boosted_by_intent=False,
        routing_number=1,
        reasoning="",
    )
    for table, rows in ((schema.scored_leads, scored), (schema.routed_leads, routed)):
        replace_partitions(engine, table, "spring", [day], rows, campaign_version=1, run_id="by hand")


def test_with_a_model_the_report_sums_what_open_leads_should_bring(engine: Engine) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    first, last = date(2026, 3, 1), date(2026, 5, 20)
    compute_empty_days(engine, first, last)
    score_and_route(engine, first, [f"old-{number}" for number in range(20)])
    score_and_route(engine, last, ["a", "b", "c"], register_model(engine, date(2026, 5, 1)))
    won = pd.DataFrame(
        {"lead_id": ["old-18", "old-19", "c"], "outcome": "won", "value": [100.0, 300.0, None]}
    ).assign(campaign="spring", occurred_at=pd.Timestamp("2026-05-01", tz="UTC"), origin="test")
    add_outcomes(engine, won)

    report = make_report(engine, "spring")
    assert pages.headings(report.tables, report.plots) == HEADINGS
    expected = report.tables["Expected conversions, value in EUR"]
    assert isinstance(expected, pd.DataFrame)
    assert expected[["tier", "open_leads", "expected", "expected_value"]].to_numpy().tolist() == [
        ["WARM", 2, 0.5, 100.0],
        ["all", 2, 0.5, 100.0],
    ]
