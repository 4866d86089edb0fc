"""What the generated document cannot find out by itself: how to sign in, what an error looks like."""

from __future__ import annotations

from typing import Any

from drf_spectacular.authentication import SessionScheme as SessionScheme_
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key and body give the same result; the same key with another body is a conflict.",
)

_TEXT = {"type": "string"}
ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "additionalProperties": False,
            "properties": {
                "code": {**_TEXT, "description": "Stable: programs may rely on it."},
                "message": {**_TEXT, "description": "For people."},
                "request_id": {**_TEXT, "description": "Under it the call is found in our logs."},
                "field": {**_TEXT, "description": "The part of the request that is to blame."},
                "details": {
                    "type": "array",
                    "description": "All that is wrong.",
                    "items": {"type": "object", "properties": {"field": _TEXT, "message": _TEXT}},
                },
                "retry_after": {"type": "integer", "description": "Seconds, as in the header `Retry-After`."},
                "provider_code": {**_TEXT, "description": "The provider's own code of its refusal."},
            },
        }
    },
}
_ERROR_ANSWER = {
    "description": "Any error, told by its status and `code`. The header `Hub-Error` repeats the code.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registered by its base, untyped
    target_class = "integrations.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An organization's token, `hub_…`."}


class SessionScheme(SessionScheme_):  # type: ignore[no-untyped-call]  # the same
    target_class = "integrations.api.authentication.SessionAuthentication"


def document_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A post-processing hook of drf-spectacular: every operation may answer an error, of the one shape."""
    result["components"]["schemas"]["Error"] = ERROR
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = _ERROR_ANSWER
    return result
