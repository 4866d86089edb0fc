from .catalogue import IntegrationProvider
from .connections import Connection, RateLimit
from .credentials import Credential
from .files import ProofToRemove, RemovableFile
from .organizations import ApiToken, Membership, Organization, User
from .payment_books import PaymentDispute, PaymentMovement, PaymentProof, PaymentSettlement
from .payment_routes import PaymentRoute
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
    "PaymentDispute",
    "PaymentMovement",
    "PaymentOperation",
    "PaymentProof",
    "PaymentRoute",
    "PaymentSettings",
    "PaymentSettlement",
    "ProofToRemove",
    "RateLimit",
    "RemovableFile",
    "SandboxDelivery",
    "SandboxKey",
    "SandboxPayment",
    "SandboxRequest",
    "SandboxWebhook",
    "ShippingSettings",
    "SocialAccount",
    "User",
]
