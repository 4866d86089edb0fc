"""Providers of somebody else's, brought by the public entry-point group: what our own first two do not do.

`outside_providers` in conftest.py installs them; `connect` makes an endpoint of one, and `deliver` plays its part.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.test import Client

from integrations.errors import SignatureRefused, UnreadablePayload
from integrations.providers.auth import Bearer
from integrations.providers.base import Field, Probe, Provider, ProviderType
from integrations.providers.events import EventIdentity, EventType, NormalizedEvent
from integrations.providers.signatures import (
    BodyField,
    Challenge,
    HeaderHMAC,
    InboundRequest,
    MetaVerification,
    PathEnd,
    QueryParameter,
    SharedToken,
    Signature,
    URLAndForm,
)
from integrations.providers.signatures.base import ProviderSigned

SECRET = "outside-sample-not-a-secret"
HMAC = HeaderHMAC("x-outside-signature", prefix="sha256=")


class Outside(Provider):
    """What they have in common: an event is a field `id`, a `kind`, and a `thing` that it is about."""

    type = ProviderType.DEVELOPER
    name_ar = "مزود خارجي"
    description = "A provider that only tests know."
    description_ar = "مزود لا تعرفه إلا الاختبارات."
    documentation_url = "https://outside.example/docs"
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), "https://api.outside.example")
    auth = Bearer("api_key")
    credentials = (Field("api_key", "API key", "مفتاح API", secret=True),)
    probe = Probe("/me")
    signature = HMAC

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        if "kind" not in payload:
            raise UnreadablePayload("An event has a kind; this has not.")
        at = datetime.fromtimestamp(payload["at"], UTC) if "at" in payload else None
        return EventIdentity(str(payload.get("id", "")), str(payload["kind"]), str(payload.get("thing", "")), at)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        return [NormalizedEvent(EventType.UNKNOWN, attributes=dict(payload))]

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return {"id": event_id, "kind": event_type, "thing": f"thing_{event_id}"}


class SignedJSON(Outside):
    slug, name = "outside_json", "JSON with an HMAC"


class FormSigned(Outside):
    slug, name = "outside_form", "A form whose fields and address are signed"
    signature = URLAndForm()
    webhook_content_type = "application/x-www-form-urlencoded"


class Batched(Outside):
    """Several events in one array, as SendGrid and HubSpot send them; the first one's id is the batch's."""

    slug, name = "outside_batch", "Arrays"

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        return super().identify_event(payload["items"][0], headers)

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return {"items": [{"id": event_id, "kind": event_type}]}


class TokenInQuery(Outside):
    slug, name = "outside_query", "A token in the query string, and a challenge by GET"
    signature = SharedToken(QueryParameter("token"))
    handshake = MetaVerification()


class TokenInPath(Outside):
    slug, name = "outside_path", "A token at the end of the path"
    signature = SharedToken(PathEnd())


class WithoutEventId(Outside):
    slug, name = "outside_nameless", "No event has an id"

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        return EventIdentity("", super().identify_event(payload, headers).event_type)


class TokenInBody(WithoutEventId):
    slug, name = "outside_body", "A token in the body, and no event has an id"
    signature = SharedToken(BodyField("token"))


class NamedByHeaders(Outside):
    """As GitHub: which event it is stands in headers alone."""

    slug, name = "outside_headers", "Names its events in headers"
    webhook_headers: ClassVar = {"x-outside-event": "{event_type}", "x-outside-delivery": "{event_id}"}

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        return EventIdentity(headers.get("x-outside-delivery", ""), headers.get("x-outside-event", ""))

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        return [NormalizedEvent(EventType.UNKNOWN, attributes={"kind": headers["x-outside-event"]})]

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return {"thing": "of no account"}


class FromKnownNetworks(Outside):
    slug, name = "outside_networks", "Calls from documented addresses alone"
    webhook_networks = ("192.0.2.0/24", "2001:db8::/32")


@dataclass(frozen=True)
class VisitToConfirm:
    """As SNS: a signed POST that names an address to visit; pinned, here, to loopback."""

    signature: Signature = HMAC

    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        if b"confirm_at" not in request.body:
            return None
        self.signature.verify(request, secrets)
        address = str(json.loads(request.body)["confirm_at"])
        if urlsplit(address).hostname != "127.0.0.1":
            raise SignatureRefused("The address to visit is not one of the provider's.")
        return Challenge(visit=address)


class Confirming(Outside):
    slug, name = "outside_confirming", "Wants an address visited first"
    handshake = VisitToConfirm()


@dataclass(frozen=True)
class CertificateByAddress(ProviderSigned):
    """The signature is what lies at the address that the event names."""

    header: str = "x-outside-certificate"
    trust: Any = "signed"

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        address = request.headers.get(self.header, "")
        if not address.startswith("http://127.0.0.1:"):
            raise SignatureRefused("The certificate's address is not one of the provider's.")
        if request.fetch(address) != b"the certificate":
            raise SignatureRefused("The certificate is not the provider's.")


class WithCertificate(Outside):
    slug, name = "outside_certificate", "Names its certificate by address"
    signature = CertificateByAddress()
    event_types: ClassVar = {"told": EventType.UNKNOWN}


class Courier(Outside):
    """Tells of shipments: what else is in an event are the attributes as they are."""

    slug, name = "outside_courier", "A courier"
    event_types: ClassVar = {"delivered": EventType.SHIPPING_DELIVERED, "returned": EventType.SHIPPING_RETURNED}

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        identity = self.identify_event(payload, headers)
        kind = self.event_types.get(identity.event_type, EventType.UNKNOWN)
        told = {name: payload[name] for name in ("reference", "cod_amount", "cod_currency") if name in payload}
        return [NormalizedEvent(EventType(kind), identity.subject, identity.occurred_at, attributes=told)]


class CourierByToken(Courier):
    slug, name = "outside_courier_token", "A courier whose events prove the sender alone"
    signature = SharedToken(PathEnd())


ALL = (
    SignedJSON, FormSigned, Batched, TokenInQuery, TokenInPath, WithoutEventId, TokenInBody, NamedByHeaders,
    FromKnownNetworks, Confirming, WithCertificate, Courier, CourierByToken,
)  # fmt: skip


def install(folder: Path) -> None:
    """The metadata of a package that brings them all; `folder` is to be on sys.path."""
    metadata = folder / "outside-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    lines = [f"{one.slug} = {one.__module__}:{one.__name__}" for one in ALL]
    (metadata / "entry_points.txt").write_text("\n".join(["[integrations.providers]", *lines, ""]))


def connect(slug: str, secret: str = SECRET, **options: Any) -> Any:
    """An endpoint of a connection to this provider."""
    from tests.factories import ConnectionFactory
    from webhooks.endpoints import create_endpoint

    return create_endpoint(ConnectionFactory(slug=slug), webhook_secret=secret, **options)[0]


def deliver(
    endpoint: Any,
    body: bytes = b"",
    content_type: str = "application/json",
    *,
    secret: str = SECRET,
    headers: Mapping[str, str] | None = None,
    **environ: str,
) -> Any:
    """Post `body` as the endpoint's provider would: signed by its scheme, at the address where that puts it."""
    from integrations.providers.registry import get_provider

    signature = get_provider(endpoint.connection.provider.slug).signature
    assert signature is not None
    given = {"content-type": content_type, **(headers or {})}
    bare = InboundRequest(body, given, received_at=time.time(), url=endpoint.webhook_url)
    signed = bare
    if signature.can_sign:
        signed = signature.sign_request(bare, secret, event_id="evt", timestamp=int(time.time()))
    return post(signed.url, signed.body, dict(signed.headers), **environ)


def post(url: str, body: bytes, headers: Mapping[str, str], **environ: str) -> Any:
    parts, others = urlsplit(url), {name: value for name, value in headers.items() if name != "content-type"}
    client = Client(raise_request_exception=False, **environ)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return client.generic("POST", path, body, content_type=headers.get("content-type", ""), headers=others)
