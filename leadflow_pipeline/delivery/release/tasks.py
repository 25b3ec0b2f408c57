"""Tasks: due steps that a person does, as messages to the owner of the lead.

What belongs here: whose task it is now, and the rows of the outbox. What does not: how owners are reached (`notices`),
and whether it may leave.

A task goes into the CRM where the campaign's hand-over has one, else to the owner by email or Slack. Where a lead has
no owner, or one who has left, whoever looks after the campaign gets it: a task is not lost because nobody has it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from jinja2 import TemplateError, UndefinedError
from sqlalchemy import Connection

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.delivery import notices
from leadflow_pipeline.delivery.brief import BriefFacts
from leadflow_pipeline.delivery.brief_facts import facts_of_leads
from leadflow_pipeline.delivery.claiming import handoffs_of_leads
from leadflow_pipeline.delivery.notice_words import SUBJECT_CHARACTERS, About, Notice
from leadflow_pipeline.delivery.present_reps import PresentRep, present_reps
from leadflow_pipeline.delivery.release.due import as_records
from leadflow_pipeline.delivery.rendering import RenderError, plain_template
from leadflow_pipeline.delivery.tokens import shorten, tokens_of
from leadflow_pipeline.nurture.steps import TaskStep


@dataclass(frozen=True)
class AboutTask(About):
    """One step of an enrolment. The hand-over of the same lead has messages and a reference of its own."""

    enrolment_id: str
    step: int

    @property
    def subject_key(self) -> str:
        """The enrolment, as of every other step."""
        return self.enrolment_id

    @property
    def reference(self) -> str:
        """What a vendor's search finds this one task by."""
        return hashlib.sha256(f"{self.enrolment_id}|{self.step}".encode()).hexdigest()[:12]


def task_rows(
    connection: Connection,
    touches: pd.DataFrame,
    leads: Sequence[Mapping[str, Any]],
    version: CampaignVersion,
    now: datetime,
    held: Counter[str],
) -> Iterator[list[dict[str, Any]]]:
    """The messages of each task; one that cannot be worded is held until its template is mended."""
    campaign = version.campaign
    owners = handoffs_of_leads(connection, [(campaign, lead_id) for lead_id in touches["lead_id"]])
    present = present_reps(connection, {handoffs[-1].rep for handoffs in owners.values()}, now)
    facts = facts_of_leads(connection.engine, version.rules, touches["lead_id"].tolist(), now)
    for touch, lead in zip(as_records(touches), leads, strict=True):
        lead_id, number = touch["lead_id"], touch["step"]
        step = version.rules.nurture.steps_of(touch["sequence"])[number - 1]
        handoffs = owners.get((campaign, lead_id), [])
        about = AboutTask(
            version,
            lead_id,
            handoffs[-1].assignment_number if handoffs else 0,
            touch["enrolment_id"],
            number,
        )
        try:
            notice = _notice(version, step, touch, lead)
        except RenderError as error:
            held[f"{touch['sequence']} {number}: {error}"] += 1
            continue
        owner = present.get(handoffs[-1].rep) if handoffs else None
        rows = _rows(about, notice, owner, facts.get(lead_id), now)
        moments = {name: touch[name] for name in ("planned_at", "not_after", "sequence")}
        yield [{**row, **moments, "next_attempt_at": touch["planned_at"]} for row in rows]


def _rows(
    about: About, notice: Notice, owner: PresentRep | None, facts: BriefFacts | None, now: datetime
) -> list[dict[str, Any]]:
    if owner is None or owner.rep.status == "left":
        return [notices.row_about_lead_to_operators(about, notice, now)]
    rows = notices.rows_to_rep(about, notice, owner.rep, now, facts=facts)
    return [row for row in rows if row["channel"] == "hubspot"] or rows


def _notice(
    version: CampaignVersion, step: TaskStep, touch: Mapping[str, Any], lead: Mapping[str, Any]
) -> Notice:
    tokens = tokens_of(version.rules, lead, "")
    title = " ".join(_filled(step.title, tokens).split()) or "Task"
    lines = [line.strip() for line in _filled(step.text, tokens).splitlines()]
    due_at = touch["planned_at"] + timedelta(hours=step.due_hours)
    return Notice(
        "task",
        touch["step"],
        shorten(title, SUBJECT_CHARACTERS),
        (*(line for line in lines if line), f"Due by {due_at:%Y-%m-%d %H:%M} UTC."),
        (),
        due_at,
    )


def _filled(source: str, tokens: Mapping[str, Any]) -> str:
    """A template with the lead's values. Raises RenderError, which names a token but no value."""
    try:
        return plain_template(source).render(tokens)
    except UndefinedError as error:
        raise RenderError(f"{error.message}: give the token a default in the template") from None
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RenderError(
            f"the template fails for this lead ({type(error).__name__}): mend the template"
        ) from None
