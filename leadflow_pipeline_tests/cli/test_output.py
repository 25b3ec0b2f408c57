"""How every command speaks."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from leadflow_pipeline.cli.output import table_of


@pytest.mark.parametrize("values", [[3, 1_200], ["+0.50", "-12.25"], ["12.4%", "–"], ["1,200.00", "0.10"]])
def test_what_reads_as_a_number_stands_to_the_right(values: list[Any]) -> None:
    assert table_of("points", [{"points": value} for value in values]).columns[0].justify == "right"


@pytest.mark.parametrize("values", [["2026-06-01"], ["3", "none"], ["206e2b90ff68"], ["34.2 → 40.1"]])
def test_days_and_words_stand_to_the_left(values: list[Any]) -> None:
    assert table_of("points", [{"points": value} for value in values]).columns[0].justify == "left"


def test_a_title_is_not_broken_over_a_narrow_table() -> None:
    written = io.StringIO()
    Console(file=written, width=100).print(
        table_of("bank-term-deposits, 2010-04-01 to 2010-04-10", [{"rows": 1}])
    )
    assert "bank-term-deposits, 2010-04-01 to 2010-04-10" in written.getvalue()
