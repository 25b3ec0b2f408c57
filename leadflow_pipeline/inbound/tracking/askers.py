"""Who asks for a pixel or a link, by the family of its program or network. Pure.

What belongs here: families that say by themselves that no person asked. What does not: what only several requests
together show (`judgement`). Neither the program's whole name nor its address goes any further than this module: what
is kept is the family.

Sources of the names that programs give themselves:
- Google's image proxy says `(via ggpht.com GoogleImageProxy)`, Yahoo's `YahooMailProxy; https://help.yahoo.com/kb/...`.
- Apple's Mail Privacy Protection loads every image, read or not, as `Mozilla/5.0` and nothing else
  (https://www.apple.com/legal/privacy/data/en/mail-privacy-protection/).
- Office asks `Microsoft Office Existence Discovery` before it follows a link; Bing's preview is Outlook's on the web.
- The others name themselves by their product.
A scanner that calls itself a browser is found by what it does.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache

BROWSER = "browser"
MAIL_PROGRAM = "mail program"
UNKNOWN = "unknown program"
PERSONS = (BROWSER, MAIL_PROGRAM, UNKNOWN)
"""What a person may use. Every other family is a machine, and its name the reason."""

HEAD = "asked for the head alone"
PREFETCH = "fetched before anyone asked"
NAMELESS = "program without a name"

FAMILIES: tuple[tuple[str, str], ...] = (
    ("Google image proxy", r"GoogleImageProxy|ggpht\.com"),
    ("Yahoo mail proxy", r"YahooMailProxy|YahooCacheSystem"),
    ("Apple mail privacy", r"^Mozilla/5\.0$"),
    ("Microsoft link check", r"Existence Discovery|Protocol Discovery|BingPreview|SafeLinks|Microsoft-?Defender"),
    ("Proofpoint", r"proofpoint|pphosted|urldefense"),
    ("Mimecast", r"mimecast"),
    ("Barracuda", r"barracuda|cudasvc"),
    ("Cisco secure email", r"cisco ?secure|ironport|talos"),
    ("Trend Micro", r"trend ?micro|\bTMES\b"),
    ("Sophos", r"sophos"),
    ("Fortinet", r"fortimail|fortinet|fortiguard"),
    ("Symantec", r"symantec|messagelabs|broadcom"),
    ("Forcepoint", r"forcepoint|websense"),
    ("Trellix", r"fireeye|trellix|mcafee"),
    ("Avanan", r"avanan|checkpoint"),
    ("Mail.ru proxy", r"mail\.ru.*proxy|MailRuImageProxy|YandexImageProxy|YandexImages"),
    ("link preview", r"facebookexternalhit|slackbot|slack-imgproxy|twitterbot|linkedinbot|whatsapp|telegrambot|"
                     r"discordbot|skypeuripreview|embedly|iframely"),
    ("crawler", r"bot\b|bot/|crawl|spider|slurp|scanner|link.?check|monitor|archiver|urlscan|virustotal|safebrowsing"),
    ("program", r"^curl|^wget|python|aiohttp|httpx|urllib|libwww|^java/|okhttp|apache-httpclient|go-http-client|"
                r"node-fetch|axios|undici|^ruby|^php|guzzle|perl|headless|phantomjs|selenium|playwright|puppeteer|"
                r"postman|insomnia|winhttp|powershell|^ahc/|cloudfront|^dart/|scrapy"),
)  # fmt: skip
KNOWN = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in FAMILIES]
ANY_KNOWN = re.compile("|".join(f"(?:{pattern})" for _, pattern in FAMILIES), re.IGNORECASE)

MAIL = re.compile(
    r"outlook|thunderbird|microsoft office|ms-?office|airmail|mailbird|spark|em ?client", re.IGNORECASE
)
MOST_CHARACTERS = 512
"""Of a program's name that are looked at."""

NETWORKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # TXT record of _netblocks.google.com: what leaves from there is Google's servers, not its users.
    ("Google image proxy", (
        "64.233.160.0/19", "66.102.0.0/20", "66.249.80.0/20", "72.14.192.0/18", "74.125.0.0/16", "108.177.8.0/21",
        "173.194.0.0/16", "209.85.128.0/17", "216.58.192.0/19", "216.239.32.0/19",
    )),
    # Exchange Online Protection in "Office 365 URLs and IP address ranges" (learn.microsoft.com, endpoint sets 9, 10),
    # and 40.94.0.0/16, from which Safe Links asks.
    ("Microsoft link check", (
        "40.92.0.0/15", "40.94.0.0/16", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "2a01:111:f400::/48",
        "2a01:111:f403::/48",
    )),
    # ARIN: networks of Proofpoint, Barracuda and Apple; Mimecast's as published for allow-lists.
    ("Proofpoint", ("67.231.144.0/20", "148.163.128.0/19", "185.132.180.0/22", "208.84.64.0/22")),
    ("Barracuda", ("64.235.144.0/20", "209.222.80.0/21")),
    ("Mimecast", ("91.220.42.0/24", "195.130.217.0/24", "205.139.110.0/23", "207.211.30.0/23")),
    ("Apple mail privacy", ("17.0.0.0/8",)),
)  # fmt: skip
KNOWN_NETWORKS = [
    (name, ipaddress.ip_network(network)) for name, networks in NETWORKS for network in networks
]


def family_of(method: str, headers: Mapping[str, str], address: str) -> str:
    """The family of whoever asks: one of PERSONS, or a machine by name. `headers` has names in lower case."""
    if method == "HEAD":
        return HEAD
    if _is_prefetch(headers):
        return PREFETCH
    family = family_of_program(headers.get("user-agent", "").strip()[:MOST_CHARACTERS])
    return (network_of(address) or family) if family in PERSONS else family


@lru_cache(maxsize=4096)
def family_of_program(program: str) -> str:
    """The family of a program by what it calls itself."""
    if not program:
        return NAMELESS
    if ANY_KNOWN.search(program):
        return next(name for name, pattern in KNOWN if pattern.search(program))
    if MAIL.search(program):
        return MAIL_PROGRAM
    return BROWSER if program.startswith(("Mozilla/", "Opera/")) else UNKNOWN


@lru_cache(maxsize=4096)
def network_of(address: str) -> str | None:
    """The family that a network address belongs to; None for all others, and for what is no address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return next((name for name, network in KNOWN_NETWORKS if parsed in network), None)


def _is_prefetch(headers: Mapping[str, str]) -> bool:
    """https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header, and what came before it."""
    told = [headers[name] for name in ("sec-purpose", "purpose", "x-purpose", "x-moz") if name in headers]
    return any(word in purpose.lower() for purpose in told for word in ("prefetch", "prerender", "preview"))
