"""A source of one's own, exactly as the README shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from leadflow_pipeline.harvest.collecting import collect_source
from leadflow_pipeline.harvest.sources.world import World
from leadflow_pipeline_tests.fakes.http import FakeServer, Received, Reply, json_reply
from leadflow_pipeline_tests.harvest.sources.asked import AskingWorld

README = Path(__file__).parents[3] / "README.md"
VISITORS = [{"mail": f"visitor{number}@leads.example", "firm": {"name": "Example"}} for number in range(25)]


class Fair(FakeServer):
    """Lists its visitors ten at a time, to whoever has the key."""

    prefix = "/api"

    def respond(self, received: Received) -> Reply:
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return json_reply({}, 401)
        first = int(received.first("after", "0"))
        visitors = VISITORS[first : first + 10]
        last = first + len(visitors)
        return json_reply({"visitors": visitors, "last": str(last), "has_more": last < len(VISITORS)})


def test_the_readme_s_source_reads_every_page_once(
    asking: AskingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(
        r"```python\n(.*?class \w+Source\(AskedSource\).*?)```", README.read_text("utf-8"), re.S
    )
    defined: dict[str, Any] = {"__name__": "fair"}
    exec(compile(code, "README.md", "exec", dont_inherit=True), defined)
    monkeypatch.setenv("LEADFLOW_FAIR_KEY", "test-key")
    asking.register()
    with Fair() as server:
        source = defined["FairSource"](
            name="fair", kind="fair", key_from="LEADFLOW_FAIR_KEY", base_url=server.url
        )
        world = World(asking.engine, asking.campaign, [source], asking.clock.now, asking.clock.wait)
        reports = [collect_source(world, source) for _ in range(2)]
    assert [(report.state, report.new) for report in reports] == [("done", 25), ("done", 0)]
    assert asking.emails("fair", "mail") == [visitor["mail"] for visitor in VISITORS]
    assert server.count("/visitors") == 4
