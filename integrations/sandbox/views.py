"""The sandbox's JSON API. `Authorization: Bearer sk_sandbox_…`; each well-formed key is an account of its own, but for
those that `POST /v1/keys` has issued: they are their account's.

Every POST that moves money wants an `Idempotency-Key`: the same key with the same request gets the first answer again,
with another request 409. Errors are `{"error": {"code", "message", "field"}}`.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.db import IntegrityError, transaction
from django.http import HttpRequest, JsonResponse
from django.utils.crypto import salted_hmac
from django.views.decorators.csrf import csrf_exempt

from ..models.sandbox import SandboxKey, SandboxPayment, SandboxRequest, SandboxWebhook
from ..tenancy import acting_as_service
from . import payments
from .marked_amounts import SLOW_SECONDS, is_down, is_slow
from .refusals import Refusal
from .validation import read_amount, read_nothing, read_payment, read_webhook

REVOKED_KEY = "sk_sandbox_revoked"
_KEY = re.compile(r"sk_sandbox_[A-Za-z0-9_]{4,64}", re.ASCII)
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
_PAYMENT_ID = re.compile(r"pay_[0-9a-f]{32}", re.ASCII)

Answer = tuple[int, dict[str, Any]]
P = ParamSpec("P")


def api(method: str) -> Callable[[Callable[Concatenate[HttpRequest, str, P], Answer]], Callable[..., JsonResponse]]:
    """Make a view of a function of (request, account, …): authenticated, of one method, refusing in JSON.

    It acts as the service, whoever may be signed in in this browser: the sandbox stands for a stranger's server.
    """

    def decorate(view: Callable[Concatenate[HttpRequest, str, P], Answer]) -> Callable[..., JsonResponse]:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> JsonResponse:
            try:
                with acting_as_service():
                    account = _authenticate(request)
                    if request.method != method:
                        raise Refusal(405, "method_not_allowed", f"This address takes {method}.")
                    status, body = view(request, account, *args, **kwargs)
            except Refusal as refusal:
                status, body = refusal.status, refusal.body
            return JsonResponse(body, status=status, headers={"Retry-After": "1"} if status == 503 else None)

        return wrapped

    return decorate


@api("GET")
def show_account(request: HttpRequest, account: str) -> Answer:
    return 200, {"id": f"acct_{account[:24]}", "object": "account", "webhooks": _webhook_count(account)}


@api("POST")
def issue_key(request: HttpRequest, account: str) -> Answer:
    """The same `Idempotency-Key` gets the same key, which is made from it and not kept."""
    read_nothing(request.body)
    made_from = f"{account}:{_idempotency_key(request)}"
    key = f"sk_sandbox_{salted_hmac('hub.sandbox.key', made_from, algorithm='sha256').hexdigest()[:48]}"
    SandboxKey.objects.get_or_create(digest=_digest(key), defaults={"account": account})
    return 201, {"object": "key", "api_key": key}


@api("DELETE")
def revoke_key(request: HttpRequest, account: str) -> Answer:
    """The key that the request itself comes with."""
    key = request.headers["Authorization"].partition(" ")[2]
    SandboxKey.objects.update_or_create(digest=_digest(key), defaults={"account": account, "is_revoked": True})
    return 200, {"object": "key", "revoked": True}


@api("POST")
def create_payment(request: HttpRequest, account: str) -> Answer:
    fields, token = read_payment(request.body)
    if is_down(fields["amount"]):
        raise Refusal(503, "unavailable", "The sandbox is down for this amount.")
    if is_slow(fields["amount"]):
        time.sleep(SLOW_SECONDS)
    return once(request, account, lambda: (201, payments.represent(payments.create(account, fields, token))))


@api("GET")
def get_payment(request: HttpRequest, account: str, payment_id: str) -> Answer:
    return 200, payments.represent(_payment(account, payment_id))


@api("POST")
def capture_payment(request: HttpRequest, account: str, payment_id: str) -> Answer:
    payment = _payment(account, payment_id)
    amount = read_amount(request.body, payment.currency)
    return once(request, account, lambda: (200, payments.represent(payments.capture(payment.id, amount))))


@api("POST")
def void_payment(request: HttpRequest, account: str, payment_id: str) -> Answer:
    payment = _payment(account, payment_id)
    read_nothing(request.body)
    return once(request, account, lambda: (200, payments.represent(payments.void(payment.id))))


@api("POST")
def refund_payment(request: HttpRequest, account: str, payment_id: str) -> Answer:
    payment = _payment(account, payment_id)
    amount = read_amount(request.body, payment.currency)
    return once(request, account, lambda: (201, payments.refund(payment.id, amount)))


@api("POST")
def register_webhook(request: HttpRequest, account: str) -> Answer:
    url, secret = read_webhook(request.body)
    SandboxWebhook.objects.update_or_create(account=account, url=url, defaults={"secret": secret})
    return 200, {"object": "webhook_endpoint", "url": url}


@csrf_exempt
def not_found(request: HttpRequest, path: str = "") -> JsonResponse:
    return JsonResponse({"error": {"code": "not_found", "message": "There is no such address."}}, status=404)


def once(request: HttpRequest, account: str, act: Callable[[], Answer]) -> Answer:
    """Do what the request asks, or give the answer that its idempotency key got before.

    The key's row is written in the transaction that acts, so a second request with it waits for the first to end.
    """
    key = _idempotency_key(request)
    asked = f"{request.method} {request.path}\n".encode() + request.body
    fingerprint = hashlib.sha256(asked).hexdigest()
    with transaction.atomic():
        try:
            with transaction.atomic():
                first = SandboxRequest.objects.create(account=account, idempotency_key=key, fingerprint=fingerprint)
        except IntegrityError:
            return _again(SandboxRequest.objects.get(account=account, idempotency_key=key), fingerprint)
        first.status, first.answer = act()
        first.save(update_fields=["status", "answer"])
    return first.status, first.answer


def _again(first: SandboxRequest, fingerprint: str) -> Answer:
    if first.fingerprint != fingerprint:
        raise Refusal(409, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
    return first.status, first.answer


def _idempotency_key(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Refusal(400, "missing_idempotency_key", "An Idempotency-Key of 1 to 255 plain characters is needed.")
    return key


def _authenticate(request: HttpRequest) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    issued = None
    if scheme == "Bearer" and _KEY.fullmatch(key) and key != REVOKED_KEY:
        issued = SandboxKey.objects.filter(digest=_digest(key)).first()
        if issued is None:
            return _digest(key)
    if issued is None or issued.is_revoked:
        raise Refusal(401, "invalid_api_key", "The API key is missing, malformed or revoked.")
    return issued.account


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _payment(account: str, payment_id: str) -> SandboxPayment:
    payment = None
    if _PAYMENT_ID.fullmatch(payment_id):
        identifier = uuid.UUID(payment_id.removeprefix("pay_"))
        payment = SandboxPayment.objects.filter(account=account, id=identifier).first()
    if payment is None:
        raise Refusal(404, "not_found", "There is no such payment.")
    return payment


def _webhook_count(account: str) -> int:
    return SandboxWebhook.objects.filter(account=account).count()
