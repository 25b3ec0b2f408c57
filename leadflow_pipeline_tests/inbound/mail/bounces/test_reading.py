"""Bounces of many mail systems are read; nothing that comes in can stop it."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.inbound.mail.bounces.reading import read_bounce
from leadflow_pipeline.inbound.mail.bounces.reasons import reason_of, reply_in, status_in
from leadflow_pipeline_tests.inbound.mail.bounces.samples import Sample, read, samples

SAMPLES = samples()
REPLIES = Path(__file__).with_name("replies.txt")
DAEMON = b"From: mailer-daemon@leads.example\nSubject: failure notice\n"

COMPLAINT = b"""From: <feedback@leads.example>
To: complaints@example.org
Subject: FW: Hello
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain

This is an email abuse report for an email message received from IP 192.0.2.5.
--b1
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
%b
--b1
Content-Type: message/rfc822

From: Rep <rep@example.org>
To: Lead <lead@leads.example>
Subject: Hello
Message-ID: <m1@example.org>

Hi
--b1--
"""


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_every_recipient_is_found_with_outcome_and_reason(sample: Sample) -> None:
    assert read(sample.content) == sample.expected


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_line_ends_of_the_wire_change_nothing(sample: Sample) -> None:
    assert read(sample.content.replace(b"\n", b"\r\n")) == sample.expected


@pytest.mark.parametrize("label", [b"application/octet-stream", b"text/plain"])
def test_a_report_is_known_whatever_it_is_called(label: bytes) -> None:
    reports = [sample for sample in SAMPLES if b"\nFinal-Recipient" in sample.content]
    assert len(reports) > 10
    for sample in reports:
        assert read(sample.content.replace(b"message/delivery-status", label)) == sample.expected, sample.name


def test_the_original_is_known_by_its_message_id() -> None:
    by_name = {sample.name: sample.content for sample in SAMPLES}
    for name in (
        "postfix dsn",
        "exim with two",
        "gmail user unknown",
        "exchange online, english text only",
        "icloud",
    ):
        report = read_bounce(by_name[name])
        assert report is not None
        assert report.original_message_id == "<m1@example.org>", name


def test_the_report_says_where_it_was_sent_and_what_came_back() -> None:
    report = read_bounce(SAMPLES[0].content)
    assert report is not None
    assert report.kind == "dsn"
    assert report.sent_to == ("bounces+abc@example.org",)
    assert report.original_headers["from"] == "Rep <rep@example.org>"


def test_the_address_that_was_written_to_comes_before_the_one_it_was_passed_on_to() -> None:
    sample = next(one for one in SAMPLES if one.name == "dsn with original behind an alias")
    report = read_bounce(sample.content)
    assert report is not None
    assert report.recipients[0].other_addresses == ("forwarded@elsewhere.example",)


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        (b"Original-Rcpt-To: <other@leads.example>", "other@leads.example"),
        (b"Source-IP: 192.0.2.5", "lead@leads.example"),
    ],
)
def test_a_complaint_names_who_complained_and_of_what(fields: bytes, address: str) -> None:
    report = read_bounce(COMPLAINT % fields)
    assert report is not None
    assert (report.kind, report.feedback_type) == ("complaint", "abuse")
    assert [(one.address, one.is_permanent, one.is_hard) for one in report.recipients] == [
        (address, None, False)
    ]
    assert report.original_message_id == "<m1@example.org>"


def test_a_report_of_forgery_is_no_complaint() -> None:
    assert (
        read_bounce((COMPLAINT % b"X: y").replace(b"Feedback-Type: abuse", b"Feedback-Type: auth-failure"))
        is None
    )


@pytest.mark.parametrize(
    ("status", "code", "words", "reason"),
    [
        ("5.1.1", 550, "", "no_mailbox"),
        ("5.2.2", 552, "", "mailbox_full"),
        ("4.2.2", 452, "The email account that you tried to reach is over quota", "mailbox_full"),
        ("5.7.1", 550, "Message rejected", "policy"),
        ("5.7.1", 550, "No such user here", "no_mailbox"),
        ("5.7.26", 550, "", "authentication"),
        ("4.7.28", 421, "", "rate_limited"),
        ("5.2.3", 552, "", "too_big"),
        ("5.4.6", 554, "", "mail_loop"),
        ("5.1.2", 550, "", "no_domain"),
        (None, 550, "Requested action not taken: mailbox unavailable", "no_mailbox"),
        (None, 552, "", "mailbox_full"),
        (None, None, "", "undefined"),
        ("5.0.0", None, "", "undefined"),
    ],
)
def test_reasons_come_from_code_and_words(
    status: str | None, code: int | None, words: str, reason: str
) -> None:
    assert reason_of(status, code, words) == reason


def test_answers_of_many_servers_have_their_reason() -> None:
    wrong = []
    for line in REPLIES.read_text(encoding="utf-8").splitlines()[1:]:
        answer, _, reasons = line.partition("|")
        reason = reason_of(status_in(answer), reply_in(answer), answer)
        if reason not in reasons.split():
            wrong.append((reason, answer))
    assert wrong == []


def test_codes_are_not_taken_from_addresses_and_versions() -> None:
    assert status_in("host mx[10.5.1.1] said: 550 5.2.1 no") == "5.2.1"
    assert status_in("relay 5.1.1.7 gave up") is None
    assert reply_in("[192.0.2.5:550] said 552 full") == 552
    assert reply_in("totalled 450 Kbytes") is None


@given(st.binary(max_size=3_000))
@settings(max_examples=60, deadline=None)
def test_garbage_is_read_without_a_word(content: bytes) -> None:
    read_bounce(content)
    read_bounce(DAEMON + b"Content-Type: multipart/report; boundary=b\n\n--b\n" + content)


def test_damaged_bounces_are_read_without_a_word() -> None:
    random_source = random.Random(6)
    for _ in range(400):
        content = bytearray(random_source.choice(SAMPLES).content)
        for _ in range(random_source.randint(1, 20)):
            at = random_source.randrange(len(content) + 1)
            other = random_source.choice(SAMPLES).content
            begin = random_source.randrange(len(other))
            cut = random_source.randint(0, 60)
            content[at : at + cut] = random_source.choice(
                [
                    other[begin : begin + 200],
                    b"\n\n",
                    b"=?utf-8?b?QQ?=",
                    b"\xff",
                    b"\0",
                    b"; boundary=",
                    b"@",
                    b"",
                ]
            )
        read_bounce(bytes(content))


@pytest.mark.parametrize(
    "body",
    [
        b"\n" + b"a@" * 1_000_000,
        b"\n" + b"user mailbox account is not " * 100_000,
        b"Content-Type: text/html\n\n" + b"<script>" * 200_000,
        b"Content-Type: text/html\n\n" + b"<!--" * 400_000,
        b"\n" + (b"-" * 200 + b"\n") * 10_000,
        b"To: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\n",
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(20_000)),
        b"\n" + b"<lead@leads.example>: 550 user unknown\n" * 50_000,
    ],
    ids=["ats", "words", "scripts", "comments", "rules", "encoded words", "nested", "one address"],
)
def test_no_mail_takes_long(body: bytes) -> None:
    """Generous, because a quadratic reader would take minutes and not seconds."""
    begun = time.process_time()
    read_bounce(DAEMON + body)
    assert time.process_time() - begun < 5
