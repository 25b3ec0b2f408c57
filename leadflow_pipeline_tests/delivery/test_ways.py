"""Slack and HubSpot through the outbox: what each answer makes of a message, and that nothing is there twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from leadflow_pipeline.delivery.dispatch import Dispatcher, DispatchSummary, dispatch_due, running_clock
from leadflow_pipeline.delivery.ways import HubSpotWay, JsonFolder, SlackWay, Way
from leadflow_pipeline_tests.delivery.owners_world import HOUR, NOW, TODAY, OwnersWorld
from leadflow_pipeline_tests.fakes.http import FakeServer
from leadflow_pipeline_tests.fakes.hubspot import FakeHubSpot
from leadflow_pipeline_tests.fakes.slack import OF_THE_MESSAGE, OF_THE_TOKEN, PERHAPS_DONE, FakeSlack

FORK = multiprocessing.get_context("fork")
NO_ANSWER = ("lost answer", "reset midway", "empty body", "truncated json", "gateway timeout", "server error")
"""Failures after which nobody can know from outside what was done."""


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    with FakeHubSpot(()) as server:
        yield server


@pytest.fixture
def ready(owners: OwnersWorld) -> OwnersWorld:
    """Two leads handed over: one message each, to Slack and to HubSpot."""
    owners.register(handover="{slack_channel: sales, hubspot: true, email: false}", sla="{warn_at: 0.99}")
    owners.rep("anke", slack_user="U0ANKE", hubspot_owner="4711")
    owners.plan({"lead-1": ["anke"], "lead-2": ["anke"]})
    owners.hand_over()
    return owners


def send(
    world: OwnersWorld, server: FakeServer, at: Any = NOW, at_point: Any = lambda _: None
) -> DispatchSummary:
    """A run of one channel: the other's messages stay."""
    waited: list[float] = []
    clock, summary = running_clock(at), DispatchSummary()
    engine = create_engine(world.engine.url)
    channel, kind = ("slack", SlackWay) if isinstance(server, FakeSlack) else ("hubspot", HubSpotWay)
    way: Way = kind(engine, server.url, "test-key", clock, waited.append, at_point)
    Dispatcher(engine, {channel: way}, clock, at_point).run(summary)
    engine.dispose()
    return summary


def states(world: OwnersWorld, channel: str) -> list[str]:
    return [row["state"] for row in world.messages(channel=channel, step=1)]


def test_a_new_lead_is_posted_with_its_brief(ready: OwnersWorld, slack: FakeSlack) -> None:
    assert send(ready, slack).sent == 2
    post = slack.posted[0]
    header, lines, _, points, foot = post["blocks"]
    assert post["channel"] == "sales"
    assert post["text"] == "<@U0ANKE> New lead: Ida Example, Example Ltd"
    assert header["text"]["text"] == "New lead: Ida Example, Example Ltd"
    assert "Please be in touch by Thu 7 May 2026, 11:30 (UTC)." in lines["text"]["text"]
    assert points["text"]["text"].count("•") == 8
    assert "lead-1 of spring" in foot["elements"][0]["text"]
    assert send(ready, slack, NOW + HOUR).sent == 0
    assert len(slack.posted) == 2


def test_what_a_lead_wrote_mentions_nobody_in_slack(owners: OwnersWorld, slack: FakeSlack) -> None:
    owners.register(handover="{slack_channel: owner, email: false}")
    owners.rep("anke", slack_user="sales")
    owners.plan(
        {"lead-1": ["anke"]}, fields={"full_name": "<!channel> & <@U1>", "company": "<b>", "job_title": "*x*"}
    )
    owners.hand_over()
    send(owners, slack)
    said = str(slack.posted[0]["blocks"][1:])
    assert "<!channel>" not in said
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in said


@pytest.mark.parametrize("error", [*OF_THE_MESSAGE[:4], "another error", "no name"])
def test_an_error_of_the_message_ends_it_and_says_why(
    ready: OwnersWorld, slack: FakeSlack, error: str
) -> None:
    slack.misbehave(error)
    summary = send(ready, slack)
    assert (summary.failed, summary.sent, states(ready, "slack")) == (1, 1, ["failed", "sent"])
    reason = ready.messages(channel="slack")[0]["state_reason"]
    assert "Ida" not in reason
    assert error in reason or error in ("another error", "no name")


@pytest.mark.parametrize(
    "error", [*OF_THE_TOKEN, "rate_limited", "ratelimited for long", "connection refused"]
)
def test_what_is_no_fault_of_the_message_holds_it(ready: OwnersWorld, slack: FakeSlack, error: str) -> None:
    slack.misbehave(error, times=9)
    summary = send(ready, slack)
    assert (summary.sent, states(ready, "slack")) == (0, ["planned", "planned"])
    assert ("LEADFLOW_SLACK_TOKEN" in summary.problems["slack"]) == (error in OF_THE_TOKEN)
    assert not summary.is_server_unreachable
    slack.recover()
    assert send(ready, slack, NOW + 2 * HOUR).sent == 2


def test_a_moment_too_many_requests_is_waited_for(ready: OwnersWorld, slack: FakeSlack) -> None:
    slack.misbehave("ratelimited")
    assert send(ready, slack).sent == 2
    assert len(slack.posted) == 2


@pytest.mark.parametrize("kind", [*NO_ANSWER, *PERHAPS_DONE])
def test_a_post_without_an_answer_is_unknown_and_never_sent_again(
    ready: OwnersWorld, slack: FakeSlack, kind: str
) -> None:
    slack.misbehave(kind)
    assert (send(ready, slack).unknown, states(ready, "slack")) == (1, ["unknown", "sent"])
    send(ready, slack, NOW + 3 * HOUR)
    assert states(ready, "slack") == ["unknown", "sent"]
    assert len([post for post in slack.posted if "lead-1" in str(post)]) <= 1


def test_a_contact_is_put_in_with_its_owner_and_a_task(ready: OwnersWorld, hubspot: FakeHubSpot) -> None:
    hubspot.put["lead-2@leads.example"] = {"email": "lead-2@leads.example", "company": "As a person wrote it"}
    assert send(ready, hubspot).sent == 2
    fresh, known = hubspot.put["lead-1@leads.example"], hubspot.put["lead-2@leads.example"]
    assert (fresh["hubspot_owner_id"], fresh["company"], fresh["jobtitle"]) == (
        "4711",
        "Example Ltd",
        "Head of Sales",
    )
    assert (known["hubspot_owner_id"], known["company"]) == ("4711", "As a person wrote it")
    task = hubspot.tasks[0]
    assert task["properties"]["hs_task_subject"] == "New lead: Ida Example, Example Ltd"
    assert task["properties"]["hs_timestamp"] == "2026-05-07T11:30:00.000Z"
    assert task["associations"][0]["to"] == {"id": "10001"}


@pytest.mark.parametrize("kind", ["lost answer", "empty body", "gateway timeout"])
def test_a_task_without_an_answer_is_looked_for_and_never_doubled(
    ready: OwnersWorld, hubspot: FakeHubSpot, kind: str
) -> None:
    hubspot.search_knows = False
    hubspot.misbehave(kind, path="/tasks")
    assert (send(ready, hubspot).unknown, states(ready, "hubspot")) == (1, ["unknown", "sent"])
    send(ready, hubspot, NOW + HOUR)
    assert states(ready, "hubspot") == ["unknown", "sent"]
    hubspot.search_knows = True
    send(ready, hubspot, NOW + 2 * HOUR)
    assert (states(ready, "hubspot"), len(hubspot.tasks)) == (["sent", "sent"], 2)


def test_putting_a_contact_in_is_repeated_until_it_is_answered(
    ready: OwnersWorld, hubspot: FakeHubSpot
) -> None:
    hubspot.misbehave("lost answer", times=2, path="/contacts")
    assert (send(ready, hubspot).sent, len(hubspot.tasks), len(hubspot.put)) == (2, 2, 2)


def test_a_contact_that_is_refused_ends_the_message(ready: OwnersWorld, hubspot: FakeHubSpot) -> None:
    hubspot.misbehave("some refused", path="/contacts")
    assert (send(ready, hubspot).failed, len(hubspot.tasks)) == (1, 1)
    reason = ready.messages(channel="hubspot")[0]["state_reason"]
    assert "VALIDATION_ERROR" in reason
    assert "leads.example" not in reason


@pytest.mark.parametrize("kind", ["bad key", "missing scope"])
def test_a_token_that_hubspot_refuses_holds_everything(
    ready: OwnersWorld, hubspot: FakeHubSpot, kind: str
) -> None:
    hubspot.misbehave(kind, times=9)
    summary = send(ready, hubspot)
    assert (summary.sent, states(ready, "hubspot")) == (0, ["planned", "planned"])
    assert summary.problems["hubspot"].startswith("hubspot refused with status 40")


def test_a_lead_that_has_gone_on_is_not_put_under_its_former_owner(
    ready: OwnersWorld, hubspot: FakeHubSpot
) -> None:
    ready.rep("tom", hubspot_owner="4712")
    ready.plan({"lead-1": ["tom"]}, day=TODAY, number=2, status="REASSIGNED")
    ready.hand_over(NOW + timedelta(days=1))
    assert send(ready, hubspot, NOW + timedelta(days=1)).suppressed == 1
    assert hubspot.put["lead-1@leads.example"]["hubspot_owner_id"] == "4712"


def work(world: OwnersWorld, server: FakeServer, at: Any, point: str) -> None:
    def at_point(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    send(world, server, at, at_point)
    os._exit(0)


@pytest.mark.parametrize("channel", ["slack", "hubspot"])
@pytest.mark.parametrize("point", ["claimed", "asked", "before_wire", "on_wire", "accepted", "settled"])
def test_a_dispatcher_killed_at_any_point_doubles_nothing(
    ready: OwnersWorld, slack: FakeSlack, hubspot: FakeHubSpot, channel: str, point: str
) -> None:
    server: Any = slack if channel == "slack" else hubspot
    killed = FORK.Process(target=work, args=(ready, server, NOW, point), daemon=True)
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    send(ready, server, NOW + HOUR)
    send(ready, server, NOW + 2 * HOUR)
    there = [str(post) for post in (slack.posted if channel == "slack" else hubspot.tasks)]
    assert all(sum(lead in post for post in there) <= 1 for lead in ("lead-1", "lead-2"))
    is_open = point == "on_wire" or (point == "accepted" and channel == "slack")
    assert states(ready, channel) == (["unknown", "sent"] if is_open else ["sent", "sent"])


def test_one_channel_that_is_away_holds_no_other(ready: OwnersWorld, tmp_path: Path) -> None:
    with FakeSlack() as server:
        away = server.url
    settings = ready.settings.model_copy(update={"slack_url": away})
    assert settings.slack_token is None
    clock, summary = running_clock(NOW), DispatchSummary()
    ways: dict[str, Way] = {
        "slack": SlackWay(ready.engine, away, "test-key", clock, [].append),
        "hubspot": JsonFolder(tmp_path / "outbox"),
    }
    Dispatcher(ready.engine, ways, clock).run(summary)
    assert (summary.sent, set(summary.problems), states(ready, "slack")) == (2, {"slack"}, ["planned"] * 2)
    assert dispatch_due(ready.engine, ready.settings, NOW + HOUR).sent == 2
