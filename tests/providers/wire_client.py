"""The plainest `Client`: one request an operation, with the provider's own authentication and no limits or retries.

It is what a pure provider needs to be tried on the wire; the real one is the gateway's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from integrations.errors import AuthenticationFailed, InvalidResponse, Rejected, Unavailable
from integrations.prepared import encode
from integrations.providers.auth import ACCESS_TOKEN, Auth, TokenExchange, require
from integrations.providers.base import Answer, Provider
from integrations.providers.results import PaymentResult


@dataclass
class WireClient:
    provider: Provider
    base_url: str
    credentials: Mapping[str, str]
    environment: str = "development"
    configuration: Mapping[str, Any] = field(default_factory=dict)
    standing: PaymentResult | None = None  # of the one payment in our own books, for a provider that is offline

    def credential(self, key: str) -> str:
        return require(self.credentials, key)

    def books(self, provider_reference: str) -> PaymentResult:
        if self.standing is None or self.standing.provider_reference != provider_reference:
            raise Rejected("There is no such payment in our books.", provider_status=404)
        return self.standing

    def get(self, path: str, **given: Any) -> Answer:
        return self._send("GET", path, **given)

    def post(self, path: str, **given: Any) -> Answer:
        return self._send("POST", path, **given)

    def put(self, path: str, **given: Any) -> Answer:
        return self._send("PUT", path, **given)

    def delete(self, path: str, **given: Any) -> Answer:
        return self._send("DELETE", path, **given)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        idempotency_key: str = "",
    ) -> Answer:
        auth = auth or self.provider.auth
        credentials = self._with_token(auth) if isinstance(auth, TokenExchange) else self.credentials
        sent, content_type = encode(json=json, form=form, body=body)
        all_headers = {"Accept": "application/json", **(headers or {}), **self.provider.headers}
        if content_type:
            all_headers.setdefault("Content-Type", content_type)
        if idempotency_key and self.provider.idempotency_header:
            all_headers[self.provider.idempotency_header] = idempotency_key
        response = requests.request(
            method,
            self.base_url + path,
            params={**(params or {}), **auth.params(credentials)},
            headers={**all_headers, **auth.headers(credentials)},
            data=sent or None,
            timeout=10,
        )
        lower = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, lower, response.content)
        if not answer.ok:
            raise self._refusal(answer)
        return answer

    def _with_token(self, auth: TokenExchange) -> Mapping[str, str]:
        """As the gateway does it, which keeps the token for the next call too."""
        content = auth.content(self.credentials, self.configuration)
        sent: dict[str, Any] = {} if not content else {"json": content} if auth.is_json else {"form": content}
        answer = self._send("POST", auth.path, headers=auth.sent_headers, auth=auth.by, **sent)
        return {**self.credentials, ACCESS_TOKEN: auth.read(answer)[0]}

    def _refusal(self, answer: Answer) -> Exception:
        if answer.status >= 500:
            return Unavailable(f"The provider answered {answer.status}.")
        try:
            body = answer.json()
        except InvalidResponse as error:
            return error
        code, message = self.provider.error_details(body)
        if answer.status in (401, 403):
            return AuthenticationFailed(message)
        return Rejected(message, provider_code=code, provider_status=answer.status, body=body)
