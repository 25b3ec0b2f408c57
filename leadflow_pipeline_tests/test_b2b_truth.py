"""The shipped B2B campaign against its truth: what a careful person would decide for each of the 100 leads.

The weights of the campaign file were chosen with these labels in view; the test guards that the pipeline as a whole
(files, enrichment, scores, filters, tiers) still arrives at them.
"""

from __future__ import annotations

from datetime import date

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine

from leadflow_pipeline import samples
from leadflow_pipeline.campaign import load
from leadflow_pipeline.cli.demo import add_campaigns, import_b2b, import_b2b_reps
from leadflow_pipeline.cli.demo_steps import Changes, last_record_day
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.insight.owner_story import tell_owners
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.store.partitions import latest_before, read_partitions
from leadflow_pipeline.store.schema import (
    enriched_leads,
    nurture_touches,
    owner_decisions,
    qualified_leads,
    quarantined_records,
    routed_leads,
)

HELD = "held"


@pytest.fixture
def decisions(engine: Engine) -> pd.DataFrame:
    """Lead (its address or phone), qualification, tier and owner, as the pipeline decides."""
    _, campaign = add_campaigns(engine)
    changes = Changes()
    import_b2b(engine, campaign, changes)
    assert (changes.records, changes.events) == (100, 84)
    import_b2b_reps(engine)
    last_day = last_record_day(engine, campaign)
    assert last_day is not None
    partitions = PartitionRange(campaign, days_between(last_day - pd.Timedelta(days=13), last_day))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, [campaign])
        dg.materialize(
            list(STAGE_ASSETS),
            instance=instance,
            resources=build_defs().resources,
            tags=partitions.tags,
            run_config=QUIET,
        )
    after = last_day + pd.Timedelta(days=1)
    leads, qualified, routed = (
        latest_before(engine, table, campaign, after, columns=["lead_id", *columns])
        for table, columns in (
            (enriched_leads, ["email", "phone"]),
            (qualified_leads, ["status"]),
            (routed_leads, ["tier", "owner"]),
        )
    )
    owners = latest_before(engine, owner_decisions, campaign, after, columns=["lead_id", "status"])
    held = owners.loc[owners["status"] == "HELD", "lead_id"]
    decided = leads.merge(qualified, on="lead_id").merge(routed, on="lead_id")
    decided["owner"] = decided["owner"].mask(decided["lead_id"].isin(held), HELD).fillna("")
    assert read_partitions(engine, quarantined_records, campaign, partitions.days).empty
    touches = read_partitions(engine, nurture_touches, campaign, partitions.days)
    assert load(engine, campaign).rules.nurture.sequences == {}, "the shipped emails are used"
    assert_owners_are_explained(engine, campaign, leads, last_day)
    assert not touches.empty
    return decided


def assert_owners_are_explained(engine: Engine, campaign: str, leads: pd.DataFrame, last_day: date) -> None:
    """Who was chosen by what, and why others were not."""
    by_address = leads.set_index("email")["lead_id"]
    named = tell_owners(engine, campaign, by_address["grant.abernathy@keystoneparts.leads.example"], last_day)
    assert named is not None
    assert (named.latest.method, named.candidates[0].rep) == ("named_account", "grace.okafor@leads.example")
    assert "inactive" in named.struck["peter.lang@leads.example"]
    held = tell_owners(engine, campaign, by_address["mirella.santos@andradefoods.leads.example"], last_day)
    assert held is not None
    assert (held.latest.status, held.latest.owner, held.latest.method) == ("HELD", None, "territory")
    assert held.struck["nadia.rahimi@leads.example"] == ("team",)


def test_every_lead_is_decided_as_a_careful_person_would(decisions: pd.DataFrame) -> None:
    """Qualification, tier and owner of all 100 leads; a lead that nobody may have is held, and one that is not routed
    has no owner."""
    truth = pd.read_csv(samples.B2B_TRUTH, keep_default_na=False)
    assert len(truth) == 100
    known = decisions.assign(tier=decisions["tier"].fillna(""))
    by_address = truth.merge(known, left_on="lead", right_on="email", how="inner", suffixes=("_right", ""))
    without = known[known["email"].isna()]
    # One lead gave a phone number only, and one an address that is none.
    by_phone = truth.merge(without, left_on="lead", right_on="phone", how="inner", suffixes=("_right", ""))
    matched = pd.concat([by_address, by_phone])
    assert len(matched) == 99
    wrong = matched[
        (matched["qualification"] != matched["status"]) | (matched["tier_right"] != matched["tier"])
    ]
    assert wrong[["lead", "qualification", "status", "tier_right", "tier"]].to_dict("records") == []
    is_held = (matched["owner_right"] == "") & matched["status"].isin(["QUALIFIED", "MANUAL_REVIEW"])
    right = matched["owner_right"].mask(is_held, HELD)
    wrong = matched[right != matched["owner"]]
    assert wrong[["lead", "owner_right", "owner"]].to_dict("records") == []
    assert is_held.sum() == 2
    no_address = without[~without["lead_id"].isin(by_phone["lead_id"])]
    assert no_address["status"].tolist() == ["REJECTED"]
