"""Secrets of vendors are named in campaign files, and only those."""

from __future__ import annotations

import pytest

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import secret


def test_a_secret_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_ACME_KEY", " k3y\n")
    assert secret("LEADFLOW_ACME_KEY") == "k3y"


@pytest.mark.parametrize("value", ["", "  ", "two\nlines", "schlüssel"])
def test_a_secret_that_cannot_be_sent_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("LEADFLOW_ACME_KEY", value)
    with pytest.raises(PermanentError, match="the variable LEADFLOW_ACME_KEY") as told:
        secret("LEADFLOW_ACME_KEY")
    assert not value.strip() or value not in str(told.value)


@pytest.mark.parametrize(
    "name", ["HOME", "AWS_SECRET_ACCESS_KEY", "LEADFLOW_DATABASE_URL", "LEADFLOW_PEPPER"]
)
def test_a_campaign_file_cannot_send_what_is_not_its_own(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "private")
    with pytest.raises(PermanentError, match="no variable for a vendor's secret"):
        secret(name)
