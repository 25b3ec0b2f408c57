"""What is broken is found, counted and given a remedy; and `leadflow db` says so."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from leadflow_pipeline.cli.database import app
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.consistency import findings
from leadflow_pipeline.store.migrate import revisions
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import qualified_leads
from leadflow_pipeline_tests.store.test_partitions import DAYS, decisions


def db(*arguments: str) -> object:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def filled(engine, campaign):
    campaign(versions=2)
    frame = decisions(("a", 1, "PENDING"), ("b", 2, "PENDING"))
    replace_partitions(engine, qualified_leads, "spring-sale", DAYS, frame, campaign_version=1, run_id="run")
    return engine


def test_a_sound_store_has_no_findings(filled):
    assert findings(filled) == []
    assert db("check").stdout == "The database is sound.\n"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (
            "DELETE FROM leadflow.qualified_leads WHERE lead_id = 'a'",
            "have another number of rows than recorded",
        ),
        (
            "UPDATE leadflow.qualified_leads SET campaign_version = 2",
            "have rows of another campaign version than recorded",
        ),
        ("DELETE FROM leadflow.partition_lineage WHERE day = '2026-05-01'", "have rows and no lineage"),
        (
            "ALTER TABLE leadflow.qualified_leads ADD CONSTRAINT late CHECK (score < 50) NOT VALID",
            "constraint late is not valid",
        ),
        ("UPDATE leadflow.alembic_version SET version_num = '9999'", "newer than this version"),
    ],
)
def test_damage_is_found_and_the_remedy_named(filled, damage, problem):
    with filled.begin() as connection:
        connection.execute(text(damage))
    [finding] = findings(filled)
    assert problem in finding.problem
    result = db("check")
    assert isinstance(result.exception, PermanentError)
    assert problem in result.stdout
    assert finding.remedy in result.stdout
    assert json.loads(db("check", "--json").stdout)[0]["problem"] == finding.problem


def test_the_address_the_revision_and_the_digest_are_printed(filled, database_url):
    assert db("url").stdout.strip() == database_url.replace("+psycopg", "")
    assert "already" in db("migrate").stdout
    assert json.loads(db("migrate", "--json").stdout)["before"] == revisions()[-1]
    assert (
        len(json.loads(db("digest", "--campaign", "spring-sale", "--json").stdout)["qualified_leads"]) == 64
    )
    assert "qualified_leads" in db("digest").stdout
