from __future__ import annotations

import json

import pytest
from django.core import serializers
from django.db import connection

from integrations.models import Credential
from integrations.vault import METHOD, SealedText, VaultError, fingerprint
from tests.factories import CredentialFactory

OLD = ("old", b"o" * 32)
NEW = ("new", b"n" * 32)
SECRET = "sk_test_sample_not_a_key"


@pytest.fixture(autouse=True)
def one_key(settings: pytest.FixtureRequest) -> None:
    settings.MASTER_KEYS = [OLD]  # type: ignore[attr-defined]


def test_a_secret_comes_back_only_when_it_is_revealed() -> None:
    sealed = SealedText.seal(SECRET, context="table.column")
    assert sealed.reveal() == SECRET
    assert SECRET not in f"{sealed} {sealed!r} {sealed.token}"


def test_the_same_secret_never_seals_alike() -> None:
    tokens = {SealedText.seal(SECRET, context="table.column").token for _ in range(100)}
    assert len(tokens) == 100


def test_a_new_key_seals_and_the_old_one_still_opens(settings: pytest.FixtureRequest) -> None:
    before = SealedText.seal(SECRET, context="c")
    settings.MASTER_KEYS = [NEW, OLD]  # type: ignore[attr-defined]
    assert before.reveal() == SECRET
    assert (before.key_id, SealedText.seal(SECRET, context="c").key_id) == ("old", "new")


@pytest.mark.parametrize("keys", [[NEW], [("old", b"x" * 32)]], ids=["missing key", "wrong key"])
def test_a_missing_or_wrong_key_raises(settings: pytest.FixtureRequest, keys: list[tuple[str, bytes]]) -> None:
    sealed = SealedText.seal(SECRET, context="c")
    settings.MASTER_KEYS = keys  # type: ignore[attr-defined]
    with pytest.raises(VaultError) as caught:
        sealed.reveal()
    assert sealed.token not in str(caught.value)


def test_a_secret_moved_to_another_column_does_not_open() -> None:
    token = SealedText.seal(SECRET, context="api_credentials.encrypted_value").token
    with pytest.raises(VaultError):
        SealedText(token, context="webhook_endpoints.webhook_secret").reveal()


@pytest.mark.django_db
def test_what_was_sealed_for_another_column_is_not_stored() -> None:
    credential = CredentialFactory()
    credential.encrypted_value = SealedText.seal(SECRET, context="webhook_endpoints.webhook_secret")
    with pytest.raises(VaultError, match="webhook_endpoints"):
        credential.save()


def test_a_secret_under_another_keys_name_does_not_open(settings: pytest.FixtureRequest) -> None:
    settings.MASTER_KEYS = [OLD, ("twin", OLD[1])]  # type: ignore[attr-defined]
    token = SealedText.seal(SECRET, context="c").token.replace("hub1.old.", "hub1.twin.")
    with pytest.raises(VaultError):
        SealedText(token, context="c").reveal()


@pytest.mark.parametrize("position", [0, 12, 20, -1])
def test_one_changed_byte_is_noticed(position: int) -> None:
    import base64

    marker, key_id, encoded = SealedText.seal(SECRET, context="c").token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(encoded))
    raw[position] ^= 1
    with pytest.raises(VaultError):
        SealedText(f"{marker}.{key_id}.{base64.urlsafe_b64encode(raw).decode()}", context="c").reveal()


@pytest.mark.parametrize("token", ["", SECRET, "hub1.", "hub1.old.", "hub1.old.!!!", "hub1.old.AAAA", "hub2.old.AAAA"])
def test_what_is_not_a_sealed_secret_raises(token: str) -> None:
    with pytest.raises(VaultError):
        SealedText(token, context="c").reveal()


def test_fingerprints_tell_secrets_apart_without_reading_them() -> None:
    assert fingerprint(SECRET) == fingerprint(SECRET)
    assert fingerprint(SECRET) != fingerprint(SECRET + "2")
    assert len(fingerprint(SECRET)) == 12


@pytest.mark.django_db
class TestTheColumn:
    def stored(self) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT encrypted_value FROM api_credentials")
            return cursor.fetchone()[0]

    def test_holds_ciphertext_only(self) -> None:
        credential = CredentialFactory(value=SECRET)
        assert SECRET not in self.stored()
        assert Credential.objects.get().reveal() == SECRET
        assert (credential.encryption_method, credential.key_id) == (METHOD, "old")

    def test_saving_what_was_loaded_changes_nothing(self) -> None:
        CredentialFactory(value=SECRET)
        before = self.stored()
        Credential.objects.get().save()
        assert self.stored() == before

    def test_keeps_an_empty_text_and_one_that_looks_sealed(self) -> None:
        for text in ("", "hub1.old.AAAA", "سر"):
            Credential.objects.all().delete()
            credential = CredentialFactory()
            credential.encrypted_value = text
            credential.save()
            assert Credential.objects.get().reveal() == text

    def test_a_row_can_be_listed_though_its_key_is_gone(self, settings: pytest.FixtureRequest) -> None:
        CredentialFactory(value=SECRET)
        settings.MASTER_KEYS = [NEW]  # type: ignore[attr-defined]
        credential = Credential.objects.get()
        with pytest.raises(VaultError):
            credential.reveal()

    def test_a_fixture_holds_ciphertext_only(self) -> None:
        CredentialFactory(value=SECRET)
        dumped = serializers.serialize("json", Credential.objects.all())
        assert SECRET not in dumped
        assert json.loads(dumped)[0]["fields"]["encrypted_value"] == self.stored()
