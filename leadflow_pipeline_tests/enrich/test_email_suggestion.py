"""Typing errors in the domains of common mailboxes: found where plain, never where they may be none."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.email import judge_emails
from leadflow_pipeline.enrich.email_suggestion import (
    COMMON_DOMAINS,
    LISTED_MISSPELLINGS,
    suggest_domains,
    suggest_emails,
)
from leadflow_pipeline.enrich.lists import disposable_domains, free_mail_domains

LISTED = {*free_mail_domains().to_pylist(), *disposable_domains().to_pylist()}


def suggest(domain: str) -> str | None:
    found = suggest_domains(pd.Series([domain], dtype="str"))[0]
    return None if pd.isna(found) else found


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.comm", "gmail.com"),
        ("gmail.c0m", "gmail.com"),
        ("gmil.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmal.con", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("yahho.com", "yahoo.com"),
        ("yahoo.co.ku", "yahoo.co.uk"),
        ("outlook.con", "outlook.com"),
        ("outlok.de", "outlook.de"),
        ("gxm.de", "gmx.de"),
        ("gmx.ed", "gmx.de"),
        ("wbe.de", "web.de"),
        ("t-onlin.de", "t-online.de"),
        ("googelmail.com", "googlemail.com"),
        ("iclod.com", "icloud.com"),
    ],
)
def test_a_plain_slip_is_found(written, meant):
    assert suggest(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "gmail.com", "gmx.de", "web.de", "yahoo.de", "mail.com", "email.com", "ymail.com",  # mailboxes themselves
        "cloud.com", "webb.de", "gmail.at", "hotmail.ch", "acme.com", "outlookers.com",  # may be somebody's own
        "yahoo.fe", "hotmail",  # more than one could be meant
        "", ".", "gmail..com", "[192.0.2.1]",
    ],
)  # fmt: skip
def test_nothing_is_suggested_where_it_may_be_no_slip(written):
    assert suggest(written) is None


def test_the_address_keeps_what_is_before_the_at_sign():
    emails = pd.Series(
        ["ann.lee+x@gmial.com", "ann@acme.com", None, "a b@gmial.com", "gmial.com"], dtype="str"
    )
    assert suggest_emails(emails).fillna("-").tolist() == ["ann.lee+x@gmail.com", "-", "-", "-", "-"]


def test_a_listed_misspelling_keeps_the_verdict_of_its_list():
    row = judge_emails(pd.Series(["ann@gmial.com"], dtype="str")).iloc[0]
    assert (row["email_reason"], row["email_suggestion"]) == ("disposable", "ann@gmail.com")


def test_every_exception_is_on_a_list_and_every_common_domain_is_meant_as_written():
    assert set(LISTED_MISSPELLINGS) <= LISTED
    assert suggest_domains(pd.Series(COMMON_DOMAINS, dtype="str")).isna().all()


slips = st.builds(
    lambda domain, position, letter, kind: {
        "lost": domain[:position] + domain[position + 1 :],
        "added": domain[:position] + letter + domain[position:],
        "changed": domain[:position] + letter + domain[position + 1 :],
        "swapped": domain[:position] + domain[position : position + 2][::-1] + domain[position + 2 :],
    }[kind],
    st.sampled_from(COMMON_DOMAINS),
    st.integers(0, 12),
    st.sampled_from("abcdefghijklmnopqrstuvwxyz.-0"),
    st.sampled_from(["lost", "added", "changed", "swapped"]),
)


@settings(max_examples=8)
@given(st.lists(slips, min_size=20, max_size=60), st.integers(0, 1000))
def test_a_suggestion_is_common_and_another_and_never_for_a_listed_domain(domains, number):
    written = pd.Series(domains, dtype="str").drop_duplicates().reset_index(drop=True)
    found = suggest_domains(written)
    suggested = found.dropna()
    assert suggested.isin(COMMON_DOMAINS).all()
    assert (suggested != written[suggested.index]).all()
    listed = written.isin(LISTED) & ~written.isin(LISTED_MISSPELLINGS)
    assert found[listed].isna().all()
    position = number % len(written)
    together = found.iloc[position]
    assert suggest(written.iloc[position]) == (None if pd.isna(together) else together)
