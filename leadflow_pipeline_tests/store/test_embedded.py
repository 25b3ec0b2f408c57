"""The life of the embedded server: started by the first, shared by all, mended after a crash, stopped by the
last.

Every user of the server here is a process of its own, as in life.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.store import cluster, embedded
from leadflow_pipeline.store.cluster import SHARED_FOLDER, locate

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="needs root")

USER = """
import sys
from pathlib import Path
from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.store import embedded
try:
    print(embedded.acquire(Path(sys.argv[1]), {"fsync": sys.argv[2]}), flush=True)
except LeadflowError as error:
    sys.exit(f"error: {error}")
sys.stdin.readline()
"""


class User:
    """A process that uses the server of a home until it is told to leave."""

    def __init__(self, home: Path, *, fsync: str = "off", account: int | None = None) -> None:
        identity = {} if account is None else {"user": account, "group": pwd.getpwuid(account).pw_gid}
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(home), fsync],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            **identity,
        )

    @property
    def url(self) -> str:
        """The address it was given; waits for it."""
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return line.strip()

    def leave(self) -> str:
        """Ends it as a command ends; what it said on stderr."""
        return self.process.communicate("\n")[1]


@pytest.fixture(scope="module")
def made_data() -> Iterator[Path]:
    """A data folder to copy, which is quicker than making one."""
    folder = Path(tempfile.mkdtemp(prefix="leadflow-home-"))
    folder.chmod(0o711)
    User(folder).leave()
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def used_home(home: Path, made_data: Path) -> Path:
    """A home that was used before."""
    home.mkdir()
    # Twelve hundred files, with their owners: by Python that takes ten times as long.
    subprocess.run(["cp", "-a", str(made_data), str(home / "postgres")], check=True)
    return home


@pytest.fixture
def home() -> Iterator[Path]:
    """A new home that the server's account can reach, without a trace afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="leadflow-home-"))
    folder.chmod(0o711)
    yield folder / "home"
    kill(servers_of(folder / "home"))
    if (folder / "home" / "postgres").is_symlink():
        shutil.rmtree((folder / "home" / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(folder)


@pytest.fixture
def users() -> Iterator[Callable[..., User]]:
    """Makes users, who all leave in the end."""
    with ExitStack() as stack:

        def make(*arguments: object, **options: object) -> User:
            user = User(*arguments, **options)
            stack.callback(user.process.kill)
            return user

        yield make


def servers_of(home: Path) -> list[psutil.Process]:
    """Every PostgreSQL process that serves a home, backends and orphans included."""
    data = str((home / "postgres").resolve())
    return [
        process
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] == "postgres" and process.info["cwd"] == data
    ]


def still_there(home: Path) -> list[psutil.Process]:
    """Those of `servers_of` that do not end by themselves within moments.

    Whoever stops a server waits until its lock file is gone, and removing that is not quite the last thing it does.
    """
    return psutil.wait_procs(servers_of(home), timeout=10)[1]


def kill(processes: list[psutil.Process]) -> None:
    """Ends them and waits until they are gone; a backend whose client left may be gone before it is killed."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(question).fetchone()[0]


def test_two_that_start_at_once_share_a_server_which_the_last_one_stops(home, users):
    first, second = users(home), users(home)
    assert first.url == second.url
    server = postmaster(home)
    assert first.leave() == ""
    assert postmaster(home) == server
    assert second.leave() == ""
    assert still_there(home) == []


def test_killing_everything_loses_nothing_and_the_next_one_starts_it_again(used_home, users):
    user = users(used_home, fsync="on")
    url = user.url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        killed = servers_of(used_home)
        user.process.kill()
        kill(killed)
    successor = users(used_home)
    assert ask(successor.url, "SELECT answer FROM kept") == 42
    assert successor.leave() == ""
    assert still_there(used_home) == []


def test_a_killed_user_is_not_counted(used_home, users):
    killed, last = users(used_home), users(used_home)
    assert killed.url == last.url
    killed.process.kill()
    killed.process.wait()
    last.leave()
    assert still_there(used_home) == []


def test_while_one_thread_waits_for_the_start_the_others_are_told(used_home, monkeypatch):
    monkeypatch.setattr(embedded, "SECONDS_TO_WAIT", 0.1)
    with (used_home / "postgres.lock").open("w") as starting, ThreadPoolExecutor(2) as threads:
        fcntl.flock(starting, fcntl.LOCK_EX)  # as whoever starts it in another process
        asked = [threads.submit(embedded.acquire, used_home) for _ in range(2)]
        told = next(as_completed(asked))
        assert isinstance(told.exception(), TransientError)
        fcntl.flock(starting, fcntl.LOCK_UN)
        (waits,) = (each for each in asked if each is not told)
        assert ask(waits.result(), "SELECT 42") == 42
    embedded.release(used_home)
    assert still_there(used_home) == []


def test_orphans_of_a_killed_postmaster_are_ended(used_home, users, monkeypatch):
    monkeypatch.setattr(
        cluster, "ORPHAN_SECONDS", 0.5
    )  # those that are stopped do not hear the polite signal
    url = users(used_home).url
    busy = psycopg.connect(url, autocommit=True)
    busy.execute("SELECT 1")
    first = psutil.Process(postmaster(used_home))
    for process in servers_of(used_home):
        if process != first:
            # Stopped, it does not notice that its postmaster is gone, as one deep in a long query does not.
            with suppress(psutil.NoSuchProcess):
                process.suspend()
    first.kill()
    assert ask(embedded.acquire(used_home), "SELECT 1") == 1
    embedded.release(used_home)


def test_lock_files_that_name_a_stranger_are_mended(used_home, users):
    data = (used_home / "postgres").resolve()
    account = data.stat().st_uid
    stranger = subprocess.Popen(["sleep", "60"], **({"user": account} if IS_ROOT else {}))
    try:
        lines = f"{stranger.pid}\n{data}\n1700000000\n5432\n{data}\n\n  123 456\nready   \n"
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (data / name).write_text(lines)
            os.chown(data / name, account, -1)
        (data / ".s.PGSQL.5432").touch()
        assert ask(users(used_home).url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_half_made_data_folder_is_made_anew(home, users):
    unfinished = home / "postgres.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    assert ask(users(home).url, "SELECT 1") == 1


def test_a_home_removed_under_a_running_server_is_a_clean_start(home, users):
    before = users(home)
    url = before.url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept ()")
    shutil.rmtree(home)
    after = users(home)
    assert ask(after.url, "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == 0
    before.leave()
    assert ask(url, "SELECT 1") == 1  # the one that came before does not stop its successor's server
    after.leave()
    assert still_there(home) == []


def test_a_path_too_long_for_a_socket(home, users):
    deep = home / ("long-" * 20) / ("name-" * 20)
    user = users(deep)
    assert ask(user.url, "SELECT 1") == 1
    sockets = locate(deep).sockets
    assert sockets.stat().st_mode & 0o077 == 0
    user.leave()
    sockets.rmdir()


def test_data_of_another_postgresql_is_refused_in_a_sentence(used_home):
    (used_home / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(PermanentError, match=r"holds data of PostgreSQL 17, and this version runs 18"):
        embedded.acquire(used_home)


@as_root
def test_data_of_another_owner_are_refused_in_a_sentence(used_home):
    os.chown(used_home / "postgres", 0, 0)
    with pytest.raises(PermanentError, match=r"belongs to user root, and PostgreSQL would run as"):
        embedded.acquire(used_home)


@as_root
def test_an_ordinary_user_runs_it_as_themselves_and_root_can_join(home, users):
    nobody = pwd.getpwnam("nobody").pw_uid
    home.mkdir()
    os.chown(home, nobody, -1)
    try:
        subprocess.run([sys.executable, "-c", "import psycopg"], user=nobody, check=True)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("the interpreter is closed to ordinary users")
    user, root = users(home, account=nobody), users(home)
    assert user.url == root.url
    assert {process.uids().real for process in servers_of(home)} == {nobody}
    root.leave()
    user.leave()
    assert still_there(home) == []


@as_root
def test_a_home_closed_to_the_server_keeps_its_permissions(home, users):
    home.parent.chmod(0o700)
    user = users(home)
    assert ask(user.url, "SELECT 1") == 1
    assert home.parent.stat().st_mode & 0o777 == 0o700
    assert (home / "postgres").resolve().is_relative_to(SHARED_FOLDER)
    assert (home / "postgres").resolve().stat().st_mode & 0o077 == 0
    user.leave()


def fill(path: Path) -> None:
    """A file that takes all the room there is."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


@pytest.fixture
def small_disk(home: Path) -> Iterator[Callable[[str], None]]:
    """Makes the home a disk of a given size."""
    home.mkdir()

    def mount(size: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(home)]
        if not IS_ROOT or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("needs the right to mount a small disk")

    yield mount
    kill(servers_of(home))
    subprocess.run(["umount", "-l", str(home)], check=False, capture_output=True)


def test_a_disk_too_small_to_begin_is_one_sentence(home, small_disk, users):
    small_disk("20m")
    assert users(home).leave().splitlines() == [
        f"error: the disk that holds {home}/postgres is full: free some room there and start again"
    ]


def test_a_disk_that_fills_up_stops_the_start_with_one_sentence_and_no_data_are_lost(home, small_disk, users):
    small_disk("128m")
    users(home, fsync="on").leave()
    ballast = home / "ballast"
    fill(ballast)
    complaint = users(home).leave()
    assert "is full: free some room there and start again" in complaint
    assert len(complaint.splitlines()) == 1
    ballast.unlink()
    assert ask(users(home).url, "SELECT 1") == 1


MAKE_ACCOUNT = """
import sys
from leadflow_pipeline.store.cluster import _service_account
sys.stdin.readline()
print(_service_account(sys.argv[1]))
"""


@as_root
@pytest.mark.skipif(
    shutil.which("userdel") is None, reason="needs the programs that make and remove accounts"
)
def test_processes_that_make_the_account_at_once_agree_on_it() -> None:
    name = f"leadflow-test-{os.getpid()}"
    command = [sys.executable, "-c", MAKE_ACCOUNT, name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    makers = [subprocess.Popen(command, cwd=Path(__file__).parents[2], **pipes) for _ in range(4)]
    try:
        for maker in makers:
            maker.stdin.write("\n")
            maker.stdin.flush()
        told = {int(maker.communicate()[0]) for maker in makers}
        assert told == {pwd.getpwnam(name).pw_uid}
    finally:
        subprocess.run(["userdel", name], check=False, capture_output=True)
