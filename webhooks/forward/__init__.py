"""Events forwarded to the organization's own programs.

`fan_out` makes the deliveries when an event is completed; `drain` takes them from the queue and sends them; what a
person or a program asks for is in `destinations` and `deliveries`.
"""

from __future__ import annotations

from .fan_out import fan_out as fan_out
