"""The checks of every derived table, generated from the schema.

What belongs here: what must hold of any table because of how it is declared. What does not: whether a score
or a tier is right: that is each stage's own business, tested with it.

The database enforces most of this already. A check says so where people look, and finds a table that was
altered by hand. Each stage has one step for all of its checks, and each table is read once, only the days of
the run.

A table has one verdict on all of its rows, whose metadata name each rule that is broken: every verdict costs a run
several events, and a verdict for each rule would cost a small day more than computing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

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

ROWS_SOUND = "rows_sound"
EARLIER_DAYS_CURRENT = "earlier_days_current"
NOTHING_LOST = "nothing_lost"
LATEST_DAY_PRESENT = "latest_day_present"

DESCRIPTIONS = {
    ROWS_SOUND: (
        "No primary key occurs twice, columns that must be known are known, ranges and lists of allowed values are "
        "kept, and every row names the campaign version that its partition was recorded with."
    ),
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
    specs_of_checks = {spec.key: spec for spec in check_specs(tables)}

    def check(
        context: dg.AssetCheckExecutionContext, store: StoreResource
    ) -> Iterator[dg.Output[None] | dg.AssetCheckEvaluation]:
        partitions = PartitionRange.of(context)
        with store.engine.connect() as connection:
            checked = {
                table.name: checked_materialization(context.instance, table, partitions) for table in tables
            }
            for verdict in check_stage(connection, tables, upstream, partitions):
                table = str(verdict.asset_key.path[-1]) if verdict.asset_key else ""
                spec = specs_of_checks[dg.AssetCheckKey(dg.AssetKey(table), str(verdict.check_name))]
                yield dg.Output(None, output_name=spec.get_python_identifier())
                yield evaluation_of(verdict, spec, checked[table])

    check.__name__ = f"{stage}_checks"
    return dg.multi_asset_check(
        name=f"{stage}_checks", specs=list(specs_of_checks.values()), can_subset=False
    )(with_plain_failures(check))


def check_stage(
    connection: Connection, tables: Sequence[Table], upstream: Sequence[Table], partitions: PartitionRange
) -> Iterator[dg.AssetCheckResult]:
    """The verdicts of `check_specs`."""
    for table in tables:
        yield check_rows(connection, table, partitions)
    yield check_earlier_days(connection, tables, upstream, partitions)
    if schema.harvested_leads in tables:
        yield check_nothing_lost(connection, partitions)
    if schema.owner_decisions in tables:
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


def check_specs(tables: Sequence[Table]) -> list[dg.AssetCheckSpec]:
    """What is checked of the tables of a stage: each table's rows, and of all together whether they had what they
    build on.
    """
    specs = [
        dg.AssetCheckSpec(ROWS_SOUND, asset=table.name, description=DESCRIPTIONS[ROWS_SOUND], blocking=True)
        for table in tables
    ]
    specs.append(
        dg.AssetCheckSpec(
            EARLIER_DAYS_CURRENT,
            asset=first_of_chain(tables).name,
            description=DESCRIPTIONS[EARLIER_DAYS_CURRENT],
            blocking=False,
        )
    )
    if schema.harvested_leads in tables:
        specs.append(
            dg.AssetCheckSpec(
                NOTHING_LOST,
                asset=schema.harvested_leads.name,
                description=DESCRIPTIONS[NOTHING_LOST],
                blocking=True,
            )
        )
    if schema.owner_decisions in tables:
        specs += [
            dg.AssetCheckSpec(
                name,
                asset=schema.owner_decisions.name,
                description=description,
                blocking=owner_checks.BLOCKING[name],
            )
            for name, description in owner_checks.DESCRIPTIONS.items()
        ]
    return specs


def first_of_chain(tables: Sequence[Table]) -> Table:
    """The table of a stage that the others follow: it carries what is checked of all together."""
    return min(tables, key=schema.DERIVED_TABLES.index)


def check_rows(connection: Connection, table: Table, partitions: PartitionRange) -> dg.AssetCheckResult:
    """Counts what breaks each rule, in one pass over the days of the run, and one over its keys."""
    rules: dict[str, ColumnElement[bool] | TextClause] = {**not_null_rules(table), **allowed_rules(table)}
    labelled = [func.count().filter(broken).label(rule) for rule, broken in rules.items()]
    counts = (
        connection.execute(
            select(func.count().label("number of rows"), *labelled)
            .select_from(table)
            .where(within_run(table, partitions))
        )
        .mappings()
        .one()
    )
    broken = {
        "primary key": repeated_keys(connection, table, partitions),
        **{rule: counts[rule] for rule in rules},
        "campaign version as recorded": other_versions(connection, table, partitions),
    }
    found = {f"broken/{rule}": count for rule, count in broken.items() if count}
    return dg.AssetCheckResult(
        passed=not found,
        asset_key=table.name,
        check_name=ROWS_SOUND,
        metadata={"rows": counts["number of rows"]} | found,
    )


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
    connection: Connection, tables: Sequence[Table], upstream: Sequence[Table], partitions: PartitionRange
) -> dg.AssetCheckResult:
    """Warns of days before the run that are missing or outdated; the run computed with what there was.

    Of several tables the one that is furthest behind counts.
    """
    behind = [
        days_behind(connection, table, upstream, partitions.campaign, partitions.first_day)
        for table in tables
    ]
    missing, outdated = (
        max(each.missing for each in behind),
        max(each.outdated for each in behind),
    )
    return dg.AssetCheckResult(
        passed=not (missing or outdated),
        severity=dg.AssetCheckSeverity.WARN,
        asset_key=first_of_chain(tables).name,
        check_name=EARLIER_DAYS_CURRENT,
        metadata={
            "missing_days": missing,
            "outdated_days": outdated,
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


def _count(connection: Connection, table: Table, partitions: PartitionRange) -> int:
    return (
        connection.scalar(select(func.count()).select_from(table).where(within_run(table, partitions))) or 0
    )
