"""What the README says of models and of handing over can be typed as it stands."""

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


def blocks_of(heading: str) -> list[str]:
    """The YAML and the commands of a section, without its subsections."""
    section = README.split(f"## {heading}")[1].split("\n##")[0]
    return re.findall(r"```(?:yaml|bash)\n(.*?)```", section, re.DOTALL)


YAML, COMMANDS = blocks_of("Learning from what became of leads")
HANDOVER, HANDING_OVER = blocks_of("Handing over to owners")


def test_the_campaign_file_may_say_what_is_written_there() -> None:
    rules = parse_campaign(minimal_campaign_text("spring", extra=YAML), "spring.yaml").conversion
    named = yaml.safe_load(YAML)["conversion"]
    assert {*named} <= {*ConversionRules.model_fields}
    assert rules == ConversionRules(excluded=frozenset({"custom.plan"}))


def test_the_handover_section_may_say_what_is_written_there() -> None:
    rules = parse_campaign(minimal_campaign_text("spring", extra=HANDOVER), "spring.yaml").handover
    assert (rules.slack_channel, rules.hubspot, rules.not_after_hours) == ("sales", True, 48)


@pytest.mark.parametrize("line", [*COMMANDS.splitlines(), *HANDING_OVER.splitlines()])
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
