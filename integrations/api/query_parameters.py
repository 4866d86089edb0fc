"""A parameter that nobody reads is refused: a filter with a letter amiss would show everything, and look right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

if TYPE_CHECKING:
    from .viewsets import HubView

# Django REST framework's way to ask for a representation; there is but one, so that it changes nothing.
_EVERYWHERE = frozenset({"format"})


def refuse_unknown(request: Request, view: HubView) -> None:
    """Raises ValidationError, which names each parameter that the view does not read and tells those that it does."""
    if view.query_parameters is None:
        return
    known = known_parameters(view)
    if unknown := [name for name in request.query_params if name not in known | _EVERYWHERE]:
        told = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
        raise ValidationError({name: [f"There is no such query parameter here. {told}"] for name in unknown})


def known_parameters(view: HubView) -> frozenset[str]:
    """The view's own; of a list also its filters, and those that turn its pages."""
    own = frozenset(view.query_parameters or ())
    if getattr(view, "action", "") != "list":
        return own
    return own | _filters(view) | _of_pages(view)


def _filters(view: HubView) -> frozenset[str]:
    filterset = getattr(view, "filterset_class", None)
    return frozenset(filterset.base_filters if filterset else getattr(view, "filterset_fields", ()))


def _of_pages(view: HubView) -> frozenset[str]:
    pages = getattr(view, "paginator", None)
    return frozenset((pages.cursor_query_param, pages.page_size_query_param)) if pages else frozenset()
