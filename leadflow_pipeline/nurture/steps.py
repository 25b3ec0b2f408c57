"""What a campaign file may say about the steps of a sequence. Only the models.

What does not belong here: the rules that hold for all of a campaign (`rules`), which way leads take through the steps
(`ways`), and when a step falls due (`timetable`).

A sequence only ever goes forward: from a step one can go to later ones alone. So every passage ends, and no step is
taken twice.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from leadflow_pipeline.nurture.step_conditions import (
    BehaviourTest,
    StepCondition,
    leaves_of,
    open_decides_alone,
)
from leadflow_pipeline.nurture.timing.rules import SendWindow
from leadflow_pipeline.nurture.words import Language, Wording

StepName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
SequenceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]

OPENS_ALONE = (
    "rests on opens alone, and machines open emails too: ask of clicks, visits or replies, or narrow it by another "
    "condition"
)


class GoTo(BaseModel):
    """On to a later step, past those between."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    go_to: StepName = Field(description="name of a later step of this sequence")


def _end_or_step(value: Any) -> str:
    """Whether a value says a word, names a later step, or waits."""
    if isinstance(value, Wait) or (isinstance(value, dict) and any("wait" in str(key) for key in value)):
        return "waiting"
    return "going" if isinstance(value, dict | GoTo) else "word"


class Wait(BaseModel):
    """Asked again each day until the conditions hold, for so long at most."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wait_days: int = Field(ge=1, le=365)
    then: Annotated[
        Annotated[Literal["skip", "exit"], Tag("word")] | Annotated[GoTo, Tag("going")],
        Discriminator(_end_or_step),
    ] = Field("skip", description="what becomes of it in the end")


Otherwise: TypeAlias = Annotated[
    Annotated[Literal["skip", "exit"], Tag("word")]
    | Annotated[GoTo, Tag("going")]
    | Annotated[Wait, Tag("waiting")],
    Discriminator(_end_or_step),
]


class Step(BaseModel):
    """What all steps have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keeps_window: ClassVar[bool] = True
    """Whether it waits for the send window."""

    name: StepName | None = Field(
        None, description="what other steps and people call it; unique in its sequence"
    )
    delay_days: float = Field(
        ge=0, description="after the planned time of the step before (the first: after the start)"
    )
    when: tuple[StepCondition, ...] = Field(
        (),
        description="what must hold when the step falls due, all of it, by the end of the day before; unknown does "
        "not hold",
    )
    otherwise: Otherwise = Field(
        "skip",
        description="where `when` does not hold: skip (on to the next step), exit (the sequence is over), "
        "{go_to: STEP} or {wait_days: N, then: ...}",
    )
    send_window: SendWindow | None = Field(
        None, description="of this step, in the place of the campaign's as a whole"
    )
    then: (
        Annotated[
            Annotated[Literal["exit"], Tag("word")] | Annotated[GoTo, Tag("going")],
            Discriminator(_end_or_step),
        ]
        | None
    ) = Field(None, description="after this step: {go_to: STEP}, or exit; without it the next step")

    @model_validator(mode="after")
    def conditions_make_sense(self) -> Step:
        """Refuses a step that opens alone decide, and an `otherwise` that nothing leads to."""
        if open_decides_alone(self.when):
            raise ValueError(f"`when` {OPENS_ALONE}")
        if not self.when and "otherwise" in self.model_fields_set:
            raise ValueError(
                "has `otherwise`, and no `when` that could fail: add the one or remove the other"
            )
        return self


class EmailStep(Step, Wording):
    """One email of a sequence, in the campaign's language and in others."""

    channel: Literal["email"] = "email"
    languages: dict[Language, Wording] = Field(
        default_factory=dict, description="language -> the same email in it, for leads who speak it"
    )
    thread: bool = Field(
        False,
        description="an answer to the email sent before it: mailboxes show both as one conversation, under the "
        "subject of the first. Its own subject counts where nothing was sent before",
    )


class TaskStep(Step):
    """A task for the lead's owner: in the CRM where the campaign's hand-over has one, else a message to the owner."""

    channel: Literal["task"]
    title: str = Field(min_length=1, max_length=200, description="a template over the tokens of a lead")
    text: str = Field("", description="a template over the tokens of a lead")
    due_hours: float = Field(
        24, gt=0, le=720, description="until when it should be done, after it is planned"
    )


class WebhookStep(Step):
    """A signed request to a system of yours (https://www.standardwebhooks.com)."""

    keeps_window: ClassVar[bool] = False

    channel: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s#]*$")] = Field(
        description="https; http for this machine only"
    )
    secret_from: Annotated[str, Field(pattern=r"^LEADFLOW_[A-Z0-9_]+$")] = Field(
        description="environment variable that holds the signing secret"
    )
    fields: tuple[str, ...] = Field(
        (),
        description="fields of the lead that the request holds, beside ids; without them no personal data leave",
    )


class BranchStep(Step):
    """No message: a fork in the way, with `when`, `then` and `otherwise`."""

    keeps_window: ClassVar[bool] = False

    channel: Literal["branch"]
    delay_days: float = Field(0, ge=0, description="after the planned time of the step before")


def _channel_of(value: Any) -> str:
    """Which kind of step a value in a campaign file, or a model, is."""
    if isinstance(value, dict):
        return str(value.get("channel", "email"))
    return str(getattr(value, "channel", "email"))


SequenceStep: TypeAlias = Annotated[
    Annotated[EmailStep, Tag("email")]
    | Annotated[TaskStep, Tag("task")]
    | Annotated[WebhookStep, Tag("webhook")]
    | Annotated[BranchStep, Tag("branch")],
    Discriminator(_channel_of),
]
"""One step of a sequence; without `channel` an email."""


class Goal(BaseModel):
    """What the sequence is for: reached, it has done its work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: tuple[StepCondition, ...] = Field(min_length=1, description="all of these hold")
    then: Literal["graduate", "complete"] = Field(
        "graduate", description="graduate: the lead is handed to its owner; complete: it is merely over"
    )


class After(BaseModel):
    """What follows where a lead came to the end of the sequence without an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sequence: SequenceName | None = Field(None, description="this sequence begins at once")
    rest_days: int | None = Field(
        None,
        ge=1,
        le=3650,
        description="no sequence of this campaign begins for so many days, but for one that a person asks for",
    )
    then: SequenceName | None = Field(None, description="this sequence begins after the rest")

    @model_validator(mode="after")
    def one_thing_follows(self) -> After:
        """Refuses none or both of them."""
        if (self.sequence is None) == (self.rest_days is None):
            raise ValueError(
                "needs either `sequence` or `rest_days` (with `then`, the sequence after the rest)"
            )
        if self.then is not None and self.rest_days is None:
            raise ValueError("has `then` without `rest_days`: write `sequence` for what begins at once")
        return self

    @property
    def follower(self) -> str | None:
        """The sequence that begins, at once or after the rest."""
        return self.sequence or self.then


class SequenceEmails(BaseModel):
    """The steps of one sequence, in order, where all are emails."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emails: tuple[EmailStep, ...] = Field(min_length=1)


class NurtureSequence(BaseModel):
    """One sequence: its steps in order, and what ends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emails: tuple[EmailStep, ...] | None = Field(
        None, min_length=1, description="the short form of steps that are emails, all of them"
    )
    steps: tuple[SequenceStep, ...] | None = Field(
        None, min_length=1, max_length=200, description="emails, tasks, webhooks and branches"
    )
    exits: tuple[StepCondition, ...] = Field(
        (), description="any one of these, at any time, takes a lead out of the sequence"
    )
    goal: Goal | None = None
    after: After | None = None

    @property
    def way(self) -> tuple[SequenceStep, ...]:
        """The steps in order, however they are written."""
        return self.steps or self.emails or ()

    @property
    def name_places(self) -> dict[str, int]:
        """Name of a step -> its place, from 1."""
        return {step.name: place for place, step in enumerate(self.way, 1) if step.name is not None}

    @property
    def asked_at_any_time(self) -> tuple[StepCondition, ...]:
        """The conditions of its exits and its goal."""
        return (*self.exits, *(self.goal.when if self.goal is not None else ()))

    @property
    def conditions(self) -> tuple[StepCondition, ...]:
        """Every condition, of steps too."""
        return (*(condition for step in self.way for condition in step.when), *self.asked_at_any_time)

    @model_validator(mode="after")
    def says_its_steps_once(self) -> NurtureSequence:
        """Refuses none or both of `emails` and `steps`, and two steps of one name."""
        if (self.emails is None) == (self.steps is None):
            raise ValueError("needs either `emails` or `steps`")
        names = [step.name for step in self.way if step.name is not None]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"has two steps named {twice[0]}: give each its own name")
        return self

    @model_validator(mode="after")
    def goes_forward_only(self) -> NurtureSequence:
        """Refuses a way to a step that is not there or not later."""
        for place, step in enumerate(self.way, 1):
            for target in _targets(step):
                found = self.name_places.get(target)
                label = step.name or f"step {place}"
                if found is None:
                    raise ValueError(f"{label} goes to {target}, but no step is named so")
                if found <= place:
                    raise ValueError(
                        f"{label} goes to {target}, which is not later: a sequence goes forward only"
                    )
        return self

    @model_validator(mode="after")
    def opens_end_nothing(self) -> NurtureSequence:
        """Refuses exits and goals that opens alone decide, or that count from a step."""
        for kind, conditions in (("exits", self.exits), ("goal", self.goal.when if self.goal else ())):
            alone = (
                any(open_decides_alone([condition]) for condition in conditions)
                if kind == "exits"
                else open_decides_alone(conditions)
            )
            if alone:
                raise ValueError(f"`{kind}` {OPENS_ALONE}")
            if any(
                isinstance(leaf, BehaviourTest) and leaf.since == "last_step"
                for leaf in leaves_of(conditions)
            ):
                raise ValueError(f"`{kind}` is asked at any time: count since the enrolment, or within_days")
        return self


def _targets(step: Step) -> list[str]:
    """The names a step can go to, beside the next one."""
    ways: list[object] = [step.then, step.otherwise]
    if isinstance(step.otherwise, Wait):
        ways.append(step.otherwise.then)
    return [way.go_to for way in ways if isinstance(way, GoTo)]
