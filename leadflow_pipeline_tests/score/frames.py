"""Frames for the tests of scoring: a few words make a lead, an event, a campaign.

What belongs here: invented leads and the shortest way to score them. What does not: expectations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from leadflow_pipeline.score.plan import Terms, plan_scored
from leadflow_pipeline.score.rules import IdealCustomerProfile, ScoreRules
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform, empty

DAY = pd.Timestamp("2026-03-10")
NO_PROFILE = IdealCustomerProfile()
DEFAULTS = ScoreRules()
CHANNELS = {"website": "inbound", "partner": "referral", "search": "ads", "feed": "social", "list": "list"}
PREVIOUS_COLUMNS = ["lead_id", "temperature"]


def leads(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """Due leads; what a row leaves out is missing. Without more, a row is lead `a` of the list on DAY."""
    bare = {"lead_id": "a", "day": DAY, "source": "list", "phone_status": "missing"}
    frame = pd.DataFrame([{**bare, **row} for row in rows])
    dtypes = empty(schema.enriched_leads).dtypes
    known = {name: frame[name].astype(dtype) for name, dtype in dtypes.items() if name in frame}
    custom = {name: frame[name].astype("str") for name in frame.columns if name.startswith("custom.")}
    return pd.DataFrame({**known, **custom})


def no_leads() -> pd.DataFrame:
    return empty(schema.enriched_leads)


def events(
    *rows: tuple[str, str, str | pd.Timestamp] | tuple[str, str, str | pd.Timestamp, bool],
) -> pd.DataFrame:
    """(lead, behaviour, moment in UTC[, is_machine])."""
    if not rows:
        return empty(schema.engagement_events)[
            ["lead_id", "event_id", "behaviour", "occurred_at", "is_machine"]
        ]
    padded = [(*row, False)[:4] for row in rows]
    frame = pd.DataFrame(padded, columns=["lead_id", "behaviour", "occurred_at", "is_machine"])
    return frame.assign(
        event_id=[f"e{number}" for number in range(len(frame))],
        occurred_at=pd.to_datetime(frame["occurred_at"], utc=True).dt.as_unit("us"),
    )


def previous(levels: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The last temperature of each lead."""
    return pd.DataFrame(list((levels or {}).items()), columns=PREVIOUS_COLUMNS).astype("str")


def score(
    due: pd.DataFrame,
    happened: pd.DataFrame | None = None,
    before: pd.DataFrame | None = None,
    profile: IdealCustomerProfile = NO_PROFILE,
    rules: ScoreRules = DEFAULTS,
    credits: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The plan, checked against the table it is for."""
    scored = plan_scored(
        due,
        events() if happened is None else happened,
        previous() if before is None else before,
        Terms(profile, rules, CHANNELS, credits),
    )
    conform(scored, schema.scored_leads, campaign="spring", campaign_version=1)
    return scored


def breakdown(scored: pd.DataFrame, row: int = 0) -> dict[str, Decimal]:
    read: dict[str, Decimal] = json.loads(
        scored["score_breakdown"].iloc[row], parse_float=Decimal, parse_int=Decimal
    )
    return read


def reasons(scored: pd.DataFrame, row: int = 0) -> list[str]:
    read: list[str] = json.loads(scored["reasons"].iloc[row])
    return read


def rules_of(**changes: Any) -> ScoreRules:
    return ScoreRules.model_validate(changes)


def profile_of(*criteria: Mapping[str, Any]) -> IdealCustomerProfile:
    return IdealCustomerProfile.model_validate({"criteria": list(criteria)})


def by_day(
    due: pd.DataFrame,
    happened: pd.DataFrame,
    profile: IdealCustomerProfile,
    rules: ScoreRules,
    batches: Sequence[Sequence[pd.Timestamp]],
    credits: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The days planned batch by batch, each from what the ones before left: what a campaign lives through."""
    done: list[pd.DataFrame] = []
    for days in batches:
        earlier = pd.concat(done).sort_values("day", kind="stable") if done else None
        last = (
            previous()
            if earlier is None
            else earlier.drop_duplicates("lead_id", keep="last")[PREVIOUS_COLUMNS]
        )
        end = pd.Timestamp(max(days), tz="UTC") + pd.Timedelta(days=1)
        known = happened[happened["occurred_at"] < end]
        recorded = None if credits is None else credits[credits["from_day"] <= max(days)]
        done.append(score(due[due["day"].isin(days)], known, last, profile, rules, recorded))
    return pd.concat(done).sort_values(["lead_id", "day"], ignore_index=True)
