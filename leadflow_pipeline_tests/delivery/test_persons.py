"""One person at the doors: one sequence at a time under whatever address, and no way around a suppression."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import insert

from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.release import Released, release_due
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import person_leads, persons
from leadflow_pipeline_tests.delivery.world import NOW, TODAY, World
from leadflow_pipeline_tests.suppressed import add_suppression

RIVAL = "another sequence writes to the person"
SPRING, AUTUMN = ("spring-sale", "a", "anna@leads.example"), ("autumn-sale", "b", "a.berg@firma.example")


def one_person(world: World, *leads: tuple[str, str, str], person: str = "p") -> None:
    rows = [
        {"campaign": slug, "lead_id": lead, "person_id": person, "match_probability": 1, "evidence": [],
         "address_key": address_key(address)}
        for slug, lead, address in leads
    ]  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert(persons).values(person_id=person))
        connection.execute(insert(person_leads), rows)


def due(world: World, *leads: tuple[str, str, str], **options: object) -> None:
    for slug, lead, address in leads:
        world.plan([{"lead_id": lead, "email": address}], campaign=slug, **options)


def campaigns(world: World, **priorities: int) -> None:
    for slug in ("spring-sale", "autumn-sale"):
        priority = priorities.get(slug.partition("-")[0], 100)
        world.register(slug, nurture=f"{{}}\npriority: {priority}")


def release(world: World, at: pd.Timestamp = NOW) -> Released:
    return release_due(world.engine, world.settings, at)


@pytest.mark.parametrize(("priorities", "first"), [({}, "autumn-sale"), ({"spring": 50}, "spring-sale")])
def test_of_two_that_are_due_at_once_the_campaign_that_matters_more_writes(
    world: World, priorities: dict[str, int], first: str
) -> None:
    campaigns(world, **priorities)
    due(world, SPRING, AUTUMN)
    one_person(world, SPRING, AUTUMN)
    result = release(world)
    assert (result.count, dict(result.held)) == (1, {RIVAL: 1})
    assert [row["campaign"] for row in world.rows()] == [first]
    assert (release(world).count, release(world, NOW + timedelta(hours=30)).count) == (0, 0)


def test_between_equal_campaigns_the_earlier_enrolment_writes(world: World) -> None:
    campaigns(world)
    due(world, SPRING, AUTUMN)
    one_person(world, SPRING, AUTUMN)
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE leadflow.nurtured_leads SET enrolled_at = enrolled_at - interval '1 day' "
            "WHERE campaign = 'spring-sale'"
        )
    release(world)
    assert [row["campaign"] for row in world.rows()] == ["spring-sale"]


def test_a_running_sequence_is_not_interrupted_and_makes_room_when_it_is_over(world: World) -> None:
    campaigns(world, spring=1)
    due(world, AUTUMN)
    one_person(world, SPRING, AUTUMN)
    assert dispatch_due(world.engine, world.settings, NOW).sent == 1
    due(world, SPRING)
    later = NOW + timedelta(hours=30)
    assert (release(world, later).count, dict(release(world, later).held)) == (0, {RIVAL: 1})
    due(world, AUTUMN, day=TODAY, state="COMPLETED", planned_at=NOW + timedelta(days=30))
    assert release(world, later).count == 1


def test_a_campaign_that_takes_no_turns_only_keeps_its_distance(world: World) -> None:
    world.register("spring-sale")
    world.register("autumn-sale", nurture="{}\ntakes_turns: false")
    due(world, SPRING, AUTUMN)
    one_person(world, SPRING, AUTUMN)
    assert dispatch_due(world.engine, world.settings, NOW).sent == 1
    held = release(world)
    assert (held.count, dict(held.held)) == (0, {"too soon after the last email": 1})
    assert release(world, NOW + timedelta(hours=30)).count == 1


def test_leads_that_nobody_resolved_are_told_apart_by_address(world: World) -> None:
    campaigns(world)
    due(world, SPRING, AUTUMN)
    assert release(world).count == 2


def test_two_leads_of_one_campaign_that_are_one_person_get_one_email(world: World) -> None:
    world.register()
    both = [("spring-sale", lead, f"{lead}@leads.example") for lead in ("a", "b")]
    world.plan([{"lead_id": lead} for _, lead, _ in both])
    one_person(world, *both)
    assert (release(world).count, release(world).count) == (1, 0)


@pytest.mark.parametrize(
    ("campaign", "count"),
    [("", 0), ("spring-sale", 0), ("autumn-sale", 1)],
    ids=["everywhere", "here", "there"],
)
def test_a_suppression_reaches_every_address_of_the_person(world: World, campaign: str, count: int) -> None:
    campaigns(world)
    due(world, SPRING)
    one_person(world, SPRING, AUTUMN)
    add_suppression(
        world.engine, scope="address", subject=address_key(AUTUMN[2]), reason="asked", campaign=campaign
    )
    result = release(world)
    assert result.count == count
    assert dict(result.held) == ({} if count else {"another address of the person is suppressed": 1})


def test_a_suppression_after_release_stops_the_message_before_the_wire(world: World) -> None:
    campaigns(world)
    due(world, SPRING)
    one_person(world, SPRING, AUTUMN)
    assert release(world).count == 1
    add_suppression(world.engine, scope="address", subject=address_key(AUTUMN[2]), reason="asked")
    assert dispatch_due(world.engine, world.settings, NOW).sent == 0
    assert world.states() == {"suppressed": 1}


def test_what_another_lead_of_the_person_said_counts_in_its_own_campaign(world: World) -> None:
    campaigns(world)
    due(world, SPRING)
    one_person(world, SPRING, AUTUMN, ("spring-sale", "c", "c@leads.example"))
    world.event("b", "unsubscribe", NOW - timedelta(minutes=1), campaign="autumn-sale")
    assert release_due(world.engine, world.settings, NOW, dry_run=True).count == 1
    world.event("c", "unsubscribe", NOW - timedelta(minutes=1))
    assert dict(release(world).held) == {"unsubscribe": 1}


def test_the_order_in_which_campaigns_are_read_is_no_matter(world: World) -> None:
    campaigns(world, spring=50)
    leads = [
        (slug, f"{slug[0]}{number}", f"{slug[0]}{number}@leads.example")
        for number in range(20)
        for slug in ("spring-sale", "autumn-sale")
    ]
    for slug in ("spring-sale", "autumn-sale"):
        own = [{"lead_id": lead, "email": address} for campaign, lead, address in leads if campaign == slug]
        world.plan(own, campaign=slug)
    for number in range(20):
        one_person(world, *leads[2 * number : 2 * number + 2], person=f"p{number}")
    limited = [release_due(world.engine, world.settings, NOW, limit=7).count for _ in range(4)]
    assert limited == [7, 7, 6, 0]
    assert {row["campaign"] for row in world.rows()} == {"spring-sale"}
