"""What a mail is: a person's answer, a program's, a wish to hear no more, or none of these."""

from __future__ import annotations

import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.inbound.mail.classify import Verdict, classify

ANSWERS = (Path(__file__).parent / "answers.txt").read_text().split("\n== ")[1:]


def mail(text: str, subject: str = "Re: Fewer invoices by hand", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Robin Vale <robin@leads.example>"
    message["To"] = "ann@example.org"
    message["Subject"] = subject
    message["Date"] = "Wed, 25 Feb 2026 09:00:00 +0100"
    message["Message-ID"] = "<answer-1@leads.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def told(verdict: Verdict) -> str:
    return verdict.kind + (f" {verdict.away_until.date()}" if verdict.away_until else "")


def test_wording_alone_tells_programs_from_people_in_many_languages() -> None:
    wrong = []
    for block in ANSWERS:
        head, _, text = block.partition("\n")
        kind, _, subject = head.partition(" | ")
        if (is_told := told(classify(mail(text, subject)))) != kind.strip():
            wrong.append((kind, is_told, text))
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Auto-Submitted", "auto-replied"),
        ("Auto-Submitted", "auto-generated (vacation)"),
        ("X-Autoreply", "yes"),
        ("X-Autorespond", ""),
        ("Precedence", "auto_reply"),
        ("X-POST-MessageClass", "9; Autoresponder"),
        ("X-FC-MachineGenerated", "true"),
    ],
)
def test_a_program_that_says_so_is_believed(name: str, value: str) -> None:
    assert classify(mail("Hello, I got your mail. What is it about?", **{name: value})).kind == "auto_reply"


@pytest.mark.parametrize(
    ("name", "value"), [("Auto-Submitted", "no"), ("X-Auto-Response-Suppress", "DR"), ("Precedence", "list")]
)
def test_headers_that_people_s_mails_have_too_say_nothing(name: str, value: str) -> None:
    assert classify(mail("Yes, let us talk.", **{name: value})).kind == "reply"


def test_our_own_words_in_a_quotation_unsubscribe_nobody() -> None:
    text = "Thursday is fine.\n\nOn 23/02/2026 09:00, Ann <ann@example.org> wrote:\n> Unsubscribe\n> Please remove me"
    assert classify(mail(text)).kind == "reply"


def test_a_mail_program_s_button_unsubscribes() -> None:
    text = "This message was automatically generated."
    assert classify(mail(text, "unsubscribe", Auto_Submitted="auto-generated")).kind == "unsubscribe"


def test_a_newsletter_that_answers_nothing_is_no_reply() -> None:
    assert (
        classify(mail("Ten tips for spring.", "Our newsletter", List_Id="<tips.example.org>")).kind == "other"
    )


def test_a_receipt_is_no_reply() -> None:
    raw = mail("Your message was displayed.", "Read: Fewer invoices by hand")
    raw = raw.replace(b"text/plain", b"multipart/report; report-type=disposition-notification", 1)
    verdict = classify(raw)
    assert (verdict.kind, verdict.reason) == ("auto_reply", "read_receipt")


def test_what_is_kept_beside_the_mail_names_nobody() -> None:
    verdict = classify(
        mail("I'm out of the office until 6 March. Ask Nina, nina@example.org.", "Out of office")
    )
    assert "nina" not in str(verdict.as_json()).lower()
    assert verdict.as_json()["away_until"] == "2026-03-06T23:59:59+00:00"


@pytest.mark.parametrize(
    ("text", "reason", "has_left"),
    [
        ("Ms Reed no longer works for this company. Please write to office@example.org.", "left", True),
        (
            "Herr Stein ist nicht mehr in unserem Unternehmen. Bitte wenden Sie sich an Frau Lang.",
            "left",
            True,
        ),
        ("Je ne fais plus partie de l'entreprise. Merci d'écrire à l'accueil.", "left", True),
        ("I am no longer working with the sales team. Ask Nina about new orders.", "left", False),
        ("This address is no longer in use.", "left", False),
        ("I'm out of the office until 6 March. Tom has left the company: ask Nina.", "out_of_office", False),
    ],
)
def test_somebody_has_left_where_a_program_says_so_plainly(text: str, reason: str, has_left: bool) -> None:
    verdict = classify(mail(text, "Automatic reply: Hello", Auto_Submitted="auto-replied"))
    assert (verdict.kind, verdict.reason, verdict.has_left) == ("auto_reply", reason, has_left)
    assert not classify(mail(text)).has_left


@settings(max_examples=25)
@given(st.binary(max_size=400), st.integers(0, 400), st.integers(0, 400))
def test_nothing_is_raised_whatever_comes(noise: bytes, start: int, length: int) -> None:
    whole = mail(
        "I'm out until 31.02.2026 or 99/99/9999 — back on the 45th.\n> x\nOn 1/1/26 wrote:", "Re: =?x?q?=FF?="
    )
    for raw in (noise, whole[:start] + noise + whole[start + length :]):
        assert classify(raw).kind in ("reply", "auto_reply", "bounce", "complaint", "unsubscribe", "other")


@pytest.mark.parametrize(
    "piece",
    [
        b"> ",
        b"<",
        b"<!--",
        b"a:",
        b"On 1/1/2026 ",
        b"remove me off ",
        b"until 3/4 ",
        b"-----",
        b"\n",
        b"until the ",
    ],
)
def test_large_and_hostile_mails_take_no_more_than_a_moment(piece: bytes) -> None:
    raw = b"Subject: x\nContent-Type: text/html\n\n" + piece * (30_000 // len(piece))
    classify(b"Subject: x\n\nx")  # compiles the patterns
    begun = time.process_time()
    assert classify(raw).kind
    assert time.process_time() - begun < 1
