"""What a campaign file may say about a language model's opinion. Only the model."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow_pipeline.conditions import Condition

DEFAULT_FIELDS: tuple[str, ...] = (
    "job_title", "seniority", "department", "industry", "company_size", "country", "source",
)  # fmt: skip
SHOWABLE_FIELDS: tuple[str, ...] = (
    *DEFAULT_FIELDS, "is_decision_maker", "size_band", "company_founded_year", "region", "language", "budget",
    "recent_job_change", "company_funded_recently", "company_hiring",
)  # fmt: skip
"""What a model may be shown: it says what kind of lead it is, never who. So may the campaign's own fields."""

LARGEST_SHARE = 0.3


class OpinionBudget(BaseModel):
    """The most the model may be asked in a campaign on one UTC day, by all processes together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int | None = Field(100, ge=0, description="requests; null for no limit")
    credits: float | None = Field(None, ge=0, description="in the unit of credits_per_call")


class OpinionRules(BaseModel):
    """Which model is asked about which leads, what it is shown, and how much its opinion counts."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")] = Field(
        description="base of an OpenAI-compatible API, such as https://host/v1; http for this machine only"
    )
    model: str = Field(min_length=1, max_length=200, description="name of the model, as its API knows it")
    key_from: Annotated[str, Field(pattern=r"^LEADFLOW_[A-Z0-9_]+$")] | None = Field(
        None, description="environment variable that holds the key; left out where none is needed"
    )
    share: float = Field(
        0.1, gt=0, le=LARGEST_SHARE, description="of the score of a lead that the model has an opinion of"
    )
    fields: tuple[str, ...] = Field(
        DEFAULT_FIELDS,
        min_length=1,
        description="what the model is shown of a lead; nothing that tells who it is",
    )
    ask_when: tuple[Condition, ...] = Field((), description="all must be true for a lead to be asked about")
    valid_for_days: float = Field(90, gt=0, le=3650, description="a lead is not asked about again before")
    when_changed: Literal["wait", "ask_again"] = Field(
        "wait", description="where what is shown of a lead changes before that"
    )
    budget: OpinionBudget = OpinionBudget()
    credits_per_call: float = Field(0, ge=0, description="what one question costs, answered or not")
    timeout_seconds: float = Field(60, gt=0, le=300)
    is_repeatable: bool = Field(
        False,
        description="asking twice costs nothing, as of a model of one's own: a call without an answer is repeated",
    )

    @property
    def host(self) -> str:
        """Host, with its port where the endpoint names one."""
        return urlsplit(self.endpoint).netloc.rpartition("@")[2].lower()

    @model_validator(mode="after")
    def fields_are_distinct(self) -> OpinionRules:
        """Refuses a field that is named twice."""
        if len(set(self.fields)) < len(self.fields):
            raise ValueError("fields name one twice: name each once")
        return self
