"""Unfold: sidebar, branding, language switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

Item = dict[str, Any]


def environment(request: HttpRequest) -> tuple[Any, str]:
    """The badge in the header: never leave a person in doubt whether money is real here."""
    from django.conf import settings

    if settings.SANDBOX:
        return _("Sandbox on"), "warning"
    return (_("Production"), "success") if settings.PRODUCTION else (_("Development"), "info")


def _may(*permissions: str) -> Callable[[HttpRequest], bool]:
    return lambda request: any(request.user.has_perm(permission) for permission in permissions)


def _page(title: Any, icon: str, path: str, permission: str, *, but: str = "") -> Item:
    """`but`: a page below this one that has an item of its own."""
    link = f"/integrations/{path}"

    def is_here(request: HttpRequest) -> bool:
        if but and request.path.startswith(link + but):
            return False
        return request.path == link if not path else request.path.startswith(link)

    return {"title": title, "icon": icon, "link": link, "permission": _may(permission), "active": is_here}


def _model(title: Any, icon: str, app: str, model: str) -> Item:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may(f"{app}.view_{model}"),
    }


def open_alerts(request: HttpRequest) -> int | str:
    """The badge beside "Alerts": how many nobody has seen to yet."""
    from monitoring.models import Alert

    organization = getattr(request, "organization", None)
    open_ones = Alert.objects.unresolved().filter(organization=organization, acknowledged_at=None)
    return (organization and open_ones.count()) or ""


def _section(title: Any, *items: Item) -> Item:
    return {"title": title, "separator": True, "collapsible": True, "items": list(items)}


SIDEBAR: list[Item] = [
    {
        "title": _("Integrations & APIs"),
        "items": [
            _page(_("Dashboard"), "space_dashboard", "", "integrations.view_connection"),
            _page(_("Set up"), "add_circle", "setup/", "integrations.add_connection"),
            _page(_("Connections"), "hub", "connections/", "integrations.view_connection"),
            _page(_("Payments"), "payments", "payments/", "integrations.view_payment", but="gateways/"),
            _page(_("Payment gateways"), "account_balance", "payments/gateways/", "integrations.view_payment"),
            _page(_("Health"), "ecg_heart", "health/", "monitoring.view_healthcheck"),
            _page(_("Logs"), "receipt_long", "logs/", "monitoring.view_calllog"),
            _page(_("Webhooks"), "webhook", "webhooks/", "webhooks.view_webhookevent"),
            {
                **_page(_("Alerts"), "notifications", "alerts/", "monitoring.view_alert"),
                "badge": "config.navigation.open_alerts",
                "badge_variant": "danger",
            },
            _page(_("Analytics"), "monitoring", "analytics/", "monitoring.view_dailyanalytics"),
            _page(_("Costs"), "savings", "costs/", "monitoring.view_dailyanalytics"),
            _page(_("Events"), "data_object", "developers/events/", "webhooks.view_webhookevent"),
            {"title": _("API documentation"), "icon": "api", "link": "/api/v1/docs/"},
        ],
    },
    _section(
        _("Organizations & people"),
        _model(_("Organizations"), "apartment", "integrations", "organization"),
        _model(_("Memberships"), "badge", "integrations", "membership"),
        _model(_("Users"), "person", "integrations", "user"),
        _model(_("Groups"), "group", "auth", "group"),
        _model(_("API tokens"), "key", "integrations", "apitoken"),
    ),
    _section(
        _("Connections & credentials"),
        _model(_("Connections"), "cable", "integrations", "connection"),
        _model(_("Credentials"), "lock", "integrations", "credential"),
        _model(_("Rate limits"), "speed", "integrations", "ratelimit"),
        _model(_("Webhook endpoints"), "webhook", "webhooks", "webhookendpoint"),
        _model(_("Webhook destinations"), "send", "webhooks", "webhookdestination"),
        _model(_("Health rules"), "rule", "monitoring", "healthrule"),
        _model(_("Maintenance windows"), "construction", "monitoring", "maintenancewindow"),
        _model(_("Payment settings"), "tune", "integrations", "paymentsettings"),
        _model(_("Payment routes"), "alt_route", "integrations", "paymentroute"),
        _model(_("Shipping settings"), "local_shipping", "integrations", "shippingsettings"),
        _model(_("Social media accounts"), "share", "integrations", "socialaccount"),
    ),
    _section(
        _("Catalogue"),
        _model(_("Providers"), "storefront", "integrations", "integrationprovider"),
    ),
    _section(
        _("Records"),
        _model(_("Payments"), "credit_card", "integrations", "payment"),
        _model(_("Payment operations"), "swap_horiz", "integrations", "paymentoperation"),
        _model(_("Payment movements"), "account_balance", "integrations", "paymentmovement"),
        _model(_("Disputes"), "gavel", "integrations", "paymentdispute"),
        _model(_("Settlement summaries"), "summarize", "integrations", "paymentsettlement"),
        _model(_("Webhook events"), "bolt", "webhooks", "webhookevent"),
        _model(_("Webhook replays"), "replay", "webhooks", "webhookreplay"),
        _model(_("Webhook deliveries"), "outbox", "webhooks", "webhookdelivery"),
        _model(_("Webhook access log"), "visibility", "webhooks", "webhookaccesslog"),
        _model(_("Calls"), "sync_alt", "monitoring", "calllog"),
        _model(_("Log exports"), "download", "monitoring", "logexport"),
        _model(_("Saved searches"), "bookmark", "monitoring", "savedsearch"),
        _model(_("Archives of calls"), "inventory_2", "monitoring", "logarchive"),
        _model(_("Health checks"), "favorite", "monitoring", "healthcheck"),
        _model(_("Alerts"), "notifications", "monitoring", "alert"),
        _model(_("Alert notifications"), "campaign", "monitoring", "alertnotification"),
        _model(_("Uptime"), "vital_signs", "monitoring", "uptimeday"),
        {
            **_model(_("Provider incidents"), "crisis_alert", "monitoring", "providerincident"),
            "permission": lambda request: bool(request.user.is_superuser),
        },
        _model(_("Hourly metrics"), "schedule", "monitoring", "hourlymetrics"),
        _model(_("Daily analytics"), "calendar_month", "monitoring", "dailyanalytics"),
        _model(_("Daily totals"), "functions", "monitoring", "dailytotals"),
        _model(_("Audit log"), "policy", "monitoring", "auditlog"),
    ),
    _section(
        _("System"),
        _model(_("Schedules"), "event_repeat", "django_celery_beat", "periodictask"),
    ),
]

# OKLCH, so that steps look even; 600 on white and 500 on the dark ground both pass 4.5:1.
COLORS: dict[str, dict[str, str]] = {
    "base": {
        "50": "oklch(98.4% .004 260)",
        "100": "oklch(96.4% .007 260)",
        "200": "oklch(92.4% .011 260)",
        "300": "oklch(86.6% .017 260)",
        "400": "oklch(71% .028 262)",
        "500": "oklch(54.6% .034 264)",
        "600": "oklch(44.2% .036 265)",
        "700": "oklch(36.6% .038 266)",
        "800": "oklch(27.2% .036 268)",
        "900": "oklch(20.2% .034 270)",
        "950": "oklch(13.6% .03 272)",
    },
    "primary": {
        "50": "oklch(97% .016 275)",
        "100": "oklch(94% .032 275)",
        "200": "oklch(88.4% .062 275)",
        "300": "oklch(80.6% .105 276)",
        "400": "oklch(74% .14 276)",
        "500": "oklch(68% .165 276)",
        "600": "oklch(50.5% .225 276)",
        "700": "oklch(45% .21 276)",
        "800": "oklch(39% .18 276)",
        "900": "oklch(34% .14 277)",
        "950": "oklch(25% .1 278)",
    },
    "font": {
        "subtle-light": "var(--color-base-500)",
        "subtle-dark": "var(--color-base-400)",
        "default-light": "var(--color-base-600)",
        "default-dark": "var(--color-base-300)",
        "important-light": "var(--color-base-900)",
        "important-dark": "var(--color-base-100)",
    },
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Hub",
    "SITE_HEADER": "Hub",
    "SITE_SUBHEADER": _("Integrations & APIs"),
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("hub/mark.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("hub/mark.svg")}],
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "8px",
    "ENVIRONMENT": "config.navigation.environment",
    "STYLES": [lambda request: static("hub/hub.css")],
    "SCRIPTS": [
        lambda request: static("hub/copy.js"),
        lambda request: static("hub/moments.js"),
        lambda request: static("hub/once.js"),
    ],
    "COLORS": COLORS,
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": SIDEBAR},
}
