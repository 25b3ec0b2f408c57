"""Which module has which command of `leadflow`, and loading none but the one that is called.

What belongs here: names. What does not: what a command does (its module).

All modules together take seconds to load, most of it Dagster and pandas, which few commands need.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

COMMANDS = {
    "demo": ("demo",),
    "operate": ("up", "materialize", "doctor"),
    "service": ("serve", "webhook"),
    "alerts": ("alerts",),
    "leads": ("import", "export", "override", "erase"),
    "collect": ("collect",),
    "handover": ("touched", "handover", "touches"),
    "dispatch": ("dispatch", "messages"),
    "permission": ("suppress", "consent"),
    "preview": ("preview",),
    "sending": ("sending",),
    "hooks": ("hooks",),
    "retention": ("retention",),
    "attribution": ("attribution",),
    "explain": ("explain",),
    "timeline": ("timeline",),
    "similar": ("similar",),
    "what_if": ("score",),
    "route": ("route",),
    "campaign": ("campaign",),
    "enrichment": ("enrich",),
    "identity": ("identity",),
    "inbox": ("inbox",),
    "model": ("model",),
    "nurture": ("nurture",),
    "reps": ("reps",),
    "experiment": ("experiment",),
    "review": ("review",),
    "token": ("token",),
    "tracking": ("tracking",),
    "database": ("db",),
}
"""Module -> the commands that its `register` adds, in the order of `leadflow --help`."""


MODULES = {command: module for module, commands in COMMANDS.items() for command in commands}


class CommandsOnDemand(TyperGroup):
    """The commands of `leadflow`, each of which is loaded when it is called, and all where they are listed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # The names alone: for lists, and for what somebody who mistypes one may have meant.
        self.commands = dict.fromkeys(MODULES)  # type: ignore[assignment]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command, or None where there is none of that name."""
        return commands_of(MODULES[cmd_name])[cmd_name] if cmd_name in MODULES else None


@cache
def commands_of(module: str) -> dict[str, Any]:
    """The commands of a module by name, which is imported."""
    family = typer.Typer()
    import_module(f"leadflow_pipeline.cli.{module}").register(family)
    return dict(get_group(family).commands)
