"""Whatever stands anywhere in a campaign file: it is taken, or refused with a line, and never a crash."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline.campaign.document import Document, read_document
from leadflow_pipeline_tests.samples import minimal_campaign_text

JUNK = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        10**17,
        "",
        "no",
        "x" * 300,
        "{{ x }}",
        "{% if %}",
        [],
        [[]],
        {},
        {"a": 1},
        [{"a": []}],
    ]
)


def whole_document() -> Document:
    """A campaign that says something in every section."""
    extra = textwrap.dedent("""
        status: active
        goal: {description: d, targets: {won: 3}}
        scoring:
          points: {company: 5}
          caps: {source: 5}
          temperature: {hot: 50}
          groups: {usage: 20}
          dimensions: {company_match: 5}
          factors:
            - {name: a, points: 3, field: custom.plan, between: [1, 2], valid_from: 2026-01-01}
            - {name: b, points: 3, behaviour: [visit, click], group: usage, within_days: 7, counted: 3}
            - {name: c, points: 3, behaviour: visit, days_since_last: {between: [1, 2]}}
        qualification: {required_fields: [email], filters: [{name: f, field: country, one_of: [NO]}]}
        routing:
          intent_signals: {custom.plan: 0.5}
          hot_sequence: {name: H, sequence_type: aggressive_close, duration_days: 7, email_count: 1, goal: g}
        nurture:
          words: {offer: tea}
          send_window: {start: "08:00"}
          sequences:
            aggressive_close: {emails: [{delay_days: 0, subject: "{{ offer }}", text: a, html: b}]}
        """)
    text = minimal_campaign_text(extra=extra).replace(
        "channel: inbound", "channel: inbound\n    outcome: {column: y}\n    missing_by_field: {email: [x]}"
    )
    parse_campaign(text, "whole.yaml")
    return read_document(text, "whole.yaml")


WHOLE = whole_document()


def replaced(content: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The content with another value at a path."""
    if not path:
        return value
    changed = content.copy()
    changed[path[0]] = replaced(content[path[0]], path[1:], value)
    return changed


@given(st.sampled_from(sorted(WHOLE.lines, key=str)), JUNK)
@settings(max_examples=250)
def test_whatever_stands_in_a_place_is_taken_or_refused_there(path: tuple[str | int, ...], junk: Any) -> None:
    text = json.dumps(replaced(WHOLE.content, path, junk), indent=1)

    refused: CampaignError | None = None
    try:
        parse_campaign(text, "spring.json")
    except CampaignError as error:
        refused = error

    if refused is not None:
        lines = text.count("\n") + 1
        assert all(1 <= problem.line <= lines for problem in refused.problems)
        assert all(line.startswith("spring.json:") for line in str(refused).splitlines())
