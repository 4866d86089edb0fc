"""One PostgreSQL and one Redis for the whole run, in a folder that is thrown away; a database of its own per worker."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

if TYPE_CHECKING:
    from redis import Redis

_data_dirs: list[Path] = []


def _start_servers() -> None:
    """The controlling process starts the servers; workers find their addresses in the environment that they inherit."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        _own_redis_database(int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) + 1)
        return
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
        if given := os.environ.get(f"HUB_TEST_{name}"):
            os.environ[name] = given
    data_dir = Path(tempfile.mkdtemp(prefix="hub-test-"))
    data_dir.chmod(0o755)
    _data_dirs.append(data_dir)
    os.environ.update(HUB_DATA_DIR=str(data_dir), HUB_SANDBOX="1", HUB_ENVIRONMENT="development")
    from config.embedded import ensure_servers

    ensure_servers(data_dir, durable=False)


def _own_redis_database(number: int) -> None:
    url = os.environ["REDIS_URL"]
    if url.startswith("unix://"):
        os.environ["REDIS_URL"] = url.partition("?")[0] + f"?db={number}"
    else:
        os.environ["REDIS_URL"] = urlunsplit(urlsplit(url)._replace(path=f"/{number}"))


# Settings want the servers' addresses, so pytest-django may find them only now; the ini file names no settings module.
_start_servers()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
settings.DATABASES  # noqa: B018 - loads them, by which pytest-django knows that there are any
# A worker that inherited the name would load them before it has its own Redis database, and empty everyone's.
del os.environ["DJANGO_SETTINGS_MODULE"]

# A password is hashed the same way, once instead of a million times: a fourth of a second for each person of a test.
PBKDF2PasswordHasher.iterations = 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that serve the whole of Hub begin: they take longest, and last they would leave a worker with nothing."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: the garbage collector need not look through it again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the servers before their folder goes; their own exit handlers then find nothing left to do."""
    if not _data_dirs:
        return
    from config.embedded import release_servers

    release_servers(_data_dirs[0], os.getpid())
    shutil.rmtree(_data_dirs.pop(), ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """pytest-django's own, emptied by `tests.flush`; at the end the pool lets go of it, so that it can be dropped."""
    from tests import flush

    with django_db_blocker.unblock():
        flush.install()
    yield
    from integrations.group_writer import close_sessions

    close_sessions()
    connections.close_all()
    _wait_until_all_are_back(connection.pool)
    connection.close_pool()


def _wait_until_all_are_back(pool: Any) -> None:
    """A session is put back by the pool's own thread; one that is still on its way when the pool closes stays open."""
    deadline = time.monotonic() + 5
    while pool and (told := pool.get_stats())["pool_available"] < told["pool_size"] and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_listed_once() -> Iterator[None]:
    """Each test's client makes the middleware anew, which lists all static files every time: the list is the same."""
    from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

    add_files_from_finders = WhiteNoiseMiddleware.add_files_from_finders
    listed: dict[str, Any] = {}

    def add_listed(self: WhiteNoiseMiddleware) -> None:
        if not listed:
            add_files_from_finders(self)
            listed.update(self.files)
        self.files.update(listed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_listed)
        yield


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """Where files go, of this test alone."""
    folder = tmp_path / "files"
    folder.mkdir()
    options = {"BACKEND": "integrations.folder_storage.FolderStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "folder": options}
    return folder


@pytest.fixture(autouse=True)
def _english() -> None:
    """Each test begins in English: a request in another language leaves its thread in that one."""
    from django.utils import translation

    translation.activate("en")


@pytest.fixture(scope="session")
def _own_redis() -> Iterator[Redis]:
    """Connected once: to connect takes thirty times as long as to empty it."""
    from redis import Redis

    with Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty_redis(_own_redis: Redis) -> None:
    """Each test begins with an empty Redis of its own."""
    from integrations import connection_state

    _own_redis.flushdb()
    connection_state._resting_until.clear()  # what the test before took away is back


@pytest.fixture(autouse=True)
def _no_query_reads_all_of_the_log() -> Iterator[None]:
    """The call log grows for years: whatever a test has our code do, each of its questions has a bound in time."""
    from tests.log_bounds import watched

    with watched() as unbounded:
        yield
    assert unbounded == []


@pytest.fixture(autouse=True)
def _lanes_are_left() -> Iterator[None]:
    """A test ends with what it has set going: who still asks a provider has a lane that the next one may want."""
    yield
    for thread in threading.enumerate():
        if thread.name == "slow-lane":
            thread.join(40)
