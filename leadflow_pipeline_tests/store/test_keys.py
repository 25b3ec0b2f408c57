"""Address keys: one for a mailbox however it is written, none without the pepper."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.keys import address_key, address_keys


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield tmp_path / "home"
    monkeypatch.undo()
    get_settings.cache_clear()


def test_one_mailbox_has_one_key(home):
    assert address_key(" Ann@Leads.EXAMPLE ") == address_key("ann@leads.example")
    assert address_key("zoe\u0301@leads.example") == address_key("zoé@leads.example")
    assert address_key("bo@leads.example") != address_key("ann@leads.example")


def test_many_at_once(home):
    emails = pd.Series(["ann@leads.example", None, "ANN@leads.example"], index=[5, 6, 7], dtype="str")
    keys = address_keys(emails)
    assert keys.isna().tolist() == [False, True, False]
    assert keys[5] == keys[7] == address_key("ann@leads.example")
    assert address_keys(emails.head(0)).empty


def test_the_kept_pepper_is_closed_to_others_and_made_once(home):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(address_key, ["ann@leads.example"] * 32))
    assert len(keys) == 1
    assert stat.S_IMODE((home / "pepper").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["pepper"]


def test_the_pepper_of_the_environment_wins(home, monkeypatch):
    kept = address_key("ann@leads.example")
    monkeypatch.setenv("LEADFLOW_PEPPER", "another")
    get_settings.cache_clear()
    assert address_key("ann@leads.example") != kept
