"""`leadflow model ...` as a person or a script uses it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli import app
from leadflow_pipeline.cli.runs import run_days
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.score.model_registry import champions, promotions
from leadflow_pipeline.store.schema import activity_log
from leadflow_pipeline_tests.invented_models import compute_empty_days, register_model
from leadflow_pipeline_tests.samples import minimal_campaign_text

TODAY = datetime.now(UTC).date()
YESTERDAY, LONG_AGO = TODAY - timedelta(days=1), TODAY - timedelta(days=300)


@pytest.fixture(autouse=True)
def store(engine: Engine) -> Engine:
    """With a campaign."""
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    return engine


def run(*arguments: object) -> str:
    """What a command prints. Errors are raised, as `leadflow` itself turns them into a sentence."""
    named = ["model", *map(str, arguments)]
    result = CliRunner().invoke(app, named, catch_exceptions=False, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.stdout


def told(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


def champion(store: Engine, day: date = TODAY) -> str | None:
    return champions(store, "spring", [day])[day]


def test_list_of_a_campaign_without_a_model_says_how_to_get_one() -> None:
    assert run("list", "spring").splitlines() == [
        "spring has no model yet, the rules alone score: leadflow model train spring trains one.",
        "Today the rules alone score.",
    ]
    assert told("list", "spring") == {"campaign": "spring", "champion": None, "models": [], "promotions": []}
    with pytest.raises(PermanentError, match=r"there is no campaign 'sprnig'; did you mean spring\?"):
        run("list", "sprnig")


def test_list_shows_models_and_every_decision(store: Engine) -> None:
    old, new = register_model(store, LONG_AGO), register_model(store, YESTERDAY, base=-1)
    run("promote", "spring", old, "--from", LONG_AGO, "--reason", "the [first] one")
    run("promote", "spring", new)

    listed = run("list", "spring")
    for said in (old[:12], new[:12], "0.710", "540 of 6,000", "before", "now", "the [first] one"):
        assert said in listed
    assert max(map(len, listed.splitlines())) <= 80
    assert f"Today {new[:12]} scores." in listed
    found = told("list", "spring")
    assert found["champion"] == new
    assert [model["scores"] for model in found["models"]] == [
        [{"first_day": str(TODAY), "last_day": None}],
        [{"first_day": str(LONG_AGO), "last_day": str(YESTERDAY)}],
    ]
    assert [decision["model_version"] for decision in found["promotions"]] == [old, new]


def test_show_prints_the_champions_card_or_writes_it(store: Engine, tmp_path: Path) -> None:
    version = register_model(store, LONG_AGO)
    with pytest.raises(PermanentError, match="the rules alone score spring today"):
        run("show", "spring")
    run("promote", "spring", version[:8])

    card = run("show", "spring")
    for said in (
        f"Conversion model {version[:12]} of spring",
        "How good it is",
        "0.620",
        "tin|foil",
        "model.rule_score",
    ):
        assert said in card
    assert told("show", "spring", version[:8])["card"]["judgement"]["is_promoted"] is True
    page = tmp_path / "card.html"
    assert str(page.name) in run("show", "spring", "--html", page).replace("\n", "")
    assert page.read_text().startswith("<!doctype html>")
    with pytest.raises(PermanentError, match="cannot be written: no such file or directory"):
        run("show", "spring", "--html", tmp_path / "nowhere" / "card.html")


def test_promote_holds_from_today_and_is_on_record(store: Engine) -> None:
    version = register_model(store, LONG_AGO)
    compute_empty_days(store, YESTERDAY, YESTERDAY)

    assert run("promote", "spring", version[:8]) == f"from {TODAY} on {version[:12]} scores spring\n"
    assert (champion(store, YESTERDAY), champion(store)) == (None, version)
    with pytest.raises(PermanentError, match="scores spring already: nothing was changed"):
        run("promote", "spring", version)
    with pytest.raises(PermanentError, match="no model whose version begins with 'feedbeef'"):
        run("promote", "spring", "feedbeef")
    with pytest.raises(PermanentError, match="'fee' is too short for a version: give 6 characters or more"):
        run("promote", "spring", "fee")
    with store.connect() as connection:
        action = select(activity_log.c.action).where(activity_log.c.action.like("model.%"))
        assert connection.scalars(action).all() == ["model.promote"]


def test_promote_never_changes_computed_days_unasked(store: Engine) -> None:
    version = register_model(store, LONG_AGO)
    compute_empty_days(store, YESTERDAY - timedelta(days=2), YESTERDAY)
    first = YESTERDAY - timedelta(days=1)

    with pytest.raises(PermanentError, match=rf"2 days \({first} to {YESTERDAY}\) of spring.*say --yes"):
        run("promote", "spring", version, "--from", first)
    assert promotions(store, "spring") == []

    assert told("promote", "spring", version, "--from", first, "--yes") == {
        "campaign": "spring",
        "model_version": version,
        "from_day": str(first),
        "days_due_again": 2,
        "until": None,
    }
    with pytest.raises(PermanentError, match="knows what happened up to"):
        run("promote", "spring", version, "--from", LONG_AGO - timedelta(days=1), "--yes")


def test_promote_tells_when_an_earlier_decision_takes_over(store: Engine) -> None:
    first, second = register_model(store, LONG_AGO), register_model(store, LONG_AGO, base=-1)
    run("promote", "spring", second, "--from", TODAY + timedelta(days=7))

    said = run("promote", "spring", first)
    assert f"until {TODAY + timedelta(days=7)}, from which an earlier decision holds: {second[:12]}" in said
    listed = run("list", "spring")
    assert {first[:12]: "now", second[:12]: "later"}.items() <= {
        line.split()[1]: line.split()[-2] for line in listed.splitlines() if "540 of" in line
    }.items()


def test_rollback_leads_to_the_model_before_then_to_the_rules_and_no_further(store: Engine) -> None:
    first, second = register_model(store, LONG_AGO), register_model(store, LONG_AGO, base=-1)
    with pytest.raises(PermanentError, match="there is nothing to roll back from"):
        run("rollback", "spring")
    run("promote", "spring", first, "--from", LONG_AGO)
    run("promote", "spring", second, "--from", YESTERDAY)

    assert run("rollback", "spring") == f"from {TODAY} on {first[:12]} scores spring\n"
    assert champion(store) == first
    assert run("rollback", "spring") == f"from {TODAY} on the rules alone score spring\n"
    assert champion(store) is None
    with pytest.raises(PermanentError, match="there is nothing to roll back from"):
        run("rollback", "spring")
    with store.connect() as connection:
        last = select(activity_log.c.action, activity_log.c.detail).order_by(
            activity_log.c.activity_id.desc()
        )
        assert tuple(connection.execute(last).first() or ()) == (
            "model.rollback",
            {"model_version": "none", "from_day": str(TODAY)},
        )


def test_a_run_under_an_unknown_model_does_not_begin(store: Engine) -> None:
    days = PartitionRange("spring", (YESTERDAY,))
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(PermanentError, match="no model whose version begins with 'feedbeef'"),
    ):
        run_days(instance, store, days, model="feedbeef")


def test_a_run_names_its_model(store: Engine, tmp_path: Path) -> None:
    version = register_model(store, LONG_AGO)
    days = PartitionRange("spring", (YESTERDAY,))
    with dg.DagsterInstance.ephemeral() as instance:
        report = run_days(instance, store, days, stage="harvest", model=version[:8])
        run_there = instance.get_run_by_id(report.run_id)
    assert run_there is not None
    assert run_there.tags["leadflow/model"] == version


def test_train_says_why_there_is_no_model() -> None:
    pytest.importorskip("leadflow_pipeline.score.model_training")
    assert "rules stand alone" in run("train", "spring")
    assert told("train", "spring")["model"] is None
