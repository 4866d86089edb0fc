"""What tests are about, made through the models: factories for organizations, people, connections and tokens."""

from __future__ import annotations

from typing import Any

import factory
from factory.django import DjangoModelFactory

from integrations.models import (
    ApiToken,
    Connection,
    Credential,
    IntegrationProvider,
    Membership,
    Organization,
    Payment,
    RateLimit,
    User,
)
from integrations.providers.registry import get_provider


class OrganizationFactory(DjangoModelFactory[Organization]):
    class Meta:
        model = Organization

    name = factory.Sequence(lambda n: f"Tailor {n}")
    slug = factory.Sequence(lambda n: f"tailor-{n}")


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")

    @factory.post_generation
    def password(self, create: bool, extracted: str | None, **kwargs: Any) -> None:
        self.set_password(extracted or "correct horse")  # type: ignore[attr-defined]
        if create:
            self.save()  # type: ignore[attr-defined]


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    organization = factory.SubFactory(OrganizationFactory)
    user = factory.SubFactory(UserFactory)
    role = Membership.Role.STAFF


def catalogue_row(slug: str) -> IntegrationProvider:
    """The catalogue's row of a provider, without the whole sync."""
    provider = get_provider(slug)
    return IntegrationProvider.objects.get_or_create(
        slug=slug, defaults={"provider_name": provider.name, "provider_type": provider.type}
    )[0]


class ConnectionFactory(DjangoModelFactory[Connection]):
    """An active connection; `credentials` gives it some: `ConnectionFactory(credentials={"api_key": "sk_test_…"})`."""

    class Meta:
        model = Connection
        skip_postgeneration_save = True

    class Params:
        slug = "stripe"

    organization = factory.SubFactory(OrganizationFactory)
    provider = factory.LazyAttribute(lambda connection: catalogue_row(connection.slug))
    provider_type = factory.LazyAttribute(lambda connection: connection.provider.provider_type)
    connection_name = factory.Sequence(lambda n: f"Connection {n}")
    environment = Connection.Environment.DEVELOPMENT
    status = Connection.Status.ACTIVE

    @factory.post_generation
    def credentials(self, create: bool, extracted: dict[str, str] | None, **kwargs: Any) -> None:
        for key, value in (extracted or {}).items():
            CredentialFactory(connection=self, credential_key=key, value=value)


class CredentialFactory(DjangoModelFactory[Credential]):
    class Meta:
        model = Credential

    connection = factory.SubFactory(ConnectionFactory)
    organization = factory.LazyAttribute(lambda credential: credential.connection.organization)
    credential_key = "api_key"

    @classmethod
    def _create(cls, model_class: type[Credential], *args: Any, **kwargs: Any) -> Credential:
        value = kwargs.pop("value", "sk_test_sample_not_a_key")
        credential = model_class(**kwargs)
        credential.set_value(value)
        credential.save()
        return credential


class RateLimitFactory(DjangoModelFactory[RateLimit]):
    class Meta:
        model = RateLimit

    connection = factory.SubFactory(ConnectionFactory)
    organization = factory.LazyAttribute(lambda limit: limit.connection.organization)
    limit_type = RateLimit.Window.PER_MINUTE
    max_requests = 60


class PaymentFactory(DjangoModelFactory[Payment]):
    class Meta:
        model = Payment

    connection = factory.SubFactory(ConnectionFactory)
    organization = factory.LazyAttribute(lambda payment: payment.connection.organization)
    reference = factory.Sequence(lambda n: f"order-{n}")
    amount = "12.50"
    currency = "AED"


def token_for(organization: Organization, *scopes: str, **fields: Any) -> str:
    """A fresh API token's text; with no scopes named it has all of them."""
    token = ApiToken(organization=organization, name="test", scopes=list(scopes or ApiToken.Scope.values), **fields)
    text = token.issue()
    token.save()
    return text
