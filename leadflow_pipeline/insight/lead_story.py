"""One lead's story as of a day: what its score is made of, what became of it, and what changed since the last score.

What belongs here: putting the reasons of a change beside it, and all of it together. What does not: reading
(`story_history`, `story_causes`), printing (`cli.explain`), which lead is meant (`known_leads`), the arithmetic of
a change (`score.changes`). A door to the database that only reads. Nothing of a story names the person: ids, points,
counts, words of rules.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from leadflow_pipeline.campaign import Campaign, Difference, differences, load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.owner_story import tell_owners
from leadflow_pipeline.insight.story import Cause, Line, PastScore, Scored, SinceLast, Story
from leadflow_pipeline.insight.story_causes import causes_between, counted_in_words
from leadflow_pipeline.insight.story_history import (
    breakdowns_of,
    canonical_of,
    decisions_standing,
    elsewhere,
    judged_on,
    latest_scored_day,
    names_of,
    past_scores,
    records_of,
    routed_by,
)
from leadflow_pipeline.insight.timeline import tell_timeline
from leadflow_pipeline.insight.timeline_entry import Entry
from leadflow_pipeline.score.changes import (
    for_and_against,
    line_words,
    read_breakdown,
    said,
    total_of,
    what_changed,
)
from leadflow_pipeline.score.model_registry import scorer

MOST_LATEST = 6
"""Entries of the timeline that a story ends with."""

SCORED_BY = ("ideal_customer_profile", "scoring", "conversion", "sources", "opinion")
"""Sections of a campaign file that a score depends on."""


def tell_story(engine: Engine, campaign: str, lead_id: str, day: date | None = None) -> Story:
    """The story of a lead as of the end of `day`; of the latest day that was scored, where none is given.

    Raises PermanentError for a stored breakdown that does not sum to its score.
    """
    with engine.connect() as connection:
        as_of = day or latest_scored_day(connection, campaign) or date.max
        canonical = canonical_of(connection, campaign, lead_id, as_of)
        lead = canonical or lead_id
        history = past_scores(connection, campaign, lead, as_of)
        known_as = names_of(connection, campaign, lead, as_of)
        others = elsewhere(connection, campaign, lead)
        present = history[-1] if history else None
        last = history[-2] if len(history) > 1 else None
        breakdowns = {row.day: row for row in breakdowns_of(connection, campaign, lead, history[-2:])}
        judged = judged_on(connection, campaign, lead, present.day) if present else None
        routed = routed_by(connection, campaign, lead, as_of)
        by_hand = decisions_standing(connection, campaign, known_as, as_of, is_latest=day is None)
        records = records_of(connection, campaign, list(known_as), as_of)
        causes = (
            causes_between(connection, campaign, known_as, records, last.day, present.day)
            if present and last
            else ()
        )
    scored = since = None
    if present:
        rules = load(engine, campaign, present.campaign_version).rules
        words = line_words(rules.ideal_customer_profile, rules.scoring)
        scored = _scored(present, breakdowns[present.day], words)
        if last:
            since = _since(engine, campaign, (last, present), breakdowns, rules, words, causes)
    return Story(
        campaign=campaign,
        lead_id=lead,
        alias=lead_id if canonical else None,
        as_of=as_of,
        first_day=min((record.day for record in records), default=None),
        scored=scored,
        qualified=judged,
        routed=routed,
        by_hand=by_hand,
        owners=tell_owners(engine, campaign, lead, as_of),
        since_last=since,
        history=tuple(history),
        latest=_latest(engine, campaign, lead, day),
        aliases=len(known_as) - 1,
        other_campaigns=others[0],
        leads_in_other_campaigns=others[1],
    )


def _latest(engine: Engine, campaign: str, lead_id: str, day: date | None) -> tuple[Entry, ...]:
    until = datetime.combine(day + timedelta(days=1), time(), UTC) if day is not None else None
    entries = tell_timeline(engine, campaign, lead_id, until)
    return tuple(replace(entry, text=None) for entry in entries[-MOST_LATEST:])


def _scored(present: PastScore, row: Any, words: dict[str, str]) -> Scored:
    breakdown = read_breakdown(row.breakdown)
    score = _hundredths(present.score)
    if total_of(breakdown) != score:
        raise PermanentError(
            f"the breakdown of {present.day} sums to {total_of(breakdown)} and the score is {score}: "
            "compute that day again (leadflow materialize --stage score)"
        )
    lines = [Line(name, said(name, words), points) for name, points in breakdown.items()]
    speaks_for, against = for_and_against(json.loads(row.reasons))
    return Scored(
        day=present.day,
        score=score,
        icp_fit=present.icp_fit,
        engagement=present.engagement,
        temperature=present.temperature,
        conversion_probability=row.conversion_probability,
        campaign_version=present.campaign_version,
        model_version=present.model_version,
        lines=tuple(sorted(lines, key=lambda line: -line.points)),
        reasons_for=tuple(speaks_for),
        reasons_against=tuple(against),
    )


def _since(
    engine: Engine,
    campaign: str,
    scores: tuple[PastScore, PastScore],
    breakdowns: dict[date, Any],
    rules: Campaign,
    words: dict[str, str],
    causes: Sequence[Cause],
) -> SinceLast:
    last, present = scores
    told: list[Cause] = list(causes)
    changed_rules: tuple[Difference, ...] = ()
    if last.campaign_version != present.campaign_version:
        earlier = load(engine, campaign, last.campaign_version).rules
        words = line_words(earlier.ideal_customer_profile, earlier.scoring) | words
        changed_rules = tuple(
            difference for difference in differences(earlier, rules) if difference.path.startswith(SCORED_BY)
        )
        told.append(
            Cause(
                "version",
                f"scored under campaign version {present.campaign_version} instead of {last.campaign_version}",
            )
        )
    if last.model_version != present.model_version:
        told.append(
            Cause(
                "model",
                f"scored with {_model(present.model_version)} instead of {_model(last.model_version)}",
            )
        )
    told.append(Cause("time", f"{counted_in_words((present.day - last.day).days, 'day')} passed"))
    before, after = (read_breakdown(breakdowns[score.day].breakdown) for score in scores)
    return SinceLast(
        last.day, _hundredths(last.score), what_changed(before, after, words), tuple(told), changed_rules
    )


def _model(version: str | None) -> str:
    return scorer(version) if version is None else f"model {scorer(version)}"


def _hundredths(score: float) -> Decimal:
    return Decimal(str(round(score, 2)))
