"""The services that a channel may be of: those of Apprise's that speak HTTP or SMTP, and nothing on this machine.

What reaches other sockets (IRC, MQTT, syslog), this machine (D-Bus, desktop, programs) or more than one address is left
out. Of those whose address names a host, the host is checked as any other that is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Service:
    """`example` is an address as Apprise writes it; with `names_host`, its host is the organization's to choose."""

    name: Any
    schemes: tuple[str, ...]
    example: str
    help: Any
    names_host: bool = False
    is_always_tls: bool = False

    @property
    def slug(self) -> str:
        return self.schemes[0]


_TOKEN = _("Make a token in the service, and put it in the place of the capital letters.")
_SERVER = _("The server's name, then the token or the path that it gave you.")

SERVICES = (
    Service(
        _("E-mail"), ("mailtos", "mailto"), "mailtos://USER:PASSWORD@smtp.example.com?to=ops@example.com",
        _("The mail server with the user that may send by it. Without ?to= the message goes to that user."),
        names_host=True,
    ),
    Service(
        "Slack", ("slack",), "https://hooks.slack.com/services/T…/B…/…",
        _("The address of an incoming webhook, as Slack shows it."),
    ),
    Service(
        "Microsoft Teams", ("workflows", "workflow"), "workflows://HOST/WORKFLOW/SIGNATURE",
        _("Make a workflow “Post to a channel when a webhook request is received”, and paste its address."),
        names_host=True, is_always_tls=True,
    ),
    Service(
        "Telegram", ("tgram",), "tgram://BOT_TOKEN/CHAT_ID", _("Ask @BotFather for a bot, and add it to the chat."),
    ),
    Service(
        _("Webhook (JSON)"), ("jsons", "json"), "jsons://example.com/alerts?+X-Token=TOKEN",
        _("Each message is a POST of JSON. Headers follow the path: ?+Name=value."), names_host=True,
    ),
    Service(
        _("Webhook (form)"), ("forms", "form"), "forms://example.com/alerts",
        _("Each message is a POST of form fields."), names_host=True,
    ),
    Service("Discord", ("discord",), "discord://WEBHOOK_ID/WEBHOOK_TOKEN", _("A webhook of the channel's settings.")),
    Service("Google Chat", ("gchat",), "gchat://WORKSPACE/KEY/TOKEN", _("A webhook of the space.")),
    Service("Mattermost", ("mmosts", "mmost"), "mmosts://example.com/TOKEN", _SERVER, names_host=True),
    Service("Rocket.Chat", ("rockets", "rocket"), "rockets://TOKEN_A/TOKEN_B@example.com", _SERVER, names_host=True),
    Service("Webex", ("webex", "wxteams"), "webex://TOKEN", _TOKEN),
    Service("Zulip", ("zulip",), "zulip://BOT@ORGANIZATION/TOKEN/STREAM", _TOKEN),
    Service("PagerDuty", ("pagerduty",), "pagerduty://INTEGRATION_KEY@API_KEY", _TOKEN),
    Service("Opsgenie", ("opsgenie",), "opsgenie://API_KEY", _TOKEN),
    Service("Pushover", ("pover",), "pover://USER_KEY@TOKEN", _TOKEN),
    Service("ntfy", ("ntfys", "ntfy"), "ntfys://TOKEN@ntfy.example.com/TOPIC", _SERVER, names_host=True),
    Service("Gotify", ("gotifys", "gotify"), "gotifys://example.com/TOKEN", _SERVER, names_host=True),
    Service(_("Twilio (SMS)"), ("twilio",), "twilio://ACCOUNT_SID:AUTH_TOKEN@FROM/TO", _TOKEN),
)  # fmt: skip

BY_SCHEME = {scheme: service for service in SERVICES for scheme in service.schemes}
