"""Collectors that are killed at any statement, and several at once: nothing is lost, doubled or paid for twice.

Each collector is a process of its own. It is killed with SIGKILL when it has sent a certain number of statements or
commits to the database, which comes to every moment between reading a page and keeping it.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text

from leadflow_pipeline.harvest.collecting import collect
from leadflow_pipeline_tests.databases import EMPTYING
from leadflow_pipeline_tests.fakes.apollo import FakeApollo
from leadflow_pipeline_tests.fakes.dropcontact import FakeDropcontact
from leadflow_pipeline_tests.fakes.json_api import FakeJsonApi
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.harvest.sources.asked import NOW, AskingWorld, apollo, dropcontact, json_api

FORK = multiprocessing.get_context("fork")
PEOPLE = invented_people(35)
PAGES = 5
"""Of ten people each, the last one empty."""

NEW_EACH_TURN = 4
"""People that there are to buy whenever a collector is started."""


def work(url: Any, at: datetime, moment: int, results: Any) -> None:
    """One job of the campaign, which ends with SIGKILL at a moment (0: never)."""
    engine = create_engine(url, hide_parameters=True)
    moments = 0

    def count(*_: object) -> None:
        nonlocal moments
        moments += 1
        if moments == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, name, count)
    (report,) = collect(engine, "spring", now=lambda: at, wait=lambda _seconds: None)
    results.put((report.state, report.new, moments))
    results.close()
    results.join_thread()
    os._exit(0)


def start(engine: Engine, at: datetime, moment: int = 0) -> tuple[BaseProcess, Any]:
    results = FORK.Queue()
    process = FORK.Process(target=work, args=(engine.url, at, moment, results), daemon=True)
    process.start()
    return process, results


def finish(engine: Engine, at: datetime) -> tuple[str, int, int]:
    """A job that is left alone: its state, its new records, and its moments."""
    process, results = start(engine, at)
    result: tuple[str, int, int] = results.get(timeout=60)
    process.join(60)
    return result


def wait_for_locks(engine: Engine) -> None:
    """Until the database has noticed that a process is gone."""
    with engine.connect() as connection:
        connection.execute(
            text(
                "DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
                f"AND pid <> pg_backend_pid() AND application_name NOT IN ('leadflow', '{EMPTYING}')) LOOP "
                "PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.005); END LOOP; END $$"
            )
        )


def kill(asking: AskingWorld, moment: int) -> None:
    """A job that dies at a moment, or has come to its end before."""
    process, _ = start(asking.engine, asking.clock.at, moment)
    process.join(60)
    wait_for_locks(asking.engine)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_page_is_read_again_at_most_and_no_record_is_lost_or_doubled(
    asking: AskingWorld, slow: bool
) -> None:
    chance = random.Random(11)
    with FakeJsonApi(PEOPLE) as server:
        asking.register(json_api(server.url))
        last = 0
        for turn in range(100 if slow else 6):
            seen = len(server.requests)
            kill(asking, chance.randint(5, 90) if turn % 2 else 20 + 9 * (turn % 9))
            pages = [int(request.first("page")) for request in server.requests[seen:]]
            if pages:
                assert pages == list(range(pages[0], pages[0] + len(pages)))
                is_next_sweep = last == PAGES and pages[0] == 1
                assert pages[0] in (last, last + 1) or is_next_sweep, "more than a page was read again"
                last = pages[-1]
        assert finish(asking.engine, NOW)[0] == "done"
        emails = asking.emails("partner", "person.email")
        assert sorted(emails) == sorted(person.email for person in PEOPLE)
        assert asking.row("partner").records == len(PEOPLE)


def new_people_of_apollo(asking: AskingWorld, server: FakeApollo, turn: int, _folder: Path) -> None:
    """Apollo finds some more people with every turn."""
    server.people = invented_people(NEW_EACH_TURN * (turn + 1))


def new_people_without_an_address(
    asking: AskingWorld, _server: FakeDropcontact, turn: int, folder: Path
) -> None:
    """With every turn a file brings some more people to ask Dropcontact about."""
    asking.import_people(folder, invented_people(NEW_EACH_TURN, start=NEW_EACH_TURN * turn), turn)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("server_class", "text", "bring"),
    [
        (FakeApollo, apollo, new_people_of_apollo),
        (FakeDropcontact, dropcontact, new_people_without_an_address),
    ],
)
def test_nobody_is_bought_twice_however_often_a_collector_dies(
    asking: AskingWorld, slow: bool, tmp_path: Path, server_class: Any, text: Any, bring: Any
) -> None:
    chance, turns = random.Random(11), 100 if slow else 5
    with server_class(invented_people(NEW_EACH_TURN * turns)) as server:
        asking.register(text(server.url, ", budget: {leads_per_job: 1000, credits: 1000, calls: 10000}"))
        for turn in range(turns):
            bring(asking, server, turn, tmp_path)
            kill(asking, chance.randint(30, 130))
            asking.clock.at += timedelta(minutes=2)
        for _ in range(4):
            finish(asking.engine, asking.clock.at)
            asking.clock.at += timedelta(hours=1)
        states = asking.lookups()
        assert len(states) == NEW_EACH_TURN * turns
        assert set(states) <= {"answered", "unknown"}
        assert set(server.charges.values()) <= {1}, "a credit was spent twice"
        is_forgotten = len(server.charges) - states.count("answered") > states.count("unknown")
        assert not is_forgotten, "something was paid for that nobody knows of"
        name = "found" if server_class is FakeApollo else "addresses"
        assert len(asking.records(name)) == states.count("answered")
        assert asking.row(name).records == states.count("answered")


def test_two_collectors_at_once_read_every_page_once(asking: AskingWorld) -> None:
    with FakeJsonApi(PEOPLE) as server:
        asking.register(json_api(server.url))
        started = [start(asking.engine, NOW) for _ in range(2)]
        results = [queue.get(timeout=60) for _, queue in started]
        for process, _ in started:
            process.join(60)
        assert sum(new for _, new, _ in results) == len(PEOPLE)
        # The second one finds the source busy, or reads it all again once the first is through.
        assert server.count("/leads") in (PAGES, 2 * PAGES)
        assert len(asking.records("partner")) == len(PEOPLE)


def test_two_processes_share_a_day_s_budget(asking: AskingWorld) -> None:
    with FakeJsonApi(invented_people(200)) as server:
        asking.register(json_api(server.url, extra=", budget: {calls: 7, leads_per_job: 10}"))
        for _ in range(8):
            started = [start(asking.engine, NOW) for _ in range(2)]
            for process, queue in started:
                queue.get(timeout=60)
                process.join(60)
        assert server.count("/leads") == 7
        assert len(asking.records("partner")) == 70
