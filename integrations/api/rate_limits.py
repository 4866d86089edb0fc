"""How often a connection may call, and how much of that is left."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from .. import limits
from ..errors import Conflict
from ..models import RateLimit
from ..operations.announce import record_action
from .credentials import OfConnection
from .serializers import StrictSerializer


class RateLimitRow(serializers.ModelSerializer[RateLimit]):
    class Meta:
        model = RateLimit
        fields = (
            "id", "limit_type", "max_requests", "is_documented", "current_usage", "window_start", "window_end",
            "is_exceeded", "exceeded_at", "reset_at", "created_at", "updated_at",
        )  # fmt: skip


class NewRateLimit(StrictSerializer):
    limit_type = serializers.ChoiceField(choices=RateLimit.Window.choices)
    max_requests = serializers.IntegerField(min_value=1, max_value=2_147_483_647)


class RateLimitChange(StrictSerializer):
    max_requests = serializers.IntegerField(min_value=1, max_value=2_147_483_647)


class WindowLeft(serializers.Serializer[Any]):
    limit_type = serializers.CharField()
    allowed = serializers.BooleanField()
    remaining = serializers.IntegerField()
    max_requests = serializers.IntegerField()
    reset_at = serializers.DateTimeField()


class RateLimitViewSet(mixins.ListModelMixin, OfConnection):
    queryset = RateLimit.objects.all()
    serializer_class = RateLimitRow
    scope = "connections"

    def get_serializer_class(self) -> Any:
        return {"create": NewRateLimit, "partial_update": RateLimitChange}.get(self.action, RateLimitRow)

    @extend_schema(request=NewRateLimit, responses={201: RateLimitRow})
    def create(self, request: Request, **kwargs: Any) -> Response:
        given, connection = self.validated(request), self.connection
        with transaction.atomic():
            limit, made = RateLimit.objects.get_or_create(
                connection=connection,
                limit_type=given["limit_type"],
                defaults={"organization": self.organization, "max_requests": given["max_requests"]},
            )
            if not made:
                raise Conflict("The connection has a limit of this type: change it.", field="limit_type")
            record_action("rate_limit.created", limit, given)
        return self.shown(limit, RateLimitRow, created=True)

    @extend_schema(request=RateLimitChange, responses=RateLimitRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        limit = self.get_object()
        before, limit.max_requests = limit.max_requests, self.validated(request)["max_requests"]
        limit.is_documented = False
        with transaction.atomic():
            limit.save(update_fields=["max_requests", "is_documented", "updated_at"])
            record_action("rate_limit.updated", limit, {"max_requests": [before, limit.max_requests]})
        return self.shown(limit, RateLimitRow)

    @extend_schema(responses=WindowLeft(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def check(self, request: Request, **kwargs: Any) -> Response:
        """What is left of each window, counting nothing."""
        return Response(WindowLeft(limits.check(self.connection), many=True).data)
