"""`leadflow demo --vendors`: leads from vendors that are stand-ins on this machine, so that no account is needed.

What belongs here: which stand-in takes whose place, the order of the steps, and what is shown of who said what at
which cost. What does not: any rule; every step is what the schedules do. Safe to repeat: sources rest until they are
due, people that were bought are known, and days are known by their lineage.

The world of the demo is yesterday at noon, because a day can be computed once it has ended. Its clock moves only when
something waits, so waiting takes no time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Text, cast, func, select, text

from leadflow_pipeline import samples
from leadflow_pipeline.cli.demo_steps import Changes, compute, last_record_day, show_campaign, step
from leadflow_pipeline.cli.output import console, table_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.partitions import last_complete_day
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import enriched_leads, vendor_lookups

if TYPE_CHECKING:
    from leadflow_pipeline.harvest.collecting import CollectReport
    from leadflow_pipeline_tests.fakes.http import FakeServer

KEY_VARIABLE = "LEADFLOW_STAND_IN_KEY"
KEY = "stand-in"
ACTOR = "leadflow demo"
NOON = time(12, 0, tzinfo=UTC)
BETWEEN_ROUNDS = timedelta(minutes=6)
MOST_ROUNDS = 5
"""Of asking: a batch of Dropcontact's takes some moments, and a queued look-up of Clearbit's some minutes."""


class DemoClock:
    """A moment that stands still until somebody waits."""

    def __init__(self, start: datetime) -> None:
        self._moment = start

    def now(self) -> datetime:
        """The moment it shows."""
        return self._moment

    def wait(self, seconds: float) -> None:
        """Lets time pass at once."""
        self._moment += timedelta(seconds=seconds)


def demo_vendors() -> None:
    """Collects leads from four vendors, has three more say what they know of them, and shows what came of it."""
    from leadflow_pipeline.campaign import register as register_campaign
    from leadflow_pipeline.campaign import set_status
    from leadflow_pipeline.store.dagster_home import dagster_instance
    from leadflow_pipeline.store.engine import get_engine

    changes = Changes()
    with stand_ins() as servers, dagster_instance() as instance:
        engine, before = get_engine(), charged(servers)
        path = samples.VENDORS_CAMPAIGN
        campaign = register_campaign(
            engine, text_with_ports(path.read_text("utf-8"), servers), path.name
        ).campaign
        set_status(engine, campaign, "active", actor=ACTOR)
        day = last_record_day(engine, campaign) or last_complete_day(datetime.now(UTC))
        clock = DemoClock(datetime.combine(day, NOON))
        with step("collecting leads from Apollo, HubSpot, a JSON API and a web page"):
            collected = collect_all(engine, campaign, clock)
        changes.records += sum(report.new for report in collected)
        with step("asking Dropcontact, Clearbit and an HTTP step what they know of them"):
            enrich_all(engine, campaign, clock)
        compute(instance, engine, campaign, day, changes)
        show_sources(collected)
        show_costs(engine, campaign)
        show_provenance(engine, campaign, day)
        show_campaign(engine, campaign)
        # Its vendors leave with this command, and nobody should ask for them every ten minutes.
        set_status(engine, campaign, "paused", actor=ACTOR)
        console.print(f"\n[bold]{changes.sentence()}[/]\n{bill(before, charged(servers))}")
        console.print(
            f"{campaign} is paused from here on: its vendors leave with this command.", highlight=False
        )


# --- the stand-ins -----------------------------------------------------------------------------------------------


@contextmanager
def stand_ins() -> Iterator[dict[int, FakeServer]]:
    """Starts every stand-in, each by the port that the campaign file names for it.

    Raises PermanentError where they are not installed.
    """
    try:
        from leadflow_pipeline_tests.fakes.apollo import FakeApollo
        from leadflow_pipeline_tests.fakes.clearbit import FakeClearbit
        from leadflow_pipeline_tests.fakes.dropcontact import FakeDropcontact
        from leadflow_pipeline_tests.fakes.hubspot import FakeHubSpot
        from leadflow_pipeline_tests.fakes.json_api import FakeJsonApi
        from leadflow_pipeline_tests.fakes.n8n_step import FakeN8nStep
        from leadflow_pipeline_tests.fakes.people import invented_people
        from leadflow_pipeline_tests.fakes.website import FakeWebsite
    except ModuleNotFoundError:
        raise PermanentError(
            "the stand-ins of vendors are part of the repository, not of the installed package: clone it and run "
            "leadflow demo --vendors there"
        ) from None
    # Some people are known to two vendors, as in life.
    everybody = invented_people(75)
    servers: dict[int, FakeServer] = {
        18801: FakeApollo(everybody[:40], key=KEY),
        18802: FakeHubSpot(everybody[30:55], key=KEY),
        18803: FakeJsonApi(everybody[45:65], paging="cursor", key=KEY),
        18804: FakeWebsite(everybody[55:], key=KEY),
        18805: FakeDropcontact(everybody, key=KEY),
        18806: FakeClearbit(everybody[::2], pending=1, key=KEY),
        18807: FakeN8nStep(key=KEY),
    }
    os.environ[KEY_VARIABLE] = KEY
    folder = get_settings().home / "stand-ins"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for port, server in servers.items():
            stack.enter_context(server.prefer(port).remember(folder / f"{port}.json"))
        yield servers


def text_with_ports(campaign_text: str, servers: dict[int, FakeServer]) -> str:
    """The campaign file with the ports that the stand-ins got, where another program has the usual one."""
    for port, server in servers.items():
        campaign_text = campaign_text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{server.port}")
    return campaign_text


def charged(servers: dict[int, FakeServer]) -> list[int]:
    """How often the stand-ins charged for each answer, as they counted it themselves, in all runs on this home."""
    return [count for server in servers.values() for count in server.charges.values()]


def bill(before: list[int], after: list[int]) -> str:
    """What the stand-ins charged for in this run, and whether anything was ever paid for twice."""
    now = sum(after) - sum(before)
    again = sum(after) - len(after)
    charges = f"{now:,} answers" if now else "nothing: every answer was known"
    return f"The stand-ins charged for {charges}.\nOf {sum(after):,} so far, {again or 'none'} were paid for twice."


# --- the steps ---------------------------------------------------------------------------------------------------


def collect_all(engine: Engine, campaign: str, clock: DemoClock) -> list[CollectReport]:
    """Reads every source that is due."""
    from leadflow_pipeline.harvest.collecting import collect

    return collect(engine, campaign, only_due=True, now=clock.now, wait=clock.wait)


def enrich_all(engine: Engine, campaign: str, clock: DemoClock) -> None:
    """Asks every provider, and again until those who answer later have answered."""
    from leadflow_pipeline.enrich.ordering import order_and_ask
    from leadflow_pipeline.harvest.open_day import leads_of_open_day

    for _ in range(MOST_ROUNDS):
        leads = leads_of_open_day(engine, campaign, clock.now())
        reports = order_and_ask(engine, campaign, leads, clock.now)
        if not any(report.waiting for report in reports):
            return
        clock.wait(BETWEEN_ROUNDS.total_seconds())


# --- what is shown -----------------------------------------------------------------------------------------------


def show_sources(collected: Sequence[CollectReport]) -> None:
    """Prints what came from whom in this run."""
    rows = [
        {
            "source": report.source,
            "kind": report.kind,
            "pages": report.pages,
            "records": report.rows,
            "new": report.new,
            "credits": f"{report.credits:g}",
            "how it ended": report.problem or report.state,
        }
        for report in collected
    ]
    if rows:
        console.print(table_of("\nWhere leads came from", rows))
    else:
        console.print("\nEvery source was read before and rests: nothing was collected.")


def show_costs(engine: Engine, campaign: str) -> None:
    """Prints what was asked of whom so far, and what it cost."""
    lookups = vendor_lookups.c
    query = (
        select(
            func.replace(lookups.provider, "source:", "source ").label("asked"),
            func.count().label("questions"),
            func.count().filter(lookups.state == "answered").label("answered"),
            func.count().filter(lookups.state == "not_found").label("not found"),
            func.count().filter(lookups.finished_at.is_(None)).label("open"),
            func.count().filter(lookups.copied_from.is_not(None)).label("known"),
            cast(func.sum(lookups.credits), Text).label("credits"),
        )
        .where(lookups.campaign == campaign)
        .group_by(lookups.provider)
        .order_by(func.min(lookups.lookup_id))
    )
    console.print(table_of("What was asked, and what it cost", rows_of(engine, query)))


def show_provenance(engine: Engine, campaign: str, day: date) -> None:
    """Prints who filled how many fields."""
    said = func.jsonb_each(enriched_leads.c.provenance).table_valued("key", "value").lateral()
    provider = said.c.value.op("->>")("by")
    query = (
        select(
            provider.label("who said it"),
            func.count(enriched_leads.c.lead_id.distinct()).label("leads"),
            func.count().label("fields"),
            func.string_agg(said.c.key.distinct(), text("', '")).label("which"),
        )
        .select_from(enriched_leads.join(said, text("true")))
        .where(enriched_leads.c.campaign == campaign, enriched_leads.c.day == day)
        .group_by(provider)
        .order_by(func.count().desc())
    )
    console.print(table_of("Who said what", rows_of(engine, query)))


def rows_of(engine: Engine, query: Any) -> list[dict[str, Any]]:
    """Rows of a query as they are printed."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
