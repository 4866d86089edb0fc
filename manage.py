#!/usr/bin/env python
from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SERVERLESS = {"help", "--help", "--version", "makemessages", "compilemessages", "collectstatic"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config.embedded import ensure_servers
    from config.environment import Environment, data_dir, refuse

    # SIGTERM unwinds like Ctrl-C, so that exit handlers stop the embedded servers.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        Environment(BASE_DIR)
        if not SERVERLESS.intersection(sys.argv[1:2]):
            ensure_servers(data_dir(BASE_DIR))
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        refuse(error)


if __name__ == "__main__":
    main()
