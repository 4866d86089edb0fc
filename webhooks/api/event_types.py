"""The vocabulary of normalized events."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.viewsets import HubView

from ..event_catalogue import catalogue


class EventTypeRow(serializers.Serializer[Any]):
    type = serializers.CharField()
    domain = serializers.CharField(source="type.domain")
    description = serializers.CharField(source="meaning")
    providers = serializers.ListField(child=serializers.CharField(), help_text="The slugs of those that send it.")
    schema = serializers.JSONField(help_text="JSON Schema (2020-12) of the event as it is emitted and forwarded.")
    example = serializers.JSONField()


class EventTypes(serializers.Serializer[Any]):
    results = EventTypeRow(many=True)
    next = serializers.CharField(allow_null=True, help_text="None: all are on one page.")
    previous = serializers.CharField(allow_null=True)


_PAGE_SIZE = OpenApiParameter("page_size", int, description="As of any list; all are on one page whatever it says.")


class EventTypesView(HubView):
    scope = "webhooks"
    query_parameters = ("page_size",)

    @extend_schema(operation_id="event_types_list", responses=EventTypes, parameters=[_PAGE_SIZE])
    def get(self, request: Request) -> Response:
        """What normalized events there are, and what each looks like."""
        page = {"results": catalogue(), "next": None, "previous": None}
        return Response(EventTypes(page).data)
