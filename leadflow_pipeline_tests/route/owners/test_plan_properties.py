"""What must hold of owners whatever the leads, the reps and the days are."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep, Territory
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, RepRecord, Roster, Rosters
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
                some.sampled_from(
                    ("optimal", "optimal", "match", "round_robin", "longest_waiting", "least_loaded")
                )
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
    """Within capacity; active, present and allowed; no lead is held while a rep who may have it has room, nor goes to a
    less specific territory while a more specific one has; one owner at a time; not above the bound; and day by day as
    in a range."""
    facts, rules = campaign
    stored = plan(facts, rules, ranges=[(0, DAYS - 1)])
    given_on, capacity = _given(stored), stored.rep_days.set_index(["day", "rep"])["capacity"].to_dict()
    assert all(count <= capacity.get(key, 0) for key, count in given_on.items())
    known = {row["lead_id"]: row for row in facts.leads}
    records = [RepRecord(number, day(since), rep) for number, (since, rep) in enumerate(facts.records)]
    rosters = Rosters(CAMPAIGN, [day(number) for number in range(DAYS)], records, facts.absences)
    latest: dict[str, Any] = {}
    for number in range(DAYS):
        today = stored.decisions[stored.decisions["day"] == pd.Timestamp(day(number))]
        latest |= {row.lead_id: row for row in today.itertuples()}
        for lead_id, row in latest.items():
            may = _who_may(rosters[day(number)], known[lead_id])
            stamp = pd.Timestamp(day(number))
            has_room = {rep for rep in may if given_on.get((stamp, rep), 0) < capacity[stamp, rep]}
            if row.status == "HELD":
                assert not has_room, "held while somebody who may have it has room"
                assert (row.method == "capacity") == bool(may)
            elif row.day == stamp:
                assert row.owner in may
                if row.method == rules.strategy:
                    assert may[row.owner] >= max((may[rep] for rep in has_room), default=(-1, -1))
    assert (stored.summary["value"] <= stored.summary["bound"] + 0.02).all()
    owned = stored.decisions[stored.decisions["owner"].notna()]
    assert not stored.decisions.duplicated(["day", "lead_id"]).any()
    assert not owned.duplicated(["lead_id", "assignment_number"]).any()

    daily = plan(facts, rules, ranges=[(number, number) for number in range(DAYS)])
    assert daily.decisions.equals(stored.decisions)
    assert daily.rep_days.equals(stored.rep_days)

    everybody = Rep(rep="zoe"), Rep(rep="zed", team="Large")
    helped = facts.with_(records=(*facts.records, *((DAYS, rep) for rep in everybody)))
    after = plan(helped, rules, ranges=[(DAYS, DAYS + 1)], stored=stored)
    latest = after.decisions.sort_values("day").drop_duplicates("lead_id", keep="last")
    assert len(latest) == len(facts.leads)
    assert (latest["status"] != "HELD").all(), "held leads come back as soon as somebody can have them"


def _given(stored: Stored) -> dict[tuple[pd.Timestamp, str], int]:
    owned = stored.decisions[stored.decisions["owner"].notna()]
    counts: dict[tuple[pd.Timestamp, str], int] = owned.groupby(["day", "owner"]).size().to_dict()
    return counts


def _who_may(roster: Roster, lead: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Who may have a lead, and how early: own team before others, a named country before everywhere."""
    is_large = (lead["company_size"] or 0) >= 500
    return {
        rep.rep: (int((rep.team == "Large") == is_large), len(rep.territories))
        for rep, is_available in zip(roster.reps, roster.is_available, strict=True)
        if is_available
        and (is_large or rep.team == "")
        and (not rep.territories or rep.territories[0].country == lead["country"])
    }
