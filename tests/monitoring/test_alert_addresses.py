"""Which addresses a channel may have, and what is shown of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import apprise
import pytest
from django.test import override_settings

from integrations.errors import EgressRefused, InvalidRequest
from monitoring.alerting.channels import create_channel
from monitoring.alerting.courier import Courier, Message, Seen
from monitoring.alerting.services import SERVICES
from monitoring.models import AlertChannel
from tests.factories import OrganizationFactory
from tests.wire import WireAnswer, WireServer


@pytest.fixture(scope="module")
def courier() -> Iterator[Courier]:
    """One for all: its process starts once, with nothing inside the network open."""
    with override_settings(EGRESS_ALLOW=[], SANDBOX=False), Courier() as made:
        yield made


@pytest.mark.django_db
def test_what_is_refused_is_not_saved(settings: object) -> None:
    with override_settings(EGRESS_ALLOW=[]), pytest.raises(EgressRefused):
        create_channel(OrganizationFactory(), name="Inside", url="jsons://169.254.169.254/")
    assert not AlertChannel.objects.exists()


def test_what_is_refused_is_not_sent_to_either(courier: Courier) -> None:
    with WireServer(lambda request: WireAnswer(200)) as wire:
        with pytest.raises(EgressRefused):
            courier.send(f"jsons://127.0.0.1:{wire.port}/", Message("title", "body"))
        assert wire.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "jsons://169.254.169.254/",
        "jsons://10.0.0.1/",
        "jsons://[::1]/",
        "jsons://2130706433/",
        "jsons://localhost/",
        "json://93.184.216.34/",  # without TLS
        "mailtos://u:p@gmail.com?smtp=10.0.0.1",
        "mailto://u:p@example.com?smtp=93.184.216.34",
        "workflows://192.168.0.1/abcdef/signature",
        "ntfys://10.1.2.3/topic",
        "mmosts://172.16.0.1/3ccdd113474722377935511fc85d3dd4",
    ],
)
def test_an_address_inside_the_network_or_without_tls_is_refused(courier: Courier, url: str) -> None:
    with pytest.raises(EgressRefused):
        courier.inspect(url)


@pytest.mark.parametrize(
    "url",
    [
        "dbus://", "gnome://", "macosx://", "windows://", "syslog://", "rsyslog://127.0.0.1/", "file:///etc/passwd",
        "mqtt://127.0.0.1/topic", "irc://127.0.0.1/#room", "growl://127.0.0.1", "xmpp://u:p@127.0.0.1", "apprise://a/b",
        "https://example.com/hook", "jsons://example.com/?verify=no", "jsons://example.com/?redirect=yes",
        "slack://a/b/c?template=/etc/passwd", "mailtos://u:p@gmail.com?pgp=yes", "slack://", "no address", "",
        "jsons://example.com/ jsons://example.org/", "jsons://example.com/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_known_service_is_refused(courier: Courier, url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        courier.inspect(url)
    assert refused.value.field == "url"
    assert "passwd" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "service", "shown"),
    [
        ("https://hooks.slack.com/services/TSAMPLE01/BSAMPLE01/sampletokensampletoken01", "slack", "slack://…"),
        ("tgram://123456789:sample_token_of_a_bot/12315544/", "tgram", "tgram://…"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord", "discord://…"),
        ("pagerduty://sample_key@sample_api_key", "pagerduty", "pagerduty://…"),
        ("mmosts://8.8.8.8:8443/3ccdd113474722377935511fc85d3dd4", "mmosts", "mmosts://8.8.8.8:8443…"),
        ("ntfys://8.8.8.8:8443/topic", "ntfys", "ntfys://8.8.8.8:8443…"),
        ("workflows://8.8.8.8/sampleworkflow/samplesignature", "workflows", "workflows://8.8.8.8:443…"),
        ("jsons://user:sample@8.8.8.8/path?+X-Key=sample", "jsons", "jsons://8.8.8.8:443…"),
    ],
)
def test_of_an_address_only_its_service_and_host_are_shown(
    courier: Courier, url: str, service: str, shown: str
) -> None:
    assert courier.inspect(url) == Seen(service, shown)


def test_each_service_on_the_help_page_has_an_example_that_reads_as_its_own() -> None:
    schemes = {scheme for service in SERVICES for scheme in service.schemes}
    known = set(apprise.manager_plugins.NotificationManager().schemas())
    assert schemes <= known
    for service in SERVICES:
        scheme = service.example.partition("://")[0]
        assert scheme in service.schemes or service.example.startswith("https://hooks.slack.com/"), service.example


def test_no_service_s_plugin_calls_without_our_say_about_redirects() -> None:
    """Each of its calls must pass `allow_redirects=self.redirects`, which the courier sets to False."""
    plugins = apprise.manager_plugins.NotificationManager()
    for service in SERVICES:
        if service.slug == "mailtos":
            continue
        source = inspect.getsource(inspect.getmodule(plugins[service.slug]))  # type: ignore[arg-type]
        calls = len(re.findall(r"\brequests\.(?:get|post|put|request)\($", source, re.MULTILINE))
        assert source.count("allow_redirects=self.redirects") >= max(1, calls), service.slug
