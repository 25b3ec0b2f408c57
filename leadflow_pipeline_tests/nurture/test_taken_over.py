"""Who is taken over by a rep, is out of office, or subscribes again; and who is taught although its score is low."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pandas as pd

from leadflow_pipeline.nurture.plan import with_low_score_sequence
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.overrides import OUT_OF_OFFICE
from leadflow_pipeline.store.schema import routed_leads
from leadflow_pipeline_tests.nurture.world import MONDAY, World, frame, stored

NOON = datetime(MONDAY.year, MONDAY.month, MONDAY.day, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def states(nurtured: pd.DataFrame) -> list[tuple[str, str]]:
    """State and last reason of each row."""
    return [
        (state, json.loads(reasons)[-1]["code"])
        for state, reasons in zip(nurtured["state"], nurtured["reasons"], strict=True)
    ]


def test_a_rep_who_is_in_touch_takes_the_lead_over() -> None:
    world = World()
    world.touch("a", NOON - 5 * DAY)
    world.touch("a", NOON + 2 * DAY)
    world.route("a", MONDAY)
    world.route("b", MONDAY)
    days = world.days_after(MONDAY, 5)
    nurtured, _ = world.plan(days)
    of_a = nurtured[nurtured["lead_id"].eq("a")]
    assert states(of_a)[-1] == ("STOPPED", "owner_touch")
    assert of_a["day"].iloc[-1] == pd.Timestamp(MONDAY + 2 * DAY)
    assert "STOPPED" not in set(nurtured.loc[nurtured["lead_id"].eq("b"), "state"])

    previous, daily = None, []
    for day in days:
        rows, _ = world.plan([day], previous)
        daily.append(rows)
        previous = stored(rows) if previous is None else pd.concat([previous, stored(rows)])
    joined = pd.concat(daily, ignore_index=True)
    pd.testing.assert_frame_equal(joined, nurtured.reset_index(drop=True), check_dtype=False)


def test_a_later_enrolment_is_not_stopped_by_an_earlier_touch() -> None:
    world = World()
    world.touch("a", NOON + DAY)
    world.route("a", MONDAY)
    world.route("a", MONDAY + 3 * DAY, number=2)
    nurtured, _ = world.plan(world.days_after(MONDAY, 5))
    assert [state for state, _ in states(nurtured)][-1] in ("ENROLLED", "TOUCH_DUE")


def test_who_is_out_of_office_is_told_as_that() -> None:
    world = World()
    world.route("a", MONDAY)
    world.override("a", "pause", NOON + DAY, NOON + 3 * DAY)
    world.override_rows[-1]["reason"] = OUT_OF_OFFICE
    nurtured, _ = world.plan(world.days_after(MONDAY, 5))
    assert ("PAUSED", "away") in states(nurtured)
    assert states(nurtured)[-1][0] != "PAUSED"


def test_who_subscribes_again_may_enter_another_sequence_and_the_old_one_stays_stopped() -> None:
    world = World()
    world.route("a", MONDAY)
    world.event("a", "unsubscribe", NOON + DAY)
    world.event("a", "resubscribe", NOON + 2 * DAY)
    days = world.days_after(MONDAY, 5)
    assert states(world.plan(days)[0])[-1] == ("STOPPED", "unsubscribe")
    world.route("a", MONDAY + 3 * DAY, number=2)
    assert states(world.plan(days)[0])[-1][0] in ("ENROLLED", "TOUCH_DUE")


def test_leads_of_a_low_score_may_have_a_sequence_of_their_own() -> None:
    rules = NurtureRules.model_validate(
        {
            "low_score_sequence": "education",
            "sequences": {"education": {"emails": [{"delay_days": 0, "subject": "Hello", "text": "Hello"}]}},
        }
    )
    rows = [
        {"day": MONDAY, "lead_id": lead, "status": status, "tier": "COLD", "sequence": "cold_outreach"}
        for lead, status in (("a", "ROUTED"), ("b", "ROUTED"), ("c", "ALREADY_ROUTED"))
    ]
    routed = frame(routed_leads, rows)
    is_rejected = pd.Series([True, False, True])
    taught = with_low_score_sequence(routed, is_rejected, rules)["sequence"].tolist()
    assert taught == ["education", "cold_outreach", "cold_outreach"]
    assert with_low_score_sequence(routed, is_rejected, NurtureRules()) is routed
