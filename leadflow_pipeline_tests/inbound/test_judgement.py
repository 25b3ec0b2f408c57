"""Was it a person? Pure: requests by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.inbound.tracking.askers import BROWSER
from leadflow_pipeline.inbound.tracking.judgement import ALL_LINKS, BURST, TOO_SOON, TRAP, WITH_TRAP, judge

SENT = pd.Timestamp("2026-05-05 09:30", tz="UTC")
READING = 7_200.0
"""Seconds after sending."""


def hit(seconds: float = READING, **changes: Any) -> dict[str, Any]:
    """A click of a person on the first of three links, unless it says otherwise."""
    message = changes.get("message_id", 1)
    return {
        "message_id": message, "lead": f"lead-{message}", "kind": "click", "link": 1, "visitor_key": "home",
        "agent": BROWSER, "is_trap": False, "links": 3, "sent_at": SENT,
        "occurred_at": SENT + pd.Timedelta(seconds=seconds), **changes,
    }  # fmt: skip


def reasons(*hits: dict[str, Any]) -> list[str | None]:
    return judge(pd.DataFrame(hits)).tolist()


def test_people_are_people() -> None:
    assert reasons(hit()) == [None]
    assert reasons(hit(kind="open", link=None), hit(READING + 4)) == [None, None]
    # Two links of three, seconds apart; the same link twice.
    assert reasons(hit(), hit(READING + 3, link=2)) == [None, None]
    assert reasons(hit(), hit(READING + 1)) == [None, None]
    # All three, in their own time.
    assert reasons(*(hit(READING + 30 * link, link=link) for link in (1, 2, 3))) == [None] * 3
    # An office of twenty behind one address, one every fifteen seconds.
    office = [hit(READING + 15 * person, message_id=person, visitor_key="office") for person in range(20)]
    assert reasons(*office) == [None] * 20
    # A mail server that never confirmed: nothing is known of when it was sent.
    assert reasons(hit(1, sent_at=pd.NaT)) == [None]


def test_a_named_machine_is_its_own_reason() -> None:
    assert reasons(hit(agent="Mimecast"), hit(READING + 600)) == ["Mimecast", None]


def test_the_trap_and_what_came_with_it() -> None:
    told = reasons(
        hit(READING, link=4, is_trap=True),
        hit(READING + 20, link=1),
        hit(READING - 20, message_id=2, visitor_key="home"),
        hit(READING + 3_600, link=2, visitor_key="elsewhere"),
        hit(READING + 20, message_id=3, visitor_key="elsewhere"),
        hit(READING + 20, message_id=4, visitor_key=""),
    )
    assert told == [TRAP, WITH_TRAP, WITH_TRAP, None, None, None]


def test_sooner_than_a_person_can_be() -> None:
    assert reasons(hit(3), hit(7), hit(READING)) == [TOO_SOON, TOO_SOON, None]
    assert reasons(hit(-2)) == [TOO_SOON]


def test_many_links_at_once() -> None:
    assert reasons(*(hit(READING + link, link=link) for link in (1, 2, 3))) == [ALL_LINKS] * 3
    both = [hit(READING + link, link=link, links=2) for link in (1, 2)]
    assert reasons(*both) == [ALL_LINKS] * 2
    assert reasons(*(each | {"links": 5} for each in both)) == [None, None]


def test_emails_of_many_people_one_after_the_other() -> None:
    quick = [hit(READING + lead, message_id=lead, visitor_key="scanner") for lead in range(6)]
    assert reasons(*quick) == [BURST] * 6
    slow = [hit(READING + 12 * lead, message_id=lead, visitor_key="scanner") for lead in range(12)]
    assert reasons(*slow) == [BURST] * 12
    # From nobody knows where: nothing holds them together.
    assert reasons(*(each | {"visitor_key": ""} for each in quick)) == [None] * 6
    # Many opens in a busy office say nothing of a click there.
    opens = [each | {"kind": "open", "link": None} for each in quick]
    assert reasons(*opens, hit(READING + 3, message_id=9, visitor_key="scanner"))[-1] is None


@settings(max_examples=6)
@given(
    st.lists(
        st.builds(
            hit,
            st.floats(-10, 20_000),
            message_id=st.integers(1, 6),
            link=st.integers(1, 4),
            visitor_key=st.sampled_from(["", "a", "b"]),
            is_trap=st.booleans(),
            kind=st.sampled_from(["open", "click"]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.randoms(),
)
def test_the_order_of_reading_changes_nothing(hits: list[dict[str, Any]], random: Any) -> None:
    frame = pd.DataFrame(hits)
    shuffled = frame.sample(frac=1, random_state=random.randint(0, 1_000))
    pd.testing.assert_series_equal(judge(shuffled).sort_index(), judge(frame))


def test_nothing_is_judged_as_nothing() -> None:
    assert judge(pd.DataFrame(columns=list(hit()))).empty
