"""What ends a sequence before its end: its exits and goal, and a colleague's reply; and the days to ask on.

What belongs here: who leaves, and on which days that could have changed. What does not: facts that hold a lead
whatever its sequence (`holds`), and what leaving means (`passage`).

Conditions are asked "at any time". Asking every lead every day would say so, and cost a loop over days; between two
days on which nothing happened that a condition asks for its answer is the same, so leads are asked on the others only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.knowledge import Doings, Records
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.step_conditions import (
    TIER_FIELD,
    BehaviourTest,
    StepCondition,
    fields_asked,
    leaves_of,
)
from leadflow_pipeline.nurture.steps import NurtureSequence
from leadflow_pipeline.nurture.timetable import (
    DAYS_PER_LEAD,
    Days,
    Moments,
    Positions,
    days_of,
    end_of,
    keys_of,
    moments_of,
    positions,
)

DOMAIN = "company_domain"
REPLY = "reply"


def stops_on_colleagues(rules: NurtureRules) -> bool:
    """Whether a colleague's reply stops a lead. Where a lead's own does not, a colleague's does not either."""
    return rules.stop_on_colleague_reply and REPLY in rules.stop_on


def asked_at_any_time(sequences: Sequence[NurtureSequence]) -> list[StepCondition]:
    """The conditions of all exits and goals."""
    return [condition for sequence in sequences for condition in sequence.asked_at_any_time]


@dataclass(frozen=True)
class Colleagues:
    """Who is of which company, as of each day, and when companies replied."""

    companies: pd.Index[Any]
    company: Records
    replies: Doings
    replied_on: pd.DataFrame
    """company, day: each day on which somebody of a company replied."""

    @classmethod
    def of(cls, events: pd.DataFrame, leads: pd.DataFrame, lead_index: pd.Index[Any]) -> Colleagues:
        """From people's events, and rows of leads over days with `company_domain`.

        A reply is of the company that its sender belonged to on its day, as was known by then.
        """
        replies = events.loc[events["behaviour"].eq(REPLY)]
        repliers = pd.Index(replies["lead_id"].unique()).sort_values()
        sender = positions(repliers, replies["lead_id"])
        day = replies["occurred_at"].dt.tz_convert(None).to_numpy().astype("datetime64[D]")
        domains = Records.of(leads[["day", "lead_id", DOMAIN]], repliers).at(sender, day, [DOMAIN])[DOMAIN]
        companies = pd.Index(domains.dropna().unique())
        by = positions(companies, domains)
        replied_on = pd.DataFrame({"company": by, "day": day})[by >= 0].drop_duplicates()
        of_these = leads.assign(company=positions(companies, leads[DOMAIN]))[["day", "lead_id", "company"]]
        return cls(
            companies,
            Records.of(of_these if len(companies) else of_these.head(0), lead_index),
            Doings.of(by, moments_of(replies["occurred_at"])),
            replied_on,
        )

    def replied(self, lead: Positions, day: Days, since: Moments) -> npt.NDArray[np.bool_]:
        """Whether somebody of each lead's company replied from `since` to the end of the day."""
        if not len(self.companies):
            return np.zeros(len(lead), dtype=bool)
        company = self.company.at(lead, day, ["company"])["company"].fillna(-1).to_numpy("int64")
        counts = self.replies.count(np.maximum(company, 0), since, end_of(day))
        return (company >= 0) & (counts > 0)

    def days(self) -> Iterator[Positions]:
        """Keys of leads and days on which the answer could change."""
        if not len(self.companies):
            return
        company = self.company.rows["company"].to_numpy("int64")
        moved = self.company.keys[company >= 0]
        yield moved
        theirs = pd.DataFrame({"lead": moved // DAYS_PER_LEAD, "company": company[company >= 0]})
        met = theirs.drop_duplicates().merge(self.replied_on, on="company")
        yield keys_of(met["lead"].to_numpy(), days_of(met["day"]))


def days_to_ask(
    conditions: Sequence[StepCondition],
    events: pd.DataFrame,
    scores: pd.DataFrame,
    tiers: pd.DataFrame,
    leads: pd.DataFrame,
    lead_index: pd.Index[Any],
) -> Iterator[Positions]:
    """Keys of leads and days on which the answer to any of the conditions could change."""
    leaves = list(leaves_of(conditions))
    for leaf in leaves:
        if isinstance(leaf, BehaviourTest):
            did = events.loc[events["behaviour"].isin(leaf.behaviours)]
            at = moments_of(did["occurred_at"])
            lead = positions(lead_index, did["lead_id"])
            yield _known(lead, at.astype("datetime64[D]"))
            if leaf.within_days is not None:
                # An event falls out of the days that are counted, and a `never` begins to hold.
                yield _known(lead, (at + np.timedelta64(leaf.within_days, "D")).astype("datetime64[D]"))
    fields = fields_asked(conditions)
    if TIER_FIELD in fields:
        yield _known(positions(lead_index, tiers["lead_id"]), days_of(tiers["day"]))
    for rows in (scores, leads):
        if set(fields) & (set(rows.columns) - {"day", "lead_id"}):
            yield _known(positions(lead_index, rows["lead_id"]), days_of(rows["day"]))


def _known(lead: Positions, day: Days) -> Positions:
    return keys_of(lead[lead >= 0], day[lead >= 0])
