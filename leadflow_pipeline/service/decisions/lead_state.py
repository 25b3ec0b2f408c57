"""Leads as they stand at this moment: what a decision about their owner rests on. A door that only reads.

What belongs here: one statement for many leads, over the newest row of each stage. What does not: any rule.

A derived table is keyed by campaign, day and lead, and the newest row is found by going back from the latest day: a
lead that somebody waits for is young, so that is one step or few.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.sql.elements import TextClause

from leadflow_pipeline.delivery.claiming import Handoff, as_handoff
from leadflow_pipeline.lead_fields import CUSTOM
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.store.schema import Timestamp, enriched_leads
from leadflow_pipeline.store.together import Sent

STAGES = {
    "scored": (
        "scored_leads",
        ("day", "score", "conversion_probability", "model_version", "campaign_version"),
    ),
    "qualified": ("qualified_leads", ("day", "status", "icp_fit", "reasons")),
    "routed": ("routed_leads", ("day", "status", "tier", "sequence", "routing_number", "reasoning")),
    "planned": ("owner_decisions", ("day", "status", "owner", "assignment_number")),
}
"""Of each stage the columns that are read."""


@dataclass(frozen=True)
class LeadState:
    """One lead: the newest row of each stage, None where there is none."""

    lead_id: str
    fields: dict[str, Any]
    """Of the enriched lead, `custom.<name>` among them; empty for one that is not enriched yet."""
    is_enriched: bool
    scored: dict[str, Any] | None
    qualified: dict[str, Any] | None
    routed: dict[str, Any] | None
    planned: dict[str, Any] | None
    ended: str | None = None
    """Won or lost."""
    overrides: dict[str, str] = field(default_factory=dict)
    """What people decided and still stands, by what it is about."""
    history: list[Handoff] = field(default_factory=list)
    """Everybody who has had it, the present owner last."""
    is_news: bool = False
    """Whether it was told of on a day that no run has computed."""

    def as_told(self, newcomer: LeadState | None) -> LeadState:
        """The lead with what was told of it now (`newcomers`), where no run has computed that."""
        if newcomer is None or (self.is_enriched and not newcomer.is_news):
            return self
        return replace(
            self,
            fields=newcomer.fields,
            is_enriched=True,
            scored=newcomer.scored,
            qualified=newcomer.qualified,
        )


@dataclass(frozen=True)
class Reading:
    """The statement that reads leads with some fields; made once for a campaign's version."""

    statement: TextClause
    values: dict[str, str]
    """Names of the campaign's own fields, which are said to the database as values."""

    @classmethod
    def of(cls, fields: Sequence[str]) -> Reading:
        """With these fields of enriched leads."""
        distinct = list(dict.fromkeys(fields))
        parts = [f"'{name}', newest.{name}" for name in distinct if name in enriched_leads.c]
        values = {
            f"own_{number}": name.removeprefix(CUSTOM)
            for number, name in enumerate(distinct)
            if name.startswith(CUSTOM)
        }
        # As text and as it was written, whatever its type.
        parts += [
            f"'{CUSTOM}' || CAST(:{name} AS text), newest.custom ->> CAST(:{name} AS text)" for name in values
        ]
        wanted = [("enriched", "enriched_leads", ", ".join(parts))]
        wanted += [
            (name, table, ", ".join(f"'{column}', newest.{column}" for column in columns))
            for name, (table, columns) in STAGES.items()
        ]
        joins = " ".join(
            f"LEFT JOIN LATERAL (SELECT jsonb_build_object({objects}) AS {name} FROM leadflow.{table} AS newest "  # noqa: S608
            f"WHERE newest.campaign = :campaign AND newest.lead_id = asked.lead_id "
            f"ORDER BY newest.day DESC LIMIT 1) AS {name} ON true"
            for name, table, objects in wanted
        )
        names = ", ".join(name for name, _, _ in wanted)
        query = f"SELECT asked.lead_id, {names}, {FACTS} FROM unnest(:lead_ids) AS asked(lead_id) {joins}"  # noqa: S608 - names of our own
        return cls(
            text(query).bindparams(
                bindparam("lead_ids", type_=ARRAY(Text)),
                bindparam("now", type_=Timestamp),
                bindparam("campaign", type_=Text),
            ),
            values,
        )


FACTS = """
    (SELECT max(outcome) FROM leadflow.outcomes AS told
     WHERE told.campaign = :campaign AND told.lead_id = asked.lead_id
         AND outcome IN ('won', 'lost') AND occurred_at <= :now) AS ended,
    (SELECT jsonb_object_agg(field, said) FROM (
         SELECT DISTINCT ON (field) field, btrim(value) AS said FROM leadflow.overrides AS word
         WHERE word.campaign = :campaign AND word.lead_id = asked.lead_id
             AND field IN ('owner', 'tier', 'sequence') AND occurred_at <= :now
             AND (expires_at IS NULL OR expires_at > :now)
         ORDER BY field, occurred_at DESC, override_id DESC) AS words) AS overrides,
    (SELECT jsonb_agg(to_jsonb(given) ORDER BY assignment_number) FROM leadflow.handoffs AS given
     WHERE given.campaign = :campaign AND given.lead_id = asked.lead_id) AS history
"""
"""What is a fact about a lead, and not computed."""


def reading_leads(reading: Reading, campaign: str, lead_ids: Sequence[str], now: datetime) -> Sent:
    """What reads these leads as they stand; those of whom nothing is known too, without any row."""
    lead_ids = list(dict.fromkeys(lead_ids))
    return reading.statement, {"campaign": campaign, "lead_ids": lead_ids, "now": now, **reading.values}


def leads_of(rows: Iterable[Sequence[Any]]) -> dict[str, LeadState]:
    """The leads that were read."""
    return {
        lead_id: LeadState(
            lead_id,
            enriched or {},
            enriched is not None,
            scored,
            qualified,
            routed,
            planned,
            ended,
            {name: said for name, said in (words or {}).items() if said.lower() != LIFTED},
            [_handoff(each) for each in history or ()],
        )
        for lead_id, enriched, scored, qualified, routed, planned, ended, words, history in rows
    }


def _handoff(row: dict[str, Any]) -> Handoff:
    moments = {
        name: datetime.fromisoformat(row[name]) if row[name] else None
        for name in ("decided_at", "first_touch_due_at")
    }
    return as_handoff({**row, **moments, "decision_day": date.fromisoformat(row["decision_day"])})
