"""Master keys are rotated while others read and write, and after a rotation was killed in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from integrations.management.commands import rotate_master_key
from integrations.master_keys import fresh_master_key, keyring, parse_master_keys
from integrations.models import Connection, Credential
from integrations.operations.locks import AdvisoryLock
from integrations.sealed_columns import SealedColumn, bind_to_rows, rows_by_key, sealed_columns
from integrations.vault import SealedText
from monitoring.health import check_due
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, CredentialFactory
from tests.served import ROOT
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.endpoints import create_endpoint

pytestmark = pytest.mark.django_db(transaction=True)
COLUMN = SealedColumn("api_credentials", "encrypted_value", names_key=True)


@pytest.fixture
def key_file(tmp_path: Path, settings: Any) -> Iterator[Path]:
    file = tmp_path / "master_keys"
    file.write_text(fresh_master_key())
    settings.MASTER_KEYS_FILE, settings.MASTER_KEYS = file, parse_master_keys(file.read_text())
    return file


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotate_master_key, "_FORGOTTEN_SECONDS", 0)
    monkeypatch.setattr(rotate_master_key, "_NOTICED_SECONDS", 1.1)  # a file is looked at each second


def rotate(*arguments: str) -> str:
    output = StringIO()
    call_command("rotate_master_key", *arguments, stdout=output, stderr=StringIO())
    return output.getvalue()


def key_ids(file: Path) -> list[str]:
    return [key_id for key_id, _ in parse_master_keys(file.read_text())]


def many(connection: Connection, count: int) -> None:
    made = []
    for number in range(count):
        credential = Credential(organization=connection.organization, connection=connection, credential_key="api_key")
        credential.set_value(f"sk_test_sample_{number}")
        made.append(credential)
    Credential.objects.bulk_create(made, batch_size=1000)


def test_every_sealed_column_is_known() -> None:
    names = {str(column) for column in sealed_columns()}
    assert names >= {
        "api_credentials.encrypted_value", "payments.client_secret", "payment_operations.payment_token",
        "sandbox_webhooks.secret", "social_media_accounts.access_token", "social_media_accounts.refresh_token",
        "webhook_endpoints.webhook_secret", "webhook_endpoints.previous_webhook_secret",
    }  # fmt: skip


def test_everything_is_under_a_new_key_and_the_old_one_can_go(key_file: Path) -> None:
    (old,) = key_ids(key_file)
    credential = CredentialFactory(value="sk_test_sample_not_a_key")
    endpoint, secret = create_endpoint(ConnectionFactory())
    rotate()
    new, still = key_ids(key_file)
    assert still == old != new
    credential.refresh_from_db()
    assert (credential.reveal(), credential.key_id, credential.encrypted_value.key_id) == (
        "sk_test_sample_not_a_key", new, new
    )  # fmt: skip
    assert f"key {old}: 0 rows; opens what is old" in rotate("--report")

    rotate("--drop", old)
    assert key_ids(key_file) == [new]
    endpoint.refresh_from_db()
    assert (endpoint.webhook_secret.reveal(), list(keyring().ciphers)) == (secret, [new])
    trail = AuditLog.objects.filter(object__startswith="master_key:").order_by("id").values_list("action", "object")
    assert list(trail) == [
        ("master_key.added", f"master_key:{new}"),
        ("master_key.rotated", f"master_key:{new}"),
        ("master_key.dropped", f"master_key:{old}"),
    ]


def test_the_file_stays_its_owners_alone(key_file: Path) -> None:
    rotate()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]


def test_a_file_that_cannot_be_changed_is_one_clear_line(key_file: Path) -> None:
    CredentialFactory(value="sk_test_sample")
    before = keyring()
    shutil.rmtree(key_file.parent)
    with pytest.raises(CommandError, match="cannot be changed: No such file"):
        rotate()
    assert keyring().newest == before.newest
    assert Credential.objects.get().reveal() == "sk_test_sample"


def test_a_key_in_use_or_the_newest_is_not_dropped(key_file: Path) -> None:
    (old,) = key_ids(key_file)
    rotate()
    CredentialFactory(value="sk_test_sample")
    new = key_ids(key_file)[0]
    with pytest.raises(CommandError, match="newest"):
        rotate("--drop", new)
    with pytest.raises(CommandError, match="no key"):
        rotate("--drop", "key-unknown")
    credential = Credential.objects.get()
    place = COLUMN.place_of(credential.pk)
    under_old = _sealed_by(old, place)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_credentials SET encrypted_value = %s", [under_old])
    with pytest.raises(CommandError, match="1 rows are still under"):
        rotate("--drop", old)
    assert key_ids(key_file) == [new, old]


def _sealed_by(key_id: str, place: str) -> str:
    import base64

    nonce = os.urandom(12)
    sealed = keyring().ciphers[key_id].encrypt(nonce, b"sk_test_sample", f"hub1|{key_id}|{place}".encode())
    return f"hub1.{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def test_what_does_not_open_is_named_and_the_rest_goes_on(key_file: Path) -> None:
    good, broken = CredentialFactory(value="sk_test_sample"), CredentialFactory(value="sk_test_sample")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_credentials SET encrypted_value = 'hub1.gone.AAAA' WHERE id = %s", [broken.pk])
    with pytest.raises(CommandError, match=f"api_credentials.encrypted_value {broken.pk}"):
        rotate()
    good.refresh_from_db()
    assert good.key_id == keyring().newest
    with pytest.raises(CommandError, match="1 rows are under a key that is not configured"):
        rotate("--report")


def test_keys_of_the_environment_are_rotated_in_two_steps(settings: Any) -> None:
    old, new = ("old", b"o" * 32), ("new", b"n" * 32)
    settings.MASTER_KEYS_FILE, settings.MASTER_KEYS = None, [old]
    CredentialFactory(value="sk_test_sample")
    with pytest.raises(CommandError, match="HUB_MASTER_KEYS"):
        rotate()
    settings.MASTER_KEYS = [new, old]
    rotate()
    assert rows_by_key(COLUMN) == {"new": 1}
    assert "take it out of HUB_MASTER_KEYS" in rotate("--drop", "old")
    assert parse_master_keys(rotate("--generate"))


def test_a_running_process_learns_of_a_key_when_it_meets_it(key_file: Path) -> None:
    """Another process adds a key and seals with it at once; this one has looked at the file a moment ago."""
    CredentialFactory(value="sk_test_sample")
    before = keyring().newest
    place = COLUMN.place_of(Credential.objects.get().pk)
    script = (
        "import sys, django; django.setup()\n"
        "from integrations.master_keys import add_key; from integrations.vault import SealedText\n"
        "from django.conf import settings\n"
        "add_key(settings.MASTER_KEYS_FILE)\n"
        f"print(SealedText.seal('sk_test_fresh_sample', context={place!r}).token)"
    )
    token = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=_environment(key_file), capture_output=True, text=True, check=True
    ).stdout.strip()
    assert SealedText(token, context=place).reveal() == "sk_test_fresh_sample"
    assert keyring().newest != before


def test_a_damaged_file_leaves_a_running_process_its_keys(key_file: Path) -> None:
    sealed = SealedText.seal("sk_test_sample", context="c")
    key_file.write_text("half a k")
    time.sleep(1.1)
    assert sealed.reveal() == "sk_test_sample"
    key_file.unlink()
    time.sleep(1.1)
    assert sealed.reveal() == "sk_test_sample"


def test_two_rotations_do_not_run_at_once(key_file: Path) -> None:
    import psycopg

    with psycopg.connect(_environment(key_file)["DATABASE_URL"]) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [AdvisoryLock.MASTER_KEY_ROTATION])
        with pytest.raises(CommandError, match="Another rotation is running"):
            rotate()


def test_a_rotation_and_the_health_checks_do_not_hold_each_other_up(key_file: Path, settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    asked, rotated = threading.Event(), threading.Event()

    def answer(request: WireRequest) -> WireAnswer:
        asked.set()
        rotated.wait(20)
        return WireAnswer(200, {"object": "balance"})

    def sweep() -> int:
        try:
            return check_due()
        finally:
            connection.close()

    with WireServer(answer) as provider, ThreadPoolExecutor(1) as threads:
        ConnectionFactory(configuration={"base_url": provider.url}, credentials={"api_key": "sk_test_sample"})
        checked = threads.submit(sweep)
        assert asked.wait(10)
        try:
            assert "Every row is under" in rotate()
        finally:
            rotated.set()
        assert checked.result() == 1


def test_readers_and_writers_never_notice(key_file: Path) -> None:
    connection_ = ConnectionFactory()
    many(connection_, 2000)
    pks = list(Credential.objects.values_list("pk", flat=True))
    stop, wrong, reads, writes = threading.Event(), [], [0], [0]

    def read(start: int) -> None:
        number = start
        while not stop.is_set():
            number = (number + 7) % len(pks)
            try:
                secret = Credential.objects.get(pk=pks[number]).reveal()
                if not secret.startswith("sk_test_"):
                    wrong.append(secret)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what a reader must not see
                wrong.append(repr(error))
            reads[0] += 1
        connection.close()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 13) % len(pks)
            try:
                credential = Credential.objects.get(pk=pks[number])
                credential.set_value(f"sk_test_written_{number}")
                credential.save()
            except Exception as error:  # noqa: BLE001
                wrong.append(repr(error))
            writes[0] += 1
        connection.close()

    threads = [threading.Thread(target=read, args=(start,)) for start in range(3)] + [threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    try:
        process = subprocess.run(_command("--batch-size", "20"), cwd=ROOT, env=_environment(key_file), timeout=120)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert process.returncode == 0
    assert wrong == []
    assert min(reads[0], writes[0]) > 20
    assert rows_by_key(COLUMN) == {key_ids(key_file)[0]: 2000}


def test_killed_in_the_middle_it_goes_on_where_it_was(key_file: Path) -> None:
    many(ConnectionFactory(), 3000)
    (old,) = key_ids(key_file)
    process = subprocess.Popen(_command("--batch-size", "1"), cwd=ROOT, env=_environment(key_file))
    deadline = time.monotonic() + 60
    while rows_by_key(COLUMN)[old] > 2950 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    left = rows_by_key(COLUMN)
    assert 0 < left[old] < 3000, "it was to be killed in the middle"
    for credential in Credential.objects.all():
        assert credential.reveal().startswith("sk_test_sample_")
        assert credential.key_id == credential.encrypted_value.key_id

    assert f"Sealing under {key_ids(key_file)[0]}" in rotate()
    assert len(key_ids(key_file)) == 2, "no third key"
    assert rows_by_key(COLUMN) == {key_ids(key_file)[0]: 3000}


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "django", "rotate_master_key", *arguments]


def _environment(key_file: Path) -> dict[str, str]:
    given = urlsplit(os.environ["DATABASE_URL"])
    own = f"postgresql://{given.netloc}/{connection.settings_dict['NAME']}?{given.query}"
    return {
        **os.environ, "DATABASE_URL": own, "HUB_MASTER_KEYS_FILE": str(key_file), "HUB_LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip


def test_values_that_were_sealed_for_their_column_are_bound_to_their_row_and_back(key_file: Path) -> None:
    credential = CredentialFactory()
    token = SealedText.seal("sk_test_sample", context=str(COLUMN)).token
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_credentials SET encrypted_value = %s", [token])
    migration = bind_to_rows(COLUMN.table, COLUMN.name)
    assert migration.reverse_code is not None
    migration.code(apps, None)
    credential.refresh_from_db()
    assert credential.reveal() == "sk_test_sample"
    migration.reverse_code(apps, None)
    credential.refresh_from_db()
    assert SealedText(credential.encrypted_value.token, context=str(COLUMN)).reveal() == "sk_test_sample"
