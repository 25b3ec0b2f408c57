"""Experiments in Dagster: one page a campaign, made again after its daily tables changed, with two alarms.

What belongs here: showing, and deciding for a winner on whom everything agrees, where the campaign file says so. What
does not: concluding (`analysis`), words and tables (`page`). Metadata are counts, rates and names of variants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.life_cycle import latest
from leadflow_pipeline.insight import pages
from leadflow_pipeline.insight.assets import AFTER_THE_DAILY_RUN
from leadflow_pipeline.partitions import campaign_partitions, last_complete_day
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.experiment_states import change_state, read_changes
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import as_run_step
from leadflow_pipeline.store.stage_asset import OWNERS

if TYPE_CHECKING:
    from leadflow_pipeline.insight.experiments.results import Results

ASSET = "experiment_results"
ACTOR = "experiment results"
ARMS_AS_WEIGHTED = "arms_as_weighted"
NO_GUARDRAIL_HARMED = "no_guardrail_harmed"

DESCRIPTIONS = {
    ARMS_AS_WEIGHTED: (
        "Each variant has as many leads as its weight says. If not, leads are lost or counted twice in one of them, "
        "and no result of the experiment is to be believed."
    ),
    NO_GUARDRAIL_HARMED: (
        "No variant makes more leads unsubscribe, complain, bounce or be lost. If one does, stop the experiment: "
        "leadflow experiment stop CAMPAIGN KEY."
    ),
}


@dg.asset(
    name=ASSET,
    partitions_def=campaign_partitions,
    deps=[
        dg.AssetDep(table.name, partition_mapping=dg.MultiToSingleDimensionPartitionMapping("campaign"))
        for table in (schema.experiment_exposures, schema.experiment_arms)
    ],
    check_specs=[
        dg.AssetCheckSpec(name, asset=ASSET, description=text) for name, text in DESCRIPTIONS.items()
    ],
    group_name="insight",
    owners=list(OWNERS),
    kinds={"python", "markdown"},
    automation_condition=AFTER_THE_DAILY_RUN,
    description="What came of each experiment: effects with intervals, boundaries, alarms, and who wins.",
)
@as_run_step
def experiment_results(
    context: dg.AssetExecutionContext, store: StoreResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Judges every experiment of a campaign, and keeps the page as one HTML file; the Dagster UI shows it too."""
    from leadflow_pipeline.insight.experiments.reading import results_of

    campaign, today = context.partition_key, datetime.now(UTC).date()
    found = results_of(store.engine, campaign, last_complete_day(datetime.now(UTC)))
    decided = decide_winners(store.engine, campaign, found, today)
    for words in decided:
        context.log.info(words)
    title, sections, drawn = page_of(campaign, found)
    path = get_settings().home.resolve() / "reports" / f"{campaign}-experiments.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pages.html_page(title, sections, drawn), encoding="utf-8")
    yield dg.MaterializeResult(
        metadata={
            "experiments": dg.MetadataValue.md(pages.markdown_page(title, sections, drawn)),
            "page": dg.MetadataValue.path(path),
            "decided": "; ".join(decided) or "nothing",
            **numbers_of(found),
        },
        check_results=list(verdicts(campaign, found)),
    )


def page_of(
    campaign: str, found: Sequence[Results]
) -> tuple[str, dict[str, pages.Section], dict[str, bytes]]:
    """Title, sections and pictures of all experiments of a campaign, those that run first."""
    from leadflow_pipeline.insight.experiments.page import plots_of, sections_of, title_of

    title = f"Experiments of {campaign}"
    if not found:
        return (
            title,
            {"None yet": "The campaign file declares no experiment: add a section experiments: to it."},
            {},
        )
    sections: dict[str, pages.Section] = {}
    drawn: dict[str, bytes] = {}
    for results in sorted(found, key=lambda each: each.standing.state != "running"):
        of_one = title_of(results)
        prefix = "" if len(found) == 1 else f"{results.experiment.key}: "
        parts = sections_of(results)
        verdict = parts.pop("Verdict")
        sections[of_one] = verdict
        sections |= {f"{prefix}{heading}": section for heading, section in parts.items()}
        drawn |= {f"{prefix}{heading}": picture for heading, picture in plots_of(results).items()}
    return title, sections, drawn


def decide_winners(engine: Engine, campaign: str, found: Sequence[Results], today: date) -> list[str]:
    """Decides from tomorrow on for winners of experiments that decide by themselves; what was done, in words."""
    from leadflow_pipeline.insight.experiments.analysis import is_won

    decided = []
    for results in found:
        experiment, verdict = results.experiment, results.verdict
        if not (experiment.auto_decide and is_won(results) and experiment.bandit is None):
            continue
        if latest(read_changes(engine, campaign), experiment.key).state != "running":
            continue
        tomorrow = today + timedelta(days=1)
        try:
            change_state(
                engine,
                campaign,
                experiment,
                load(engine, campaign).rules.experiments,
                "decided",
                tomorrow,
                actor=ACTOR,
                reason=verdict.words,
                winner=verdict.winner,
            )
        except PermanentError as refusal:  # somebody else decided in the meantime
            decided.append(str(refusal))
            continue
        decided.append(f"{experiment.key} is decided for {verdict.winner} from {tomorrow} on")
    return decided


def numbers_of(found: Sequence[Results]) -> dict[str, Any]:
    """Numbers that the UI draws over time."""
    numbers: dict[str, Any] = {}
    for results in found:
        key, primary = results.experiment.key, results.metrics[0]
        numbers[f"{key} leads"] = float(results.exposed["leads"].sum())
        numbers[f"{key} verdict"] = results.verdict.words
        for arm in primary.arms:
            if arm.leads:
                numbers[f"{key} {arm.name}"] = round(arm.value, 5)
    return numbers


def verdicts(campaign: str, found: Sequence[Results]) -> Iterator[dg.AssetCheckResult]:
    """Both alarms, over all experiments that run; one that has ended harms nobody any more."""
    running = [results for results in found if results.standing.state == "running"]
    uneven = [f"{each.experiment.key}: {each.ratio}" for each in running if each.ratio.alarms]
    harmed = [f"{each.experiment.key}: {words}" for each in running for words in each.harmed]
    for name, alarms in ((ARMS_AS_WEIGHTED, uneven), (NO_GUARDRAIL_HARMED, harmed)):
        says = "; ".join(alarms) or (f"{len(running)} running, none alarms" if running else "none runs")
        yield dg.AssetCheckResult(
            passed=not alarms,
            asset_key=ASSET,
            check_name=name,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"campaign": campaign, "says": says},
        )
