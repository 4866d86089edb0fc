"""How often and how late an endpoint's events are tried again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from integrations.errors import InvalidRequest

from .models import WebhookEndpoint, default_retry_policy

# The least and the most that a policy may ask for.
_BOUNDS = {"max_retries": (0, 50), "initial_seconds": (1, 86_400), "factor": (1, 10), "max_seconds": (1, 604_800)}


def policy_of(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """The endpoint's own policy, the default for what is none in it: a row written by hand must not stop the inbox."""
    own = endpoint.retry_policy if isinstance(endpoint.retry_policy, dict) else {}
    return {**default_retry_policy(), **{name: own[name] for name in _BOUNDS if _is_number_for(name, own.get(name))}}


def backoff_seconds(policy: Mapping[str, Any], retries: int) -> float:
    """The pause before the next attempt: exponential, bounded, shaken so that a crowd does not come back at once."""
    growth = float(policy["factor"]) ** retries
    pause = min(float(policy["max_seconds"]), float(policy["initial_seconds"]) * growth)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing


def check_policy(policy: Any) -> None:
    """Raises InvalidRequest for what is no retry policy."""
    default = default_retry_policy()
    if not isinstance(policy, dict) or not policy.keys() <= default.keys():
        raise InvalidRequest("A retry policy has {names}.", names=", ".join(default), field="retry_policy")
    if policy.get("backoff_strategy", default["backoff_strategy"]) != default["backoff_strategy"]:
        raise InvalidRequest(
            "The backoff is {strategies}.",
            strategies=default["backoff_strategy"],
            field="retry_policy.backoff_strategy",
        )
    for name, (least, most) in _BOUNDS.items():
        if name in policy and not _is_number_for(name, policy[name]):
            raise InvalidRequest(
                "{name} is a number from {least} to {most}.",
                name=name,
                least=least,
                most=most,
                field=f"retry_policy.{name}",
            )


def _is_number_for(name: str, number: Any) -> bool:
    least, most = _BOUNDS[name]
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most
