"""Is this an address that a mail server could take? By its spelling alone.

What belongs here: syntax and the normal form. What does not: whose kind of address it is, and what a name server or
a vendor says of it (`email.py`).

The judge is the email-validator library. The common shape of an address (ASCII, plain local part, plain domain) is
judged by one regular expression over the whole column instead; a property test holds the two to the same answer,
and the is_email test set is judged whole in `test_email.py`.

Blanks around an address are the file's and not the address's. Line breaks and other control characters are refused
wherever they stand: the harvest has made blanks of those that a file had around its cells.

An address is normalised to lower case on both sides of the @ (RFC 5321 would let a server tell `Ann` from `ann`; none
in practice does, and two records of one person must meet), its local part to Unicode NFC, and its domain to IDNA
ASCII (`xn--...`), which every mail server takes.

What the grammar of RFC 5321 allows and this refuses, because no public mail server can receive it:

* a domain without a dot (`ann@com`): RFC 5321 2.3.5 asks for a fully qualified name, and no top-level domain may
  have mail servers of its own (ICANN SAC053, RFC 7085): `domain_without_dot`;
* a top-level domain with a digit in it (`ann@192.168.0.1`, `ann@acme.c0m`): those are of letters alone (RFC 1123 2.1,
  RFC 3696 2) or begin with `xn--`. A host's number needs brackets: `bad_domain`;
* an empty quoted local part (`""@acme.com`): nobody has a mailbox without a name: `bad_local_part`.

What it accepts though some checkers refuse it: a label `xn--...` that is no valid IDNA 2008. Registries have sold such
names, name servers answer for them, and no mail server looks inside.

Comments, folded white space and other forms of a message header (RFC 5322) are no part of an address that a mail
server is told (RFC 5321), and are refused.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from email_validator import EmailNotValidError, validate_email

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.labels import label


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
    NO_MAIL_SERVER = "no_mail_server"
    MAILBOX_REFUSED = "mailbox_refused"
    DISPOSABLE = "disposable"
    ROLE = "role"
    QUOTED_LOCAL_PART = "quoted_local_part"
    ADDRESS_LITERAL = "address_literal"
    CATCH_ALL = "catch_all"
    FREE_MAIL = "free_mail"


MOST_OCTETS = 254
"""RFC 5321 4.5.3.1.3, less the angle brackets (RFC 3696, erratum 1690)."""
MOST_BEFORE_AT = 64
"""RFC 5321 4.5.3.1.1, in octets of UTF-8 (RFC 6531 3.3)."""
MOST_IN_LABEL = 63
"""RFC 1035 2.3.4."""

BLANKS = " \t\u00a0\u3000"
"""Space, tab, no-break and ideographic space."""

UNREACHABLE_DOMAINS = ("alt", "arpa", "internal", "invalid", "local", "localhost", "onion")
"""Special-use names (IANA registry, RFC 6761) and what is below them: no mail arrives there."""

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


def check_syntax(emails: pd.Series) -> pd.DataFrame:
    """Columns `email` and `email_domain` (both normalised) and `email_reason`, indexed as `emails`: syntax
    alone.

    Either the first two are there, or the reason why they are not.
    """
    texts = trimmed(emails).reset_index(drop=True)
    checked = check_common_shapes(texts)
    rest = texts[checked["email"].isna() & checked["email_reason"].isna()]
    if len(rest):
        checked = pd.concat(
            [checked.drop(rest.index), for_each_distinct(rest, check_by_library)]
        ).sort_index()
    checked.index = emails.index
    return checked


def trimmed(emails: pd.Series) -> pd.Series:
    """The texts in lower case, without the blanks around them."""
    return emails.astype("str").str.strip(BLANKS).str.lower()


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
    found = _ask_library(text)
    if found is None and _HIDDEN_LABEL.search(text):
        # Letters in place of the hyphens hide the label from the library's IDNA, and change no length.
        found = _ask_library(_HIDDEN_LABEL.sub(r"\1xnxn", text))
        found = found and (found[0], text.rpartition("@")[2])
    if found is None:
        return _Verdict(None, None, _why_refused(text).value)
    local, domain = found
    if len(local.encode()) > MOST_BEFORE_AT:  # the library counts letters
        return _Verdict(None, None, EmailReason.TOO_LONG.value)
    if not domain.startswith("["):
        if "." not in domain:
            return _Verdict(None, None, EmailReason.DOMAIN_WITHOUT_DOT.value)
        if not _TOP_LEVEL.search(domain):
            return _Verdict(None, None, EmailReason.BAD_DOMAIN.value)
    return _Verdict(f"{local}@{domain}", domain, None)


_HIDDEN_LABEL = re.compile(r"([@.])xn--(?=[a-z0-9\-]*[a-z0-9](?:\.[a-z0-9.\-]+)?\Z)")
_TOP_LEVEL = re.compile(r"\.(?:[a-z]+|xn--[a-z0-9\-]+)\Z")


def _ask_library(text: str) -> tuple[str, str] | None:
    """Local part and domain, normalised; None for what is no address."""
    try:
        # `test_environment` only stops the library from refusing *.test: reserved names are judged in
        # `email.py`, all alike.
        address = validate_email(
            text,
            check_deliverability=False,
            strict=True,
            allow_quoted_local=True,
            allow_domain_literal=True,
            test_environment=True,
        )
    except EmailNotValidError:
        return None
    return address.local_part.lower(), str(address.ascii_domain).lower()


def _why_refused(text: str) -> EmailReason:
    if any(unicodedata.category(character) == "Cc" for character in text):
        return EmailReason.CONTROL_CHARACTER
    local, at_sign, domain = text.rpartition("@")
    if not at_sign:
        return EmailReason.NO_AT_SIGN
    labels = domain.split(".")
    if (
        len(text.encode()) > MOST_OCTETS
        or len(local.encode()) > MOST_BEFORE_AT
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
