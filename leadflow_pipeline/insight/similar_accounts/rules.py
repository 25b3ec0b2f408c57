"""What a campaign file may say about similar accounts. Only the model; the arithmetic lies beside it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SimilarityWeights(BaseModel):
    """How much each part of what is known of a company counts. Only the proportions count.

    What is not known of a company counts nothing: the others share its weight.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    industry: float = Field(3.0, ge=0)
    size: float = Field(2.0, ge=0)
    place: float = Field(2.0, ge=0)
    titles: float = Field(2.0, ge=0, description="of its people who are leads")
    name: float = Field(1.0, ge=0)
    words: float = Field(3.0, ge=0)

    @model_validator(mode="after")
    def something_counts(self) -> SimilarityWeights:
        """Refuses weights under which all companies are the same."""
        if not any(self.model_dump().values()):
            raise ValueError("at least one weight must be above 0")
        return self


class SimilarityRules(BaseModel):
    """What makes two companies alike."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: SimilarityWeights = SimilarityWeights()
    words: tuple[str, ...] = Field(
        (), description="fields of leads whose words say what a company wants, e.g. custom.product"
    )
