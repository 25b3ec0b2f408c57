"""The JSON Schema of a campaign file, for editors that complete and check while one types.

What belongs here: the models' own schema, and the vocabularies that a type cannot say. What does not: checks;
an editor's word is never the last.
"""

from __future__ import annotations

from typing import Any

from leadflow_pipeline.campaign.checks import ENRICHED_FIELDS, SHIPPED_SEQUENCES
from leadflow_pipeline.campaign.experiment_checks import COUNTED_BEHAVIOURS
from leadflow_pipeline.campaign.model import Campaign
from leadflow_pipeline.harvest.rules import FIELDS_OF
from leadflow_pipeline.harvest.sources import KINDS
from leadflow_pipeline.nurture.step_conditions import SCORED_FIELDS, TIER_FIELD
from leadflow_pipeline.nurture.steps import SequenceEmails
from leadflow_pipeline.nurture.timing.rules import SendWindow
from leadflow_pipeline.route.owners.rules import MatchWeights
from leadflow_pipeline.route.rules import DEFAULT_INTENT_SIGNALS, Tier
from leadflow_pipeline.score.dimensions import DIMENSIONS
from leadflow_pipeline.score.opinion.rules import SHOWABLE_FIELDS
from leadflow_pipeline.score.rules import ScoreRules

MAPPED_FIELDS = tuple(dict.fromkeys(field for fields in FIELDS_OF.values() for field in fields))
"""Of leads, events and outcomes alike: a schema cannot say which, the checks can."""

OWN_SEQUENCE = r"^[a-z0-9][a-z0-9_-]*$"
CUSTOM = {"pattern": r"^custom\.[a-z][a-z0-9_]*$"}


def campaign_json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a campaign file."""
    schema = Campaign.model_json_schema()
    definitions = schema["$defs"]
    for kind in KINDS.values():
        source = definitions[kind.__name__]["properties"]
        for section in ("mapping", "constants", "defaults", "missing_by_field", "meanings"):
            source[section]["propertyNames"] = _words_or_custom((*MAPPED_FIELDS, "source_key"))
    scoring = definitions["ScoreRules"]["properties"]
    scoring["points"]["propertyNames"] = {"enum": list(ScoreRules().points)}
    scoring["caps"]["propertyNames"] = {"enum": list(ScoreRules().caps)}
    scoring["dimensions"]["propertyNames"] = {"enum": list(DIMENSIONS)}
    signals = definitions["RoutingRules"]["properties"]["intent_signals"]
    signals["propertyNames"] = _words_or_custom(tuple(DEFAULT_INTENT_SIGNALS))
    sequences = definitions["NurtureRules"]["properties"]["sequences"]
    sequences["propertyNames"] = {"anyOf": [{"enum": list(SHIPPED_SEQUENCES)}, {"pattern": OWN_SEQUENCE}]}
    asked = _words_or_custom((*ENRICHED_FIELDS, *SCORED_FIELDS, TIER_FIELD))
    definitions["Condition"]["properties"]["field"] |= asked
    definitions["BehaviourTest"]["properties"]["behaviour"]["examples"] = list(COUNTED_BEHAVIOURS)
    for condition in ("FitCriterion", "ScoringFactor", "QualificationFilter"):
        definitions[condition]["properties"]["field"] |= _words_or_custom(ENRICHED_FIELDS)
    variant = definitions["Variant"]["properties"]
    variant["match"] = _keyed_by(variant["match"], tuple(MatchWeights.model_fields))
    variant["sequences"] = _keyed_by(variant["sequences"], tuple(Tier), tuple(SHIPPED_SEQUENCES))
    variant["emails"] = _keyed_by(variant["emails"], tuple(SHIPPED_SEQUENCES))
    for setting, model in (("emails", SequenceEmails), ("send_window", SendWindow)):
        own = model.model_json_schema(ref_template="#/$defs/{model}")
        definitions |= own.pop("$defs", {}) | {model.__name__: own}
        place = variant[setting]["anyOf"][0]
        if setting == "emails":
            place["additionalProperties"] = {"$ref": f"#/$defs/{model.__name__}"}
        else:
            variant[setting]["anyOf"][0] = {"$ref": f"#/$defs/{model.__name__}"}
    definitions["Metric"]["properties"]["behaviour"]["examples"] = list(COUNTED_BEHAVIOURS)
    definitions["OpinionRules"]["properties"]["fields"]["items"] |= _words_or_custom(SHOWABLE_FIELDS)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "leadflow campaign",
    }


def _keyed_by(
    mapping: dict[str, Any], keys: tuple[str, ...], values: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """The schema of a mapping that may be left out, with the keys and values that it may have."""
    named = mapping["anyOf"][0] | {"propertyNames": {"enum": list(keys)}}
    if values is not None:
        named["additionalProperties"] = {"enum": list(values)}
    return mapping | {"anyOf": [named, *mapping["anyOf"][1:]]}


def _words_or_custom(words: tuple[str, ...]) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(words)}, CUSTOM]}
