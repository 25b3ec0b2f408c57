"""Sources are asked, and their records go through the door (the second way in, beside files).

What belongs here: reading a source page by page within its budget, one transaction a page, records of what was
bought, and what becomes of a source that fails. What does not: any one vendor (`sources`), how far a source has been
read (`place`), what it buys (`buying`), making facts of records (`door`).

A page's records and the place behind them are committed together, so a process that is killed anywhere reads at most
one page again, and its records are known by then. A source that fails waits and says why in one line; the others are
read all the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import pandas as pd
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from leadflow_pipeline.campaign import campaign_status, load
from leadflow_pipeline.errors import Deferred, FateUnknown, PermanentError, TransientError
from leadflow_pipeline.harvest import buying
from leadflow_pipeline.harvest import place as places
from leadflow_pipeline.harvest.door import ImportReport, take_in
from leadflow_pipeline.harvest.place import Place, fingerprint
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.harvest.sources import AskedSource, BoughtSource, Page
from leadflow_pipeline.harvest.sources.base import MOST_AT_ONCE
from leadflow_pipeline.harvest.sources.world import World, tomorrow
from leadflow_pipeline.vendors.limits import spend, spent
from leadflow_pipeline.vendors.session import Refused, utc_now

State = Literal["done", "more", "busy", "deferred", "failed"]
ROW_STATES: Mapping[State, str] = {"deferred": "deferred", "failed": "failed"}

AFTER_A_FAULT = timedelta(minutes=10)
"""When to try again what may pass by itself, where nobody says when."""

AFTER_A_FAILURE = timedelta(hours=1)
"""When to try again what a person has to mend: a key, an address, a selector."""

ACCESS = (401, 402, 403)
"""Refused for want of a key or credits: the place where it was read is as good as before."""


@dataclass
class CollectReport:
    """What came of reading one source. rows = new + repeated + quarantined + erased."""

    source: str
    kind: str
    state: State = "done"
    """done: read to its end; more: it goes on next time; busy: another process reads it; deferred, failed: `problem`
    says why, `until` when it is tried again."""
    pages: int = 0
    rows: int = 0
    new: int = 0
    repeated: int = 0
    quarantined: int = 0
    erased: int = 0
    ordered: int = 0
    """Questions found that were not asked before."""
    lookups: dict[str, int] = field(default_factory=dict)
    """Where questions went: answered, not_found, failed, unknown, pending, copied, planned."""
    credits: float = 0.0
    problem: str | None = None
    """One plain line, without personal data."""
    until: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"until": self.until.isoformat() if self.until else None}

    def end(self, state: State, problem: str | None = None, until: datetime | None = None) -> None:
        """Notes how it ended; what went wrong first is what is told."""
        if self.problem is None:
            self.state, self.problem, self.until = state, problem, until

    def add(self, taken: ImportReport) -> None:
        """Adds what became of some records."""
        for name in ("rows", "new", "repeated", "quarantined", "erased"):
            setattr(self, name, getattr(self, name) + getattr(taken, name))


def collect(
    engine: Engine,
    campaign: str,
    *,
    source: str | None = None,
    only_due: bool = False,
    now: Callable[[], datetime] = utc_now,
    wait: Callable[[float], None] = time.sleep,
) -> list[CollectReport]:
    """Reads the asked sources of an active campaign (or one of them), each as far as its budget for one job goes.

    `only_due`: not those that rest until later. Raises PermanentError for a campaign that there is not or that is not
    active, and for a source that it does not ask; never for what a vendor does.
    """
    if (status := campaign_status(engine, campaign)) != "active":
        raise PermanentError(
            f"campaign {campaign} is {status}: leadflow campaign resume {campaign} lets it collect"
        )
    rules = load(engine, campaign).rules.sources
    asked = _asked_sources(campaign, rules, source)
    paging = set(places.due_sources(engine, campaign, [each.name for each in asked], now()))
    if only_due:
        due = due_sources(engine, campaign, rules, now())
        asked = [each for each in asked if each.name in due]
    world = World(engine, campaign, rules, now, wait)
    return [collect_source(world, each, reads_pages=not only_due or each.name in paging) for each in asked]


def due_sources(engine: Engine, campaign: str, sources: Sequence[SourceRules], now: datetime) -> set[str]:
    """The asked sources that have something to do now: pages to read, or questions to ask."""
    names = [source.name for source in sources if isinstance(source, AskedSource)]
    buying_now = buying.buying_sources(engine, campaign, names, now)
    return buying_now | set(places.due_sources(engine, campaign, names, now))


def _asked_sources(campaign: str, sources: Sequence[SourceRules], named: str | None) -> list[AskedSource]:
    asked = [source for source in sources if isinstance(source, AskedSource)]
    chosen = [source for source in asked if named in (None, source.name)]
    if named is not None and not chosen:
        names = ", ".join(source.name for source in asked) or "none"
        raise PermanentError(f"campaign {campaign} asks no source {named!r}, only {names}: mend --source")
    return chosen


def collect_source(world: World, source: AskedSource, *, reads_pages: bool = True) -> CollectReport:
    """One job of one source: its pages are read on, where it `reads_pages`, and its questions asked."""
    report = CollectReport(source.name, source.kind)
    with places.sole_reader(world.engine, world.campaign, source.name) as is_mine:
        if not is_mine:
            report.end("busy", "another process is reading it at this moment")
            return report
        reading = Reading(world, source, report)
        if reads_pages:
            with reading.faults_noted():
                reading.read_pages()
        if isinstance(source, BoughtSource):
            with reading.faults_noted():
                reading.buy(source)
        reading.note_end()
    return report


class Reading:
    """One process reads one source, in one job."""

    def __init__(self, world: World, source: AskedSource, report: CollectReport) -> None:
        self._world = world
        self._source = source
        self._report = report
        self._standing = places.standing_of(world.engine, world.campaign, source.name, world.now())
        self._place = self._standing.place
        self._pages = self._standing.pages
        self._seen = list(self._standing.seen)
        self._backlog = self._open_questions() if isinstance(source, BoughtSource) else 0

    # --- faults ----------------------------------------------------------------------------------------------------

    @contextmanager
    def faults_noted(self) -> Iterator[None]:
        """Puts whatever a vendor does into the report; only a fault of the database goes on."""
        now = self._world.now
        try:
            yield
        except Deferred as deferred:
            self._report.end("deferred", str(deferred), deferred.until)
        except TransientError as error:
            self._report.end("deferred", str(error), now() + AFTER_A_FAULT)
        except (PermanentError, FateUnknown) as error:
            self._report.end("failed", str(error), now() + AFTER_A_FAILURE)
            if not (isinstance(error, Refused) and error.status in ACCESS):
                self._leave_bad_place()
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 (an answer of a shape nobody knows must not stop the other sources)
            from leadflow_pipeline.store.failures import describe

            self._report.end(
                "failed", f"its answer has an unknown shape: {describe(error)}", now() + AFTER_A_FAILURE
            )
            self._leave_bad_place()

    def _leave_bad_place(self) -> None:
        """Begins the sweep anew where it failed before too at this place: its cursor may be good for nothing."""
        if self._standing.state == "failed" and not self._report.pages and self._place != Place():
            place = Place(self._source.sweep_again(self._place.cursor))
            with self._world.engine.begin() as connection:
                self._move_on(connection, place, 0, pages=0, seen_cursors=[])
            self._place = place

    def note_end(self) -> None:
        """Writes down why the source is left, and until when."""
        report, world = self._report, self._world
        if report.state in ROW_STATES and report.problem is not None:
            until = report.until or world.now() + AFTER_A_FAULT
            state = ROW_STATES[report.state]
            places.rest_until(world.engine, world.campaign, self._source.name, until, report.problem, state)

    # --- pages -----------------------------------------------------------------------------------------------------

    def read_pages(self) -> None:
        """Reads on to the end of the sweep, or of what one job or day may bring."""
        if self._room() == 0:
            self._stop_for_room()
            return
        for page in self._source.pages(self._world, self._place.cursor):
            self._report.pages += 1
            self._store(page)
            if page.is_last or self._report.state != "done":
                return
            if self._room() == 0:
                self._stop_for_room()
                return

    def _store(self, page: Page) -> None:
        """Stores a page, as much at once as there is room for. What is left of it is read again next time."""
        rest = page.records[self._place.skip :]
        while len(part := rest[: self._room()]) < len(rest):
            if not part:
                self._stop_for_room()
                return
            rest = rest[len(part) :]
            self._commit(page, part, Place(self._place.cursor, self._place.skip + len(part)))
        self._commit(page, part, *self._after(page))

    def _room(self) -> int:
        """How many new records, or questions, may come yet."""
        budget = self._source.budget
        room = budget.leads_per_job - self._report.ordered - self._backlog
        if not isinstance(self._source, BoughtSource):
            room = min(MOST_AT_ONCE, budget.leads_per_job - self._report.new)
            if budget.leads is not None:
                world = self._world
                day = world.now().date()
                used = spent(world.engine, world.campaign, self._source.account, day, "leads")
                room = min(room, budget.leads - int(used))
        return max(room, 0)

    def _stop_for_room(self) -> None:
        budget, now = self._source.budget, self._world.now()
        self._report.end("more")
        if self._report.new < budget.leads_per_job and not isinstance(self._source, BoughtSource):
            raise Deferred(f"its {budget.leads:,} leads a day are used up", tomorrow(now))

    def _after(self, page: Page) -> tuple[Place, dict[str, Any]]:
        """Where to go on after a whole page, and what to note: the sweep goes on, is at its end, or has none."""
        now = self._world.now()
        if page.is_last:
            end = {"state": "ready", "problem": None, "next_attempt_at": now + self._source.rest}
            return Place(page.cursor), {**end, "pages": 0, "seen_cursors": []}
        self._pages += 1
        problem = self._endlessness(page)
        if problem is None:
            on = {"state": "ready", "problem": None, "next_attempt_at": now}
            return Place(page.cursor), {**on, "pages": self._pages, "seen_cursors": self._seen}
        self._report.end("failed", problem, now + max(self._source.rest, AFTER_A_FAILURE))
        return Place(self._source.sweep_again(page.cursor)), {"pages": 0, "seen_cursors": []}

    def _endlessness(self, page: Page) -> str | None:
        """Why a sweep cannot come to an end; None where it may."""
        marks = [fingerprint("cursor", page.cursor)]
        if page.records and self._source.may_repeat_itself:
            marks.append(fingerprint("records", json.dumps(list(page.records), sort_keys=True, default=str)))
        is_repeated = not set(marks).isdisjoint(self._seen)
        self._seen += marks
        if is_repeated:
            return f"its pages begin to repeat after {self._pages:,} pages: the sweep ends here"
        if self._pages >= self._source.most_pages:
            return f"its pages have no end after {self._pages:,}: the sweep ends here; narrow it, or raise most_pages"
        return None

    def _commit(
        self,
        page: Page,
        part: Sequence[Mapping[str, Any]],
        place: Place,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Stores records and the place behind them: both, or neither."""
        world, source = self._world, self._source
        taken, ordered = None, 0
        with world.engine.begin() as connection:
            if isinstance(source, BoughtSource):
                ordered = buying.order_questions(connection, world, source, part)
            else:
                taken = self._take_in(connection, part, page.origin, self._place.skip + 1)
            self._move_on(connection, place, taken.new if taken else 0, **(values or {}))
        self._place = place
        self._report.ordered += ordered
        if taken is not None:
            self._report.add(taken)

    def _take_in(
        self, connection: Connection, records: Sequence[Mapping[str, Any]], origin: str, first_row: int
    ) -> ImportReport:
        world, source = self._world, self._source
        now = world.now()
        taken = take_in(
            connection, world.campaign, source, records, origin=origin, received_at=now, first_row=first_row
        )
        if taken.new and not isinstance(source, BoughtSource):
            spend(connection, world.campaign, source.account, now.date(), "leads", taken.new, None)
        return taken

    def _move_on(self, connection: Connection, place: Place, new: int, **values: Any) -> None:
        world, name = self._world, self._source.name
        places.move_on(connection, world.campaign, name, self._place, new, cursor=place.text, **values)

    # --- answers that are paid for -----------------------------------------------------------------------------------

    def buy(self, source: BoughtSource) -> None:
        """Asks the vendor what was ordered, and makes records of its answers."""
        report = self._report
        done = buying.ask(self._world, source, self._answers_taken(source))
        report.lookups = {state: count for state, count in done.states.items() if count}
        report.credits = done.credits
        if done.deferred_until is not None:
            report.end("deferred", done.problem or "the vendor asks to wait", done.deferred_until)
        elif done.problem is not None:
            report.end("failed", done.problem, self._world.now() + AFTER_A_FAILURE)
        elif report.state == "done" and self._open_questions():
            report.end("more")

    def _answers_taken(self, source: BoughtSource) -> Callable[[Connection, pd.DataFrame], None]:
        """What to do with answers in the transaction that keeps them: records of them go through the door."""

        def take(connection: Connection, lookups: pd.DataFrame) -> None:
            answered = lookups[lookups["state"] == "answered"]
            told = zip(answered["question"], answered["answer"], strict=True)
            records = [source.record(json.loads(question), json.loads(answer)) for question, answer in told]
            taken = self._take_in(connection, records, f"{source.vendor} answers", 1)
            places.count(connection, self._world.campaign, source.name, taken.new)
            self._report.add(taken)

        return take

    def _open_questions(self) -> int:
        world = self._world
        return buying.open_questions(world.engine, world.campaign, self._source.name)
