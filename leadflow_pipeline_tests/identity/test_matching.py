"""Which records are one person: what must be found, what must never be, and that batches change nothing."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.identity.clusters import components
from leadflow_pipeline.identity.matching import match_pairs
from leadflow_pipeline.identity.people import match_fields
from leadflow_pipeline.identity.persons import same_address
from leadflow_pipeline.identity.rules import IdentityRules
from leadflow_pipeline_tests.benchmarks.identity import quality
from leadflow_pipeline_tests.benchmarks.invented_people import invented_people

RULES = IdentityRules()

ADA = {
    "first_name": "Ada", "last_name": "Lindqvist", "email": "ada.lindqvist@acme.example", "company": "Acme GmbH",
    "phone": "+49 30 23125 100", "city": "Berlin",
}  # fmt: skip


def probability_of(
    one: dict[str, str | None], other: dict[str, str | None], rules: IdentityRules = RULES
) -> float:
    """That two records are one person; 0 where not even a question is worth it."""
    pairs = match_pairs(match_fields(pd.DataFrame([one, other])), None, rules)
    return float(pairs["probability"].iloc[0]) if len(pairs) else 0.0


@pytest.mark.parametrize(
    "other",
    [
        {"first_name": "ADA", "last_name": "Lindqvist", "email": "ada@private.example", "company": "ACME"},
        {"full_name": "Lindqvist, Ada", "phone": "030/23125100", "company": "Acme"},
        {"full_name": "Dr. Ada Lindqvist", "email": "ada.lindqvist@acme.example"},
        {
            "first_name": "Ada",
            "last_name": "Lindqivst",
            "phone": "0049 30 23125100",
            "email": None,
            "company": "ACME",
        },
        {
            "first_name": "Lindqvist",
            "last_name": "Ada",
            "company": "Acme GmbH",
            "city": "Berlin",
            "phone": "03023125100",
        },
        {"first_name": "A.", "last_name": "Lindqvist", "email": "ada.lindqvsit@acme.example"},
        {
            "first_name": "Ada",
            "last_name": "Lindqvist",
            "email": "a.lindqvist@acme.example",
            "company": "Acme",
        },
    ],
)
def test_one_person_is_found_again(other) -> None:
    assert probability_of(ADA, other) >= RULES.same_above


SWITCHBOARD = {"phone": "030 23125 100", "company": "Acme"}
ROLE = {"email": "sales@acme.example", "company": "Acme"}
ADA_BERG, HUGO_BERG = {"first_name": "Ada", "last_name": "Berg"}, {"first_name": "Hugo", "last_name": "Berg"}
HOME = {"street": "Elm Road 1", "postcode": "10115", "city": "Berlin"}

TWO_PEOPLE = {
    "a company's phone": (ADA_BERG | SWITCHBOARD, {"first_name": "Hugo", "last_name": "Cole"} | SWITCHBOARD),
    "a company's phone and no name": (SWITCHBOARD, SWITCHBOARD),
    "a company's phone and a last name": (
        SWITCHBOARD | {"last_name": "Berg"},
        SWITCHBOARD | {"last_name": "Berg"},
    ),
    "a role address": (ROLE, ROLE),
    "a role address and a last name": (ADA_BERG | ROLE, HUGO_BERG | ROLE),
    "a family firm": (ADA, ADA | {"first_name": "Hugo", "email": "hugo.lindqvist@acme.example"}),
    "first names alike": (ADA, ADA | {"first_name": "Adam", "email": "adam.lindqvist@acme.example"}),
    "a couple": (
        {"first_name": "Paul", "last_name": "Berg"} | SWITCHBOARD | HOME,
        {"first_name": "Paula", "last_name": "Berg"} | SWITCHBOARD | HOME,
    ),
    "numbered mailboxes": (
        ADA | {"email": "desk1@acme.example"},
        {"first_name": "Hugo", "email": "desk2@acme.example", "company": "Acme"},
    ),
    "last names alike": (ADA, ADA | {"last_name": "Lundqvist", "email": "ada.lundqvist@acme.example"}),
    "companies that end alike": (
        ADA_BERG | {"email": "berg@northern-logistics.co.uk"},
        ADA_BERG | {"email": "berg@southern-logistics.co.uk"},
    ),
    "long domains of one length": (
        ADA_BERG | {"email": "a.berg@centralhotels-berlin.example"},
        ADA_BERG | {"email": "aberg@handelsinternational.example"},
    ),
    "namesakes at a free provider": (
        ADA_BERG | {"email": "ada.berg83@gmail.com"},
        ADA_BERG | {"email": "ada_berg2@gmail.com"},
    ),
    "two initials of a family": (
        ADA_BERG | {"email": "a.berg@acme.example", "phone": "030 23125 100"},
        {"last_name": "Berg", "email": "pberg@acme.example", "phone": "030 23125 100"},
    ),
    "a first name in a building": (
        {"first_name": "Ada", "postcode": "10115"} | SWITCHBOARD,
        {"first_name": "Ada", "postcode": "10115", "city": "Berlin"} | SWITCHBOARD,
    ),
    "a year of birth": (
        {"first_name": "Ada", "birth_date": "1971-01-01"},
        ADA_BERG | {"birth_date": "1971-01-01"},
    ),
    "a day of birth and another last name": (
        ADA_BERG | {"birth_date": "1971-06-24"},
        {"first_name": "Ada", "last_name": "Cole", "birth_date": "1971-06-24"},
    ),
    "a name and a town": (
        ADA_BERG | {"city": "London", "email": "ada.berg@acme.example"},
        ADA_BERG | {"city": "London", "email": "ada.berg@globex.example"},
    ),
}


@pytest.mark.parametrize(("one", "other"), TWO_PEOPLE.values(), ids=TWO_PEOPLE.keys())
def test_two_people_stay_two(one, other) -> None:
    assert probability_of(one, other) < RULES.same_above
    assert probability_of(other, one) < RULES.same_above


COMPANY_HAS = {
    "phone": "030 {number:04}{number:04}", "company": "Company {number}", "website": "https://company{number}.example",
    "email": "info@company{number}.example", "postcode": "{number:05}", "city": "Town {number}",
}  # fmt: skip
COLLEAGUES: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
    (ADA_BERG, {"first_name": "Hugo", "last_name": "Cole"}),
    (ADA_BERG, HUGO_BERG),
    (ADA_BERG, {"first_name": "Ada", "last_name": "Cole"}),
    (ADA_BERG, {"first_name": "H.", "last_name": "Berg"}),
    (ADA_BERG, {"last_name": "Berg"}),
    (ADA_BERG, {}),
    ({"last_name": "Berg"}, {"last_name": "Berg"}),
    ({"first_name": "Ada"}, {"first_name": "Ada"}),
    ({"first_name": "Paul", "last_name": "Berg"}, {"first_name": "Paula", "last_name": "Berg"}),
    ({}, {}),
)


def test_whatever_colleagues_share_of_their_company_they_stay_two() -> None:
    """Every choice of what a company has, with every pair of names, each pair at a company of its own."""
    fields = list(COMPANY_HAS)
    shares = [chosen for size in range(1, len(fields) + 1) for chosen in combinations(fields, size)]
    cases = [(chosen, names) for chosen in shares for names in COLLEAGUES]
    rows = [
        name | {field: COMPANY_HAS[field].format(number=number) for field in chosen}
        for number, (chosen, names) in enumerate(cases)
        for name in names
    ]
    people = match_fields(pd.DataFrame(rows, columns=["first_name", "last_name", *fields], dtype="str"))
    pairs = match_pairs(people, None, RULES)
    assert pairs[pairs["probability"] >= RULES.same_above].empty
    asked = [cases[position // 2] for position in pairs["left"]]
    has_nothing_own = [
        names for names in COLLEAGUES if "first_name" not in names[0] or "Hugo" in names[1].values()
    ]
    assert not [case for case in asked if case[1] in has_nothing_own], "not even a question"
    assert same_address(people["mailbox"] + "@" + people["mail_domain"]).empty


def test_evidence_names_what_agreed_and_no_value() -> None:
    pairs = match_pairs(match_fields(pd.DataFrame([ADA, ADA | {"phone": None}])), None, RULES)
    assert '"email"' in pairs["evidence"].iloc[0]
    assert not any(
        word in pairs["evidence"].iloc[0].lower() for word in ("ada", "lindqvist", "acme", "berlin")
    )


def test_a_campaign_says_which_fields_count() -> None:
    other = {"first_name": "Ada", "last_name": "Lindqvist", "phone": "030 23125 100", "company": "Acme"}
    assert probability_of(ADA, other) >= RULES.same_above
    assert probability_of(ADA, other, IdentityRules(fields=("email", "profile"))) == 0


def test_frames_without_people_or_columns() -> None:
    for people in (pd.DataFrame({"email": pd.Series(dtype="str")}), pd.DataFrame({"other": ["x", "y"]})):
        assert match_pairs(match_fields(people), None, RULES).empty


def test_invented_leads_find_each_other() -> None:
    leads, truth = invented_people(3_000)
    pairs = match_pairs(match_fields(leads), None, RULES)
    same = pairs[pairs["probability"] >= RULES.same_above]
    precision, recall, _ = quality(truth, components(len(leads), same["left"], same["right"]))
    assert (precision, recall) > (0.99, 0.99)


@settings(max_examples=12)
@given(st.data())
def test_batches_in_any_sizes_give_the_pairs_of_all_at_once(data) -> None:
    """Few names, companies and towns, so that keys are crowded and caps are met."""
    value = st.sampled_from
    people = st.fixed_dictionaries(
        {
            "first_name": value(["Ada", "Adam", "Bob", "Robert", None]),
            "last_name": value(["Berg", "Bergh", "Cole", None]),
            "company": value(["Acme", "Globex"]),
            "phone": value(["030 23125100", "030 23125101", None]),
            "email": value(["ada@a.example", "adda@a.example", "info@a.example", "bob@b.example", None]),
            "birth_date": value(["1971-06-24", "1971-06-25", None]),
        }
    )
    leads = pd.DataFrame(data.draw(st.lists(people, min_size=2, max_size=60)), dtype="str")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(leads) - 1), max_size=5)))
    fields = match_fields(leads)
    whole = match_pairs(fields, None, RULES)
    parts = []
    for start, end in pairwise([0, *cuts, len(leads)]):
        is_new = pd.Series(np.arange(end) >= start)
        parts.append(match_pairs(fields.iloc[:end], is_new, RULES))
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
