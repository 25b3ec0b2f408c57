"""API tokens in the database: made, listed, rotated, revoked. A door to one table.

What belongs here: what a token looks like and how it is kept. What does not: recognising one that was sent (`callers`),
and HTTP.

A token is `lf_<id>_<secret>`. The secret is 256 random bits, so a plain SHA-256 of it is as hard to guess as itself; it
is shown once and kept nowhere.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, insert, or_, select, update

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.service.access.scopes import Caller, Scope
from leadflow_pipeline.store.schema import activity_log, api_tokens, campaigns

PREFIX: Final = "lf"
ID_BYTES, SECRET_BYTES = 6, 32
REQUESTS_A_MINUTE: Final = 600
GRACE: Final = timedelta(days=1)
"""How long a token goes on working that another has taken the place of."""

WRITTEN = re.compile(r"lf_(?P<token_id>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})")
NAME = re.compile(r"[^\W_][\w .@/-]{0,63}")


@dataclass(frozen=True)
class Known:
    """A token that is good now, as those who asked are compared with."""

    caller: Caller
    secret_key: str
    requests_a_minute: int
    expires_at: datetime | None

    def is_opened_by(self, secret: str, now: datetime) -> bool:
        """Whether this is the secret, and in time. Takes as long for a wrong one."""
        is_right = hmac.compare_digest(self.secret_key, _key(secret))
        return is_right and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True)
class TokenRecord:
    """A token as whoever administers it sees it; its secret is nowhere."""

    token_id: str
    name: str
    scope: str
    campaigns: list[str] | None
    """None: all."""
    requests_a_minute: int
    state: str
    """active; rotated (works until `expires_at`); expired; revoked."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    rotated_from: str | None


def create_token(
    engine: Engine,
    name: str,
    scope: Scope,
    *,
    campaigns: frozenset[str] | None = None,
    expires_at: datetime | None = None,
    requests_a_minute: int = REQUESTS_A_MINUTE,
    actor: str = "command line",
) -> str:
    """A new token. This is the only time that anybody sees it.

    Raises PermanentError for a name that is none, and for campaigns that there are not.
    """
    if not NAME.fullmatch(name):
        raise PermanentError(
            "a token's name is 1 to 64 letters, digits, spaces and . @ / - _, for it signs every change"
        )
    row = {
        "name": name,
        "scope": scope.word,
        "campaigns": None if campaigns is None else sorted(campaigns),
        "requests_a_minute": requests_a_minute,
        "expires_at": expires_at,
    }
    with engine.begin() as connection:
        _require_campaigns(connection, campaigns or frozenset())
        return _insert(connection, row, actor, "token.created")


def list_tokens(engine: Engine, now: datetime) -> list[TokenRecord]:
    """All of them, the newest first; those that ended too."""
    table = api_tokens.c
    with engine.connect() as connection:
        rows = connection.execute(
            select(api_tokens).order_by(table.created_at.desc(), table.token_id)
        ).fetchall()
    replaced = {row.rotated_from for row in rows}
    return [
        TokenRecord(
            **{name: value for name, value in row._mapping.items() if name != "secret_key"},
            state=_state(row, now, row.token_id in replaced),
        )
        for row in rows
    ]


def rotate_token(
    engine: Engine, token_id: str, *, now: datetime, actor: str, grace: timedelta = GRACE
) -> tuple[str, datetime]:
    """A new token with the name, scope and limits of another, and when that one ends: after `grace`, or before.

    One that would end by itself gives one that lives as long. Raises PermanentError for a token that there is not, that
    has ended, or that was rotated before.
    """
    table = api_tokens.c
    with engine.begin() as connection:
        old = _present(connection, token_id)
        if _state(old, now, is_replaced=False) != "active":
            raise PermanentError(f"token {token_id} has ended: make a new one with leadflow token create")
        if connection.scalar(select(table.token_id).where(table.rotated_from == token_id)) is not None:
            raise PermanentError(f"token {token_id} was rotated before: rotate the one that took its place")
        ends = now + grace if old.expires_at is None else min(now + grace, old.expires_at)
        connection.execute(update(api_tokens).where(table.token_id == token_id).values(expires_at=ends))
        row = {
            "name": old.name,
            "scope": old.scope,
            "campaigns": old.campaigns,
            "requests_a_minute": old.requests_a_minute,
            "expires_at": None if old.expires_at is None else now + (old.expires_at - old.created_at),
            "rotated_from": token_id,
        }
        return _insert(connection, row, actor, "token.rotated"), ends


def revoke_token(engine: Engine, token_id: str, *, now: datetime, actor: str) -> bool:
    """Ends a token at once; False where it was revoked before. Raises PermanentError for one that there is not."""
    with engine.begin() as connection:
        row = _present(connection, token_id)
        if row.revoked_at is not None:
            return False
        connection.execute(update(api_tokens).where(api_tokens.c.token_id == token_id).values(revoked_at=now))
        _note(connection, actor, "token.revoked", {"token_id": token_id, "name": row.name})
    return True


def read_known(connection: Connection, now: datetime) -> dict[str, Known]:
    """Every token that is good now, by its id."""
    table = api_tokens.c
    is_good = table.revoked_at.is_(None) & or_(table.expires_at.is_(None), table.expires_at > now)
    return {row.token_id: _known(row) for row in connection.execute(select(api_tokens).where(is_good))}


def note_uses(connection: Connection, used: Mapping[str, datetime]) -> None:
    """Writes down when tokens were used last."""
    table = api_tokens.c
    for token_id, at in sorted(used.items()):
        is_later = or_(table.last_used_at.is_(None), table.last_used_at < at)
        connection.execute(
            update(api_tokens).where(table.token_id == token_id, is_later).values(last_used_at=at)
        )


def token_id_of(text: str) -> str:
    """The id in a whole token, or the id itself: whoever revokes a token that leaked has it at hand."""
    written = WRITTEN.fullmatch(text.strip())
    return written["token_id"] if written else text.strip()


def _insert(connection: Connection, row: Mapping[str, Any], actor: str, action: str) -> str:
    token_id, secret = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)
    connection.execute(insert(api_tokens).values({**row, "token_id": token_id, "secret_key": _key(secret)}))
    told = {name: row[name] for name in ("name", "scope", "campaigns", "rotated_from") if row.get(name)}
    _note(connection, actor, action, {"token_id": token_id, **told})
    return f"{PREFIX}_{token_id}_{secret}"


def _note(connection: Connection, actor: str, action: str, detail: Mapping[str, Any]) -> None:
    connection.execute(insert(activity_log).values(actor=actor, action=action, detail=dict(detail)))


def _present(connection: Connection, token_id: str) -> Row[Any]:
    row = connection.execute(
        select(api_tokens).where(api_tokens.c.token_id == token_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise PermanentError("there is no such token: leadflow token list shows their ids")
    return row


def _require_campaigns(connection: Connection, named: frozenset[str]) -> None:
    there = set(connection.scalars(select(campaigns.c.campaign).where(campaigns.c.campaign.in_(named))))
    missing = sorted(named - there)
    if missing:
        raise PermanentError(f"there is no campaign {missing[0]}: leadflow campaign list shows them")


def _known(row: Row[Any]) -> Known:
    named = None if row.campaigns is None else frozenset(row.campaigns)
    caller = Caller(row.token_id, row.name, Scope[row.scope.upper()], named)
    return Known(caller, row.secret_key, row.requests_a_minute, row.expires_at)


def _state(row: Row[Any], now: datetime, is_replaced: bool) -> str:
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and row.expires_at <= now:
        return "expired"
    return "rotated" if is_replaced else "active"


def _key(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
