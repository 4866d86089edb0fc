"""What a replay of one event would do."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.api.serializers import Money
from integrations.models import Payment
from integrations.operations.payment_rehearsal import Rehearsal

from ..rehearsal import EventRehearsal


class PaymentState(serializers.ModelSerializer[Payment]):
    amount_captured = Money()
    amount_refunded = Money()

    class Meta:
        model = Payment
        fields = ("status", "amount_captured", "amount_refunded", "currency")


class StepRow(serializers.Serializer[Rehearsal]):
    """One thing that the event says. `becomes` is none where nothing of ours is concerned or `is_looked_up`."""

    type = serializers.CharField(source="event.type.value")
    subject = serializers.CharField(source="event.subject")
    occurred_at = serializers.DateTimeField(source="event.occurred_at", allow_null=True)
    payment = serializers.UUIDField(source="payment.pk", default=None, allow_null=True)
    now = PaymentState(source="payment", allow_null=True)
    becomes = PaymentState(allow_null=True)
    is_looked_up = serializers.BooleanField(help_text="The provider would be asked first, and its answer decides.")
    problem = serializers.SerializerMethodField()

    @extend_schema_field(serializers.CharField())
    def get_problem(self, step: Rehearsal) -> str:
        return step.problem.message if step.problem else ""


class RehearsalRow(serializers.Serializer[EventRehearsal]):
    dry_run = serializers.SerializerMethodField()
    is_wanted = serializers.BooleanField(help_text="Whether the endpoint acts on events of this type.")
    problem = serializers.SerializerMethodField(help_text="Why the event would fail as a whole.")
    events = StepRow(source="steps", many=True)

    def get_dry_run(self, rehearsal: EventRehearsal) -> bool:
        return True

    @extend_schema_field(serializers.CharField())
    def get_problem(self, rehearsal: EventRehearsal) -> str:
        return rehearsal.problem.message if rehearsal.problem else ""


def rehearsal_row(rehearsal: EventRehearsal) -> dict[str, Any]:
    return dict(RehearsalRow(rehearsal).data)
