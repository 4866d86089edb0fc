#!/usr/bin/env python
from __future__ import annotations

import os
import sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SERVERLESS = {"help", "--help", "--version", "makemessages", "compilemessages", "collectstatic"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config.embedded import ensure_servers
    from config.environment import data_dir, read_environment, refuse

    try:
        read_environment(BASE_DIR)
        if not SERVERLESS.intersection(sys.argv[1:2]):
            ensure_servers(data_dir(BASE_DIR))
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        refuse(error)


if __name__ == "__main__":
    main()
