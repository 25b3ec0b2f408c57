"""What every test stands on: a real PostgreSQL server of its own, and a database of its own for each test.

The home folder is set before anything of the package is imported, so that no test ever touches `.leadflow`.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

TESTS_HOME = Path(tempfile.mkdtemp(prefix="leadflow-tests-"))
# PostgreSQL runs as another account where the tests run as root, and has to be able to pass through.
TESTS_HOME.chmod(0o711)
for name in [name for name in os.environ if name.startswith("LEADFLOW_")]:
    del os.environ[name]
os.environ["LEADFLOW_HOME"] = str(TESTS_HOME)

# Compiled modules are kept, whatever the environment says: else each process that a test starts compiles all of ours.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Thousands of tests are loaded, and stay: to look for garbage among them all the time costs a quarter of the loading.
gc.set_threshold(100_000)

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from sqlalchemy import Engine, create_engine, make_url, text  # noqa: E402

from leadflow_pipeline.settings import get_settings  # noqa: E402
from leadflow_pipeline.store import embedded  # noqa: E402
from leadflow_pipeline.store.engine import engine_for, get_engine, normalise_url  # noqa: E402
from leadflow_pipeline.store.migrate import upgrade  # noqa: E402
from leadflow_pipeline_tests.databases import Databases  # noqa: E402

# A busy machine is no failure. Whoever says nothing else is given 40 examples, others each time; 1,000 by --slow.
settings.register_profile("leadflow", deadline=None, max_examples=40)
settings.register_profile("slow", deadline=None, max_examples=1_000)
settings.load_profile("leadflow")

FAST_AND_LOOSE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
TEMPLATE = "migrated"
LONGEST = ("test_daily_equals_backfill", "test_whole_chain", "test_demo_vendors", "test_operate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the long campaigns whole")
    parser.addoption("--data", type=Path, help="folder with public data sets that may not be shipped")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--slow"):
        settings.load_profile("slow")


def pytest_collection_finish() -> None:
    """What is loaded stays, and is looked through no more: that stopped all threads for half a second now and then."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """What is left goes with the process: to look for garbage among millions of objects takes it ten seconds."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts the longest first, so that no process is left with one of them when the others are done."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session")
def slow(request: pytest.FixtureRequest) -> bool:
    """Whether the long campaigns are to run whole."""
    return bool(request.config.getoption("--slow"))


@pytest.fixture(scope="session")
def data(request: pytest.FixtureRequest) -> Path:
    """The folder with data that are not shipped; without it the test is skipped."""
    folder = request.config.getoption("--data")
    if folder is None:
        pytest.skip("needs --data FOLDER")
    return Path(folder)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The server of this test process, with one migrated database to copy."""
    url = normalise_url(embedded.acquire(TESTS_HOME, FAST_AND_LOOSE)).render_as_string(hide_password=False)
    _administer(url, f"CREATE DATABASE {TEMPLATE}")
    template = create_engine(make_url(url).set(database=TEMPLATE))
    upgrade(template)
    template.dispose()
    yield url
    embedded.release(TESTS_HOME)
    shutil.rmtree(TESTS_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(server_url: str) -> Iterator[Databases]:
    """The databases of this test process."""
    databases = Databases(server_url, TEMPLATE)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def database_names(databases: Databases) -> Iterator[str]:
    """Names for databases that a test makes itself."""
    return databases.names


@pytest.fixture
def database_url(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty migrated database, which is also what `get_engine()` and the commands of this process use."""
    url = databases.take()
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", url)
    get_settings.cache_clear()
    yield url
    for patience in (None, get_settings().database_patience):
        engine_for(url, patience).dispose()
    monkeypatch.undo()
    get_settings.cache_clear()
    databases.give_back(url)


@pytest.fixture
def engine(database_url: str) -> Engine:
    """An engine on the fresh database."""
    return get_engine()


@pytest.fixture
def campaign(engine: Engine) -> Callable[..., str]:
    """Registers a campaign by hand, without a campaign file: `campaign("spring-sale", versions=2)`."""

    def register(slug: str = "spring-sale", versions: int = 1, status: str = "active") -> str:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO leadflow.campaigns (campaign, status, current_version) "
                    "VALUES (:slug, :status, :versions)"
                ),
                {"slug": slug, "status": status, "versions": versions},
            )
            connection.execute(
                text(
                    "INSERT INTO leadflow.campaign_versions (campaign, version, source_text, content_key) "
                    "SELECT :slug, version, '', version::text FROM generate_series(1, :versions) AS version"
                ),
                {"slug": slug, "versions": versions},
            )
        return slug

    return register


def _administer(url: str, statement: str) -> None:
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(statement))
    server.dispose()
