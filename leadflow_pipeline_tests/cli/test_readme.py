"""What the README says of models and of qualification can be typed as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer
import yaml

from leadflow_pipeline.campaign import parse_campaign
from leadflow_pipeline.cli import app
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline_tests.samples import minimal_campaign_text

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.split("## Learning from what became of leads")[1].split("\n##")[0]
QUALIFICATION = README.split("## Who is worth a conversation")[1].split("\n##")[0]
YAML, COMMANDS = re.findall(r"```(?:yaml|bash)\n(.*?)```", SECTION, re.DOTALL)


def test_the_campaign_file_may_say_what_is_written_there() -> None:
    rules = parse_campaign(minimal_campaign_text("spring", extra=YAML), "spring.yaml").conversion
    named = yaml.safe_load(YAML)["conversion"]
    assert {*named} <= {*ConversionRules.model_fields}
    assert rules == ConversionRules(excluded=frozenset({"custom.plan"}))


def test_qualification_may_be_written_as_there() -> None:
    [written] = re.findall(r"```yaml\n(.*?)```", QUALIFICATION, re.DOTALL)
    rules = parse_campaign(minimal_campaign_text("spring", extra=written), "spring.yaml").qualification
    assert [len(tree.ends()) for tree in rules.trees] == [5]


@pytest.mark.parametrize("line", COMMANDS.splitlines())
def test_the_commands_are_understood(line: str) -> None:
    _, *arguments = shlex.split(line, comments=True)
    command: click.Command = typer.main.get_command(app)
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, *arguments = arguments
        found = command.get_command(context, name)
        assert found is not None, line
        command = found
    command.make_context(line, arguments, resilient_parsing=False)
