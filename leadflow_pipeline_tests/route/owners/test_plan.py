"""The plan of owners: who is given which lead on which day."""

from __future__ import annotations

from leadflow_pipeline.route.owners.reps.rep import Capacity, Territory
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline_tests.route.owners.campaign_days import Facts, day, lead, moment, plan, rep, told

PLAIN = OwnershipRules(floor=0.0, exploration=0)
STRATEGIES = ("optimal", "match", "round_robin", "longest_waiting", "least_loaded")


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


def test_the_most_specific_territory_wins_and_the_next_takes_what_it_has_no_room_for() -> None:
    """In every strategy, also while the specific rep is away; outside all territories a lead is held."""
    facts = Facts(
        leads=(
            *(lead(0, f"m{number}", 50 + number, country="DE", postcode="80331") for number in range(3)),
            lead(0, "p", 99, country="FR"),
            lead(2, "late", country="DE", postcode="80331"),
        ),
        records=(
            (0, rep("centre", per_day=1, territories=(Territory(country="DE", postcode="803"),))),
            (0, rep("germany", per_day=1, territories=(Territory(country="DE"),))),
            (0, rep("dach", territories=(Territory(region="DACH"),))),
        ),
        absences=(Absence("centre", day(2), day(9)),),
    )
    for strategy in STRATEGIES:
        planned = plan(facts, PLAIN.model_copy(update={"strategy": strategy}))
        owner = planned.decisions.set_index("lead_id")["owner"]
        assert owner["m2"] == "centre", strategy
        assert sorted(owner[["m0", "m1"]]) == ["dach", "germany"], strategy
        assert owner["late"] == "germany"
        assert planned.decisions.set_index("lead_id")["method"]["p"] == "territory"


def test_a_rep_above_85_percent_is_spared_and_the_next_team_takes_its_leads_and_none_waits() -> None:
    """Of 20 open leads 18 are taken: of two places one is open at first. At 5 of 20 both are, at 19 the last is not."""
    large = {"teams": [{"team": "Large", "when": [{"field": "company_size", "at_least": 500}]}]}
    rules = OwnershipRules.model_validate(
        {**large, "floor": 0, "exploration": 0, "keep_account_owner": False}
    )

    def owners(taken: int, leads: int, rest: int | None) -> list[str]:
        facts = Facts(
            leads=(
                *(lead(0, f"old{number:02}", company_size=900) for number in range(taken)),
                *(lead(1, f"new{number}", company_size=900) for number in range(leads)),
            ),
            records=(
                (0, rep("ana", team="Large", capacity=Capacity(open_leads=20))),
                (1, rep("bo", per_day=rest)),
            ),
        )
        stored = plan(facts, rules, ranges=[(0, 1)])
        return stored.decisions.loc[stored.decisions["day"] == str(day(1)), "owner"].tolist()

    assert owners(5, 2, None) == ["ana", "ana"]
    assert sorted(owners(18, 2, None)) == ["ana", "bo"]
    assert owners(19, 1, None) == ["bo"]
    assert sorted(owners(18, 3, 1)) == ["ana", "ana", "bo"], "nobody waits while there is room"


def test_a_team_without_room_spills_to_the_next_the_lead_meets_and_at_last_to_the_rest() -> None:
    rules = OwnershipRules.model_validate(
        {
            "teams": [
                {"team": "Large", "when": [{"field": "company_size", "at_least": 500}]},
                {"team": "Mines", "when": [{"field": "industry", "equals": "mining"}]},
            ],
            "floor": 0,
            "exploration": 0,
        }
    )
    facts = Facts(
        leads=tuple(
            lead(0, f"l{number}", 90 - number, company_size=900, industry="mining") for number in range(4)
        ),
        records=(
            (0, rep("ana", per_day=1, team="Large")),
            (0, rep("bo", per_day=1, team="Mines")),
            (0, rep("cy", per_day=1)),
        ),
    )
    for strategy in STRATEGIES:
        planned = plan(facts, rules.model_copy(update={"strategy": strategy}), ranges=[(0, 0)])
        assert planned.decisions["owner"].fillna("").tolist() == ["ana", "bo", "cy", ""], strategy


def test_the_least_loaded_rep_comes_first() -> None:
    """By open leads for the weight, those of the same day and of days before."""
    facts = Facts(
        leads=tuple(lead(number // 4, f"l{number}", 90 - number) for number in range(8)),
        records=((0, rep("ana")), (0, rep("bo", weight=2)), (1, rep("cy"))),
        outcomes=({"lead_id": "l0", "outcome": "won", "occurred_at": moment(1)},),
    )
    planned = plan(facts, PLAIN.model_copy(update={"strategy": "least_loaded"}))
    # The second day begins with 1 open lead of ana, 2 of bo for a weight of 2, none of cy.
    assert planned.decisions["owner"].tolist() == ["bo", "ana", "bo", "bo", "cy", "bo", "ana", "bo"]


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
    for strategy in ("optimal", "round_robin", "longest_waiting"):
        rules = PLAIN.model_copy(update={"strategy": strategy})
        whole = plan(facts, rules)
        daily = plan(facts, rules, ranges=[(number, number) for number in range(5)])
        again = plan(facts, rules, ranges=[(3, 4), (1, 1)], stored=daily)
        for other in (daily, again):
            assert other.decisions.equals(whole.decisions), strategy
            assert other.rep_days.equals(whole.rep_days), strategy
