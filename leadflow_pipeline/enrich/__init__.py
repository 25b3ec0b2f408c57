"""Enrich: what can be known of a lead: from what it gave us, offline and deterministic, and from what vendors answered.

Assets compute; vendors are asked at the door (`ordering`), never by an asset. What people call by hand:

    from leadflow_pipeline import enrich

    enrich.validate_emails(["ann@acme.example"])         # offline: a frame of verdicts, reasons, suggestions
    enrich.validate_phones(["030 23125 100"], country="DE")
    enrich.enrichment_types()                            # which kinds of provider there are, and what each can give
    enrich.provider_status(engine, "spring")             # who was asked how much, what waits, what it cost
    enrich.lead_status(engine, "spring", lead_id)        # who was asked about one lead, and who said what
    enrich.order_and_ask(engine, "spring")               # asks about recent leads now, within the budgets
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "validate_emails": "validation",
    "validate_phones": "validation",
    "enrichment_types": "inquiry",
    "provider_status": "inquiry",
    "lead_status": "inquiry",
    "unknown_lookups": "inquiry",
    "order_and_ask": "ordering",
}


def __getattr__(name: str) -> Any:
    """Found when it is asked for: the rules of a campaign file need none of it, and reading one should stay quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
