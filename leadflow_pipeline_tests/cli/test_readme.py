"""What the README says of models, qualification, experiments, reps and handing over can be typed as it stands."""

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
from leadflow_pipeline.delivery.linting.campaign_lint import lint_campaign
from leadflow_pipeline.route.owners.reps.rep_sources import reps_from_file
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.service.api.routing_shapes import OneLead
from leadflow_pipeline_tests.samples import minimal_campaign_text

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(heading: str) -> list[str]:
    """What is to be typed in a section."""
    section = README.split(f"## {heading}\n")[1].split("\n##")[0]
    return re.findall(r"```(?:yaml|bash|csv)\n(.*?)```", section, re.DOTALL)


YAML, COMMANDS = blocks("Learning from what became of leads")
REPS, REPS_COMMANDS, OWNERSHIP, DRY_RUNS = blocks("Reps and territories")
[QUALIFICATION] = blocks("Who is worth a conversation")
EXPERIMENTS, EXPERIMENTING = blocks("Trying things on leads")
HANDOVER, HANDING_OVER = blocks("Handing over to owners")
[DECIDING] = blocks("An owner at once")
[EMAILS] = blocks("Writing emails")
[TIMING] = blocks("When emails leave")
[LIMITS] = blocks("How many emails leave, and to whom")
[PERMISSION] = blocks("Who is not written to")


def test_the_campaign_file_may_say_what_is_written_there() -> None:
    rules = parse_campaign(minimal_campaign_text("spring", extra=YAML), "spring.yaml").conversion
    named = yaml.safe_load(YAML)["conversion"]
    assert {*named} <= {*ConversionRules.model_fields}
    assert rules == ConversionRules(excluded=frozenset({"custom.plan"}))


def test_qualification_may_be_written_as_there() -> None:
    rules = parse_campaign(minimal_campaign_text("spring", extra=QUALIFICATION), "spring.yaml").qualification
    assert [len(tree.ends()) for tree in rules.trees] == [5]


def test_experiments_may_be_declared_as_there() -> None:
    [tried] = parse_campaign(minimal_campaign_text("spring", extra=EXPERIMENTS), "spring.yaml").experiments
    assert {*yaml.safe_load(EXPERIMENTS)["experiments"][0]} <= tried.model_fields_set
    named = [shlex.split(line)[2:] for line in EXPERIMENTING.splitlines()]
    assert {words[2] for words in named} == {tried.key}
    assert {words[3] for words in named if words[0] == "decide"} <= {*tried.keys}


def test_emails_may_be_written_as_there() -> None:
    campaign = parse_campaign(minimal_campaign_text("spring", extra=EMAILS), "spring.yaml")
    findings = lint_campaign(campaign, "https://mail.planwell.example", "regular_nurture")
    assert {finding.severity for finding in findings} <= {"warning"}


def test_timing_and_limits_may_be_written_as_there() -> None:
    for written in (TIMING, LIMITS):
        rules = parse_campaign(minimal_campaign_text("spring", extra=written), "spring.yaml").nurture
        assert {*yaml.safe_load(written)["nurture"]} == {*rules.model_fields_set}


def test_the_handover_section_may_say_what_is_written_there() -> None:
    rules = parse_campaign(minimal_campaign_text("spring", extra=HANDOVER), "spring.yaml").handover
    assert (rules.slack_channel, rules.hubspot, rules.not_after_hours) == ("sales", True, 48)


def test_an_owner_may_be_asked_for_as_there() -> None:
    words = shlex.split(DECIDING.replace("'$(date -u +%F)'", "2026-11-30"))
    asked = OneLead.model_validate_json(words[words.index("-d") + 1])
    assert asked.campaign == "accounts-payable-launch"
    assert asked.lead is not None
    assert any(word.endswith("/api/v1/routing/decide") for word in words)


def test_the_reps_and_the_rules_for_owners_are_understood(tmp_path: Path) -> None:
    (tmp_path / "reps.csv").write_text(REPS)
    assert [len(rep.territories) for rep in reps_from_file(tmp_path / "reps.csv")] == [3, 3, 1, 2]
    ownership = parse_campaign(minimal_campaign_text("spring", extra=OWNERSHIP), "spring.yaml").ownership
    assert ownership is not None
    assert {*yaml.safe_load(OWNERSHIP)["ownership"]} <= ownership.model_fields_set


@pytest.mark.parametrize(
    "line",
    [
        line
        for typed in (COMMANDS, EXPERIMENTING, REPS_COMMANDS, DRY_RUNS, HANDING_OVER, PERMISSION)
        for line in typed.splitlines()
    ],
)
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
