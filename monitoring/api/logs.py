"""Each attempt of each call, to be read by programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import mixins, serializers

from integrations.api.pagination import NewestByTime
from integrations.api.viewsets import OrganizationViewSet
from integrations.models import Connection

from ..log_places import around
from ..log_search import NO_ANSWER, STATUS_CLASSES
from ..log_text import Words
from ..models import CallLog

# The log is partitioned by time: a question without a beginning is about the newest month.
UNLESS_SAID = timedelta(days=31)


class LogRow(serializers.ModelSerializer[CallLog]):
    class Meta:
        model = CallLog
        fields: tuple[str, ...] = (
            "id", "connection", "log_type", "method", "endpoint", "operation", "attempt", "response_status",
            "response_time_ms", "error_code", "error_message", "request_id", "bytes_sent", "bytes_received", "cost_aed",
            "created_at",
        )  # fmt: skip


class LogDetail(LogRow):
    class Meta(LogRow.Meta):
        fields = (
            *LogRow.Meta.fields, "request_headers", "request_body", "response_headers", "response_body", "user",
            "ip_address",
        )  # fmt: skip


class LogFilter(django_filters.FilterSet):
    status = django_filters.NumberFilter(field_name="response_status")
    status_class = django_filters.ChoiceFilter(
        method="by_status_class", choices=[(name, name) for name in (*STATUS_CLASSES, NO_ANSWER)]
    )
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    connection = django_filters.UUIDFilter()
    provider = django_filters.CharFilter(method="by_provider", max_length=50)
    user = django_filters.UUIDFilter()
    q = django_filters.CharFilter(method="by_words", max_length=200)

    class Meta:
        model = CallLog
        fields = ("log_type", "method", "operation", "request_id", "error_code")

    def by_status_class(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == NO_ANSWER:
            return queryset.filter(response_status__isnull=True)
        low = STATUS_CLASSES[value]
        return queryset.filter(response_status__gte=low, response_status__lt=low + 100)

    def by_provider(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(connection__in=Connection.objects.filter(provider__slug=value))

    def by_words(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Left to `LogViewSet.to_be_listed`: from where on they are looked for is in the cursor."""
        return queryset


class LogViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Each attempt of each call, secrets taken out. Without `since`, of the last 31 days.

    `q` looks for words in the endpoint, the request id, the error and the beginning of the bodies, as the log's page
    does: `/v1/charges`, `card_declined`, the beginning of an id.
    """

    queryset = CallLog.objects.all()
    serializer_class = LogRow
    filterset_class = LogFilter
    pagination_class = NewestByTime

    def get_serializer_class(self) -> Any:
        return LogRow if self.action == "list" else LogDetail

    def get_queryset(self) -> QuerySet[CallLog]:
        rows: QuerySet[CallLog] = super().get_queryset()
        if "pk" in self.kwargs:
            when = around(self.kwargs["pk"])
            return rows.none() if when is None else rows.filter(when)
        if self.request.query_params.get("since", "").strip():
            return rows
        return rows.filter(created_at__gte=timezone.now() - UNLESS_SAID)

    def to_be_listed(self, rows: QuerySet[CallLog]) -> QuerySet[CallLog]:
        """As many of the rows that have the words as a page needs, from its place on."""
        asked = self._asked(rows)
        if not asked.get("q"):
            return rows
        words = Words.of(asked["q"])
        if words is None:
            return rows.none()
        pages = cast(NewestByTime, self.paginator)
        cursor = pages.decode_cursor(self.request)
        since = asked["since"] or timezone.now() - UNLESS_SAID
        until = asked["until"] or timezone.now() + timedelta(minutes=1)
        is_reverse = bool(cursor and cursor.reverse)
        if cursor and cursor.position:
            place = _moment(str(cursor.position))
            after = place + timedelta(microseconds=1)
            since, until = (max(since, after), until) if is_reverse else (since, min(until, place))
        size = pages.get_page_size(self.request) + (cursor.offset if cursor else 0) + 2
        ordered = rows.order_by(*(("created_at", "pk") if is_reverse else ("-created_at", "-pk")))
        keys = ordered.values_list("pk", flat=True)
        return rows.filter(pk__in=words.among(keys, since, until, size, ascending=is_reverse))

    def _asked(self, rows: QuerySet[CallLog]) -> dict[str, Any]:
        """The filters' values; they are valid, since the rows have passed them."""
        filters = DjangoFilterBackend().get_filterset(self.request, rows, self)
        filters.is_valid()
        return dict(filters.form.cleaned_data)


def _moment(position: str) -> datetime:
    try:
        moment = datetime.fromisoformat(position)
    except ValueError as error:
        raise Http404 from error
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
