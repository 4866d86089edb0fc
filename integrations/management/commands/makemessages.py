"""Django's `makemessages`, which also collects the sentences that our errors are raised with."""

from __future__ import annotations

from django.core.management.commands import makemessages

from integrations.errors import IntegrationError


def error_names() -> list[str]:
    """The names of all error classes: of each the first argument is a sentence."""
    found, names = [IntegrationError], []
    while found:
        one = found.pop()
        names.append(one.__name__)
        found += one.__subclasses__()
    return sorted(names)


class Command(makemessages.Command):
    xgettext_options = [  # noqa: RUF012 - as the base class has it
        *makemessages.Command.xgettext_options,
        *(f"--keyword={name}:1" for name in error_names()),
    ]
