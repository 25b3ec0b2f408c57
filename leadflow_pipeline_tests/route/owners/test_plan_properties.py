"""What must hold of owners whatever the leads, the reps and the days are."""

from __future__ import annotations

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from leadflow_pipeline.route.owners.rep import Capacity, Rep, Territory
from leadflow_pipeline.route.owners.reps_of_day import Absence, RepRecord, Rosters
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline_tests.route.owners.campaign_days import CAMPAIGN, Facts, Stored, day, lead, plan

DAYS = 3
COUNTRIES = ("DE", "FR", None)
ROOMS = (0.0, 0.5, 1.0, 3.0, None)


@some.composite
def campaigns(draw: some.DrawFn) -> tuple[Facts, OwnershipRules]:
    """A few days with leads of some countries and companies, and reps who come, go, are away and are full."""
    leads = tuple(
        lead(
            draw(some.integers(0, DAYS - 1)),
            f"lead-{number:02}",
            draw(some.sampled_from((0.0, 35.0, 80.0))),
            country=draw(some.sampled_from(COUNTRIES)),
            company_domain=draw(some.sampled_from(("one.example.org", None, None))),
            company_size=draw(some.sampled_from((10, 900, None))),
            budget=draw(some.sampled_from((None, 5000.0, 90000.0))),
        )
        for number in range(draw(some.integers(1, 20)))
    )
    records = []
    for name in ("ana", "bo", "cy", "dee")[: draw(some.integers(1, 4))]:
        record = Rep(
            rep=name,
            team=draw(some.sampled_from(("", "Large"))),
            territories=draw(some.sampled_from(((), (Territory(country="DE"),), (Territory(country="FR"),)))),
            capacity=Capacity(
                per_day=draw(some.sampled_from(ROOMS)), open_leads=draw(some.sampled_from((2, None)))
            ),
            weight=draw(some.sampled_from((0.5, 1.0))),
        )
        records.append((draw(some.integers(0, 1)), record))
        if draw(some.booleans()):
            status = draw(some.sampled_from(("left", "paused")))
            records.append((draw(some.integers(1, DAYS)), record.model_copy(update={"status": status})))
    absences = tuple(
        Absence(records[0][1].rep, day(first), day(first + 1))
        for first in draw(some.lists(some.integers(0, DAYS), max_size=1))
    )
    rules = OwnershipRules.model_validate(
        {
            "strategy": draw(
                some.sampled_from(("optimal", "optimal", "match", "round_robin", "longest_waiting"))
            ),
            "teams": [{"team": "Large", "when": [{"field": "company_size", "at_least": 500}]}],
            "keep_account_owner": draw(some.booleans()),
        }
    )
    return Facts(leads=leads, records=tuple(records), absences=absences), rules


@settings(max_examples=5, phases=[Phase.generate])
@given(campaigns())
def test_no_place_is_given_twice_and_nobody_gets_what_is_not_theirs(
    campaign: tuple[Facts, OwnershipRules],
) -> None:
    """Within capacity; active, present and allowed; every lead that may be had while places last; one owner at a time;
    not above the bound; and day by day as in a range."""
    facts, rules = campaign
    stored = plan(facts, rules, ranges=[(0, DAYS - 1)])
    given_on, capacity = _given(stored), stored.rep_days.set_index(["day", "rep"])["capacity"].to_dict()
    assert all(count <= capacity.get(key, 0) for key, count in given_on.items())
    known = {row["lead_id"]: row for row in facts.leads}
    records = [RepRecord(number, day(since), rep) for number, (since, rep) in enumerate(facts.records)]
    rosters = Rosters(CAMPAIGN, [day(number) for number in range(DAYS)], records, facts.absences)
    for row in stored.decisions.itertuples():
        roster = rosters[row.day.date()]
        may = {
            rep.rep
            for rep, is_available in zip(roster.reps, roster.is_available, strict=True)
            if is_available and _is_in_territory(rep, known[row.lead_id]["country"])
        }
        if row.status != "HELD":
            assert row.owner in may
        elif row.method == "capacity":
            full = {rep for rep in may if given_on.get((row.day, rep), 0) >= capacity[row.day, rep]}
            assert full, "somebody who might have it must be full"
        large = (known[row.lead_id]["company_size"] or 0) >= 500
        if row.status != "HELD" and not large:
            assert roster.reps[roster.column_of[row.owner]].team == ""
    assert (stored.summary["value"] <= stored.summary["bound"] + 0.02).all()
    owned = stored.decisions[stored.decisions["owner"].notna()]
    assert not stored.decisions.duplicated(["day", "lead_id"]).any()
    assert not owned.duplicated(["lead_id", "assignment_number"]).any()

    daily = plan(facts, rules, ranges=[(number, number) for number in range(DAYS)])
    assert daily.decisions.equals(stored.decisions)
    assert daily.rep_days.equals(stored.rep_days)

    # As specific as anybody: a lead of a full rep's own place stays that rep's.
    places = (Territory(), *(Territory(country=country) for country in COUNTRIES if country))
    everybody = Rep(rep="zoe", territories=places), Rep(rep="zed", team="Large", territories=places)
    helped = facts.with_(records=(*facts.records, *((DAYS, rep) for rep in everybody)))
    after = plan(helped, rules, ranges=[(DAYS, DAYS + 1)], stored=stored)
    latest = after.decisions.sort_values("day").drop_duplicates("lead_id", keep="last")
    assert len(latest) == len(facts.leads)
    assert (latest["status"] != "HELD").all(), "held leads come back as soon as somebody can have them"


def _given(stored: Stored) -> dict[tuple[pd.Timestamp, str], int]:
    owned = stored.decisions[stored.decisions["owner"].notna()]
    counts: dict[tuple[pd.Timestamp, str], int] = owned.groupby(["day", "owner"]).size().to_dict()
    return counts


def _is_in_territory(rep: Rep, country: str | None) -> bool:
    return not rep.territories or any(place.country == country for place in rep.territories)
