"""Nothing of a lead leaves the pipeline's own tables: not when all goes well, and not when anything breaks.

Every text that a lead, its events or a person's decision can hold has a word of its own here. After good days and bad
ones, none of these words may stand in Dagster's home, in Dagster's tables or in what was printed and logged.
"""

from __future__ import annotations

import gc
import os
import smtplib
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import httpx
import pandas as pd
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Engine, MetaData, text

from leadflow_pipeline import automation
from leadflow_pipeline.automation import arrivals
from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli.runs import RunReport, register_partitions, run_days
from leadflow_pipeline.definitions import defs
from leadflow_pipeline.delivery.tracking import pixel_url
from leadflow_pipeline.delivery.transports import Smtp
from leadflow_pipeline.identity.present_assets import PRESENT_ASSETS
from leadflow_pipeline.insight.assets import campaign_report
from leadflow_pipeline.insight.attribution.assets import source_attribution
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.dagster_home import dagster_instance
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.schema import (
    activity_log,
    message_attempts,
    tracking_hits,
)
from leadflow_pipeline.telemetry import spans
from leadflow_pipeline.telemetry.logs import JsonLines
from leadflow_pipeline_tests.fakes.smtp import MailServer, Manner
from leadflow_pipeline_tests.marked_words import (
    CAMPAIGN_FILE,
    COLUMNS,
    DAYS,
    MARK,
    PHONE_DIGITS,
    assert_told_in_the_tables,
    lead_row,
    tell_the_facts,
    texts_of_tables,
)
from leadflow_pipeline_tests.service.conftest import served

LOGS_OF_STAND_INS = ("mail.log", "httpx")
"""The mail server of the test runs in this process, and tells of its guests; so does whoever asks the service."""

NETWORK_ADDRESS = "198.51.100.77"

Break = Callable[[Engine, pytest.MonkeyPatch], Any]


@pytest.fixture
def instance(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster as users have it: a home of its own, and its tables in the database of the leads."""
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path / "home"))
    for name in ("DAGSTER_HOME", "LEADFLOW_DAGSTER_DATABASE_URL", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    get_settings.cache_clear()
    with dagster_instance() as users:
        register(engine, CAMPAIGN_FILE, "quiet.yaml")
        register_partitions(users, engine)
        yield users


def test_no_word_of_a_lead_is_found_outside_the_pipelines_tables(
    engine: Engine,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("INFO")
    traced = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(traced))
    monkeypatch.setattr(spans, "_tracer", lambda: provider.get_tracer("tests"))
    tell_the_facts(engine, tmp_path)
    report = run_days(instance, engine, DAYS)
    assert report.is_success, report
    assert draw_report(instance)
    assert land_files(engine, instance) == "1 refused"
    assert_told_in_the_tables(engine)

    said = [break_a_stage(engine, instance, stage, name, why) for stage, (name, why) in BROKEN_STAGES.items()]
    assert not break_the_import(engine, instance)
    with MailServer(manner_towards) as server:
        for name, value in (("transport", "smtp"), ("smtp_port", server.port), ("smtp_security", "none")):
            monkeypatch.setenv(f"LEADFLOW_{name.upper()}", str(value))
        get_settings.cache_clear()
        assert not break_the_wire(engine, instance)
        assert run_job(instance, dispatch_job)
    assert len(server.messages) == 1
    measured = ask_the_service(engine)
    assert run_job(instance, judge_job)
    assert not break_the_mailbox(
        engine, instance, tmp_path, monkeypatch, str(server.messages[0]["Message-ID"])
    )
    assert run_job(instance, mail_job)
    assert_listened(engine)

    assert resolve_identity(instance)

    printed = capfd.readouterr()
    logged = [record for record in caplog.records if record.name not in LOGS_OF_STAND_INS]
    everywhere = {
        "what was printed": printed.out + printed.err,
        "what was logged": "\n".join(f"{record.getMessage()} {record.__dict__}" for record in logged),
        "lines of the log": "\n".join(map(JsonLines().format, logged)),
        "spans": "\n".join(each.to_json() for each in traced.get_finished_spans()),
        "metrics": measured,
        "what is told of failures": "\n".join(said),
        **files_of(get_settings().dagster_home),
        **tables_of(engine, "public"),
        **texts_of_tables(engine, (activity_log, message_attempts, tracking_hits)),
        "verdicts of mails": str(verdicts(engine)),
    }
    assert len(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))) == len(said) + 3
    assert any(DAYS.campaign in found for found in everywhere.values()), (
        "the search itself finds what is there"
    )
    assert {each.name for each in traced.get_finished_spans()} >= {"step", "dispatch", "request"}
    assert 'campaign="quiet"' in measured
    leaks = {
        place: found[max(0, at - 100) : at + 100]
        for place, found in ((place, found.lower()) for place, found in everywhere.items())
        for word in (MARK, PHONE_DIGITS, NETWORK_ADDRESS)
        if (at := found.find(word)) >= 0
    }
    assert leaks == {}


# --- what goes wrong --------------------------------------------------------------------------------------------------


def quotes_the_lead(*_: Any, **__: Any) -> NoReturn:
    """What pandas and Python say of a value that they do not like."""
    try:
        float(f"{MARK}mail.kept@leads.example")
    except ValueError as error:
        error.add_note(f"{MARK}first")
        raise RuntimeError(f"{MARK}last") from error


@contextmanager
def a_check_refuses(engine: Engine) -> Iterator[None]:
    """PostgreSQL quotes the row in its DETAIL, and in its CONTEXT the line of COPY."""
    table = "ALTER TABLE leadflow.enriched_leads"
    with engine.begin() as connection:
        connection.execute(text(f"{table} ADD CONSTRAINT nobody CHECK (email NOT LIKE '{MARK}%') NOT VALID"))
    yield
    with engine.begin() as connection:
        connection.execute(text(f"{table} DROP CONSTRAINT nobody"))


@contextmanager
def a_trigger_refuses(engine: Engine, table: str, state: str = "P0001") -> Iterator[None]:
    """A trigger of somebody else's quotes the row wherever it can."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION leadflow.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'not %', NEW USING DETAIL = NEW::text, HINT = NEW::text, "
                f"ERRCODE = '{state}'; END $$"
            )
        )
        connection.execute(
            text(
                f"CREATE TRIGGER refuse BEFORE INSERT ON leadflow.{table} "
                "FOR EACH ROW EXECUTE FUNCTION leadflow.refuse()"
            )
        )
    yield
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION leadflow.refuse CASCADE"))


@contextmanager
def a_function_quotes(_: Engine, place: str) -> Iterator[None]:
    """A function of ours raises what quotes the lead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, quotes_the_lead)
        yield


BROKEN_STAGES: dict[str, tuple[Callable[[Engine], Any], str]] = {
    "harvest": (
        lambda engine: a_trigger_refuses(engine, "quarantined_records", "22P02"),
        "quarantined_records refuses the rows",
    ),
    "enrich": (a_check_refuses, "enriched_leads refuses the rows"),
    "score": (
        lambda engine: a_function_quotes(engine, "leadflow_pipeline.score.days.plan_scored"),
        "its message is withheld",
    ),
    "qualify": (
        lambda engine: a_function_quotes(engine, "leadflow_pipeline.store.resource.read_partitions"),
        "its message is withheld",
    ),
    "route": (
        lambda engine: a_trigger_refuses(engine, "routed_leads", "23514"),
        "a function in the database refused it (CheckViolation, SQLSTATE 23514)",
    ),
    "nurture": (
        lambda engine: a_function_quotes(engine, "leadflow_pipeline.store.checks.check_rows"),
        "its message is withheld",
    ),
}
"""Stage -> how it is broken, and what its failure says all the same."""


def break_a_stage(
    engine: Engine, instance: dg.DagsterInstance, stage: str, broken: Callable[[Engine], Any], why: str
) -> str:
    """Runs a stage while it is broken; what a person is told."""
    with broken(engine):
        report: RunReport = run_days(instance, engine, DAYS, stage=stage)
    gc.collect()  # a failed step lies about, with its lock, until it is
    said = "; ".join(report.failures)
    assert not report.is_success
    assert why in said
    return said


def land_files(engine: Engine, instance: dg.DagsterInstance) -> str:
    """A file that is no table lands beside a good one; how many were refused."""
    folder = get_settings().landing_folder / DAYS.campaign
    folder.mkdir(parents=True)
    pd.DataFrame([lead_row("kept")], columns=COLUMNS).to_csv(folder / f"{MARK}good.csv", index=False)
    (folder / f"{MARK}bad.csv.gz").write_bytes(f"{MARK}no gzip".encode())
    make_old(folder)
    assert run_job(instance, import_job, ops={"import_files": {"config": {"campaign": DAYS.campaign}}})
    return f"{len([path for path in (folder / 'refused').iterdir() if path.suffix == '.gz'])} refused"


def break_the_import(engine: Engine, instance: dg.DagsterInstance) -> bool:
    """A good file lands, and the database does not want its records."""
    folder = get_settings().landing_folder / DAYS.campaign
    rows = [lead_row("kept", first=f"{MARK}another")]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / f"{MARK}late.csv", index=False)
    make_old(folder)
    with a_trigger_refuses(engine, "source_records"):
        return run_job(instance, import_job, ops={"import_files": {"config": {"campaign": DAYS.campaign}}})


def break_the_wire(engine: Engine, instance: dg.DagsterInstance) -> bool:
    """Python's mail client raises with the recipient's address."""

    def refused(*_: Any) -> NoReturn:
        raise smtplib.SMTPRecipientsRefused({f"{MARK}mail.kept@leads.example": (550, MARK.encode())})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Smtp, "send_together", refused)
        succeeded = run_job(instance, dispatch_job)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE leadflow.messages SET lease_until = '2000-01-01Z' WHERE lease_until IS NOT NULL")
        )
    return succeeded


def ask_the_service(engine: Engine) -> str:
    """Somebody with a telling program follows what is in the email, and what is in none; the metrics afterwards."""
    with engine.connect() as connection:
        key = connection.scalar(text("SELECT tracking_key FROM leadflow.messages WHERE state = 'sent'"))
    assert key is not None
    headers = {"user-agent": f"{MARK}agent Chrome/137.0", "x-forwarded-for": NETWORK_ADDRESS}
    with served(build_app()) as url, httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        assert client.get(pixel_url("", key)).status_code == 200
        for path in ("c", "o", "unsubscribe", "webhooks/provider"):
            wrong = client.post if "hooks" in path else client.get
            assert wrong(f"/{path}/{MARK}mail.kept@leads.example").status_code in (400, 404, 405, 422)
        token = create_token(engine, "monitoring", Scope.READ)
        metrics = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert metrics.status_code == 200
    an_hour_ago = "now() - interval '1 hour'"
    with engine.begin() as connection:
        connection.execute(
            text(f"UPDATE leadflow.tracking_hits SET occurred_at = {an_hour_ago}, stored_at = {an_hour_ago}")
        )
    return metrics.text


def break_the_mailbox(
    engine: Engine, instance: dg.DagsterInstance, folder: Path, monkeypatch: pytest.MonkeyPatch, answered: str
) -> bool:
    """An answer comes, and the database does not want it; it lies there still when the database does."""
    for name in ("new", "cur", "tmp"):
        (folder / "Maildir" / name).mkdir(parents=True)
    answer = (
        f"From: {MARK}last <{MARK}mail.kept@leads.example>\nTo: ida@sender.example.org\nSubject: {MARK}subject\n"
        f"Date: {format_datetime(datetime.now(UTC))}\nUser-Agent: {MARK}agent\nIn-Reply-To: {answered}\n"
        f"Message-ID: <{MARK}@leads.example>\n\n{MARK}words, call +44{PHONE_DIGITS}\n"
    )
    (folder / "Maildir" / "new" / f"1.{MARK}.example").write_text(answer)
    monkeypatch.setenv("LEADFLOW_MAILBOX", f"maildir:{folder / 'Maildir'}")
    get_settings.cache_clear()
    with a_trigger_refuses(engine, "inbound_mails"):
        return run_job(instance, mail_job)


def assert_listened(engine: Engine) -> None:
    """Nothing would leak either if nothing had come."""
    with engine.connect() as connection:
        mail = connection.execute(text("SELECT kind, subject, body_text FROM leadflow.inbound_mails")).one()
        assert (mail.kind, mail.subject) == ("reply", f"{MARK}subject")
        assert f"{MARK}words" in mail.body_text
        judged = "SELECT count(*) FROM leadflow.tracking_hits WHERE is_machine IS NOT NULL"
        assert connection.scalar(text(judged)) == 1


def verdicts(engine: Engine) -> list[Any]:
    """What is kept of a mail beside its words."""
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT verdict FROM leadflow.inbound_mails")))


def manner_towards(recipient: str) -> Manner:
    """The mail server repeats the address in whatever it refuses."""
    kind = recipient.partition("@")[0].rpartition(".")[2]
    manners: dict[str, Manner] = {"refused": "refuse at rcpt", "busy": "busy at rcpt"}
    return manners.get(kind, "accept")


def make_old(folder: Path) -> None:
    """As if nobody had written there for a minute."""
    for path in folder.iterdir():
        moment = path.stat().st_mtime - 60
        os.utime(path, (moment, moment))


# --- running ----------------------------------------------------------------------------------------------------------


def import_job() -> dg.JobDefinition:
    """From a function, because Dagster wants one that it can import."""
    return defs.resolve_job_def(automation.import_landed_files.name)


def dispatch_job() -> dg.JobDefinition:
    """From a function, because Dagster wants one that it can import."""
    return defs.resolve_job_def(automation.dispatch.name)


def judge_job() -> dg.JobDefinition:
    """From a function, because Dagster wants one that it can import."""
    return defs.resolve_job_def(automation.judge_hits.name)


def mail_job() -> dg.JobDefinition:
    """From a function, because Dagster wants one that it can import."""
    return defs.resolve_job_def(automation.read_mail.name)


def run_job(instance: dg.DagsterInstance, job: Callable[[], dg.JobDefinition], **config: Any) -> bool:
    """Runs a job as the daemon's run worker does, its output captured."""
    with dg.execute_job(dg.reconstructable(job), instance, run_config=config) as result:
        return result.success


def draw_report(instance: dg.DagsterInstance) -> bool:
    return dg.materialize(
        [campaign_report, source_attribution],
        instance=instance,
        resources=defs.resources,
        partition_key=DAYS.campaign,
    ).success


def resolve_identity(instance: dg.DagsterInstance) -> bool:
    return dg.materialize(list(PRESENT_ASSETS), instance=instance, resources=defs.resources).success


# --- searching --------------------------------------------------------------------------------------------------------


def files_of(folder: Path) -> dict[str, str]:
    """Every file below a folder, and every name of one."""
    paths = sorted(folder.rglob("*"))
    assert any(path.suffix in (".err", ".out") for path in paths), "compute logs are captured"
    read = {str(path): path.read_bytes().decode("utf-8", "replace") for path in paths if path.is_file()}
    return {**read, "names of files": "\n".join(map(str, paths))}


def tables_of(engine: Engine, schema: str) -> dict[str, str]:
    """Every row of every table of a schema, as text."""
    tables = MetaData()
    tables.reflect(engine, schema=schema)
    assert f"{schema}.event_logs" in tables.tables
    return texts_of_tables(engine, tables.tables.values())


def test_a_tick_that_fails_names_no_file(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A landed file may be taken away between two looks, and its name may be a person's."""
    register(engine, CAMPAIGN_FILE, "quiet.yaml")
    gone = tmp_path / f"{MARK}file.csv"
    monkeypatch.setattr(arrivals, "landed_files", lambda *_: (gone,))
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance, resources={"store": StoreResource()}, repository_def=defs.get_repository_def()
        )
        with pytest.raises(Exception, match=r".") as failure:
            automation.landing_folders.evaluate_tick(context)
    assert MARK not in "".join(traceback.format_exception(failure.value))
