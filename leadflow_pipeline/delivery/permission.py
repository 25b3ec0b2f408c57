"""Whether a person agreed to be written to, in SQL.

What belongs here: that one question. What does not: other objections (`standing`), and keeping what was said
(`store.facts`).

A consent is about the address that it was given with. The latest word counts, be it for this campaign or for all; of
two at the same moment the withdrawal does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, and_, literal, or_, select

from leadflow_pipeline.nurture.consent import ConsentRules
from leadflow_pipeline.store.schema import consents

WITHDRAWN: Final = "consent was withdrawn"
MISSING: Final = "no consent"
OVER: Final = "consent has run out"


def consent_objections(
    who: FromClause, rules: ConsentRules, now: Any
) -> Iterable[tuple[ColumnElement[bool], str]]:
    """What is against writing to a row of `who`, for a CASE. A withdrawal counts where nothing is required too.

    `who` has the columns campaign and recipient_key.
    """
    is_given = _latest(who, now, consents.c.is_given)
    yield ~is_given, WITHDRAWN
    if rules.required:
        yield is_given.is_(None), MISSING
    if rules.valid_days is not None:
        yield (
            _latest(who, now, consents.c.occurred_at) <= now - literal(timedelta(days=rules.valid_days)),
            OVER,
        )


def _latest(who: FromClause, now: Any, column: ColumnElement[Any]) -> ColumnElement[Any]:
    said = and_(
        consents.c.recipient_key == who.c.recipient_key,
        or_(consents.c.campaign == "", consents.c.campaign == who.c.campaign),
        consents.c.occurred_at <= now,
    )
    latest = select(column).where(said).order_by(consents.c.occurred_at.desc(), consents.c.is_given).limit(1)
    return latest.correlate(who).scalar_subquery()
