"""The outbox as a machine: whatever happens in whatever order, its promises hold, on the real database."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import RowMapping, text

from leadflow_pipeline.delivery import outbox
from leadflow_pipeline.delivery.desk import Desk, Settlement
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline_tests.delivery.world import NOW, World

OWNERS = ("one", "two")


def test_only_named_transitions_exist(world: World) -> None:
    with world.engine.begin() as connection, pytest.raises(ValueError, match="sent -> planned"):
        outbox.move(connection, "planned", ("sent",))
    finals = {"sent", "suppressed", "expired"}
    assert not {start for start, _ in outbox.TRANSITIONS} & finals
    assert {end for start, end in outbox.TRANSITIONS if start == "failed"} == {"planned"}  # by hand


def test_the_outbox_holds_its_promises(world: World, slow: bool) -> None:
    world.register()
    world.plan(3)
    release_due(world.engine, world.settings, NOW)

    class Outbox(RuleBasedStateMachine):
        """Two dispatchers, a clock, and a mail server that only a commit can reach."""

        claimed = Bundle("claimed")

        @initialize()
        def begin(self) -> None:
            self.now: datetime = NOW
            self.accepted: dict[int, int] = {}
            with world.engine.begin() as connection:
                connection.execute(text("TRUNCATE leadflow.message_attempts"))
                connection.execute(
                    text(
                        "UPDATE leadflow.messages SET state = 'planned', attempts = 0, lease_owner = NULL, "
                        "lease_until = NULL, sent_at = NULL, next_attempt_at = planned_at"
                    )
                )

        @rule(minutes=st.sampled_from([1, 10, 20, 300, 3000]))
        def time_passes(self, minutes: int) -> None:
            self.now += timedelta(minutes=minutes)

        @rule(owner=st.sampled_from(OWNERS), limit=st.integers(1, 3), target=claimed)
        def claim(self, owner: str, limit: int) -> tuple[str, list[RowMapping]]:
            return owner, desks[owner].claim(self.now, limit)

        @rule(
            claim=claimed,
            answer=st.sampled_from(["sent", "failed", "planned", "unknown", "crash", "before the wire"]),
        )
        def send(self, claim: tuple[str, list[RowMapping]], answer: str) -> None:
            owner, rows = claim
            for row in rows[:1]:
                number, attempt = row["message_id"], None
                if answer != "before the wire":
                    attempt = desks[owner].put_on_wire([number], "test", self.now).get(number)
                    if attempt is None:
                        continue
                if answer in ("sent", "crash", "unknown"):
                    self.accepted[number] = self.accepted.get(number, 0) + 1
                if answer != "crash":
                    became = Settlement(
                        number, "planned" if attempt is None else answer, answer, row["attempts"], "test",
                        phase="dot", begun_at=self.now, attempt=attempt,
                    )  # fmt: skip
                    is_ours = desks[owner].settle([became], self.now)
                    assert is_ours or attempt is None

        @rule(claim=claimed)
        def give_back(self, claim: tuple[str, list[RowMapping]]) -> None:
            owner, rows = claim
            desks[owner].give_back([row["message_id"] for row in rows], None, self.now)

        @rule(claim=claimed, to=st.sampled_from(["suppressed", "expired", "failed"]))
        def end(self, claim: tuple[str, list[RowMapping]], to: str) -> None:
            owner, rows = claim
            desks[owner].end([row["message_id"] for row in rows[:1]], to, "because")

        @rule(
            number=st.integers(0, 2),
            answer=st.sampled_from(["sent", "failed", "planned"]),
        )
        def a_person_settles(self, number: int, answer: str) -> None:
            row = world.rows()[number]
            if row["state"] != "unknown":
                with pytest.raises(PermanentError):
                    outbox.settle_by_hand(world.engine, row["message_id"], answer, actor="me", now=self.now)
                return
            # a person who looks finds out what is true
            truth = "sent" if row["message_id"] in self.accepted else answer.replace("sent", "failed")
            outbox.settle_by_hand(world.engine, row["message_id"], truth, actor="me", now=self.now)

        @rule()
        def sweep(self) -> None:
            outbox.sweep(world.engine, self.now)

        @invariant()
        def promises(self) -> None:
            rows: list[dict[str, Any]] = world.rows()
            assert all(count == 1 for count in self.accepted.values()), "a message left twice"
            records = Counter(each["message_id"] for each in world.attempts())
            for row in rows:
                was_accepted = row["message_id"] in self.accepted
                if row["state"] == "sent":
                    assert was_accepted, "sent without an answer"
                if was_accepted:
                    assert row["state"] in ("sent", "on_wire", "unknown"), (
                        "an accepted message may leave again"
                    )
                assert records[row["message_id"]] == row["attempts"], "an attempt without a record"
                assert (row["lease_until"] is not None) == (row["state"] in ("claimed", "on_wire"))

    with Desk(world.engine, "one") as one, Desk(world.engine, "two") as two:
        desks = {"one": one, "two": two}
        run_state_machine_as_test(
            Outbox,
            settings=settings(
                max_examples=300 if slow else 12,
                stateful_step_count=25,
                suppress_health_check=list(HealthCheck),
            ),
        )
