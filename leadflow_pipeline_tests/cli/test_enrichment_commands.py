"""`leadflow enrich ...`: validation without a campaign, and who was asked about whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from leadflow_pipeline import enrich
from leadflow_pipeline.cli import app
from leadflow_pipeline.enrich.ordering import order_and_ask
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline_tests.enrich.answered import KEY
from leadflow_pipeline_tests.enrich.asking import CAMPAIGN, PEOPLE, Clock, campaign_text, provider, start
from leadflow_pipeline_tests.fakes.apollo import FakeApollo
from leadflow_pipeline_tests.fakes.http import ALWAYS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["enrich", *arguments])


def told(*arguments: str):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_lists_are_validated_offline_in_the_order_given(tmp_path):
    file = tmp_path / "list.txt"
    file.write_text("+49 30 23125100\n\nada@gmial.com\nada at leads\n", encoding="utf-8")
    rows = told("validate", "info@leads.example", "--file", str(file), "--allow-test-domains")
    assert [(row["given"], row["status"]) for row in rows] == [
        ("info@leads.example", "risky"),
        ("+49 30 23125100", "valid"),
        ("ada@gmial.com", "risky"),
        ("ada at leads", "invalid"),
    ]
    assert rows[0]["reason"] == "role"
    assert (rows[1]["normalised"], rows[1]["country"]) == ("+493023125100", "DE")
    assert rows[2]["suggestion"] == "ada@gmail.com"
    assert isinstance(run("validate").exception, PermanentError)


def test_a_number_needs_a_country_that_there_is():
    assert "--country" in run("validate", "030 23125100").stdout
    assert "+493023125100" in run("validate", "030 23125100", "--country", "Germany").stdout
    refused = run("validate", "030 23125100", "--country", "Atlantis").exception
    assert isinstance(refused, PermanentError)
    assert "Atlantis" in str(refused)


def test_the_same_is_callable_from_python():
    assert enrich.validate_emails(["ada@leads.example"], allow_test_domains=True)["status"].tolist() == [
        "valid"
    ]
    assert enrich.validate_phones(["030 23125100"], country="DE")["normalised"].tolist() == ["+493023125100"]
    assert {row["kind"] for row in enrich.enrichment_types()} >= {"clearbit", "apollo", "http"}
    with pytest.raises(AttributeError, match="no attribute"):
        _ = enrich.validate_horoscopes


def test_who_was_asked_what_waits_and_what_nobody_knows_the_fate_of(engine, monkeypatch):
    monkeypatch.setenv(KEY, "test-key")
    with FakeApollo(PEOPLE[:2]) as apollo:
        start(engine, campaign_text(provider(apollo, "apollo", "company")), PEOPLE[:3])
        apollo.misbehave("lost answer", ALWAYS)
        order_and_ask(engine, CAMPAIGN, None, Clock(), wait=Clock().wait)
        apollo.recover()
        status = told("status", CAMPAIGN)
        assert [row["unknown"] for row in status["providers"]] == [3]
        assert len(status["unknown"]) == 3
        assert "3 of unknown fate" in run("status", CAMPAIGN).stdout
        assert "leads.example" not in json.dumps(status)
        for row in status["unknown"]:
            told("settle", str(row["lookup_id"]), "ask-again")
        with engine.begin() as connection:
            connection.execute(text("UPDATE leadflow.vendor_lookups SET next_attempt_at = '2026-05-01'"))
        (report,) = order_and_ask(engine, CAMPAIGN, None, Clock())
    assert (report.answered, report.not_found) == (2, 1)
    lead = told("status", CAMPAIGN, "lead00")
    assert [(row["provider"], row["state"]) for row in lead["asked"]] == [("apollo", "answered")]
    assert isinstance(run("settle", "1", "give-up").exception, PermanentError)


def test_a_campaign_shows_its_providers_and_recipes(engine):
    recipe = "recipe: a\nrecipes: {a: {steps: [{set: {custom.book: land}}]}}"
    with FakeApollo() as apollo:
        start(engine, campaign_text(provider(apollo, "apollo", "company"), more=recipe), PEOPLE[:1])
    rows = told("types", CAMPAIGN)
    assert [(row["type"], row["name"], row["gives"]) for row in rows] == [
        ("provider", "apollo", ["company"]),
        ("recipe", "a", ["custom.book"]),
    ]


def test_a_campaign_is_asked_about_by_hand(engine, monkeypatch):
    monkeypatch.setenv(KEY, "test-key")
    with FakeApollo(PEOPLE) as apollo:
        today = datetime.now(UTC).date()
        start(engine, campaign_text(provider(apollo, "apollo", "company")), PEOPLE[:2], today)
        assert [(row["provider"], row["answered"]) for row in told("run", CAMPAIGN)] == [("apollo", 2)]
