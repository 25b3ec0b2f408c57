"""Variants of emails: which words, and which hours, an experiment tries on a lead.

What belongs here: reading what leads met when they were routed, and finding the email that it makes of a step. What
does not: who meets what (`experiment.exposure`, in the plan of routing), and which variant is better (`insight`).

A lead keeps the variant that it met when it was routed, so all its emails are of one kind, and what is analysed is what
was planned. A lead that was routed before the experiment began takes no part. A winner's words are for everybody. A
variant changes words alone: the steps, their times and conditions are the campaign's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.experiment.exposure import HELD_OUT, NONE, Exposures, Given
from leadflow_pipeline.experiment.rules import HOLDOUT
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.steps import EmailStep, SequenceEmails
from leadflow_pipeline.nurture.timing.rules import SendWindow
from leadflow_pipeline.nurture.tried_windows import KIND, TriedWindows
from leadflow_pipeline.store.experiment_states import read_changes
from leadflow_pipeline.store.experiments import read_begun, read_exposed


@dataclass(frozen=True)
class Variant:
    """What is tried on a lead in one sequence: `label` is `experiment:variant`, missing where nothing is.

    `emails` stand for the first ones of the sequence.
    """

    label: str | None = None
    emails: tuple[EmailStep, ...] = ()

    def email(self, rules: NurtureRules, sequence: str, step: int) -> EmailStep:
        """The variant's email in the place of a step of that kind; the campaign's own where it has none."""
        steps = rules.steps_of(sequence)
        number = sum(isinstance(each, EmailStep) for each in steps[:step])
        own = steps[step - 1]
        if not isinstance(own, EmailStep):
            raise TypeError(f"step {step} of {sequence} is no email")
        return self.emails[number - 1] if number <= len(self.emails) else own


@dataclass(frozen=True)
class EmailVariants:
    """The variants of some leads."""

    places: dict[str, int] = field(default_factory=dict)
    given: Sequence[Given] = ()
    emails: dict[tuple[str, str, str], tuple[EmailStep, ...]] = field(default_factory=dict)
    """Experiment, variant and sequence -> emails."""

    def of(self, lead_id: str, sequence: str) -> Variant:
        """What is tried on a lead in a sequence; what runs goes before what is decided."""
        for each in reversed(self.given):
            experiment, number = each.experiment, int(each.variant[self.places[lead_id]])
            concerned = any(sequence in (variant.emails or {}) for variant in experiment.variants)
            if number == NONE or not concerned:
                continue
            name = HOLDOUT if number == HELD_OUT else experiment.keys[number]
            return Variant(f"{experiment.key}:{name}", self.emails.get((experiment.key, name, sequence), ()))
        return Variant()


def email_variants(
    engine: Engine, version: CampaignVersion, lead_ids: pd.Series[str], now: datetime
) -> EmailVariants:
    """What experiments give these leads now. Nothing is asked where the campaign tries no emails."""
    tried = [each for each in version.rules.experiments if each.kind == "emails"]
    changes = read_changes(engine, version.campaign) if tried else ()
    if not changes:
        return EmailVariants()
    ids, today = lead_ids.drop_duplicates().tolist(), now.date()
    exposed = read_exposed(engine, version.campaign, today + timedelta(days=1), lead_ids=lead_ids, whole=())
    exposures = Exposures(ids, tried, changes, exposed=exposed, shares={})
    given = exposures.settled_on(today, exposures.ids.get_indexer(pd.Index(ids)))
    emails = {
        (experiment.key, variant.key, sequence): SequenceEmails.model_validate(words).emails
        for experiment in tried
        for variant in experiment.variants
        for sequence, words in (variant.emails or {}).items()
    }
    return EmailVariants({lead_id: place for place, lead_id in enumerate(ids)}, given, emails)


@dataclass(frozen=True)
class WindowsTried:
    """The send windows that experiments put in the place of the campaign's, and the number of each touch's there:
    `tried_windows.NONE` where it has the campaign's.
    """

    windows: tuple[SendWindow, ...]
    numbers: pd.Series[int]


def windows_tried(
    engine: Engine, version: CampaignVersion, lead_ids: pd.Series[str], now: datetime
) -> WindowsTried | None:
    """What experiments give these leads now, on the index of `lead_ids`; None where none was ever begun."""
    begun = read_begun(engine, version.campaign, version.rules.experiments, KIND, now.date())
    if begun is None:
        return None
    index = pd.Index(lead_ids.unique(), dtype="str")
    tried = TriedWindows.of(begun, index)
    place = index.get_indexer(pd.Index(lead_ids)).astype("int64")
    numbers = tried.at(place, np.full(len(place), np.datetime64(now.date(), "D")))
    return WindowsTried(tried.windows, pd.Series(numbers, index=lead_ids.index))
