"""Profiles on social networks: LinkedIn, X, GitHub, Facebook, Instagram, XING and YouTube, each written one way.

What belongs here: spelling, and telling a profile from a page that is none (a post, a search, a share button). What
does not: whether the profile is there: no host that a lead named is ever asked.

A profile's address is lower case, without a country's host, locale, query, tab or closing slash, and with its letters
as letters (`%C3%B6` is `ö`). Letters keep their case where the network tells them apart: YouTube's channel ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

import pandas as pd

from leadflow_pipeline.enrich.distinct import for_each_distinct


class Network(NamedTuple):
    """How a network's profiles are written."""

    home: str
    """What a profile's address begins with."""
    hosts: str
    """Regular expression of the network's hosts, without `www.` and other names in front."""
    profile: str
    """Regular expression of a profile's path, in lower case; the first group is kept."""
    bare: str
    """Regular expression of texts that name a profile without the host; those are few, for `none` is a word too."""
    not_profiles: tuple[str, ...] = ()
    """First words of paths that look like a profile and are none."""


_SLUG = r"[^/?#\s&=%@\x{fffd}]+"

NETWORKS: dict[str, Network] = {
    "linkedin": Network(
        "https://www.linkedin.com/",
        r"linkedin\.com",
        rf"(?:m/|mwlite/)?((?:in|company|school|showcase)/{_SLUG}|pub/{_SLUG}(?:/[0-9a-f]{{1,3}}){{0,3}})(?:/.*)?",
        r"(?i:/?(?:in|company|school|showcase|pub)/.+)",
    ),
    "x": Network(
        "https://x.com/",
        r"(?:twitter|x)\.com",
        r"@?([a-z0-9_]{1,15})(?:/(?:with_replies|media|likes|status/.*)?)?",
        r"@.+",
        ("home", "i", "intent", "search", "share", "hashtag", "login", "settings", "explore", "messages", "tos",
         "privacy", "about", "jobs", "compose", "notifications"),
    ),
    "github": Network(
        "https://github.com/",
        r"github\.com",
        r"@?([a-z0-9][a-z0-9-]{0,38})(?:/.*)?",
        r"@.+",
        ("about", "apps", "collections", "contact", "customer-stories", "enterprise", "explore", "features", "issues",
         "join", "login", "marketplace", "new", "notifications", "orgs", "organizations", "pricing", "pulls", "search",
         "security", "settings", "site", "sponsors", "topics", "trending"),
    ),
    "facebook": Network(
        "https://www.facebook.com/",
        r"(?:facebook|fb)\.com",
        rf"(people/{_SLUG}/[0-9]+|pages/(?:category/)?{_SLUG}/[0-9]+|p/{_SLUG}|[\p{{L}}\p{{N}}][\p{{L}}\p{{N}}.-]+)"
        r"(?:/(?:about|photos|posts|videos|reviews|services)?(?:/.*)?)?",
        r"[^\s\S]",
        ("dialog", "events", "groups", "hashtag", "help", "home.php", "login", "login.php", "marketplace", "photo",
         "photo.php", "plugins", "privacy", "search", "share", "share.php", "sharer", "sharer.php", "story.php", "tr",
         "watch", "people", "pages", "profile.php", "permalink.php"),
    ),
    "instagram": Network(
        "https://www.instagram.com/",
        r"instagram\.com",
        r"@?([a-z0-9_][a-z0-9._]{0,29})(?:/(?:reels|tagged|channel)?)?",
        r"@.+",
        ("about", "accounts", "direct", "explore", "p", "reel", "reels", "stories", "tv", "web"),
    ),
    "xing": Network(
        "https://www.xing.com/",
        r"xing\.com",
        rf"((?:profile|pages|companies)/{_SLUG})(?:/.*)?",
        r"(?i:/?(?:profile|pages|companies)/.+)",
    ),
    "youtube": Network(
        "https://www.youtube.com/",
        r"youtube\.com",
        rf"((?:user|c)/{_SLUG}|channel/UC[\w-]{{22}}|@[\p{{L}}\p{{N}}][\p{{L}}\p{{N}}\p{{M}}._·-]*)(?:/.*)?",
        r"@.+",
    ),
}  # fmt: skip
"""By the name under which the profile is kept."""

KEYS: dict[str, str] = {
    **{name: name for name in NETWORKS},
    "twitter": "x",
    "insta": "instagram",
    "fb": "facebook",
}
"""What a custom field may be called, less endings such as `_url` and `_profile`."""
_KEY_ENDS = re.compile(r"[ _-]*(?:url|link|profile|profile[ _-]url|page|handle)$")
_NAMED = "|".join(KEYS)


def tidy_linkedin_urls(urls: pd.Series) -> pd.Series:
    """`https://www.linkedin.com/in/ann-lee`, whatever country's LinkedIn, locale or query was given.

    `in/ann-lee` alone will do. Missing where the text is no page of a person, company or school.
    """
    return tidy_profiles(urls, "linkedin")


def tidy_profiles(urls: pd.Series, network: str) -> pd.Series:
    """The address of the profile that each text names on one of `NETWORKS`; missing where it names none."""
    urls = urls.astype("str")
    if not urls.notna().any():
        return urls
    return for_each_distinct(urls, lambda texts: _tidied(texts, NETWORKS[network]))


def tidy_social_urls(custom: pd.Series, given: Mapping[str, pd.Series] | None = None) -> pd.Series:
    """JSON objects (as text) of network -> address, indexed as `custom`; `{}` where none is known.

    `custom` are JSON objects whose members may be named after a network (`twitter`, `xing_url`), with an address or
    `@handle`. `given` are columns by network, which win.
    """
    may_name = custom.str.contains(_NAMED, regex=True, na=False)
    if not (may_name.any() or any(urls.notna().any() for urls in (given or {}).values())):
        return pd.Series("{}", index=custom.index, dtype="str")
    found = for_each_distinct(custom.where(may_name), _in_custom)
    columns = {network: found[network] for network in NETWORKS}
    for network, urls in (given or {}).items():
        columns[network] = tidy_profiles(urls, network).fillna(columns[network])
    return _as_json(pd.DataFrame(columns, index=custom.index))


def _tidied(texts: pd.Series, network: Network) -> pd.Series:
    written = texts.str.strip()
    is_encoded = written.str.contains("%", regex=False)
    if is_encoded.any():
        written = written.mask(is_encoded, written[is_encoded].map(unquote).reindex(written.index))
    # Capital letters tell YouTube's channels apart, and nothing else.
    written = written.where(written.str.contains("/channel/UC", regex=False), written.str.lower())
    written = written.str.normalize("NFC")
    address = rf"^(?i:(?:https?:)?/*(?:[a-z0-9-]+\.)*{network.hosts}(?::[0-9]+)?)/+(?:#!/)?"
    names_profile = written.str.contains(address, regex=True) | written.str.fullmatch(network.bare)
    path = written.str.replace(address, "", regex=True).str.lstrip("/")
    path = path.str.replace(_PROFILE_NUMBER, r"\1", regex=True)
    path = path.str.replace(r"[?#].*$", "", regex=True).str.rstrip("/")
    names_profile &= path.str.fullmatch(network.profile)
    kept = path.where(names_profile).str.replace(f"^{network.profile}$", r"\1", regex=True)
    return network.home + kept.mask(kept.isin(network.not_profiles))


_PROFILE_NUMBER = r"^profile\.php\?(?:.*&)?id=([0-9]+).*$"
"""Facebook's oldest profiles are told by their query; their number alone leads there, too."""


def _in_custom(texts: pd.Series) -> pd.DataFrame:
    """A column of addresses for each network, from JSON objects."""
    members = [_named_members(text) for text in texts]
    written = pd.DataFrame(members, columns=list(NETWORKS), index=texts.index, dtype="str")
    return pd.DataFrame({network: tidy_profiles(written[network], network) for network in NETWORKS})


def _named_members(text: str) -> dict[str, str]:
    """The texts of an object's members that are named after a network, by network; the first of several wins."""
    found: dict[str, str] = {}
    for key, value in json.loads(text).items():
        name = _KEY_ENDS.sub("", key.strip().lower())
        if name in KEYS and isinstance(value, str):
            found.setdefault(KEYS[name], value)
    return found


def _as_json(profiles: pd.DataFrame) -> pd.Series:
    """The objects as text, without missing members, as `json.dumps` would write them."""
    body = pd.Series("", index=profiles.index, dtype="str")
    for network in profiles.columns:
        known = profiles[network].dropna()
        if known.empty:
            continue
        # An address has no control character; what else JSON escapes, it escapes here.
        quoted = known.str.replace("\\", "\\\\", regex=False).str.replace('"', '\\"', regex=False)
        member = (f'"{network}": "' + quoted + '"').reindex(profiles.index)
        body = body.mask(member.notna(), body.mask(body != "", body + ", ") + member)
    return "{" + body + "}"
