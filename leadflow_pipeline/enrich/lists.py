"""The lists shipped in `data/`, read once.

What belongs here: reading. What does not: what a list means for a lead. Where each list comes from, and under which
licence, is written in `data/NOTICE.md`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def lines_of(name: str) -> tuple[str, ...]:
    """The lines of a file in `data/`, without blank ones and comments."""
    text = files("leadflow_pipeline.enrich").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def disposable_domains() -> frozenset[str]:
    """Domains of mailboxes that anyone can open for an hour."""
    return frozenset(lines_of("disposable_domains.txt"))


@cache
def free_mail_domains() -> frozenset[str]:
    """Domains where people, not companies, have their mailbox."""
    return frozenset(lines_of("free_mail_domains.txt"))


@cache
def role_accounts() -> frozenset[str]:
    """Local parts that belong to a function (`info`, `sales`), not to a person."""
    return frozenset(lines_of("role_accounts.txt"))
