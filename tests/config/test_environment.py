"""A setting that is wrong stops the start with one line that names it, and status 1."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = base64.b64encode(b"k" * 32).decode()
PRODUCTION = {
    "HUB_ENVIRONMENT": "production",
    "HUB_SECRET_KEY": "s" * 50,
    "HUB_MASTER_KEYS": f"one:{KEY}",
    "HUB_ALLOWED_HOSTS": "hub.example.com",
    "HUB_SANDBOX": "0",
}


def check(tmp_path: Path, *, cwd: Path = ROOT, **changes: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check` under this run's servers with `changes` to the environment."""
    environment = {**os.environ, "HUB_DATA_DIR": str(tmp_path / "data"), **changes}
    return subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
    )


def test_a_development_start_needs_no_settings(tmp_path: Path) -> None:
    assert check(tmp_path).returncode == 0


def test_secrets_are_made_once_and_are_the_owners_alone(tmp_path: Path) -> None:
    check(tmp_path)
    files = [tmp_path / "data" / name for name in ("secret_key", "master_keys")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    before = [file.read_text() for file in files]
    check(tmp_path)
    assert [file.read_text() for file in files] == before


def test_production_starts_when_everything_is_said(tmp_path: Path) -> None:
    result = check(tmp_path, **PRODUCTION)
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "data" / "master_keys").exists()


def test_production_takes_its_master_keys_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"one:{KEY}\n")
    result = check(tmp_path, **{**PRODUCTION, "HUB_MASTER_KEYS": "", "HUB_MASTER_KEYS_FILE": str(file)})
    assert result.returncode == 0, result.stderr
    assert file.read_text() == f"one:{KEY}\n"


@pytest.mark.parametrize("missing", ["HUB_SECRET_KEY", "HUB_MASTER_KEYS", "HUB_ALLOWED_HOSTS"])
def test_production_refuses_to_start_without(missing: str, tmp_path: Path) -> None:
    refused(check(tmp_path, **{**PRODUCTION, missing: ""}), missing)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"HUB_ENVIRONMENT": "live"}, "HUB_ENVIRONMENT"),
        ({"DATABASE_URL": "mysql://localhost/hub"}, "DATABASE_URL"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"REDIS_URL": "http://localhost"}, "REDIS_URL"),
        ({"HUB_PORT": "eighty"}, "HUB_PORT"),
        ({"HUB_PORT": "70000"}, "HUB_PORT"),
        ({"HUB_DEBUG": "perhaps"}, "HUB_DEBUG"),
        ({"HUB_PUBLIC_URL": "hub.example.com"}, "HUB_PUBLIC_URL"),
        ({"HUB_EGRESS_ALLOW": "10.0.0.0/33"}, "HUB_EGRESS_ALLOW"),
        ({"HUB_TRUSTED_PROXIES": "proxy.example.com"}, "HUB_TRUSTED_PROXIES"),
        ({"HUB_LOG_LEVEL": "LOUD"}, "HUB_LOG_LEVEL"),
        ({"HUB_LOG_FORMAT": "xml"}, "HUB_LOG_FORMAT"),
        ({"HUB_LOG_REQUESTS": "some"}, "HUB_LOG_REQUESTS"),
        ({"HUB_METRICS_TOKEN": "short"}, "HUB_METRICS_TOKEN"),
        ({"HUB_METRICS_TOKEN": "a token with spaces in it"}, "HUB_METRICS_TOKEN"),
        ({"HUB_METRICS_NETWORKS": "prometheus.example.com"}, "HUB_METRICS_NETWORKS"),
        ({"HUB_API_RATE": "many"}, "HUB_API_RATE"),
        ({"HUB_MASTER_KEYS": "one:c2hvcnQ="}, "HUB_MASTER_KEYS"),
        ({"HUB_MASTER_KEYS": ","}, "HUB_MASTER_KEYS"),
        ({"HUB_MASTER_KEYS_FILE": "/nowhere/master_keys"}, "HUB_MASTER_KEYS_FILE"),
        ({"HUB_MASTER_KEYS_FILE": __file__}, "HUB_MASTER_KEYS"),
        ({"HUB_MASTER_KEYS_FILE": __file__, "HUB_MASTER_KEYS": f"one:{KEY}"}, "set one of them"),
        ({"HUB_MASTER_KEYS": f"one:{KEY},one:{KEY}"}, "HUB_MASTER_KEYS"),
        ({"HUB_STORAGE_BUCKETS": "ae=hub-ae@https://key:secret@s3.example.com"}, "HUB_STORAGE_BUCKETS"),
        ({"HUB_STORAGE_BUCKETS": "ae=hub-one@me-central-1,ae=hub-two@me-central-1"}, "HUB_STORAGE_BUCKETS"),
        ({"HUB_STORAGE_BUCKETS": "ae=hub@me-central-1", "HUB_STORAGE_ACCESS_KEY_ID": "sample"}, "both or neither"),
        ({**PRODUCTION, "HUB_SANDBOX": "1"}, "HUB_SANDBOX"),
        ({**PRODUCTION, "HUB_DEBUG": "1"}, "HUB_DEBUG"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_setting_is_one_clear_line(changes: dict[str, str], named: str, tmp_path: Path) -> None:
    refused(check(tmp_path, **changes), named)


def test_a_bad_secret_is_not_repeated(tmp_path: Path) -> None:
    result = check(tmp_path, HUB_MASTER_KEYS="one:not-a-real-master-key")
    assert "not-a-real-master-key" not in result.stdout + result.stderr
    result = check(tmp_path, HUB_METRICS_TOKEN="not a real token of a scraper")
    assert "not a real token" not in result.stdout + result.stderr


def test_buckets_are_named_by_region_each_with_its_own_keys_or_the_common_ones(tmp_path: Path) -> None:
    buckets = {
        "HUB_STORAGE_BUCKETS": "ae=hub-ae@me-central-1,eu=hub-eu@https://account.eu.r2.cloudflarestorage.com",
        "HUB_STORAGE_ACCESS_KEY_ID": "common", "HUB_STORAGE_SECRET_ACCESS_KEY": "common_not_a_secret",
        "HUB_STORAGE_ACCESS_KEY_ID_EU": "own", "HUB_STORAGE_SECRET_ACCESS_KEY_EU": "own_not_a_secret",
    }  # fmt: skip
    script = """
from django.conf import settings
from django.core.files.storage import storages
for name in ("region:ae", "region:eu"):
    made = storages[name]
    client = made.connection.meta.client
    print(name, made.bucket_name, client.meta.endpoint_url, client.meta.region_name, made.access_key)
print("folder" in settings.STORAGES)
"""
    environment = {**os.environ, "HUB_DATA_DIR": str(tmp_path / "data"), **PRODUCTION, **buckets}
    result = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", script], cwd=ROOT, env=environment,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.stdout.splitlines() == [
        "region:ae hub-ae https://s3.me-central-1.amazonaws.com me-central-1 common",
        "region:eu hub-eu https://account.eu.r2.cloudflarestorage.com auto own",
        "False",
    ], result.stderr


def test_a_data_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in its place")
    refused(check(tmp_path, DATABASE_URL="", REDIS_URL=""), "data folder")


def test_a_broken_env_file_is_one_clear_line(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("manage.py", "config"):
        (project / name).symlink_to(ROOT / name)
    (project / "manage.py").unlink()
    (project / "manage.py").write_text((ROOT / "manage.py").read_text())
    (project / ".env").write_text("HUB_PORT=8000\nthis is no assignment\n")
    refused(check(tmp_path, cwd=project, PYTHONPATH=str(ROOT)), ".env, line 2")


def refused(result: subprocess.CompletedProcess[str], named: str) -> None:
    assert result.returncode == 1, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert named in lines[0]
    assert "Traceback" not in result.stderr
