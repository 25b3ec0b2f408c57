"""The review queue, what a decision does to every later row, and the log of all judgements: on a real chain."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine, insert, select, update
from typer.testing import CliRunner

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli import app
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.erasing import erase_person
from leadflow_pipeline.harvest.importing import Contents, import_file
from leadflow_pipeline.insight.campaign_report import make_report
from leadflow_pipeline.insight.known_leads import lead_of_address
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.qualify.review_queue import decide, waiting_leads
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline_tests.samples import minimal_campaign_text

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 9)
LEADS = (
    "Email,First name,Last name,Company,Title,Industry,Employees,Country,Phone,Plan,Received\n"
    "ida@leads.example,Ida,Example,,Head of Sales,software,200,DE,,gold,2026-03-02\n"
    "otto@leads.example,Otto,Sample,,,retail,20,DE,,gold,2026-03-02\n"
)
EVENTS = "email,behaviour,occurred_at\nida@leads.example,click,2026-03-06T10:00:00Z\n"
RULES = """
qualification:
  trees:
    - name: fit first
      first: size
      questions:
        size:
          when: {field: company_size, at_least: 50}
          yes: {then: review, because: %s}
          no: {then: reject, because: too small for us}
          unknown: {then: pending, because: nobody knows its size}
"""
IDA = lead_of_address("spring", "ida@leads.example")
OTTO = lead_of_address("spring", "otto@leads.example")


def compute(*stages: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        assert dg.materialize(
            list(STAGE_ASSETS),
            selection=dg.AssetSelection.groups(*stages) if stages else None,
            instance=instance,
            resources=build_defs().resources,
            tags=PartitionRange("spring", days_between(FIRST, LAST)).tags,
            run_config=QUIET,
        ).success


def run(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, ["review", *arguments])
    assert result.exit_code == exit_code, result.output
    assert "leads.example" not in result.output
    return result.stdout


def told(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def lines(engine: Engine) -> list[tuple[str, int, str, int]]:
    log = schema.qualification_log
    query = select(log.c.lead_id, log.c.day, log.c.status, log.c.campaign_version)
    with engine.connect() as connection:
        found = connection.execute(query.order_by(log.c.decision_id))
        return [("ida" if row[0] == IDA else "otto", row[1].day, row[2], row[3]) for row in found]


def test_a_decision_wins_until_it_expires_and_every_judgement_is_kept(engine: Engine, tmp_path: Path) -> None:
    register(engine, minimal_campaign_text("spring", extra=RULES % "somebody should ask"), "spring.yaml")
    for name, content, contents in (
        ("leads.csv", LEADS, Contents.LEADS),
        ("events.csv", EVENTS, Contents.EVENTS),
    ):
        (tmp_path / name).write_text(content)
        import_file(engine, "spring", tmp_path / name, contents=contents)
    compute()
    first_lines = [
        *sorted([("ida", 2, "MANUAL_REVIEW", 1), ("otto", 2, "REJECTED", 1)]),
        ("ida", 6, "MANUAL_REVIEW", 1),
    ]
    assert sorted(lines(engine)) == sorted(first_lines)

    # In the queue, routed as it is.
    [waiting] = told("list", "--campaign", "spring")
    assert (waiting["lead_id"], waiting["since"], waiting["as_of"]) == (IDA, "2026-03-02", "2026-03-06")
    assert waiting["why"] == ["fit first: somebody should ask (company size is at least 50: yes)"]
    assert waiting["routed"]
    assert "somebody should ask" in run("list")
    assert "is not in review" in run("show", OTTO)

    # Decided, once.
    decided = run(
        "approve", IDA[:12], "--reason", "met at the fair", "--actor", "ana", "--expires", "2099-01-01"
    )
    assert f"lead {IDA} of spring is QUALIFIED" in decided
    assert told("list") == []
    assert [lead["decided"] for lead in told("list", "--decided")] == ["QUALIFIED"]
    assert "met at the fair" in run("show", IDA)
    assert told("show", IDA)["decisions"][0]["expires_at"] == "2099-01-02 00:00:00+00:00"
    with engine.begin() as connection, pytest.raises(PermanentError, match="has been decided already"):
        decide(connection, "spring", IDA, "REJECTED", actor="bo", reason="no")
    explained = CliRunner().invoke(app, ["explain", IDA]).stdout
    assert "By hand: status is QUALIFIED, said ana on" in explained
    assert "which is not computed yet" in explained

    # As if it had been taken on the 4th, and stood through the 7th.
    with engine.begin() as connection:
        connection.execute(
            update(schema.overrides).values(
                occurred_at=datetime(2026, 3, 4, 12, tzinfo=UTC), expires_at=datetime(2026, 3, 8, tzinfo=UTC)
            )
        )
    compute("score", "qualify", "route")
    rows = read_partitions(engine, schema.qualified_leads, "spring", days_between(FIRST, LAST))
    statuses = rows[rows["lead_id"] == IDA].set_index("day")["status"]
    assert {day.day: status for day, status in statuses.items()} == {
        2: "MANUAL_REVIEW",
        4: "QUALIFIED",
        6: "QUALIFIED",
        8: "MANUAL_REVIEW",
    }
    assert rows.loc[rows["status"] == "QUALIFIED", "is_override"].all()
    added = [("ida", 4, "QUALIFIED", 1), ("ida", 6, "QUALIFIED", 1), ("ida", 8, "MANUAL_REVIEW", 1)]
    assert lines(engine)[3:] == added
    assert [lead["since"] for lead in told("list")] == ["2026-03-08"]

    # Computed again, nothing is added; under other rules, what differs.
    compute("qualify")
    assert lines(engine)[3:] == added
    register(engine, minimal_campaign_text("spring", extra=RULES % "a new reason"), "spring.yaml")
    compute("qualify")
    assert {line[1:] for line in lines(engine)[6:]} == {
        (2, "MANUAL_REVIEW", 2),
        (4, "QUALIFIED", 2),
        (6, "QUALIFIED", 2),
        (8, "MANUAL_REVIEW", 2),
    }
    shown = told("log", IDA)
    assert [(line["day"][-1], line["campaign_version"]) for line in shown] == [
        ("8", 2), ("8", 1), ("6", 2), ("6", 1), ("6", 1), ("4", 2), ("4", 1), ("2", 2), ("2", 1),
    ]  # fmt: skip
    assert "Set by ana on 2026-03-04 12:00 UTC: met at the fair" in run("log", IDA)

    # Seen in the report, and gone with the person.
    report = make_report(engine, "spring")
    leaves = report.tables["Decision tree: fit first"]
    assert isinstance(leaves, pd.DataFrame)
    assert leaves["leads"].tolist() == [1, 1, 0]
    assert "Decision tree: fit first" in report.plots
    assert "REJECTED" in run("reject", IDA, "--reason", "no budget", "--stop-emails")
    erase_person(engine, "ida@leads.example", actor="mara")
    assert {line[0] for line in lines(engine)} == {"otto"}


DAY = date(2026, 5, 1)


def judged(**status_by_lead: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "day": pd.Timestamp(DAY),
            "lead_id": list(status_by_lead),
            "source": "fair",
            "icp_fit": 0.5,
            "score": 55.0,
            "status": list(status_by_lead.values()),
            "reasons": '[{"code": "x", "status": "MANUAL_REVIEW", "text": "why not"}]',
            "is_override": False,
        }
    )


def put(engine: Engine, frame: pd.DataFrame, run_id: str = "run") -> None:
    replace_partitions(
        engine, schema.qualified_leads, "spring", [DAY], frame, campaign_version=1, run_id=run_id
    )


def test_the_log_keeps_what_differs_and_nothing_of_a_run_that_failed(engine: Engine) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    log = schema.qualification_log.c

    def kept() -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            return [
                tuple(row)
                for row in connection.execute(
                    select(log.lead_id, log.status, log.run_id).order_by(log.decision_id)
                )
            ]

    put(engine, judged(a="MANUAL_REVIEW", b="REJECTED"), "first")
    with pytest.raises(PermanentError):
        put(engine, judged(a="QUALIFIED", b="no status at all"), "refused")
    put(engine, judged(b="REJECTED", a="QUALIFIED"), "second")
    put(engine, judged(a="MANUAL_REVIEW", b="REJECTED", c="PENDING"), "third")
    assert kept() == [
        ("a", "MANUAL_REVIEW", "first"),
        ("b", "REJECTED", "first"),
        ("a", "QUALIFIED", "second"),
        ("a", "MANUAL_REVIEW", "third"),
        ("c", "PENDING", "third"),
    ]


def test_nobody_waits_whose_case_is_closed(engine: Engine) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    put(
        engine, judged(alias="MANUAL_REVIEW", won="MANUAL_REVIEW", met="MANUAL_REVIEW", plain="MANUAL_REVIEW")
    )
    with engine.begin() as connection:
        connection.execute(
            insert(schema.lead_aliases).values(
                campaign="spring", day=DAY, lead_id="alias", alias_of="plain", match_probability=1, evidence=[],
                campaign_version=1,
            )
        )  # fmt: skip
        for lead_id, outcome in (("won", "won"), ("met", "meeting")):
            connection.execute(
                insert(schema.outcomes).values(
                    campaign="spring", lead_id=lead_id, outcome=outcome, origin="crm",
                    occurred_at=datetime(2026, 5, 2, tzinfo=UTC),
                )
            )  # fmt: skip
        assert [lead.lead_id for lead in waiting_leads(connection)] == ["met", "plain"]
        connection.execute(update(schema.campaigns).values(status="archived"))
        assert waiting_leads(connection) == []
        assert len(waiting_leads(connection, "spring")) == 2
