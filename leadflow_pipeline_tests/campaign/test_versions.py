"""Campaigns in a real database: versions, status, and two people registering at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import (
    VERSION_TAG,
    CampaignError,
    active_campaigns,
    campaign_status,
    differences,
    list_campaigns,
    load,
    parse_campaign,
    register,
    set_status,
    source_text,
    version_named_by,
)
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.schema import activity_log, campaign_versions
from leadflow_pipeline_tests.samples import minimal_campaign_text

SPRING = minimal_campaign_text()
HEAVIER = SPRING.replace("weight: 2", "weight: 3")


def test_every_change_is_a_version_and_old_ones_stay_readable(engine: Engine) -> None:
    first = register(engine, SPRING, "spring.yaml")
    second = register(engine, HEAVIER, "spring.yaml")
    back = register(engine, SPRING, "spring.yaml")

    assert [(made.version, made.is_new) for made in (first, second, back)] == [
        (1, True),
        (2, True),
        (3, True),
    ]
    assert load(engine, "spring").version == 3
    assert load(engine, "spring", 2).rules.ideal_customer_profile.criteria[0].weight == 3
    assert load(engine, "spring", 1).rules == first.rules == back.rules
    assert source_text(engine, "spring", 2) == HEAVIER


def test_comments_and_white_space_are_no_new_version(engine: Engine) -> None:
    register(engine, SPRING, "spring.yaml")

    again = register(engine, "# a comment\n" + SPRING.replace("weight: 2", "weight:  2.0"), "copy.yaml")

    assert (again.version, again.is_new) == (1, False)
    assert source_text(engine, "spring") == SPRING


def test_a_refused_file_leaves_no_trace(engine: Engine) -> None:
    with pytest.raises(CampaignError):
        register(engine, SPRING.replace("Europe/Berlin", "Europe/Berlim"), "spring.yaml")

    assert list_campaigns(engine) == ()


def test_registering_at_once_gives_consecutive_versions(engine: Engine) -> None:
    texts = [SPRING.replace("weight: 2", f"weight: {weight}") for weight in range(1, 13)]

    with ThreadPoolExecutor(6) as people:
        made = list(people.map(lambda text: register(engine, text, "spring.yaml"), texts))

    assert sorted(each.version for each in made) == list(range(1, 13))
    assert load(engine, "spring").version == 12
    with engine.connect() as connection:
        kept = connection.execute(select(campaign_versions.c.version, campaign_versions.c.source_text)).all()
    assert {row.version: row.source_text for row in kept} == {
        each.version: text for each, text in zip(made, texts, strict=True)
    }


def test_the_command_decides_until_the_file_changes_its_mind(engine: Engine) -> None:
    register(engine, SPRING, "spring.yaml")
    assert set_status(engine, "spring", "paused", actor="ida")
    assert not set_status(engine, "spring", "paused", actor="ida")

    register(engine, HEAVIER, "spring.yaml")
    assert campaign_status(engine, "spring") == "paused"

    register(engine, HEAVIER + "status: archived\n", "spring.yaml")
    assert campaign_status(engine, "spring") == "archived"

    assert set_status(engine, "spring", "active", actor="ida")
    register(engine, SPRING + "status: archived\n", "spring.yaml")
    assert campaign_status(engine, "spring") == "active"


def test_who_changed_the_status_is_on_record(engine: Engine) -> None:
    register(engine, SPRING, "spring.yaml", actor="ola")
    set_status(engine, "spring", "paused", actor="ida")

    query = select(activity_log.c["actor", "action", "campaign", "detail"]).order_by(
        activity_log.c.activity_id
    )
    with engine.connect() as connection:
        logged = [tuple(row) for row in connection.execute(query)]

    assert logged == [
        ("ola", "campaign.register", "spring", {"version": 1, "file": "spring.yaml"}),
        ("ida", "campaign.paused", "spring", {"status": "paused"}),
    ]


def test_only_active_campaigns_are_worked_on(engine: Engine) -> None:
    for slug in ("winter", "autumn", "summer"):
        register(engine, minimal_campaign_text(slug), f"{slug}.yaml")
    register(engine, minimal_campaign_text("later", extra="status: paused\n"), "later.yaml")
    set_status(engine, "summer", "archived", actor="ida")

    assert active_campaigns(engine) == ("autumn", "winter")
    assert [(each.campaign, each.name, each.status, each.version) for each in list_campaigns(engine)] == [
        ("autumn", "Campaign autumn", "active", 1),
        ("later", "Campaign later", "paused", 1),
        ("summer", "Campaign summer", "archived", 1),
        ("winter", "Campaign winter", "active", 1),
    ]


def test_what_does_not_exist_is_said_with_a_remedy(engine: Engine) -> None:
    with pytest.raises(PermanentError, match="there is no campaign 'spring'; register its file"):
        load(engine, "spring")
    register(engine, SPRING, "spring.yaml")

    with pytest.raises(PermanentError, match=r"there is no campaign 'sprign'; did you mean spring\?"):
        load(engine, "sprign")
    with pytest.raises(PermanentError, match="campaign 'spring' has no version 7; it has versions 1 to 1"):
        load(engine, "spring", 7)
    with pytest.raises(PermanentError, match="'sleeping' is no status of a campaign; use one of active"):
        set_status(engine, "spring", "sleeping", actor="ida")
    with pytest.raises(PermanentError, match="there is no campaign 'autumn'"):
        set_status(engine, "autumn", "paused", actor="ida")


def version_of_run(tags: dict[str, str]) -> int | None:
    """The version that a real run with these tags is told to use."""
    named = []

    @dg.asset
    def scored(context) -> None:  # type: ignore[no-untyped-def]  # Dagster takes no postponed annotation here
        named.append(version_named_by(context))

    dg.materialize([scored], tags=tags)
    return named[0]


def test_a_run_may_name_a_version() -> None:
    assert version_of_run({}) is None
    assert version_of_run({VERSION_TAG: "3"}) == 3
    with pytest.raises(PermanentError, match="is 'latest'; give it the number of a version"):
        version_of_run({VERSION_TAG: "latest"})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("weight: 2", "weight: 3", [("ideal_customer_profile.criteria[industry we know].weight", 2.0, 3.0)]),
        ("Europe/Berlin", "Europe/Lisbon", [("time_zone", "Europe/Berlin", "Europe/Lisbon")]),
        ("custom.plan: Plan", "custom.tariff: Plan", [
            ("sources[website].mapping.custom.tariff", None, "Plan"),
            ("sources[website].mapping.custom.plan", "Plan", None),
        ]),
        ("# nothing", "", []),
    ],
)  # fmt: skip
def test_a_difference_is_told_by_path(old: str, new: str, expected: list[tuple[str, Any, Any]]) -> None:
    before = parse_campaign(SPRING, "before")
    after = parse_campaign(SPRING.replace(old, new), "after")

    assert [(each.path, each.old, each.new) for each in differences(before, after)] == expected


def test_a_criterion_put_first_is_one_difference() -> None:
    added = "criteria:\n    - {name: new, field: city, equals: Oslo}"
    after = parse_campaign(SPRING.replace("criteria:", added), "after")

    changed = {each.path.split("]")[0] for each in differences(parse_campaign(SPRING, "before"), after)}

    assert changed == {"ideal_customer_profile.criteria[new"}
