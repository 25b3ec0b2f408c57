"""The checks of every derived table, generated from the schema.

What belongs here: what must hold of any table because of how it is declared. What does not: whether a score
or a tier is right: that is each stage's own business, tested with it.

The database enforces most of this already. A check says so where people look, and finds a table that was
altered by hand. Each stage has one step for all of its checks, and each table is read once, only the days of
the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as CheckedMaterialization,
)
from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Connection,
    Table,
    TextClause,
    and_,
    func,
    literal_column,
    select,
    text,
)

from leadflow_pipeline.partitions import PartitionRange, last_complete_day
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import owner_checks, schema
from leadflow_pipeline.store.due_days import LAST_TABLE, days_behind, due_days
from leadflow_pipeline.store.failures import plain_failures, with_plain_failures
from leadflow_pipeline.store.resource import TABLES, StoreResource

KEYS_UNIQUE = "keys_unique"
COLUMNS_NOT_NULL = "columns_not_null"
VALUES_ALLOWED = "values_allowed"
VERSION_AS_RECORDED = "campaign_version_as_recorded"
EARLIER_DAYS_CURRENT = "earlier_days_current"
NOTHING_LOST = "nothing_lost"
LATEST_DAY_PRESENT = "latest_day_present"

DESCRIPTIONS = {
    KEYS_UNIQUE: "No primary key occurs twice.",
    COLUMNS_NOT_NULL: "Columns that must be known are known.",
    VALUES_ALLOWED: "Ranges and lists of allowed values are kept.",
    VERSION_AS_RECORDED: "Every row names the campaign version that the partition was recorded with.",
    NOTHING_LOST: "Records in = records of leads + quarantined records.",
    EARLIER_DAYS_CURRENT: (
        "No earlier day is missing, or older than what it is made from. Days build on each other, "
        "so compute the earlier ones first: leadflow materialize CAMPAIGN --from DAY."
    ),
}


def stage_checks(assets: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """The checks of the tables that a stage makes, as one step after it.

    All but `earlier_days_current` block what comes after: a broken table must not be built upon.
    """
    specs = sorted(assets.specs, key=lambda spec: spec.key)
    tables = [TABLES[spec.key.path[-1]] for spec in specs]
    upstream = [TABLES[name] for name in sorted({dep.asset_key.path[-1] for s in specs for dep in s.deps})]
    stage = specs[0].group_name
    specs_of_checks = {spec.key: spec for table in tables for spec in check_specs(table)}

    def check(
        context: dg.AssetCheckExecutionContext, store: StoreResource
    ) -> Iterator[dg.Output[None] | dg.AssetCheckEvaluation]:
        partitions = PartitionRange.of(context)
        with store.engine.connect() as connection:
            for table in tables:
                checked = checked_materialization(context.instance, table, partitions)
                for verdict in check_table(connection, table, upstream, partitions):
                    spec = specs_of_checks[dg.AssetCheckKey(dg.AssetKey(table.name), str(verdict.check_name))]
                    yield dg.Output(None, output_name=spec.get_python_identifier())
                    yield evaluation_of(verdict, spec, checked)

    check.__name__ = f"{stage}_checks"
    return dg.multi_asset_check(
        name=f"{stage}_checks", specs=list(specs_of_checks.values()), can_subset=False
    )(with_plain_failures(check))


def check_table(
    connection: Connection, table: Table, upstream: Sequence[Table], partitions: PartitionRange
) -> Iterator[dg.AssetCheckResult]:
    """The verdicts of `check_specs`."""
    yield from check_rows(connection, table, partitions)
    yield check_earlier_days(connection, table, upstream, partitions)
    if table is schema.harvested_leads:
        yield check_nothing_lost(connection, partitions)
    if table is schema.owner_decisions:
        yield from owner_checks.check_owners(connection, partitions)


def checked_materialization(
    instance: dg.DagsterInstance, table: Table, partitions: PartitionRange
) -> CheckedMaterialization | None:
    """The latest materialization of the run's partitions."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey(table.name), asset_partitions=partitions.keys)
    for record in instance.fetch_materializations(wanted, limit=1).records:
        return CheckedMaterialization(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
    return None


def evaluation_of(
    verdict: dg.AssetCheckResult, spec: dg.AssetCheckSpec, checked: CheckedMaterialization | None
) -> dg.AssetCheckEvaluation:
    """What Dagster would make of the verdict.

    Made here, because Dagster looks for what was checked among every day of every campaign since the first,
    and lists all of them for each table: half of the time of a daily run with one campaign.
    """
    return dg.AssetCheckEvaluation(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=verdict.passed,
        metadata=verdict.metadata,
        target_materialization_data=checked,
        severity=verdict.severity,
        blocking=spec.blocking,
    )


def check_specs(table: Table) -> list[dg.AssetCheckSpec]:
    """What is checked of a table."""
    names = [KEYS_UNIQUE, COLUMNS_NOT_NULL, VALUES_ALLOWED, VERSION_AS_RECORDED, EARLIER_DAYS_CURRENT]
    if table is schema.harvested_leads:
        names.append(NOTHING_LOST)
    specs = [
        dg.AssetCheckSpec(
            name, asset=table.name, description=DESCRIPTIONS[name], blocking=name != EARLIER_DAYS_CURRENT
        )
        for name in names
    ]
    if table is schema.owner_decisions:
        specs += [
            dg.AssetCheckSpec(
                name, asset=table.name, description=description, blocking=owner_checks.BLOCKING[name]
            )
            for name, description in owner_checks.DESCRIPTIONS.items()
        ]
    return specs


def check_rows(
    connection: Connection, table: Table, partitions: PartitionRange
) -> Iterator[dg.AssetCheckResult]:
    """Counts what breaks each rule, in one pass over the days of the run, and one over its keys."""
    rules: dict[str, Mapping[str, ColumnElement[bool] | TextClause]] = {
        COLUMNS_NOT_NULL: not_null_rules(table),
        VALUES_ALLOWED: allowed_rules(table),
    }
    labelled = [
        func.count().filter(broken).label(rule) for group in rules.values() for rule, broken in group.items()
    ]
    counts = (
        connection.execute(
            select(func.count().label("rows"), *labelled)
            .select_from(table)
            .where(within_run(table, partitions))
        )
        .mappings()
        .one()
    )
    broken_by_check = {name: {rule: counts[rule] for rule in group} for name, group in rules.items()}
    broken_by_check[KEYS_UNIQUE] = {"primary key": repeated_keys(connection, table, partitions)}
    broken_by_check[VERSION_AS_RECORDED] = {"campaign_version": other_versions(connection, table, partitions)}
    for name, broken in broken_by_check.items():
        yield result(table, name, counts["rows"], {rule: count for rule, count in broken.items() if count})


def repeated_keys(connection: Connection, table: Table, partitions: PartitionRange) -> int:
    """How many primary keys occur more than once."""
    repeated = (
        select(literal_column("1"))
        .select_from(table)
        .where(within_run(table, partitions))
        .group_by(*table.primary_key)
        .having(func.count() > 1)
        .subquery()
    )
    return connection.scalar(select(func.count()).select_from(repeated)) or 0


def other_versions(connection: Connection, table: Table, partitions: PartitionRange) -> int:
    """How many rows name another campaign version than their partition was recorded with."""
    lineage = schema.partition_lineage
    is_of_partition = and_(
        lineage.c.table_name == table.name,
        lineage.c.campaign == table.c.campaign,
        lineage.c.day == table.c.day,
    )
    query = (
        select(func.count())
        .select_from(table)
        .outerjoin(lineage, is_of_partition)
        .where(
            within_run(table, partitions),
            table.c.campaign_version.is_distinct_from(lineage.c.campaign_version),
        )
    )
    return connection.scalar(query) or 0


def not_null_rules(table: Table) -> dict[str, ColumnElement[bool]]:
    """Column -> when a row breaks it, for each column that must be known."""
    return {column.name: column.is_(None) for column in table.columns if not column.nullable}


def allowed_rules(table: Table) -> dict[str, TextClause]:
    """CHECK constraint -> when a row breaks it. An unknown value breaks nothing, as in SQL."""
    return {
        str(constraint.name): text(f"NOT ({constraint.sqltext})")
        for constraint in sorted(table.constraints, key=lambda constraint: str(constraint.name))
        if isinstance(constraint, CheckConstraint)
    }


def check_nothing_lost(connection: Connection, partitions: PartitionRange) -> dg.AssetCheckResult:
    """Every record of the days is part of a lead or in quarantine."""
    harvested, quarantined = schema.harvested_leads, schema.quarantined_records
    records = _count(connection, schema.source_records, partitions)
    leads = (
        connection.scalar(select(func.sum(harvested.c.record_count)).where(within_run(harvested, partitions)))
        or 0
    )
    in_quarantine = _count(connection, quarantined, partitions)
    return dg.AssetCheckResult(
        passed=records == leads + in_quarantine,
        asset_key=harvested.name,
        check_name=NOTHING_LOST,
        metadata={
            "records": records,
            "records_of_leads": int(leads),
            "quarantined": in_quarantine,
            "days": len(partitions.days),
        },
    )


def check_earlier_days(
    connection: Connection, table: Table, upstream: Sequence[Table], partitions: PartitionRange
) -> dg.AssetCheckResult:
    """Warns of days before the run that are missing or outdated; the run computed with what there was."""
    behind = days_behind(connection, table, upstream, partitions.campaign, partitions.first_day)
    return dg.AssetCheckResult(
        passed=not (behind.missing or behind.outdated),
        severity=dg.AssetCheckSeverity.WARN,
        asset_key=table.name,
        check_name=EARLIER_DAYS_CURRENT,
        metadata={
            "missing_days": behind.missing,
            "outdated_days": behind.outdated,
            "before": partitions.first_day.isoformat(),
        },
    )


def latest_day_check() -> dg.AssetChecksDefinition:
    """Whether every active campaign has its latest complete day. About now, so it has a schedule of its own.

    An asset's freshness cannot tell: it is one for all partitions, and a backfill of an old day refreshes it.
    """

    @dg.asset_check(
        asset=LAST_TABLE.name,
        name=LATEST_DAY_PRESENT,
        description="Every active campaign has been computed up to yesterday (UTC).",
    )
    def latest_day_present(store: StoreResource) -> dg.AssetCheckResult:
        with plain_failures():
            late = due_days(store.engine, get_settings().first_day, last_complete_day(datetime.now(UTC)))
        return dg.AssetCheckResult(
            passed=not late, metadata={due.campaign: f"due since {due.first.isoformat()}" for due in late}
        )

    return latest_day_present


def within_run(table: Table, partitions: PartitionRange) -> ColumnElement[bool]:
    """The rows of the run's partitions."""
    return and_(
        table.c.campaign == partitions.campaign,
        table.c.day.between(partitions.first_day, partitions.last_day),
    )


def result(table: Table, check: str, rows: int, broken: dict[str, int]) -> dg.AssetCheckResult:
    """The verdict of one check, with the number of rows that break each rule."""
    metadata: dict[str, Any] = {"rows": rows} | {f"broken/{rule}": count for rule, count in broken.items()}
    return dg.AssetCheckResult(passed=not broken, asset_key=table.name, check_name=check, metadata=metadata)


def _count(connection: Connection, table: Table, partitions: PartitionRange) -> int:
    return (
        connection.scalar(select(func.count()).select_from(table).where(within_run(table, partitions))) or 0
    )
