"""`leadflow campaign ...` as a person or a script uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from leadflow_pipeline.campaign import CampaignError, campaign_status, load
from leadflow_pipeline.cli.campaign import app
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline_tests.samples import minimal_campaign_text

pytestmark = pytest.mark.usefixtures("engine")

SPRING = minimal_campaign_text()


def run(*arguments: object) -> str:
    """What a command prints. Errors are raised, as `leadflow` itself turns them into a sentence."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "spring.yaml"
    file.write_text(text, encoding=encoding)
    return file


def test_add_tells_the_version_and_whether_it_is_new(tmp_path: Path) -> None:
    assert run("add", written(tmp_path, SPRING)) == "spring version 1: new\n"
    assert run("add", written(tmp_path, SPRING + "# seen\n")) == "spring version 1: unchanged\n"
    assert run("add", written(tmp_path, SPRING + "currency: SEK\n")) == "spring version 2: new\n"
    assert json.loads(run("add", "--json", tmp_path / "spring.yaml")) == {
        "campaign": "spring", "version": 2, "state": "unchanged",
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_add_reads_what_windows_editors_save(tmp_path: Path, engine: Engine, encoding: str) -> None:
    run("add", written(tmp_path, SPRING.replace("Ida", "Zoë").replace("\n", "\r\n"), encoding))

    assert load(engine, "spring").rules.sender.name == "Zoë Example"


def test_add_refuses_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(
        CampaignError, match=r"spring\.yaml:7: time_zone: is no time zone; did you mean Europe/"
    ):
        run("add", written(tmp_path, SPRING.replace("Europe/Berlin", "Europe/Berlim")))
    with pytest.raises(PermanentError, match=r"spring\.yaml:2: is not UTF-8 text"):
        run("add", written(tmp_path, SPRING.replace("Campaign spring", "Früh"), "latin-1"))
    with pytest.raises(PermanentError, match=r"nowhere\.yaml cannot be read: no such file"):
        run("add", tmp_path / "nowhere.yaml")


def test_list_shows_every_campaign(tmp_path: Path) -> None:
    assert "No campaigns yet" in run("list")
    run("add", written(tmp_path, SPRING))

    assert "spring" in run("list")
    (listed,) = json.loads(run("list", "--json"))
    assert (listed["campaign"], listed["status"], listed["version"]) == ("spring", "active", 1)


def test_show_gives_the_file_back_or_what_it_means(tmp_path: Path) -> None:
    changed = SPRING + "currency: SEK  # since May\n"
    run("add", written(tmp_path, SPRING))
    run("add", written(tmp_path, changed))

    assert run("show", "spring") == changed
    assert run("show", "spring", "--version", 1) == SPRING
    assert json.loads(run("show", "spring", "--json"))["routing"]["hot_tier_min_score"] == 0.85


def test_diff_tells_what_changed(tmp_path: Path) -> None:
    run("add", written(tmp_path, SPRING))
    with pytest.raises(PermanentError, match="version 1 of spring has none before it"):
        run("diff", "spring")
    run("add", written(tmp_path, SPRING + "currency: SEK\n"))
    run("add", written(tmp_path, SPRING + "currency: NOK\nrouting: {max_leads: 5}\n"))

    assert run("diff", "spring").splitlines() == [
        "spring version 2 → 3",
        'currency: "SEK" → "NOK"',
        "routing.max_leads: nothing → 5",
    ]
    assert run("diff", "spring", "--from", 2, "--to", 1).splitlines()[1:] == ['currency: "SEK" → "EUR"']
    assert run("diff", "spring", "--from", 1, "--to", 1).splitlines()[1:] == [
        "no difference in what they say"
    ]
    assert json.loads(run("diff", "spring", "--from", 1, "--to", 2, "--json")) == [
        {"path": "currency", "old": "EUR", "new": "SEK"}
    ]


def test_pause_resume_archive(tmp_path: Path, engine: Engine) -> None:
    run("add", written(tmp_path, SPRING))

    for command, status in (("pause", "paused"), ("resume", "active"), ("archive", "archived")):
        assert run(command, "spring") == f"spring is now {status}\n"
        assert run(command, "spring") == f"spring is already {status}\n"
        assert campaign_status(engine, "spring") == status


def test_schema_is_json_schema() -> None:
    schema = json.loads(run("schema"))

    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "postal_address" in schema["required"]
