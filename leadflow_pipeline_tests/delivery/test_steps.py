"""What is said of a step is asked once, however many touches it has."""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.delivery.release.steps import said_of_each


def test_each_step_is_asked_about_once_and_every_touch_is_told() -> None:
    touches = pd.DataFrame(
        {"sequence": ["warm", "cold", "warm", "warm"], "step": [1, 1, 2, 1]}, index=[7, 3, 5, 1]
    ).astype({"sequence": "str", "step": "Int64"})
    asked = []

    def ask(sequence: str, step: int) -> str:
        asked.append((sequence, step))
        return f"{sequence} {step}"

    assert said_of_each(touches, ask).to_dict() == {7: "warm 1", 3: "cold 1", 5: "warm 2", 1: "warm 1"}
    assert asked == [("warm", 1), ("cold", 1), ("warm", 2)]
    assert said_of_each(touches[:0], ask).empty
