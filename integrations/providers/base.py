"""What a provider is: facts as attributes, then one short method an operation.

A provider is stateless and pure. It never logs, retries, decrypts, reads a setting or opens a socket: the bound
`Client` that each operation is handed has the base URL, the authentication, the limits and the retries in it already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Literal, Protocol

from ..errors import InvalidResponse, NotSupported
from .auth import Auth, Unauthenticated
from .events import EventIdentity, NormalizedEvent
from .probes import Freshness, Probe, ProbeKind
from .results import Instruction, PaymentRequest, PaymentResult, RefundResult
from .signatures import Handshake, Signature


class ProviderType(StrEnum):
    PAYMENT = "payment"
    SHIPPING = "shipping"
    SOCIAL_MEDIA = "social_media"
    MARKETING = "marketing"
    COMMUNICATION = "communication"
    DELIVERY = "delivery"
    ACCOUNTING = "accounting"
    PAYROLL = "payroll"
    RESERVATION = "reservation"
    CLOUD = "cloud"
    DEVELOPER = "developer"


@dataclass(frozen=True)
class Field:
    """One value that a connection needs, as the provider's dashboard calls it, in snake case.

    `pattern` is a regular expression that the whole value must match, and `example` how such a value looks; `choices`
    are the values allowed; `is_possible` tells of a value of the configuration what neither can: whether its check
    digits fit, say. `test_pattern` is what a key that moves no real money matches, where keys tell: any other is live.
    `is_prose`: words for people, in either language.
    """

    key: str
    label: str
    label_ar: str
    required: bool = True
    secret: bool = False
    help: str = ""
    help_ar: str = ""
    pattern: str = ""
    example: str = ""
    test_pattern: str = ""
    is_prose: bool = False
    kind: Literal["string", "boolean", "integer"] = "string"
    choices: tuple[str, ...] = ()
    default: str | bool | int | None = None
    credential_type: str = "api_key"
    is_possible: Callable[[Any], bool] | None = None


class Rest(Iterator[bytes], Protocol):
    """What of a body is still to come. Whoever has it reads it to its end, or closes it."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    """The provider's HTTP answer. `headers` are looked up in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    rest: Rest | None = field(default=None, repr=False)  # of a body that is streamed: what follows `body`

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def close(self) -> None:
        """Leave unread what is still to come."""
        if self.rest is not None:
            self.rest.close()

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises InvalidResponse when it is anything else."""
        try:
            value = json.loads(self.body, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise InvalidResponse(
                "The provider answered {status} with a body that is not JSON.", status=self.status
            ) from error
        if not isinstance(value, dict):
            raise InvalidResponse("The provider answered {status} with JSON that is not an object.", status=self.status)
        return value


class Client(Protocol):
    """A connection's way to its provider, made by the gateway for one operation.

    Paths are relative to the provider's base URL. An answer that is not 2xx is raised as one of `integrations.errors`.
    `idempotency_key` goes out in the provider's own header and makes a POST safe to repeat. `auth` is another than the
    provider's usual way to authenticate, for the calls that want one; `headers` go beside the provider's own. A Decimal
    in `json` is sent as a number with its digits.
    """

    environment: str
    configuration: Mapping[str, Any]

    def credential(self, key: str) -> str:
        """A credential's value for the few providers that want it in the body. Raises ConfigurationError."""
        ...

    def books(self, provider_reference: str) -> PaymentResult:
        """How a payment stands in our own books: for a provider that is offline, which has no others. Raises Rejected
        where there is none."""
        ...

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
    ) -> Answer: ...

    def post(
        self,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        idempotency_key: str = "",
    ) -> Answer: ...

    def put(
        self,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
    ) -> Answer: ...

    def delete(self, path: str, *, headers: Mapping[str, str] | None = None, auth: Auth | None = None) -> Answer: ...


def codes(line: str) -> tuple[str, ...]:
    """Country or currency codes written in a line: `codes("AE SA KW")`."""
    return tuple(line.split())


class Provider:
    """Facts that every provider declares. Those with no default must be set: the conformance suite says which miss."""

    slug: ClassVar[str]
    name: ClassVar[str]
    name_ar: ClassVar[str]
    type: ClassVar[ProviderType]
    description: ClassVar[str]
    description_ar: ClassVar[str]
    documentation_url: ClassVar[str]
    base_urls: ClassVar[Mapping[str, str]]  # by environment; the gateway fills in {public_url}, our own address
    auth: ClassVar[Auth]
    credentials: ClassVar[tuple[Field, ...]]
    probe: ClassVar[Probe]  # the cheapest call that proves the credentials, which `check` makes

    further_probes: ClassVar[tuple[Probe, ...]] = ()  # of other kinds, which `check_further` makes
    freshness: ClassVar[Freshness] = Freshness()  # of its webhooks
    configuration: ClassVar[tuple[Field, ...]] = ()
    api_version: ClassVar[str] = ""
    regions: ClassVar[tuple[str, ...]] = ()
    countries: ClassVar[tuple[str, ...]] = ()
    currencies: ClassVar[tuple[str, ...]] = ()
    is_mena: ClassVar[bool] = False
    is_sandbox: ClassVar[bool] = False  # the far end is this application's own: offered only where that is switched on
    is_offline: ClassVar[bool] = False  # there is no far end: people do what a gateway does elsewhere
    requires_oauth: ClassVar[bool] = False
    pricing_model: ClassVar[str] = "usage_based"
    operations: ClassVar[frozenset[str]] = frozenset()  # which of the capability class's methods this provider has
    rate_limits: ClassVar[Mapping[str, int]] = {}  # documented limits by limit type: {"per_minute": 600}
    timeouts: ClassVar[Mapping[str, float]] = {}  # seconds an attempt may take, by operation: {"get_payment": 5}
    headers: ClassVar[Mapping[str, str]] = {}  # sent with every call
    idempotency_header: ClassVar[str] = ""
    retry_header: ClassVar[str] = ""  # of an answer, in lower case: `true` or `false`, whether to ask again
    signature: ClassVar[Signature | None] = None
    handshake: ClassVar[Handshake | None] = None  # how it makes sure that a webhook address is ours
    webhook_content_type: ClassVar[str] = "application/json"  # or application/x-www-form-urlencoded
    # Headers that say which event it is, kept with it; filled in for a test: {"x-github-event": "{event_type}"}
    webhook_headers: ClassVar[Mapping[str, str]] = {}
    webhook_networks: ClassVar[tuple[str, ...]] = ()  # documented addresses (CIDR) that its webhooks come from
    registers_webhooks: ClassVar[bool] = False  # has register_webhook; otherwise a person enters the address by hand
    renews_webhook_secrets: ClassVar[bool] = False  # asked again, register_webhook returns another secret
    issues_credentials: ClassVar[frozenset[str]] = frozenset()  # keys that issue_credential and revoke_credential know
    webhook_secret_key: ClassVar[str] = "webhook_secret"  # noqa: S105 - names the credential that signs its webhooks
    issues_webhook_secret: ClassVar[bool] = False  # it has one before it is told any address: none is made up here
    webhook_secret_help: ClassVar[str] = ""  # where in the provider's dashboard the signing secret is found, or goes
    webhook_secret_help_ar: ClassVar[str] = ""
    told_address_with_payments: ClassVar[bool] = False  # by `request.webhook_url`: there is nothing to enter anywhere
    names_its_events: ClassVar[bool] = True  # False where `event_types` are names of ours, which its dashboard has not
    event_types: ClassVar[Mapping[str, str]] = {}  # the provider's name -> EventType
    recommended_events: ClassVar[tuple[str, ...]] = ()

    def base_url(self, environment: str, configuration: Mapping[str, Any]) -> str:
        """Where a connection's provider answers; for one whose address depends on a country, say."""
        return self.base_urls[environment]

    def check(self, client: Client) -> Answer:
        """Prove the credentials, moving nothing. Raises AuthenticationFailed for bad ones."""
        return client.get(self.probe.path, params=self.probe.params)

    def check_further(self, client: Client, probe: Probe) -> Answer:
        """Make one of `further_probes`. Raises what `check` does; of a ping any answer is a good one."""
        auth = Unauthenticated() if probe.kind == ProbeKind.PING else None
        return client.get(probe.path, params=probe.params, auth=auth)

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """The provider's error code and message, from the JSON of an answer that is not 2xx."""
        return str(body.get("code", "")), str(body.get("message", ""))

    def register_webhook(self, client: Client, url: str, secret: str) -> str | None:
        """Tell the provider to send its events to `url`, signed with `secret`; again, to rotate it.

        Returns the secret to verify with where the provider issues that itself.
        """
        raise NotSupported("{provider} is told the webhook's address in its dashboard.", provider=self.name)

    def issue_credential(self, client: Client, key: str, *, idempotency_key: str) -> str:
        """A new value of the credential `key`, beside the one in use, which stays valid."""
        raise NotSupported("{provider} issues credentials in its dashboard.", provider=self.name)

    def revoke_credential(self, client: Client, key: str) -> None:
        """End the value of the credential `key` that `client` authenticates with."""
        raise NotSupported("{provider} revokes credentials in its dashboard.", provider=self.name)

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        """The id and type of a verified webhook. Raises UnreadablePayload when there is none.

        `payload` is the body's JSON object, or the fields of a form (a list where a name is repeated); an array comes
        as `{"items": [...]}`.
        """
        raise NotSupported("{provider} sends no webhooks.", provider=self.name)

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        """A test event as the provider would send it, of something that does not exist. Signed by `signature`.

        What `identify_event` finds in it is `event_id` and `event_type`. Raises NotSupported for a type without sample.
        """
        raise NotSupported("There is no sample of {provider}'s events.", provider=self.name)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        """What a stored webhook says, in our words; a list, since several providers batch."""
        raise NotSupported("{provider} sends no webhooks.", provider=self.name)


class PaymentProvider(Provider):
    """A gateway that takes payments. `amount` None means all that there is.

    A provider's reference of a payment is whatever `get_payment` finds it by; captures and refunds hang on it.
    """

    type = ProviderType.PAYMENT
    operations: ClassVar[frozenset[str]] = frozenset()  # of create, get, find, complete, capture, void, refund
    payment_capabilities: ClassVar[frozenset[str]] = frozenset()
    # The currencies of those methods that are not to be had in every one: {"knet": ("KWD",)}
    method_currencies: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # Operations that are done once however often they are asked for under one key; all, with an idempotency header.
    repeatable: ClassVar[frozenset[str]] = frozenset()
    idempotency_lifetime: ClassVar[timedelta] = timedelta(hours=24)  # for which such a key is remembered
    page_lifetime: ClassVar[timedelta] = timedelta(hours=24)  # after which nobody can pay by the page that was opened
    # How long a payment by a method may still come: {"fawry": …}, where the page shows a number to pay under in a shop.
    method_lifetimes: ClassVar[Mapping[str, timedelta]] = {}
    shows_unpaid: ClassVar[bool] = True  # if not, `get_payment` may be refused (404) for one that nobody has paid yet
    takes_partial_captures: ClassVar[bool] = True
    takes_partial_refunds: ClassVar[bool] = True
    tells_refunds: ClassVar[bool] = True  # whether `get_payment` tells of what was given back elsewhere, as by hand

    def currencies_of(self, configuration: Mapping[str, Any]) -> tuple[str, ...]:
        """Those that one connection takes, where its configuration settles that; empty for all."""
        return self.currencies

    def payment_window(self, configuration: Mapping[str, Any]) -> timedelta:
        """How long a payer has, for one whose connections say so themselves."""
        return self.page_lifetime

    def instructions(self, configuration: Mapping[str, Any], payment: PaymentResult) -> Sequence[Instruction]:
        """What a payer has to know who pays without a gateway's page; nothing where there is one."""
        return ()

    def repeats(self, operation: str) -> bool:
        """Whether asking again under the same key does no more than asking once did."""
        return bool(self.idempotency_header) or operation in self.repeatable

    def charges_at_once(self, request: PaymentRequest) -> bool:
        """Whether `create_payment` itself may take money. If not, it opens a page on which the payer then pays: one
        that was opened without our hearing of it is known to nobody, so that another can be opened."""
        return bool(request.payment_token)

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        """Ask nobody, and raise InvalidRequest for an order that the gateway would refuse: one without the e-mail
        address that it wants, say; ConfigurationError where the connection is not set up for it.

        A routed order then goes to another gateway, and `create_payment` never has it.
        """

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        raise NotSupported("{provider} cannot create payments.", provider=self.name)

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        raise NotSupported("{provider} cannot look up payments.", provider=self.name)

    def find_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult | None:
        """The payment that `create_payment` made of the same arguments without our hearing of it; None where it made
        none for certain."""
        raise NotSupported("{provider} finds no payment by our reference.", provider=self.name)

    def complete_payment(
        self, client: Client, provider_reference: str, *, capture: bool, idempotency_key: str
    ) -> PaymentResult:
        """Take the money, or authorise it, where `get_payment` found that the payer has agreed (`awaits_completion`).

        Asked for again, under the same key or another, it does no more than once.
        """
        raise NotSupported("{provider} takes the money by itself.", provider=self.name)

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        raise NotSupported("{provider} cannot capture separately.", provider=self.name)

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        raise NotSupported("{provider} cannot void.", provider=self.name)

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        raise NotSupported("{provider} cannot refund.", provider=self.name)
