"""How the pages write money, times and states, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from babel.dates import format_timedelta
from babel.numbers import format_currency, format_decimal
from django import template
from django.template.defaultfilters import stringfilter
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from ..models import Connection, IntegrationProvider
from ..retelling import retold

register = template.Library()
register.filter(retold)

# CLDR puts a space between a currency's letters and the digits; Babel does not.
_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")
# In a text from right to left the sign of `US$` would go to the other side of its letters.
_SIGN_AFTER_LETTER = re.compile(r"(?<=[A-Za-z])([^\w\s])$")

_TONES = {
    "success": "active healthy completed captured succeeded delivered sent",
    "warning": "degraded testing retrying partially_refunded requires_action error_rate",
    "danger": "error down failed disputed exceeded",
    "info": "pending processing authorised waiting running sending",
}
_TONE_OF = {status: tone for tone, statuses in _TONES.items() for status in statuses.split()}


def babel_locale() -> str:
    """The reader's language, as it is written in the UAE where that is Arabic."""
    return "ar_AE" if get_language() == "ar" else "en"


@register.filter
def money(amount: Decimal | int | None, currency: str = "AED") -> str:
    """`AED 12.50`, or `12.50 د.إ.` in Arabic, with the currency's own decimals; a dash for no amount."""
    if amount is None:
        return "–"
    text = format_currency(amount, currency, locale=babel_locale(), numbering_system="default")
    text = _LETTER_BEFORE_DIGIT.sub("\N{NO-BREAK SPACE}", text)
    return _SIGN_AFTER_LETTER.sub("\\1\N{LEFT-TO-RIGHT MARK}", text)


@register.filter
def number(value: Decimal | float | None) -> str:
    """A number with its thousands grouped; a dash for none."""
    return "–" if value is None else _grouped(value, babel_locale())


@lru_cache(maxsize=4096)
def _grouped(value: Decimal | float, locale: str) -> str:
    return str(format_decimal(value, locale=locale, numbering_system="default"))


@register.filter
def milliseconds(value: float | None) -> str:
    return "–" if value is None else _("%(number)s ms") % {"number": number(round(value))}


@register.filter
def percent(value: Decimal | float | None) -> str:
    """A figure that is a percentage already: `99.95` reads `99.95%`."""
    return "–" if value is None else f"{number(value)}%"


@register.filter
def when(moment: datetime | None) -> str:
    """`DD/MM/YYYY HH:MM` in the current time zone, which is the organization's; a dash for no time."""
    return "–" if moment is None else f"{timezone.localtime(moment):%d/%m/%Y %H:%M}"


@register.filter
def when_exactly(moment: datetime | None) -> str:
    """`DD/MM/YYYY HH:MM:SS`, where seconds tell one attempt from the next."""
    return "–" if moment is None else f"{timezone.localtime(moment):%d/%m/%Y %H:%M:%S}"


@register.filter
def ago(moment: datetime | None) -> str:
    """How long since (or until) a time, in words; "never" for no time."""
    if moment is None:
        return _("never")
    elapsed = moment - timezone.now()
    if abs(elapsed) < timedelta(seconds=10):
        return _("just now")
    return format_timedelta(elapsed, add_direction=True, locale=babel_locale())


@register.filter
def moment(text: str | None) -> datetime | None:
    """A time that was kept as text in JSON."""
    return datetime.fromisoformat(text) if text else None


@register.filter(is_safe=True)
@stringfilter
def menu_steps(text: str) -> str:
    """`A ← B`, the way through a menu: in a line of Arabic, Latin names would change places around the arrow."""
    return text.replace("←", "\N{RIGHT-TO-LEFT MARK}←\N{RIGHT-TO-LEFT MARK}")


@register.filter
def outcome_name(outcome: str) -> str:
    """What became of a payment's attempt at one connection."""
    names = {
        "accepted": _("accepted"),
        "declined": _("declined"),
        "failed": pgettext("attempt", "failed"),
        "unknown": _("in doubt"),
        "skipped": _("passed over"),
    }
    return names.get(outcome, outcome)


@register.filter
def outcome_tone(outcome: str) -> str:
    return {"accepted": "success", "unknown": "warning", "skipped": "neutral"}.get(outcome, "danger")


@register.filter
def tone(status: str | None) -> str:
    """The colour that a state is shown in: success, warning, danger, info or neutral."""
    return _TONE_OF.get(str(status), "neutral")


@register.filter
def http_tone(status: int | None) -> str:
    """The colour of an HTTP status; no answer at all is as bad as a 5xx."""
    if status is None or status >= 500:
        return "danger"
    return "warning" if status >= 400 else "success"


@register.filter
def with_main_landmark(page: str) -> str:
    """Of no part of Unfold's page is it said that it is the main one, to which readers of screens jump."""
    return mark_safe(page.replace('<div id="main"', '<div id="main" role="main"', 1))  # noqa: S308 - rendered already


@register.filter
def initials(name: str) -> str:
    """Up to two letters that stand for a provider where it has no logo."""
    return "".join(word[0] for word in name.split()[:2]).upper()


@register.filter
def bars(figures: Sequence[tuple[int, int]]) -> list[dict[str, int]]:
    """A small chart's columns, bad on top of good, in per cent of the tallest; what is there at all can be seen."""
    tallest = max((sum(pair) for pair in figures), default=0) or 1
    columns = []
    for position, pair in enumerate(figures):
        good, bad = (max(6, round(88 * part / tallest)) if part else 0 for part in pair)
        columns.append({"x": 10 * position, "good": good, "good_y": 100 - good, "bad": bad, "bad_y": 100 - good - bad})
    return columns


@register.filter
def at(names: dict[Any, str], key: Any) -> str:
    """The entry of a mapping under a variable key; a dash where there is none."""
    return names.get(key, "–")


@register.filter
def change(value: Decimal | None) -> str:
    """A change in per cent, with its sign: `+12% against the days before`."""
    if value is None:
        return ""
    if not value:
        return _("as in the days before")
    # The sign stays before its number in a line that is read from the right.
    return _("%(change)s%% against the days before") % {"change": f"\N{LEFT-TO-RIGHT MARK}{value:+}"}


@register.filter
def environment_name(environment: str) -> str:
    return str(Connection.Environment(environment).label)


@register.filter
def by_type(providers: Iterable[IntegrationProvider]) -> list[IntegrationProvider]:
    """Grouped by type, in the order of the types; within one as given."""
    order = IntegrationProvider.Type.values
    return sorted(providers, key=lambda provider: order.index(provider.provider_type))


@register.filter
def chosen(name: str, given: Mapping[str, str]) -> str:
    """What was chosen in the filter `name`."""
    return given.get(name, "")


@register.filter
def share(whole: int, percentage: int) -> int:
    return whole * percentage // 100


@register.filter
def url_path(address: str) -> str:
    """What is called at a provider, without its host: the connection stands beside it."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
