"""One row of every tenant model for an organization, named so that a leak is seen, with secrets planted in it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import models
from django.utils import timezone

from integrations.models import (
    Organization,
    PaymentDispute,
    PaymentMovement,
    PaymentOperation,
    PaymentProof,
    PaymentRoute,
    PaymentSettings,
    PaymentSettlement,
    ShippingSettings,
    SocialAccount,
)
from monitoring.models import (
    Alert,
    AuditLog,
    CallLog,
    DailyAnalytics,
    DailyTotals,
    HealthCheck,
    HealthRule,
    HourlyMetrics,
    LogArchive,
    LogExport,
    MaintenanceWindow,
    SavedSearch,
    UptimeDay,
)
from tests.factories import (
    ConnectionFactory,
    CredentialFactory,
    MembershipFactory,
    PaymentFactory,
    RateLimitFactory,
    UserFactory,
    token_for,
)
from webhooks.models import (
    WebhookAccessLog,
    WebhookDelivery,
    WebhookDeliveryAttempt,
    WebhookDestination,
    WebhookEndpoint,
    WebhookEvent,
    WebhookReplay,
)

SECRET = "sk_test_planted_not_a_key"


def plant(organization: Organization, mark: str) -> dict[str, models.Model]:
    """Rows by model label; `mark` is in the names of each that has one."""
    now = timezone.now()
    connection = ConnectionFactory(organization=organization, connection_name=f"{mark} connection")
    own: dict[str, Any] = {"organization": organization, "connection": connection}
    payment = PaymentFactory(connection=connection, reference=f"{mark}-order")
    endpoint = WebhookEndpoint.objects.create(
        **own, webhook_url=f"https://hub.example.com/webhooks/{mark}/", webhook_secret=SECRET
    )
    event = WebhookEvent.objects.create(signature_verified=True,
        organization=organization, webhook_endpoint=endpoint, event_id=f"{mark}-event", event_type="charge",
        raw_body=SECRET.encode(), payload={"body": SECRET}, signature=SECRET, headers={"x": SECRET},
    )  # fmt: skip
    destination = WebhookDestination.objects.create(
        organization=organization, url=f"https://{mark}.example.com/hooks", description=f"{mark} destination",
        signing_secret=SECRET, headers=SECRET,
    )  # fmt: skip
    delivery = WebhookDelivery.objects.create(
        organization=organization, event=event, destination=destination, event_type=f"{mark}.type", status="failed",
        next_attempt_at=None,
    )  # fmt: skip
    token_for(organization)
    rows: list[models.Model] = [
        connection,
        payment,
        endpoint,
        event,
        destination,
        delivery,
        WebhookDeliveryAttempt.objects.create(
            organization=organization, delivery=delivery, number=1, at=now, duration_ms=1, error=f"{mark} error"
        ),
        CredentialFactory(connection=connection, value=SECRET),
        RateLimitFactory(connection=connection),
        MembershipFactory(organization=organization, user=UserFactory(username=f"{mark}-person")),
        PaymentSettings.objects.create(**own, provider_name=f"{mark} payments"),
        PaymentRoute.objects.create(**own, name=f"{mark} rule"),
        PaymentDispute.objects.create(
            organization=organization, payment=payment, provider_reference=f"{mark}-dispute", amount="5.00",
            currency="AED",
        ),
        PaymentMovement.objects.create(**own, payment=payment, kind="capture", amount="5.00", currency="AED"),
        PaymentSettlement.objects.create(**own, day=date(2026, 1, 2), currency="AED"),
        ShippingSettings.objects.create(**own, provider_name=f"{mark} shipping"),
        SocialAccount.objects.create(
            **own, platform="x", account_name=f"{mark} account", account_id="1", access_token=SECRET,
            refresh_token=SECRET,
        ),
        PaymentOperation.objects.create(
            organization=organization, payment=payment, kind="create", raw={"secret": SECRET}
        ),
        PaymentProof.objects.create(
            organization=organization, payment=payment, file_name=f"{mark} proof.pdf", content_type="application/pdf",
            size=1, sha256=mark, storage_region="ae", storage_key=f"ae/payments/{mark}", data_key=SECRET,
        ),
        WebhookAccessLog.objects.create(organization=organization, webhook_event=event, actor=f"{mark} reader"),
        WebhookReplay.objects.create(organization=organization, created_by=f"{mark} actor"),
        CallLog.objects.create(**own, log_type="api_request", method="GET", endpoint=f"/{mark}"),
        LogArchive.objects.create(
            organization=organization, month=date(2025, 1, 1), part=0, file=f"ae/logs/{mark}", file_key=SECRET
        ),
        LogExport.objects.create(organization=organization, created_by=f"{mark} actor", file_key=SECRET),
        SavedSearch.objects.create(
            organization=organization, user=UserFactory(username=f"{mark}-owner"), name=f"{mark} search", is_shared=True
        ),
        HealthCheck.objects.create(**own, check_timestamp=now, status="healthy"),
        HealthRule.objects.create(**own),
        MaintenanceWindow.objects.create(
            **own, starts_at=now, ends_at=now + timedelta(hours=1), reason=f"{mark} maintenance"
        ),
        UptimeDay.objects.create(**own, date=date(2026, 1, 2)),
        HourlyMetrics.objects.create(**own, hour=now),
        DailyAnalytics.objects.create(**own, date=date(2026, 1, 2)),
        DailyTotals.objects.create(organization=organization, date=date(2026, 1, 2), level="all"),
        Alert.objects.create(**own, kind="credential_expiring", subject_id=connection.pk, message=f"{mark} alert"),
        AuditLog.objects.create(organization=organization, actor=f"{mark} actor", action="x", object="y", hash=mark),
    ]  # fmt: skip
    return {row._meta.label: row for row in rows}
