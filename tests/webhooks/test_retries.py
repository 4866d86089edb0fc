from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.errors import InvalidRequest
from integrations.models import Membership
from tests.factories import MembershipFactory
from webhooks.endpoints import update_endpoint
from webhooks.models import WebhookEndpoint, default_retry_policy
from webhooks.retries import backoff_seconds, policy_of

NO_POLICY = [
    [1], "fast", 7, None, {"speed": 1}, {"max_retries": -1}, {"max_retries": 51}, {"max_retries": "8"},
    {"max_retries": True}, {"factor": 0}, {"factor": 1.5}, {"initial_seconds": None}, {"max_seconds": 10**9},
    {"backoff_strategy": "linear"},
]  # fmt: skip


@pytest.mark.parametrize("policy", NO_POLICY, ids=str)
def test_what_is_no_policy_is_refused(endpoint: WebhookEndpoint, policy: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        update_endpoint(endpoint, retry_policy=policy)
    assert refused.value.field.startswith("retry_policy")
    endpoint.refresh_from_db()
    assert endpoint.retry_policy == default_retry_policy()


@pytest.mark.parametrize("policy", NO_POLICY[:5] + NO_POLICY[6:], ids=str)
def test_in_a_row_written_by_hand_the_default_takes_its_place(policy: Any) -> None:
    assert policy_of(WebhookEndpoint(retry_policy=policy)) == default_retry_policy()


def test_an_endpoints_own_numbers_are_used(endpoint: WebhookEndpoint) -> None:
    update_endpoint(endpoint, retry_policy={"max_retries": 0, "initial_seconds": 1})
    endpoint.refresh_from_db()
    assert policy_of(endpoint) == {**default_retry_policy(), "max_retries": 0, "initial_seconds": 1}


def test_pauses_grow_to_a_bound() -> None:
    policy = {**default_retry_policy(), "initial_seconds": 1, "factor": 4, "max_seconds": 1000}
    pauses = [backoff_seconds(policy, retries) for retries in range(50)]
    assert all(0.75 * 4**retries <= pause <= 1.25 * 4**retries for retries, pause in enumerate(pauses[:5]))
    assert all(750 <= pause <= 1250 for pause in pauses[5:])
    assert all(earlier < later for earlier, later in pairwise(pauses[:5]))
    assert len(set(pauses[5:])) > 1


@pytest.mark.parametrize("text", ["[1]", '{"max_retries": "many"}', '{"speed": 1}', "not JSON"])
def test_the_admin_refuses_what_is_no_policy(endpoint: WebhookEndpoint, text: str) -> None:
    client = Client()
    client.force_login(MembershipFactory(organization=endpoint.organization, role=Membership.Role.ADMIN).user)
    form = {"event_types": "", "is_active": "on", "max_per_minute": "60", "new_webhook_secret": ""}
    address = reverse("admin:webhooks_webhookendpoint_change", args=[endpoint.pk])
    assert client.post(address, {**form, "retry_policy": text}, follow=True).status_code == 200
    endpoint.refresh_from_db()
    assert (endpoint.retry_policy, endpoint.max_per_minute) == (default_retry_policy(), 6000)
    assert client.post(address, {**form, "retry_policy": '{"max_retries": 3}'}).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.retry_policy, endpoint.max_per_minute) == ({"max_retries": 3}, 60)
