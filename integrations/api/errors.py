"""Every error in one shape: {"error": {"code", "message", "request_id", and where known "field", "details", …}}."""

from __future__ import annotations

import logging
import math
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as InvalidValue
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404
from django.http.request import RawPostDataException, UnreadablePostError
from rest_framework import exceptions
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
_DATABASE_SECONDS = 1


class TooLarge(exceptions.APIException):
    status_code = 413
    default_code = "too_large"
    default_detail = "The request's body is too large."


class LengthRequired(exceptions.APIException):
    status_code = 411
    default_code = "length_required"
    default_detail = "Send the body with a Content-Length, not in chunks."


class UnknownRow(exceptions.NotFound):
    """The body names, in `field`, a row that the caller's organization lacks; `thing` is what it is called."""

    def __init__(self, field: str, thing: str = "") -> None:
        super().__init__(f"There is no such {thing or field.replace('_', ' ')}.")
        self.field = field


_TRANSLATIONS: dict[type[Exception], type[exceptions.APIException]] = {
    Http404: exceptions.NotFound,
    PermissionDenied: exceptions.PermissionDenied,
    RequestDataTooBig: TooLarge,
    SuspiciousOperation: exceptions.ParseError,
    UnreadablePostError: exceptions.ParseError,
    RawPostDataException: exceptions.ParseError,
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Translate; what is unknown is logged, and becomes a 500 that says no more than its request id."""
    set_rollback()
    if isinstance(error, IntegrationError):
        return _ours(error)
    for kind, translation in _TRANSLATIONS.items():
        if isinstance(error, kind):
            error = translation()
            break
    if isinstance(error, exceptions.APIException):
        return _rest_framework(error)
    if isinstance(error, DataError | InvalidValue):
        return answer(400, "invalid_request", "A value is not of the kind that it should be.")
    if isinstance(error, IntegrityError):
        return answer(409, "conflict", "This contradicts what is already there.")
    logger.error("Unexpected %s in %s", type(error).__name__, context.get("view"), exc_info=error)
    if isinstance(error, OperationalError):
        return answer(503, "unavailable", "The database does not answer just now.", retry_after=_DATABASE_SECONDS)
    return answer(500, "internal_error", "Something went wrong on our side. The request id helps us to find it.")


def answer(status: int, code: str, message: str, **more: Any) -> Response:
    given = {name: value for name, value in more.items() if value not in (None, "", ())}
    body = {"error": {"code": code, "message": message, "request_id": current_request_id(), **given}}
    response = Response(body, status=status, content_type="application/json")
    response["Hub-Error"] = code
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
    return answer(error.http_status, error.code, error.message, **more)


def _rest_framework(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        details = list(_flatten(error.detail))
        first = details[0] if details else {"field": "", "message": "The request is not valid."}
        return answer(400, "invalid_request", first["message"], field=first["field"], details=details)
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), None) or str(error.get_codes())
    more = {"retry_after": _whole_seconds(getattr(error, "wait", None)), "field": getattr(error, "field", "")}
    response = answer(error.status_code, code, str(error.detail), **more)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, math.ceil(seconds))


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
