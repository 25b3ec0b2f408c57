"""Every finding about the emails of a campaign: each email in each language, for leads of whom much or little is known.

What belongs here: which emails are looked at, and what needs a whole campaign to see. What does not: single findings
(`addresses`, `markup`, `wording`). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.delivery.linting.addresses import lint_links, lint_sources
from leadflow_pipeline.delivery.linting.findings import Finding, error, warning
from leadflow_pipeline.delivery.linting.markup import lint_markup
from leadflow_pipeline.delivery.linting.wording import lint_subject, lint_words
from leadflow_pipeline.delivery.rendering import Email, EnrolmentSoFar, RenderError, Urls, email_for
from leadflow_pipeline.delivery.sample_leads import RECIPIENT, known_lead, long_lead, unknown_lead
from leadflow_pipeline.delivery.sequence_emails import Place, emails_of, sequences_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.mailboxes import free_mail_domains
from leadflow_pipeline.nurture.words import Wording

GMAIL_CLIPS_AT = 102_000
"""Bytes of HTML behind which Gmail shows the rest only when asked, and so perhaps no way to unsubscribe."""

LARGE = 80_000
SAMPLE_KEY = "0" * 64
SHIPPED_WORDS = ("product", "benefit")
NAMED_TOKEN = re.compile(r"'([^']+)'$|^'([^']+)' is undefined")
SNIPPET = re.compile(r"\bsnippets\.([a-z0-9_]+)")


def lint_campaign(campaign: Campaign, public_url: str, sequence: str | None = None) -> list[Finding]:
    """All findings, first those about the whole campaign, then email by email, errors before warnings."""
    findings = [] if sequence else list(_lint_whole(campaign, public_url))
    findings += _lint_languages(campaign, sequence)
    for place in emails_of(campaign, sequence):
        for language in languages_of(campaign, place):
            label = place.label if language == campaign.nurture.language else f"{place.label} ({language})"
            found = dict.fromkeys(lint_email(campaign, place, language, public_url))
            ordered = sorted(found, key=lambda finding: finding.severity)
            findings += [replace(finding, where=label) for finding in ordered]
    return findings


def languages_of(campaign: Campaign, place: Place) -> tuple[str, ...]:
    """The languages that an email is written in, the campaign's first."""
    return tuple(dict.fromkeys([campaign.nurture.language, *place.email.languages]))


def lint_email(campaign: Campaign, place: Place, language: str, public_url: str) -> Iterator[Finding]:
    """Findings about one email in one language."""
    wording: Wording = place.email.languages.get(language, place.email)
    yield from lint_sources(wording.text, wording.html)
    yield from _holes(campaign, place, language, public_url)
    try:
        email = sample_email(campaign, place, known_lead(campaign, language), public_url)
        longest = sample_email(campaign, place, long_lead(campaign, language), public_url)
    except PermanentError as failed:
        yield error(str(failed))
        return
    body, said = _inside(email.html), email.text.partition("\n--\n")[0]
    yield from lint_subject(email.subject, is_answer=place.email.thread)
    yield from lint_words(email.subject, said, language)
    yield from lint_links(body, is_tracked=campaign.nurture.tracking.clicks)
    if wording.html:
        yield from lint_markup(body)
    yield from _lint_size(longest.html)
    yield from _lint_way_out(email)


def sample_email(campaign: Campaign, place: Place, lead: Mapping[str, Any], public_url: str) -> Email:
    """The email for a lead, untracked. Raises PermanentError as `email_for` does."""
    enrolment = EnrolmentSoFar("sample", RECIPIENT, SAMPLE_KEY, email=place.email)
    return email_for(
        campaign, place.sequence, place.step, lead, enrolment, Urls(public_url, is_tracked=False)
    )


def _holes(campaign: Campaign, place: Place, language: str, public_url: str) -> Iterator[Finding]:
    """Tokens without a default, found by leaving everything out and filling in what is missed."""
    lead: dict[str, Any] = unknown_lead(campaign, language)
    given: dict[str, str] = {}
    for _ in range(len(known_lead(campaign)) + len(campaign.custom_fields)):
        try:
            sample_email(campaign, place, {**lead, "custom": given}, public_url)
        except RenderError as failed:
            named = NAMED_TOKEN.search(str(failed).partition(": ")[0])
            token = (named.group(1) or named.group(2)) if named else None
            if token is None or token in given or token in lead:
                return
            is_own = f"custom.{token}" in campaign.custom_fields
            (given if is_own else lead)[token] = "x"
            name = f"custom.{token}" if is_own else token
            yield error(
                f"a lead without {name} would not get this email",
                f'give the token a default: {{{{ {name} | default("...", true) }}}}',
            )
        except PermanentError:
            return
        else:
            return


def _inside(html: str) -> str:
    """The body of an email without the page around it and the footer."""
    return (
        html.partition('class="card"')[2]
        .partition(">")[2]
        .partition('<td class="foot"')[0]
        .rpartition("</td>")[0]
    )


def _lint_size(html: str) -> Iterator[Finding]:
    size = len(html.encode())
    if size > GMAIL_CLIPS_AT:
        yield error(
            f"the HTML has {size / 1000:.0f} kB, and Gmail cuts it off at {GMAIL_CLIPS_AT / 1000:.0f}, footer and all",
            "shorten it, or link to the rest",
        )
    elif size > LARGE:
        yield warning(f"the HTML has {size / 1000:.0f} kB; Gmail cuts it off at {GMAIL_CLIPS_AT / 1000:.0f}")


def _lint_way_out(email: Email) -> Iterator[Finding]:
    """Whether the way to unsubscribe is in all three places."""
    way_out = email.headers["List-Unsubscribe"].partition(">")[0].lstrip("<")
    for part, said in (("HTML", email.html), ("text", email.text)):
        if way_out not in said:
            yield error(f"the {part} has no way to unsubscribe", "keep the footer whole")


def _lint_whole(campaign: Campaign, public_url: str) -> Iterator[Finding]:
    """Findings about sender, footer, words and where links lead."""
    parts = urlsplit(public_url)
    if parts.hostname in ("127.0.0.1", "localhost", "::1"):
        yield warning(
            f"links lead to {parts.netloc}, which nobody but this machine reaches, so nobody could unsubscribe",
            "set LEADFLOW_PUBLIC_URL to where the service is found from outside",
        )
    elif parts.scheme != "https":
        yield error(
            f"links lead to {public_url} without encryption", "one-click unsubscribe needs https (RFC 8058)"
        )
    domain = campaign.sender.email.rpartition("@")[2].lower()
    if domain in _free_domains():
        yield error(
            f"the sender is at {domain}, whose mailboxes may not be written from elsewhere (DMARC)",
            "send from a domain of your own",
        )
    if len(campaign.postal_address.split()) < 3:
        yield warning("the postal address is hardly one", "give street, place and country")
    nurture, sources = campaign.nurture, list(_sources(campaign))
    for word in SHIPPED_WORDS:
        if word not in nurture.words and any(
            re.search(rf"\b{word}\b", source) for source in _tokens_in(sources)
        ):
            yield warning(
                f"nurture.words.{word} is not given, so emails say something general instead",
                f"add {word} to nurture.words",
            )
    used = {name for source in sources for name in SNIPPET.findall(source)}
    for name in nurture.snippets:
        if name not in used:
            yield warning(f"nurture.snippets.{name} is used by no email", "use it, or remove it")
    for word in nurture.words:
        everywhere = [*sources, *nurture.snippets.values(), nurture.reason or ""]
        if not any(re.search(rf"\b{re.escape(word)}\b", source) for source in _tokens_in(everywhere)):
            yield warning(f"nurture.words.{word} is used by no email", "use it, or remove it")


def _lint_languages(campaign: Campaign, sequence: str | None) -> Iterator[Finding]:
    """Sequences that change their language half-way."""
    for name in [sequence] if sequence else sequences_of(campaign):
        places = list(emails_of(campaign, name))
        spoken = sorted({language for place in places for language in place.email.languages})
        for language in spoken:
            missing = [str(place.step) for place in places if language not in place.email.languages]
            if missing:
                found = warning(
                    f"some emails are written in {language}, but {', '.join(missing)} of {len(places)} not",
                    f"write them, or leads who speak {language} get two languages",
                )
                yield replace(found, where=name)


def _sources(campaign: Campaign) -> Iterator[str]:
    for place in emails_of(campaign):
        for wording in (place.email, *place.email.languages.values()):
            yield from (part for part in (wording.subject, wording.text, wording.html) if part)


def _tokens_in(sources: list[str]) -> list[str]:
    """What stands between braces."""
    return [token for source in sources for token in re.findall(r"\{[{%](.*?)[%}]\}", source, re.DOTALL)]


def _free_domains() -> frozenset[str]:
    return frozenset(free_mail_domains().to_pylist())
