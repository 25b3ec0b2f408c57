"""The one law: day by day, one range, and re-runs in any order give the same bytes.

Three campaigns over 31 days, made to differ: leads that come back, corrected records, decaying engagement, re-routing,
a daily limit, people who stop, overrides with an expiry, conversion models that take turns, experiments that begin and
are decided; and sequences of every shape, with their pace, hours, waits, exits, goals and what people order. Each way
of computing them must give the same digests.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, insert, select, text

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.delivery.touches import add_touch
from leadflow_pipeline.harvest.importing import Contents, import_file
from leadflow_pipeline.overrides import OUT_OF_OFFICE
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.route.owners.reps.absences import add_absence
from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep, Territory
from leadflow_pipeline.route.owners.reps.roster import import_reps, set_status
from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.experiment_states import change_state
from leadflow_pipeline.store.facts import add_override
from leadflow_pipeline.store.schema import DERIVED_TABLES, handoffs, harvested_leads, partition_lineage
from leadflow_pipeline_tests.invented_models import crown, invented_model
from leadflow_pipeline_tests.samples import minimal_campaign_text

FIRST_DAY = date(2026, 3, 1)
DAYS = days_between(FIRST_DAY, FIRST_DAY + timedelta(days=30))

RULES = {
    "spring": """
        ownership:
          teams: [{team: Large, when: [{field: company_size, at_least: 500}]}]
          value: {field: budget, otherwise: 5000}
        nurture:
          preferred_hour: {least_behaviours: 1, prior_weight: 0.5, within_days: 14}
          pace: {silent_after_days: 4, later: 2, least_days: 0.5}
        experiments:
          - key: results
            hypothesis: who sells more sells more of these too
            kind: routing
            variants:
              - {key: as-is}
              - {key: results, match: {performance: 1}}
              - {key: swift, match: {sla: 3, capacity: 1}}
            primary: {outcome: won, within_days: 9}
        """,
    "limited": """
        routing:
          max_leads: 2
          reroute_on_tier_rise: true
          cold_sequence: {name: Cold, sequence_type: cold_outreach, duration_days: 60, email_count: 1, goal: Meet}
        qualification: {threshold: 30, review_band: 10}
        experiments:
          - key: warmer
            hypothesis: cool leads may be asked sooner
            kind: sequences
            holdout: 0.2
            variants: [{key: as-is}, {key: sooner, sequences: {COOL: aggressive_close, WARM: cold_outreach}}]
            primary: {behaviour: click, within_days: 5}
        ownership: {strategy: round_robin, keep_account_owner: false, territory: prefer}
        nurture:
          stop_on_colleague_reply: false
          sequences:
            long_term_nurture:
              steps:
                - {delay_days: 0, subject: a, text: b}
                - channel: branch
                  when: [{any: [{behaviour: visit}, {field: score, at_least: 60}, {field: custom.plan, equals: pro}]}]
                  otherwise: {go_to: ask}
                - {channel: task, delay_days: 1, title: Call, then: {go_to: end}}
                - {name: ask, delay_days: 1, subject: a, text: b, when: [{behaviour: click, since: last_step}],
                   otherwise: {wait_days: 3}}
                - {name: end, delay_days: 1, subject: a, text: b, when: [{not: {tier: fell}}], otherwise: exit}
              exits: [{all: [{behaviour: open, at_least: 2}, {behaviour: visit, within_days: 5, never: true}]}]
              goal: {when: [{behaviour: form}]}
              after: {rest_days: 2, then: education}
            cold_outreach: {emails: [{delay_days: 1, subject: a, text: b}], after: {sequence: education}}
            education: {steps: [{delay_days: 1, subject: a, text: b}, {delay_days: 2, subject: a, text: b}]}
        """,
    "eager": """
        scoring: {fit_weight: 0.5}
        routing: {nurture_low_score: true}
        qualification: {threshold: 40}
        nurture:
          graduate_at_engagement: 60
          stop_on_colleague_reply: false
          low_score_sequence: education
          send_window: {start: "22:00", end: "06:00", weekdays: [mon, wed, sat]}
          pace: {sooner_on: [click, visit, form], sooner: 0.3}
          sequences:
            education:
              steps:
                - {delay_days: 1, subject: a, text: b}
                - {delay_days: 4, subject: a, text: b, when: [{behaviour: visit, never: true}], otherwise: {go_to: end}}
                - {name: end, delay_days: 4, subject: a, text: b}
              goal: {when: [{behaviour: form}], then: complete}
        experiments:
          - key: colder
            hypothesis: cold leads want to be left in peace
            kind: sequences
            bandit: {floor: 0.1}
            variants:
              - {key: as-is}
              - {key: nurtured, sequences: {COLD: regular_nurture}}
              - {key: slow, sequences: {COLD: long_term_nurture, COOL: cold_outreach}}
            primary: {behaviour: click, within_days: 4}
        """,
}

TURNS = {
    "day by day": ("limited", "spring", "eager"),
    "one range": ("spring", "eager", "limited"),
    "in thirds": ("eager", "limited", "spring"),
}
"""Who is computed before whom. Each campaign comes first once, when there are no rows of others, and last once."""

DAYS_ALONE = 9
"""Of the campaign that is computed first day by day: so many come one by one, before some are taken at once."""

Compute = Callable[[str, date, date], None]


@pytest.fixture
def compute(engine: Engine) -> Iterator[Compute]:
    """Computes days of a campaign as one Dagster run, without the checks."""
    resources = build_defs().resources
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, list(RULES))

        def run(campaign: str, first: date, last: date) -> None:
            partitions = PartitionRange(campaign, days_between(first, last))
            result = dg.materialize(
                list(STAGE_ASSETS),
                instance=instance,
                resources=resources,
                tags=partitions.tags,
                run_config=QUIET,
            )
            assert result.success

        yield run


@pytest.mark.timeout(900)  # The longest of all tests, and a busy machine is no failure.
def test_every_way_of_computing_gives_the_same_bytes(
    engine: Engine, compute: Compute, tmp_path, slow: bool
) -> None:
    """Day by day; one range; thirds; then any days again: each way with the campaigns in another order.

    Day by day, one campaign has nine days one by one; all others come one alone or some at once, as chance has it, but
    for --slow.
    """
    tell_the_facts(engine, tmp_path)

    for turn, campaign in enumerate(TURNS["day by day"]):
        few, alone = (4, DAYS_ALONE) if turn == 0 else (6, 0)
        for first, last in pieces(few, alone=len(DAYS) if slow else alone):
            compute(campaign, first, last)
    day_by_day = digest(engine)

    forget_derived_rows(engine)
    for campaign in TURNS["one range"]:
        compute(campaign, DAYS[0], DAYS[-1])
    assert digest(engine) == day_by_day, "one range differs from day by day"
    assert_something_happened(engine)

    forget_derived_rows(engine)
    for campaign in TURNS["in thirds"]:
        for first in DAYS[::11]:
            compute(campaign, first, min(first + timedelta(days=10), DAYS[-1]))
    assert digest(engine) == day_by_day, "thirds differ from day by day"

    shuffled = random.Random(4)
    for campaign in RULES:
        for _ in range(3):
            day = shuffled.choice(DAYS)
            compute(campaign, day, min(day + timedelta(days=shuffled.randrange(3)), DAYS[-1]))
            assert digest(engine) == day_by_day, f"computing {campaign} from {day} again changed something"


def pieces(most_days: int, alone: int) -> Iterator[tuple[date, date]]:
    """The days in order, the first each alone, the others cut into so many days at the most."""
    chance, number = random.Random(7), 0
    while number < len(DAYS):
        length = 1 if number < alone else chance.randint(1, most_days)
        yield DAYS[number], DAYS[min(number + length, len(DAYS)) - 1]
        number += length


def tell_the_facts(engine: Engine, folder) -> None:
    """Imports what happened, the same for every way of computing."""
    for number, (campaign, rules) in enumerate(RULES.items()):
        register(engine, minimal_campaign_text(campaign, extra=rules), f"{campaign}.yaml")
        random_numbers = np.random.default_rng(number)
        for name, contents, frame in (
            ("leads.csv", Contents.LEADS, lead_rows(random_numbers)),
            ("corrections.csv", Contents.LEADS, corrections(random_numbers)),
            ("events.csv", Contents.EVENTS, event_rows(random_numbers)),
            ("outcomes.csv", Contents.OUTCOMES, outcome_rows(random_numbers)),
        ):
            path = folder / f"{campaign}-{name}"
            frame.to_csv(path, index=False)
            report = import_file(engine, campaign, path, contents=contents)
            assert report.rows == report.new + report.repeated + report.quarantined
    decide_by_hand(engine)
    order_by_hand(engine)
    be_in_touch_or_away(engine)
    try_things_out(engine)
    tell_of_reps(engine)
    crown(engine, "limited", DAYS[9], invented_model())
    crown(engine, "eager", DAYS[4], invented_model())
    crown(engine, "eager", DAYS[12], invented_model(base=-0.5))
    crown(engine, "eager", DAYS[25], None)


def lead_rows(random_numbers: np.random.Generator, count: int = 200) -> pd.DataFrame:
    """Leads of all kinds, some broken, spread over the days."""

    def pick(*values: str) -> np.ndarray:
        return np.array(values, dtype=object)[random_numbers.integers(0, len(values), count)]

    number = pd.Series(range(count)).astype("str")
    addresses = "Lead" + number + "@leads.example"
    chance = random_numbers.random(count)
    days = pd.Series(pd.to_datetime(list(DAYS))[random_numbers.integers(0, len(DAYS), count)])
    return pd.DataFrame(
        {
            "Email": addresses.mask(chance < 0.1, "").mask(chance < 0.04, "not an address"),
            "First name": pick("ada", "BRUNO", "Chloé", "unknown", ""),
            "Last name": pick("Berg", "o'neill", "VAN DER BERG", ""),
            "Company": pick("Acme GmbH", "Globex Ltd", "Select", ""),
            "Title": pick("CEO", "Head of Sales", "Accountant", "Student", ""),
            "Industry": pick("Software", "Retail", "Mining", ""),
            "Employees": pick("12", "80", "700", "9000", ""),
            "Country": pick("DE", "France", "US", ""),
            "Phone": pick("030 23125 100", "+44 7700 900123", "12", ""),
            "Plan": pick("pro", "free", "3", ""),
            "Received": days.dt.strftime("%Y-%m-%d"),
        }
    )


def corrections(random_numbers: np.random.Generator) -> pd.DataFrame:
    """Later records of leads already known."""
    again = lead_rows(random_numbers, 60)
    return again.assign(
        Received="2026-03-" + pd.Series(random_numbers.integers(10, 31, len(again))).astype("str")
    )


def event_rows(random_numbers: np.random.Generator, count: int = 700) -> pd.DataFrame:
    """What leads did, at any moment of the days, some of it by machines or by nobody we know."""
    moments = datetime(2026, 3, 1, tzinfo=UTC) + pd.to_timedelta(
        random_numbers.integers(0, len(DAYS) * 86_400, count), unit="s"
    )
    behaviours = np.array(
        ["open", "click", "visit", "form", "reply", "meeting", "unsubscribe", "yawn"], dtype=object
    )
    likely = [0.35, 0.25, 0.2, 0.08, 0.04, 0.02, 0.03, 0.03]
    return pd.DataFrame(
        {
            "event_id": [f"event-{number}" for number in range(count)],
            "email": [f"lead{number}@leads.example" for number in random_numbers.integers(0, 70, count)],
            "behaviour": random_numbers.choice(behaviours, count, p=likely),
            "occurred_at": moments.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "is_machine": np.where(random_numbers.random(count) < 0.1, "true", "false"),
        }
    )


def outcome_rows(random_numbers: np.random.Generator) -> pd.DataFrame:
    """Some leads are won or lost on the way."""
    leads = random_numbers.choice(200, 20, replace=False)
    return pd.DataFrame(
        {
            "email": [f"lead{number}@leads.example" for number in leads],
            "outcome": random_numbers.choice(np.array(["won", "lost"], dtype=object), len(leads)),
            "occurred_at": [
                f"2026-03-{day:02d}T12:00:00Z" for day in random_numbers.integers(5, 31, len(leads))
            ],
        }
    )


def decide_by_hand(engine: Engine) -> None:
    """People overrule the rules, some until a day."""
    with engine.connect() as connection:
        table = text("SELECT DISTINCT campaign, lead_id FROM leadflow.engagement_events ORDER BY 1, 2")
        leads = connection.execute(table).all()
    decisions = (("status", "QUALIFIED"), ("tier", "HOT"), ("nurture", "pause"), ("status", "REJECTED"))
    for number, (campaign, lead_id) in enumerate(leads[::5]):
        field, value = decisions[number % len(decisions)]
        decided_at = datetime(2026, 3, 3 + number % 20, 9, tzinfo=UTC)
        add_override(
            engine,
            campaign=campaign,
            lead_id=lead_id,
            field=field,
            value=value,
            actor="reviewer-1",
            reason="looked at it",
            occurred_at=decided_at,
            expires_at=decided_at + timedelta(days=4) if number % 2 else None,
        )


def order_by_hand(engine: Engine) -> None:
    """People skip steps, move leads to others and enrol them once more."""
    for campaign, orders in (
        ("limited", ("skip", "enrol education", "move end", "enrol long_term_nurture")),
        ("eager", ("skip", "enrol education", "move 3")),
    ):
        for number, lead_id in enumerate(leads_that_did_something(engine, campaign)[1::2]):
            add_override(
                engine,
                campaign=campaign,
                lead_id=lead_id,
                field="nurture",
                value=orders[number % len(orders)],
                actor="reviewer-1",
                reason="knows them",
                occurred_at=datetime(2026, 3, 5 + number % 22, 15, tzinfo=UTC),
            )


def be_in_touch_or_away(engine: Engine) -> None:
    """Reps call some leads or note something; automatic answers say of others until when they are away."""
    for campaign in RULES:
        for number, lead_id in enumerate(leads_that_did_something(engine, campaign)[2::4]):
            at = datetime(2026, 3, 4 + number % 24, 7 + number % 12, tzinfo=UTC)
            if number % 2:
                add_touch(
                    engine, campaign, lead_id, "ana", ("call", "note")[number % 4 == 1], at, origin="test"
                )
                continue
            add_override(
                engine, campaign=campaign, lead_id=lead_id, field="nurture", value="pause", actor="mailbox",
                reason=OUT_OF_OFFICE, occurred_at=at, expires_at=at + timedelta(days=1 + number % 6, hours=5),
            )  # fmt: skip


def leads_that_did_something(engine: Engine, campaign: str) -> list[str]:
    query = text(
        "SELECT DISTINCT lead_id FROM leadflow.engagement_events WHERE campaign = :campaign ORDER BY 1"
    )
    with engine.connect() as connection:
        return list(connection.scalars(query, {"campaign": campaign}))


def try_things_out(engine: Engine) -> None:
    """One experiment ends with a winner; one stops for some days."""
    for campaign, key, begins in (
        ("limited", "warmer", [(4, "running", None), (17, "decided", "sooner")]),
        ("spring", "results", [(3, "running", None), (19, "decided", "swift")]),
        ("eager", "colder", [(2, "running", None), (15, "stopped", None), (18, "running", None)]),
    ):
        experiments = load(engine, campaign).rules.experiments
        tried = next(each for each in experiments if each.key == key)
        for number, state, winner in begins:
            change_state(
                engine, campaign, tried, experiments, state, DAYS[number],
                actor="reviewer-1", reason="it is a test", winner=winner,
            )  # fmt: skip


def tell_of_reps(engine: Engine) -> None:
    """Reps of two teams, of whom one leaves, one comes late and one is away; owners named by people; and leads told to
    others than planned, once and again."""
    few = Capacity(per_day=0.7, open_leads=12)
    reps = [
        Rep(rep="ana", territories=(Territory(country="DE"),), capacity=Capacity(per_week=4)),
        Rep(rep="bo", territories=(Territory(country="FR"), Territory(country="DE")), capacity=few),
        Rep(rep="cy", team="Large", capacity=few, weight=2),
        Rep(rep="dee", territories=(Territory(country="US"),), industries=("software",), capacity=few),
    ]
    import_reps(engine, reps, actor="tester", origin="test")
    late = Rep(rep="eli", capacity=few)
    import_reps(engine, [late], actor="tester", origin="test", from_day=DAYS[8], keep_missing=True)
    set_status(engine, "bo", "left", actor="tester", from_day=DAYS[15])
    add_absence(engine, "ana", DAYS[4], DAYS[9], actor="tester")
    leads = "SELECT campaign, lead_id, min(day) AS day FROM leadflow.engagement_events GROUP BY 1, 2 ORDER BY 1, 2"
    with engine.begin() as connection:
        some = connection.execute(text(leads)).all()
        for number, (campaign, lead_id, day) in enumerate(some[1::6]):
            told = {"campaign": campaign, "lead_id": lead_id, "origin": "service", "reason": "told by hand"}
            decisions = [("cy", 1, 1), ("dee", 2, 4)] if number % 3 == 0 else [("dee", 1, 2)]
            for owner, assignment, later in decisions:
                decided_on = min(day + timedelta(days=later), DAYS[-1])
                connection.execute(
                    insert(handoffs).values(
                        rep=owner, assignment_number=assignment, decision_day=decided_on, **told
                    )
                )
    for number, (campaign, lead_id, day) in enumerate(some[::4]):
        ordered_at = datetime.combine(day, time(9), UTC) + timedelta(days=number % 3)
        add_override(
            engine,
            campaign=campaign,
            lead_id=lead_id,
            field="owner",
            value=("ana", "bo")[number % 2],
            actor="reviewer-1",
            reason="knows them",
            occurred_at=ordered_at,
            expires_at=ordered_at + timedelta(days=3) if number % 2 else None,
        )


def forget_derived_rows(engine: Engine) -> None:
    """Back to the facts."""
    names = ", ".join(table.fullname for table in (*DERIVED_TABLES, partition_lineage))
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names}"))


def assert_something_happened(engine: Engine) -> None:
    """The law would hold for empty tables too."""
    with engine.connect() as connection:
        kinds = {
            column: set(connection.scalars(text(f"SELECT DISTINCT {column} FROM leadflow.{table}")))
            for table, column in (
                ("scored_leads", "temperature"),
                ("qualified_leads", "status"),
                ("routed_leads", "tier"),
                ("nurtured_leads", "state"),
            )
        }
        assert kinds["temperature"] == {"hot", "warm", "cold"}
        assert {"QUALIFIED", "REJECTED", "PENDING"} <= kinds["status"]
        assert {"ENROLLED", "TOUCH_DUE", "STOPPED", "GRADUATED"} <= kinds["state"]
        said = "SELECT DISTINCT reason->>'code' FROM leadflow.nurtured_leads, jsonb_array_elements(reasons) AS reason"
        codes = {slug: set(connection.scalars(text(f"{said} WHERE campaign = '{slug}'"))) for slug in RULES}
        assert codes["limited"] >= {
            "branch", "follows", "enrol", "waits", "exit", "goal", "skip", "not_moved", "away", "owner_touch",
            "passed_over", "resume",
        }  # fmt: skip
        assert codes["eager"] >= {"sooner", "goal", "passed_over", "skip", "move", "away", "owner_touch"}
        assert codes["spring"] >= {"sooner", "colleague_reply"}
        hours = "SELECT count(DISTINCT extract(hour FROM planned_at)) FROM leadflow.nurture_touches"
        assert connection.scalar(text(f"{hours} WHERE campaign = 'spring'")) > 4
        educated = (
            "SELECT 1 FROM leadflow.nurtured_leads WHERE sequence = 'education' AND campaign = 'eager' AND"
        )
        assert connection.execute(text(f"{educated} reasons->0->>'code' = 'enrolled'")).first()
        owners = text("SELECT DISTINCT campaign, status, method FROM leadflow.owner_decisions")
        decided = {tuple(row) for row in connection.execute(owners)}
        assert {status for _, status, _ in decided} == {"ASSIGNED", "REASSIGNED", "HELD"}
        assert {campaign for campaign, _, _ in decided} == {"spring", "limited"}
        methods = {method for _, _, method in decided}
        assert methods >= {"optimal", "round_robin", "override", "override_ended", "handoff", "capacity"}
        models = "SELECT count(DISTINCT coalesce(model_version, '')) FROM leadflow.scored_leads"
        assert connection.scalar(text(f"{models} WHERE campaign = 'eager'")) == 3
        corrected = select(harvested_leads.c.lead_id).where(harvested_leads.c.is_new.is_(False))
        assert connection.execute(corrected).first()
        cooled_in_silence = text(
            "SELECT 1 FROM leadflow.scored_leads AS cooled JOIN leadflow.scored_leads AS before "
            "USING (campaign, lead_id) WHERE before.cools_on = cooled.day AND NOT EXISTS (SELECT 1 "
            "FROM leadflow.engagement_events AS event WHERE event.campaign = cooled.campaign "
            "AND event.lead_id = cooled.lead_id AND event.day BETWEEN before.day + 1 AND cooled.day)"
        )
        assert connection.execute(cooled_in_silence).first()
        met = "SELECT count(DISTINCT variant) FROM leadflow.experiment_exposures WHERE experiment = :key"
        assert [connection.scalar(text(met), {"key": key}) for key in ("warmer", "colder")] == [3, 3]
        assert connection.scalar(text("SELECT count(DISTINCT weight) FROM leadflow.experiment_arms")) > 5
        by_experiment = (
            "SELECT DISTINCT campaign FROM leadflow.routed_leads WHERE reasoning LIKE '%by experiment%'"
        )
        assert set(connection.scalars(text(by_experiment))) == {"limited", "eager"}
