"""What an email says, and that nothing a lead is called can change what it is."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.campaign import Campaign, parse_campaign
from leadflow_pipeline.delivery.mail import compose, headers_of, message_id, wire_address, wire_bytes
from leadflow_pipeline.delivery.rendering import RenderError, render
from leadflow_pipeline.delivery.tokens import clean
from leadflow_pipeline.delivery.unsubscribe import Unsubscription, read_token, unsubscribe_url
from leadflow_pipeline.delivery.wording import paragraphs, unwrap
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.shipped import shipped_sequences
from leadflow_pipeline.nurture.steps import EmailStep
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline_tests.delivery.world import CAMPAIGN_FILE

DATE = datetime(2026, 5, 5, 9, 30, tzinfo=UTC)
LINK = "https://mail.example.org/unsubscribe/abc"


def a_campaign(name: str = "Spring Sale") -> Campaign:
    return parse_campaign(
        CAMPAIGN_FILE.format(slug="spring-sale", name=name, nurture="{}"), "spring-sale.yaml"
    )


def an_email(
    lead: dict[str, Any], step: EmailStep | None = None, recipient: str = "anna@leads.example"
) -> EmailMessage:
    """The email as a mailbox reads it."""
    campaign = a_campaign()
    step = step or EmailStep(
        delay_days=0,
        subject='For {{ first_name | default("you", true) }} at {{ company | default("work", true) }}',
        text='Hi {{ first_name | default("there", true) }},\n\nfrom {{ company | default("you", true) }}.',
    )
    words = render(campaign, step, lead, LINK)
    headers = headers_of(campaign, recipient, "regular_nurture", 1, LINK)
    mail = compose(headers, message_id(campaign, "e1", 1), words.subject, words.text, words.html, DATE)
    parsed = message_from_bytes(wire_bytes(mail, utf8=not recipient.isascii()), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("sequence", sorted(shipped_sequences()))
@pytest.mark.parametrize("is_known", [True, False])
def test_every_shipped_email_reads_well_with_and_without_values(sequence: str, is_known: bool) -> None:
    lead = {"first_name": "Anna", "company": "Acme Ltd"} if is_known else {}
    for step in shipped_sequences()[sequence].emails:
        mail = an_email(lead, step)
        text, html = part(mail, "plain"), part(mail, "html")
        for words in (str(mail["Subject"]), text, html):
            assert "{{" not in words
            assert "None" not in words
        assert text.startswith(("Hi Anna,", "Hello Anna,") if is_known else ("Hi there,", "Hello there,"))
        assert "Kind regards,\nEva Berg" in text
        assert "Kind regards,<br>Eva Berg" in html
        assert LINK in text
        assert LINK in html
        assert "1 Sample Street" in text
        assert "1 Sample Street" in html
        assert max(map(len, text.splitlines())) <= 110
        assert len(str(mail["Subject"])) <= 80


def test_shipped_emails_are_all_different() -> None:
    emails = [step for sequence in shipped_sequences().values() for step in sequence.emails]
    assert len({step.subject for step in emails}) == len({step.text for step in emails}) == 21


@pytest.mark.parametrize(
    "name",
    [
        "Anna\r\nBcc: everyone@example.org",
        "Anna\nContent-Type: text/html",
        "{{ 7*7 }}",
        "{% for x in y %}",
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "=HYPERLINK(A1)",
        "\u202egnp.exe",
        "\u0645\u062d\u0645\u062f",
        "Anna\x00\x1b[31m",
        "\u2028\u2029",
        "é" * 5000,
        "😀" * 2500,
        "Anna <anna@example.org>",
        "a" * 10_000,
        "\ud800",
        "-- \nforged footer",
        "👩\u200d👩\u200d👧",
    ],
)
def test_a_name_is_only_ever_a_name(name: str) -> None:
    mail = an_email({"first_name": name, "company": name})
    assert set(mail.keys()) == {
        "From", "To", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Auto-Submitted",
        "Subject", "Message-ID", "Date", "Content-Type", "MIME-Version",
    }  # fmt: skip
    assert mail["To"] == "anna@leads.example"
    subject = str(mail["Subject"])
    assert len(subject) <= 150
    assert subject.isprintable() or "\u200d" in subject
    html = part(mail, "html")
    assert "<script" not in html
    assert "<img" not in html
    assert "49" not in subject
    assert [block.get_content_type() for block in mail.iter_parts()] == ["text/plain", "text/html"]


def test_a_name_that_advertises_a_site_counts_as_missing() -> None:
    mail = an_email({"first_name": "WIN NOW https://spam.example", "company": "www.spam.example"})
    assert str(mail["Subject"]) == "For you at work"


@settings(max_examples=60)
@given(st.text())
def test_any_text_becomes_one_line_or_nothing(value: str) -> None:
    line = clean(value)
    assert line is None or (line == line.strip() and len(line.splitlines()) == 1 and len(line) <= 120)
    an_email({"first_name": value})


def test_templates_cannot_reach_into_the_machine() -> None:
    attack = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(RenderError):
        render(a_campaign(), EmailStep(delay_days=0, subject="s", text=attack), {}, LINK)


def test_a_token_without_value_or_default_is_named() -> None:
    step = EmailStep(delay_days=0, subject="Hello", text="Your {{ custom.plan }}")
    assert "Gold" in render(a_campaign(), step, {"custom": '{"plan": "Gold"}'}, LINK).text
    with pytest.raises(RenderError, match="plan"):
        render(a_campaign(), step, {}, LINK)


def test_html_of_ones_own_is_escaped_where_it_takes_values() -> None:
    step = EmailStep(delay_days=0, subject="s", text="t", html="<p>Hi <b>{{ first_name }}</b></p>")
    html = part(an_email({"first_name": "<i>Anna</i>"}, step), "html")
    assert "<p>Hi <b>&lt;i&gt;Anna&lt;/i&gt;</b></p>" in html


def test_wrapped_lines_are_joined_and_lines_ended_on_purpose_are_kept() -> None:
    source = (
        "This is a long line that was wrapped by the hand that wrote it, and\n"
        "this is where it goes on.\n\n"
        "- an item that is so long that it had to be wrapped too, as\n  text is\n- short\n\n"
        "Kind regards,\nEva"
    )
    assert unwrap(source).splitlines() == [
        "This is a long line that was wrapped by the hand that wrote it, and this is where it goes on.",
        "",
        "- an item that is so long that it had to be wrapped too, as text is",
        "- short",
        "",
        "Kind regards,",
        "Eva",
    ]
    assert str(paragraphs("- a & b\n- c")).count("<li") == 2


def test_the_way_out_is_in_the_headers_whole_and_cannot_be_made_up() -> None:
    key = address_key("anna@leads.example")
    link = unsubscribe_url("https://a-rather-long-host-name.example.org/leads/", "spring-sale", key)
    headers = headers_of(a_campaign(), "anna@leads.example", "regular_nurture", 1, link)
    raw = wire_bytes(compose(headers, "<1@example.org>", "s", "t", "h", DATE), utf8=False).decode()
    assert f"List-Unsubscribe: <{link}>,\r\n <mailto:eva@sender.example.org?subject=unsubscribe>\r\n" in raw
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    token = link.rpartition("/")[2]
    assert read_token(token) == Unsubscription("spring-sale", key)
    assert "anna" not in token
    for forged in (token.replace("spring", "autumn"), token[:-1], "", "a.b.c", token + "0"):
        with pytest.raises(PermanentError):
            read_token(forged)


def test_the_same_message_is_the_same_bytes() -> None:
    one, other = an_email({"first_name": "Anna"}), an_email({"first_name": "Anna"})
    assert one.as_bytes() == other.as_bytes()
    assert message_id(a_campaign(), "e1", 1) != message_id(a_campaign(), "e1", 2)
    assert message_id(a_campaign(), "e1", 1).endswith("@sender.example.org>")


def test_addresses_beyond_ascii_survive() -> None:
    assert wire_address("anna@bücher.example") == "anna@xn--bcher-kva.example"
    assert an_email({}, recipient="änna@bücher.example")["To"] == "änna@xn--bcher-kva.example"
