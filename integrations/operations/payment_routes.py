"""An organization's rules of routing: made, changed, put in order, removed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from django.db import transaction

from ..errors import Conflict, InvalidRequest
from ..models import Connection, Organization, PaymentRoute
from .announce import record_action
from .locks import lock_until_commit
from .payment_route_input import check_route

MOST_ROUTES = 200  # all of them are read for a payment
_STEP = 10  # between two positions that are given here
_PARTS = (
    "name", "position", "connection", "environment", "country", "currency", "method", "min_amount", "max_amount",
    "is_active",
)  # fmt: skip


def create_route(organization: Organization, **parts: Any) -> PaymentRoute:
    """A rule of `name` and `connection`, and of what payments have to be for it to hold: any of `environment`,
    `country`, `currency`, `method`, `min_amount` and `max_amount` (decimals, as text or Decimal). Without a `position`
    it comes last. Raises InvalidRequest with the field to blame, Conflict when there are too many.
    """
    route = PaymentRoute(organization=organization)
    with transaction.atomic():
        _lock(organization)
        others = list(PaymentRoute.objects.filter(organization=organization).values_list("position", flat=True))
        if len(others) >= MOST_ROUTES:
            raise Conflict("An organization has at most {most} payment routes.", most=MOST_ROUTES)
        if parts.get("position") is None:
            parts["position"] = min(max(others, default=0) + _STEP, PaymentRoute.LAST_POSITION)
        _assign(route, parts)
        route.save(force_insert=True)
        record_action("payment_route.created", route, _told(route))
    return route


def update_route(route: PaymentRoute, **changes: Any) -> PaymentRoute:
    """Change any part of a rule, as `create_route` takes them. Raises InvalidRequest."""
    with transaction.atomic():
        locked = PaymentRoute.objects.select_for_update(of=("self",)).select_related("connection").get(pk=route.pk)
        before = _told(locked)
        _assign(locked, changes)
        after = _told(locked)
        if changed := {name: [before[name], after[name]] for name in _PARTS if before[name] != after[name]}:
            locked.save(update_fields=[*changed, "updated_at"])
            record_action("payment_route.updated", locked, changed)
    return locked


def delete_route(route: PaymentRoute) -> None:
    with transaction.atomic():
        deleted, _ = PaymentRoute.objects.filter(pk=route.pk).delete()
        if deleted:
            record_action("payment_route.deleted", route, {"name": route.name})


def move_route(route: PaymentRoute, direction: Literal["up", "down"]) -> None:
    """Change places with the rule before or after it. One that is first or last stays so."""
    with transaction.atomic():
        _lock(route.organization)
        routes = PaymentRoute.objects.filter(organization=route.organization_id).order_by("position", "pk")
        in_order = list(routes.select_for_update())
        here = next((place for place, one in enumerate(in_order) if one.pk == route.pk), None)
        if here is None:
            return
        there = here - 1 if direction == "up" else here + 1
        if not 0 <= there < len(in_order):
            return
        in_order[here], in_order[there] = in_order[there], in_order[here]
        _renumber(in_order)
        record_action("payment_route.moved", route, {"direction": direction, "place": there + 1})


def _renumber(in_order: list[PaymentRoute]) -> None:
    """Rules may share a position, so that a change of places is one of all positions."""
    for place, route in enumerate(in_order, start=1):
        if route.position != place * _STEP:
            route.position = place * _STEP
            route.save(update_fields=["position", "updated_at"])


def _assign(route: PaymentRoute, parts: dict[str, Any]) -> None:
    if surplus := parts.keys() - set(_PARTS):
        raise InvalidRequest("A payment route has no {part}.", part=min(surplus), field=min(surplus))
    for name, value in parts.items():
        setattr(route, name, value)
    check_route(route)


def _told(route: PaymentRoute) -> dict[str, Any]:
    return {name: _plain(getattr(route, name)) for name in _PARTS}


def _plain(value: Any) -> Any:
    if isinstance(value, Connection):
        return str(value.pk)
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _lock(organization: Organization) -> None:
    lock_until_commit("payment routes", organization.pk)
