"""The brief: every point says something whatever is missing, and a language model adds nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline.delivery.brief import BriefFacts, SimilarAccount, name_of, points_of
from leadflow_pipeline.delivery.brief_wording import held_to, shown
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.rendering import RenderError
from leadflow_pipeline.harvest.erasing import erase_person
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import handoff_briefs, suppressions
from leadflow_pipeline_tests.delivery.owners_world import HOUR, NOW, TODAY, OwnersWorld
from leadflow_pipeline_tests.fakes.language_model import FakeLanguageModel
from leadflow_pipeline_tests.samples import minimal_campaign_text

AT = datetime(2026, 5, 6, 9, 30, tzinfo=UTC)
LEAD = {
    "full_name": "Ida Example", "email": "ida@leads.example", "phone": "+4930123456", "company": "Example Ltd",
    "company_size": 200, "size_band": "51-200", "job_title": "Head of Sales", "industry": "software", "city": "Berlin",
    "region": None, "country": "DE", "language": "de", "budget": 12000.0, "recent_job_change": True,
}  # fmt: skip
KNOWN = BriefFacts(
    LEAD,
    {
        "score": 82.5,
        "icp_fit": 0.84,
        "temperature": "warm",
        "reasons": ["Industry is software (+20)", "Title (+8)"],
    },
    {"tier": "HOT"},
    "Schedule demo",
    "EUR",
    AT,
    (("click", AT - timedelta(days=3)), ("reply", AT - timedelta(hours=2))),
    similar=(SimilarAccount("Acme Ltd", "won", date(2026, 3, 5), "same industry and size"),),
)
UNKNOWN = BriefFacts({}, None, None, "Qualify need", "EUR", AT)


def test_everything_that_is_known_is_said() -> None:
    assert points_of(KNOWN) == (
        "Who: Ida Example, Head of Sales at Example Ltd (Berlin, DE)",
        "Company: software, 200 people, budget 12,000 EUR",
        "Why now: tier HOT, score 82.5 of 100, engagement warm; has just changed jobs; last seen 2 hours ago (reply)",
        "Fit: 84% of the ideal customer profile; most points of its score: Industry is software (+20), Title (+8)",
        "Engagement: 1 click, 1 reply in the last 30 days, the latest 2 hours ago",
        "Similar accounts: Acme Ltd won in March 2026 (same industry and size)",
        "Reach: ida@leads.example, +4930123456, speaks de",
        "Next step: answer the reply in person (goal: schedule demo)",
    )


def test_what_is_not_known_is_said_too() -> None:
    assert points_of(UNKNOWN) == (
        "Who: a person whose name is not known, title not known, company not known",
        "Company: neither industry nor size nor budget is known",
        "Why now: not scored yet; no fresh signal",
        "Fit: not judged yet",
        "Engagement: nothing in the last 30 days: no click, visit or reply",
        "Similar accounts: none is known that was won or lost",
        "Reach: no email, no phone",
        "Next step: find a way to reach the person, for no phone is known (goal: qualify need)",
    )
    assert name_of(UNKNOWN) == "a new lead"
    some = replace(KNOWN, lead={"company": "Example Ltd", "email": "ida@leads.example"}, may_be_emailed=False)
    assert name_of(some) == "somebody at Example Ltd"
    assert (
        points_of(some)[6]
        == "Reach: ida@leads.example, no phone; has asked not to be emailed, so do not write"
    )


texts = st.none() | st.text(max_size=40) | st.just("a\n- b: {{ who }} <b> http://evil.example.org")
numbers = st.none() | st.floats(allow_nan=True, allow_infinity=False) | st.integers(0, 10**9)


@settings(max_examples=40)
@given(st.fixed_dictionaries(dict.fromkeys(("full_name", "company", "job_title", "industry", "city", "email"), texts)),
       st.fixed_dictionaries({"company_size": numbers, "budget": numbers}))  # fmt: skip
def test_whatever_a_lead_says_a_brief_has_six_to_eight_points(
    words: dict[str, Any], sizes: dict[str, Any]
) -> None:
    points = points_of(replace(KNOWN, lead={**words, **sizes}))
    assert 6 <= len(points) <= 8
    assert all(0 < len(point) <= 400 and "\n" not in point and "http" not in point for point in points)


def test_a_template_of_ones_own() -> None:
    assert points_of(KNOWN, "- {{ full_name }} wants {{ custom.plan or 'nothing' }}\n- {{ tier }}") == (
        "Ida Example wants nothing", "HOT",
    )  # fmt: skip
    with pytest.raises(RenderError, match=r"mend handover\.brief"):
        points_of(KNOWN, "- {{ 1 / 0 }}")


@pytest.mark.parametrize(
    ("handover", "problem"),
    [
        ("brief: '- {{ compny }}'", "unknown token compny"),
        ("brief: 'no point'", "has no point"),
        ("language_model: {endpoint: 'http://models.example.org/v1', model: m}", "unencrypted"),
        ("slack_chanel: sales", "unknown key"),
    ],
)
def test_a_mistake_in_the_section_is_refused(handover: str, problem: str) -> None:
    with pytest.raises(CampaignError, match=problem):
        parse_campaign(minimal_campaign_text(extra=f"handover:\n  {handover}\n"), "spring.yaml")


GIVEN = shown(KNOWN)
SAID = {
    "Company": "A software company with 200 people and a budget of 12,000 EUR.",
    "Why now": "Tier HOT with a score of 82.5; the person has just changed jobs and replied 2 hours ago.",
    "Fit": "It matches 84% of the profile.",
    "Engagement": "One click and one reply within 30 days.",
    "Similar accounts": "A similar one was won in March 2026.",
    "Next step": "Answer the reply in person, then schedule a demo.",
}


def test_nothing_personal_is_shown_to_a_model() -> None:
    told = json.dumps(GIVEN)
    assert not any(
        word in told for word in ("Ida", "Example", "Acme", "leads.example", "4930123456", "Berlin")
    )


def test_an_answer_that_says_the_same_holds() -> None:
    assert held_to(json.dumps(SAID), GIVEN) == SAID


@pytest.mark.parametrize(
    ("label", "words", "problem"),
    [
        ("Company", "It has 201 people.", "number"),
        ("Company", "It has seven hundred people.", "number"),
        ("Fit", "It matches 84% and grew threefold, by 12.5 points.", "number"),
        ("Why now", "Siemens uses this already.", "name"),
        ("Why now", "The person met Maria last week.", "name"),
        ("Next step", "Send them to www.example.org before.", "link"),
        ("Next step", "Write to boss@leads.example.", "link"),
        ("Next step", "", "empty"),
        ("Next step", "word " * 100, "too long"),
    ],
)
def test_an_answer_that_adds_something_does_not_hold(label: str, words: str, problem: str) -> None:
    said = held_to(json.dumps({**SAID, label: words}), GIVEN)
    assert isinstance(said, str)
    assert problem in said
    assert len(words) < 5 or words not in said


@pytest.mark.parametrize("answer", ["", "Sure!", "[]", '{"Company": "x"}', json.dumps({**SAID, "More": "x"})])
def test_an_answer_of_another_shape_does_not_hold(answer: str) -> None:
    assert held_to(answer, GIVEN) == "the answer is not the JSON object that was asked for"


@pytest.mark.parametrize("manner", ["obeys", "invents", "fails", "stays silent"])
def test_a_model_is_asked_once_and_never_trusted(owners: OwnersWorld, manner: str) -> None:
    def mind(facts: Any) -> Any:
        return (
            {**facts, "Fit": "Maria says it fits."}
            if manner == "invents"
            else {**facts, "Fit": "It fits well."}
        )

    with FakeLanguageModel(mind) as server:
        if manner == "fails":
            server.misbehave("no permission", times=9)
        if manner == "stays silent":
            server.misbehave("lost answer", times=9)
        model = f"{{endpoint: '{server.url}', model: small-model}}"
        owners.register(handover=f"{{language_model: {model}}}")
        owners.rep("anke", status="paused")
        owners.plan({"lead-1": ["anke"]})
        owners.hand_over()  # nobody is free yet, but the model was asked
        owners.rep("anke", TODAY)
        owners.hand_over(NOW + HOUR)
        body = owners.messages(step=1, lead_id="lead-1")[0]["body_text"]
        assert ("It fits well." in body) == (manner == "obeys")
        assert "Who: Ida Example" in body
        assert "Maria" not in body
        assert len(server.requests) == 1
        assert "Ida" not in server.requests[0].body.decode()
    with owners.engine.connect() as connection:
        (row,) = connection.execute(select(handoff_briefs)).mappings()
    assert (row["bullets"] is None) == (manner != "obeys")
    assert row["problem"] is None or "Maria" not in row["problem"]


def test_erasing_a_lead_takes_its_hand_over_along_and_leaves_its_owner(
    owners: OwnersWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners.register(handover="{slack_channel: sales}")
    owners.rep("anke")
    owners.rep("tom", capacity={"per_day": 0})
    owners.plan(
        {"lead-1": ["anke"], "lead-2": ["tom"], "lead-3": ["anke"]}, fields={"email": LEADS_ADDRESSES}
    )
    owners.hand_over()
    owners.touch("lead-1", "anke", NOW)
    settings = get_settings().model_copy(update={"home": owners.home})
    dispatch_due(owners.engine, settings, NOW)
    monkeypatch.setattr("leadflow_pipeline.harvest.erasing.get_settings", lambda: settings)
    before = len(list(settings.outbox_folder.iterdir()))
    reports = [erase_person(owners.engine, f"lead-{number}@leads.example", actor="test") for number in (1, 2)]
    assert (reports[0].rows["handoffs"], reports[0].rows["rep_touches"], reports[0].rows["messages"]) == (
        1,
        1,
        4,
    )
    assert reports[1].rows["held_handoffs"] == 1
    assert reports[0].files_removed == before - len(list(settings.outbox_folder.iterdir())) == 2
    assert owners.owners() == {"lead-3": ["anke"]}
    assert all(row["lead_id"] in ("lead-3", "") for row in owners.messages())
    with owners.engine.connect() as connection:
        kept_out = set(connection.scalars(select(suppressions.c.subject)))
    assert kept_out == {address_key(f"lead-{number}@leads.example") for number in (1, 2)}


LEADS_ADDRESSES = [f"lead-{number}@leads.example" for number in (1, 2, 3)]
