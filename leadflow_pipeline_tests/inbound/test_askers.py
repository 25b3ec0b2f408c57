"""Who asks, by its program and its network."""

from __future__ import annotations

import pytest

from leadflow_pipeline.inbound.tracking.askers import (
    BROWSER,
    HEAD,
    MAIL_PROGRAM,
    NAMELESS,
    PERSONS,
    PREFETCH,
    UNKNOWN,
    family_of,
)
from leadflow_pipeline_tests.inbound.letters import BROWSER as CHROME

HOME = "198.51.100.7"


@pytest.mark.parametrize(
    ("program", "family"),
    [
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Firefox/11.0 (via ggpht.com GoogleImageProxy)", "Google image proxy"),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "Yahoo mail proxy"),
        ("Mozilla/5.0", "Apple mail privacy"),
        ("Microsoft Office Existence Discovery", "Microsoft link check"),
        ("Mozilla/5.0 (Windows NT 6.1) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b", "Microsoft link check"),
        ("Barracuda Sentinel (EE)", "Barracuda"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler"),
        ("python-requests/2.32", "program"),
        ("curl/8.5.0", "program"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/137.0 Safari/537.36", "program"),
        ("", NAMELESS),
        (CHROME, BROWSER),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1 Version/18 Safari/604.1", BROWSER),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)", BROWSER),
        ("Mozilla/4.0 (compatible; ms-office; MSOffice 16)", MAIL_PROGRAM),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0", MAIL_PROGRAM),
        ("SomethingNew 1.0", UNKNOWN),
    ],
)  # fmt: skip
def test_a_program_by_its_name(program: str, family: str) -> None:
    assert family_of("GET", {"user-agent": program}, HOME) == family


@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("66.249.84.1", "Google image proxy"),
        ("40.94.31.2", "Microsoft link check"),
        ("::ffff:40.94.31.2", "Microsoft link check"),
        ("2a01:111:f400:7e00::1", "Microsoft link check"),
        ("67.231.150.9", "Proofpoint"),
        ("17.58.100.1", "Apple mail privacy"),
        (HOME, BROWSER),
        ("fe80::1%eth0", BROWSER),
        ("no address", BROWSER),
    ],
)
def test_a_browser_by_its_network(address: str, family: str) -> None:
    assert family_of("GET", {"user-agent": CHROME}, address) == family


def test_ways_of_asking_that_no_person_has() -> None:
    assert family_of("HEAD", {"user-agent": CHROME}, HOME) == HEAD
    for header in ({"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}, {"x-moz": "prefetch"}):
        assert family_of("GET", {"user-agent": CHROME, **header}, HOME) == PREFETCH
    assert not {HEAD, PREFETCH, NAMELESS} & set(PERSONS)
