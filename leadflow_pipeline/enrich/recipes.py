"""Recipes: how leads of one industry are enriched, as the campaign file declares it.

What belongs here: which recipe a lead is under, the steps that follow from what is known (values to set, tables of
values), and who is asked in which order. What does not: asking (`ordering`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from leadflow_pipeline.conditions import evaluate, field_values
from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.labels import label
from leadflow_pipeline.enrich.providers import CLAIM_COLUMNS, NO_CLAIMS
from leadflow_pipeline.enrich.rules import EnrichRules, MapRules, Party, Recipe, Step
from leadflow_pipeline.lead_fields import with_custom_fields

RECIPE = "recipe "
"""Stands before the recipe's name in the provenance of what its rules derived."""


def recipes_of(leads: pd.DataFrame, rules: EnrichRules) -> pd.Series:
    """The name of the recipe that each enriched lead is under; missing where none is.

    It is the first whose `when` is true, else the campaign's own. A condition on something unknown is not true.
    """
    fields = [recipe.when.field for recipe in rules.recipes.values() if recipe.when is not None]
    known = with_custom_fields(leads, fields)
    fits = {
        name: evaluate(recipe.when, known).fillna(False)
        for name, recipe in rules.recipes.items()
        if recipe.when is not None
    }
    if not fits:
        return pd.Series(rules.recipe, index=leads.index, dtype="str")
    return label(fits, rules.recipe)


def derived_claims(leads: pd.DataFrame, rules: EnrichRules) -> pd.DataFrame:
    """What the recipes' tables and set values say of enriched leads, as claims (`CLAIM_COLUMNS`) about custom fields.

    Steps see what earlier steps of their recipe said; the last word about a field counts.
    """
    if not rules.recipes:
        return NO_CLAIMS
    under = recipes_of(leads, rules)
    claims = [
        claim
        for name, recipe in rules.recipes.items()
        for claim in _claims_of(leads, (under == name).fillna(False), name, recipe)
    ]
    if not claims:
        return NO_CLAIMS
    said = pd.concat(claims, ignore_index=True)
    said = said.drop_duplicates(["row", "field"], keep="last", ignore_index=True)
    return said.assign(credits=0.0, confidence=1.0).reindex(columns=list(CLAIM_COLUMNS)).astype(CLAIM_COLUMNS)


def _claims_of(leads: pd.DataFrame, is_under: pd.Series, name: str, recipe: Recipe) -> list[pd.DataFrame]:
    steps = [step for step in recipe.steps if step.set is not None or step.map is not None]
    if not steps or not is_under.any():
        return []
    rows = pd.Series(range(len(leads)), index=leads.index)[is_under]
    known = with_custom_fields(leads[is_under], [step.map.field for step in steps if step.map is not None])
    claims = []
    for step in steps:
        for field, values in _said(step, known).items():
            known = known.assign(**{field: values.fillna(field_values(known, field))})
            said = pd.DataFrame({"row": rows.array, "field": field, "value": values.array})
            claims.append(said[said["value"].notna()].assign(provider=RECIPE + name))
    return claims


def _said(step: Step, leads: pd.DataFrame) -> dict[str, pd.Series]:
    """Custom field -> its value for each lead, missing where the step says nothing."""
    if step.map is not None:
        return {step.map.to: mapped(field_values(leads, step.map.field), step.map)}
    return {
        field: pd.Series(value, index=leads.index, dtype="str") for field, value in (step.set or {}).items()
    }


def mapped(values: pd.Series, rules: MapRules) -> pd.Series:
    """The table's word for each value; missing where the value is, or where none fits and nothing else is said."""
    words = {word.strip().lower(): said for word, said in rules.table.items()}

    def look_up(texts: pd.Series) -> pd.Series:
        folded = texts.str.strip().str.lower()
        if not rules.contains:
            return folded.map(words).astype("str").fillna(rules.otherwise or pd.NA)
        fits = {str(place): folded.str.contains(word, regex=False) for place, word in enumerate(words)}
        said = dict(zip(fits, words.values(), strict=True))
        return label(fits).map(said).astype("str").fillna(rules.otherwise or pd.NA)

    return for_each_distinct(values.astype("str"), look_up)


def steps_of(recipe: str | None, rules: EnrichRules) -> tuple[Party, ...]:
    """Whom to ask about a lead under this recipe, in order: the recipe's steps, or without one the whole waterfall."""
    if recipe is None:
        return rules.providers
    by_name = {party.name: party for party in rules.providers}
    return tuple(_parties(rules.recipes[recipe].steps, by_name))


def _parties(steps: Sequence[Step], by_name: dict[str, Party]) -> list[Party]:
    parties = [step.http if step.http is not None else by_name.get(step.provider or "") for step in steps]
    return [party for party in parties if party is not None]
