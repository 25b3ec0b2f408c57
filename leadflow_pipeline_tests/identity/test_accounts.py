"""Which company a lead belongs to, and who is asked where nobody can tell. Everybody is invented."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.identity import reviews
from leadflow_pipeline.identity.accounts import close_names, initials, resolve_accounts
from leadflow_pipeline.identity.present_accounts import resolve_present_accounts
from leadflow_pipeline.store.schema import account_aliases, accounts
from leadflow_pipeline_tests.identity.world import Leads

COLUMNS = ["campaign", "lead_id", "company", "company_key", "domain", "phone", "postcode", "country"]
NO_DECISIONS = pd.DataFrame(
    {"lead": pd.Series(dtype="int64"), "account_id": pd.Series(dtype="str"), "state": pd.Series(dtype="str")}
)
PHONE, OTHER_PHONE = "+493023125001", "+493023125002"
BERLIN = {"postcode": "10115"}
FIRMA = {"company_key": "firma"}
AUSTRIA = {"country": "AT"}


def groups(
    *leads: dict[str, Any], decisions: pd.DataFrame = NO_DECISIONS
) -> tuple[list[list[int]], list[int]]:
    """Which leads have the same account, by position, and which are to be decided."""
    resolved = resolve_accounts(frame(*leads), decisions)
    found = resolved.members.groupby("account_id").groups.values()
    assert set(resolved.accounts["account_id"]) == set(resolved.members["account_id"])
    return sorted(sorted(group) for group in found), sorted(resolved.doubts["lead"].unique())


def frame(*leads: dict[str, Any]) -> pd.DataFrame:
    rows = [
        {"campaign": "spring", "lead_id": f"{place:03}", "company": lead.get("company_key"), **lead}
        for place, lead in enumerate(leads)
    ]
    return pd.DataFrame(rows, columns=COLUMNS, dtype="str")


def test_the_same_domain_is_the_same_account_whatever_the_name() -> None:
    found = groups(
        {"domain": "firma.example", "company_key": "firma"},
        {"domain": "firma.example", "company_key": "other"},
    )
    assert found == ([[0, 1]], [])


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ({**FIRMA, "phone": PHONE}, {**FIRMA, "phone": PHONE}, True),
        ({**FIRMA, "phone": PHONE}, {**FIRMA, "phone": OTHER_PHONE}, False),
        ({"company_key": "example bakery", **BERLIN}, {"company_key": "exmaple bakery", **BERLIN}, True),
        ({"company_key": "example bakery", **BERLIN}, {"company_key": "another bakery", **BERLIN}, False),
        ({"company_key": "invented business machines", "phone": PHONE}, {"company_key": "ibm", "phone": PHONE}, True),
        ({"company_key": "invented business machines"}, {"company_key": "ibm"}, False),
        ({"company_key": "filiale 12", "postcode": "10115"}, {"company_key": "filiale 13", "postcode": "10115"}, False),
        ({**FIRMA, **BERLIN, **AUSTRIA}, {**FIRMA, **BERLIN, "country": "CH"}, False),
        ({**FIRMA, "phone": PHONE}, {"domain": "a.example", **FIRMA, "phone": PHONE}, True),
        ({"domain": "firma.example", **FIRMA}, {**FIRMA}, False),
        ({"domain": "firma.example", **FIRMA}, {"domain": "firma.test", "company_key": "frima"}, True),
        ({"domain": "firma.example", **FIRMA}, {"domain": "firma.test", "company_key": "werk"}, False),
        ({"domain": "abc.example", "company_key": "abc"}, {"domain": "abc.test", "company_key": "abc"}, False),
        ({"domain": "firma.example", **FIRMA, **AUSTRIA}, {"domain": "firma.test", **FIRMA, "country": "CH"}, False),
    ],
)  # fmt: skip
def test_a_close_name_needs_a_second_agreement(
    one: dict[str, Any], other: dict[str, Any], is_same: bool
) -> None:
    found, open_leads = groups(one, other)
    assert ([0, 1] in found, open_leads) == (is_same, [])


def test_a_name_alone_makes_no_account() -> None:
    assert groups({"company_key": "firma"}, {"company_key": "firma"}, {}) == ([], [])


TORN = (
    {"domain": "firma.example", "company_key": "firma", "phone": PHONE},
    {"domain": "firma-two.example", "company_key": "firma", "postcode": "10115"},
    {"company_key": "firma", "phone": PHONE, "postcode": "10115"},
)


def test_who_fits_two_accounts_belongs_to_none_until_a_person_decides() -> None:
    assert groups(*TORN) == ([[0], [1]], [2])
    resolved = resolve_accounts(frame(*TORN), NO_DECISIONS)
    first = resolved.members["account_id"][0]
    same = pd.DataFrame({"lead": [2], "account_id": [first], "state": ["same"]})
    assert groups(*TORN, decisions=same) == ([[0, 2], [1]], [])
    assert groups(*TORN, decisions=same.assign(state="different")) == ([[0], [1, 2]], [])
    assert groups(*TORN, decisions=same.assign(account_id="gone")) == ([[0], [1]], [2])


def test_initials_leave_linking_words_out() -> None:
    names = pd.Series(["invented business machines", "bank of nowhere and sons", "two words", "x"])
    assert initials(names).fillna("").tolist() == ["ibm", "bns", "", ""]
    assert close_names(names[:1], pd.Series(["i b m"])).tolist() == [True]


@settings(max_examples=6)
@given(st.data())
def test_accounts_do_not_depend_on_how_many_leads_say_the_same(data: st.DataObject) -> None:
    said = st.fixed_dictionaries(
        {
            "domain": st.sampled_from([None, "a.example", "b.example"]),
            "company_key": st.sampled_from([None, "firma", "frima", "werk"]),
            "phone": st.sampled_from([None, PHONE, OTHER_PHONE]),
            "postcode": st.sampled_from([None, "10115"]),
        }
    )
    leads = data.draw(st.lists(said, min_size=1, max_size=8))
    once, open_leads = groups(*leads)
    twice, open_twice = groups(*leads, *leads)
    count = len(leads)
    assert twice == sorted(group + [lead + count for lead in group] for group in once)
    assert open_twice == open_leads + [lead + count for lead in open_leads]


def test_accounts_are_kept_renewed_and_never_dangle(leads: Leads) -> None:
    firma = {"company": "Firma GmbH", "company_key": "firma"}
    leads.arrive("spring", {"a": {**firma, "phone": PHONE}, "x": {}})
    leads.arrive("autumn", {"b": {**firma, "phone": PHONE, "postcode": "10115"}})
    report = resolve_present_accounts(leads.engine)
    assert (report.leads, report.with_account, report.accounts) == (3, 2, 1)
    assert leads.accounts() == [{"autumn/b", "spring/a"}]
    (before,) = leads.read(accounts)["account_id"]
    leads.arrive("winter", {"c": {**firma, "phone": PHONE, "company_domain": "firma.example"}}, day=1)
    assert resolve_present_accounts(leads.engine).ended == 1
    (now,) = leads.read(accounts).to_dict("records")
    assert (now["name"], now["name_key"], now["domain"], now["phone"]) == (
        "Firma GmbH",
        "firma",
        "firma.example",
        PHONE,
    )
    assert leads.read(account_aliases)[["account_id", "alias_of"]].to_numpy().tolist() == [
        [before, now["account_id"]]
    ]
    leads.arrive("winter", {"c": {}}, day=2)
    resolve_present_accounts(leads.engine)
    assert leads.accounts() == [{"autumn/b", "spring/a"}]
    assert leads.read(accounts)["account_id"].tolist() == [before]


def test_the_queue_binds_accounts_too(leads: Leads) -> None:
    for slug, (lead_id, said) in zip(
        ("spring", "autumn", "winter"), zip("abc", TORN, strict=True), strict=True
    ):
        fields = {name: value for name, value in said.items() if name != "domain"}
        leads.arrive(slug, {lead_id: {**fields, "company_domain": said.get("domain")}})
    report = resolve_present_accounts(leads.engine)
    assert (report.undecided, report.asked) == (1, 2)
    assert resolve_present_accounts(leads.engine).asked == 0
    with leads.engine.begin() as connection:
        (first, *_) = leads.read(reviews.match_reviews)["review_id"]
        reviews.decide(connection, int(first), "different", actor="ida", reason="asked them")
    assert resolve_present_accounts(leads.engine).undecided == 0
    assert len(leads.accounts()) == 2
