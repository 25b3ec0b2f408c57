"""The training as people meet it: in Dagster, week by week, with verdicts in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine

from leadflow_pipeline import automation
from leadflow_pipeline.automation.attempts import ATTEMPTS
from leadflow_pipeline.automation.training import training_request
from leadflow_pipeline.campaign import CampaignError, parse_campaign, set_status
from leadflow_pipeline.definitions import build_defs, defs
from leadflow_pipeline.insight.conversion import checks
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME
from leadflow_pipeline.score import model_registry as registry
from leadflow_pipeline.score.conversion.drift import KeptPromises
from leadflow_pipeline.score.conversion.leakage import Alarm
from leadflow_pipeline.score.conversion.watch import Drift, Record, Watched
from leadflow_pipeline.score.model_training import StepDown, TrainingReport, train_model
from leadflow_pipeline.store.due_models import campaigns_to_train, training_week
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline_tests.samples import minimal_campaign_text
from leadflow_pipeline_tests.score.learning import arrive, campaign, day, leads

CHECKS = {checks.INPUTS_STABLE, checks.SCORES_STABLE, checks.PROMISES_KEPT, checks.NOT_GIVEN_AWAY}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as temporary:
        yield temporary


@pytest.fixture
def lasting() -> Iterator[dg.DagsterInstance]:
    """One on disk, which a schedule can open again. Writing to it takes several times as long."""
    with dg.instance_for_test() as temporary:
        yield temporary


def train_in_dagster(
    instance: dg.DagsterInstance, slug: str, as_of: str | None, tags: dict[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    job = build_defs().resolve_job_def(automation.conversion_models.name)
    config = {"ops": {"conversion_model": {"config": {"as_of": as_of}}}} if as_of else None
    return job.execute_in_process(
        instance=instance, partition_key=slug, run_config=config, tags=tags, raise_on_error=False
    )


def test_a_training_shows_how_good_the_model_is_and_nothing_of_a_lead(
    engine: Engine, instance: dg.DagsterInstance
) -> None:
    slug = campaign(engine)
    arrive(engine, slug, leads(2_000, 80))
    instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, [slug])

    result = train_in_dagster(instance, slug, day(70).isoformat())

    assert result.success
    (kept,) = registry.registered(engine, slug)
    (event,) = result.asset_materializations_for_node("conversion_model")
    shown = {name: value.value for name, value in event.metadata.items()}
    assert shown["model_version"] == kept.model_version
    assert "data:image/png" in shown["card"]
    assert kept.model_version[:12] in Path(shown["page"]).read_text(encoding="utf-8")
    assert kept.card["curves"]["roc"]["challenger"][-1] == [1.0, 1.0]
    assert shown["promoted"] is True
    judged = kept.card["measures"]["challenger"]
    assert shown["auc"] == pytest.approx(judged["auc"], abs=1e-4)
    assert (shown["wins"], shown["judged on wins"]) == (kept.wins, judged["wins"])
    assert isinstance(shown["examples"], float)
    assert "rules brier" in shown
    assert "champion auc" not in shown
    verdicts = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert set(verdicts) == CHECKS
    assert all(each.passed for each in verdicts.values())
    assert {str(each.metadata["campaign"].value) for each in verdicts.values()} == {slug}
    events = "".join(dg.serialize_value(each) for each in instance.all_logs(result.run_id))
    assert "lead-0" not in events

    again = train_in_dagster(instance, slug, day(90).isoformat())
    assert again.success
    (later,) = again.asset_materializations_for_node("conversion_model")
    assert "champion auc" in later.metadata
    assert "not promoted" in str(later.metadata["what came of it"].value)
    refused = train_in_dagster(instance, slug, "yesterday")
    assert not refused.success


def test_each_active_campaign_is_trained_once_a_week_and_a_week_slept_through_is_made_good(
    engine: Engine, lasting: dg.DagsterInstance
) -> None:
    for slug in ("spring", "summer", "winter", "unheard-of"):
        campaign(engine, slug)
    set_status(engine, "winter", "paused", actor="a test")
    lasting.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring", "summer", "winter"])

    requests = tick(lasting)

    now = datetime.now(UTC)
    year, week, _ = training_week(now).isocalendar()
    assert [request.partition_key for request in requests] == ["spring", "summer"]
    assert requests[0].run_key == f"spring:conversion:{year}-W{week:02}:1"
    assert train_in_dagster(lasting, "spring", None, dict(requests[0].tags)).success
    assert [request.partition_key for request in tick(lasting)] == ["summer"]

    train_model(engine, "summer", training_week(now) - timedelta(days=1), actor="a test")
    train_model(engine, "summer", now.date(), actor="a test", promote=False)
    assert [request.partition_key for request in tick(lasting)] == ["summer"], (
        "of another week, or just looking"
    )
    train_model(engine, "summer", now.date(), actor="a person")
    assert tick(lasting) == []
    # Eight days, because a training in the first hours of a Monday is that of the week which begins.
    assert campaigns_to_train(engine, now + timedelta(days=8)) == ["spring", "summer", "unheard-of"]


def test_the_week_of_training_begins_when_sunday_has_been_computed() -> None:
    monday = datetime(2026, 6, 1, tzinfo=UTC)
    assert training_week(monday + timedelta(hours=3)) == monday.date() - timedelta(days=7)
    assert training_week(monday + timedelta(hours=4)) == monday.date()
    assert training_week(monday + timedelta(days=6, hours=23)) == monday.date()


def test_a_failed_training_is_tried_again_and_not_for_ever(instance: dg.DagsterInstance) -> None:
    now = datetime.now(UTC)
    for attempt in range(1, ATTEMPTS + 1):
        request = training_request(instance, "spring", now)
        assert request is not None
        assert request.run_key.endswith(f":{attempt}")
        run = dg.DagsterRun(
            job_name=automation.conversion_models.name, status=dg.DagsterRunStatus.FAILURE, tags=request.tags
        )
        instance.add_run(run)
    assert training_request(instance, "spring", now) is None
    assert training_request(instance, "spring", now + timedelta(days=7)) is not None


def tick(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    with dg.build_schedule_context(
        instance, resources={"store": StoreResource()}, repository_def=defs.get_repository_def()
    ) as context:
        return list(automation.training_schedule.evaluate_tick(context).run_requests or [])


GOOD = Record(KeptPromises(1_000, 200.0, 205, 0.02), 0.03, 0.1)
BAD = Record(KeptPromises(1_000, 500.0, 205, 0.3), 0.03, -0.01)
REPORT = TrainingReport(
    campaign="spring", as_of=day(70), trained=None, model=None, is_promoted=False, why_not=(), judgement=None,
    alarms=(), watched=Watched("abc", Drift(900, {"country": 0.02, "industry": 0.1}, 0.05), GOOD),
    stepped_down=None, recomputes_from=None,
)  # fmt: skip


def verdict(report: TrainingReport, check: str) -> tuple[bool, dg.AssetCheckSeverity, str]:
    (found,) = [each for each in checks.verdicts(report) if each.check_name == check]
    return found.passed, found.severity, str(found.metadata["says"].value)


def watched(drift: Drift | None = None, record: Record = GOOD) -> Watched:
    assert REPORT.watched is not None
    return Watched("abc", drift or REPORT.watched.drift, record)


def test_verdicts_name_what_changed_and_how_grave_it_is() -> None:
    warn, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    assert all(each.passed for each in checks.verdicts(REPORT))
    assert all(each.passed for each in checks.verdicts(replace(REPORT, watched=None)))

    moved = replace(REPORT, watched=watched(Drift(900, {"country": 0.4, "industry": 0.1}, 0.6)))
    assert verdict(moved, checks.INPUTS_STABLE) == (False, warn, "country changed")
    assert verdict(moved, checks.SCORES_STABLE)[:2] == (False, warn)
    few = replace(REPORT, watched=watched(Drift(9, {}, None)))
    assert verdict(few, checks.INPUTS_STABLE) == (True, warn, "9 recent leads are too few to compare")

    bad = replace(REPORT, watched=watched(record=BAD))
    passed, severity, says = verdict(bad, checks.PROMISES_KEPT)
    assert (passed, severity) == (False, error)
    assert "promised 500 wins of 1000 leads, 205 came" in says
    assert "it still scores" in says
    gone = replace(bad, stepped_down=StepDown("abc", None, "it steps down"))
    assert verdict(gone, checks.PROMISES_KEPT)[:2] == (False, warn)

    told = replace(REPORT, alarms=(Alarm(("custom.tags",), "custom.tags alone separates them"),))
    assert verdict(told, checks.NOT_GIVEN_AWAY) == (False, error, "custom.tags alone separates them")


def test_outcomes_that_are_told_later_than_leads_count_as_lost_are_refused() -> None:
    source = '    outcome: {column: Won, won: ["yes"], lost: ["no"], after_days: 60}\n'
    text = minimal_campaign_text().replace("    day:\n", source + "    day:\n")
    with pytest.raises(CampaignError, match=r"outcome\.after_days: is not less than.*set .*to 61 or more"):
        parse_campaign(text, "spring.yaml")
    with pytest.raises(CampaignError, match=r"matures_after_days: is too few: website tells.*61 or more"):
        parse_campaign(text + "conversion: {matures_after_days: 30}\n", "spring.yaml")
    rules = parse_campaign(text + "conversion: {matures_after_days: 61}\n", "spring.yaml")
    assert rules.conversion.matures_after_days == 61
