"""Every command is where the table says, and calling one loads no other."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from leadflow_pipeline.cli import app
from leadflow_pipeline.cli.commands import COMMANDS, commands_of


@pytest.mark.parametrize("module", COMMANDS)
def test_a_module_has_the_commands_that_the_table_says(module: str) -> None:
    assert set(commands_of(module)) == set(COMMANDS[module])


def test_all_are_listed_and_one_that_is_mistyped_is_guessed() -> None:
    listed = CliRunner().invoke(app, ["--help"]).stdout
    assert all(command in listed for commands in COMMANDS.values() for command in commands)
    mistyped = CliRunner().invoke(app, ["materialise"])
    assert mistyped.exit_code == 2
    assert "Did you mean 'materialize'" in mistyped.output


def test_a_command_does_not_wait_for_what_others_need() -> None:
    program = (
        "import sys; from leadflow_pipeline.cli import app; app(standalone_mode=False); print(*sys.modules)"
    )
    called = [sys.executable, "-c", program, "db", "--help"]
    loaded = subprocess.run(called, capture_output=True, text=True, check=True).stdout.split()
    assert "leadflow_pipeline.cli.database" in loaded
    assert not {"dagster", "matplotlib", "scipy", "sklearn", "leadflow_pipeline.cli.demo"} & set(loaded)
