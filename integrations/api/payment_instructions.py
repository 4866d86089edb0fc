"""What a payer has to know who pays without a gateway's page, as data."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class InstructionRow(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="amount, reference, account_name, bank_name, iban, swift or note.")
    label = serializers.CharField()  # type: ignore[assignment]
    label_ar = serializers.CharField()
    value = serializers.CharField(allow_blank=True)
    value_ar = serializers.CharField(allow_blank=True, help_text="Empty: `value` is the same in Arabic.")


class InstructionsRow(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="Our page that says the same to the payer, and takes proofs of transfer.")
    pay_by = serializers.DateTimeField()
    lines = InstructionRow(many=True)
