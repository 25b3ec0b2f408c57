"""What a campaign file may say about a scoring factor of its own: a test of a field, or of a behaviour.

What belongs here: the two models and how they read in words. What does not: which lead earned one (`points`),
and the factors that are shipped ready-made (`dimensions`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from leadflow_pipeline.conditions import Condition, describe

OWN_GROUP = "factors"


class FactorTerms(BaseModel):
    """What every factor has beside its test: a name, points, a group, the days on which it holds, its words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$", description="named in the breakdown")
    points: float = Field(ge=-100, le=100)
    group: str = Field(OWN_GROUP, description="whose cap it falls under: a shipped group or one of `groups`")
    valid_from: date | None = Field(
        None, description="the first day on which it holds; before, nobody earns it"
    )
    valid_until: date | None = Field(None, description="the last day on which it holds, itself included")
    earned: str | None = Field(None, min_length=1, description="how the reasons say that a lead earned it")
    missed: str | None = Field(None, min_length=1, description="how the reasons say that a lead did not")

    @model_validator(mode="after")
    def days_are_ordered(self) -> FactorTerms:
        """Refuses a factor that ends before it begins."""
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError(
                f"valid_until ({self.valid_until}) is before valid_from ({self.valid_from}): exchange the two"
            )
        return self


class ScoringFactor(FactorTerms, Condition):
    """A condition over a field that earns points where it is true. Unknown earns nothing."""


class DaysSince(BaseModel):
    """How many days ago something happened last: 0 on the day itself. Exactly one of the tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_least: int | None = Field(None, ge=0)
    at_most: int | None = Field(None, ge=0)
    between: tuple[int, int] | None = Field(None, description="inclusive on both sides")

    @model_validator(mode="after")
    def exactly_one_test(self) -> DaysSince:
        """Refuses none or several tests, and a range that ends before it begins."""
        _one_test_of(self, ("at_least", "at_most", "between"), least=1)
        return self

    @property
    def bounds(self) -> tuple[int, int | None]:
        """The days accepted, both inclusive; None where there is no end."""
        return _bounds_of(self.at_least, self.at_most, self.between)


class BehaviourFactor(FactorTerms):
    """A test of what a lead did by the end of the day. With no test, doing it once is enough.

    Events of machines and those beyond a behaviour's `at_most_a_day` are not counted.
    """

    behaviour: str | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="a behaviour, or several that are counted together"
    )
    within_days: int | None = Field(
        None, ge=1, description="counts the last so many days, the day itself included; else all"
    )
    at_least: int | None = Field(None, ge=1, description="so many events or more")
    at_most: int | None = Field(None, ge=0, description="so many events or fewer, none included")
    between: tuple[int, int] | None = Field(None, description="so many events, inclusive on both sides")
    days_since_last: DaysSince | None = Field(
        None, description="how long ago it was done last; a lead that never did it earns nothing"
    )
    never: Literal[True] | None = Field(None, description="true: earned by a lead that never did it")
    counted: Literal["once", "each_time"] | Annotated[int, Field(ge=1)] = Field(
        "once", description="once, each_time, or a number: for each event, but so many at most"
    )

    @field_validator("counted", mode="before")
    @classmethod
    def counted_is_known(cls, counted: Any) -> Any:
        """Refuses any other word, and a number below 1."""
        is_number = isinstance(counted, int) and not isinstance(counted, bool) and counted >= 1
        if not is_number and counted not in ("once", "each_time"):
            raise ValueError("must be once, each_time, or how many times at most, such as 3")
        return counted

    @model_validator(mode="after")
    def tests_go_together(self) -> BehaviourFactor:
        """Refuses several tests, and words that would have no effect."""
        _one_test_of(self, ("at_least", "at_most", "between", "days_since_last", "never"), least=0)
        if self.never and self.within_days is not None:
            raise ValueError("never and within_days do not go together: write at_most: 0 with within_days")
        if self.days_since_last is not None and self.within_days is not None:
            raise ValueError("days_since_last and within_days say the same: remove within_days")
        if self.counted != "once" and (self.never or self.days_since_last is not None):
            raise ValueError("there is nothing to count each time in this test: remove counted")
        return self

    @property
    def behaviours(self) -> tuple[str, ...]:
        """The behaviours counted together."""
        return (self.behaviour,) if isinstance(self.behaviour, str) else self.behaviour

    @property
    def bounds(self) -> tuple[int, int | None]:
        """How many events it accepts, both inclusive; None where there is no end."""
        if self.never:
            return 0, 0
        return _bounds_of(self.at_least, self.at_most, self.between, least=1)


COUNTED_ONLY: tuple[str, ...] = tuple(
    sorted(set(BehaviourFactor.model_fields) - set(ScoringFactor.model_fields) - {"behaviour"})
)
"""Keys that only the test of a behaviour can have."""


def kind_of_factor(factor: Any) -> str:
    """Which of the two models a factor of the file is meant to be: what names a behaviour tests one."""
    if isinstance(factor, FactorTerms):
        return type(factor).__name__
    has_behaviour = isinstance(factor, dict) and "behaviour" in factor
    return BehaviourFactor.__name__ if has_behaviour else ScoringFactor.__name__


OwnFactor = Annotated[
    Annotated[ScoringFactor, Tag(ScoringFactor.__name__)]
    | Annotated[BehaviourFactor, Tag(BehaviourFactor.__name__)],
    Discriminator(kind_of_factor),
]


def words_of(factor: ScoringFactor | BehaviourFactor) -> tuple[str, str]:
    """How a salesperson would say that a factor was earned, and that it was missed."""
    said = describe(factor) if isinstance(factor, ScoringFactor) else describe_behaviour(factor)
    return factor.earned or said[:1].upper() + said[1:], factor.missed or f"Not so: {said}"


def describe_behaviour(factor: BehaviourFactor) -> str:
    """The test in words, e.g. `trial login at least 3 times within 14 days`."""
    what = " or ".join(name.replace("_", " ") for name in factor.behaviours)
    if factor.never:
        return f"{what} never"
    if factor.days_since_last is not None:
        return f"last {what} {_span(*factor.days_since_last.bounds, 'day')} ago"
    within = "" if factor.within_days is None else f" within {plural(factor.within_days, 'day')}"
    return f"{what} {_span(*factor.bounds, 'time')}{within}"


def plural(number: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _span(least: int, most: int | None, noun: str) -> str:
    if most is None:
        return f"at least {plural(least, noun)}"
    if least == 0:
        return f"at most {plural(most, noun)}"
    return plural(most, noun) if least == most else f"{least} to {plural(most, noun)}"


def _bounds_of(
    at_least: int | None, at_most: int | None, between: tuple[int, int] | None, least: int = 0
) -> tuple[int, int | None]:
    if between is not None:
        return between
    if at_most is not None:
        return 0, at_most
    return (least if at_least is None else at_least), None


def _one_test_of(model: BaseModel, tests: tuple[str, ...], least: int) -> None:
    given = [test for test in tests if getattr(model, test) is not None]
    if not least <= len(given) <= 1:
        found = f"has {len(given)}: {', '.join(given)}" if given else "has none"
        raise ValueError(f"needs exactly one test ({', '.join(tests)}), but this one {found}")
    between = getattr(model, "between", None)
    if between is not None and not 0 <= between[0] <= between[1]:
        raise ValueError(
            f"between begins at {between[0]} and ends at {between[1]}: begin at 0 or more, end no earlier"
        )
