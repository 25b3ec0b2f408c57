"""Settings from the environment, read once. The only place that reads `LEADFLOW_*` variables."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Where state lives, which database, and how email leaves.

    Every field is `LEADFLOW_<NAME>` in the environment.
    """

    model_config = SettingsConfigDict(env_prefix="LEADFLOW_", env_ignore_empty=True, frozen=True)

    home: Path = Field(
        PROJECT_ROOT / ".leadflow", description="all local state; removing it is a clean start"
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql://...; embedded PostgreSQL where it is not set"
    )
    first_day: date = Field(date(2008, 5, 1), description="first day a partition may have")
    pepper: SecretStr | None = Field(
        None, description="secret that keys hashed addresses; kept in the home folder where it is not set"
    )
    transport: str = Field(
        "eml", pattern="^(eml|smtp)$", description="eml: files in the home folder; smtp: a mail server"
    )
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(25, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: str = Field("starttls", pattern="^(none|starttls|tls)$")
    public_url: str = Field(
        "http://127.0.0.1:8787", description="where the unsubscribe links of emails point to"
    )

    @property
    def outbox_folder(self) -> Path:
        """Where the eml transport puts messages."""
        return self.home / "outbox"

    @property
    def landing_folder(self) -> Path:
        """One folder a campaign: files put there are imported by a sensor."""
        return self.home / "landing"

    @property
    def dagster_home(self) -> Path:
        """What `DAGSTER_HOME` is set to for every process we start."""
        return self.home / "dagster"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
