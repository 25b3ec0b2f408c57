"""The registry: what is kept stays as it was, and who scores a day is decided once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select, text, update

from leadflow_pipeline.campaign import register as register_campaign
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.score import model_registry as registry
from leadflow_pipeline.store.due_days import due_days
from leadflow_pipeline.store.schema import activity_log, conversion_models
from leadflow_pipeline_tests.invented_models import (
    as_trained,
    compute_empty_days,
    invented_model,
    register_model,
)
from leadflow_pipeline_tests.samples import minimal_campaign_text

MONDAY = date(2026, 5, 4)
TUESDAY, WEDNESDAY, SUNDAY = (MONDAY + timedelta(days=days) for days in (1, 2, 6))


@pytest.fixture
def store(engine: Engine) -> Engine:
    """With a campaign."""
    register_campaign(engine, minimal_campaign_text("spring"), "spring.yaml")
    return engine


def promote(store: Engine, version: str | None, day: date) -> None:
    registry.promote(store, "spring", version, day, actor="ida", reason="because")


def champions(store: Engine, *days: date, named: str | None = None) -> list[str | None]:
    return [*registry.champions(store, "spring", days, named).values()]


def test_a_kept_model_comes_back_the_same(store: Engine) -> None:
    model = invented_model()
    trained = as_trained(model, MONDAY)
    registry.register(store, trained, model)
    registry.register(store, replace(trained, wins=1), model)

    assert registry.registered(store, "spring") == [trained]
    assert registry.load_model(store, "spring", trained.model_version).to_json() == model.to_json()


def test_models_are_listed_the_latest_first(store: Engine) -> None:
    old, new = register_model(store, MONDAY), register_model(store, SUNDAY, base=-1)

    assert [model.model_version for model in registry.registered(store, "spring")] == [new, old]


def test_without_a_promotion_the_rules_score_alone(store: Engine) -> None:
    register_model(store, MONDAY)

    assert champions(store, MONDAY, SUNDAY) == [None, None]


def test_a_champion_scores_from_its_day_until_the_next(store: Engine) -> None:
    first, second = register_model(store, MONDAY), register_model(store, MONDAY, base=-1)
    promote(store, second, WEDNESDAY)
    promote(store, first, MONDAY)

    assert champions(store, MONDAY - timedelta(days=1), MONDAY, TUESDAY, WEDNESDAY, SUNDAY) == [
        None, first, first, second, second,
    ]  # fmt: skip


def test_of_two_promotions_for_a_day_the_later_decision_holds(store: Engine) -> None:
    first, second = register_model(store, MONDAY), register_model(store, MONDAY, base=-1)
    promote(store, second, TUESDAY)
    promote(store, first, TUESDAY)
    assert champions(store, TUESDAY) == [first]

    promote(store, None, TUESDAY)
    assert champions(store, TUESDAY) == [None]


def test_a_run_may_name_another_model_or_none(store: Engine) -> None:
    champion, other = register_model(store, MONDAY), register_model(store, MONDAY, base=-1)
    promote(store, champion, MONDAY)

    assert champions(store, MONDAY, named=other[:8]) == [other]
    assert champions(store, MONDAY, named="none") == [None]


def test_a_model_scores_no_day_whose_facts_it_knows(store: Engine) -> None:
    version = register_model(store, TUESDAY)

    with pytest.raises(PermanentError, match="knows what happened up to 2026-05-05, so it cannot score"):
        promote(store, version, MONDAY)
    assert registry.promotions(store, "spring") == []


def test_a_model_that_is_not_registered_is_not_promoted(store: Engine) -> None:
    with pytest.raises(PermanentError, match="spring has no model"):
        promote(store, "0" * 64, MONDAY)


def test_an_artifact_that_was_changed_is_refused(store: Engine) -> None:
    version = register_model(store, MONDAY)
    artifact = conversion_models.c.artifact
    with store.begin() as connection:
        changed = connection.scalar(select(artifact)).replace("1.5", "2.5")
        connection.execute(update(conversion_models).values(artifact=changed))

    with pytest.raises(PermanentError, match="is not what was trained"):
        registry.load_model(store, "spring", version)


def test_a_version_is_named_by_its_beginning_if_that_is_clear(store: Engine) -> None:
    version = register_model(store, MONDAY)
    with store.begin() as connection:
        twin = version[:10] + "0" * 54
        connection.execute(
            text(
                "INSERT INTO leadflow.conversion_models SELECT (twin).* FROM (SELECT jsonb_populate_record(kept, "
                "jsonb_build_object('model_version', cast(:twin AS text))) AS twin "
                "FROM leadflow.conversion_models AS kept) AS twins"
            ),
            {"twin": twin},
        )

    assert registry.full_version(store, "spring", version[:11]) == version
    with pytest.raises(PermanentError, match="several models whose version begins with"):
        registry.full_version(store, "spring", version[:10])
    with pytest.raises(PermanentError, match="give 6 characters or more"):
        registry.full_version(store, "spring", version[:5])
    with pytest.raises(PermanentError, match="no model whose version begins with 'nothing'"):
        registry.full_version(store, "spring", "nothing")


def test_a_promotion_is_on_record(store: Engine) -> None:
    version = register_model(store, MONDAY)
    promote(store, version, TUESDAY)
    promote(store, None, WEDNESDAY)

    log = activity_log.c
    with store.connect() as connection:
        noted = connection.execute(
            select(log.actor, log.action, log.campaign, log.detail)
            .where(log.action.like("model.%"))
            .order_by(log.activity_id)
        ).all()
    assert [tuple(each) for each in noted] == [
        ("ida", "model.promote", "spring", {"model_version": version, "from_day": "2026-05-05"}),
        ("ida", "model.promote", "spring", {"model_version": "none", "from_day": "2026-05-06"}),
    ]


def test_reigns_join_what_stays_the_same(store: Engine) -> None:
    first, second = register_model(store, MONDAY), register_model(store, MONDAY, base=-1)
    for version, day in ((first, MONDAY), (first, TUESDAY), (second, WEDNESDAY), (None, SUNDAY)):
        promote(store, version, day)

    assert registry.reigns(registry.promotions(store, "spring")) == [
        registry.Reign(first, MONDAY, TUESDAY),
        registry.Reign(second, WEDNESDAY, SUNDAY - timedelta(days=1)),
        registry.Reign(None, SUNDAY, None),
    ]


def test_going_back_leads_to_the_model_before_and_at_last_to_the_rules(store: Engine) -> None:
    first, second = register_model(store, MONDAY), register_model(store, MONDAY, base=-1)

    def before(day: date) -> str | None:
        return registry.champion_before(registry.promotions(store, "spring"), day)

    promote(store, first, MONDAY)
    assert before(MONDAY) is None
    promote(store, second, TUESDAY)
    assert before(TUESDAY) == first
    assert before(MONDAY) is None
    promote(store, first, WEDNESDAY)
    assert before(WEDNESDAY) is None
    promote(store, None, SUNDAY)
    promote(store, second, SUNDAY + timedelta(days=1))
    assert before(SUNDAY + timedelta(days=1)) is None


@pytest.mark.parametrize(("from_day", "is_due"), [(MONDAY, True), (WEDNESDAY, False)])
def test_a_promotion_makes_only_days_due_that_it_reaches(store: Engine, from_day: date, is_due: bool) -> None:
    compute_empty_days(store, MONDAY, TUESDAY)
    assert due_days(store, MONDAY, TUESDAY) == []
    promote(store, register_model(store, MONDAY), from_day)

    assert bool(due_days(store, MONDAY, TUESDAY)) is is_due
