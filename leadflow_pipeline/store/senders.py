"""Whose emails they are, in SQL and in Python: the domain that a message's From names."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func

from leadflow_pipeline.store.schema import messages


def sender_domain() -> ColumnElement[str]:
    """The domain of a row of `messages`, in small letters."""
    return func.lower(func.split_part(func.rtrim(messages.c.headers["From"].astext, "> "), "@", -1))


def domain_of_from(header: str) -> str:
    """The same of the header's value."""
    return header.rstrip("> ").rpartition("@")[2].lower()
