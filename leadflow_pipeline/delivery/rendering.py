"""Templates become one email: subject, text, HTML, headers and tracked links.

What belongs here: Jinja2 in a sandbox, the language that is chosen, and putting an email together. What does not: the
small language of texts (`wording`), links inside HTML (`links`), and the wire (`mail`).

Lead data are values, never template source. A token without value or default is an error that names the token, not an
empty hole. Where a step has no HTML of its own it is made from its text, and the other way round, so that both say the
same. All that is said here is said again, byte for byte, however often it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.delivery.footer_words import direction_of, footer_words
from leadflow_pipeline.delivery.links import Link, check_targets, text_of, tracked
from leadflow_pipeline.delivery.mail import headers_of, message_id
from leadflow_pipeline.delivery.tokens import shorten, tokens_of
from leadflow_pipeline.delivery.tracking import link_url, pixel_url, tracking_key
from leadflow_pipeline.delivery.unsubscribe import unsubscribe_url
from leadflow_pipeline.delivery.wording import (
    isolated,
    lines_of,
    marks_as_html,
    paragraphs,
    plain,
    unwrap,
    without_marks,
)
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.filters import FILTERS
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.steps import EmailStep
from leadflow_pipeline.nurture.words import Wording

SUBJECT_CHARACTERS = 150
ANSWER = "Re: "

PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
ESCAPING = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
)
PLAIN.filters |= FILTERS
ESCAPING.filters |= FILTERS


class RenderError(PermanentError):
    """A template cannot be filled for this lead."""


@dataclass(frozen=True)
class Words:
    """What one email says."""

    subject: str
    text: str
    html: str
    language: str
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class SentEmail:
    """An email of the same enrolment that left before, as the outbox has it.

    `references` is its own header of that name, empty where it began a conversation.
    """

    step: int
    subject: str
    rfc_message_id: str
    references: str = ""


@dataclass(frozen=True)
class EnrolmentSoFar:
    """Whom an email is for, and what came before it.

    `recipient_key` is the key of the recipient's address (`store.keys`). `sent` are the emails that left or are on
    their way, in the order of their steps. `variant` names what an experiment tries on the lead, and `email` is the
    step as that variant has it; without them the campaign's own step is meant.
    """

    enrolment_id: str
    recipient: str
    recipient_key: str
    sent: Sequence[SentEmail] = ()
    variant: str | None = None
    email: EmailStep | None = None


@dataclass(frozen=True)
class Urls:
    """Where links lead to. Without `is_tracked` nothing is tracked, whatever the campaign says: for looking."""

    public_url: str
    is_tracked: bool = True


@dataclass(frozen=True)
class Email:
    """A whole email, ready for the outbox. `tracking_key` is missing where nothing in it is tracked."""

    subject: str
    text: str
    html: str
    headers: dict[str, str]
    links: tuple[Link, ...]
    variant: str | None
    rfc_message_id: str
    tracking_key: str | None
    language: str


def email_for(
    campaign: Campaign,
    sequence: str,
    step: int,
    lead: Mapping[str, Any],
    enrolment: EnrolmentSoFar,
    urls: Urls,
) -> Email:
    """The email of a step (from 1) for one lead, as known now.

    `lead` needs the columns of `enriched_leads` that tokens are made of (`campaign.LEAD_TOKENS`, `custom`).
    Raises PermanentError, which names a token or a header but no value, where the email cannot be made.
    """
    email = enrolment.email or step_of(campaign, sequence, step)
    way_out = unsubscribe_url(urls.public_url, campaign.campaign, enrolment.recipient_key)
    key = tracking_key("email", enrolment.enrolment_id, step)
    tracking = campaign.nurture.tracking
    opens, clicks = urls.is_tracked and tracking.opens, urls.is_tracked and tracking.clicks
    words = render(campaign, email, lead, way_out, urls.public_url, key, opens=opens, clicks=clicks)
    headers = headers_of(campaign, enrolment.recipient, sequence, step, way_out)
    headers |= {"Content-Language": words.language}
    subject = words.subject
    if email.thread and enrolment.sent:
        before = enrolment.sent[-1]
        subject = shorten(ANSWER + before.subject.removeprefix(ANSWER), SUBJECT_CHARACTERS)
        headers |= {
            "In-Reply-To": before.rfc_message_id,
            "References": f"{before.references} {before.rfc_message_id}".strip(),
        }
    return Email(
        subject,
        words.text,
        words.html,
        headers,
        words.links,
        enrolment.variant,
        message_id(campaign, enrolment.enrolment_id, step),
        key if opens or clicks else None,
        words.language,
    )


def step_of(campaign: Campaign, sequence: str, step: int) -> EmailStep:
    """The email at a place of a sequence. Raises RenderError where the campaign has none there any more."""
    steps = campaign.nurture.steps_of(sequence)
    email = steps[step - 1] if step <= len(steps) else None
    if not isinstance(email, EmailStep):
        raise RenderError("the sequence has no such step any more")
    return email


def render(
    campaign: Campaign,
    step: EmailStep,
    lead: Mapping[str, Any],
    way_out: str,
    public_url: str = "",
    key: str = "",
    *,
    opens: bool = False,
    clicks: bool = False,
) -> Words:
    """The words of one step for one lead. Raises RenderError, which names a token but no value."""
    rules = campaign.nurture
    language, wording = wording_for(step, lead.get("language"), rules.language)
    tokens = tokens_of(campaign, lead, way_out, language)
    try:
        subject = " ".join(_filled(wording.subject, tokens, rules, language).split())
        body, text = _body_and_text(wording, _marked(tokens), rules, language)
        reason, unsubscribe = _footer(rules, language, tokens)
    except UndefinedError as error:
        raise RenderError(f"{error.message}: give the token a default in the template") from None
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RenderError(
            f"the template fails for this lead ({type(error).__name__}): mend the template"
        ) from None
    if not subject:
        raise RenderError("the subject is empty for this lead: give its tokens a default in the template")
    check_targets(body)
    links: tuple[Link, ...] = ()
    trap = None
    if clicks:
        own = f"{public_url.rstrip('/')}/unsubscribe/"
        body, links = tracked(body, lambda number: link_url(public_url, key, number), own)
        links = (*links, Link(len(links) + 1, public_url, is_trap=True))
        trap = link_url(public_url, key, len(links))
    shown = {
        **tokens,
        "subject": shorten(subject, SUBJECT_CHARACTERS),
        "body": Markup(body),  # noqa: S704 (escaped where it was made)
        "language": language,
        "direction": direction_of(language),
        "reason": reason,
        "unsubscribe": unsubscribe,
        "trap": trap,
        "pixel": pixel_url(public_url, key) if opens else None,
    }
    return Words(
        shown["subject"],
        f"{text}\n\n{plain(_text_foot().render(shown))}\n",
        _layout().render(shown),
        language,
        links,
    )


def wording_for(step: EmailStep, wanted: Any, usual: str) -> tuple[str, Wording]:
    """The language of an email for a lead who speaks `wanted`, and the email in it; else `usual`, the campaign's.

    `de-AT` takes `de` where there is no `de-AT`, and `pt` takes `pt-BR` where there is nothing nearer.
    """
    if step.languages and isinstance(wanted, str) and wanted.strip():
        base, _, country = wanted.strip().replace("_", "-").partition("-")
        base, spoken = base.lower(), f"{base.lower()}-{country.upper()}"
        if spoken in step.languages:
            return spoken, step.languages[spoken]
        if base in step.languages:
            return base, step.languages[base]
        if base != usual.partition("-")[0]:
            for language, wording in step.languages.items():
                if language.partition("-")[0] == base:
                    return language, wording
    return usual, step


class Snippets:
    """The campaign's snippets as tokens see them: `{{ snippets.greeting }}`, filled in when they are asked for."""

    __slots__ = ("_is_html", "_language", "_rules", "_tokens")

    def __init__(
        self, rules: NurtureRules, language: str, tokens: Mapping[str, Any], *, is_html: bool
    ) -> None:
        self._rules, self._language, self._tokens, self._is_html = rules, language, tokens, is_html

    def __getitem__(self, name: str) -> str:
        spoken = self._rules.languages.get(self._language)
        source = (spoken.snippets.get(name) if spoken else None) or self._rules.snippets[name]
        text = plain_template(_unwrapped(source)).render(self._tokens).strip()
        return lines_of(text) if self._is_html else text


def _filled(source: str, tokens: Mapping[str, Any], rules: NurtureRules, language: str) -> str:
    snippets = Snippets(rules, language, tokens, is_html=False)
    return plain_template(source).render({**tokens, "snippets": snippets})


def _body_and_text(
    wording: Wording, tokens: Mapping[str, Any], rules: NurtureRules, language: str
) -> tuple[str, str]:
    """The body as HTML, and its plain text."""
    text = _filled(_unwrapped(wording.text), tokens, rules, language).strip() if wording.text else None
    if wording.html:
        snippets = Snippets(rules, language, tokens, is_html=True)
        body = _escaping(wording.html).render({**tokens, "snippets": snippets})
    else:
        body = str(paragraphs(text or ""))
    said = plain(text) if text is not None else plain(text_of(body))
    return marks_as_html(body), without_marks(said)


def _footer(rules: NurtureRules, language: str, tokens: Mapping[str, Any]) -> tuple[str, str]:
    """Why the lead is written to, and the word for leaving."""
    words = footer_words(language)
    spoken = rules.languages.get(language)
    own = (spoken.reason if spoken else None) or (rules.reason if language == rules.language else None)
    return " ".join(plain_template(own or words.reason).render(tokens).split()), words.unsubscribe


def _marked(tokens: Mapping[str, Any]) -> dict[str, Any]:
    """The tokens with marks around values that are written from right to left."""
    marked = {name: isolated(value) if isinstance(value, str) else value for name, value in tokens.items()}
    return marked | {"custom": {name: isolated(value) for name, value in tokens["custom"].items()}}


@lru_cache(maxsize=512)
def plain_template(source: str) -> Template:
    """A template of plain text, made ready once."""
    return PLAIN.from_string(source)


@lru_cache(maxsize=512)
def _unwrapped(source: str) -> str:
    return unwrap(source)


@lru_cache(maxsize=512)
def _escaping(source: str) -> Template:
    return ESCAPING.from_string(source)


@lru_cache(maxsize=1)
def _layout() -> Template:
    return _escaping((files("leadflow_pipeline.delivery") / "layout.html").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _text_foot() -> Template:
    return plain_template((files("leadflow_pipeline.delivery") / "footer.txt").read_text(encoding="utf-8"))
