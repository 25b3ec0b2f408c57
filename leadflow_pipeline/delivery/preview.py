"""Every email of a campaign as one person would get it, to be looked at before anything is sent.

What belongs here: making the emails and the page that shows them, and writing both down. What does not: arguments
(`cli.preview`), and pictures (`chromium`).

An email is made by the function that the release door uses, so what is seen is what would leave, but for tracking. The
way to unsubscribe is nobody's: a person who tries it out there changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Template

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.delivery.linting.campaign_lint import (
    SAMPLE_KEY,
    languages_of,
    lint_campaign,
    lint_email,
)
from leadflow_pipeline.delivery.linting.findings import Finding
from leadflow_pipeline.delivery.rendering import (
    ESCAPING,
    Email,
    EnrolmentSoFar,
    SentEmail,
    Urls,
    email_for,
)
from leadflow_pipeline.delivery.sample_leads import RECIPIENT, known_lead
from leadflow_pipeline.delivery.sequence_emails import Place, emails_of
from leadflow_pipeline.errors import PermanentError

VIEWS = (
    ("phone", 390, True, False),
    ("phone-dark", 390, True, True),
    ("desktop", 800, False, False),
    ("desktop-dark", 800, False, True),
)
"""Name, width in pixels, whether it is a phone, whether it is dark."""

OF_ONE_EMAIL = re.compile(r" \d+( |$)")
"""Where a finding is, if it is about one email."""

Taker = Callable[[Path, int, bool, bool], bytes]
"""From a page, a width, phone and dark to a picture."""


@dataclass
class Preview:
    """One email to look at; `email` is missing where it cannot be made, and `findings` say why."""

    place: Place
    language: str
    stem: str
    title: str
    email: Email | None
    findings: list[Finding]
    pictures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def moment(self) -> str:
        """When it falls due."""
        days, before = self.place.email.delay_days, "start" if self.place.step == 1 else "step before"
        if days == 0:
            return f"right after the {before}"
        return f"{days:g} {'day' if days == 1 else 'days'} after the {before}"


def previews_of(
    campaign: Campaign,
    public_url: str,
    lead: Mapping[str, Any] | None = None,
    sequence: str | None = None,
) -> Iterator[Preview]:
    """Each email for the lead, in its language; without a lead for an invented one, in every language."""
    sent: dict[tuple[str, str], list[SentEmail]] = {}
    for place in emails_of(campaign, sequence):
        for language in languages_of(campaign, place) if lead is None else ("",):
            before = sent.setdefault((place.line, language), [])
            reader = known_lead(campaign, language) if lead is None else lead
            preview = _preview(campaign, place, language, reader, public_url, before)
            if preview.email:
                references = preview.email.headers.get("References", "")
                before.append(
                    SentEmail(place.step, preview.email.subject, preview.email.rfc_message_id, references)
                )
            yield preview


def _preview(
    campaign: Campaign,
    place: Place,
    language: str,
    lead: Mapping[str, Any],
    public_url: str,
    before: Sequence[SentEmail],
) -> Preview:
    enrolment = EnrolmentSoFar(
        f"preview {place.line}",
        str(lead.get("email") or RECIPIENT),
        SAMPLE_KEY,
        tuple(before),
        variant=place.variant,
        email=place.email,
    )
    email, findings = None, []
    try:
        email = email_for(
            campaign, place.sequence, place.step, lead, enrolment, Urls(public_url, is_tracked=False)
        )
    except PermanentError as failed:
        findings.append(Finding("", "error", str(failed)))
    spoken = email.language if email else language or campaign.nurture.language
    findings += [each for each in lint_email(campaign, place, spoken, public_url) if each not in findings]
    is_usual = spoken == campaign.nurture.language
    tried = f"-{place.variant.replace('/', '-')}" if place.variant else ""
    stem = f"{place.sequence}{tried}-{place.step:02}" + ("" if is_usual else f"-{spoken}")
    title = place.label + ("" if is_usual else f" ({spoken})")
    return Preview(place, spoken, stem, title, email, sorted(findings, key=lambda each: each.severity))


def write_previews(
    folder: Path,
    campaign: Campaign,
    public_url: str,
    previews: Sequence[Preview],
    reader: str,
    take: Taker | None = None,
) -> Path:
    """Writes HTML, text and (with `take`) pictures of each email, and a page that shows them all; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for preview in previews:
        if preview.email is None:
            continue
        page = folder / f"{preview.stem}.html"
        page.write_text(preview.email.html, encoding="utf-8")
        (folder / f"{preview.stem}.txt").write_text(
            f"Subject: {preview.email.subject}\n\n{preview.email.text}", encoding="utf-8"
        )
        for name, width, is_phone, is_dark in VIEWS if take else ():
            picture = folder / f"{preview.stem}.{name}.png"
            picture.write_bytes(take(page, width, is_phone, is_dark))  # type: ignore[misc]
            preview.pictures.append((name.replace("-", ", "), picture.name))
    whole = [each for each in lint_campaign(campaign, public_url) if not OF_ONE_EMAIL.search(each.where)]
    shown = _page().render(
        campaign=campaign,
        reader=reader,
        findings=whole,
        sequences=[
            (name, list(group)) for name, group in groupby(previews, key=lambda each: each.place.line)
        ],
    )
    index = folder / "index.html"
    index.write_text(shown, encoding="utf-8")
    return index


@lru_cache(maxsize=1)
def _page() -> Template:
    return ESCAPING.from_string(
        (files("leadflow_pipeline.delivery") / "preview.html").read_text(encoding="utf-8")
    )
