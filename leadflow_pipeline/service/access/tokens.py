"""API tokens in the database: made, found, rotated, revoked. A door to one table.

What belongs here: what a token looks like and how it is kept. What does not: HTTP.

A token is `lf_<id>_<secret>`. The secret is 256 random bits, so a plain SHA-256 of it is as hard to guess as itself; it
is shown once and kept nowhere.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import Engine, insert, select

from leadflow_pipeline.service.access.scopes import Caller, Scope
from leadflow_pipeline.store.schema import api_tokens

PREFIX: Final = "lf"
ID_BYTES, SECRET_BYTES = 6, 32
REQUESTS_A_MINUTE: Final = 600


def create_token(
    engine: Engine,
    name: str,
    scope: Scope,
    *,
    campaigns: frozenset[str] | None = None,
    expires_at: datetime | None = None,
    requests_a_minute: int = REQUESTS_A_MINUTE,
) -> str:
    """A new token. This is the only time that anybody sees it."""
    token_id, secret = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)
    row = {
        "token_id": token_id,
        "name": name,
        "secret_key": _key(secret),
        "scope": scope.word,
        "campaigns": None if campaigns is None else sorted(campaigns),
        "requests_a_minute": requests_a_minute,
        "expires_at": expires_at,
    }
    with engine.begin() as connection:
        connection.execute(insert(api_tokens).values(row))
    return f"{PREFIX}_{token_id}_{secret}"


def find_caller(engine: Engine, token: str, now: datetime) -> Caller | None:
    """Whoever holds the token; None where it is not known, has ended or was revoked."""
    prefix, _, rest = token.partition("_")
    token_id, _, secret = rest.partition("_")
    if prefix != PREFIX or not secret.isascii():
        return None
    with engine.connect() as connection:
        row = connection.execute(select(api_tokens).where(api_tokens.c.token_id == token_id)).first()
    stored = row.secret_key if row is not None else _key("nobody")
    if not hmac.compare_digest(stored, _key(secret)) or row is None:
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    campaigns = None if row.campaigns is None else frozenset(row.campaigns)
    return Caller(row.token_id, row.name, Scope[row.scope.upper()], campaigns)


def _key(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
