"""A connection's health, by what it is judged, and a check of it here and now."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.credentials import OfConnection
from integrations.api.serializers import StrictSerializer
from integrations.models import Connection

from ..health import check_connection
from ..health_overview import Standing, standings
from ..health_settings import PARTS, change_rule, reset_rule, rule_for
from ..models import HealthCheck, HealthRule
from .health_checks import HealthCheckRow


class HealthRuleRow(serializers.ModelSerializer[HealthRule]):
    """A connection without a rule of its own has the defaults."""

    class Meta:
        model = HealthRule
        fields = PARTS


class HealthRuleChanges(StrictSerializer):
    interval_seconds = serializers.IntegerField(min_value=30, max_value=86_400, required=False)
    failures_until_down = serializers.IntegerField(min_value=1, max_value=20, required=False)
    successes_until_recovery = serializers.IntegerField(min_value=1, max_value=20, required=False)
    slow_ms = serializers.IntegerField(min_value=50, max_value=10_000, required=False)
    slow_times = serializers.DecimalField(
        max_digits=4, decimal_places=1, min_value=Decimal("1.1"), max_value=Decimal(100), required=False,
        help_text="Of the connection's usual answer.",
    )  # fmt: skip
    baseline_ms = serializers.IntegerField(
        min_value=1, max_value=10_000, required=False, allow_null=True,
        help_text="The usual answer. Null: the median of its recent good checks.",
    )  # fmt: skip


class UptimeRow(serializers.Serializer[Any]):
    """Per cent of the time of which anything is known, maintenance windows left out; null where nothing is."""

    last_24_hours = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)
    last_7_days = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)
    last_30_days = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)
    last_90_days = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)


class HealthState(serializers.Serializer[Any]):
    """`provider_incident_since`: the provider fails for others as well, since then."""

    status = serializers.ChoiceField(choices=Connection.Status.choices)
    health_status = serializers.ChoiceField(choices=Connection.Health.choices)
    since = serializers.DateTimeField(allow_null=True)
    last_check = serializers.DateTimeField(allow_null=True)
    next_check = serializers.DateTimeField(allow_null=True)
    response_time_ms = serializers.IntegerField(allow_null=True)
    error_message = serializers.CharField()
    in_maintenance = serializers.BooleanField()
    provider_incident_since = serializers.DateTimeField(allow_null=True)
    uptime = UptimeRow()


class ConnectionHealthViewSet(OfConnection):
    queryset = HealthCheck.objects.all()
    serializer_class = HealthState
    scope = "connections"
    pagination_class = None
    filter_backends = ()

    def get_serializer_class(self) -> Any:
        return {"partial_update": HealthRuleChanges}.get(self.action, HealthState)

    @extend_schema(operation_id="connections_health_retrieve", responses=HealthState)
    def state(self, request: Request, **kwargs: Any) -> Response:
        """How the connection is, since when, and how it has been."""
        [standing] = standings(self.organization, [self.connection])
        return Response(HealthState(_state(standing)).data)

    @extend_schema(operation_id="connections_health_check", request=None, responses=HealthCheckRow)
    def check(self, request: Request, **kwargs: Any) -> Response:
        """Check the connection now, whether or not it is due. Answers 200 whatever is found: see `status`."""
        self.expect_no_body(request)
        return self.shown(check_connection(self.connection), HealthCheckRow)

    @extend_schema(operation_id="connections_health_rule_retrieve", responses=HealthRuleRow)
    def rule(self, request: Request, **kwargs: Any) -> Response:
        return self.shown(rule_for(self.connection), HealthRuleRow)

    @extend_schema(operation_id="connections_health_rule_update", request=HealthRuleChanges, responses=HealthRuleRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        return self.shown(change_rule(self.connection, **self.validated(request)), HealthRuleRow)

    @extend_schema(operation_id="connections_health_rule_reset", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Back to the defaults."""
        reset_rule(self.connection)
        return Response(status=204)


def _state(standing: Standing) -> dict[str, Any]:
    connection = standing.connection
    return {
        "status": connection.status,
        "health_status": connection.health_status,
        "since": connection.health_changed_at,
        "last_check": connection.last_health_check,
        "next_check": connection.next_health_check if standing.is_watched else None,
        "response_time_ms": standing.latest_ms,
        "error_message": connection.error_message,
        "in_maintenance": standing.in_maintenance,
        "provider_incident_since": standing.incident.opened_at if standing.incident else None,
        "uptime": {
            "last_24_hours": standing.last_day.percent,
            **{f"last_{days}_days": uptime.percent for days, uptime in standing.days.items()},
        },
    }
