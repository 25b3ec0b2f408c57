"""What decisions of one campaign rest on, kept ready: rules, reps, strengths, prices, room. A door that only reads.

What belongs here: reading it, and what a decision changes of it until it is read again. What does not: deciding, and
what must be true at the moment of a decision: a rep's record, absences and room are read anew under the rep's lock
(`delivery.claiming`). So what is up to a minute old here can make a decision a little worse, never wrong.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import CampaignVersion, load
from leadflow_pipeline.delivery.present_reps import Room, is_limited, room_of
from leadflow_pipeline.experiment.exposure import Exposures
from leadflow_pipeline.experiment.life_cycle import StateChange, first_day_of
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.experiment.treatment import match_weights, sequence_codes
from leadflow_pipeline.route.fit import TIERS
from leadflow_pipeline.route.judgement import SEQUENCES
from leadflow_pipeline.route.lead_router import LeadRouter
from leadflow_pipeline.route.owner_days import read_present
from leadflow_pipeline.route.owners.carried_reps import Carried
from leadflow_pipeline.route.owners.choice.weighing import Strengths
from leadflow_pipeline.route.owners.plan import present_day
from leadflow_pipeline.route.owners.reps.capacity import NO_LIMIT, room_in_total
from leadflow_pipeline.route.owners.reps.eligibility import fields_read
from leadflow_pipeline.route.owners.reps.eligibility_of_one import ReadyRoster
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.service.decisions.lead_state import Reading
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.experiment_states import read_changes
from leadflow_pipeline.store.experiments import read_exposed
from leadflow_pipeline.store.partitions import latest_before

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ACCOUNT_COLUMNS = ["lead_id", "day", "company_domain", "company_key"]


@dataclass(frozen=True)
class Treatments:
    """What experiments change for some leads that are routed today, by lead; nothing where none is tried."""

    weights: Mapping[str, Floats] = field(default_factory=dict)
    """Of the match, `[1,4]`."""
    sequences: Mapping[str, list[int]] = field(default_factory=dict)
    """Of each tier, as a position in `SEQUENCES`."""


@dataclass
class CampaignState:
    """One campaign at a moment. Arrays have an entry for each rep of the roster."""

    version: CampaignVersion
    status: str
    day: date
    router: LeadRouter
    reading: Reading
    experiments: tuple[Experiment, ...]
    """Those that were ever begun."""
    changes: tuple[StateChange, ...]
    read_at: float
    """By the monotonic clock."""
    took: float
    ownership: OwnershipRules | None = None
    ready: ReadyRoster | None = None
    strengths: Strengths | None = None
    carried: Carried = field(default_factory=Carried)
    prices: Floats = field(default_factory=lambda: np.zeros(0))
    room: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """Leads that each rep can still be given today, over all campaigns and as this campaign's plan might."""
    open_leads: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    given_today: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    account_owners: dict[str, str] = field(default_factory=dict)
    """Domain or name of a company -> the rep who has its leads."""

    @classmethod
    def read(cls, engine: Engine, campaign: str, now: datetime) -> CampaignState:
        """As it is now. Raises PermanentError for a campaign that there is not."""
        begun = time.monotonic()
        version = load(engine, campaign)
        rules, day = version.rules, now.astimezone(UTC).date()
        with engine.connect() as connection:
            status = connection.scalar(
                select(schema.campaigns.c.status).where(schema.campaigns.c.campaign == campaign)
            )
        changes = tuple(read_changes(engine, campaign)) if rules.experiments else ()
        tried = tuple(each for each in rules.experiments if first_day_of(changes, each.key) is not None)
        fields = [*rules.routing.intent_signals, "company_domain", "company_key"]
        if rules.ownership is not None:
            fields += fields_read(rules.ownership)
        state = cls(
            version,
            str(status),
            day,
            LeadRouter(rules.routing),
            Reading.of(fields),
            tried,
            changes,
            begun,
            0.0,
        )
        if rules.ownership is not None:
            state._read_owners(engine, rules.ownership, now)
        state.took = time.monotonic() - begun
        return state

    def _read_owners(self, engine: Engine, rules: OwnershipRules, now: datetime) -> None:
        given = read_present(engine, self.version.campaign, self.day, rules)
        present = present_day(given, rules, self.version.campaign, self.day)
        roster = present.roster
        with engine.connect() as connection:
            room = room_of(connection, roster.reps, [self.day], now)
        self.ownership, self.ready = rules, ReadyRoster(roster, rules)
        self.strengths, self.carried = present.strengths, present.carried
        self.prices = self.carried.prices_of(roster)
        monday = self.day - timedelta(days=self.day.weekday())
        self.given_today = np.array([room.given[rep.rep, self.day] for rep in roster.reps], dtype=np.int64)
        self.open_leads = np.array([room.open[rep.rep] for rep in roster.reps], dtype=np.int64)
        total = [_room_of(room, rep, self.day, monday) for rep in roster.reps]
        self.room = np.minimum(np.array(total, dtype=np.int64).reshape(len(roster.reps)), present.room)
        if rules.keep_account_owner:
            self._read_accounts(engine, present.owners)

    def _read_accounts(self, engine: Engine, owners: dict[str, str]) -> None:
        """Who has most leads of each company."""
        if not owners:
            return
        companies = latest_before(
            engine,
            schema.enriched_leads,
            self.version.campaign,
            self.day + timedelta(days=1),
            lead_ids=pd.Series(list(owners), dtype="str"),
            columns=ACCOUNT_COLUMNS,
        )
        companies["owner"] = companies["lead_id"].map(owners)
        for key in ("company_key", "company_domain"):
            counted = companies[[key, "owner"]].dropna().value_counts().rename("leads").reset_index()
            most = counted.sort_values(["leads", "owner"], ascending=[False, True]).drop_duplicates(key)
            self.account_owners |= dict(zip(key + most[key], most["owner"], strict=True))

    def account_owner(self, fields: dict[str, object]) -> str | None:
        """Who has the leads of a lead's company. A domain tells more than a name."""
        for key in ("company_domain", "company_key"):
            owner = self.account_owners.get(f"{key}{fields[key]}") if fields.get(key) else None
            if owner is not None:
                return owner
        return None

    def give(self, rep: str, fields: dict[str, object]) -> None:
        """Takes in that a rep was given a lead, until all is read again."""
        column = self.ready.roster.column_of.get(rep) if self.ready is not None else None
        if column is None:
            return
        self.room[column] -= 1
        self.given_today[column] += 1
        self.open_leads[column] += 1
        for key in ("company_domain", "company_key"):
            if fields.get(key):
                self.account_owners.setdefault(f"{key}{fields[key]}", rep)

    def fill(self, reps: tuple[str, ...]) -> None:
        """Takes in that these were found to have no room or not to be there, until all is read again."""
        if self.ready is not None:
            for rep in reps:
                self.room[self.ready.roster.column_of[rep]] = 0

    def treatments(self, engine: Engine, leads: Iterable[str]) -> Treatments:
        """What experiments change for these leads."""
        lead_ids = sorted(set(leads))
        if not self.experiments or not lead_ids:
            return Treatments()
        before = self.day + timedelta(days=1)
        met = read_exposed(
            engine, self.version.campaign, before, lead_ids=pd.Series(lead_ids, dtype="str"), whole=()
        )
        shares: dict[str, list[float]] = {}
        exposures = Exposures(lead_ids, self.experiments, self.changes, exposed=met, shares=shares)
        given = exposures.given_on(self.day, np.arange(len(lead_ids)))
        weights: dict[str, Floats] = {}
        if self.ownership is not None:
            usual = self.ownership.match.model_dump()
            rows = match_weights(given, len(lead_ids), list(usual), usual)
            weights = {lead_id: rows[number : number + 1] for number, lead_id in enumerate(lead_ids)}
        routing = self.version.rules.routing
        usually = [SEQUENCES.index(routing.sequence_of(tier).sequence_type) for tier in TIERS]
        codes = sequence_codes(given, len(lead_ids), TIERS, SEQUENCES, usually)
        sequences = {lead_id: codes[number].tolist() for number, lead_id in enumerate(lead_ids)}
        return Treatments(weights, sequences)


def _room_of(room: Room, rep: Rep, day: date, monday: date) -> int:
    if not is_limited(rep):
        return NO_LIMIT
    week = sum(room.given[rep.rep, monday + timedelta(days=number)] for number in range(7))
    return room_in_total(rep, day, room.given[rep.rep, day], week, room.open[rep.rep])
