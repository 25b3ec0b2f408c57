"""Persons and accounts in Dagster: made of every campaign's leads at once, counts only, with or without Splink."""

from __future__ import annotations

import sys

import dagster as dg
import pandas as pd
import pytest

from leadflow_pipeline.definitions import build_defs
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.identity.people import match_fields
from leadflow_pipeline.identity.present_assets import PRESENT_ASSETS
from leadflow_pipeline.identity.splink_adapter import MISSING_EXTRA, splink_opinion, splink_pairs
from leadflow_pipeline_tests.benchmarks.invented_people import invented_people
from leadflow_pipeline_tests.identity.world import Leads, anna

ROWS = "dagster/row_count"


def metadata(*assets: dg.AssetsDefinition) -> dict[str, dict[str, object]]:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(list(assets), instance=instance, resources=build_defs().resources)
    return {
        event.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def test_both_are_made_of_all_campaigns_and_tell_counts(leads: Leads) -> None:
    leads.arrive("spring", {"a": anna()})
    leads.arrive("autumn", {"b": anna()})
    told = metadata(*PRESENT_ASSETS)
    assert (told["persons"]["leads"], told["persons"][ROWS], told["accounts"][ROWS]) == (2, 1, 1)
    assert leads.persons() == leads.accounts() == [{"autumn/b", "spring/a"}]


def test_nothing_at_all_is_well_formed(leads: Leads) -> None:
    told = metadata(*PRESENT_ASSETS)
    assert (told["persons"][ROWS], told["accounts"][ROWS]) == (0, 0)


def test_without_splink_the_second_opinion_says_how_to_get_it(
    leads: Leads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)
    assert metadata(splink_opinion)["splink_opinion"] == {"skipped": MISSING_EXTRA}
    with pytest.raises(PermanentError, match="not installed"):
        splink_pairs(match_fields(pd.DataFrame({"email": ["a@leads.example"]})), 0.5)


def test_of_few_leads_splink_is_not_asked(leads: Leads) -> None:
    pytest.importorskip("splink")
    leads.arrive("spring", {"a": anna()})
    told = metadata(splink_opinion)["splink_opinion"]
    assert (told["leads"], told["asked"]) == (1, 0)


def test_what_only_splink_finds_waits_in_the_queue_and_joins_nobody(leads: Leads) -> None:
    pytest.importorskip("splink")
    people, _ = invented_people(700)
    rows = people.astype(object).where(people.notna(), None).to_dict("records")
    leads.arrive("spring", {f"{number:04}": row for number, row in enumerate(rows)})
    metadata(*PRESENT_ASSETS)
    before, waiting = leads.persons(), len(leads.reviews())
    told = metadata(splink_opinion)["splink_opinion"]
    assert told["leads"] == 700
    assert told["both"] > 50, "most of what one finds the other finds too"
    assert len(leads.reviews()) == waiting + told["asked"]
    metadata(*PRESENT_ASSETS)
    assert leads.persons() == before
    assert metadata(splink_opinion)["splink_opinion"]["asked"] == 0, "nothing is asked twice"
