"""The shipped recipes: their campaign files are valid, and each n8n workflow fits the HTTP step that calls it."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from leadflow_pipeline.campaign import Campaign, parse_campaign
from leadflow_pipeline.enrich.rules import HttpRules

FOLDER = files("leadflow_pipeline.samples") / "recipes"
NAMES = ("saas", "insurance", "real-estate")


def campaign(name: str) -> Campaign:
    return parse_campaign((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def workflow(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.n8n.json").read_text(encoding="utf-8"))
    return content


def node(content: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = [node for node in content["nodes"] if node["type"] == f"n8n-nodes-base.{kind}"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_a_valid_campaign_that_pays_nobody_until_it_is_resumed(name):
    rules = campaign(name)
    assert rules.status == "paused"
    assert name in rules.enrichment.recipes
    assert all(step.budget.calls for step in rules.enrichment.http_steps)


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_can_be_imported_and_answers_when_it_has_come_to_its_end(name):
    content = workflow(name)
    assert {"id", "name", "nodes", "connections", "settings"} <= set(content)
    assert content["active"] is False
    names = [node["name"] for node in content["nodes"]]
    assert len(set(names)) == len(names)
    for node_ in content["nodes"]:
        assert {"id", "name", "type", "typeVersion", "position", "parameters"} <= set(node_)
        assert "credentials" not in node_
    hook, code, answer = (node(content, kind) for kind in ("webhook", "code", "respondToWebhook"))
    assert hook["parameters"]["responseMode"] == "responseNode"
    assert answer["parameters"]["respondWith"] == "firstIncomingItem"
    chain = {source: targets["main"][0][0]["node"] for source, targets in content["connections"].items()}
    assert chain == {hook["name"]: code["name"], code["name"]: answer["name"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_takes_what_its_step_sends_and_gives_what_it_takes(name):
    content = workflow(name)
    hook, code = node(content, "webhook")["parameters"], node(content, "code")["parameters"]["jsCode"]
    read = {first or second for first, second in re.findall(r"lead\['([\w.]+)'\]|lead\.(\w+)", code)}
    answered = set(re.findall(r"(\w+)(?=:)", code[code.index("return [") :])) | set(
        re.findall(r"^\s*(\w+),?$", code, re.M)
    )
    steps: tuple[HttpRules, ...] = campaign(name).enrichment.http_steps
    assert steps
    for step in steps:
        assert step.method == hook["httpMethod"]
        assert step.url.endswith(f"/webhook/{hook['path']}")
        assert read <= set(step.send), "the workflow reads what is not sent"
        for path in step.take.values():
            assert set(path.split(".")) <= answered, f"nothing in the workflow answers {path}"


def test_nobodys_secrets_or_machines_are_in_the_samples():
    for name in NAMES:
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8") + json.dumps(workflow(name))
        assert not re.search(r"/(home|root|tmp|work)/", text)
        assert set(re.findall(r"https?://([\w.:-]+)", text)) <= {"127.0.0.1:5678"}
