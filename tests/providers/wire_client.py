"""The plainest `Client`: one request an operation, with the provider's own authentication and no limits or retries.

It is what a pure provider needs to be tried on the wire; the real one is the gateway's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from integrations.errors import AuthenticationFailed, InvalidResponse, Rejected, Unavailable
from integrations.providers.auth import require
from integrations.providers.base import Answer, Provider


@dataclass
class WireClient:
    provider: Provider
    base_url: str
    credentials: Mapping[str, str]
    environment: str = "development"
    configuration: Mapping[str, Any] = field(default_factory=dict)

    def credential(self, key: str) -> str:
        return require(self.credentials, key)

    def get(self, path: str, *, params: Mapping[str, str] | None = None) -> Answer:
        return self._send("GET", path, params=dict(params or {}))

    def post(
        self,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        idempotency_key: str = "",
    ) -> Answer:
        headers = {self.provider.idempotency_header: idempotency_key} if idempotency_key else {}
        return self._send("POST", path, headers=headers, json=json, data=form)

    def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer:
        auth = self.provider.auth
        response = requests.request(
            method,
            self.base_url + path,
            params={**(params or {}), **auth.params(self.credentials)},
            headers={**self.provider.headers, **(headers or {}), **auth.headers(self.credentials)},
            timeout=10,
            **body,
        )
        lower = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, lower, response.content)
        if not answer.ok:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: Answer) -> Exception:
        if answer.status >= 500:
            return Unavailable(f"The provider answered {answer.status}.")
        try:
            body = answer.json()
        except InvalidResponse as error:
            return error
        code, message = self.provider.error_details(body)
        if answer.status == 401:
            return AuthenticationFailed(message)
        return Rejected(message, provider_code=code, provider_status=answer.status, body=body)
