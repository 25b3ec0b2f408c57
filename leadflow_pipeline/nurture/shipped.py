"""The four shipped sequences and their emails, one YAML file each in `templates/`.

What belongs here: reading them. What does not: their words (in the files), and turning them into a message.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from ruamel.yaml import YAML

from leadflow_pipeline.nurture.steps import NurtureSequence

SHIPPED_SEQUENCES: tuple[str, ...] = (
    "aggressive_close",
    "regular_nurture",
    "long_term_nurture",
    "cold_outreach",
)


@lru_cache(maxsize=1)
def shipped_sequences() -> dict[str, NurtureSequence]:
    """Name of a sequence -> what is shipped of it."""
    folder = files("leadflow_pipeline.nurture") / "templates"
    yaml = YAML(typ="safe")
    return {
        name: NurtureSequence.model_validate(yaml.load((folder / f"{name}.yaml").read_text(encoding="utf-8")))
        for name in SHIPPED_SEQUENCES
    }
