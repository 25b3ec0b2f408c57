"""`leadflow identity`, as a person or a script calls it. Everybody is invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from leadflow_pipeline.cli import identity
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline_tests.identity.world import Leads, anna, id_given_by

Run = Callable[..., Result]


@pytest.fixture
def leads(engine: Engine, campaign: Callable[..., str]) -> Leads:
    for slug in ("autumn", "spring", "winter"):
        campaign(slug)
    world = Leads(engine)
    world.arrive("spring", {"a": anna(), "x": {"email": "info@firma.example", "email_is_role": True}})
    world.arrive("autumn", {"b": anna(), "c": {"email": "carla@mail.example", "first_name": "Carla"}})
    world.ask("autumn/b", "autumn/c")
    return world


@pytest.fixture
def run() -> Run:
    return lambda *arguments: CliRunner().invoke(identity.app, arguments, env={"COLUMNS": "300"})


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def test_a_preview_shows_who_would_be_joined_and_changes_nothing(run: Run, leads: Leads) -> None:
    rows = told(run("preview", "--json"))
    assert {(row["campaign"], row["lead_id"], row["from_person"]) for row in rows} == {
        ("spring", "a", None), ("autumn", "b", None),
    }  # fmt: skip
    assert {row["to_person"] for row in rows} == {id_given_by("autumn/b")}
    assert all(row["evidence"] == ["same address"] for row in rows)
    assert leads.persons() == []
    run("resolve")
    assert told(run("preview", "--json")) == []
    assert "no lead would change its person" in run("preview").stdout


def test_from_resolving_to_splitting(run: Run, leads: Leads) -> None:
    counts = told(run("resolve", "--json"))
    assert (counts["persons"]["persons"], counts["accounts"]["accounts"]) == (3, 1)
    (review,) = told(run("reviews", "--kind", "person", "--json"))
    assert (review["left_id"], review["right_id"]) == ("autumn/b", "autumn/c")
    decided = run("decide", str(review["review_id"]), "same", "--actor", "ida", "--reason", "called her")
    assert decided.exit_code == 0, decided.exception
    assert "nothing waits" in run("reviews").stdout
    person = id_given_by("autumn/b")
    shown = told(run("show", person, "--json"))
    assert [(lead["campaign"], lead["lead_id"]) for lead in shown["leads"]] == [
        ("autumn", "b"),
        ("spring", "a"),
        ("autumn", "c"),
    ]
    split = run("split", person, "--lead", "spring/a", "--actor", "ida", "--reason", "another Anna")
    assert split.exit_code == 0, split.exception
    assert {"spring/a"} in leads.persons()
    answered = told(run("reviews", "--decided", "--json"))
    assert {(row["left_id"], row["right_id"], row["state"], row["actor"]) for row in answered} == {
        ("autumn/b", "autumn/c", "same", "ida"),
        ("autumn/b", "spring/a", "different", "ida"),
        ("autumn/c", "spring/a", "different", "ida"),
    }
    assert told(run("overlaps", "--json")) == []
    assert "no person is in two campaigns" in run("overlaps").stdout


def test_a_decision_is_previewed_before_it_is_made(run: Run, leads: Leads) -> None:
    run("resolve")
    before, ((*_, state),) = leads.persons(), leads.reviews()
    why = ("--actor", "ida", "--reason", "called her", "--preview", "--json")
    person = id_given_by("autumn/b")
    (review,) = told(run("reviews", "--kind", "person", "--json"))
    for words in (("decide", str(review["review_id"]), "same"), ("merge", "spring/a", "autumn/c")):
        (moved,) = told(run(*words, *why))
        assert (moved["lead_id"], moved["from_person"], moved["to_person"]) == (
            "c",
            id_given_by("autumn/c"),
            person,
        )
    (moved,) = told(run("split", person, "--lead", "spring/a", *why))
    assert (moved["lead_id"], moved["to_person"]) == ("a", id_given_by("spring/a"))
    assert (leads.persons(), leads.reviews()) == (before, [("autumn/b", "autumn/c", state)])
    merged = run("merge", "spring/a", "autumn/c", "--actor", "ida", "--reason", "called her")
    assert merged.exit_code == 0, merged.exception
    assert {"autumn/b", "autumn/c", "spring/a"} in leads.persons()


def test_campaigns_that_share_people_are_listed(run: Run, leads: Leads) -> None:
    run("resolve")
    assert told(run("overlaps", "--json")) == [
        {
            "campaign": "autumn",
            "other_campaign": "spring",
            "people": 1,
            "written_to_here": 0,
            "written_to_there": 0,
        }
    ]


def test_values_are_printed_only_where_they_are_asked_for(run: Run, leads: Leads) -> None:
    run("resolve")
    person = id_given_by("autumn/b")
    quiet = "".join(
        run(*words).stdout
        for words in (("show", person), ("reviews",), ("preview",), ("overlaps",), ("resolve", "--rebuild"))
    )
    assert not [
        word for word in ("anna", "berg", "firma", "Berlin", "carla") if word.lower() in quiet.lower()
    ]
    assert "anna.berg@firma.example" in run("show", person, "--show-values").stdout
    assert "carla@mail.example" in run("reviews", "--show-values").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nobody"), "there is no person nobody"),
        (("decide", "999", "same", "--reason", "x"), "there is no review 999"),
        (("split", "nobody", "--lead", "spring", "--reason", "x"), "names no lead"),
    ],
)
def test_a_refusal_is_one_sentence(run: Run, leads: Leads, words: tuple[str, ...], said: str) -> None:
    error = run(*words).exception
    assert isinstance(error, PermanentError)
    assert said in str(error)
