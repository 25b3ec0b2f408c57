"""The plan of owners: who is given which lead on which day."""

from __future__ import annotations

from leadflow_pipeline.route.owners.reps_of_day import Absence
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline_tests.route.owners.campaign_days import Facts, day, lead, moment, plan, rep, told

PLAIN = OwnershipRules(floor=0.0, exploration=0)


def test_the_best_lead_gets_the_place_and_the_others_wait_for_the_next_day() -> None:
    facts = Facts(
        leads=(lead(0, "a", 40), lead(0, "b", 90), lead(0, "c", 60)), records=((0, rep("ana", per_day=1)),)
    )
    assert told(plan(facts)) == [
        (0, "a", "HELD", None, 1),
        (0, "b", "ASSIGNED", "ana", 1),
        (0, "c", "HELD", None, 1),
        (1, "c", "ASSIGNED", "ana", 1),
        (2, "a", "ASSIGNED", "ana", 1),
    ]


def test_a_rep_who_leaves_loses_open_leads_only() -> None:
    facts = Facts(
        leads=(lead(0, "a"), lead(0, "b")),
        records=((0, rep("ana")), (2, rep("bo")), (3, rep("ana", status="left"))),
        outcomes=({"lead_id": "b", "outcome": "won", "occurred_at": moment(1)},),
    )
    assert told(plan(facts)) == [
        (0, "a", "ASSIGNED", "ana", 1),
        (0, "b", "ASSIGNED", "ana", 1),
        (3, "a", "REASSIGNED", "bo", 2),
    ]


def test_an_override_holds_until_it_ends_and_then_the_lead_goes_back() -> None:
    facts = Facts(
        leads=(lead(0, "a"),),
        records=((0, rep("ana")), (0, rep("bo", per_day=0))),
        overrides=({"lead_id": "a", "value": "bo", "occurred_at": moment(1), "expires_at": moment(3)},),
    )
    assert told(plan(facts)) == [
        (0, "a", "ASSIGNED", "ana", 1),
        (1, "a", "REASSIGNED", "bo", 2),
        (3, "a", "REASSIGNED", "ana", 3),
    ]


def test_what_was_told_stands_and_changes_nothing_for_others() -> None:
    facts = Facts(
        leads=(lead(0, "a", 90), lead(0, "b", 20)),
        records=((0, rep("ana", per_day=1)), (0, rep("bo", per_day=1))),
    )
    planned = told(plan(facts))
    owner = {row[1]: row[3] for row in planned}
    other = {"ana": "bo", "bo": "ana"}[owner["a"]]
    as_planned = {"lead_id": "a", "assignment_number": 1, "rep": owner["a"], "decision_day": day(0)}
    assert told(plan(facts.with_(handoffs=(as_planned,)))) == planned
    differs = plan(facts.with_(handoffs=({**as_planned, "rep": other},)))
    assert told(differs) == [(0, "a", "ASSIGNED", other, 1), (0, "b", "ASSIGNED", owner["b"], 1)]
    assert differs.decisions["method"].tolist() == ["handoff", "optimal"]


def test_nobody_who_is_away_gets_a_lead_and_held_leads_come_back() -> None:
    facts = Facts(
        leads=(lead(1, "a"),),
        records=((0, rep("ana")),),
        absences=(Absence("ana", day(2), day(3)),),
    )
    held = plan(facts)
    assert told(held) == [(1, "a", "HELD", None, 1), (4, "a", "ASSIGNED", "ana", 1)]
    assert held.decisions["method"].tolist() == ["absent", "optimal"]


def test_leads_of_one_company_stay_together() -> None:
    facts = Facts(
        leads=(
            lead(0, "a", 90, company_domain="acme.example.org"),
            lead(0, "b", 20, company_domain="acme.example.org"),
            lead(3, "c", 50, company_domain="acme.example.org"),
        ),
        records=((0, rep("ana", industries=("mining",))), (0, rep("bo"))),
    )
    owners = {row[3] for row in told(plan(facts))}
    assert len(owners) == 1


def test_days_one_by_one_and_a_range_are_the_same() -> None:
    facts = Facts(
        leads=tuple(lead(number % 5, f"l{number:02}", 10 + 7 * number % 90) for number in range(30)),
        records=(
            (0, rep("ana", per_day=1.5)), (0, rep("bo", per_day=2)), (0, rep("cy", per_day=1)),
            (3, rep("bo", status="left")),
        ),
        overrides=({"lead_id": "l03", "value": "cy", "occurred_at": moment(1), "expires_at": moment(3)},),
        handoffs=({"lead_id": "l01", "assignment_number": 1, "rep": "cy", "decision_day": day(1)},),
        outcomes=({"lead_id": "l02", "outcome": "lost", "occurred_at": moment(3)},),
    )  # fmt: skip
    for strategy in ("optimal", "match", "round_robin", "longest_waiting"):
        rules = PLAIN.model_copy(update={"strategy": strategy})
        whole = plan(facts, rules)
        daily = plan(facts, rules, ranges=[(number, number) for number in range(5)])
        again = plan(facts, rules, ranges=[(3, 4), (1, 2), (0, 0), (2, 4)], stored=daily)
        for other in (daily, again):
            assert other.decisions.equals(whole.decisions), strategy
            assert other.rep_days.equals(whole.rep_days), strategy
