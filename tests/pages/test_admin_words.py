"""The admin in the reader's language: what rows have in English, and what Django would name after a column."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from integrations.models import Connection, Organization
from monitoring.models import Alert, HealthCheck, LogExport, RollupWatermark
from tests.factories import ConnectionFactory

ERROR = "The provider did not answer in time."


@pytest.fixture
def arabic(super_admin: Client, settings: Any) -> Client:
    super_admin.cookies[settings.LANGUAGE_COOKIE_NAME] = "ar"
    return super_admin


@pytest.fixture
def connection(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, error_message=ERROR)


def shown(client: Client, page: str, *keys: object) -> str:
    answer = client.get(reverse(f"admin:{page}", args=keys))
    assert answer.status_code == 200
    return answer.content.decode()


def in_arabic(sentence: str) -> str:
    with translation.override("ar"):
        said = translation.gettext(sentence)
    assert said != sentence
    return said


def test_errors_are_retold(arabic: Client, connection: Connection) -> None:
    check = HealthCheck.objects.create(
        organization=connection.organization, connection=connection, check_timestamp=timezone.now(), status="down",
        error_message=ERROR,
    )  # fmt: skip
    for page, row in (("monitoring_healthcheck_change", check), ("integrations_connection_change", connection)):
        text = shown(arabic, page, row.pk)
        assert in_arabic(ERROR) in text
        assert ERROR not in text
        assert in_arabic("error") in text


def test_a_state_without_a_colour_of_its_own_is_named(arabic: Client, organization: Organization) -> None:
    LogExport.objects.create(organization=organization, created_by="shop", file_format="csv", status="cancelled")
    text = shown(arabic, "monitoring_logexport_changelist")
    assert in_arabic("Cancelled") in text
    assert not re.search(r">\s*cancelled\s*<", text, re.IGNORECASE)


def test_no_label_is_a_column_s_name(arabic: Client, connection: Connection) -> None:
    alert = Alert.objects.create(
        organization=connection.organization, connection=connection, kind="health_down", subject_id=connection.pk,
        message="It is down.", acknowledged_name="token shop", acknowledged_at=timezone.now(),
    )  # fmt: skip
    RollupWatermark.objects.update_or_create(level="hourly", defaults={"read_until": timezone.now()})
    text = shown(arabic, "monitoring_alert_change", alert.pk)
    assert "token shop" in text
    assert "Acknowledged name" not in text
    text = shown(arabic, "monitoring_rollupwatermark_changelist")
    assert not re.search(r">\s*(Level|Read until|hourly)\s*<", text, re.IGNORECASE)
