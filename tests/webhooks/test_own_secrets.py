"""An endpoint that verifies by a credential of its connection goes with it, whoever gives that another value."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.utils import timezone

from integrations.models import Connection, Credential
from integrations.operations.credentials import (
    add_credential,
    deactivate_credential,
    rotate_credential,
    rotate_credentials,
)
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, CredentialFactory
from webhooks.endpoints import create_endpoint, rotate_secret
from webhooks.models import WebhookEndpoint

from . import outside, stripe_sender

# Which credential signs, an old value and a new one: of gateways that sign with an API key, and of others.
SIGNING = {
    "tap": ("secret_api_key", "sk_test_sampleOld", "sk_test_sampleNew"),
    "paytabs": ("server_key", "SAMPLEOLD0-SAMPLEOLD0-SAMPLEOLD0", "SAMPLENEW0-SAMPLENEW0-SAMPLENEW0"),
    "tamara": ("notification_token", "sample-old-token", "sample-new-token"),
    "stripe": ("webhook_secret", "whsec_sampleOld", "whsec_sampleNew"),
    "moyasar": ("webhook_secret", "sample-old-token", "sample-new-token"),
}
KEY, OLD, NEW = SIGNING["tap"]


def connected(slug: str, *values: str) -> Connection:
    key = SIGNING[slug][0]
    return ConnectionFactory(slug=slug, credentials=dict.fromkeys([key], *values) if values else {})


def secrets_of(endpoint: WebhookEndpoint) -> tuple[str, str | None]:
    stored = WebhookEndpoint.objects.get(pk=endpoint.pk)
    previous = stored.previous_webhook_secret
    return stored.webhook_secret.reveal(), previous.reveal() if previous else None


def rotate(connection: Connection, value: str = NEW, **options: Any) -> None:
    key = SIGNING[connection.provider.slug][0]
    rotate_credentials(connection, {key: value}, untested=True, **options)


@pytest.mark.django_db
@pytest.mark.parametrize("slug", SIGNING)
def test_an_endpoint_goes_with_a_rotation_of_what_its_provider_signs_with(slug: str) -> None:
    _, old, new = SIGNING[slug]
    connection = connected(slug, old)
    endpoints = [create_endpoint(connection)[0] for _ in range(2)]
    rotate(connection, new)
    assert [secrets_of(endpoint) for endpoint in endpoints] == [(new, old)] * 2


@pytest.mark.django_db
def test_the_old_key_verifies_as_long_as_it_is_valid_itself() -> None:
    connection = connected("tap", OLD)
    endpoint, _ = create_endpoint(connection)
    rotate(connection, overlap=timedelta(hours=2))
    endpoint.refresh_from_db()
    replaced = Credential.objects.order_by("id")[0]
    assert endpoint.previous_secret_expires_at == replaced.expires_at
    assert replaced.expires_at <= timezone.now() + timedelta(hours=2)


@pytest.mark.django_db
def test_without_an_overlap_the_old_key_verifies_nothing_any_more() -> None:
    connection = connected("moyasar", "sample-old-token")
    endpoint, _ = create_endpoint(connection)
    body = {"id": "evt_sample", "type": "payment_paid"}
    rotate(connection, "sample-new-token", overlap=timedelta(0))
    assert outside.deliver(endpoint, json.dumps(body).encode(), secret="sample-old-token").status_code == 401
    assert outside.deliver(endpoint, json.dumps(body).encode(), secret="sample-new-token").status_code == 200


@pytest.mark.django_db
def test_events_signed_with_either_key_are_taken_meanwhile() -> None:
    connection = connected("stripe", stripe_sender.SECRET)
    endpoint, _ = create_endpoint(connection)
    rotate(connection, "whsec_sampleNew")
    for secret in (stripe_sender.SECRET, "whsec_sampleNew"):
        body = stripe_sender.event()
        signed = stripe_sender.signature(body, secret)
        assert stripe_sender.post(f"/webhooks/{endpoint.pk}/", body, signed).status_code == 200


@pytest.mark.django_db
def test_a_secret_that_somebody_entered_stays() -> None:
    connection = connected("stripe", "whsec_sampleOld")
    endpoint, _ = create_endpoint(connection, webhook_secret="whsec_of_another")
    rotate(connection, "whsec_sampleNew")
    assert secrets_of(endpoint) == ("whsec_of_another", None)


@pytest.mark.django_db
def test_another_credential_of_the_connection_changes_no_endpoint() -> None:
    connection = connected("stripe", "whsec_sampleOld")
    CredentialFactory(connection=connection, credential_key="api_key", value="sk_test_sampleOld")
    endpoint, _ = create_endpoint(connection)
    rotate_credentials(connection, {"api_key": "sk_test_sampleNew"}, untested=True)
    assert secrets_of(endpoint) == ("whsec_sampleOld", None)


@pytest.mark.django_db
def test_the_endpoints_of_another_connection_stay() -> None:
    other, _ = create_endpoint(connected("tap", OLD))
    rotate(connected("tap", OLD))
    assert secrets_of(other) == (OLD, None)


@pytest.mark.django_db
def test_a_key_that_is_added_after_the_one_before_was_given_up_is_followed_too() -> None:
    connection = connected("tap", OLD)
    endpoint, _ = create_endpoint(connection)
    deactivate_credential(Credential.objects.get(connection=connection))
    add_credential(connection, key=KEY, value=NEW)
    assert secrets_of(endpoint) == (NEW, OLD)


@pytest.mark.django_db
def test_a_token_that_was_entered_with_the_address_and_then_added_is_followed() -> None:
    key, old, new = SIGNING["tamara"]
    connection = connected("tamara")
    endpoint, _ = create_endpoint(connection, webhook_secret=old)
    added = add_credential(connection, key=key, value=old)
    assert secrets_of(endpoint) == (old, None)
    rotate_credential(added, value=new, untested=True)
    assert secrets_of(endpoint) == (new, old)


@pytest.mark.django_db
def test_an_endpoint_that_had_fallen_behind_catches_up_and_takes_the_key_in_use_meanwhile() -> None:
    connection = connected("tap", OLD)
    endpoint, _ = create_endpoint(connection)
    CredentialFactory(connection=connection, credential_key=KEY, value="sk_test_sampleBetween")
    rotate(connection)
    assert secrets_of(endpoint) == (NEW, "sk_test_sampleBetween")


@pytest.mark.django_db
def test_a_rotation_to_the_key_that_it_has_already_leaves_the_old_one_its_time() -> None:
    connection = connected("tap", OLD)
    endpoint, _ = create_endpoint(connection)
    rotate(connection)
    assert rotate_secret(endpoint) == ""
    assert secrets_of(endpoint) == (NEW, OLD)


@pytest.mark.django_db
def test_each_endpoint_s_change_is_audited_without_the_secret() -> None:
    connection = connected("tap", OLD)
    endpoint, _ = create_endpoint(connection)
    rotate(connection)
    (entry,) = AuditLog.objects.filter(action="webhook_endpoint.secret_rotated")
    assert str(endpoint.pk) in entry.object
    assert entry.changes["credential_key"] == KEY
    assert not any(secret in str(list(AuditLog.objects.values())) for secret in (OLD, NEW))


@pytest.mark.django_db
def test_the_key_and_the_endpoints_change_together_or_not_at_all() -> None:
    connection = connected("tap", OLD)
    endpoint, _ = create_endpoint(connection)
    with database.cursor() as cursor:  # undone with the test
        cursor.execute("ALTER TABLE audit_logs ADD CONSTRAINT refuse CHECK (action NOT LIKE 'credential.%') NOT VALID")
    with pytest.raises(IntegrityError):
        rotate(connection)
    assert secrets_of(endpoint) == (OLD, None)
    assert [row.reveal() for row in Credential.objects.filter(connection=connection)] == [OLD]


@pytest.mark.django_db
def test_a_replaced_key_that_is_given_up_at_once_verifies_nothing_any_more() -> None:
    connection = connected("tap", OLD)
    endpoint, _ = create_endpoint(connection)
    rotate(connection)
    deactivate_credential(Credential.objects.get(connection=connection, expires_at__isnull=False))
    endpoint.refresh_from_db()
    assert endpoint.previous_secret_expires_at is not None
    assert endpoint.previous_secret_expires_at <= timezone.now()
    assert secrets_of(endpoint)[0] == NEW


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["sandbox", "tabby"])
def test_a_secret_that_the_provider_was_told_by_its_api_stays_until_it_is_told_another(slug: str) -> None:
    """Followed, it would lock the provider out, which goes on with the one that it knows."""
    old, new = ("whsec_" + letter * 32 for letter in "AB")
    connection = ConnectionFactory(slug=slug, credentials={"webhook_secret": old})
    endpoint, _ = create_endpoint(connection)
    rotate_credentials(connection, {"webhook_secret": new}, untested=True)
    assert secrets_of(endpoint) == (old, None)


@pytest.mark.django_db(transaction=True)
def test_an_address_that_is_made_while_the_key_is_rotated_has_the_new_one() -> None:
    connection = connected("tap", OLD)
    made: list[WebhookEndpoint] = []

    def make() -> None:
        made.append(create_endpoint(connection)[0])
        database.close()

    with transaction.atomic():
        rotate(connection)
        maker = threading.Thread(target=make)
        maker.start()
        time.sleep(0.3)
    maker.join(10)
    assert secrets_of(made[0]) == (NEW, None)
