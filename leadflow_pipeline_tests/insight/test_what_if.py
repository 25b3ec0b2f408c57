"""Counting what differs between two states of the same leads."""

import pandas as pd

from leadflow_pipeline.insight.what_if import STATE_COLUMNS, compare_states, state_of


def states(*rows: tuple[str, float | None, str | None, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["lead_id", "score", "qualification", "tier"])
    return frame.assign(owner=None, sequence=None, routing=None, temperature="cold")[list(STATE_COLUMNS)]


def test_a_lead_is_counted_once_in_each_transition_and_named_by_how_much_it_changes() -> None:
    before = states(
        ("a", 70.0, "QUALIFIED", "WARM"), ("b", 70.1, "QUALIFIED", "WARM"), ("c", 10.0, "REJECTED", None),
        ("d", 50.0, "REJECTED", None),
    )  # fmt: skip
    after = states(
        ("a", 50.0, "REJECTED", None), ("b", 70.4, "QUALIFIED", "WARM"), ("c", 10.0, "REJECTED", None),
        ("d", 50.01, "QUALIFIED", "COLD"),
    )  # fmt: skip
    found = compare_states(before, after, most=2)
    assert (found.leads, found.changed, found.rescored) == (4, 3, 3)
    assert found.transitions["qualification"].to_dict("records") == [
        {"before": "QUALIFIED", "after": "REJECTED", "leads": 1},
        {"before": "REJECTED", "after": "QUALIFIED", "leads": 1},
    ]
    assert found.transitions["temperature"].empty
    assert found.most_changed["lead_id"].tolist() == ["a", "d"], "decisions first, then points"
    assert found.most_changed["change"].tolist() == [-20.0, 0.01]
    assert found.score_change["lowest"] == -20.0
    assert found.score_change["highest"] == 0.3


def test_a_lead_that_only_one_state_knows_has_changed() -> None:
    found = compare_states(states(("a", 70.0, "QUALIFIED", "HOT")), states())
    assert (found.leads, found.changed) == (1, 1)
    assert found.transitions["tier"].to_dict("records") == [{"before": "HOT", "after": "none", "leads": 1}]
    assert found.score_change == {}


def test_no_leads_at_all_are_no_change() -> None:
    found = compare_states(states(), states())
    assert (found.leads, found.changed, found.score_change) == (0, 0, {})


def test_a_state_has_a_row_for_a_lead_of_any_table() -> None:
    scored = pd.DataFrame({"lead_id": ["a", "b"], "score": [1.0, 2.0], "temperature": "cold"})
    qualified = pd.DataFrame({"lead_id": ["a"], "status": ["QUALIFIED"]})
    routed = pd.DataFrame(
        {"lead_id": ["a"], "status": ["ROUTED"], "tier": ["HOT"], "sequence": ["x"], "owner": [None]}
    )
    state = state_of(scored, qualified, routed)
    assert state["lead_id"].tolist() == ["a", "b"]
    assert state["routing"].iloc[0] == "ROUTED"
    assert state["qualification"].isna().tolist() == [False, True]
