from .catalogue import IntegrationProvider
from .connections import Connection, RateLimit
from .credentials import Credential
from .organizations import ApiToken, Membership, Organization, User
from .payments import Payment, PaymentOperation, PaymentSettings
from .sandbox import SandboxDelivery, SandboxKey, SandboxPayment, SandboxRequest, SandboxWebhook
from .shipping import ShippingSettings
from .social import SocialAccount

__all__ = [
    "ApiToken",
    "Connection",
    "Credential",
    "IntegrationProvider",
    "Membership",
    "Organization",
    "Payment",
    "PaymentOperation",
    "PaymentSettings",
    "RateLimit",
    "SandboxDelivery",
    "SandboxKey",
    "SandboxPayment",
    "SandboxRequest",
    "SandboxWebhook",
    "ShippingSettings",
    "SocialAccount",
    "User",
]
