"""Errors that no view answered: JSON in the API's one shape under `/api/`, a page elsewhere."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from integrations.request_id import current_request_id

_MESSAGES = {
    400: ("invalid_request", "The request cannot be read."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing here."),
    500: ("internal_error", "Something went wrong on our side. The request id helps us to find it."),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(400) if _is_api(request) else defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(403) if _is_api(request) else defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(404, _hint(request)) if _is_api(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return _json(500) if _is_api(request) else defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/webhooks/"))


def _hint(request: HttpRequest) -> str:
    return "" if request.path.endswith("/") else " Addresses of the API end with a slash."


def _json(status: int, hint: str = "") -> JsonResponse:
    code, message = _MESSAGES[status]
    error = {"code": code, "message": message + hint, "request_id": current_request_id()}
    return JsonResponse({"error": error}, status=status, headers={"Hub-Error": code})
