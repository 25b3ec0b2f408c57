"""Who may not be written to, as of the end of each day: the facts that stop, pause or graduate a lead.

What belongs here: reading events, outcomes and overrides as reasons to hold a lead. What does not: what a
hold does to a sequence (see `plan`).

A hold rests on every fact before the end of the day, not on those of the day alone, so that a reply which
arrived late still stops the next email. While a `resume` override stands, what happened before it holds
nobody.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from leadflow_pipeline.nurture.by_hand import is_enrolment
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.overrides import OUT_OF_OFFICE, standing_overrides

FREE, PAUSED, STOPPED, GRADUATED = range(4)
"""How a lead is held, from not at all to most."""

REASON_TEXTS: Final[dict[str, str]] = {
    "reply": "the lead replied",
    "meeting": "a meeting was agreed",
    "unsubscribe": "the lead unsubscribed",
    "bounce": "an email could not be delivered",
    "complaint": "the lead complained about an email",
    "won": "the lead was won",
    "lost": "the lead was lost",
    "pause": "paused by hand",
    "stop": "stopped by hand",
    "resume": "the hold was lifted",
    "away": "out of office, as an automatic answer said",
    "owner_touch": "a rep is in touch with the lead",
    "colleague_reply": "somebody of the same company replied",
    "engagement": "engagement reached the level that hands a lead to sales",
}

AWAY: Final = "away"
TAKEN_BACK: Final = ("unsubscribe", "complaint")
RESUBSCRIBED: Final = "resubscribe"
"""What a person takes back by subscribing again, and the behaviour that says so: a later sequence may begin."""

_OUTCOME_HOLDS: Final = {"won": GRADUATED, "meeting": GRADUATED, "lost": STOPPED}
_OVERRIDE_HOLDS: Final = {"pause": PAUSED, "stop": STOPPED, "resume": FREE, "enrol": FREE}
"""Who is enrolled by hand is resumed by it: what was before holds it no more."""


def reason_text(code: str) -> str:
    """A hold's reason in words."""
    return REASON_TEXTS.get(code, f"{code} ends a sequence in this campaign")


def holding_facts(events: pd.DataFrame, outcomes: pd.DataFrame, rules: NurtureRules) -> pd.DataFrame:
    """Every event and outcome that holds a lead: lead_id, at, hold, code, and `until` when, if it was taken back.

    A meeting or a won lead graduates, it is not merely stopped: sales has it. What a machine did (a link
    scanner, an automatic answer) holds nobody.
    """
    by_people = ~events["is_machine"].fillna(value=False).astype(bool)
    stops = events.loc[events["behaviour"].isin(rules.stop_on) & by_people]
    ends = outcomes.loc[outcomes["outcome"].isin(list(_OUTCOME_HOLDS)) & rules.stop_on_outcome]
    stop_holds = np.where(stops["behaviour"].eq("meeting"), GRADUATED, STOPPED)
    return pd.concat(
        [
            stops.assign(
                at=stops["occurred_at"],
                hold=stop_holds,
                code=stops["behaviour"],
                until=_taken_back(stops, events),
            ),
            ends.assign(
                at=ends["occurred_at"],
                hold=ends["outcome"].map(_OUTCOME_HOLDS),
                code=ends["outcome"],
                until=pd.Series(pd.NaT, index=ends.index, dtype=ends["occurred_at"].dtype),
            ),
        ],
        ignore_index=True,
    )[["lead_id", "at", "hold", "code", "until"]].astype({"hold": "int64"})


def _taken_back(stops: pd.DataFrame, events: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """When each stop was taken back by subscribing again; missing where it was not."""
    again = events.loc[events["behaviour"].eq(RESUBSCRIBED), ["lead_id", "occurred_at"]]
    may = stops.loc[stops["behaviour"].isin(TAKEN_BACK), ["lead_id", "occurred_at"]]
    pairs = may.reset_index(names="stop").merge(again, on="lead_id", suffixes=("", "_again"))
    later = pairs.loc[pairs["occurred_at_again"] >= pairs["occurred_at"]]
    return later.groupby("stop")["occurred_at_again"].min().reindex(stops.index)


def holds_by_day(
    facts: pd.DataFrame, overrides: pd.DataFrame, first_day: pd.Timestamp, last_day: pd.Timestamp
) -> pd.DataFrame:
    """How each lead with facts or overrides is held: lead_id, day, hold, code, resumed_at.

    A row for the first day, and for each later day on which anything differs from the day before. `facts` are
    `holding_facts`; `resumed_at` is when the resume override that stands was made, missing where none does.
    """
    overrides = overrides.loc[overrides["field"].eq("nurture")]
    overrides = overrides.assign(value=overrides["value"].mask(is_enrolment(overrides), "enrol"))
    points = _days_that_may_differ(facts, overrides, first_day, last_day)
    standing = standing_overrides(overrides, "nurture", points, among=list(_OVERRIDE_HOLDS))
    points["resumed_at"] = standing["occurred_at"].where(standing["value"].isin(["resume", "enrol"]))

    seen = points.merge(facts, on="lead_id")
    end_of_day = (seen["day"] + pd.Timedelta(days=1)).dt.tz_localize("UTC")
    seen = seen.loc[
        (seen["at"] < end_of_day) & ~(seen["at"] <= seen["resumed_at"]) & ~(seen["until"] < end_of_day)
    ]
    is_away = standing["value"].eq("pause") & standing["reason"].eq(OUT_OF_OFFICE)
    by_hand = points.assign(
        at=standing["occurred_at"],
        hold=standing["value"].map(_OVERRIDE_HOLDS),
        code=standing["value"].mask(is_away, AWAY),
    )
    by_hand = by_hand.loc[by_hand["hold"].notna()].astype({"hold": "int64"})

    strongest = (
        pd.concat([seen, by_hand])
        .sort_values(["lead_id", "day", "hold", "at", "code"], ascending=[True, True, False, True, True])
        .drop_duplicates(["lead_id", "day"])[["lead_id", "day", "hold", "code"]]
    )
    holds = points.merge(strongest, on=["lead_id", "day"], how="left")
    holds["hold"] = holds["hold"].fillna(FREE).astype("int64")
    holds["code"] = holds["code"].fillna("resume")
    # The reason counts as well: a lead that is enrolled later is told the one that holds it by then.
    before = holds.groupby("lead_id", sort=False)[["hold", "code", "resumed_at"]].shift()
    same = holds["hold"].eq(before["hold"]) & holds["code"].eq(before["code"])
    differs = ~(same & _same(before["resumed_at"], holds["resumed_at"]))
    return holds.loc[differs].reset_index(drop=True)


def _days_that_may_differ(
    facts: pd.DataFrame, overrides: pd.DataFrame, first_day: pd.Timestamp, last_day: pd.Timestamp
) -> pd.DataFrame:
    """The first day, and the days on which something happens or runs out: lead_id, day, sorted and unique."""
    moments = pd.concat(
        [
            facts[["lead_id", "at"]],
            facts[["lead_id"]].assign(at=facts["until"]).dropna(),
            overrides[["lead_id"]].assign(at=overrides["occurred_at"]),
            # An override stands at the end of a day that it does not expire before.
            overrides[["lead_id"]].assign(at=overrides["expires_at"]).dropna(),
        ],
        ignore_index=True,
    )
    days = moments["at"].dt.tz_convert(None).dt.floor("D").clip(lower=first_day).astype("datetime64[us]")
    points = pd.concat([moments[["lead_id"]].assign(day=days), moments[["lead_id"]].assign(day=first_day)])
    points = points.loc[points["day"] <= last_day].astype({"day": "datetime64[us]"})
    return points.drop_duplicates().sort_values(["lead_id", "day"], ignore_index=True)


def _same(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.eq(other) | (one.isna() & other.isna())
