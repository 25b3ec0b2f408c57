"""Past days of a campaign computed under other rules or by another model, in memory: score, qualify, route.

What belongs here: running the stages' own steps one after the other on what is stored, and reading what is stored
to compare with. What does not: any rule (the stages), counting what differs (`what_if`). A door to the database that
only reads: no version is registered, no partition and no lineage is written.

The days are computed as one range, as a backfill would: what carries over (temperatures, who was routed, who waits)
comes from the stored days before the range and from the replay itself within it. The leads are those stored as
enriched, so rules of the stages before the score do not take part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Engine, Table, func, select

from leadflow_pipeline.campaign import Campaign, Difference, differences
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.what_if import state_of
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.qualify.assets import qualify_days
from leadflow_pipeline.route.assets import route_days
from leadflow_pipeline.route.owners.trial import Trial
from leadflow_pipeline.score.days import due_leads, score_days
from leadflow_pipeline.score.model_registry import NO_MODEL, full_version, registered
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform, sorted_by_key
from leadflow_pipeline.store.partitions import latest_before, read_partitions

NO_VERSION = 0
"""In the place of a campaign version: these rules have none."""

UPSTREAM_SECTIONS = ("sources", "identity", "enrichment")
STATE: dict[Table, list[str]] = {
    schema.scored_leads: ["lead_id", "day", "score", "temperature"],
    schema.qualified_leads: ["lead_id", "day", "status"],
    schema.routed_leads: ["lead_id", "day", "status", "tier", "sequence", "owner"],
}


@dataclass(frozen=True)
class Replay:
    """The rows that a backfill under these rules would store, by table."""

    partitions: PartitionRange
    rows: dict[str, pd.DataFrame]
    owners: pd.DataFrame | None
    """What the owners of each day came to (`route.owners.summary`); None where the rules give no owners."""


def replay(
    engine: Engine,
    partitions: PartitionRange,
    rules: Campaign,
    model: str | None = None,
    trial: Trial | None = None,
) -> Replay:
    """Computes the days under `rules`, each table's rows by primary key; `campaign_version` is 0.

    The days are scored with the models that were champion on them, unless `model` names one, or `none`. Their owners
    are planned with the reps and by the hand-overs there were, unless `trial` supposes others.
    """

    def as_stored(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
        rows = conform(frame, table, campaign=partitions.campaign, campaign_version=NO_VERSION)
        return sorted_by_key(rows, table)

    enriched = read_partitions(engine, schema.enriched_leads, partitions.campaign, partitions.days)
    due = due_leads(engine, partitions, enriched, rules.scoring, with_opinions=rules.opinion is not None)
    scored = as_stored(score_days(engine, partitions, due, rules, model), schema.scored_leads)
    qualified = as_stored(qualify_days(engine, partitions, scored, rules), schema.qualified_leads)
    routed = route_days(engine, partitions, qualified, rules, trial, scored)
    return Replay(
        partitions,
        {
            schema.scored_leads.name: scored,
            schema.qualified_leads.name: qualified,
            **{
                table.name: as_stored(frame, table)
                for table, frame in (
                    (schema.routed_leads, routed.leads),
                    (schema.experiment_arms, routed.arms),
                    (schema.experiment_exposures, routed.exposures),
                    (schema.owner_decisions, routed.decisions),
                    (schema.rep_days, routed.rep_days),
                )
            },
        },
        routed.owners_summary,
    )


def stored_state(engine: Engine, partitions: PartitionRange) -> pd.DataFrame:
    """Where each lead stands at the end of the range, as stored."""
    before = partitions.last_day + timedelta(days=1)
    return _state(
        {
            table: latest_before(engine, table, partitions.campaign, before, columns=columns)
            for table, columns in STATE.items()
        }
    )


def replayed_state(engine: Engine, replayed: Replay) -> pd.DataFrame:
    """Where each lead stands at the end of the range after the replay: a lead without news in it stands as before."""
    return _state(
        {table: latest_replayed(engine, replayed, table, columns) for table, columns in STATE.items()}
    )


def latest_replayed(engine: Engine, replayed: Replay, table: Table, columns: Sequence[str]) -> pd.DataFrame:
    """Each lead's latest row after the replay, of the replay or of a stored day before it; with `lead_id`, `day`."""
    partitions = replayed.partitions
    before = latest_before(engine, table, partitions.campaign, partitions.first_day, columns=columns)
    return (
        pd.concat([before, replayed.rows[table.name][list(columns)]], ignore_index=True)
        .sort_values("day", kind="stable")
        .drop_duplicates("lead_id", keep="last")
    )


def replayable_days(engine: Engine, campaign: str, first: date | None, last: date | None) -> PartitionRange:
    """The computed days from `first` to `last`; all of them where these are not given.

    Raises PermanentError where nothing has been computed, and for days outside what has.
    """
    lineage = schema.partition_lineage
    query = select(func.min(lineage.c.day), func.max(lineage.c.day)).where(
        lineage.c.campaign == campaign, lineage.c.table_name == schema.routed_leads.name
    )
    with engine.connect() as connection:
        earliest, latest = connection.execute(query).one()
    if earliest is None:
        raise PermanentError(
            f"no day of {campaign} has been computed, so there is none to replay: leadflow materialize {campaign}"
        )
    first, last = first or earliest, last or latest
    if first > last:
        raise PermanentError(f"--from {first} is after --to {last}: exchange them")
    if first < earliest or last > latest:
        raise PermanentError(
            f"the computed days of {campaign} are {earliest} to {latest}: choose --from and --to among them"
        )
    return PartitionRange(campaign, days_between(first, last))


def days_of_other_versions(engine: Engine, partitions: PartitionRange, version: int) -> int:
    """How many of the days were scored under another version than this: a backfill would change them as it is."""
    lineage = schema.partition_lineage
    query = select(func.count()).where(
        lineage.c.campaign == partitions.campaign,
        lineage.c.table_name == schema.scored_leads.name,
        lineage.c.day.between(partitions.first_day, partitions.last_day),
        lineage.c.campaign_version != version,
    )
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def knows_later_days(engine: Engine, partitions: PartitionRange, model: str | None) -> date | None:
    """The day before which a model that is tried knows all facts, where that is after the first of the days."""
    if model in (None, NO_MODEL):
        return None
    version = full_version(engine, partitions.campaign, str(model))
    known = {each.model_version: each.as_of for each in registered(engine, partitions.campaign)}
    return known[version] if known[version] > partitions.first_day else None


def changes_before_the_score(old: Campaign, new: Campaign) -> tuple[Difference, ...]:
    """What two campaigns say differently about the stages before the score, which a replay does not repeat."""
    # The channel of a source is read by the score itself.
    return tuple(
        difference
        for difference in differences(old, new)
        if difference.path.startswith(UPSTREAM_SECTIONS) and not difference.path.endswith(".channel")
    )


def _state(rows: dict[Table, pd.DataFrame]) -> pd.DataFrame:
    return state_of(rows[schema.scored_leads], rows[schema.qualified_leads], rows[schema.routed_leads])
