"""Payments that no gateway takes: what has arrived is confirmed, refused, or shown by a proof."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from ..models import Payment, PaymentProof
from ..operations.offline_receipts import Receipt, confirm_payment, refuse_payment
from ..operations.offline_refunds import METHODS, Repayment, drop_refund, record_refund
from ..operations.payment_proofs import MAX_BYTES, add_proof, read_proof
from ..proof_files import download_of
from .errors import TooLarge
from .payments import PaymentDetail
from .serializers import Amount, StrictSerializer, TrueOrFalse
from .viewsets import OrganizationViewSet

_FRAME_BYTES = 65_536  # what a form adds to the file in it
_FILE = {
    "multipart/form-data": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary", "description": "PDF, PNG or JPEG, up to 5 MB."}},
        "required": ["file"],
    }
}


class Confirmation(StrictSerializer):
    amount = Amount(help_text="What has arrived, in the payment's currency.")
    currency = serializers.CharField(max_length=3)
    reference = serializers.CharField(max_length=100, help_text="The bank's or the courier's; again, it is the same.")
    received_on = serializers.DateField(help_text="The value date, or the day of the collection.")
    settles = TrueOrFalse(default=False, help_text="No more will come: take less as all of it.")
    confirmed = TrueOrFalse(help_text="true: somebody has looked at the account, or has the cash.")

    def validate_confirmed(self, confirmed: bool) -> bool:
        if not confirmed:
            raise ValidationError("Confirm by true that the money is there.")
        return confirmed


class Refusal(StrictSerializer):
    reason = serializers.CharField(max_length=255)


class RecordedRefund(StrictSerializer):
    refund = serializers.UUIDField(help_text="The `id` of the pending operation that asked for it.")
    method = serializers.ChoiceField(choices=METHODS)
    reference = serializers.CharField(max_length=100)
    paid_on = serializers.DateField()


class DroppedRefund(StrictSerializer):
    refund = serializers.UUIDField(help_text="The `id` of the pending operation that asked for it.")


class ProofRow(serializers.ModelSerializer[PaymentProof]):
    class Meta:
        model = PaymentProof
        fields = ("id", "file_name", "content_type", "size", "sha256", "created_at")


class OfflinePaymentViewSet(OrganizationViewSet):
    """Beside `PaymentViewSet`, at the same addresses: only for payments that no gateway takes."""

    queryset = Payment.objects.select_related("connection__provider", "organization")
    serializer_class = PaymentDetail
    filterset_class = None
    scope = "payments"

    def get_serializer_class(self) -> Any:
        by_action = {
            "confirm": Confirmation,
            "refuse": Refusal,
            "record_refund": RecordedRefund,
            "drop_refund": DroppedRefund,
        }
        return by_action.get(self.action, PaymentDetail)

    @extend_schema(request=Confirmation, responses=PaymentDetail)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, **kwargs: Any) -> Response:
        """Say that money has arrived by bank, or was collected. The same reference again changes nothing.

        Less than the amount leaves the payment open (`difference` is `underpaid`) unless it `settles` it; more is
        marked as `overpaid`.
        """
        given = self.validated(request)
        del given["confirmed"]
        return self.shown(confirm_payment(self.get_object(), Receipt(**given)), PaymentDetail)

    @extend_schema(request=Refusal, responses=PaymentDetail)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, **kwargs: Any) -> Response:
        """Cancel a payment that will not be made: nothing came, or the parcel was refused at the door."""
        given = self.validated(request)
        return self.shown(refuse_payment(self.get_object(), reason=given["reason"]), PaymentDetail)

    @extend_schema(request=RecordedRefund, responses=PaymentDetail)
    @action(detail=True, methods=["post"], url_path="record-refund")
    def record_refund(self, request: Request, **kwargs: Any) -> Response:
        """Say how a refund that was asked for has been paid. It is pending until then: nobody pays it by itself."""
        given = self.validated(request)
        refund = given.pop("refund")
        return self.shown(record_refund(self.get_object(), refund, Repayment(**given)), PaymentDetail)

    @extend_schema(request=DroppedRefund, responses=PaymentDetail)
    @action(detail=True, methods=["post"], url_path="drop-refund")
    def drop_refund(self, request: Request, **kwargs: Any) -> Response:
        """Let go of a refund that was asked for and will not be paid."""
        given = self.validated(request)
        return self.shown(drop_refund(self.get_object(), given["refund"]), PaymentDetail)


class ProofParser(MultiPartParser):
    """Refuses by the announced length what could hold no proof, before any of it is read."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        announced = str(parser_context["request"].META.get("CONTENT_LENGTH") or "0")
        if not announced.isdecimal() or int(announced) > MAX_BYTES + _FRAME_BYTES:
            raise TooLarge
        return super().parse(stream, media_type, parser_context)


class ProofViewSet(mixins.ListModelMixin, OrganizationViewSet):
    """Proofs of transfer below `payments/{payment_pk}/`. `read` and viewers may not see them."""

    queryset = PaymentProof.objects.all()
    serializer_class = ProofRow
    filterset_class = None
    scope = "payments"
    always_needs_scope = True

    @property
    def payment(self) -> Payment:
        own = Payment.objects.filter(organization=self.organization)
        return get_object_or_404(
            own.select_related("connection__provider", "organization"), pk=self.kwargs["payment_pk"]
        )

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(payment=self.payment)

    def get_parsers(self) -> Any:
        return [ProofParser()] if self.request is None or self.request.method == "POST" else super().get_parsers()

    @extend_schema(request=_FILE, responses={201: ProofRow})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Show that a transfer was made. The same file again is the same proof."""
        payment = self.payment
        given: Any = request.data
        if set(given) != {"file"} or not hasattr(given["file"], "read"):
            raise ParseError("Send one file, in the part named file.")
        file = given["file"]
        return self.shown(add_proof(payment, file_name=file.name, content=file.read()), ProofRow, created=True)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def file(self, request: Request, **kwargs: Any) -> HttpResponse:
        """The very file, for whoever may confirm the payment. Who looks at it is written down."""
        try:
            return download_of(*read_proof(self.payment, self.kwargs["pk"]), as_stream=True)
        except PaymentProof.DoesNotExist as error:
            raise Http404 from error
