"""A whole email: languages, snippets, conversations, tracked links, and what a hostile name makes of it."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from leadflow_pipeline.campaign import Campaign, CampaignError, parse_campaign
from leadflow_pipeline.delivery.links import Link, text_of, tracked
from leadflow_pipeline.delivery.linting.addresses import links_in
from leadflow_pipeline.delivery.mail import compose, wire_bytes
from leadflow_pipeline.delivery.rendering import (
    Email,
    EnrolmentSoFar,
    RenderError,
    SentEmail,
    Urls,
    email_for,
    wording_for,
)
from leadflow_pipeline.delivery.text_markup import paragraphs, plain
from leadflow_pipeline.delivery.tracking import PIXEL, Tracked, read_token
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.filters import proper, without_legal_form
from leadflow_pipeline.nurture.steps import EmailStep
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline_tests.delivery.world import CAMPAIGN_FILE

DATE = datetime(2026, 5, 5, 9, 30, tzinfo=UTC)
PUBLIC = "https://mail.example.org/leads"
ANNA = {"first_name": "Anna", "company": "Acme GmbH & Co. KG", "custom": '{"plan": "Gold"}'}

NURTURE = """
  words: {product: Planwell}
  reason: You asked for a trial of {{ product }}.
  snippets:
    bye: |
      Kind regards,
      {{ sender_name }}
  languages:
    de:
      words: {product: Planwell auf Deutsch}
      snippets: {bye: "Freundliche Grüße\\n{{ sender_name }}"}
  tracking: {{TRACKING}}
  sequences:
    regular_nurture:
      emails:
        - delay_days: 0
          subject: Your week at {{ company | without_legal_form | default("work") }}
          text: |
            Hi {{ first_name | proper | default("there") }},

            see [your week](https://planwell.example/week?plan={{ custom.plan | default("none") }}) in {{ product }},
            or write to me.

            {{ snippets.bye }}
          languages:
            de:
              subject: Ihre Woche
              text: "Guten Tag,\\n\\nhier ist {{ product }}.\\n\\n{{ snippets.bye }}"
            pt-BR: {subject: A sua semana, text: Bom dia}
        - {delay_days: 3, thread: true, subject: Once more, text: Once more}
        - delay_days: 3
          subject: Pictures
          html: |
            <h1>Pictures</h1><p>Hi <a class="b>c" href='https://planwell.example/a?x=1&amp;y=2'>look</a>, or
            <a href="mailto:eva@sender.example.org">write</a>, or <a href="{{ unsubscribe_url }}">leave</a></p>
            <ul><li>one</li><li>two</li></ul>{{ snippets.bye }}
        - {delay_days: 1, thread: true, subject: Again, text: Again}
"""


def a_campaign(tracking: str = "{}") -> Campaign:
    nurture = NURTURE.replace("{{TRACKING}}", tracking)
    return parse_campaign(
        CAMPAIGN_FILE.format(slug="spring", name="Spring Sale", nurture=nurture), "spring.yaml"
    )


CAMPAIGN = a_campaign()


def made(
    step: int = 1, lead: dict[str, Any] | None = None, campaign: Campaign = CAMPAIGN, **so_far: Any
) -> Email:
    enrolment = EnrolmentSoFar("e1", "anna@leads.example", address_key("anna@leads.example"), **so_far)
    return email_for(
        campaign, "regular_nurture", step, ANNA if lead is None else lead, enrolment, Urls(PUBLIC)
    )


def on_wire(email: Email) -> tuple[bytes, EmailMessage]:
    """The bytes that leave, and the email as a mailbox reads it."""
    mail = compose(email.headers, email.rfc_message_id, email.subject, email.text, email.html, DATE)
    raw = wire_bytes(mail, utf8=False)
    parsed = message_from_bytes(raw, policy=default)
    assert isinstance(parsed, EmailMessage)
    return raw, parsed


def test_an_email_is_the_same_however_often_it_is_made() -> None:
    assert made() == made()


def test_snippets_filters_and_own_words_are_filled_in() -> None:
    email = made(lead={**ANNA, "first_name": "ANNA-LENA"})
    assert email.subject == "Your week at Acme"
    assert email.text.startswith("Hi Anna-Lena,\n\nsee your week (https://planwell.example/week?plan=Gold)")
    assert "Kind regards,\nEva Berg\n\n--\nYou asked for a trial of Planwell.\n" in email.text
    assert made(lead={}).subject == "Your week at work"


@pytest.mark.parametrize(
    ("spoken", "subject", "language"),
    [
        ("de", "Ihre Woche", "de"),
        ("de_AT", "Ihre Woche", "de"),
        ("pt", "A sua semana", "pt-BR"),
        ("pt-br", "A sua semana", "pt-BR"),
        ("fr", "Your week at Acme", "en"),
        (None, "Your week at Acme", "en"),
        (float("nan"), "Your week at Acme", "en"),
    ],
)
def test_a_lead_is_written_to_in_its_language(spoken: Any, subject: str, language: str) -> None:
    email = made(lead={**ANNA, "language": spoken})
    assert (email.subject, email.language) == (subject, language)
    assert f'<html lang="{language}" dir="ltr">' in email.html
    assert email.headers["Content-Language"] == language


def test_footer_words_and_snippets_follow_the_language() -> None:
    email = made(lead={**ANNA, "language": "de"})
    assert "Planwell auf Deutsch" in email.text
    assert "Freundliche Grüße\nEva Berg" in email.text
    assert "Sie erhalten diese E-Mail von Eva Berg" in email.text
    assert "Abmelden: https://" in " ".join(email.text.split())
    assert ">Abmelden</a>" in email.html
    assert "You asked" not in email.text


def test_the_nearest_language_is_chosen() -> None:
    step = EmailStep.model_validate(
        {"delay_days": 0, "subject": "s", "text": "t", "languages": {"en-US": {"subject": "u", "text": "t"}}}
    )
    assert wording_for(step, "en-US", "en")[0] == "en-US"
    assert wording_for(step, "en-GB", "en")[0] == "en"
    assert wording_for(step, "en", "en")[0] == "en"


def test_web_links_are_tracked_and_nothing_else_is() -> None:
    email = made(3)
    key = email.tracking_key
    assert key
    assert email.links == (
        Link(1, "https://planwell.example/a?x=1&y=2"),
        Link(2, PUBLIC, is_trap=True),
    )
    hrefs = [target for target, _ in links_in(email.html)]
    tokens = [href.removeprefix(f"{PUBLIC}/c/") for href in hrefs if "/c/" in href]
    assert [read_token(token) for token in tokens] == [Tracked(key, 1), Tracked(key, 2)]
    assert sum("/unsubscribe/" in href for href in hrefs) == 2
    assert "mailto:eva@sender.example.org" in hrefs
    [pixel] = re.findall(r'<img src="([^"]*)" width="1" height="1" alt=""', email.html)
    assert read_token(pixel.removeprefix(f"{PUBLIC}/o/")) == Tracked(key, PIXEL)
    assert f"{PUBLIC}/c/" not in email.text
    assert f"{PUBLIC}/o/" not in email.text


def test_the_trap_is_seen_by_no_person() -> None:
    [trap] = re.findall(r'<a href="[^"]*/c/[^"]*" style="display:none[^>]*></a>', made().html)
    assert 'aria-hidden="true"' in trap
    assert 'tabindex="-1"' in trap


@pytest.mark.parametrize("tracking", ["{opens: false}", "{clicks: false}", "{opens: false, clicks: false}"])
def test_tracking_can_be_turned_off(tracking: str) -> None:
    email = made(campaign=a_campaign(tracking))
    assert ("/o/" in email.html) is ("opens" not in tracking)
    assert ("/c/" in email.html) is ("clicks" not in tracking)
    assert bool(email.links) is ("clicks" not in tracking)
    assert (email.tracking_key is None) is ("opens" in tracking and "clicks" in tracking)
    if "clicks" in tracking:
        assert 'href="https://planwell.example/week?plan=Gold"' in email.html


def test_a_plain_text_is_made_of_html() -> None:
    text = made(3).text
    assert text.startswith("Pictures\n\nHi look (https://planwell.example/a?x=1&y=2), or write, or leave")
    assert "- one\n- two" in text
    assert "Kind regards,\nEva Berg" in text


def test_a_conversation_answers_the_email_before_it() -> None:
    first = made(1)
    assert "References" not in first.headers
    second = made(2, sent=[SentEmail(1, first.subject, first.rfc_message_id)])
    assert second.subject == "Re: Your week at Acme"
    assert second.headers["In-Reply-To"] == second.headers["References"] == first.rfc_message_id
    before = SentEmail(2, second.subject, second.rfc_message_id, second.headers["References"])
    fourth = made(4, sent=[SentEmail(1, first.subject, first.rfc_message_id), before])
    assert fourth.subject == "Re: Your week at Acme"
    raw, parsed = on_wire(fourth)
    ids = [first.rfc_message_id, second.rfc_message_id]
    assert parsed["References"].split() == ids
    assert parsed["In-Reply-To"] == ids[1]
    assert f"References: {ids[0]}\r\n {ids[1]}\r\n".encode() in raw
    assert made(2).subject == "Once more"


def test_a_variant_brings_its_own_email() -> None:
    own = EmailStep(delay_days=0, subject="Short", text="Short")
    email = made(1, variant="subject/short", email=own)
    assert (email.subject, email.variant) == ("Short", "subject/short")
    assert email.rfc_message_id == made(1).rfc_message_id


def test_a_step_that_is_gone_is_told() -> None:
    with pytest.raises(PermanentError, match="no such step"):
        made(5)


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "JAVA\tscript:alert(1)", "data:text/html,x", "file:/etc"]
)
def test_a_link_that_runs_something_is_refused(target: str) -> None:
    own = EmailStep(delay_days=0, subject="s", html='<a href="{{ custom.plan }}">x</a>')
    with pytest.raises(PermanentError, match="lead to http"):
        made(lead={"custom": {"plan": target}}, email=own)


def test_a_lead_cannot_say_where_a_link_leads() -> None:
    own = EmailStep(delay_days=0, subject="s", text='[x]({{ custom.plan | default("https://own.example") }})')
    for plan in ("https://evil.example", "evil.example/x", "www.evil.example"):
        assert made(lead={"custom": {"plan": plan}}, email=own).links[0].target == "https://own.example"


HOSTILE = [
    "\r\nBcc: x@y",
    "Anna\r\nBcc: everyone@example.org\r\n\r\nHi",
    "{{7*7}}",
    "{% for x in y %}",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("A1")',
    "😀" * 2500,
    "محمد بن سلمان",
    "\u202egnp.exe",
    "\u2068Anna",
    "A" + "\u0301" * 500,
    "[x](y)",
    "Anna\x00\x1b[31m",
    "\ud800",
    "-- \n.\n",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_arrives_harmless_and_legible(name: str) -> None:
    own = EmailStep(
        delay_days=0,
        subject='For {{ first_name | default("you") }}',
        text='Hi {{ first_name | default("there") }},\n\n[see {{ company | default("it") }}](https://own.example).',
        html='<p title="{{ first_name | default("") }}">Hi {{ first_name | default("there") }}</p>',
    )
    for email in (own, own.model_copy(update={"html": None})):
        raw, parsed = on_wire(made(lead={"first_name": name, "company": name}, email=email))
        head = raw.partition(b"\r\n\r\n")[0]
        assert b"\r\nbcc:" not in head.lower()
        assert b"\n" not in raw.replace(b"\r\n", b"")
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        assert raw.isascii()
        assert parsed["To"] == "anna@leads.example"
        text, page = (parsed.get_body((kind,)) for kind in ("plain", "html"))
        assert text is not None
        assert page is not None
        said, shown = text.get_content(), page.get_content()
        assert "<script" not in shown
        assert "<img src=x" not in shown
        assert "49" not in str(parsed["Subject"])
        assert not re.search(
            "[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", str(parsed["Subject"]) + said + shown
        )
        assert len(said) < 2000


def test_a_legible_name_is_there_in_every_part() -> None:
    own = EmailStep(delay_days=0, subject="For {{ first_name }}", text="Hi {{ first_name }} (42)")
    for name in ("محمد", "{{7*7}}", "=HYPERLINK(A1)", "Ann 😀", "Zoë <Z> & Co"):
        email = made(lead={"first_name": name}, email=own)
        assert email.subject == f"For {name}"
        assert f"Hi {name} (42)" in email.text
        assert html.escape(name, quote=False) in email.html
    assert "Hi <bdi>محمد</bdi> (42)" in made(lead={"first_name": "محمد"}, email=own).html


def test_lines_stay_short_and_ascii_so_that_no_relay_has_to_touch_them() -> None:
    own = EmailStep(delay_days=0, subject="Grüße", text="Grüße aus München. " * 40)
    raw, parsed = on_wire(made(email=own))
    assert raw.isascii()
    assert b"8bit" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 200  # the whole link of List-Unsubscribe
    assert parsed["Subject"] == "Grüße"


def test_a_text_has_items_numbers_and_links() -> None:
    said = paragraphs("Steps\n1. one\n2. see [two](https://a.example/x?a=1&b=2)\n\nor https://a.example/y.")
    assert '<ol start="1"' in said
    assert 'href="https://a.example/x?a=1&amp;b=2"' in said
    assert ">a.example/y</a>.</p>" in said
    assert plain("- see [two](https://a.example) and [https://a.example](https://a.example)") == (
        "- see two (https://a.example) and https://a.example"
    )


def test_links_are_found_in_any_html() -> None:
    body = (
        "<A HREF=https://a.example/x>x</A><a data-href='no' href='https://b.example'>y</a><a name='z'>z</a>"
    )
    changed, links = tracked(body, lambda number: f"to/{number}", "https://own.example/")
    assert [link.target for link in links] == ["https://a.example/x", "https://b.example"]
    assert changed.count("to/") == 2
    assert "data-href='no'" in changed
    assert text_of("<p>a<br>b</p><style>x</style><img alt='c'>") == "a\nb\n\nc"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("ANNA", "Anna"),
        ("anna-lena", "Anna-Lena"),
        ("O'BRIEN", "O'Brien"),
        ("McDonald", "McDonald"),
        ("é", "é"),
    ],
)
def test_names_are_written_as_people_write_them(written: str, said: str) -> None:
    assert proper(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Acme GmbH & Co. KG", "Acme"),
        ("Acme, Inc.", "Acme"),
        ("S.A.", "S.A."),
        ("Acme & Sons", "Acme & Sons"),
    ],
)
def test_companies_are_called_as_people_call_them(written: str, said: str) -> None:
    assert without_legal_form(written) == said


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("  language: EN\n", "nurture.language: must be the code of a language"),
        ('  snippets: {bye: "{{ first_nam }}"}\n', "did you mean first_name"),
        ('  snippets: {a: "x", b: "{{ snippets.a }}"}\n', "only emails use snippets"),
        ("  snippets: {Bye: x}\n", "cannot be a token"),
        ("  languages: {de: {snippets: {bye: x}}}\n", "stands for nothing: nurture.snippets has no bye"),
        ('  reason: "{{ nothing }}"\n', "nurture.reason: unknown token nothing"),
        (
            "  sequences: {regular_nurture: {emails: [{delay_days: 0, subject: s, text: t, thread: true}]}}\n",
            "thread: answers the email before it, and is the first",
        ),
        (
            "  sequences: {regular_nurture: {emails: [{delay_days: 0, subject: s, text: '{{ snippets.by }}'}]}}\n",
            "unknown snippet by",
        ),
        (
            "  sequences: {regular_nurture: {emails: [{delay_days: 0, subject: s, text: t, "
            "languages: {de: {subject: '{{ firstname }}', text: t}}}]}}\n",
            "languages.de.subject: unknown token firstname; did you mean first_name?",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_with_line_and_remedy(section: str, message: str) -> None:
    text = CAMPAIGN_FILE.format(slug="spring", name="Spring", nurture=f"\n{section}")
    with pytest.raises(CampaignError) as refused:
        parse_campaign(text, "spring.yaml")
    assert message in str(refused.value)
    assert re.search(r"spring\.yaml:1[5-9]: ", str(refused.value))


def test_a_snippet_that_lacks_a_value_names_it() -> None:
    own = EmailStep(delay_days=0, subject="s", text="{{ snippets.bye }} {{ job_title }}")
    with pytest.raises(RenderError, match="job_title"):
        made(email=own)
