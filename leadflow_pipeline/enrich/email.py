"""Is this an address a mail server would take, and whose kind of address is it?

What belongs here: syntax, and what the domain and the local part alone tell (reserved, disposable, free mail,
role). What does not: DNS, mailbox checks and what a vendor says: nothing here leaves the machine.

The judge is the email-validator library. The common shape of an address (ASCII, plain local part, plain
domain) is judged by one regular expression over the whole column instead; a property test holds the two to
the same answer.

An address is normalised to lower case on both sides of the @ (RFC 5321 would let a server tell `Ann` from
`ann`; none in practice does, and two records of one person must meet), its local part to Unicode NFC, and its
domain to IDNA ASCII (`xn--...`), which every mail server takes.

`email_reason` names the first of these that applies:

1. `missing`;
2. invalid: `control_character`, `no_at_sign`, `too_long` (254 octets in all, 64 before the @, 63 in a label
   of the domain), then faults of the domain (`reserved_domain`, `domain_without_dot`, `bad_domain`), then
   `bad_local_part`;
3. risky: `disposable`, `role`, `quoted_local_part`, `address_literal` (both legal, and nearly always a
   mistake), and `free_mail` if the campaign says so.

A valid address has no reason, and an invalid one no normal form: what cannot be mailed is not offered for
mailing. A domain on both the disposable and the free list is disposable and not free.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from email_validator import EmailNotValidError, validate_email

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.labels import label
from leadflow_pipeline.enrich.lists import disposable_domains, free_mail_domains, is_listed, role_accounts


class EmailReason(StrEnum):
    """Why an address is missing, invalid or risky."""

    MISSING = "missing"
    CONTROL_CHARACTER = "control_character"
    NO_AT_SIGN = "no_at_sign"
    TOO_LONG = "too_long"
    DOMAIN_WITHOUT_DOT = "domain_without_dot"
    RESERVED_DOMAIN = "reserved_domain"
    BAD_DOMAIN = "bad_domain"
    BAD_LOCAL_PART = "bad_local_part"
    DISPOSABLE = "disposable"
    ROLE = "role"
    QUOTED_LOCAL_PART = "quoted_local_part"
    ADDRESS_LITERAL = "address_literal"
    FREE_MAIL = "free_mail"


MOST_OCTETS = 254
"""RFC 5321 4.5.3.1.3, less the angle brackets (RFC 3696, erratum 1690)."""
MOST_BEFORE_AT = 64
"""RFC 5321 4.5.3.1.1."""
MOST_IN_LABEL = 63
"""RFC 1035 2.3.4."""

UNREACHABLE_DOMAINS = ("alt", "arpa", "internal", "invalid", "local", "localhost", "onion")
"""Special-use names (IANA registry, RFC 6761) and what is below them: no mail arrives there."""
TEST_DOMAINS = ("example", "example.com", "example.net", "example.org", "test")
"""Names for documentation and tests (RFC 2606) and everything below them: reserved unless a campaign allows
them."""

_ATOM = r"[a-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[a-z0-9]+(?:-[a-z0-9]+)*"
COMMON_SHAPE = rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z]+"
"""Lower-case addresses that need no library. `--` in a label is left to it: that is where IDNA begins."""
_LONGEST_COMMON_DOMAIN = MOST_IN_LABEL
"""A domain no longer than a label may be has no label that is too long."""


class _Verdict(NamedTuple):
    """What syntax says of one address: its normal form, or the reason why it has none."""

    email: str | None
    email_domain: str | None
    email_reason: str | None


def judge_emails(
    emails: pd.Series, *, free_mail_is_risky: bool = False, allow_test_domains: bool = False
) -> pd.DataFrame:
    """Columns `email`, `email_status`, `email_reason`, `email_domain`, `email_is_role`, `email_is_disposable`
    and `email_is_free`, indexed as `emails`."""
    checked = check_syntax(emails)
    kinds = for_each_distinct(checked["email_domain"], kinds_of_domain).fillna(False)
    is_reserved = kinds["is_unreachable"] | (kinds["is_for_tests"] & (not allow_test_domains))
    invalid = checked["email_reason"].mask(is_reserved, EmailReason.RESERVED_DOMAIN.value)
    email, domain = (checked[column].mask(is_reserved) for column in ("email", "email_domain"))
    is_disposable, is_free = (kinds[kind] & ~is_reserved for kind in ("is_disposable", "is_free"))
    local = email.str.replace(r"(?:\+.*)?@.*$", "", regex=True)
    is_role = is_listed(local, role_accounts()).astype("boolean")
    risky = label(
        {
            EmailReason.DISPOSABLE: is_disposable,
            EmailReason.ROLE: is_role,
            EmailReason.QUOTED_LOCAL_PART: email.str.startswith('"', na=False),
            EmailReason.ADDRESS_LITERAL: domain.str.startswith("[", na=False),
            EmailReason.FREE_MAIL: is_free & free_mail_is_risky,
        }
    )
    status = label(
        {"missing": invalid == EmailReason.MISSING.value, "invalid": invalid.notna(), "risky": risky.notna()},
        "valid",
    )
    return pd.DataFrame(
        {
            "email": email,
            "email_status": status,
            "email_reason": invalid.fillna(risky),
            "email_domain": domain,
            "email_is_role": is_role,
            "email_is_disposable": is_disposable,
            "email_is_free": is_free,
        }
    )


def check_syntax(emails: pd.Series) -> pd.DataFrame:
    """Columns `email` and `email_domain` (both normalised) and `email_reason`, indexed as `emails`: syntax
    alone.

    Either the first two are there, or the reason why they are not.
    """
    texts = emails.astype("str").str.strip().str.lower().reset_index(drop=True)
    checked = check_common_shapes(texts)
    rest = texts[checked["email"].isna() & checked["email_reason"].isna()]
    if len(rest):
        checked = pd.concat(
            [checked.drop(rest.index), for_each_distinct(rest, check_by_library)]
        ).sort_index()
    checked.index = emails.index
    return checked


def check_common_shapes(texts: pd.Series) -> pd.DataFrame:
    """As `check_syntax`, for lower-case, trimmed texts, a whole column at once. Where the library must look,
    neither an address nor a reason."""
    halves = pc.split_pattern(pa.array(texts.where(texts.str.fullmatch(COMMON_SHAPE, na=False))), "@")
    local, domain = (pd.Series(pc.list_element(halves, half).to_pandas(), dtype="str") for half in (0, 1))
    is_common = (local.str.len() <= MOST_BEFORE_AT) & (domain.str.len() <= _LONGEST_COMMON_DOMAIN)
    is_missing = texts.isna() | (texts == "")
    has_no_at_sign = ~is_missing & ~texts.str.contains(
        r"[@\x{0000}-\x{001f}\x{007f}-\x{009f}]", regex=True, na=True
    )
    return pd.DataFrame(
        {
            "email": texts.where(is_common),
            "email_domain": domain.where(is_common),
            "email_reason": label({EmailReason.MISSING: is_missing, EmailReason.NO_AT_SIGN: has_no_at_sign}),
        }
    )


def check_by_library(texts: pd.Series) -> pd.DataFrame:
    """As `check_syntax`, for lower-case, trimmed texts that are not missing, one after the other."""
    verdicts = [_verdict(text) for text in texts]
    return pd.DataFrame(verdicts, columns=list(_Verdict._fields), index=texts.index, dtype="str")


def _verdict(text: str) -> _Verdict:
    try:
        # `test_environment` only stops the library from refusing *.test: reserved names are judged here, all
        # alike.
        address = validate_email(
            text,
            check_deliverability=False,
            strict=True,
            allow_quoted_local=True,
            allow_domain_literal=True,
            test_environment=True,
        )
    except EmailNotValidError:
        return _Verdict(None, None, _why_refused(text).value)
    domain = str(address.ascii_domain).lower()
    if "." not in domain and not domain.startswith("["):
        return _Verdict(None, None, EmailReason.DOMAIN_WITHOUT_DOT.value)
    return _Verdict(f"{address.local_part.lower()}@{domain}", domain, None)


def _why_refused(text: str) -> EmailReason:
    if any(unicodedata.category(character) == "Cc" for character in text):
        return EmailReason.CONTROL_CHARACTER
    local, at_sign, domain = text.rpartition("@")
    if not at_sign:
        return EmailReason.NO_AT_SIGN
    labels = domain.split(".")
    if (
        len(text.encode()) > MOST_OCTETS
        or len(local) > MOST_BEFORE_AT
        or max(map(len, labels)) > MOST_IN_LABEL
    ):
        return EmailReason.TOO_LONG
    if len(labels) > 1 and labels[-1] in UNREACHABLE_DOMAINS:
        return EmailReason.RESERVED_DOMAIN
    if domain and len(labels) == 1 and not domain.startswith("["):
        return EmailReason.DOMAIN_WITHOUT_DOT
    # The library answers in sentences only, so it is asked again with a local part that cannot be at fault.
    domain_is_at_fault = local != "a" and _verdict(f"a@{domain}").email is None
    return EmailReason.BAD_DOMAIN if domain_is_at_fault or local == "a" else EmailReason.BAD_LOCAL_PART


def kinds_of_domain(domains: pd.Series) -> pd.DataFrame:
    """Columns `is_disposable`, `is_free`, `is_for_tests` and `is_unreachable` (nullable boolean), indexed as
    `domains`.

    A domain on the free-mail list counts as it stands; for the other three, so does every domain below it.
    """
    is_disposable = _is_at_or_below(domains, disposable_domains())
    return pd.DataFrame(
        {
            "is_disposable": is_disposable,
            "is_free": is_listed(domains, free_mail_domains()) & ~is_disposable,
            "is_for_tests": _is_at_or_below(domains, pa.array(TEST_DOMAINS, pa.large_string())),
            "is_unreachable": _is_at_or_below(domains, pa.array(UNREACHABLE_DOMAINS, pa.large_string())),
        },
        dtype="boolean",
    )


def _is_at_or_below(domains: pd.Series, names: pa.Array) -> pd.Series:
    result = is_listed(domains, names)
    parents = domains[domains.str.contains(".", regex=False)]
    while len(parents):
        parents = parents.str.replace(r"^[^.]*\.", "", regex=True)
        result |= is_listed(parents, names).reindex(result.index, fill_value=False)
        parents = parents[parents.str.contains(".", regex=False)]
    return result
