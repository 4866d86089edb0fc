"""The views' common ground: rows of one organization, newest first, filtered."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import DataError
from django.db.models import QuerySet
from django.http import Http404
from rest_framework import status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from ..bounded import TookTooLong, reading_within
from ..errors import InvalidRequest
from ..models import Organization
from .errors import LengthRequired
from .query_parameters import refuse_unknown
from .serializers import Nothing, organization_of, represented

LIST_SECONDS = 10.0


class OneRepresentation(DefaultContentNegotiation):
    """There is one way to show each thing, whatever `Accept` or `?format` say: both may be meant for a provider."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class HubView(APIView):
    """`query_parameters` are those that it reads beside a list's; None where they are none of its business."""

    content_negotiation_class = OneRepresentation
    query_parameters: Collection[str] | None = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Django drops a body that comes in chunks; a refund would lose its amount, and be one of everything."""
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            raise LengthRequired
        super().initial(request, *args, **kwargs)
        refuse_unknown(request, self)


class OrganizationViewSet(HubView, GenericViewSet[Any]):
    """Row-level security hides what belongs to others; the filter says so once more, in the open."""

    lookup_value_converter = "uuid"

    @property
    def organization(self) -> Organization:
        return organization_of(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        return queryset.filter(organization=self.organization)

    def paginate_queryset(self, queryset: Any) -> Any:
        """A list that is asked for too widely says so, instead of holding up the database."""
        try:
            with reading_within(LIST_SECONDS):
                return super().paginate_queryset(self.to_be_listed(queryset))
        except TookTooLong as error:
            has_times = "since" in getattr(getattr(self, "filterset_class", None), "base_filters", ())
            raise InvalidRequest("The search took too long: narrow it.", field="since" if has_times else "") from error

    def to_be_listed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of what the filters leave, where it is narrowed down by reading."""
        return queryset

    def get_object(self) -> Any:
        try:
            return super().get_object()
        except (ValueError, TypeError, DataError) as error:
            raise Http404 from error

    def validated(self, request: Request, **options: Any) -> dict[str, Any]:
        """The request's body as the action's serializer makes it. Raises ValidationError."""
        serializer = self.get_serializer(data=request.data, **options)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def expect_no_body(self, request: Request) -> None:
        Nothing(data=request.data).is_valid(raise_exception=True)

    def shown(self, instance: Any, serializer_class: Any, *, created: bool = False) -> Response:
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(represented(instance, serializer_class, self.get_serializer_context()), status=code)
