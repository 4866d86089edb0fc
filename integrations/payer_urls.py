"""The pages that payers see, under /pay/: no session, no account."""

from __future__ import annotations

from django.urls import path, re_path

from .pages import payer, payer_instructions

urlpatterns = [
    path("<uuid:payment_id>/return/", payer.come_back, name="payer-return"),
    path("<uuid:payment_id>/cancel/", payer.come_back, {"gave_up": True}, name="payer-cancel"),
    path("<uuid:payment_id>/instructions/", payer_instructions.instructions, name="payer-instructions"),
    re_path(r"^(?:.*/)?$", payer.not_found),  # only with the slash: an address that lacks it is mended first
]
