"""Campaigns in the database: every change of a file is a new version, and old ones stay readable.

What belongs here: registering, loading, listing, and the present status. What does not: what the rules mean,
and Dagster's partitions.

Two things decide a campaign's status: its file and the commands pause, resume and archive. The later word
wins: a file decides when its `status` differs from that of the version before, so registering a file again
for another reason does not wake a paused campaign.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, Engine, Select, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from leadflow_pipeline.campaign.adding_experiments import with_experiment
from leadflow_pipeline.campaign.document import Document, read_document
from leadflow_pipeline.campaign.experiment_changes import check_changes
from leadflow_pipeline.campaign.model import Campaign
from leadflow_pipeline.campaign.parse import parse_campaign, parse_document
from leadflow_pipeline.campaign.problems import CampaignError, one_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.experiment_states import changes_in
from leadflow_pipeline.store.schema import CAMPAIGN_STATUSES, activity_log, campaign_versions, campaigns

if (
    TYPE_CHECKING
):  # Dagster takes seconds to import, which `leadflow campaign list` should not have to wait for
    from dagster import AssetCheckExecutionContext, AssetExecutionContext

MOST_READ_AT_ONCE = 200
"""Campaigns, whose names are in their files."""

VERSION_TAG = "leadflow/campaign_version"
"""Run tag by which a run names a version other than the latest."""


@dataclass(frozen=True)
class CampaignVersion:
    """One version of a campaign, and its rules."""

    campaign: str
    version: int
    rules: Campaign
    is_new: bool = False
    """Whether registering made it."""


@dataclass(frozen=True)
class CampaignSummary:
    """A campaign as it is now."""

    campaign: str
    name: str
    status: str
    version: int
    updated_at: datetime
    created_at: datetime


@dataclass(frozen=True)
class VersionSummary:
    """A version of a campaign, without what it says."""

    version: int
    created_at: datetime
    content_key: str


def register(engine: Engine, text: str, name: str, *, actor: str = "campaign file") -> CampaignVersion:
    """Makes a new version of the campaign in a YAML text, in a transaction of its own: see `register_in`."""
    with engine.begin() as connection:
        return register_in(connection, text, name, actor=actor)


def register_in(
    connection: Connection, text: str, name: str, *, actor: str = "campaign file"
) -> CampaignVersion:
    """Makes a new version of the campaign in a YAML text, unless the text says what the current version says.

    `name` is the file's, for messages. Two registrations at once give consecutive versions.
    Raises CampaignError.
    """
    document = read_document(text, name)
    rules = parse_document(document, name)
    slug, content_key = rules.campaign, document.content_key
    first = insert_or_ignore(campaigns).values(campaign=slug, status=rules.status, current_version=1)
    made = connection.execute(first.on_conflict_do_nothing().returning(campaigns.c.campaign))
    is_first = made.first() is not None
    present = connection.execute(_held(slug)).one()
    version = 1
    if not is_first:
        current = _version_row(connection, slug, present.current_version)
        if current.content_key == content_key:
            return CampaignVersion(slug, present.current_version, rules)
        version = present.current_version + 1
        _keep_experiments(connection, document, read_document(current.source_text, "earlier version"), name)
        if _status_in(current.source_text) != rules.status:
            _set_status(connection, slug, rules.status, actor)
    values = {"campaign": slug, "version": version, "source_text": text, "content_key": content_key}
    connection.execute(insert(campaign_versions).values(values))
    changed = {"current_version": version, "updated_at": func.now()}
    connection.execute(update(campaigns).where(campaigns.c.campaign == slug).values(changed))
    _log(connection, actor, "campaign.register", slug, {"version": version, "file": name})
    return CampaignVersion(slug, version, rules, is_new=True)


def add_experiment_in(
    connection: Connection, slug: str, declared: Mapping[str, Any], *, actor: str
) -> CampaignVersion:
    """Makes a new version of a campaign that declares one more experiment, and says all else as before.

    Two at once go one after the other. Raises CampaignError as `register` does, and PermanentError for an unknown
    campaign.
    """
    _present(connection, slug)
    present = connection.execute(_held(slug)).one()
    current = _version_row(connection, slug, present.current_version)
    return register_in(connection, with_experiment(current.source_text, declared), "the API", actor=actor)


def _held(slug: str) -> Select[Any]:
    """A campaign's row, which nobody else changes until the transaction ends."""
    return select(campaigns).where(campaigns.c.campaign == slug).with_for_update()


def _keep_experiments(connection: Connection, document: Document, old: Document, name: str) -> None:
    """Raises CampaignError where the document would change experiments that have begun."""
    changes = changes_in(connection, document.content["campaign"])
    problems = list(check_changes(document, old, changes)) if changes else []
    if problems:
        raise CampaignError(name, problems)


def load(engine: Engine, slug: str, version: int | None = None) -> CampaignVersion:
    """A version of a campaign; the current one where none is named.

    Raises PermanentError for a campaign or version that does not exist.
    """
    with engine.connect() as connection:
        number = version if version is not None else _present(connection, slug).current_version
        row = _version_row(connection, slug, number)
    return CampaignVersion(slug, number, _rules(slug, number, row.source_text))


def source_text(engine: Engine, slug: str, version: int | None = None) -> str:
    """The file of a version as it was given, comments included. Raises PermanentError as `load` does."""
    with engine.connect() as connection:
        number = version if version is not None else _present(connection, slug).current_version
        text: str = _version_row(connection, slug, number).source_text
    return text


def version_named_by(context: AssetExecutionContext | AssetCheckExecutionContext) -> int | None:
    """The version that a run names in its tag; None for the latest. Raises PermanentError for no number."""
    named = context.run.tags.get(VERSION_TAG)
    if named is None:
        return None
    if not named.isdecimal() or int(named) < 1:
        raise PermanentError(
            f"the run's tag {VERSION_TAG} is {named!r}; give it the number of a version, such as 3"
        )
    return int(named)


def active_campaigns(engine: Engine) -> tuple[str, ...]:
    """Slugs of the campaigns that are worked on, in alphabetical order."""
    query = select(campaigns.c.campaign).where(campaigns.c.status == "active").order_by(campaigns.c.campaign)
    with engine.connect() as connection:
        return tuple(connection.execute(query).scalars())


def campaign_status(engine: Engine, slug: str) -> str:
    """active, paused or archived. Raises PermanentError for an unknown campaign."""
    with engine.connect() as connection:
        status: str = _present(connection, slug).status
    return status


def list_campaigns(engine: Engine) -> tuple[CampaignSummary, ...]:
    """Every campaign as it is now, in alphabetical order."""
    with engine.connect() as connection:
        return tuple(_summary(row) for row in connection.execute(_summaries()))


def campaigns_after(
    connection: Connection,
    place: str | None,
    limit: int,
    *,
    only: Sequence[str] | None = None,
    status: str | None = None,
    text: str | None = None,
) -> list[CampaignSummary]:
    """The next campaigns in alphabetical order, behind `place`: `limit` of them, or fewer where there are no more.

    `only` of these; with this status; with this text in slug or name, whatever its case.
    """
    query = _summaries().limit(MOST_READ_AT_ONCE)
    if only is not None:
        query = query.where(campaigns.c.campaign.in_(only))
    if status is not None:
        query = query.where(campaigns.c.status == status)
    wanted, found = (text or "").casefold(), list[CampaignSummary]()
    while len(found) < limit:
        rows = connection.execute(query if place is None else query.where(campaigns.c.campaign > place)).all()
        summaries = map(_summary, rows)
        found += [each for each in summaries if wanted in f"{each.campaign} {each.name}".casefold()]
        if len(rows) < MOST_READ_AT_ONCE:
            break
        place = rows[-1].campaign
    return found[:limit]


def campaign_summary(connection: Connection, slug: str, *, to_change: bool = False) -> CampaignSummary | None:
    """A campaign as it is now; None where there is none. `to_change`: nobody else changes it until the end."""
    query = _summaries().where(campaigns.c.campaign == slug)
    row = connection.execute(query.with_for_update(of=campaigns) if to_change else query).one_or_none()
    return None if row is None else _summary(row)


def versions_of(connection: Connection, slug: str, before: int | None, limit: int) -> list[VersionSummary]:
    """A campaign's versions, the latest first."""
    columns = campaign_versions.c
    query = select(columns.version, columns.created_at, columns.content_key).where(columns.campaign == slug)
    if before is not None:
        query = query.where(columns.version < literal(before, BigInteger))  # any number that a cursor holds
    rows = connection.execute(query.order_by(columns.version.desc()).limit(limit))
    return [VersionSummary(row.version, row.created_at, row.content_key) for row in rows]


def _summaries() -> Select[Any]:
    is_current = (campaign_versions.c.campaign == campaigns.c.campaign) & (
        campaign_versions.c.version == campaigns.c.current_version
    )
    query = select(campaigns, campaign_versions.c.source_text).join(campaign_versions, is_current)
    return query.order_by(campaigns.c.campaign)


def _summary(row: Any) -> CampaignSummary:
    return CampaignSummary(
        row.campaign,
        _name_in(row.source_text),
        row.status,
        row.current_version,
        row.updated_at,
        row.created_at,
    )


def set_status(engine: Engine, slug: str, status: str, *, actor: str) -> bool:
    """Changes a campaign's status in a transaction of its own: see `set_status_in`."""
    with engine.begin() as connection:
        return set_status_in(connection, slug, status, actor=actor)


def set_status_in(connection: Connection, slug: str, status: str, *, actor: str) -> bool:
    """Pauses, resumes or archives a campaign; False where nothing changed. The activity log says who did it.

    Raises PermanentError for an unknown campaign or status.
    """
    if status not in CAMPAIGN_STATUSES:
        raise PermanentError(f"{status!r} is no status of a campaign; {one_of(CAMPAIGN_STATUSES)}")
    _present(connection, slug)
    return _set_status(connection, slug, status, actor)


def _set_status(connection: Connection, slug: str, status: str, actor: str) -> bool:
    change = update(campaigns).where(campaigns.c.campaign == slug, campaigns.c.status != status)
    changed = connection.execute(change.values(status=status, updated_at=func.now())).rowcount == 1
    if changed:
        _log(connection, actor, f"campaign.{status}", slug, {"status": status})
    return changed


def _log(connection: Connection, actor: str, action: str, slug: str, detail: dict[str, Any]) -> None:
    values = {"actor": actor, "action": action, "campaign": slug, "detail": detail}
    connection.execute(insert(activity_log).values(values))


def _present(connection: Connection, slug: str) -> Any:
    row = connection.execute(select(campaigns).where(campaigns.c.campaign == slug)).one_or_none()
    if row is None:
        known = (
            connection.execute(select(campaigns.c.campaign).order_by(campaigns.c.campaign)).scalars().all()
        )
        near = difflib.get_close_matches(slug, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else "register its file with `leadflow campaign add FILE`"
        raise PermanentError(f"there is no campaign {slug!r}; {remedy}")
    return row


def _version_row(connection: Connection, slug: str, version: int) -> Any:
    wanted = (campaign_versions.c.campaign == slug) & (campaign_versions.c.version == version)
    row = connection.execute(select(campaign_versions).where(wanted)).one_or_none()
    if row is None:
        latest = _present(connection, slug).current_version
        raise PermanentError(f"campaign {slug!r} has no version {version}; it has versions 1 to {latest}")
    return row


@lru_cache(maxsize=64)
def _rules(slug: str, version: int, text: str) -> Campaign:
    """The rules of a version. Part of the key is the text, so that databases in one process do not mix."""
    return parse_campaign(text, f"{slug} version {version}")


def _status_in(text: str) -> str:
    """The status that an earlier file gave, even if today's rules would refuse the file."""
    return str(read_document(text, "earlier version").content.get("status", "active"))


@lru_cache(maxsize=1024)
def _name_in(text: str) -> str:
    return str(read_document(text, "current version").content.get("name", ""))
