"""The experiments that a campaign declares, and in which state each is: for the command and the service alike.

What belongs here: putting the current file and the decisions side by side. What does not: which state may follow which
(`experiment.life_cycle`), and what came of experiments (`reading`). A door to the database that only reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.life_cycle import StateChange, latest, standing_on
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.store.experiment_states import read_changes
from leadflow_pipeline.store.schema import campaign_versions, campaigns


class NoSuchExperiment(PermanentError):
    """The campaign declares none of this key."""


@dataclass(frozen=True)
class Declared:
    """The experiments of a campaign's current file, and what was decided about them."""

    campaign: str
    version: int
    experiments: tuple[Experiment, ...]
    changes: tuple[StateChange, ...]

    def named(self, key: str) -> Experiment:
        """The experiment of a key. Raises NoSuchExperiment."""
        for experiment in self.experiments:
            if experiment.key == key:
                return experiment
        known = ", ".join(each.key for each in self.experiments) or "none"
        raise NoSuchExperiment(f"{self.campaign} declares no experiment {key!r}: it has {known}")

    def standing(self, key: str, day: date) -> StateChange:
        """The decision that holds on a day."""
        return standing_on(self.changes, key, day)

    def to_come(self, key: str, day: date) -> StateChange | None:
        """The decision that will hold in the end, where that is another than on a day."""
        now, then = self.standing(key, day), latest(self.changes, key)
        return then if then is not now and then != now else None

    def decisions(self, key: str) -> list[StateChange]:
        """Every decision about one, in the order in which they hold."""
        return [each for each in self.changes if each.experiment == key]


def declared_by(engine: Engine, campaign: str) -> Declared:
    """What the current file of a campaign declares. Raises PermanentError for an unknown campaign."""
    version = load(engine, campaign)
    changes = read_changes(engine, campaign)
    return Declared(campaign, version.version, version.rules.experiments, changes)


def campaigns_with_experiments(engine: Engine, after: str = "") -> Iterator[str]:
    """Campaigns whose files have the section, archived ones left out, in order; those after a slug."""
    is_current = (campaign_versions.c.campaign == campaigns.c.campaign) & (
        campaign_versions.c.version == campaigns.c.current_version
    )
    query = (
        select(campaigns.c.campaign)
        .join(campaign_versions, is_current)
        .where(
            campaigns.c.campaign >= after,
            campaigns.c.status != "archived",
            campaign_versions.c.source_text.contains("experiments"),
        )
        .order_by(campaigns.c.campaign)
    )
    with engine.connect() as connection:
        found = connection.scalars(query).all()
    yield from found


def map_of(changes: list[StateChange]) -> list[dict[str, Any]]:
    """Decisions as plain values."""
    names = ("state", "winner", "from_day", "actor", "reason", "decided_at")
    return [{name: getattr(each, name) for name in names} for each in changes]
