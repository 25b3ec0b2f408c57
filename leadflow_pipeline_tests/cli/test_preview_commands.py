"""`leadflow preview` and `leadflow campaign lint` as a person uses them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from leadflow_pipeline.cli import app
from leadflow_pipeline.delivery import chromium
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import harvested_leads
from leadflow_pipeline_tests.delivery.world import CAMPAIGN_FILE, NOW, YESTERDAY, World

NURTURE = """
  sequences:
    regular_nurture:
      emails:
        - delay_days: 0
          subject: For {{ first_name | default("you") }}
          text: "Hi {{ first_name | default('you') }}, here is [a page](https://acme.example/page) to look at."
          languages:
            de: {subject: "Für {{ first_name }}", text: Guten Tag und willkommen bei uns auf der Seite.}
        - {delay_days: 3, thread: true, subject: Again, text: "Hello again, with {{ custom.plan }}, and with more."}
routing:
  warm_sequence: {name: Ours, goal: Talk, sequence_type: regular_nurture, email_count: 2, duration_days: 14}
"""


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    return World(engine, tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spring.yaml"
    path.write_text(CAMPAIGN_FILE.format(slug="spring", name="Spring <Sale>", nurture=NURTURE))
    return path


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output
    return result


def test_every_email_of_a_file_is_shown(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "pages"
    told = run("preview", file, "--sequence", "regular_nurture", "--out", out).output
    assert "regular_nurture 1: For Anna\n" in told
    assert "regular_nurture 1 (de): Für Anna\n" in told
    assert "regular_nurture 2: Re: For Anna\n" in told
    assert "a lead without custom.plan would not get this email" in told
    index = (out / "index.html").read_text()
    assert "Spring &lt;Sale&gt;" in index
    assert "3 days after the step before" in index
    page = (out / "regular_nurture-01.html").read_text()
    assert 'href="https://acme.example/page"' in page
    assert "/c/" not in page
    assert "/o/" not in page
    assert (out / "regular_nurture-01-de.txt").read_text().startswith("Subject: Für Anna\n\nGuten Tag")
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


def test_a_lead_is_shown_its_own_emails(world: World, tmp_path: Path) -> None:
    world.register("spring", NURTURE)
    world.plan(
        [{"lead_id": "lead-1", "first_name": "Zoë", "language": "de", "custom": '{"plan": "Gold"}'}],
        campaign="spring",
    )
    received = pd.DataFrame(
        {
            "day": [pd.Timestamp(YESTERDAY).as_unit("us")],
            "lead_id": "lead-1",
            "is_new": True,
            "record_count": 1,
        }
    ).assign(source="list", received_at=NOW, custom="{}")
    rows = conform(received, harvested_leads, campaign="spring", campaign_version=1)
    replace_partitions(
        world.engine, harvested_leads, "spring", [YESTERDAY], rows, campaign_version=1, run_id="a test"
    )
    told = run(
        "preview",
        "spring",
        "--lead",
        "lead-1",
        "--out",
        tmp_path / "p",
        "--json",
        "--sequence",
        "regular_nurture",
    )
    emails = json.loads(told.output)["emails"]
    assert [(email["language"], email["subject"]) for email in emails] == [
        ("de", "Für Zoë"),
        ("en", "Re: Für Zoë"),
    ]
    assert "with Gold" in (tmp_path / "p" / "regular_nurture-02.txt").read_text()


def test_lint_ends_with_an_error_where_there_is_one(file: Path) -> None:
    result = run("campaign", "lint", file)
    assert result.exit_code == 1
    assert "error: regular_nurture 2: a lead without custom.plan" in result.output
    assert "spring: 2 errors, " in result.output
    file.write_text(
        file.read_text().replace("{{ custom.plan }}", "more").replace("Für {{ first_name }}", "Für Sie")
    )
    result = run("campaign", "lint", file, "--json")
    assert result.exit_code == 0
    assert {finding["severity"] for finding in json.loads(result.output)} == {"warning"}


def test_a_sequence_that_there_is_not_is_told(file: Path) -> None:
    with pytest.raises(PermanentError, match="no sequence autumn: name one of"):
        run("preview", file, "--sequence", "autumn")


def test_no_browser_is_told_in_one_sentence(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "NAMES", ("a-browser-that-there-is-not",))
    monkeypatch.setattr(chromium, "PLACES", ())
    with pytest.raises(PermanentError, match="no Chromium is found on this machine: install chromium"):
        run("preview", file, "--png")


def test_a_browser_takes_pictures_of_phone_and_desktop_by_day_and_night(tmp_path: Path) -> None:
    try:
        chromium.find_chromium()
    except PermanentError as none:
        pytest.skip(str(none))
    page = tmp_path / "page.html"
    page.write_text(
        "<!doctype html><meta name='viewport' content='width=device-width'><style>body{margin:0;height:900px}"
        "@media (prefers-color-scheme: dark){body{background:#000}}</style><body>"
    )
    with chromium.browser() as browser:
        day = browser.picture(page, 390, is_phone=True)
        night = browser.picture(page, 800, is_dark=True)
    assert size(day) == (780, 1800)
    assert size(night) == (800, 900)
    assert day != night


def size(picture: bytes) -> tuple[int, int]:
    """Width and height of a PNG (its first chunk)."""
    assert picture.startswith(b"\x89PNG")
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
