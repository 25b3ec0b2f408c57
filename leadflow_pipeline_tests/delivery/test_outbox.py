"""The outbox as a machine: whatever happens in whatever order, its promises hold, on the real database."""

from __future__ import annotations

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
from sqlalchemy import text

from leadflow_pipeline.delivery import outbox
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline_tests.delivery.world import NOW, World

OWNERS = ("one", "two")


def test_only_named_transitions_exist(world: World) -> None:
    with world.engine.begin() as connection, pytest.raises(ValueError, match="sent -> planned"):
        outbox.move(connection, "planned", ("sent",))
    finals = {"sent", "suppressed", "expired"}
    assert not {start for start, _ in outbox.TRANSITIONS} & finals
    assert {end for start, end in outbox.TRANSITIONS if start == "failed"} == {"planned"}  # by hand


def test_the_outbox_holds_its_promises(world: World) -> None:
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
        def claim(self, owner: str, limit: int) -> tuple[str, list[int]]:
            return owner, [row["message_id"] for row in outbox.claim(world.engine, owner, self.now, limit)]

        @rule(claim=claimed, answer=st.sampled_from(["sent", "failed", "planned", "unknown", "crash"]))
        def send(self, claim: tuple[str, list[int]], answer: str) -> None:
            owner, numbers = claim
            for number in numbers[:1]:
                with world.engine.begin() as connection:
                    attempt = outbox.begin_attempt(connection, number, owner, "test", self.now)
                if attempt is None or not outbox.put_on_wire(world.engine, number, owner, self.now):
                    continue
                if answer in ("sent", "crash", "unknown"):
                    self.accepted[number] = self.accepted.get(number, 0) + 1
                if answer != "crash":
                    with world.engine.begin() as connection:
                        assert outbox.settle(connection, number, owner, answer, answer, self.now, attempt)
                        outbox.end_attempt(connection, number, attempt, self.now, "dot", (None, None))

        @rule(claim=claimed)
        def give_back(self, claim: tuple[str, list[int]]) -> None:
            with world.engine.begin() as connection:
                for number in claim[1]:
                    outbox.give_back(connection, number, claim[0], None)

        @rule(claim=claimed, to=st.sampled_from(["suppressed", "expired", "failed"]))
        def close(self, claim: tuple[str, list[int]], to: str) -> None:
            with world.engine.begin() as connection:
                for number in claim[1][:1]:
                    outbox.close(connection, number, claim[0], to, "because")

        @rule()
        def sweep(self) -> None:
            outbox.sweep(world.engine, self.now)

        @invariant()
        def promises(self) -> None:
            rows: list[dict[str, Any]] = world.rows()
            assert all(count == 1 for count in self.accepted.values()), "a message left twice"
            for row in rows:
                was_accepted = row["message_id"] in self.accepted
                if row["state"] == "sent":
                    assert was_accepted, "sent without an answer"
                if was_accepted:
                    assert row["state"] in ("sent", "on_wire", "unknown"), (
                        "an accepted message may leave again"
                    )
                assert (row["lease_until"] is not None) == (row["state"] in ("claimed", "on_wire"))

    run_state_machine_as_test(
        Outbox,
        settings=settings(max_examples=12, stateful_step_count=15, suppress_health_check=list(HealthCheck)),
    )
