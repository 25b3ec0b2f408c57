"""Similar accounts as people meet them: builds as of a day, questions, the asset, the command, and erasing."""

from __future__ import annotations

import json
from datetime import UTC, date, timedelta

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine, func, insert, select, update
from typer.testing import CliRunner

from leadflow_pipeline.campaign import CampaignError, parse_campaign, register
from leadflow_pipeline.cli import app
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.erasing import erase_person
from leadflow_pipeline.insight.similar_accounts import kept_models, likeness
from leadflow_pipeline.insight.similar_accounts.assets import similar_accounts as asset
from leadflow_pipeline.insight.similar_accounts.builds import build_similar_accounts
from leadflow_pipeline.insight.similar_accounts.likeness import similar_accounts, similar_to_leads
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import add_outcomes
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline_tests.identity.world import FIRST_DAY, Leads
from leadflow_pipeline_tests.samples import minimal_campaign_text

DAYS = [FIRST_DAY + timedelta(days=number) for number in range(12)]


def lead(
    company: str, industry: str, size: int, city: str = "Lisbon", product: str = ""
) -> dict[str, object]:
    return {
        "company": company.title(), "company_key": company, "company_domain": f"{company.replace(' ', '-')}.example",
        "industry": industry, "company_size": size, "city": city, "job_title": "Head of Operations",
        "custom": json.dumps({"plan": product}), "email": f"{company.split()[0]}@leads.example",
    }  # fmt: skip


@pytest.fixture
def leads(engine: Engine) -> Leads:
    rules = "similar_accounts: {words: [custom.plan]}\n"
    register(engine, minimal_campaign_text(extra=rules), "spring.yaml")
    world = Leads(engine)
    world.arrive(
        "spring",
        {
            "asked": lead("alfa clinics", "medical services", 120, product="scanner"),
            "twin": lead("alfa clinics", "medical services", 120, product="scanner"),
            "near": lead("berg clinics", "medical services", 150, product="scanner"),
            "far": lead("corda trucks", "truck leasing", 9000, "Oslo", "tyres"),
            "nobody": {"job_title": "Head of Operations"},
        },
    )
    world.arrive("spring", {"late": lead("delta clinics", "medical services", 120, product="scanner")}, day=3)
    ended = [("near", "won", 2, 900.0), ("far", "lost", 5, None)]
    add_outcomes(
        engine,
        pd.DataFrame(
            {
                "campaign": "spring",
                "lead_id": [lead_id for lead_id, *_ in ended],
                "outcome": [outcome for _, outcome, *_ in ended],
                "occurred_at": [
                    pd.Timestamp(DAYS[day], tz=UTC) + pd.Timedelta(hours=9) for *_, day, _ in ended
                ],
                "value": pd.Series([value for *_, value in ended], dtype="float64"),
                "origin": "a test",
            }
        ),
    )
    return world


def names(engine: Engine, as_of: date, lead_id: str = "asked") -> list[str]:
    return [account.name for account in similar_accounts(engine, "spring", as_of=as_of, lead_id=lead_id)]


def test_what_is_known_is_as_of_the_day(engine: Engine, leads: Leads) -> None:
    assert names(engine, DAYS[9]) == []
    assert build_similar_accounts(engine, "spring", DAYS[2]).to_dict() | {"model_key": ""} == {
        "day": DAYS[2], "accounts": 3, "won": 0, "lost": 0, "open": 3, "comparable": 3, "model_key": "",
    }  # fmt: skip
    build_similar_accounts(engine, "spring", DAYS[6])
    assert names(engine, DAYS[1]) == []
    assert names(engine, DAYS[5]) == ["Berg Clinics", "Corda Trucks"]
    found = {
        account.name: account
        for account in similar_accounts(engine, "spring", as_of=DAYS[9], lead_id="asked")
    }
    near, late, far = (found[name] for name in ("Berg Clinics", "Delta Clinics", "Corda Trucks"))
    assert (near.account, near.outcome, near.ended_on, near.value) == (
        "berg-clinics.example",
        "won",
        DAYS[2],
        900,
    )
    assert (far.outcome, far.ended_on, far.value) == ("lost", DAYS[5], None)
    assert late.outcome == "open"
    assert (late.shares, far.shares) == (("industry", "size", "city"), ())
    assert 1 >= late.likeness > 0.5 > far.likeness >= 0
    assert names(engine, DAYS[9], "nobody") == []
    assert names(engine, DAYS[9], "nowhere") == []


def test_for_briefs_those_that_ended(engine: Engine, leads: Leads) -> None:
    assert similar_to_leads(engine, "spring", ["asked"], as_of=DAYS[9]) == {}
    build_similar_accounts(engine, "spring", DAYS[6])
    told = similar_to_leads(engine, "spring", ["asked", "late", "nobody", "asked"], as_of=DAYS[9])
    assert {lead_id: [account.name for account in found] for lead_id, found in told.items()} == {
        "asked": ["Berg Clinics", "Corda Trucks"], "late": ["Berg Clinics", "Corda Trucks"], "nobody": [],
    }  # fmt: skip


def test_a_company_is_not_like_itself(engine: Engine, leads: Leads) -> None:
    build_similar_accounts(engine, "spring", DAYS[6])
    described = {"company": "Alfa Clinics", "company_key": "alfa clinics", "industry": "medical services"}
    found = similar_accounts(engine, "spring", as_of=DAYS[6], company=described)
    assert "Alfa Clinics" not in {account.name for account in found}
    with engine.begin() as connection:
        joined = {"account_id": "a", "name": "Berg", "name_key": "berg", "domain": "berg-clinics.example"}
        connection.execute(insert(schema.accounts).values(joined))
        member = {"campaign": "spring", "lead_id": "asked", "account_id": "a", "evidence": []}
        connection.execute(insert(schema.account_leads).values(member))
    assert "Berg Clinics" not in names(engine, DAYS[6])
    with pytest.raises(PermanentError, match="name a lead or describe a company"):
        similar_accounts(engine, "spring", as_of=DAYS[6])


def test_a_reader_sees_one_build_while_another_is_made(
    engine: Engine, leads: Leads, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_similar_accounts(engine, "spring", DAYS[2])
    own = likeness._own

    def built_meanwhile(*arguments: object) -> list[int]:
        for day in DAYS[2:8]:
            build_similar_accounts(engine, "spring", day)
        return own(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(likeness, "_own", built_meanwhile)
    assert names(engine, DAYS[2]) == ["Berg Clinics", "Corda Trucks"]
    monkeypatch.undo()
    assert len(names(engine, DAYS[8])) == 3
    with engine.connect() as connection:
        kept = connection.scalars(select(schema.similar_account_builds.c.day).order_by("day")).all()
    assert kept == DAYS[5:8]


def test_an_erased_lead_is_in_no_build(engine: Engine, leads: Leads) -> None:
    for day in DAYS[5:7]:
        build_similar_accounts(engine, "spring", day)
    report = erase_person(engine, "berg@leads.example", actor="ida")
    assert report.rows["similar_accounts"] == 2
    with engine.connect() as connection:
        vectors = connection.scalar(select(func.count()).select_from(schema.similar_account_vectors))
        left = str(connection.execute(select(schema.similar_accounts)).all())
    assert vectors == 2 * 3
    assert "berg" not in left.lower()


def test_a_model_that_was_changed_is_not_used(engine: Engine, leads: Leads) -> None:
    build_similar_accounts(engine, "spring", DAYS[6])
    kept_models._models.clear()
    with engine.begin() as connection:
        connection.execute(update(schema.similar_account_builds).values(model=b"another"))
    with pytest.raises(PermanentError, match="not the one that was stored"):
        names(engine, DAYS[6])


def test_the_asset_and_the_command(engine: Engine, leads: Leads) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        for _ in range(2):
            result = dg.materialize(
                [asset], partition_key="spring", instance=instance, resources={"store": StoreResource()}
            )
        shown = result.asset_materializations_for_node("similar_accounts")[0].metadata
    assert (shown["dagster/row_count"].value, shown["won"].value) == (4, 1)
    told = json.loads(run("asked", "--json", "-n", "1"))["similar_accounts"]
    assert told[0].keys() == set(likeness.SimilarAccount.__dataclass_fields__)
    assert "Berg Clinics" in run("asked")
    assert "Nothing like it is known before 2026-01-01" in run("asked", "--as-of", "2026-01-01")


def test_words_that_no_lead_has_are_refused() -> None:
    text = minimal_campaign_text(extra="similar_accounts: {words: [custom.plam]}\n")
    with pytest.raises(CampaignError) as refused:
        parse_campaign(text, "spring.yaml")
    assert "similar_accounts.words" in str(refused.value)
    assert "custom.plan" in str(refused.value)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["similar", *arguments], env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.exception
    return result.stdout
