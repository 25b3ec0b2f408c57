"""A changed campaign file tried on the shipped B2B campaign: nothing is written, and a backfill does what was said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine, func, insert, select
from typer.testing import CliRunner, Result

from leadflow_pipeline.campaign import load, parse_campaign, register, source_text
from leadflow_pipeline.cli import app
from leadflow_pipeline.cli.demo import add_campaigns, import_b2b, import_b2b_reps
from leadflow_pipeline.cli.demo_steps import Changes, last_record_day
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.replay import replay, replayable_days, replayed_state, stored_state
from leadflow_pipeline.insight.what_if import compare_states
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.samples import B2B_REPS
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import add_outcomes, add_override
from leadflow_pipeline.store.partitions import latest_before, read_partitions
from leadflow_pipeline_tests.invented_models import crown, invented_model, keep

TABLES = (
    schema.scored_leads,
    schema.qualified_leads,
    schema.routed_leads,
    schema.experiment_arms,
    schema.experiment_exposures,
    schema.owner_decisions,
    schema.rep_days,
)
WRITTEN = (
    schema.campaign_versions,
    schema.partition_lineage,
    schema.activity_log,
    *schema.DERIVED_TABLES,
)


class Computed:
    """The B2B campaign with its 14 days computed, a lead won and one whose owner a person named."""

    def __init__(self, engine: Engine, instance: dg.DagsterInstance) -> None:
        self.engine, self.instance = engine, instance
        _, self.campaign = add_campaigns(engine)
        import_b2b(engine, self.campaign, Changes())
        import_b2b_reps(engine)
        last_day = last_record_day(engine, self.campaign)
        assert last_day is not None
        self.days = PartitionRange(self.campaign, days_between((last_day - pd.Timedelta(days=13)), last_day))
        self.materialize()
        self.decide()
        self.materialize(*(table.name for table in TABLES))
        self.file = source_text(engine, self.campaign)

    def decide(self) -> None:
        moment = datetime(*self.days.days[6].timetuple()[:3], 12, tzinfo=UTC)
        after = self.days.days[4]
        known = latest_before(self.engine, schema.scored_leads, self.campaign, after, columns=["lead_id"])[
            "lead_id"
        ].tolist()
        add_override(
            self.engine, campaign=self.campaign, lead_id=known[0], field="owner", value="rep-7", actor="Ida",
            reason="knows them", occurred_at=moment,
        )  # fmt: skip
        won = pd.DataFrame(
            {"lead_id": [known[1]], "outcome": "won", "occurred_at": [pd.Timestamp(moment)], "value": [100.0]}
        )
        add_outcomes(self.engine, won.assign(campaign=self.campaign, origin="test"))

    def materialize(self, *tables: str) -> None:
        assert dg.materialize(
            list(STAGE_ASSETS),
            instance=self.instance,
            resources=build_defs().resources,
            tags=self.days.tags,
            run_config=QUIET,
            selection=list(tables) or None,
        ).success

    def stored(self, days: PartitionRange) -> dict[str, pd.DataFrame]:
        return {table.name: read_partitions(self.engine, table, self.campaign, days.days) for table in TABLES}

    def counts(self) -> dict[str, int]:
        with self.engine.connect() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in WRITTEN
            }


@pytest.fixture
def computed(engine: Engine) -> Iterator[Computed]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["accounts-payable-launch"])
        yield Computed(engine, instance)


def changed_file(text: str) -> str:
    """Other weights, a limit of leads a day (so that who is routed when depends on the days before), other tiers."""
    changed = text.replace("fit_weight: 0.65", "fit_weight: 0.45\n  points: {email_click: 9}")
    changed = changed.replace("hot_tier_min_score: 0.85", "hot_tier_min_score: 0.80\n  max_leads: 3")
    assert changed.count("max_leads") == changed.count("email_click: 9") == 1
    return changed


def assert_same_rows(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    """Equal but for the version, which a replay has none of; JSON compared by what it says."""
    for name, frame in expected.items():
        readable = [
            each.drop(columns="campaign_version").assign(
                **{
                    column: each[column].map(json.loads)
                    for column in ("score_breakdown", "reasons", "candidates", "rotation", "detail")
                    if column in each
                }
            )
            for each in (found[name], frame)
        ]
        pd.testing.assert_frame_equal(*readable, check_exact=True)


def try_file(text: str, folder: Path, *arguments: str) -> Result:
    path = folder / "new.yaml"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(app, ["score", "--what-if", str(path), *arguments])


def test_a_replay_is_what_a_backfill_stores_and_writes_nothing(computed: Computed, tmp_path: Path) -> None:
    engine, campaign = computed.engine, computed.campaign
    before = computed.counts()
    later = replayable_days(engine, campaign, computed.days.days[5], None)

    same = load(engine, campaign).rules
    assert_same_rows(replay(engine, computed.days, same).rows, computed.stored(computed.days))
    assert_same_rows(replay(engine, later, same).rows, computed.stored(later))
    for arguments in ([], [campaign, "--from", str(later.first_day), "--to", str(later.last_day)]):
        told = try_file(computed.file, tmp_path, *arguments)
        assert told.exit_code == 0, told.output
        assert "Nothing would change: 100 leads" in told.stdout
        report = json.loads(try_file(computed.file, tmp_path, *arguments, "--json").stdout)
        assert (report["changed"], report["most_changed"], report["notes"]) == (0, [], [])
        assert report["score_change"] == dict.fromkeys(report["score_change"], 0.0)

    text = changed_file(computed.file)
    replayed = replay(engine, computed.days, parse_campaign(text, "new.yaml"))
    said = json.loads(try_file(text, tmp_path, "--most", "200", "--json").stdout)
    shown = try_file(text, tmp_path)
    assert shown.exit_code == 0
    assert "leads.example" not in shown.output
    old = stored_state(engine, computed.days)
    foreseen = replayed_state(engine, replayed)
    assert computed.counts() == before, "trying a file writes nothing"
    assert_same_rows(replay(engine, computed.days, same).rows, computed.stored(computed.days))

    register(engine, text, "new.yaml")
    computed.materialize(*(table.name for table in TABLES))
    assert_same_rows(replayed.rows, computed.stored(computed.days))
    new = stored_state(engine, computed.days)
    pd.testing.assert_frame_equal(foreseen, new, check_exact=True)
    assert said["changed"] == compare_states(old, new).changed > 0
    named = {row["lead_id"]: row for row in said["most_changed"]}
    moved = old.merge(new, on="lead_id", suffixes=("_old", "_new"))
    for row in moved[moved["score_old"] != moved["score_new"]].itertuples():
        assert named[row.lead_id]["change"] == pytest.approx(row.score_new - row.score_old, abs=1e-9)
    tiers = {(move["before"], move["after"]): move["leads"] for move in said["transitions"]["tier"]}
    truly = moved.fillna({"tier_old": "none", "tier_new": "none"}).query("tier_old != tier_new")
    assert tiers == truly.groupby(["tier_old", "tier_new"]).size().to_dict()
    assert tiers

    a_model_and_reps_are_tried_before_they_count(computed, tmp_path)


def a_model_and_reps_are_tried_before_they_count(computed: Computed, folder: Path) -> None:
    """On the same computed days: they take a while to compute."""
    engine, campaign = computed.engine, computed.campaign
    model = invented_model()
    version = keep(engine, campaign, computed.days.first_day, model)
    later = keep(engine, campaign, computed.days.last_day, invented_model(base=-2.5))

    told = CliRunner().invoke(app, ["score", campaign, "--model", version[:12], "--json"])
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert said["rescored"] > 50
    assert said["notes"] == []
    of_later = CliRunner().invoke(app, ["score", campaign, "--model", later[:12]])
    assert f"knows what happened before {computed.days.last_day}" in of_later.stdout
    foreseen = replay(engine, computed.days, load(engine, campaign).rules, version)
    crown(engine, campaign, computed.days.first_day, model)
    computed.materialize(*(table.name for table in TABLES))
    assert_same_rows(foreseen.rows, computed.stored(computed.days))
    back = CliRunner().invoke(app, ["score", campaign, "--model", "none", "--json"])
    assert back.exit_code == 0, (back.output, back.exception)
    assert json.loads(back.stdout)["rescored"] == said["rescored"]
    nothing = CliRunner().invoke(app, ["score", campaign])
    assert "there is nothing to try" in str(nothing.exception)

    dry_runs_move_whom_they_should_and_write_nothing(computed, folder)


def dry_runs_move_whom_they_should_and_write_nothing(computed: Computed, folder: Path) -> None:
    """`leadflow route`, on the same computed days."""
    engine, campaign = computed.engine, computed.campaign
    same, other = folder / "same.csv", folder / "other.csv"
    text = B2B_REPS.read_text(encoding="utf-8")
    same.write_text(text, encoding="utf-8")
    # In the same place of the order of ids, by which ties are broken.
    other.write_text(text.replace("tom.hargreaves@", "tom.other@"), encoding="utf-8")
    before = computed.counts()

    def tried(*arguments: str) -> dict[str, Any]:
        told = CliRunner().invoke(app, ["route", campaign, *arguments, "--json"])
        assert told.exit_code == 0, told.output
        return json.loads(told.stdout)

    late = ["--from", str(computed.days.days[-4])]
    nobody = tried("--reps", str(same), *late)
    assert nobody["leads"] > 0
    assert (nobody["moved"], nobody["gained"], nobody["lost"], nobody["transitions"]) == (0, 0, 0, [])
    assert nobody["earned"]["wins"]["difference"] == {"expected": 0.0, "low": 0.0, "high": 0.0}
    assert nobody["planned"]["before"] == nobody["planned"]["after"]
    decided = latest_before(
        engine, schema.owner_decisions, campaign, computed.days.last_day + timedelta(days=1)
    )
    his = decided.loc[decided["owner"] == "tom.hargreaves@leads.example", "lead_id"]
    told = decided[decided["lead_id"].isin(his)].iloc[0]
    with engine.begin() as connection:
        connection.execute(
            insert(schema.handoffs).values(
                campaign=campaign, lead_id=told["lead_id"], assignment_number=told["assignment_number"],
                rep=told["owner"], planned_rep=told["owner"], decision_day=told["day"].date(), origin="pipeline",
                reason="as planned",
            )
        )  # fmt: skip
    swapped = tried("--reps", str(other), "--most", "200")
    assert {lead["lead_id"] for lead in swapped["most_valuable"]} == set(his)
    assert {(move["before"], move["after"]) for move in swapped["transitions"]} == {
        ("tom.hargreaves@leads.example", "tom.other@leads.example")
    }
    assert swapped["planned"]["after"]["value"] <= swapped["planned"]["after"]["bound"] + 0.1
    assert "1 lead of these days was told" in swapped["notes"][0]
    assert any("nothing is known of tom.other" in note for note in swapped["notes"])
    # Whoever has left loses a lead that was told all the same; who only has no room any more keeps it.
    full = folder / "full.csv"
    full.write_text(text.replace("GB IE,,20", "GB IE,,0"), encoding="utf-8")
    assert tried("--reps", str(full), "--honour-handoffs")["lost"] == len(his) - 1
    rules = folder / "rules.yaml"
    rules.write_text(
        source_text(engine, campaign).replace(
            "territory: require", "territory: ignore\n  strategy: round_robin"
        ),
        encoding="utf-8",
    )
    shown = CliRunner().invoke(app, ["route", campaign, "--what-if", str(rules), *late])
    assert shown.exit_code == 0, shown.output
    assert "would have another owner" in shown.stdout
    assert "leads.example" not in shown.stdout.split("What this cannot know")[0]
    assert computed.counts() == before, "a dry run writes nothing"
    nothing = CliRunner().invoke(app, ["route", campaign])
    assert "there is nothing to try" in str(nothing.exception)
    before_all = CliRunner().invoke(
        app, ["route", campaign, "--reps", str(same), "--reps-from", "2020-01-01"]
    )
    assert "is not among the days" in str(before_all.exception)


def test_what_cannot_be_replayed_is_refused_in_a_sentence(engine: Engine, tmp_path: Path) -> None:
    _, campaign = add_campaigns(engine)
    text = source_text(engine, campaign)
    nothing_yet = try_file(text, tmp_path)
    assert isinstance(nothing_yet.exception, PermanentError)
    assert "no day of accounts-payable-launch has been computed" in str(nothing_yet.exception)
    unknown = try_file(text, tmp_path, "nowhere")
    assert "there is no campaign 'nowhere'" in str(unknown.exception)
    broken = try_file(text.replace("threshold: 60", "threshold: 160"), tmp_path)
    assert "new.yaml" in str(broken.exception)
    assert broken.exit_code == 1


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (date(2026, 5, 3), date(2026, 5, 2), "exchange them"),
        (date(2026, 4, 30), None, "are 2026-05-01 to 2026-05-03"),
        (None, date(2026, 5, 4), "are 2026-05-01 to 2026-05-03"),
    ],
)
def test_only_days_that_were_computed_are_replayed(
    engine: Engine, campaign, first: date | None, last: date | None, sentence: str
) -> None:
    from leadflow_pipeline.store.frames import empty
    from leadflow_pipeline.store.partitions import replace_partitions

    days = days_between(date(2026, 5, 1), date(2026, 5, 3))
    replace_partitions(
        engine,
        schema.routed_leads,
        campaign(),
        days,
        empty(schema.routed_leads),
        campaign_version=1,
        run_id="x",
    )
    with pytest.raises(PermanentError, match=sentence):
        replayable_days(engine, "spring-sale", first, last)
    assert len(replayable_days(engine, "spring-sale", None, None).days) == 3
