"""A connection's credentials: set and rotated, never read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from ..models import Connection, Credential
from ..operations import credentials
from .serializers import SecretField, StrictSerializer, TrueOrFalse
from .viewsets import OrganizationViewSet


class CredentialRow(serializers.ModelSerializer[Credential]):
    """What may be said of a secret. `fingerprint` tells two apart without showing either."""

    class Meta:
        model = Credential
        fields = (
            "id", "credential_key", "credential_type", "fingerprint", "encryption_method", "key_id", "expires_at",
            "last_rotated", "rotation_policy", "due_at", "is_active", "created_at", "updated_at",
        )  # fmt: skip

    due_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When the policy wants a new value.")


class NewCredential(StrictSerializer):
    credential_key = serializers.CharField(max_length=100)
    value = SecretField()
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    rotation_policy = serializers.ChoiceField(
        choices=Credential.RotationPolicy.choices, default=Credential.RotationPolicy.MANUAL.value
    )


class _Rotation(StrictSerializer):
    overlap_hours = serializers.IntegerField(min_value=0, max_value=720, default=24)
    untested = TrueOrFalse(default=False, help_text="Save without asking the provider.")


class Rotation(_Rotation):
    value = SecretField()


class RotationTogether(_Rotation):
    values = serializers.DictField(
        child=SecretField(write_only=False),
        write_only=True,
        help_text="New values by credential_key.",
    )


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
        by_action = {"create": NewCredential, "rotate": Rotation, "rotate_together": RotationTogether}
        return by_action.get(self.action, CredentialRow)

    @extend_schema(request=NewCredential, responses={201: CredentialRow})
    def create(self, request: Request, **kwargs: Any) -> Response:
        given = self.validated(request)
        added = credentials.add_credential(self.connection, key=given.pop("credential_key"), **given)
        return self.shown(added, CredentialRow, created=True)

    @extend_schema(request=Rotation, responses={201: CredentialRow})
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, **kwargs: Any) -> Response:
        """Put a new value in the old one's place; the old one stays valid for `overlap_hours`.

        The provider is asked with the new value first; when it refuses it, nothing changes.
        """
        given = self.validated(request)
        rotated = credentials.rotate_credential(self.get_object(), value=given["value"], **_manner(given))
        return self.shown(rotated, CredentialRow, created=True)

    @extend_schema(
        operation_id="connections_credentials_rotate_together",
        request=RotationTogether,
        responses={201: CredentialRow(many=True)},
    )
    @action(detail=False, methods=["post"], url_path="rotate", pagination_class=None)
    def rotate_together(self, request: Request, **kwargs: Any) -> Response:
        """Rotate credentials that belong together, a user name and its password say, in one step."""
        given = self.validated(request)
        rotated = credentials.rotate_credentials(self.connection, given["values"], **_manner(given))
        return Response(CredentialRow(rotated, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={201: CredentialRow})
    @action(detail=True, methods=["post"])
    def renew(self, request: Request, **kwargs: Any) -> Response:
        """Rotate with a value that the provider's own API issues, where it has one."""
        self.expect_no_body(request)
        return self.shown(credentials.renew_credential(self.get_object()), CredentialRow, created=True)

    @extend_schema(request=None, responses=CredentialRow)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, **kwargs: Any) -> Response:
        """Stop using the value at once."""
        self.expect_no_body(request)
        return self.shown(credentials.deactivate_credential(self.get_object()), CredentialRow)


def _manner(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"overlap": timedelta(hours=given["overlap_hours"]), "untested": given["untested"]}
