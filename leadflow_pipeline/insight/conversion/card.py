"""The card of a conversion model: what it is for, how good it was at first, what it looks at, when it scores.

What belongs here: putting into words and tables what the registry keeps of a model. What does not: measuring, drawing
(`plots`), laying out (`pages`). Pure. A card shows what the artifact holds and what was counted over many leads, so
nothing on it is about one person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from leadflow_pipeline.insight.conversion import plots
from leadflow_pipeline.insight.conversion.values import values_in_words
from leadflow_pipeline.insight.pages import Section
from leadflow_pipeline.score.conversion.features import feature_words
from leadflow_pipeline.score.conversion.model import ConversionModel, probability
from leadflow_pipeline.score.model_registry import Promotion, TrainedModel, reigns, scorer

FEATURES_SPELT_OUT = 5
BEST_LEADS = (0.05, 0.1, 0.2, 0.3, 0.5)

KINDS = {
    "rules": "the score of the rules, put on the scale of probabilities: too few outcomes to learn more",
    "logistic": "logistic regression over the shapes of its features, drawn to the rules, calibrated on held-out folds",
    "boosted": "boosted trees of one feature each, drawn to the rules, calibrated on held-out folds",
}
FOR = (
    "To say how likely a lead of this campaign converts, and to have as much of a say in its score as the campaign "
    "file gives it (conversion.weight)."
)
NOT_FOR = (
    "Not for anything else about a person: who gets credit, a job, a price or insurance. Not for other campaigns. Not "
    "for the cause of a conversion: what goes along with winning need not bring it about."
)


def draw_card(
    trained: TrainedModel, model: ConversionModel, promotions: Sequence[Promotion]
) -> tuple[str, dict[str, Section], dict[str, bytes]]:
    """A model's page: title, sections and pictures, as `pages` takes them.

    Args:
        trained: what the registry keeps of it.
        model: the artifact.
        promotions: every decision of its campaign, in their order.
    """
    card = trained.card
    drawn: dict[str, bytes] = {}
    if curves := _curves(card):
        measures = _measures(card)
        aucs = {name: float(measures[name]["auc"]) for name in plots.WHO if name in measures}
        drawn["Calibration"] = plots.plot_calibration(curves["calibration"])
        drawn["ROC"] = plots.plot_roc(curves["roc"], aucs)
        drawn["Lift"] = plots.plot_lift(curves["lift"])
    if importance := _importance(card):
        drawn["What it looks at"] = plots.plot_importance(importance)
    return title_of(trained), card_sections(trained, model, promotions), drawn


def card_sections(
    trained: TrainedModel, model: ConversionModel, promotions: Sequence[Promotion]
) -> dict[str, Section]:
    """What the page says, without its pictures."""
    card = trained.card
    sections: dict[str, Section] = {
        "In short": _in_short(trained, model, promotions),
        "What it is for": f"{FOR}\n\n{NOT_FOR}",
        "What it learned from": _learned_from(trained),
        "How good it is": _how_good(trained),
        "Whether it is good enough": _judgement(trained),
        "Alarms": _alarms(card),
    }
    if curves := _curves(card):
        sections["Calibration"] = pd.DataFrame(curves["calibration"])[["promised", "kept", "leads"]]
        sections["Lift"] = _lift(curves["lift"])
    return sections | {
        "What it looks at": _looks_at(card),
        "What it gives for the strongest": _values(model, card),
        "Which days it scores": _days(trained, promotions),
        "Limits, and the way back": _limits(trained),
    }


def title_of(trained: TrainedModel) -> str:
    """The title of a model's page."""
    return f"Conversion model {scorer(trained.model_version)} of {trained.campaign}"


def _in_short(trained: TrainedModel, model: ConversionModel, promotions: Sequence[Promotion]) -> pd.DataFrame:
    average = float(probability(np.array([model.base]))[0])
    held = [reign for reign in reigns(promotions) if reign.model_version == trained.model_version]
    state = "not promoted"
    if held:
        state = "champion" if held[-1].last_day is None else "was champion"
    return _told(
        {
            "version": trained.model_version,
            "state": state,
            "what it is": KINDS[trained.kind],
            "trained as of": f"{trained.as_of}; it knows nothing of that day or later",
            "rules it builds on": f"campaign version {trained.campaign_version}",
            "the average lead": f"{average:.1%} likely to convert, {model.points_at_base:.1f} points",
        }
    )


def _learned_from(trained: TrainedModel) -> pd.DataFrame:
    rate = f"{trained.wins / trained.examples:.1%}" if trained.examples else "none"
    pool = [campaign for campaign in trained.card.get("pool") or [] if campaign != trained.campaign]
    others = ", ".join(pool) if pool else "other campaigns"
    return _told(
        {
            "examples": f"{trained.examples:,} leads on days, whose outcome was ripe",
            "won": f"{trained.wins:,} ({rate})",
            "days": f"{trained.first_day} to {trained.last_day}",
            "campaigns": f"{trained.campaign}, pooled with {others}"
            if trained.is_pooled
            else "this one alone",
        }
    )


def _how_good(trained: TrainedModel) -> Section:
    measures = _measures(trained.card)
    if "challenger" not in measures:
        return f"Not judged: no lead later than {trained.last_day}, the last day of its examples, has a ripe outcome."
    champion = trained.card.get("champion")
    names = {
        "challenger": "this model",
        "champion": f"the champion then, {scorer(champion)}",
        "rules": "the rules alone",
    }
    rows = [
        {
            "who": who,
            "leads": int(measures[name]["leads"]),
            "won": int(measures[name]["wins"]),
            "AUC": _number(measures[name]["auc"]),
            "Brier": _number(measures[name]["brier"]),
            "log_loss": _number(measures[name]["log_loss"]),
            "calibration_error": _number(measures[name]["calibration_error"]),
        }
        for name, who in names.items()
        if name in measures and not (name == "champion" and champion is None)
    ]
    return pd.DataFrame(rows)


def _judgement(trained: TrainedModel) -> str:
    from leadflow_pipeline.score.conversion.promotion import LEAST_WINS, WORST_AUC_DROP

    judgement = trained.card.get("judgement") or {}
    against = scorer(trained.card.get("champion"))
    if not judgement.get("is_promoted"):
        reasons = "; ".join(judgement.get("reasons") or ["it was not judged"])
        verdict = f"Not by itself, against {against}: {reasons}. A person may promote it all the same."
    elif trained.kind == "rules":
        verdict = (
            "Yes: it ranks leads as the rules do, so it changes no score and adds how likely each converts."
        )
    else:
        verdict = f"Yes: it passed every bar against {against}."
    return (
        f"{verdict}\n\nA model is promoted by itself if, on the same leads, all later than what both learned from, and "
        f"with at least {LEAST_WINS} wins, its log-loss is surely lower, its AUC at most {WORST_AUC_DROP:g} lower, and "
        "its calibration error no higher."
    )


def _alarms(card: Mapping[str, Any]) -> Section:
    alarms = card.get("alarms") or []
    if not alarms:
        return "None: no feature tells the outcome by itself, and none lifted the model by a suspicious jump."
    return pd.DataFrame(
        [
            {
                "features": ", ".join(feature_words(name) for name in alarm["features"]),
                "alarm": alarm["message"],
            }
            for alarm in alarms
        ]
    )


def _lift(curves: Mapping[str, plots.Points]) -> pd.DataFrame:
    rows = {
        f"the best {share:.0%}": {
            who: f"{plots.found_among(curves[key], share):.0%}" for key, who in plots.WHO.items()
        }
        for share in BEST_LEADS
    }
    return pd.DataFrame([{"wins held by": name, **found} for name, found in rows.items()])


def _looks_at(card: Mapping[str, Any]) -> Section:
    used = _importance(card)
    if not used:
        return "Nothing: it gives every lead the same probability."
    return pd.DataFrame(
        [
            {
                "feature": feature_words(each["feature"]),
                "name in breakdowns": f"model.{each['feature']}",
                "spread": float(each["spread"]),
            }
            for each in used
        ]
    )


def _values(model: ConversionModel, card: Mapping[str, Any]) -> Section:
    strongest = [each["feature"] for each in _importance(card) if each["feature"] in model.feature_names]
    if not strongest:
        return "Nothing: every lead gets the points of the average one."
    rows = [
        {
            "feature": feature_words(name),
            "points of its score, straight between numbers": values_in_words(model, name),
        }
        for name in strongest[:FEATURES_SPELT_OUT]
    ]
    return pd.DataFrame(rows)


def _days(trained: TrainedModel, promotions: Sequence[Promotion]) -> Section:
    held = [reign for reign in reigns(promotions) if reign.model_version == trained.model_version]
    if not held:
        return "None: it was never promoted."
    decided = {decision.from_day: decision for decision in promotions}
    return pd.DataFrame(
        [
            {
                "from": str(reign.first_day),
                "to": str(reign.last_day or "further on"),
                "decided by": decided[reign.first_day].actor,
                "because": decided[reign.first_day].reason,
            }
            for reign in held
        ]
    )


def _limits(trained: TrainedModel) -> str:
    return (
        f"It was trained on leads of {trained.first_day} to {trained.last_day} and knows nothing that came later: "
        "checks watch whether leads, scores or promises drift away from that. Whoever was never spoken to could not be "
        "won, so it also learned whom people chose to speak to. A value that it saw rarely or never counts as any "
        "other.\n\n"
        f"leadflow model rollback {trained.campaign} goes back to the champion before it, and leadflow model promote "
        f"{trained.campaign} none to the rules alone. Either holds from today on and leaves days before as they are."
    )


def _told(facts: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"": list(facts), " ": list(facts.values())})


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _measures(card: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Of those that were measured."""
    return {name: found for name, found in (card.get("measures") or {}).items() if found}


def _curves(card: Mapping[str, Any]) -> Mapping[str, Any] | None:
    curves: Mapping[str, Any] = card.get("curves") or {}
    return curves if curves.get("calibration") else None


def _importance(card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of the features that move a lead at all."""
    return [each for each in card.get("importance") or [] if each["spread"] > 0]
