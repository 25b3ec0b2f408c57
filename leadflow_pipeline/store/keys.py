"""Address keys: how an email address is recognised where the address itself must not be kept.

What belongs here: the keyed hash and its secret. What does not: whether an address is any good (see
`enrich`).

A key is HMAC-SHA256(pepper, normalised address): the same for one mailbox in every campaign, and of no use to
whoever has the table and not the pepper. The pepper is `LEADFLOW_PEPPER`, else a random one kept in the home
folder; losing it means that no suppression is recognised any more, so it belongs in every backup.
"""

from __future__ import annotations

import hmac
import os
import secrets
import unicodedata
from functools import lru_cache
from pathlib import Path

import pandas as pd

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings

PEPPER_BYTES = 32


def address_key(email: str) -> str:
    """The key of one address: 64 hexadecimal digits."""
    return _digest(_pepper(), email)


def address_keys(emails: pd.Series) -> pd.Series:
    """The keys of many addresses, on the same index; a missing address has a missing key."""
    pepper = _pepper()
    distinct = emails.dropna().unique()
    keys = pd.Series([_digest(pepper, email) for email in distinct], index=pd.Index(distinct), dtype="str")
    return emails.map(keys).astype("str")


def subject_key(subject: str) -> str:
    """The key of what a vendor is asked, or of a webhook's body. Case counts: the ids of vendors differ by it."""
    return _subject_digest(_pepper(), subject)


def subject_keys(subjects: pd.Series) -> pd.Series:
    """The keys of many subjects, on the same index."""
    pepper = _pepper()
    keys = [_subject_digest(pepper, subject) for subject in subjects]
    return pd.Series(keys, index=subjects.index, dtype="str")


def _subject_digest(pepper: bytes, subject: str) -> str:
    return hmac.digest(pepper, f"subject\x1f{subject}".encode(), "sha256").hex()


def _digest(pepper: bytes, email: str) -> str:
    normalised = unicodedata.normalize("NFC", email).strip().lower()
    return hmac.digest(pepper, normalised.encode(), "sha256").hex()


def _pepper() -> bytes:
    settings = get_settings()
    if settings.pepper is not None:
        return settings.pepper.get_secret_value().encode()
    return _kept_pepper(settings.home / "pepper")


@lru_cache(maxsize=4)
def _kept_pepper(path: Path) -> bytes:
    """The pepper in this file, which is made when missing and readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"pepper.{secrets.token_hex(4)}")
        with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(PEPPER_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # Linked into its place, so that of two processes the first wins and both read the same.
        try:
            path.hardlink_to(mine)
        except FileExistsError:
            return _kept_pepper.__wrapped__(path)
        finally:
            mine.unlink()
    pepper = path.read_text().strip()
    if not pepper:
        raise PermanentError(
            f"{path} is empty: restore it from a backup, or suppressed addresses are not recognised"
        )
    return pepper.encode()
