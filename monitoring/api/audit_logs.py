"""Who did what, to be read by programs."""

from __future__ import annotations

from rest_framework import mixins, serializers

from integrations.api.viewsets import OrganizationViewSet

from ..models import AuditLog


class AuditRow(serializers.ModelSerializer[AuditLog]):
    class Meta:
        model = AuditLog
        fields = (
            "id", "actor", "action", "object", "changes", "ip_address", "user_agent", "request_id", "created_at",
            "previous_hash", "hash",
        )  # fmt: skip


class AuditViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Who did what, chained by hashes."""

    queryset = AuditLog.objects.all()
    serializer_class = AuditRow
    filterset_fields = ("action", "actor", "object")
    admin_only = True
