"""Persons across campaigns: who is one, under which id, and what people decided about it."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.erasing import erase_person
from leadflow_pipeline.identity import present, reviews
from leadflow_pipeline.identity.ownership import describe_person
from leadflow_pipeline.identity.present import living_person, merge_leads, resolve_persons, split_lead
from leadflow_pipeline.identity.rules import IdentityRules
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import person_leads, persons
from leadflow_pipeline_tests.identity.world import NOW, Leads, anna, id_given_by


def decide(leads: Leads, decision: Any, number: int = 0) -> None:
    review_id = leads.read(reviews.match_reviews)["review_id"].iloc[number]
    with leads.engine.begin() as connection:
        reviews.decide(connection, int(review_id), decision, actor="ida", reason="called her")


def split(leads: Leads, person: str, lead: str) -> None:
    with leads.engine.begin() as connection:
        split_lead(connection, person, lead, actor="ida", reason="another Anna")
    resolve_persons(leads.engine)


def merge(leads: Leads, one: str, other: str) -> None:
    with leads.engine.begin() as connection:
        merge_leads(connection, one, other, actor="ida", reason="called her")
    resolve_persons(leads.engine)


def test_the_same_address_in_two_campaigns_is_one_person_whatever_else_is_said(leads: Leads) -> None:
    leads.arrive("spring", {"a": anna(), "x": {"email": "x@leads.example"}})
    leads.arrive(
        "autumn", {"b": {"email": "Anna.Berg@Firma.example", "first_name": "A.", "last_name": "Ohlsen"}}
    )
    report = resolve_persons(leads.engine)
    assert leads.persons() == [{"autumn/b", "spring/a"}, {"spring/x"}]
    assert (report.leads, report.looked_at, report.persons, report.born, report.merged) == (3, 3, 2, 2, 0)


@pytest.mark.parametrize(
    "shared",
    [
        {"email": "info@firma.example", "email_is_role": True},
        {"email": "x1@trash.example", "email_is_disposable": True},
        {"phone": "+493023125001", "company": "Firma GmbH"},
    ],
    ids=["role", "disposable", "switchboard"],
)
def test_what_many_share_makes_nobody_one(leads: Leads, shared: dict[str, Any]) -> None:
    leads.arrive("spring", {"a": {"first_name": "Anna", "last_name": "Berg", **shared}})
    leads.arrive("autumn", {"b": {"first_name": "Bruno", "last_name": "Klein", **shared}})
    resolve_persons(leads.engine)
    assert len(leads.persons()) == 2
    assert leads.reviews() == []


def test_nothing_is_looked_at_twice_and_what_changed_is(leads: Leads) -> None:
    leads.arrive("spring", {"a": anna(email=None, linkedin_url=None, company=None, company_domain=None)})
    leads.arrive("autumn", {"b": {"email": "anna@leads.example", "first_name": "Anna"}})
    assert resolve_persons(leads.engine).looked_at == 2
    assert resolve_persons(leads.engine).looked_at == 0
    leads.arrive("spring", {"a": {"email": "anna@leads.example"}}, day=1)
    assert resolve_persons(leads.engine).merged == 1
    assert leads.persons() == [{"autumn/b", "spring/a"}]
    leads.arrive("spring", {"a": {"email": "bruno@leads.example"}}, day=2)
    resolve_persons(leads.engine)
    assert leads.persons() == [{"autumn/b"}, {"spring/a"}], "what tied them is gone"


def test_a_merge_keeps_the_older_id_and_no_id_ever_dangles(leads: Leads) -> None:
    leads.arrive("spring", {"a": {"email": "a@leads.example"}}, day=2)
    leads.arrive("spring", {"b": {"email": "b@leads.example"}}, day=1)
    leads.arrive("spring", {"c": {"email": "c@leads.example"}}, day=0)
    resolve_persons(leads.engine)
    leads.arrive("spring", {"b": {"email": "a@leads.example"}}, day=3)
    resolve_persons(leads.engine)
    assert leads.aliases() == {id_given_by("spring/a"): id_given_by("spring/b")}
    leads.arrive("spring", {"c": {"email": "a@leads.example"}}, day=4)
    resolve_persons(leads.engine)
    oldest = id_given_by("spring/c")
    assert leads.aliases() == {id_given_by("spring/a"): oldest, id_given_by("spring/b"): oldest}
    with leads.engine.connect() as connection:
        assert {living_person(connection, id_given_by(f"spring/{lead}")) for lead in "abc"} == {oldest}
        with pytest.raises(PermanentError, match="there is no person nobody"):
            living_person(connection, "nobody")


def test_a_person_that_gets_an_older_lead_takes_its_id(leads: Leads) -> None:
    leads.arrive("spring", {"a": {"email": "a@leads.example"}}, day=2)
    resolve_persons(leads.engine)
    leads.arrive("autumn", {"b": {"email": "a@leads.example"}}, day=1)
    resolve_persons(leads.engine)
    assert leads.person("spring/a") == id_given_by("autumn/b")
    assert leads.aliases() == {id_given_by("spring/a"): id_given_by("autumn/b")}


def test_a_doubtful_pair_is_asked_once_and_the_answer_binds(
    leads: Leads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(present, "RULES", IdentityRules(same_above=0.99999999, review_above=0.5))
    leads.arrive("spring", {"a": anna(email=None, phone="+493023125001")})
    leads.arrive("autumn", {"b": anna(email=None, phone="+493023125001")})
    assert resolve_persons(leads.engine).asked == 1
    assert leads.persons() == [{"autumn/b"}, {"spring/a"}]
    assert resolve_persons(leads.engine, rebuild=True).asked == 0
    decide(leads, "same")
    resolve_persons(leads.engine)
    assert leads.persons() == [{"autumn/b", "spring/a"}]
    decide(leads, "different")
    resolve_persons(leads.engine)
    assert leads.persons() == [{"autumn/b"}, {"spring/a"}]
    resolve_persons(leads.engine, rebuild=True)
    assert leads.persons() == [{"autumn/b"}, {"spring/a"}]
    assert [state for *_, state in leads.reviews()] == ["different"]


def test_a_split_lead_gets_its_own_id_back_and_stays_out(leads: Leads) -> None:
    for day, (slug, lead) in enumerate([("spring", "a"), ("autumn", "b"), ("winter", "c")]):
        leads.arrive(slug, {lead: anna()}, day=day)
    resolve_persons(leads.engine)
    person = id_given_by("spring/a")
    assert {leads.person(name) for name in ("spring/a", "autumn/b", "winter/c")} == {person}
    split(leads, person, "autumn/b")
    assert leads.persons() == [{"autumn/b"}, {"spring/a", "winter/c"}]
    assert (leads.person("autumn/b"), leads.person("winter/c")) == (id_given_by("autumn/b"), person)
    leads.arrive("winter", {"d": anna()}, day=9)
    resolve_persons(leads.engine)
    assert leads.person("winter/c") == person != leads.person("autumn/b")
    resolve_persons(leads.engine, rebuild=True)
    assert len(leads.persons()) == 2
    with pytest.raises(PermanentError, match="has no lead autumn/b"):
        split(leads, person, "autumn/b")


def test_merge_split_and_merge_again_lose_nothing(leads: Leads) -> None:
    """Owner, consent and history are of leads: they come and go with them, and no id dangles."""
    leads.arrive("spring", {"a": anna(), "c": anna(email="anna@private.example", phone="+493023125001")})
    leads.arrive("autumn", {"b": {"email": "carla@mail.example", "first_name": "Carla"}}, day=1)
    leads.own("autumn", "b", owner="rep-7", suppressed="carla@mail.example", outcome="won")
    resolve_persons(leads.engine)
    apart = leads.persons()
    ids = {name: leads.person(name) for name in ("spring/a", "spring/c", "autumn/b")}
    whole = ids["spring/a"]
    for _ in range(2):
        merge(leads, "spring/c", "autumn/b")
        assert leads.persons() == [{"autumn/b", "spring/a", "spring/c"}]
        assert leads.aliases() == {ids["autumn/b"]: whole}
        living, former, owned = describe_person(leads.engine, ids["autumn/b"], NOW)
        assert (living, former) == (whole, [ids["autumn/b"]])
        b = owned.set_index("lead_id").loc["b"]
        assert (b["owner"], b["outcomes"]) == ("rep-7", "won")
        assert owned["suppressed"].all(), "consent withdrawn under one address is withdrawn for the person"
        split(leads, whole, "autumn/b")
        assert leads.persons() == apart
        assert {name: leads.person(name) for name in ids} == ids
        assert leads.aliases() == {}
        *_, owned = describe_person(leads.engine, ids["autumn/b"], NOW)
        assert owned[["owner", "outcomes", "suppressed"]].to_numpy().tolist() == [["rep-7", "won", True]]
        *_, owned = describe_person(leads.engine, whole, NOW)
        assert not owned["suppressed"].any()
    with pytest.raises(PermanentError, match="no person has the lead spring/nobody"):
        merge(leads, "spring/a", "spring/nobody")


def test_an_alias_of_its_campaign_belongs_to_the_person(leads: Leads) -> None:
    leads.arrive("spring", {"a": anna()})
    leads.arrive("spring", {"b": {"email": None, "phone": "+493023125001"}}, day=1)
    with leads.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM leadflow.enriched_leads WHERE lead_id = 'b'")
        connection.exec_driver_sql(
            "INSERT INTO leadflow.lead_aliases VALUES ('spring', '2026-03-03', 'b', 'a', 0.97, '[\"phone\"]', 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO leadflow.partition_lineage VALUES ('lead_aliases', 'spring', '2026-03-03', 1, 1, 'r', now())"
        )
    resolve_persons(leads.engine)
    assert leads.persons() == [{"spring/a", "spring/b"}]


def digest(leads: Leads) -> pd.DataFrame:
    members = leads.read(person_leads).sort_values(["campaign", "lead_id"], ignore_index=True)
    return members.drop(columns="read_at").assign(evidence=members["evidence"].map(str))


@pytest.mark.parametrize("seed", [5, 20])
def test_day_by_day_equals_all_at_once(leads: Leads, seed: int) -> None:
    """Whatever arrives, is corrected, computed again, decided and erased meanwhile."""
    draw = random.Random(seed)

    def somebody() -> dict[str, Any]:
        return {
            "first_name": draw.choice(["Anna", "Ann", "Bruno", "Carla"]),
            "last_name": draw.choice(["Berg", "Bergh", "Klein"]),
            "email": draw.choice([None, f"p{draw.randrange(6)}@leads.example"]),
            "phone": draw.choice([None, f"+49302312500{draw.randrange(6)}"]),
            "company": draw.choice([None, "Firma", "Werk AG"]),
            "city": draw.choice(["Berlin", "Bonn"]),
        }

    days: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for day in range(5):
        for slug in ("spring", "autumn"):
            batch = {f"{slug[0]}{day}{place}": somebody() for place in range(4)}
            if day:
                corrected = draw.choice(list(days[slug, day - 1]))
                batch[corrected] = somebody()
            days[slug, day] = batch
            leads.arrive(slug, batch, day)
        resolve_persons(leads.engine)
        slug, again = draw.choice(list(days))
        leads.arrive(slug, days[slug, again], again)
        resolve_persons(leads.engine)
        if [row for row in leads.reviews() if row[2] == "open"]:
            decide(leads, draw.choice(["same", "different"]), draw.randrange(len(leads.reviews())))
    erase_person(leads.engine, "p1@leads.example", actor="ida")
    resolve_persons(leads.engine)
    step_by_step, asked = digest(leads), leads.reviews()
    resolve_persons(leads.engine, rebuild=True)
    pd.testing.assert_frame_equal(digest(leads), step_by_step)
    leads.forget_persons()
    resolve_persons(leads.engine)
    pd.testing.assert_frame_equal(digest(leads), step_by_step)
    assert leads.reviews() == asked
    with leads.engine.connect() as connection:
        living = set(connection.scalars(select(persons.c.person_id)))
    assert living == set(step_by_step["person_id"])


def test_addresses_are_kept_as_keys_only(leads: Leads) -> None:
    leads.arrive("spring", {"a": anna(), "b": {"email": None, "phone": "+493023125001"}})
    resolve_persons(leads.engine)
    kept = leads.read(person_leads).set_index("lead_id")["address_key"]
    assert kept.dropna().to_dict() == {"a": address_key("anna.berg@firma.example")}
