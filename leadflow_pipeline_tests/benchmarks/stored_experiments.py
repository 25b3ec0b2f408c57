"""Experiments as the store holds them, for `benchmarks.experiments --store`: filled in, and analysed as a user's are.

The rows are made by the database itself, in the order in which the pipeline writes them: a day after the other, each by
lead. The tables are as young as after a first load: nobody has gathered statistics of them.
"""

from __future__ import annotations

import resource
import statistics
import time
from datetime import date, timedelta
from uuid import uuid4

from sqlalchemy import Engine, text

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.insight.experiments.page import plots_of, sections_of
from leadflow_pipeline.insight.experiments.reading import results_of
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.experiment_states import change_state
from leadflow_pipeline.store.migrate import upgrade
from leadflow_pipeline_tests.samples import minimal_campaign_text

DAYS = 56
FIRST = date(2026, 1, 5)
RULES = """
experiments:
  - key: gentler
    hypothesis: they reply more when they are left more time
    kind: sequences
    variants: [{{key: as-is}}, {{key: gentle, sequences: {{WARM: long_term_nurture}}}}]
    holdout: 0.05
    primary: {{behaviour: reply, within_days: 14}}
    metrics: [{metrics}]
"""
EXPOSURES = """
INSERT INTO leadflow.experiment_exposures
    (campaign, day, lead_id, experiment, variant, is_holdout, propensity, campaign_version)
SELECT :campaign, CAST(:day AS date), lead_id, 'gentler',
    CASE WHEN place < 5 THEN 'holdout' WHEN place % 2 = 0 THEN 'as-is'
    ELSE 'gentle' END, place < 5, CASE WHEN place < 5 THEN 0.05 ELSE 0.5 END, 1
FROM (SELECT md5(CAST(:day AS text) || n) AS lead_id, n % 100 AS place
    FROM generate_series(1, :leads) AS n) AS made
ORDER BY lead_id
"""
EVENTS = """
INSERT INTO leadflow.engagement_events (campaign, event_id, lead_id, behaviour, occurred_at, origin)
SELECT :campaign, behaviour || '/' || lead_id, lead_id, behaviour,
    CAST(:day AS date) + 1 + place % 20 + TIME '12:00', 'made up'
FROM (SELECT md5(CAST(:day AS text) || n) AS lead_id, n % 97 AS place
    FROM generate_series(1, :leads) AS n) AS made
JOIN (VALUES ('reply', 0, 10), ('unsubscribe', 20, 21), ('bounce', 40, 41)) AS b (behaviour, low, high)
    ON place >= low AND place < high
"""
OUTCOMES = """
INSERT INTO leadflow.outcomes (campaign, lead_id, outcome, occurred_at, value, origin)
SELECT :campaign, md5(CAST(:day AS text) || n), 'won', CAST(:day AS date) + 3 + TIME '12:00',
    500 + n % 1000, 'made up'
FROM generate_series(1, :leads, 50) AS n
"""
ROUTED = """
INSERT INTO leadflow.routed_leads (campaign, day, lead_id, source, icp_fit, score, intent_score, status, tier, sequence,
    sequence_start_at, boosted_by_intent, routing_number, reasoning, campaign_version)
SELECT :campaign, CAST(:day AS date), lead_id, 'website', 0.5, 40 + place % 40, 0, 'ROUTED', 'WARM',
    'regular_nurture', CAST(:day AS date) + 1 + TIME '09:00', false, 1, '', 1
FROM (SELECT md5(CAST(:day AS text) || n) AS lead_id, n % 97 AS place
    FROM generate_series(1, :leads) AS n) AS made
ORDER BY lead_id
"""


def stored(exposures: int, rounds: int, *, money: bool) -> dict[str, float]:
    """Seconds from the command to a page, counting in the database and all pictures included; in a database of one's
    own. With `money` a metric is a value too, whose noise the score of each lead takes out.
    """
    engine = get_engine()
    upgrade(engine)
    campaign = f"benchmark-{uuid4().hex[:8]}"
    begin = time.perf_counter()
    fill(engine, campaign, exposures, money=money)
    filled = time.perf_counter() - begin
    seconds, drawing = [], []
    last = FIRST + timedelta(days=DAYS + 20)
    for _ in range(rounds):
        begin = time.perf_counter()
        [results] = results_of(engine, campaign, last)
        concluded = time.perf_counter()
        sections_of(results)
        plots_of(results)
        seconds.append(concluded - begin)
        drawing.append(time.perf_counter() - concluded)
    return {
        "exposures": float(results.exposed["leads"].sum()),
        "filling, s": filled,
        "first analysis, of tables without statistics, s": seconds[0],
        "analysis, median, s": statistics.median(seconds),
        "page and pictures, median, s": statistics.median(drawing),
        "peak memory of this process, GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def fill(engine: Engine, campaign: str, exposures: int, *, money: bool) -> None:
    """An experiment that ran for eight weeks, with so many exposures in all."""
    rules = RULES.format(metrics="{value: won, within_days: 14}" if money else "")
    register(engine, minimal_campaign_text(campaign, extra=rules), f"{campaign}.yaml")
    experiments = load(engine, campaign).rules.experiments
    change_state(
        engine, campaign, experiments[0], experiments, "running", FIRST, actor="benchmark", reason="measured"
    )
    statements = [EXPOSURES, EVENTS, *([ROUTED, OUTCOMES] if money else [])]
    for number in range(DAYS):
        leads = exposures * (number + 1) // DAYS - exposures * number // DAYS
        given = {"campaign": campaign, "day": str(FIRST + timedelta(days=number)), "leads": leads}
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), given)
