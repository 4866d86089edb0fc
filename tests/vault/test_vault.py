from __future__ import annotations

import json

import pytest
from django.core import serializers
from django.db import connection

from integrations.models import Credential
from integrations.models.base import uuid7
from integrations.vault import METHOD, SealedText, VaultError, fingerprint
from tests.factories import CredentialFactory

OLD = ("old", b"o" * 32)
NEW = ("new", b"n" * 32)
SECRET = "sk_test_sample_not_a_key"


@pytest.fixture(autouse=True)
def one_key(settings: pytest.FixtureRequest) -> None:
    settings.MASTER_KEYS_FILE, settings.MASTER_KEYS = None, [OLD]  # type: ignore[attr-defined]


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


def test_a_secret_without_a_place_does_not_open() -> None:
    token = SealedText.seal(SECRET, context="c").token
    with pytest.raises(VaultError):
        SealedText(token, context="").reveal()
    with pytest.raises(VaultError):
        SealedText.seal(SECRET, context="")


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

    def test_a_value_moved_to_another_row_in_the_database_does_not_open(self) -> None:
        CredentialFactory(value=SECRET)
        thief = CredentialFactory(value="sk_test_another_sample")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE api_credentials SET encrypted_value = "
                "(SELECT encrypted_value FROM api_credentials WHERE id <> %s) WHERE id = %s", [thief.pk, thief.pk]
            )  # fmt: skip
        with pytest.raises(VaultError):
            Credential.objects.get(pk=thief.pk).reveal()

    def test_a_value_of_another_row_or_column_is_refused_when_it_is_assigned(self) -> None:
        credential, other = CredentialFactory(), CredentialFactory()
        for foreign in (other.encrypted_value, SealedText.seal(SECRET, context="webhook_endpoints.webhook_secret.1")):
            with pytest.raises(VaultError):
                credential.encrypted_value = foreign
        with pytest.raises(TypeError):
            credential.encrypted_value = b"bytes"

    def test_a_copy_of_a_row_does_not_take_the_secret_with_it(self) -> None:
        credential = CredentialFactory(value=SECRET)
        credential.pk = uuid7()
        credential._state.adding = True
        with pytest.raises(VaultError):
            credential.save()

    def test_a_row_without_a_key_takes_no_secret(self) -> None:
        with pytest.raises(VaultError):
            Credential(id=None, encrypted_value=SECRET)

    def test_what_is_assigned_is_sealed_at_once(self) -> None:
        credential = CredentialFactory()
        credential.encrypted_value = SECRET
        assert SECRET not in repr(vars(credential))
        assert credential.reveal() == SECRET

    def test_values_without_their_row_stay_shut(self) -> None:
        CredentialFactory(value=SECRET)
        value = Credential.objects.values_list("encrypted_value", flat=True).get()
        with pytest.raises(VaultError):
            value.reveal()

    def test_a_deferred_value_is_read_for_its_row(self) -> None:
        CredentialFactory(value=SECRET)
        assert Credential.objects.defer("encrypted_value").get().reveal() == SECRET

    def test_an_update_takes_what_was_sealed_for_the_column_only(self) -> None:
        credential = CredentialFactory(value=SECRET)
        rows = Credential.objects.filter(pk=credential.pk)
        rows.update(encrypted_value=Credential(id=credential.pk, encrypted_value="sk_test_new_sample").encrypted_value)
        assert rows.get().reveal() == "sk_test_new_sample"
        for wrong in (SECRET, SealedText.seal(SECRET, context="c")):
            with pytest.raises(VaultError):
                rows.update(encrypted_value=wrong)

    def test_many_are_made_and_changed_at_once(self) -> None:
        made = [CredentialFactory(), CredentialFactory()]
        for number, credential in enumerate(made):
            credential.encrypted_value = f"sk_test_sample_{number}"
        Credential.objects.bulk_update(made, ["encrypted_value"])
        revealed = [Credential.objects.get(pk=credential.pk).reveal() for credential in made]
        assert revealed == ["sk_test_sample_0", "sk_test_sample_1"]

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
