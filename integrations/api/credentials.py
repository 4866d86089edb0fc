"""A connection's credentials: set and rotated, never read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from ..models import Connection, Credential
from ..operations import credentials
from .serializers import StrictSerializer
from .viewsets import OrganizationViewSet


class CredentialRow(serializers.ModelSerializer[Credential]):
    """What may be said of a secret. `fingerprint` tells two apart without showing either."""

    class Meta:
        model = Credential
        fields = (
            "id", "credential_key", "credential_type", "fingerprint", "encryption_method", "key_id", "expires_at",
            "last_rotated", "rotation_policy", "is_active", "created_at", "updated_at",
        )  # fmt: skip


class NewCredential(StrictSerializer):
    credential_key = serializers.CharField(max_length=100)
    value = serializers.CharField(max_length=16_384, write_only=True, trim_whitespace=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    rotation_policy = serializers.ChoiceField(
        choices=Credential.RotationPolicy.choices, default=Credential.RotationPolicy.MANUAL.value
    )


class Rotation(StrictSerializer):
    value = serializers.CharField(max_length=16_384, write_only=True, trim_whitespace=False)
    overlap_hours = serializers.IntegerField(min_value=0, max_value=720, default=24)


class OfConnection(OrganizationViewSet):
    """Rows below `connections/{connection_pk}/`; a connection of someone else's is not found."""

    @property
    def connection(self) -> Connection:
        own = Connection.objects.filter(organization=self.organization).select_related("provider", "organization")
        return get_object_or_404(own, pk=self.kwargs["connection_pk"])

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.filter(connection=self.connection)


class CredentialViewSet(mixins.ListModelMixin, OfConnection):
    queryset = Credential.objects.defer("encrypted_value")
    serializer_class = CredentialRow
    scope = "connections"
    admin_only = True

    def get_serializer_class(self) -> Any:
        return {"create": NewCredential, "rotate": Rotation}.get(self.action, CredentialRow)

    @extend_schema(request=NewCredential, responses={201: CredentialRow})
    def create(self, request: Request, **kwargs: Any) -> Response:
        given = self.validated(request)
        added = credentials.add_credential(self.connection, key=given.pop("credential_key"), **given)
        return self.shown(added, CredentialRow, created=True)

    @extend_schema(request=Rotation, responses={201: CredentialRow})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, **kwargs: Any) -> Response:
        """Put a new value in the old one's place; the old one stays valid for `overlap_hours`."""
        given = self.validated(request)
        overlap = timedelta(hours=given["overlap_hours"])
        rotated = credentials.rotate_credential(self.get_object(), value=given["value"], overlap=overlap)
        return self.shown(rotated, CredentialRow, created=True)

    @extend_schema(request=None, responses=CredentialRow)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, **kwargs: Any) -> Response:
        """Stop using the value at once."""
        self.expect_no_body(request)
        return self.shown(credentials.deactivate_credential(self.get_object()), CredentialRow)
