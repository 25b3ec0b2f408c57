"""The way to the database: any form of its address, and errors that keep quiet about rows."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import DataError, IntegrityError

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.engine import PATIENCE, dagster_database_url, engine_for, normalise_url
from leadflow_pipeline.store.schema import suppressions


@pytest.mark.parametrize("driver", ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg"])
def test_any_form_of_the_address_becomes_psycopg(driver):
    url = normalise_url(f"{driver}://ann:p%40ss@db.example:6543/leads?sslmode=require")
    assert url.render_as_string(hide_password=False) == (
        "postgresql+psycopg://ann:p%40ss@db.example:6543/leads?sslmode=require"
    )


@pytest.mark.parametrize("address", ["mysql://db.example/leads", "sqlite:///leads.db", "secret"])
def test_another_database_is_refused_without_repeating_the_address(address):
    with pytest.raises(PermanentError) as refusal:
        normalise_url(address)
    assert "secret" not in str(refusal.value)


def test_dagster_keeps_its_tables_in_public(engine):
    dagster = create_engine(dagster_database_url())
    with dagster.connect() as connection:
        assert connection.execute(text("SELECT current_schema()")).scalar_one() == "public"
    dagster.dispose()


def test_errors_name_the_constraint_and_not_the_row(engine):
    row = {"scope": "domain", "subject": "canary.example", "reason": "asked"}
    with engine.begin() as connection:
        connection.execute(insert(suppressions), row)
    with engine.connect() as connection, pytest.raises(IntegrityError, match="suppressions_") as refusal:
        connection.execute(insert(suppressions), row)
    assert "canary" not in str(refusal.value) + str(refusal.value.orig)
    with engine.connect() as connection, pytest.raises(DataError) as refusal:
        connection.execute(text("SELECT 'canary'::integer"))
    assert "canary" not in str(refusal.value).partition("[SQL")[0] + str(refusal.value.orig)


def test_days_are_utc_days(engine):
    with engine.connect() as connection:
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"


def test_nobody_waits_for_a_server_that_vanished_longer_than_the_address_says(database_url):
    def limits(url):
        engine = engine_for(url)
        with engine.connect() as connection:
            told = connection.connection.driver_connection.info.get_parameters()
        engine.dispose()
        return {name: int(told[name]) for name in PATIENCE}

    assert limits(database_url) == PATIENCE
    assert limits(f"{database_url}&connect_timeout=3") == {**PATIENCE, "connect_timeout": 3}
