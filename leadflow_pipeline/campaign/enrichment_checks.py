"""What no single model of the enrichment section can judge: names that must meet, hosts that may be called.

What belongs here: checks over the plain document, as in `checks`. What does not: types and ranges (the models).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from leadflow_pipeline.campaign.checks import (
    CUSTOM_FIELD,
    ENRICHED_FIELDS,
    check_known_field,
    custom_fields,
    items_of,
    mapping_of,
    sequence_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem, nearest, written_path
from leadflow_pipeline.enrich.rules import FIELDS, GIVEN, PROVIDED_FIELDS

SECTION: Path = ("enrichment",)


def check_enrichment(document: Document) -> Iterator[Problem]:
    """Every problem of providers and recipes that needs more than one of their models to see."""
    parties = list(_parties(document))
    yield from _check_names(document, parties)
    yield from _check_order(
        document, [party["name"] for _, party in parties if isinstance(party.get("name"), str)]
    )
    yield from _check_recipes(document)
    yield from _check_fields(document, parties)
    yield from _check_hosts(document, parties)


def _parties(document: Document) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Path and content of every provider, and of every HTTP step of a recipe."""
    yield from items_of(document, (*SECTION, "providers"))
    for path, step in _steps(document):
        if isinstance(step.get("http"), dict):
            yield (*path, "http"), step["http"]


def _steps(document: Document) -> Iterator[tuple[Path, dict[str, Any]]]:
    for name in mapping_of(document.value_at((*SECTION, "recipes"))):
        yield from items_of(document, (*SECTION, "recipes", name, "steps"))


def _check_names(document: Document, parties: list[tuple[Path, dict[str, Any]]]) -> Iterator[Problem]:
    first_with: dict[str, Path] = {}
    for path, party in parties:
        name = party.get("name")
        if isinstance(name, str) and first_with.setdefault(name, path) != path:
            message = f"is the name of {written_path(first_with[name])} too"
            yield document.problem((*path, "name"), message, "give each provider and HTTP step its own")


def _check_order(document: Document, names: list[str]) -> Iterator[Problem]:
    section = (*SECTION, "fields")
    known = (*FIELDS, *PROVIDED_FIELDS)
    for field, believed in mapping_of(document.value_at(section)).items():
        if field not in known and not CUSTOM_FIELD.fullmatch(field):
            yield document.problem(
                (*section, field), "is no field that a provider gives", nearest(field, known)
            )
        for position, name in enumerate(sequence_of(believed)):
            if isinstance(name, str) and name not in (GIVEN, *names):
                message = f"{name} is no provider or HTTP step"
                yield document.problem((*section, field, position), message, nearest(name, (GIVEN, *names)))


def _check_recipes(document: Document) -> Iterator[Problem]:
    recipes = mapping_of(document.value_at((*SECTION, "recipes")))
    default = document.value_at((*SECTION, "recipe"))
    if isinstance(default, str) and default not in recipes:
        yield document.problem((*SECTION, "recipe"), "names no recipe", nearest(default, recipes))
    for name, recipe in recipes.items():
        if "when" not in mapping_of(recipe) and name != default:
            message = "has no `when` and is not the campaign's recipe, so no lead would ever come under it"
            yield document.problem((*SECTION, "recipes", name), message, f"add `when`, or `recipe: {name}`")
    providers = [provider.get("name") for _, provider in items_of(document, (*SECTION, "providers"))]
    known = [name for name in providers if isinstance(name, str)]
    for path, step in _steps(document):
        provider = step.get("provider")
        if isinstance(provider, str) and provider not in known:
            remedy = nearest(provider, known) or "declare it under enrichment.providers"
            yield document.problem((*path, "provider"), f"there is no provider {provider}", remedy)


def _check_fields(document: Document, parties: list[tuple[Path, dict[str, Any]]]) -> Iterator[Problem]:
    """Fields that are sent or asked for in a condition or a table, and that no lead has."""
    known = (*ENRICHED_FIELDS, *custom_fields(document))
    for path, party in parties:
        for position, field in enumerate(sequence_of(party.get("send"))):
            yield from check_known_field(document, (*path, "send", position), field, known)
        for at, condition in items_of(document, (*path, "ask_when")):
            yield from check_known_field(document, (*at, "field"), condition.get("field"), known)
    for name, recipe in mapping_of(document.value_at((*SECTION, "recipes"))).items():
        condition = mapping_of(mapping_of(recipe).get("when"))
        place = (*SECTION, "recipes", name, "when", "field")
        yield from check_known_field(document, place, condition.get("field"), known)
    for path, step in _steps(document):
        field = mapping_of(step.get("map")).get("field")
        yield from check_known_field(document, (*path, "map", "field"), field, known)


def _check_hosts(document: Document, parties: list[tuple[Path, dict[str, Any]]]) -> Iterator[Problem]:
    """HTTP steps to hosts that are not on the list, and keys that would go over the wire for all to read."""
    allowed = [
        host.lower()
        for host in sequence_of(document.value_at((*SECTION, "allowed_hosts")))
        if isinstance(host, str)
    ]
    for path, party in parties:
        for key in ("url", "base_url"):
            url = party.get(key)
            if not isinstance(url, str):
                continue
            host = urlsplit(url).netloc.rpartition("@")[2].lower()
            if key == "url" and host not in allowed:
                message = f"calls {host}, which is not among enrichment.allowed_hosts"
                yield document.problem(
                    (*path, key), message, f"add `allowed_hosts: [{host!r}]` if it may be called"
                )
            if "@" in urlsplit(url).netloc:
                yield document.problem((*path, key), "holds a password", "name its variable in key_from")
            if party.get("key_from") and url.startswith("http:") and not is_this_machine(host):
                yield document.problem((*path, key), "would send its key unencrypted", "use https")


def is_this_machine(host: str) -> bool:
    """Whether a host, with its port if any, is a loopback address or `localhost`."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
