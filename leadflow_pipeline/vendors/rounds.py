"""One round of asking: what is pending is polled, what is planned is asked, and every failure has its consequence.

What belongs here: what happens to a batch. What does not: the statements that do it (`lookup_states`), and the wire
(`session`).

What a failure means is told by its type alone: `FateUnknown`, and an answer of a shape that its client does not know,
may have been paid for; every other error of ours says that nothing was carried out, or that repeating is free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeAlias

import pandas as pd
from sqlalchemy import ARRAY, BigInteger, Connection, Engine, Row, any_, literal, select

from leadflow_pipeline.errors import Deferred, FateUnknown, LeadflowError, PermanentError, TransientError
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import vendor_lookups
from leadflow_pipeline.vendors import lookup_states as states
from leadflow_pipeline.vendors.limits import Budget, Unit, refund, spend, spent
from leadflow_pipeline.vendors.questions import Answer, Asker, CarriedOut, Submitted, json_text
from leadflow_pipeline.vendors.session import Refused, Unanswered

OnAnswers = Callable[[Connection, pd.DataFrame], None]
"""Called with rows of `vendor_lookups` that have just been finished, inside the transaction that finishes them."""

_Told: TypeAlias = dict[str, list[Any]]
"""Columns of `vendor_lookups`, a value for each lookup."""

FAULTY_QUESTION: Final = (400, 409, 413, 414, 422)
"""Statuses that lie with the questions of a batch, and not with key, plan or address."""

MOST_FAILURES: Final = 5
"""In a row, before the fault is looked for elsewhere than in the questions, and the rest is left planned."""

MOST_ATTEMPTS: Final = 8
REFUSAL_TTL: Final = timedelta(days=1)
"""What a vendor refuses may be a fault of its or of ours, mended tomorrow: it may be ordered again then."""

FIRST_BACKOFF: Final = timedelta(minutes=1)
LONGEST_BACKOFF: Final = timedelta(hours=4)
AFTER_A_PROBLEM: Final = timedelta(hours=1)
"""When to try again what waits for a person to mend a key or an address."""

SOONEST_POLL: Final = timedelta(seconds=30)
LONGEST_POLL: Final = timedelta(hours=1)
PENDING_AT_MOST: Final = timedelta(days=7)
"""An answer that was submitted for and is not there by then does not come. Vendors keep results for about 30 days."""

MISSHAPEN: Final = (LookupError, TypeError, ValueError, AttributeError)
"""What reading an answer of a shape its client does not know raises."""


class Round:
    """One round of asking for one provider of a campaign, by the only process that does."""

    def __init__(
        self,
        engine: Engine,
        asker: Asker,
        campaign: str,
        provider: str,
        budget: Budget,
        now: Callable[[], datetime],
        ttl: Mapping[str, timedelta],
        on_answers: OnAnswers | None,
    ) -> None:
        """`ttl`: how long an answer is good, by the state it leads to."""
        self._engine = engine
        self._asker = asker
        self._campaign = campaign
        self._provider = provider
        self._budget = budget
        self._now = now
        self._ttl = ttl
        self._on_answers = on_answers
        self._failures = 0
        self._is_over = False
        self.report = CarriedOut()

    def run(self, most: int) -> CarriedOut:
        """Goes through it; asks at most `most` questions."""
        if self._asker.is_repeatable:
            with self._engine.begin() as connection:
                states.revive(connection, self._campaign, self._provider, self._now())
        self._copy()
        self._poll()
        while not self._is_over and self.report.asked < most and (batch := self._claim(most)):
            self._ask(batch)
        if self.report.asked:
            self._copy()
        return self.report

    def _copy(self) -> None:
        with self._engine.begin() as connection:
            copied = states.copy_answers(connection, self._campaign, self._provider, self._now())
            self._tell(connection, copied)
        self.report.states["copied"] += len(copied)

    # --- what is pending -----------------------------------------------------------------------------------------

    def _poll(self) -> None:
        with self._engine.connect() as connection:
            requests = states.pending(
                connection, self._campaign, self._provider, self._asker.vendor, self._now()
            )
        for request_id, lookups in requests.items():
            if not self._is_over:
                self._collect(request_id, lookups)

    def _collect(self, request_id: str, lookups: list[Row[Any]]) -> None:
        """Asks for the answers to one request. Failing loses nothing: they can be asked for again."""
        questions: list[Mapping[str, Any]] = [{}] * (lookups[-1].place + 1)
        for lookup in lookups:
            questions[lookup.place] = lookup.question
        at = self._now()
        age = at - lookups[0].asked_at
        until, problem = at + min(max(age / 2, SOONEST_POLL), LONGEST_POLL), None
        try:
            answers = self._asker.collect(request_id, questions)
            # Picked here, for a list that is too short is an answer of an unknown shape.
            told = None if answers is None else self._told([answers[lookup.place] for lookup in lookups])
        except Deferred as deferred:
            told, until, problem = None, deferred.until, str(deferred)
            self._end(problem, until)
        except PermanentError as error:
            told, until, problem = None, at + AFTER_A_PROBLEM, str(error)
            self._end(problem)
        except (FateUnknown, TransientError, *MISSHAPEN) as error:
            told, problem = None, self._in_words(error)
            self.report.problem = problem
        if told is not None:
            self._keep(lookups, told)
            return
        ids = _ids(lookups)
        with self._engine.begin() as connection:
            if age > PENDING_AT_MOST:
                lost = f"{self._asker.vendor} gave no answer in {PENDING_AT_MOST.days} days"
                self.report.states["unknown"] += states.lose_sight(connection, ids, lost)
            else:
                self.report.states["pending"] += states.keep_waiting(connection, ids, until, problem)

    # --- what is planned -----------------------------------------------------------------------------------------

    def _claim(self, most: int) -> list[Row[Any]]:
        """Sets money aside for the next batch and puts it on the wire, by place; nothing where there is none."""
        at = self._now()
        with self._engine.begin() as connection:
            wanted = min(self._asker.most_at_once, most - self.report.asked)
            due = states.due(connection, self._campaign, self._provider, self._asker.vendor, at, wanted)
            if not due:
                return []
            # What was refused or not answered before goes alone, so that one bad question spoils no batch.
            due = due[:1] if due[0].attempts else [row for row in due if not row.attempts]
            affordable = self._affordable(connection, _day(at), len(due))
            if affordable < 1:
                midnight = datetime.combine(_day(at) + timedelta(days=1), datetime.min.time(), UTC)
                self._end(f"the day's budget of {self._provider} is used up", midnight)
                return []
            batch = states.put_on_wire(connection, [row.lookup_id for row in due[:affordable]], at)
            for unit, amount, cap in self._costs(len(batch)):
                spend(connection, self._campaign, self._provider, _day(at), unit, amount, cap)
        self.report.asked += len(batch)
        return batch

    def _affordable(self, connection: Connection, day: date, wanted: int) -> int:
        """How many of the wanted questions the day's budget still covers, if they cost all they can."""
        account = (self._campaign, self._provider, day)
        for unit, each, cap in self._costs(1):
            # Spending nothing takes the lock of the row, so that it stays true until the money is set aside.
            spend(connection, *account, unit, 0, None)
            left = cap - spent(connection, *account, unit)
            if left < each:
                return 0
            if unit != "calls" and each > 0:
                wanted = min(wanted, int(left / each))
        return wanted

    def _costs(self, questions: int) -> list[tuple[Unit, float, float]]:
        """What one request with so many questions costs at most, and the cap, for each unit that is counted."""
        costs: list[tuple[Unit, float, float | None]] = [
            ("calls", 1, self._budget.calls),
            ("credits", questions * self._asker.credits_at_most, self._budget.credits),
            ("leads", questions, self._budget.leads),
        ]
        return [(unit, amount, cap) for unit, amount, cap in costs if cap is not None]

    def _ask(self, batch: list[Row[Any]]) -> None:
        try:
            reply = self._asker.ask([lookup.question for lookup in batch])
            told = reply if isinstance(reply, Submitted) else self._told(_exactly(len(batch), reply))
        except (FateUnknown, *MISSHAPEN) as error:
            if self._asker.is_repeatable:
                self._try_later(batch, self._in_words(error))
            else:
                self._lose_sight(batch, self._in_words(error))
        except (Unanswered, TransientError) as error:
            if isinstance(error, Deferred) and not isinstance(error, Unanswered):
                self._put_back(batch, error.until, str(error), was_asked=False)
                self._end(str(error), error.until)
            else:
                self._try_later(batch, str(error))
        except PermanentError as error:
            if isinstance(error, Refused) and error.status in FAULTY_QUESTION:
                self._refused(batch, str(error))
            else:
                self._put_back(batch, self._now() + AFTER_A_PROBLEM, str(error), was_asked=False)
                self._end(str(error))
        else:
            self._failures = 0
            if isinstance(told, Submitted):
                self._submitted(batch, told)
            else:
                self._keep(batch, told)

    def _submitted(self, batch: list[Row[Any]], told: Submitted) -> None:
        poll_at = self._now() + told.poll_after
        with self._engine.begin() as connection:
            kept = states.keep_request(connection, _ids(batch), told.request_id, poll_at)
        self.report.states["pending"] += kept

    # --- what comes back -----------------------------------------------------------------------------------------

    def _told(self, answers: Sequence[Answer]) -> _Told:
        """Answers as columns, which is where one that cannot be stored is found out."""
        return {
            "state": [_state_of(answer) for answer in answers],
            "answer": [None if answer.content is None else json_text(answer.content) for answer in answers],
            "problem": [answer.problem for answer in answers],
            "credits": [answer.credits for answer in answers],
        }

    def _keep(self, lookups: list[Row[Any]], told: _Told, ttl: Mapping[str, timedelta] | None = None) -> None:
        """Keeps what came back, and gives back what was set aside and not charged."""
        at = self._now()
        expiry = [at + (ttl or self._ttl)[state] for state in told["state"]]
        with self._engine.begin() as connection:
            attempts = [lookup.attempts for lookup in lookups]
            news = states.finish(connection, _ids(lookups), attempts, {**told, "expires_at": expiry}, at)
            taken = [place for place, lookup in enumerate(lookups) if lookup.lookup_id in set(news)]
            charged = sum(told["credits"][place] for place in taken)
            self._settle_credits(connection, _day(lookups[0].asked_at), len(taken), charged)
            self._tell(connection, news)
        self.report.credits += charged
        self.report.states.update(told["state"][place] for place in taken)

    def _settle_credits(self, connection: Connection, day: date, questions: int, charged: float) -> None:
        if self._budget.credits is None:
            return
        account = (self._campaign, self._provider, day)
        unused = questions * self._asker.credits_at_most - charged
        if unused >= 0:
            refund(connection, *account, "credits", unused)
        else:
            spend(connection, *account, "credits", -unused, None)

    def _tell(self, connection: Connection, ids: Sequence[int]) -> None:
        if self._on_answers is None or not ids:
            return
        wanted = vendor_lookups.c.lookup_id == any_(literal(list(ids), ARRAY(BigInteger)))
        query = select(vendor_lookups).where(wanted).order_by(vendor_lookups.c.lookup_id)
        self._on_answers(connection, read(connection, query))

    # --- what goes wrong -----------------------------------------------------------------------------------------

    def _lose_sight(self, batch: list[Row[Any]], problem: str) -> None:
        """May have been paid for: what was set aside stays so, and nobody asks again until a person has looked."""
        with self._engine.begin() as connection:
            self.report.states["unknown"] += states.lose_sight(connection, _ids(batch), problem)
        self._end(problem)

    def _try_later(self, batch: list[Row[Any]], problem: str) -> None:
        """Nothing was carried out, or repeating is free; a question that never gets through is given up."""
        attempts = max(lookup.attempts for lookup in batch)
        if attempts >= MOST_ATTEMPTS:
            self._give_up(batch, problem, self._ttl)
        else:
            until = self._now() + min(FIRST_BACKOFF * 2**attempts, LONGEST_BACKOFF)
            self._put_back(batch, until, problem, was_asked=True)
            self.report.deferred_until = until
        self._count_failure(problem)

    def _refused(self, batch: list[Row[Any]], problem: str) -> None:
        """One question at fault has its whole batch refused, so each is asked alone before it is given up."""
        if len(batch) > 1:
            self._put_back(batch, self._now(), problem, was_asked=True)
            self.report.asked -= len(batch)
        else:
            self._give_up(batch, problem, {"failed": REFUSAL_TTL})
            self._count_failure(problem)

    def _count_failure(self, problem: str) -> None:
        self._failures += 1
        self.report.problem = problem
        if self._failures >= MOST_FAILURES:
            self._end(problem, self.report.deferred_until)

    def _give_up(self, batch: list[Row[Any]], problem: str, ttl: Mapping[str, timedelta]) -> None:
        self._keep(batch, self._told([Answer(None, problem=problem)] * len(batch)), ttl)

    def _put_back(self, batch: list[Row[Any]], until: datetime, problem: str, *, was_asked: bool) -> None:
        with self._engine.begin() as connection:
            back = states.put_back(connection, _ids(batch), until, problem, was_asked=was_asked)
            for unit, amount, _ in self._costs(len(batch)):
                if unit != "calls" or not was_asked:
                    day = _day(batch[0].asked_at)
                    refund(connection, self._campaign, self._provider, day, unit, amount)
        self.report.states["planned"] += back

    def _end(self, problem: str, until: datetime | None = None) -> None:
        self._is_over = True
        self.report.problem = problem
        self.report.deferred_until = until

    def _in_words(self, error: Exception) -> str:
        """An error of ours speaks for itself; another one may quote the answer, so only its kind is told."""
        if isinstance(error, LeadflowError):
            return str(error)
        return f"{self._asker.vendor} answered in a shape its client does not know ({type(error).__name__})"


def _state_of(answer: Answer) -> str:
    if answer.content is not None:
        return "answered"
    return "not_found" if answer.problem is None else "failed"


def _exactly(count: int, answers: Sequence[Answer]) -> Sequence[Answer]:
    """The answers, if there is one for each question. Raises ValueError."""
    if len(answers) != count:
        raise ValueError(f"{len(answers)} answers to {count} questions")
    return answers


def _ids(lookups: Sequence[Row[Any]]) -> list[int]:
    return [lookup.lookup_id for lookup in lookups]


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
