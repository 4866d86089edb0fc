"""Replays of many events: how each is asked for, and how far it has come."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.errors import UnknownRow
from integrations.api.serializers import OwnRow, StrictSerializer, TrueOrFalse
from integrations.api.viewsets import OrganizationViewSet
from integrations.models import Connection

from ..models import WebhookEndpoint, WebhookEvent, WebhookReplay
from ..replay import NAMED_AT_MOST, cancel_replay, outcome_of
from ..replay_selection import Selection


class ReplayRange(StrictSerializer):
    """Either `ids`, or `since` with whatever else narrows it down."""

    ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_empty=False, max_length=NAMED_AT_MOST
    )
    endpoint = OwnRow(queryset=WebhookEndpoint.objects.all(), required=False)
    connection = OwnRow(queryset=Connection.objects.all(), required=False)
    replay = OwnRow(queryset=WebhookReplay.objects.all(), required=False, help_text="Events that it made due.")
    status = serializers.ChoiceField(choices=WebhookEvent.Status.choices, required=False)
    type = serializers.CharField(source="event_type", max_length=100, required=False)
    q = serializers.CharField(source="text", max_length=255, required=False, help_text="As of `webhook-events/`.")
    since = serializers.DateTimeField(required=False, help_text="Required where there are no `ids`.")
    until = serializers.DateTimeField(required=False)
    dry_run = TrueOrFalse(default=False, help_text="Count only.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "ids" not in given and "since" not in given:
            raise serializers.ValidationError({"since": ["This field is required."]})
        surplus = given.keys() - {"ids", "dry_run"}
        if "ids" in given and surplus:
            raise serializers.ValidationError({"ids": ["Name events, or say what they have to fit: not both."]})
        return given


class Replayed(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    dry_run = serializers.BooleanField()
    replay = serializers.UUIDField(allow_null=True, help_text="The run, see `webhook-replays/`; none for a dry run.")
    by_status = serializers.DictField(child=serializers.IntegerField(), help_text="Of a dry run.")
    by_type = serializers.DictField(child=serializers.IntegerField(), help_text="Of a dry run: the commonest types.")


class SingleReplay(StrictSerializer):
    dry_run = TrueOrFalse(default=False, help_text="Tell what it would do, and do nothing.")


class ReplayRow(serializers.ModelSerializer[WebhookReplay]):
    class Meta:
        model = WebhookReplay
        fields: tuple[str, ...] = (
            "id", "status", "filters", "total", "done", "skipped", "created_by", "created_at", "started_at",
            "completed_at", "error_message",
        )  # fmt: skip
        extra_kwargs = {  # noqa: RUF012 - the library's way
            "total": {"help_text": "How many events fitted when the run began."},
            "done": {"help_text": "How many it has made due."},
        }


class ReplayDetail(ReplayRow):
    events = serializers.SerializerMethodField(help_text="How many of those made due are in which state by now.")

    class Meta(ReplayRow.Meta):
        fields = (*ReplayRow.Meta.fields, "event_ids", "events")

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_events(self, run: WebhookReplay) -> dict[str, int]:
        return outcome_of(run)


class ReplayFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=WebhookReplay.Status.choices)


class ReplayViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = WebhookReplay.objects.all()
    serializer_class = ReplayDetail
    filterset_class = ReplayFilter
    scope = "webhooks"

    def get_queryset(self) -> Any:
        runs = super().get_queryset()
        return runs.defer("event_ids") if self.action == "list" else runs

    def get_serializer_class(self) -> Any:
        return ReplayRow if self.action == "list" else ReplayDetail

    @extend_schema(request=None, responses=ReplayDetail)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, **kwargs: Any) -> Response:
        """Make no more events due. Those that are, stay so."""
        self.expect_no_body(request)
        return self.shown(cancel_replay(self.get_object()), ReplayDetail)


def selection_of(given: dict[str, Any], events: Any) -> Selection:
    """The selection that a validated ReplayRange means. Raises UnknownRow where one is named that is not there."""
    ids = tuple(dict.fromkeys(given.get("ids", ())))
    if ids and events.filter(pk__in=ids).count() < len(ids):
        raise UnknownRow("ids", "event")
    rows = {name: given[name].pk for name in ("endpoint", "connection", "replay") if name in given}
    values = {name: given[name] for name in ("status", "event_type", "text", "since", "until") if name in given}
    return Selection(ids=ids, **rows, **values)
