"""What a campaign file may say about qualification. Only the model; the judgement lives beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow_pipeline.compound_conditions import AnyCondition, tests_in
from leadflow_pipeline.conditions import Condition
from leadflow_pipeline.qualify.trees import DecisionTree

JUDGED_FIELDS: tuple[str, ...] = ("score", "icp_fit", "engagement", "temperature", "conversion_probability")
"""What scoring made of a lead: rules, segments and trees may ask for it as for a field of the lead."""

ALWAYS_KNOWN: tuple[str, ...] = JUDGED_FIELDS[:4]
"""Of these every scored lead has a value."""

IfUnknown = Literal["pass", "review", "pending", "reject"]
"""What it means for a lead that it is not known whether a condition holds."""


class QualificationFilter(Condition):
    """A condition every qualified lead must meet (budget, company size, industry, location, anything)."""

    name: str
    if_unknown: IfUnknown = "review"


class QualificationRule(BaseModel):
    """What follows for a lead that meets a condition, and for one of which it is not known whether it does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"\S")
    when: AnyCondition
    then: Literal["qualify", "review", "pending", "reject"] = Field(
        description="qualify: whatever the score says; other reasons may still weigh more"
    )
    if_unknown: IfUnknown
    because: str = Field("", description="in words, for whoever asks why")


class Segment(BaseModel):
    """Leads that are held to another threshold. A lead of which it is not known whether it belongs does not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"\S")
    when: AnyCondition
    threshold: float | None = Field(None, ge=0, le=100, description="the campaign's where it is not given")
    review_band: float | None = Field(None, ge=0, le=100, description="the campaign's where it is not given")


class QualifyRules(BaseModel):
    """Threshold, review band, required fields, filters, rules, segments and decision trees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(
        60.0, ge=0, le=100, description="score from which a lead is qualified (inclusive)"
    )
    review_band: float = Field(
        10.0, ge=0, le=100, description="points below the threshold that a person looks at"
    )
    segments: tuple[Segment, ...] = Field((), description="the first that a lead belongs to counts")
    required_fields: tuple[str, ...] = Field(("email",), description="PENDING until all are known")
    filters: tuple[QualificationFilter, ...] = ()
    rules: tuple[QualificationRule, ...] = ()
    trees: tuple[DecisionTree, ...] = Field((), description="each decides in the place of the threshold")
    reject_email_statuses: tuple[Literal["risky", "invalid"], ...] = ("invalid",)

    @model_validator(mode="after")
    def band_fits_below_the_threshold(self) -> QualifyRules:
        """Refuses a review band that would reach below zero."""
        for segment, threshold, band in self.lines():
            if band > threshold:
                whose = f" of the segment {segment}" if segment else ""
                raise ValueError(f"review_band ({band:g}) must not exceed threshold ({threshold:g}){whose}")
        return self

    def lines(self) -> list[tuple[str, float, float]]:
        """Segment, threshold and review band: of each segment in turn, at last of all other leads ("")."""
        return [
            *(
                (
                    each.name,
                    self.threshold if each.threshold is None else each.threshold,
                    self.review_band if each.review_band is None else each.review_band,
                )
                for each in self.segments
            ),
            ("", self.threshold, self.review_band),
        ]

    def conditions(self) -> Iterator[AnyCondition]:
        """Every condition of segments, rules and trees."""
        yield from (segment.when for segment in self.segments)
        yield from (rule.when for rule in self.rules)
        yield from (question.when for tree in self.trees for question in tree.questions.values())

    def fields_asked(self) -> list[str]:
        """The fields that conditions and requirements ask for, judged ones among them, each once."""
        asked = [test.field for condition in self.conditions() for test in tests_in(condition)]
        return list(dict.fromkeys([*self.required_fields, *(each.field for each in self.filters), *asked]))
