"""Whose kind of address is it, and can it be mailed?

What belongs here: what the domain and the local part tell (reserved, disposable, free mail, role), the typo
suggestion, and the verdict when a name server or a vendor has been asked. What does not: syntax (`email_syntax.py`),
and the asking: nothing here leaves the machine.

`email_reason` names the first of these that applies:

1. `missing`;
2. invalid: `control_character`, `no_at_sign`, `too_long` (254 octets in all, 64 before the @, 63 in a label of the
   domain), then faults of the domain (`reserved_domain`, `domain_without_dot`, `bad_domain`), then `bad_local_part`;
   then what the world says: `no_mail_server`, `mailbox_refused`;
3. risky: `disposable`, `role`, `quoted_local_part`, `address_literal` (both legal, and nearly always a mistake),
   `catch_all` (no one can tell whether the mailbox is there), and `free_mail` if the campaign says so.

A valid address has no reason, and an invalid one no normal form: what cannot be mailed is not offered for mailing.
Where only the world refuses, `email_domain` stays, for it is still the lead's company. A domain on both the
disposable and the free list is disposable and not free.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.email_suggestion import suggest_emails
from leadflow_pipeline.enrich.email_syntax import UNREACHABLE_DOMAINS, EmailReason, check_syntax, trimmed
from leadflow_pipeline.enrich.labels import label
from leadflow_pipeline.enrich.lists import disposable_domains, free_mail_domains, is_listed, role_accounts

TEST_DOMAINS = ("example", "example.com", "example.net", "example.org", "test")
"""Names for documentation and tests (RFC 2606) and everything below them: reserved unless a campaign allows
them."""

VENDOR_WORDS: dict[str, tuple[str, ...]] = {
    "refused": (
        "invalid", "invalid domain", "invalid email", "undeliverable", "rejected", "bounced", "bounce", "hard bounce",
        "hard bounced", "mailbox not found", "does not exist", "invalide", "domaine invalide",
        "do not contact", "ne pas contacter",
    ),
    "catch_all": (
        "catch all", "catchall", "accept all", "acceptall", "catch all unverifiable", "accept all unverifiable",
    ),
    "delivered": (
        "verified", "valid", "deliverable", "delivered", "nominative", "nominatif", "generic", "generique", "ok",
    ),
}  # fmt: skip
"""What vendors call the three answers about a mailbox that decide something (Apollo, Dropcontact, HubSpot and the
usual verifiers), in words without case and punctuation. Other words (`unverified`, `guessed`) decide nothing."""


def judge_emails(
    emails: pd.Series,
    *,
    free_mail_is_risky: bool = False,
    allow_test_domains: bool = False,
    mail_servers: pd.Series | None = None,
    vendor_status: pd.Series | None = None,
) -> pd.DataFrame:
    """Columns `email`, `email_status`, `email_reason`, `email_domain`, `email_is_role`, `email_is_disposable`,
    `email_is_free`, `email_is_catch_all` (missing where nobody has asked) and `email_suggestion`, indexed as `emails`.

    `mail_servers` says whether the domain has a server that takes mail (nullable boolean; missing: not asked), and
    `vendor_status` what a vendor says of the mailbox, in the vendor's words. Both are indexed as `emails`.
    """
    checked = check_syntax(emails)
    kinds = for_each_distinct(checked["email_domain"], kinds_of_domain).fillna(False)
    is_reserved = kinds["is_unreachable"] | (kinds["is_for_tests"] & (not allow_test_domains))
    domain = checked["email_domain"].mask(is_reserved)
    unknown = pd.Series(pd.NA, index=emails.index)
    answer = for_each_distinct(
        (unknown if vendor_status is None else vendor_status).astype("str"), read_vendor_words
    )
    takes_mail = (unknown if mail_servers is None else mail_servers).astype("boolean").fillna(True)
    has_no_server = ~takes_mail & domain.notna()
    refused_by_world = label(
        {
            EmailReason.NO_MAIL_SERVER: has_no_server,
            EmailReason.MAILBOX_REFUSED: (answer == "refused") & domain.notna(),
        }
    )
    invalid = checked["email_reason"].mask(is_reserved, EmailReason.RESERVED_DOMAIN.value)
    invalid = invalid.fillna(refused_by_world)
    email = checked["email"].mask(invalid.notna())
    is_disposable, is_free = (kinds[kind] & ~is_reserved for kind in ("is_disposable", "is_free"))
    local = email.str.replace(r"(?:\+.*)?@.*$", "", regex=True)
    is_role = is_listed(local, role_accounts()).astype("boolean")
    is_catch_all = answer.map({"catch_all": True, "refused": False, "delivered": False}).astype("boolean")
    risky = label(
        {
            EmailReason.DISPOSABLE: is_disposable,
            EmailReason.ROLE: is_role,
            EmailReason.QUOTED_LOCAL_PART: email.str.startswith('"', na=False),
            EmailReason.ADDRESS_LITERAL: domain.str.startswith("[", na=False),
            EmailReason.CATCH_ALL: is_catch_all.fillna(False),
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
            "email_is_catch_all": is_catch_all.where(domain.notna()),
            "email_suggestion": suggest_emails(trimmed(emails)),
        }
    )


def read_vendor_words(statuses: pd.Series) -> pd.Series:
    """`refused`, `catch_all` or `delivered`, by `VENDOR_WORDS`; missing for every other status.

    Dropcontact qualifies the mailbox and its domain (`catch-all@pro`, `nominative@invalid domain`): either half can
    refuse, and the mailbox decides else.
    """
    words = statuses.str.lower().str.normalize("NFKD").str.replace(r"[^a-z@]+", " ", regex=True).str.strip()
    answers = {word: answer for answer, spellings in VENDOR_WORDS.items() for word in spellings}
    mailbox = words.str.replace(r" ?@.*$", "", regex=True).map(answers).astype("str")
    domain = words.str.replace(r"^.*@ ?", "", regex=True).map(answers).astype("str")
    return mailbox.mask(domain == "refused", domain)


def kinds_of_domain(domains: pd.Series) -> pd.DataFrame:
    """Columns `is_disposable`, `is_free`, `is_for_tests` and `is_unreachable` (nullable boolean), indexed as
    `domains`.

    A domain on the free-mail list counts as it stands; for the other three, so does every domain below it.
    """
    names = {
        "is_disposable": disposable_domains(),
        "is_for_tests": pa.array(TEST_DOMAINS, pa.large_string()),
        "is_unreachable": pa.array(UNREACHABLE_DOMAINS, pa.large_string()),
    }
    kinds = _are_at_or_below(domains, names)
    kinds["is_free"] = is_listed(domains, free_mail_domains()).to_numpy() & ~kinds["is_disposable"]
    columns = {kind: pd.array(is_of_kind, dtype="boolean") for kind, is_of_kind in kinds.items()}
    return pd.DataFrame(columns, index=domains.index)


def _are_at_or_below(domains: pd.Series, lists: Mapping[str, pa.Array]) -> dict[str, npt.NDArray[np.bool_]]:
    """For each list, whether each domain, or one that it is below, is on it."""
    found = {kind: is_listed(domains, names).to_numpy(copy=True) for kind, names in lists.items()}
    places = np.arange(len(domains))
    parents = domains
    while len(parents):
        has_parent = parents.str.contains(".", regex=False).to_numpy(dtype=bool)
        places = places[has_parent]
        parents = parents[has_parent].str.replace(r"^[^.]*\.", "", regex=True)
        for kind, names in lists.items():
            found[kind][places] |= is_listed(parents, names).to_numpy()
    return found
