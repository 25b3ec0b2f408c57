"""What a sequence may ask of a lead before a step, at a fork, or at any time. Only the models and their words.

What belongs here: conditions over what a lead did, over its fields and scores, over its tier since enrolment, and all
of them put together. What does not: what is known of a lead (`knowledge`) and what a verdict leads to (`passage`).

The logic is Kleene's, as in `compound_conditions`; what is unknown in the end does not hold.

Opens are no proof of a person: mail clients and scanners open emails too. So a test of opens may only narrow another
test, it may never decide alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from leadflow_pipeline.compound_conditions import COMBINATIONS
from leadflow_pipeline.conditions import Condition, describe

OPEN = "open"
TIER_FIELD = "tier"
SCORED_FIELDS: tuple[str, ...] = ("score", "icp_fit", "engagement", "temperature", "conversion_probability")
"""What scoring made of a lead, beside the fields of the lead itself and its tier."""


class BehaviourTest(BaseModel):
    """What the lead did, by people only. With no count, once is enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    behaviour: str | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="a behaviour, or several that are counted together"
    )
    since: Literal["enrolment", "last_step"] | None = Field(
        None,
        description="counts from there on; last_step: the planned time of the last email, task or webhook. Without "
        "it: from the enrolment, or where within_days is given all of those days",
    )
    within_days: int | None = Field(None, ge=1, le=3650, description="counts the last so many days")
    at_least: int | None = Field(None, ge=1, description="so many times or more")
    at_most: int | None = Field(None, ge=0, description="so many times or fewer, none included")
    never: Literal[True] | None = Field(None, description="true: it was not done in that time")

    @model_validator(mode="after")
    def at_most_one_count(self) -> BehaviourTest:
        """Refuses several counts at once."""
        given = [name for name in ("at_least", "at_most", "never") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"has several counts ({', '.join(given)}): keep one, or write them as `all`")
        return self

    @property
    def behaviours(self) -> tuple[str, ...]:
        """The behaviours counted together."""
        return (self.behaviour,) if isinstance(self.behaviour, str) else self.behaviour

    @property
    def bounds(self) -> tuple[int, int | None]:
        """How many times are accepted, both inclusive; None where there is no end."""
        if self.never:
            return 0, 0
        if self.at_most is not None:
            return 0, self.at_most
        return self.at_least or 1, None


class TierTest(BaseModel):
    """How the tier of the lead has changed since it was enrolled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tier: Literal["rose", "fell", "changed"]


class Together(BaseModel):
    """Several conditions as one. Exactly one of `all`, `any` and `not` must be given."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True)

    all: tuple[StepCondition, ...] | None = Field(None, min_length=1, description="every one of these holds")
    any: tuple[StepCondition, ...] | None = Field(None, min_length=1, description="one of these holds")
    not_: StepCondition | None = Field(None, alias="not", description="this does not hold")

    @model_validator(mode="after")
    def exactly_one_combination(self) -> Together:
        """Refuses none or several combinations: which of them binds closer would be anyone's guess."""
        parts = (self.all, self.any, self.not_)
        given = [name for name, part in zip(COMBINATIONS, parts, strict=True) if part is not None]
        if len(given) != 1:
            found = f"has {len(given)}: {', '.join(given)}" if given else "has none"
            raise ValueError(
                f"conditions put together need exactly one of {', '.join(COMBINATIONS)}, but this one {found}; "
                "put one inside the other"
            )
        return self

    @property
    def parts(self) -> tuple[StepCondition, ...]:
        """What it is put together from."""
        return (self.not_,) if self.not_ is not None else (self.all or self.any or ())


def _kind_of(value: Any) -> str:
    """Which of the models a value in a campaign file, or a model, is."""
    keys = set(type(value).model_fields) if isinstance(value, BaseModel) else set(value or ())
    if isinstance(value, Together) or keys & set(COMBINATIONS):
        return "several_tests"
    if "behaviour" in keys:
        return "behaviour"
    return "tier" if "tier" in keys else "field"


StepCondition: TypeAlias = Annotated[
    Annotated[BehaviourTest, Tag("behaviour")]
    | Annotated[TierTest, Tag("tier")]
    | Annotated[Condition, Tag("field")]
    | Annotated[Together, Tag("several_tests")],
    Discriminator(_kind_of),
]
"""One test of what a lead did, of its tier or of a field (scores among them), or tests put together."""

Together.model_rebuild()

Leaf: TypeAlias = BehaviourTest | TierTest | Condition


def leaves_of(conditions: Sequence[StepCondition]) -> Iterator[Leaf]:
    """Every single test, in the order in which it is written."""
    for condition in conditions:
        if isinstance(condition, Together):
            yield from leaves_of(condition.parts)
        else:
            yield condition


def fields_asked(conditions: Sequence[StepCondition]) -> tuple[str, ...]:
    """The fields that conditions ask for, each once; `tier` where they ask how it changed."""
    leaves = list(leaves_of(conditions))
    fields = [leaf.field for leaf in leaves if isinstance(leaf, Condition)]
    return tuple(dict.fromkeys([*fields, *(TIER_FIELD for leaf in leaves if isinstance(leaf, TierTest))]))


def open_decides_alone(conditions: Sequence[StepCondition]) -> bool:
    """Whether a test of opens is narrowed by no other test that must hold as well.

    Several behaviours counted together are one test, which an open alone could pass.
    """
    return any(
        _open_is_alone_in(condition)
        and not any(_asks_no_opens(other) for place, other in enumerate(conditions) if place != at)
        for at, condition in enumerate(conditions)
    )


def in_words(condition: StepCondition) -> str:
    """The condition in words, e.g. `clicked at least 2 times since the last step`."""
    if isinstance(condition, BehaviourTest):
        return _behaviour_in_words(condition)
    if isinstance(condition, TierTest):
        return f"the tier {condition.tier} since the enrolment"
    if isinstance(condition, Condition):
        return describe(condition)
    if condition.not_ is not None:
        return f"not {_bracketed(condition.not_)}"
    return (" and " if condition.all is not None else " or ").join(map(_bracketed, condition.parts))


def _open_is_alone_in(condition: StepCondition) -> bool:
    """Whether opens decide within a condition, whatever stands beside it."""
    if isinstance(condition, BehaviourTest):
        return OPEN in condition.behaviours
    if not isinstance(condition, Together):
        return False
    if condition.all is not None:
        return open_decides_alone(condition.all)
    return any(_open_is_alone_in(part) for part in condition.parts)


def _asks_no_opens(condition: StepCondition) -> bool:
    return not any(
        isinstance(leaf, BehaviourTest) and OPEN in leaf.behaviours for leaf in leaves_of([condition])
    )


def _behaviour_in_words(test: BehaviourTest) -> str:
    what = " or ".join(test.behaviours)
    if test.never or test.at_most == 0:
        words = f"no {what}"
    elif test.at_most is not None:
        words = f"at most {test.at_most} times {what}"
    elif (test.at_least or 1) == 1:
        words = what
    else:
        words = f"at least {test.at_least} times {what}"
    if test.within_days is not None:
        words += f" in the last {test.within_days} days"
    if test.since is not None or test.within_days is None:
        words += " since the last step" if test.since == "last_step" else " since the enrolment"
    return words


def _bracketed(part: StepCondition) -> str:
    words = in_words(part)
    return f"({words})" if isinstance(part, Together) and len(part.parts) > 1 else words
