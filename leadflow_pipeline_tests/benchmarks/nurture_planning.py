"""How long it takes to plan a day of nurture for a million enrolled leads, reading and writing included.

    python -m leadflow_pipeline_tests.benchmarks.nurture_planning --leads 1000000

Invented leads are routed to four sequences on one day, in a fresh embedded server. Two of the sequences ask, branch,
wait, and end by exits and goals; leads have clicked, visited and replied. Then days are materialized one by one by
Dagster: the day on which all are enrolled, and those after it. `in the plan` is the part of the pure function.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Engine, text

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.nurture import assets
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, partition_key
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.generated_leads import CAMPAIGN, campaign_text

DAY = date(2026, 3, 2)

SEQUENCES = """
nurture:
  sequences:
    regular_nurture:
      steps:
        - {delay_days: 0, subject: a, text: b}
        - channel: branch
          delay_days: 2
          when: [{any: [{behaviour: click}, {behaviour: visit, at_least: 2}, {field: score, at_least: 70}]}]
          otherwise: {go_to: remind}
        - {channel: task, delay_days: 0, title: Call, then: {go_to: last}}
        - {name: remind, delay_days: 1, subject: a, text: b, when: [{behaviour: visit, since: last_step}],
           otherwise: {wait_days: 3}}
        - {name: last, delay_days: 3, subject: a, text: b, when: [{not: {field: country, one_of: [US]}}]}
      exits: [{all: [{behaviour: open, at_least: 3}, {behaviour: click, never: true}]}]
      goal: {when: [{behaviour: form}]}
      after: {rest_days: 10, then: cold_outreach}
    aggressive_close:
      steps:
        - {delay_days: 1, subject: a, text: b}
        - {delay_days: 1, subject: a, text: b, when: [{behaviour: click, within_days: 7}], otherwise: exit}
        - {delay_days: 2, subject: a, text: b}
"""

LEADS = """
INSERT INTO leadflow.enriched_leads (campaign, day, lead_id, is_new, source, received_at, email, email_status,
  email_is_role, email_is_disposable, email_is_free, phone_status, company_domain, is_decision_maker, country,
  time_zone, recent_job_change, company_funded_recently, company_hiring, social_urls, enrichment_status, provenance,
  custom, campaign_version)
SELECT :campaign, :day, 'l' || lpad(i::text, 8, '0'), true, 'file', now(), 'l' || i || '@leads.example', 'valid',
  false, false, false, 'missing', 'c' || i / 5 || '.example.org', false, (ARRAY['DE', 'FR', 'US', 'PT'])[1 + i % 4],
  (ARRAY['Europe/Berlin', 'Europe/Paris', 'America/New_York', NULL])[1 + i % 4],
  false, false, false, '{}', 'none', '{}', '{}', 1
FROM generate_series(1, :leads) AS i
"""

SCORES = """
INSERT INTO leadflow.scored_leads (campaign, day, lead_id, email, source, icp_fit, engagement, temperature, score,
  score_breakdown, reasons, campaign_version)
SELECT campaign, day, lead_id, email, source, 0.5, 20, 'cold', hashtext(lead_id) & 63, '{}', '[]', 1
FROM leadflow.enriched_leads
"""

ROUTED = """
INSERT INTO leadflow.routed_leads (campaign, day, lead_id, email, source, icp_fit, score, intent_score, status, tier,
  sequence, sequence_start_at, boosted_by_intent, routing_number, reasoning, campaign_version)
SELECT campaign, day, lead_id, email, source, 0.5, 60, 0, 'ROUTED', 'WARM',
  (ARRAY['regular_nurture', 'aggressive_close', 'long_term_nurture', 'cold_outreach'])[1 + (hashtext(lead_id) & 3)],
  (day + 1)::timestamp AT TIME ZONE 'UTC', false, 1, 'invented', 1
FROM leadflow.enriched_leads
"""

EVENTS = """
INSERT INTO leadflow.engagement_events (campaign, event_id, lead_id, behaviour, occurred_at, is_machine, origin)
SELECT :campaign, 'e' || i, 'l' || lpad((1 + (hashtext('e' || i) & 2147483647) % :leads)::text, 8, '0'),
  CASE WHEN i % 100 = 0 THEN 'reply' WHEN i % 50 = 1 THEN 'form'
    ELSE (ARRAY['open', 'click', 'visit'])[1 + i % 3] END,
  (CAST(:day AS date) + 1)::timestamp AT TIME ZONE 'UTC' + (hashtext('t' || i) & 1048575) * interval '0.5 second',
  i % 7 = 0, 'benchmark'
FROM generate_series(1, :leads / 2) AS i
"""


def measure(leads: int, days: int) -> list[dict[str, Any]]:
    """Seconds and rows of each day."""
    with fresh_home() as engine:
        register(engine, campaign_text() + SEQUENCES, "benchmark.yaml")
        with engine.begin() as connection:
            for statement in (LEADS, SCORES, ROUTED, EVENTS):
                words = {"campaign": CAMPAIGN, "day": DAY, "leads": leads}
                named = {name: value for name, value in words.items() if f":{name}" in statement}
                connection.execute(text(statement), named)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
        return [planned_day(engine, DAY + timedelta(days=number)) for number in range(days)]


def planned_day(engine: Engine, day: date) -> dict[str, Any]:
    """One day by Dagster, in this process."""
    in_the_plan: list[float] = []
    plan = assets.plan_nurture
    assets.plan_nurture = timed(plan, in_the_plan)
    try:
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, [CAMPAIGN])
            started = time.perf_counter()
            result = dg.materialize(
                list(STAGE_ASSETS),
                selection=dg.AssetSelection.groups("nurture"),
                partition_key=partition_key(CAMPAIGN, day),
                instance=instance,
                resources=build_defs().resources,
                run_config=QUIET,
            )
            whole = time.perf_counter() - started
            assert result.success
    finally:
        assets.plan_nurture = plan
    with engine.connect() as connection:
        rows = [
            connection.scalar(text(f"SELECT count(*) FROM leadflow.{table} WHERE day = :day"), {"day": day})
            for table in ("nurtured_leads", "nurture_touches")
        ]
    return {
        "day": day.isoformat(), "seconds": round(whole, 1), "in the plan": round(in_the_plan[0], 1),
        "nurtured": rows[0], "touches": rows[1],
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def timed(work: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    """The same work, whose seconds are noted."""

    def measured(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        found = work(*arguments, **named)
        into.append(time.perf_counter() - started)
        return found

    return measured


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=4, help="the first is the one on which all are enrolled")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    found = measure(arguments.leads, arguments.days)
    names = list(found[0])
    lines = [
        names,
        *([f"{cell:,}" if isinstance(cell, int) else cell for cell in day.values()] for day in found),
    ]
    sys.stdout.write("\n".join("".join(f"{cell:>14}" for cell in line) for line in lines) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps({"leads": arguments.leads, "days": found}, indent=2))


if __name__ == "__main__":
    main()
