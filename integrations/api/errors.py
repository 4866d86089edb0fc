"""Every error in one shape: {"error": {"code", "message", "request_id", and where known "field", "details", …}}."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ..errors import IntegrationError, InvalidRequest, RateLimited, Rejected, Unavailable
from ..request_id import current_request_id

logger = logging.getLogger(__name__)

_CODES = {
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.Throttled: "throttled",
    exceptions.PermissionDenied: "permission_denied",
    exceptions.NotAuthenticated: "not_authenticated",
}


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable: programs may rely on it.")
    message = serializers.CharField(help_text="For people.")
    request_id = serializers.CharField()
    field = serializers.CharField(required=False, help_text="The part of the request that is to blame.")
    details = serializers.ListField(child=serializers.DictField(), required=False, help_text="All that is wrong.")
    retry_after = serializers.IntegerField(required=False, help_text="Seconds.")
    provider_code = serializers.CharField(required=False, help_text="The provider's own code of its refusal.")


class Error(serializers.Serializer[Any]):
    error = ErrorDetail()


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Translate; unknown exceptions stay exceptions, and become a 500 that says no more than its request id."""
    set_rollback()
    if isinstance(error, IntegrationError):
        return _ours(error)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, DataError):
        return answer(400, "invalid_request", "A value cannot be stored as it is.")
    elif isinstance(error, IntegrityError):
        return answer(409, "conflict", "This contradicts what is already there.")
    if isinstance(error, exceptions.APIException):
        return _rest_framework(error)
    logger.error("Unexpected %s in %s", type(error).__name__, context.get("view"), exc_info=error)
    return answer(500, "internal_error", "Something went wrong on our side. The request id helps us to find it.")


def answer(status: int, code: str, message: str, **more: Any) -> Response:
    given = {name: value for name, value in more.items() if value not in (None, "", ())}
    body = {"error": {"code": code, "message": message, "request_id": current_request_id(), **given}}
    response = Response(body, status=status)
    if "retry_after" in given:
        response["Retry-After"] = str(given["retry_after"])
    return response


def _ours(error: IntegrationError) -> Response:
    more: dict[str, Any] = {}
    if isinstance(error, InvalidRequest):
        more = {"field": error.field, "details": error.details}
    elif isinstance(error, RateLimited) or (isinstance(error, Unavailable) and error.retry_after is not None):
        more = {"retry_after": _whole_seconds(error.retry_after)}
    elif isinstance(error, Rejected):
        more = {"provider_code": error.provider_code}
    response = answer(error.http_status, error.code, error.message, **more)
    response["Hub-Error"] = error.code
    return response


def _rest_framework(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        details = list(_flatten(error.detail))
        first = details[0] if details else {"field": "", "message": "The request is not valid."}
        return answer(400, "invalid_request", first["message"], field=first["field"], details=details)
    code = _CODES.get(type(error)) or str(error.get_codes())
    retry_after = _whole_seconds(getattr(error, "wait", None))
    response = answer(error.status_code, code, str(error.detail), retry_after=retry_after)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, round(seconds))


def _flatten(detail: Any, path: str = "") -> Any:
    """A validation error's tree as `{"field": "customer.email", "message": …}`, one a leaf."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from _flatten(inner, here)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, path)
    else:
        yield {"field": path, "message": str(detail)}
