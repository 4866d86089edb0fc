"""`python -m config.wait_for_web`: returns once the web server answers, or after half a minute in any case.

Beat begins with everything that is due. A health check that came before the web server could take its own sandbox's
calls would find it down.
"""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request

_SECONDS = 30.0


def main() -> None:
    address = f"http://{os.environ['HUB_HOST']}:{os.environ['HUB_PORT']}/healthz"
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except urllib.error.HTTPError:
            return  # it answers, whatever it says
        except OSError:
            time.sleep(0.2)


if __name__ == "__main__":
    main()
