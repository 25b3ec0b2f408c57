"""The house keeps its order: stages know nothing of each other, rules nothing of the world, and doors say so.

What is imported is read from the source, wherever in a module it stands, but for what only types are made of.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import leadflow_pipeline

PACKAGE = Path(leadflow_pipeline.__file__).parent
NAME = leadflow_pipeline.__name__
STAGES = ("harvest", "enrich", "identity", "score", "qualify", "route", "nurture")
SHARED = {
    "company_names", "compound_conditions", "conditions", "errors", "experiment", "folding", "lead_fields", "mailboxes",
    "overrides", "places", "wording",
}  # fmt: skip
"""What anybody may use: pure, and of no stage."""

THE_WORLD = {"dagster", "dns", "httpx", "psycopg", "requests", "smtplib", "socket", "sqlalchemy", "urllib3"}
OUR_DOORS = {"store", "vendors", "campaign", "partitions", "settings", "telemetry"}
"""What a stage's doors may use beside: `erasure` of those who ask for it."""

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


@cache
def imported(module: str) -> frozenset[str]:
    """What a module imports: ours without the package's name, of others the first word."""
    found = set()
    for node in ast.walk(_without_types(ast.parse(MODULES[module].read_text()))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            ours = {name for name in names if name.removeprefix(f"{NAME}.") in MODULES}
            found |= ours or {node.module}
    return frozenset(
        name.removeprefix(f"{NAME}.") if name.startswith(f"{NAME}.") else f"world:{name.split('.')[0]}"
        for name in found
    )


def _without_types(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    return tree


def rooms_of(module: str) -> set[str]:
    """The rooms of ours that a module imports, but its own."""
    own = module.split(".")[0]
    return {name.split(".")[0] for name in imported(module) if not name.startswith("world:")} - {own}


def touches_the_world(module: str) -> bool:
    """Whether a module reaches the database, the network or Dagster."""
    world = {name.removeprefix("world:") for name in imported(module) if name.startswith("world:")}
    return bool(world & THE_WORLD or rooms_of(module) & OUR_DOORS)


def modules_of(room: str) -> list[str]:
    """A room's modules; what it exports is no module of its own."""
    return [
        name for name, path in MODULES.items() if name.split(".")[0] == room and path.name != "__init__.py"
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_knows_no_other_room(stage: str) -> None:
    for module in modules_of(stage):
        strangers = rooms_of(module) - SHARED - OUR_DOORS - {"erasure"}
        assert not strangers, f"{module} imports {strangers}: stages meet in tables"


@pytest.mark.parametrize("stage", STAGES)
def test_rules_reach_for_nothing_and_doors_say_what_they_are(stage: str) -> None:
    modules = modules_of(stage)
    doors = {module for module in modules if touches_the_world(module)}
    for module in modules:
        through = imported(module) & doors
        if module not in doors:
            assert rooms_of(module) <= SHARED, f"{module} is pure but for {rooms_of(module) - SHARED}"
            assert not through, f"{module} is pure and imports the door {through}"
        else:
            said = ast.get_docstring(ast.parse(MODULES[module].read_text())) or ""
            first_lines = "\n".join(said.splitlines()[:6]).lower()
            is_asset = " in dagster" in first_lines
            assert is_asset or "door" in first_lines, f"{module} is a door and does not say so"


def test_what_all_use_uses_none_of_them() -> None:
    above = {*STAGES, "delivery", "inbound", "insight", "service", "automation", "launching", "cli"}
    for room in (*SHARED, *OUR_DOORS - {"campaign"}):
        for module in [name for name in MODULES if name.split(".")[0] == room]:
            assert not rooms_of(module) & above, f"{module} imports {rooms_of(module) & above}"
