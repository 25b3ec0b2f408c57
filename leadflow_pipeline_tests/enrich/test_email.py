"""Email addresses: what a user would miss, the is_email test set, and the proof that the fast path is the library's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.email import judge_emails
from leadflow_pipeline.enrich.email_syntax import (
    EmailReason,
    check_by_library,
    check_common_shapes,
    trimmed,
)
from leadflow_pipeline.enrich.lists import disposable_domains, free_mail_domains, role_accounts


def texts(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


def judge(email: str | None, **rules: bool) -> pd.Series:
    return judge_emails(texts(email), **rules).iloc[0]


ADDRESSES = [
    (None, "missing", "missing"),
    ("", "missing", "missing"),
    ("  ", "missing", "missing"),
    ("ann.lee@acme-tools.com", "valid", None),
    ("o'hara+crm@acme.co.uk", "valid", None),
    ("josé@acme.com", "valid", None),
    ("ann", "invalid", "no_at_sign"),
    ("ann at acme.com", "invalid", "no_at_sign"),
    ("ann\x00@acme.com", "invalid", "control_character"),
    ("ann\tlee", "invalid", "control_character"),
    ("ann..lee@acme.com", "invalid", "bad_local_part"),
    (".ann@acme.com", "invalid", "bad_local_part"),
    ("@acme.com", "invalid", "bad_local_part"),
    ("a b@acme.com", "invalid", "bad_local_part"),
    ("ann@", "invalid", "bad_domain"),
    ("ann@acme..com", "invalid", "bad_domain"),
    ("ann@-acme.com", "invalid", "bad_domain"),
    ("ann@acme.com.", "invalid", "bad_domain"),
    ("a@ac_me.com", "invalid", "bad_domain"),
    ("ann@192.168.0.1", "invalid", "bad_domain"),
    ("Ann Lee <ann@acme.com>", "invalid", "bad_domain"),
    ("ann@acme", "invalid", "domain_without_dot"),
    ("ann@test", "invalid", "domain_without_dot"),
    ("ann@nas.local", "invalid", "reserved_domain"),
    ("ann.é@nas.local", "invalid", "reserved_domain"),
    ("ann@mail.internal", "invalid", "reserved_domain"),
    ("ann@leads.example", "invalid", "reserved_domain"),
    ("ann@example.org", "invalid", "reserved_domain"),
    ("a" * 65 + "@acme.com", "invalid", "too_long"),
    ("é" * 33 + "@acme.com", "invalid", "too_long"),
    ("ann@acme.com\n", "invalid", "control_character"),
    ("\r\nann@acme.com", "invalid", "control_character"),
    ("a@" + "b" * 64 + ".com", "invalid", "too_long"),
    ("a@" + "bcd." * 64 + "com", "invalid", "too_long"),
    ("x1@mailinator.com", "risky", "disposable"),
    ("info@mailinator.com", "risky", "disposable"),
    ("x1@any.mailinator.com", "risky", "disposable"),
    ("Info@acme.com", "risky", "role"),
    ("sales+fair@acme.com", "risky", "role"),
    ('"ann lee"@acme.com', "risky", "quoted_local_part"),
    ("ann@[192.0.2.1]", "risky", "address_literal"),
    ("ann.lee@gmail.com", "valid", None),
]


@pytest.fixture(scope="module")
def verdicts() -> dict[str | None, pd.Series]:
    """All of them, judged at once."""
    written = [address for address, *_ in ADDRESSES]
    judged = judge_emails(texts(*written))
    return {address: judged.iloc[position] for position, address in enumerate(written)}


@pytest.mark.parametrize(("written", "status", "reason"), ADDRESSES)
def test_status_and_reason(verdicts, written, status, reason):
    verdict = verdicts[written]
    assert verdict["email_status"] == status
    assert (None if pd.isna(verdict["email_reason"]) else verdict["email_reason"]) == reason
    assert pd.notna(verdict["email"]) == (status in ("valid", "risky")), (
        "what cannot be mailed is not offered"
    )
    assert pd.notna(verdict["email_domain"]) == pd.notna(verdict["email"])


@pytest.mark.parametrize(
    ("written", "normal", "domain"),
    [
        ("  Ann.Lee@ACME.Com ", "ann.lee@acme.com", "acme.com"),
        ("\tann.lee@acme.com\xa0", "ann.lee@acme.com", "acme.com"),
        ("Ann@Bücher.Example.COM", "ann@xn--bcher-kva.example.com", "xn--bcher-kva.example.com"),
        ("ann@XN--BCHER-KVA.de", "ann@xn--bcher-kva.de", "xn--bcher-kva.de"),
        ("jose\u0301@acme.com", "jos\u00e9@acme.com", "acme.com"),
        ('"ann"@acme.com', "ann@acme.com", "acme.com"),
    ],
)
def test_normal_form(written, normal, domain):
    verdict = judge(written, allow_test_domains=True)
    assert (verdict["email"], verdict["email_domain"]) == (normal, domain)


def test_test_domains_are_addresses_where_a_campaign_allows_them():
    for written in ("ann@leads.example", "ann@example.org", "ann@mail.test", "ann.é@leads.example"):
        assert judge(written, allow_test_domains=True)["email_status"] == "valid"
    assert judge("ann@nas.local", allow_test_domains=True)["email_reason"] == "reserved_domain"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        # A domain without a dot: no top-level domain may have mail servers.
        ("ann@com", "domain_without_dot"),
        ("a@b", "domain_without_dot"),
        # A digit in the top-level domain: there is none, and a machine's number needs brackets.
        ("ann@acme.123", "bad_domain"),
        ("ann@203.0.113.7", "bad_domain"),
        ("ann@acme.c0m", "bad_domain"),
        ("ann@acme.x1", "bad_domain"),
        # An empty name in quotes.
        ('""@acme.com', "bad_local_part"),
        # Forms of a message header.
        ("ann(comment)@acme.com", "bad_local_part"),
        ("(comment)ann@acme.com", "bad_local_part"),
        ("ann@acme.com(comment)", "bad_domain"),
        ('"ann"."lee"@acme.com', "bad_local_part"),
    ],
)
def test_what_the_grammar_allows_and_no_mail_server_takes_is_refused(written, reason):
    assert judge(written)["email_reason"] == reason


@pytest.mark.parametrize(
    "written",
    [
        "ann@xn--example.com",
        "ann@xn--i-7iq.ws",
        "a@" + "b1234567." * 25 + "com",
        "ann@[IPv6:2001:db8::1]",
        '"ann\\@lee"@acme.com',
        "1234567890@acme.com",
        "_______@acme.com",
        "ann@1and1.com",
        "!#$%&'*+/=?^_`{|}~-@acme.com",
    ],
)
def test_what_a_mailer_must_accept_is_accepted(written):
    assert judge(written)["email_status"] in ("valid", "risky")


ALLOWED_BY_THE_GRAMMAR_AND_TAKEN_BY_NO_SERVER = {
    "domain_without_dot": {"first.last@com", "test@example", "a@b", "a@bar"},
    "a digit in the top-level domain": {
        "first.last@example.123",
        "test@123.123.123.123",
        "foobar@192.168.0.1",
        "test@123.123.123.x123",
        "x@" + "x23456789." * 25 + "x2",
    },
    "an empty name in quotes": {'""@iana.org'},
}
"""The addresses of the test set that are refused though their category says that a mailer takes them, by why
(`email_syntax`)."""


def isemail() -> pd.DataFrame:
    """Columns `address` and `category`; control characters as such."""
    suite = pd.read_csv(Path(__file__).parent / "data" / "isemail.csv", dtype="str", keep_default_na=False)
    written_for = {0x2400 + code: chr(code) for code in range(33)} | {0x2421: "\x7f"}
    addresses = suite["address"].map(lambda text: text.translate(written_for))
    return suite.assign(address=addresses.astype("str"))


def test_every_error_of_the_isemail_set_is_refused_and_what_a_mailer_takes_is_accepted():
    suite = isemail()
    is_accepted = judge_emails(suite["address"], allow_test_domains=True)["email"].notna()
    assert suite.loc[is_accepted & (suite["category"] == "ISEMAIL_ERR"), "address"].tolist() == []
    is_for_mailers = suite["category"].isin(["ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN", "ISEMAIL_RFC5321"])
    excepted = set().union(*ALLOWED_BY_THE_GRAMMAR_AND_TAKEN_BY_NO_SERVER.values())
    assert set(suite.loc[is_for_mailers & ~is_accepted, "address"]) == excepted
    # Forms of a message header, and what is too long, are nothing a server is told.
    assert not is_accepted[~is_for_mailers].any()


def test_a_domain_without_mail_servers_is_invalid_and_keeps_its_domain():
    emails = texts("ann@acme.com", "bo@acme.com", "cy@acme.com", "a..b@acme.com", None)
    servers = pd.Series([True, False, pd.NA, False, False], dtype="boolean")
    judged = judge_emails(emails, mail_servers=servers)
    assert judged["email_status"].tolist() == ["valid", "invalid", "valid", "invalid", "missing"]
    assert judged["email_reason"].fillna("-").tolist() == [
        "-",
        "no_mail_server",
        "-",
        "bad_local_part",
        "missing",
    ]
    assert judged["email"].isna().tolist() == [False, True, False, True, True]
    assert judged["email_domain"].isna().tolist() == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("words", "status", "reason", "is_catch_all"),
    [
        ("verified", "valid", None, False),
        ("unverified", "valid", None, None),
        ("likely to engage", "valid", None, None),
        (None, "valid", None, None),
        ("nominative@pro", "valid", None, False),
        ("catch-all@pro", "risky", "catch_all", True),
        ("catch_all", "risky", "catch_all", True),
        ("Accept All", "risky", "catch_all", True),
        ("invalid", "invalid", "mailbox_refused", False),
        ("UNDELIVERABLE", "invalid", "mailbox_refused", False),
        ("nominative@invalid domain", "invalid", "mailbox_refused", False),
        ("Do_Not_Contact@pro", "invalid", "mailbox_refused", False),
    ],
)
def test_what_vendors_say_of_a_mailbox(words, status, reason, is_catch_all):
    row = judge_emails(texts("ann@acme.com"), vendor_status=texts(words)).iloc[0]
    said = [None if pd.isna(row[name]) else row[name] for name in ("email_reason", "email_is_catch_all")]
    assert [row["email_status"], *said] == [status, reason, is_catch_all]


def test_syntax_goes_before_servers_and_servers_before_mailboxes():
    emails = texts("ann", "ann@acme.com", "info@acme.com")
    servers = pd.Series([False, False, True], dtype="boolean")
    judged = judge_emails(
        emails, mail_servers=servers, vendor_status=texts("invalid", "invalid", "catch-all")
    )
    assert judged["email_reason"].tolist() == ["no_at_sign", "no_mail_server", "role"]
    assert judged["email_is_catch_all"].iloc[2]


def test_free_mail_is_marked_and_risky_only_where_a_campaign_says_so():
    verdict = judge("ann.lee@gmail.com")
    assert verdict["email_is_free"]
    assert verdict["email_status"] == "valid"
    assert judge("ann.lee@gmail.com", free_mail_is_risky=True)["email_reason"] == "free_mail"
    assert judge("info@gmail.com", free_mail_is_risky=True)["email_reason"] == "role"


def test_a_domain_on_both_lists_is_disposable_and_not_free():
    on_both = sorted({*disposable_domains().to_pylist()} & {*free_mail_domains().to_pylist()})
    judged = judge_emails("ann.lee@" + texts(*on_both))
    assert len(judged)
    assert judged["email_is_disposable"].all()
    assert not judged["email_is_free"].any()


def test_lists_hold_only_what_an_address_could_have():
    for names in (disposable_domains(), free_mail_domains()):
        assert texts(*names.to_pylist()).str.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+").all()
    assert not texts(*role_accounts().to_pylist()).str.contains(r"[@\s]", regex=True).any()


def test_index_order_and_repeats_are_kept():
    emails = pd.Series(["a@acme.com", None, "a..b@acme.com", "a@acme.com"], index=[7, 7, 3, 1], dtype="str")
    judged = judge_emails(emails)
    assert judged.index.tolist() == [7, 7, 3, 1]
    assert judged["email_status"].tolist() == ["valid", "missing", "invalid", "valid"]
    assert len(judge_emails(texts())) == 0


USUAL_LETTERS, ODD_LETTERS = "abz09._+'-", 'a.!#$%&*/=?^`{|}~ "\\@é(,\t\n\x00<[＠'
LOCAL_PARTS = (
    "info", "ann.lee", "o'hara+crm", "a" * 64, "a" * 65, "é" * 33, "josé", '"ann lee"', '"a@b"', ".a", "a.", "a..b",
)  # fmt: skip
LABELS = (
    "acme", "1and1", "a-b", "-a", "a-", "ab--c", "xn--bcher-kva", "bücher", "b" * 63, "b" * 64, "", "_", "local",
    "test", "gmail", "[192.0.2.1]",
)  # fmt: skip
ENDS = (
    ".x", ".123", ".c0m", ".example", ".invalid", ".onion", ".xn--p1ai", ".рф", "", ".", ".com\n",
    "." + "b." * 31 + "com", "." + "b" * 62 + ".com",
)  # fmt: skip


def many_addresses(seed: int, count: int = 2_000) -> pd.Series:
    """Distinct addresses in lower case: each part of one is usual three times out of four, else odd."""
    random = np.random.default_rng(seed)

    def one(choices: Sequence[str]) -> str:
        return choices[random.integers(len(choices))]

    def word(letters: str, most: int) -> str:
        return "".join(one(letters) for _ in range(random.integers(1, most)))

    def usual_else(usual: Callable[[], str], *odd: Callable[[], str]) -> str:
        return usual() if random.random() < 0.75 else odd[random.integers(len(odd))]()

    def label() -> str:
        return usual_else(lambda: word("abz09", 6), lambda: word("ab0-", 5), lambda: one(LABELS))

    written = [
        usual_else(lambda: word(USUAL_LETTERS, 9), lambda: word(ODD_LETTERS, 6), lambda: one(LOCAL_PARTS))
        + ("@" if random.random() < 0.98 else one(("", "@@", " @")))
        + ".".join(label() for _ in range(random.integers(1, 4)))
        + usual_else(lambda: one((".com", ".de", ".co.uk")), lambda: one(ENDS))
        for _ in range(count)
    ]
    lower = trimmed(texts(*written))
    return lower[lower != ""].drop_duplicates().reset_index(drop=True)


seeds = st.integers(0, 2**32 - 1)
without_shrinking = settings(max_examples=3, phases=[Phase.explicit, Phase.generate])


@without_shrinking
@given(seeds)
def test_the_fast_path_says_what_the_library_says(seed):
    written = many_addresses(seed)
    fast, library = check_common_shapes(written), check_by_library(written)
    decided = fast["email"].notna() | fast["email_reason"].notna()
    assert fast["email"].notna().mean() > 0.15, "too few of the usual shape to prove anything"
    # Names under which no mail ever arrives are refused by the library and, later, by `judge_emails`.
    refused_later = library["email_reason"] == EmailReason.RESERVED_DOMAIN.value
    pd.testing.assert_frame_equal(fast[decided & ~refused_later], library[decided & ~refused_later])
    judged = judge_emails(written)
    assert (judged["email_reason"][refused_later] == EmailReason.RESERVED_DOMAIN.value).all()


@without_shrinking
@given(seeds)
def test_a_normal_form_is_its_own_normal_form(seed):
    judged = judge_emails(many_addresses(seed, 1_000), allow_test_domains=True)
    again = judge_emails(judged["email"], allow_test_domains=True)
    known = judged["email"].notna()
    pd.testing.assert_frame_equal(judged[known], again[known])
