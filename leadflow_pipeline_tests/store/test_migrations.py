"""Migrations: they end at the schema the code declares, from every earlier revision, with rows in place."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event, inspect, make_url, text

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store import migrate
from leadflow_pipeline.store.schema import SCHEMA, metadata

ROWS = {
    "0001": """ INSERT INTO leadflow.campaigns (campaign, status, current_version) VALUES ('spring-sale',
    'active', 1); INSERT INTO leadflow.campaign_versions (campaign, version, source_text, content_key) VALUES
    ('spring-sale', 1, '', 'k'); INSERT INTO leadflow.source_records (campaign, source, content_key,
    occurred_at, origin, row_number, payload) VALUES ('spring-sale', 'fair', 'k', '2026-05-01', 'a.csv', 1,
    '{}'); INSERT INTO leadflow.qualified_leads (campaign, day, lead_id, source, icp_fit, score, status,
    reasons, is_override, campaign_version) VALUES ('spring-sale', '2026-05-01', 'a', 'fair', 0.5, 60,
    'QUALIFIED', '[]', false, 1); INSERT INTO leadflow.partition_lineage (table_name, campaign, day,
    campaign_version, rows, run_id) VALUES ('qualified_leads', 'spring-sale', '2026-05-01', 1, 1, 'run');
    """,
    "0002": """ INSERT INTO leadflow.campaigns (campaign, status, current_version) VALUES ('spring-sale',
    'active', 1); INSERT INTO leadflow.vendor_lookups (campaign, lead_id, provider, vendor, subject_key, question)
    VALUES ('spring-sale', 'a', 'apollo', 'apollo', 'k', '{}'); INSERT INTO leadflow.persons (person_id) VALUES ('p');
    INSERT INTO leadflow.person_leads (campaign, lead_id, person_id, match_probability, evidence) VALUES
    ('spring-sale', 'a', 'p', 1, '[]');
    """,
    "0003": """ INSERT INTO leadflow.campaigns (campaign, status, current_version) VALUES ('spring-sale',
    'active', 1); INSERT INTO leadflow.channel_spend (campaign, channel, day, origin, amount) VALUES
    ('spring-sale', 'ads', '2026-05-01', 'ad-costs', 12.5);
    """,
    "0004": """ INSERT INTO leadflow.campaigns (campaign, status, current_version) VALUES ('spring-sale',
    'active', 1); INSERT INTO leadflow.campaign_versions (campaign, version, source_text, content_key) VALUES
    ('spring-sale', 1, '', 'k'); INSERT INTO leadflow.scored_leads (campaign, day, lead_id, source, icp_fit,
    engagement, temperature, cools_on, score, score_breakdown, reasons, campaign_version) VALUES ('spring-sale',
    '2026-05-01', 'a', 'fair', 0.5, 60, 'hot', '2026-05-09', 60, '{}', '[]', 1);
    """,
    "0005": """ INSERT INTO leadflow.campaigns (campaign, status, current_version) VALUES ('spring-sale',
    'active', 1); INSERT INTO leadflow.conversion_models (campaign, model_version, as_of, campaign_version, kind,
    is_pooled, examples, wins, first_day, last_day, artifact, card) VALUES ('spring-sale', 'v', '2026-05-01', 1,
    'logistic', false, 400, 100, '2026-01-01', '2026-02-01', '{}', '{}'); INSERT INTO leadflow.model_promotions
    (campaign, model_version, from_day, actor, reason) VALUES ('spring-sale', 'v', '2026-05-01', 'schedule', 'better');
    INSERT INTO leadflow.channel_credits (campaign, from_day, channel, leads, conversions) VALUES ('spring-sale',
    '2026-05-01', 'ads', 10, 2.5);
    """,
    "0006": """ INSERT INTO leadflow.campaigns (campaign, status, current_version) VALUES ('spring-sale',
    'active', 1); INSERT INTO leadflow.reps (rep, from_day, document, content_key, actor) VALUES ('ada', '2026-05-01',
    '{}', 'k', 'import'); INSERT INTO leadflow.handoffs (campaign, lead_id, assignment_number, rep, decision_day,
    origin, reason) VALUES ('spring-sale', 'a', 1, 'ada', '2026-05-01', 'pipeline', 'as planned'); INSERT INTO
    leadflow.experiment_states (campaign, experiment, state, from_day, actor, reason) VALUES ('spring-sale',
    'weights', 'running', '2026-05-01', 'ada', 'begins');
    """,
    "0007": """ INSERT INTO leadflow.campaigns (campaign, status, current_version) VALUES ('spring-sale',
    'active', 1); INSERT INTO leadflow.similar_account_builds (campaign, day, campaign_version, accounts,
    ended, model, model_key) VALUES ('spring-sale', '2026-05-01', 1, 1, 0, '', 'k'); INSERT INTO
    leadflow.similar_accounts (build_id, account_number, name, domain, leads, outcome) VALUES (1, 0, 'Firma',
    'firma.example', 1, 'open');
    INSERT INTO leadflow.similar_account_vectors (build_id, is_open, cell, account_number, embedding) VALUES (1,
    true, 0, 0, array_fill(0.5, ARRAY[128])::vector);
    INSERT INTO leadflow.nurtured_leads (campaign, day, lead_id, enrolment_id, sequence, state, enrolled_at,
    steps_total, steps_planned, reasons, campaign_version) SELECT 'spring-sale', '2026-05-01', state || planned, 'e',
    's', state, '2026-05-01', 3, planned, '[]', 1 FROM unnest(ARRAY['TOUCH_DUE', 'STOPPED', 'COMPLETED']) AS state,
    generate_series(2, 3) AS planned;
    """,
    "0008": """ INSERT INTO leadflow.suppressions (scope, subject, reason, origin) VALUES ('all', '', 'by hand', 'ada');
    INSERT INTO leadflow.consents (recipient_key, is_given, source, occurred_at, origin) VALUES ('k', true, 'a fair',
    '2026-05-01', 'import'); INSERT INTO leadflow.sending_stops (sender_domain, reason) VALUES ('leads.example',
    'complaints'); INSERT INTO leadflow.provider_events (provider, event_id, kind, occurred_at) VALUES ('generic', 'e1',
    'delivered', '2026-05-01'); INSERT INTO leadflow.inbound_mails (mailbox, mail_key, kind, received_at, verdict)
    VALUES ('inbox', 'k', 'other', '2026-05-01', '{}');
    """,
    "0009": """ INSERT INTO leadflow.api_tokens (token_id, name, secret_key, scope, requests_a_minute) VALUES ('t', 'c',
    'k', 'read', 600); INSERT INTO leadflow.webhook_endpoints (endpoint_id, url, events) VALUES ('e',
    'https://crm.example/hook', ARRAY['lead.routed']); INSERT INTO leadflow.run_launches (ticket, request_key, wanted)
    VALUES ('t', 'k', '{}'); INSERT INTO leadflow.alerts (condition, subject, last_seen_at,
    sentence, remedy) VALUES ('outbox', '', '2026-05-01', 'late', 'look');
    """,
}
"""Revision -> statements that put rows into that revision's tables."""


@pytest.fixture
def bare(server_url: str, database_names: Iterator[str]) -> Iterator[Engine]:
    """A database without any of our tables."""
    server = create_engine(server_url, isolation_level="AUTOCOMMIT")
    name = next(database_names)
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = create_engine(make_url(server_url).set(database=name))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def differences(engine: Engine) -> list[object]:
    """What the database has and the declared schema has not, or the other way round."""
    options = {
        "include_schemas": True,
        "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
        "version_table_schema": SCHEMA,
    }
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def checks(engine: Engine) -> set[str]:
    """CHECK constraints as the database words them, which Alembic does not compare."""
    with engine.connect() as connection:
        return set(
            connection.scalars(
                text(
                    "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) "
                    "FROM pg_constraint WHERE connamespace = to_regnamespace('leadflow')"
                )
            )
        )


def test_the_revisions_end_at_the_declared_schema(engine, bare):
    assert differences(engine) == []
    with bare.begin() as connection:
        connection.execute(text("CREATE SCHEMA leadflow"))
        metadata.create_all(connection)
    assert {check for check in checks(engine) if "alembic_version" not in check} == checks(bare)


@pytest.mark.parametrize("revision", migrate.revisions())
def test_up_from_every_revision_with_rows_in_place(bare, revision):
    migrate.upgrade(bare, revision)
    with bare.begin() as connection:
        connection.execute(text(ROWS[revision]))
    before = counts(bare)
    migrate.upgrade(bare)
    migrate.check(bare)
    assert differences(bare) == []
    assert before.items() <= counts(bare).items()


def test_a_passage_that_had_begun_knows_its_next_step(bare):
    migrate.upgrade(bare, "0007")
    with bare.begin() as connection:
        connection.execute(text(ROWS["0007"]))
    migrate.upgrade(bare)
    with bare.connect() as connection:
        known = connection.execute(
            text("SELECT lead_id, next_step FROM leadflow.nurtured_leads WHERE next_step IS NOT NULL")
        )
        assert dict(known.tuples().all()) == {"TOUCH_DUE2": 3, "STOPPED2": 3}


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM leadflow.{name}")).scalar_one()
            for name in inspect(engine).get_table_names(SCHEMA)
        }


MODEST = """DO $$ BEGIN CREATE ROLE modest; EXCEPTION WHEN duplicate_object THEN NULL; END $$"""


def test_without_the_right_to_add_pgvector_the_remedy_is_named(bare):
    migrate.upgrade(bare, "0006")
    with bare.begin() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        for grant in (f"DATABASE {name}", "SCHEMA leadflow", "ALL TABLES IN SCHEMA leadflow"):
            connection.execute(text(f"{MODEST}; GRANT ALL ON {grant} TO modest"))

    def become_modest(connection, _):
        connection.execute("SET ROLE modest")
        connection.commit()

    event.listen(bare, "connect", become_modest)
    bare.dispose()
    try:
        with pytest.raises(
            PermanentError, match=f"only a superuser may add pgvector to the database {name}: have"
        ):
            migrate.upgrade(bare)
    finally:
        event.remove(bare, "connect", become_modest)
        bare.dispose()
        with bare.begin() as connection:
            connection.execute(text("DROP OWNED BY modest; DROP ROLE modest"))


def test_pgvector_in_a_schema_of_its_own_is_named_with_the_remedy(bare):
    with bare.begin() as connection:
        connection.execute(text("CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions"))
    with pytest.raises(PermanentError, match="ALTER EXTENSION vector SET SCHEMA public"):
        migrate.upgrade(bare)


def test_two_processes_may_migrate_at_once(bare):
    threads = [threading.Thread(target=migrate.upgrade, args=(bare,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    migrate.check(bare)


def test_a_database_that_is_behind_or_ahead_is_named_with_the_remedy(bare):
    with pytest.raises(PermanentError, match="run leadflow db migrate"):
        migrate.check(bare)
    migrate.upgrade(bare)
    with bare.begin() as connection:
        connection.execute(text("UPDATE leadflow.alembic_version SET version_num = '9999'"))
    with pytest.raises(PermanentError, match="newer than this version"):
        migrate.check(bare)
