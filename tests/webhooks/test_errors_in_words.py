"""What went wrong is written down in English, and told in the language of whoever looks at it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations import transport
from integrations.models import Membership
from tests.factories import MembershipFactory, PaymentFactory
from webhooks.forward.destinations import create_destination
from webhooks.forward.drain import drain as drain_deliveries
from webhooks.forward.send import OF_RECEIVERS
from webhooks.inbox import drain
from webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent

from .stripe_sender import event, post

pytestmark = pytest.mark.django_db(transaction=True)


def page(endpoint: WebhookEndpoint, language: str, name: str, key: Any) -> str:
    reader = Client()
    reader.force_login(MembershipFactory(organization=endpoint.organization, role=Membership.Role.STAFF).user)
    reader.cookies["django_language"] = language
    return reader.get(reverse(name, args=[key])).text


def test_an_event_s_error_is_told_in_the_reader_s_language(endpoint: WebhookEndpoint) -> None:
    PaymentFactory(connection=endpoint.connection, provider_reference="pi_sample")
    assert post(f"/webhooks/{endpoint.pk}/", event(currency="usd")).status_code == 200
    drain()
    failed = WebhookEvent.objects.get()
    assert failed.error_message == "The provider tells of USD; the payment is in AED."
    for language, words in (("en", failed.error_message), ("ar", "بينما الدفعة بالعملة AED")):
        assert page(endpoint, language, "webhook-event", failed.pk).count(words) == 2  # the event's, and its attempt's


def test_a_delivery_s_error_is_told_in_the_reader_s_language(endpoint: WebhookEndpoint) -> None:
    create_destination(endpoint.organization, url="https://nowhere.invalid/hooks")
    assert post(f"/webhooks/{endpoint.pk}/", event()).status_code == 200
    drain()
    drain_deliveries()
    delivery = WebhookDelivery.objects.get()
    assert delivery.error == "The name nowhere.invalid does not resolve."
    for language, words in (("en", delivery.error), ("ar", "تعذّر العثور")):
        assert page(endpoint, language, "webhook-delivery", delivery.pk).count(words) == 2


def test_what_the_transport_says_of_providers_is_said_of_receivers() -> None:
    calls = [node for node in ast.walk(ast.parse(Path(transport.__file__).read_text())) if isinstance(node, ast.Call)]
    said = {str(call.args[0].value) for call in calls if call.args and isinstance(call.args[0], ast.Constant)}
    assert {text for text in said if "provider" in text} == OF_RECEIVERS.keys()
    assert not any("provider" in text for text in OF_RECEIVERS.values())
