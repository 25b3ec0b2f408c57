"""The domain a company owns, by the public suffix list and never by a fetch."""

from __future__ import annotations

from pathlib import Path

import idna
import pandas as pd
import pytest

from leadflow_pipeline.enrich.company_domain import company_domains, registrable_domains


def test_the_public_suffix_lists_own_tests():
    """As published beside the list, in the public domain (CC0)."""
    lines = (
        (Path(__file__).parent / "data" / "public_suffix_tests.txt").read_text(encoding="utf-8").splitlines()
    )
    cases = [line.split() for line in lines if line and not line.startswith("//")]
    hosts, expected = (pd.Series(column, dtype="str") for column in zip(*cases, strict=True))
    domains = expected.map(lambda name: idna.encode(name).decode()).where(expected != "null")
    found = registrable_domains(hosts[hosts != "null"])
    assert len(found) > 70
    assert found.fillna("-").tolist() == domains[found.index].fillna("-").tolist()


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("acme.com", "acme.com"),
        ("www2.eu.acme.com", "acme.com"),
        ("shop.acme.co.uk", "acme.co.uk"),
        ("acme.com.au", "acme.com.au"),
        ("a.b.acme.kawasaki.jp", "b.acme.kawasaki.jp"),
        ("www.city.kawasaki.jp", "city.kawasaki.jp"),
        ("ACME.com", "acme.com"),
        ("acme.github.io", "acme.github.io"),
        ("shop.acme.example", "acme.example"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("com", None),
        ("co.uk", None),
        ("github.io", None),
        ("localhost", None),
        ("192.0.2.1", None),
        ("[192.0.2.1]", None),
        ("", None),
        ("a..b", None),
        ("\u200d.com", None),
    ],
)
def test_registrable(host, domain):
    found = registrable_domains(pd.Series([host], dtype="str"))[0]
    assert (None if pd.isna(found) else found) == domain


@pytest.mark.parametrize(
    ("website", "email_domain", "is_personal", "domain"),
    [
        ("acme.com/de/team", "mail.other.com", False, "acme.com"),
        (None, "mail.acme.co.uk", False, "acme.co.uk"),
        (None, "gmail.com", True, None),
        ("linkedin.com/company/acme", "acme.com", False, "acme.com"),
        ("apps.apple.com/app/acme", None, None, None),
        ("apple.com", "gmail.com", True, "apple.com"),
        (None, None, None, None),
    ],
)
def test_the_website_goes_before_the_address(website, email_domain, is_personal, domain):
    found = company_domains(
        pd.Series([website], index=[7], dtype="str"),
        pd.Series([email_domain], index=[7], dtype="str"),
        pd.Series([is_personal], index=[7], dtype="boolean"),
    )
    assert found.index.tolist() == [7]
    assert (None if pd.isna(found[7]) else found[7]) == domain


def test_below_a_shared_domain_companies_have_names_of_their_own():
    hosts = pd.Series(
        ["campus.edu", "spin-off.campus.edu", "www.Spin-off.campus.edu", "acme.com"], dtype="str"
    )
    nobody = pd.Series(None, index=hosts.index, dtype="str")
    is_personal = pd.Series(False, index=hosts.index)
    for websites, addresses in ((hosts, nobody), (nobody, hosts)):
        found = company_domains(websites, addresses, is_personal, ("campus.edu",))
        assert found.fillna("-").tolist() == ["-", "spin-off.campus.edu", "spin-off.campus.edu", "acme.com"]
