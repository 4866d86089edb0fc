"""Searches of the log that are kept: saved from the log's page, renamed, shared and deleted on their own."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from integrations.errors import IntegrationError
from integrations.pages.rendering import current_organization, page, staff_page

from ..models import SavedSearch
from ..saved_searches import change_search, delete_search, may_change, save_search, searches_for
from .log_filters import LogFilter

_SHARE = "monitoring.share_savedsearch"


@require_GET
@staff_page("monitoring.view_calllog")
def saved_searches(request: HttpRequest) -> HttpResponse:
    organization = current_organization(request)
    form = LogFilter(organization, {})
    rows = [
        {"search": one, "filters": form.described(one.filters), "may_change": may_change(one, request.user)}
        for one in searches_for(organization, request.user)
    ]
    context = {"title": _("Saved searches"), "rows": rows, "may_share": request.user.has_perm(_SHARE)}
    return page(request, "monitoring/saved_searches.html", context)


@require_POST
@staff_page("monitoring.view_calllog")
def save(request: HttpRequest) -> HttpResponse:
    """The filters stand in the address, as they do on the log's page."""
    organization = current_organization(request)
    form = LogFilter(organization, request.GET)
    back = f"{reverse('logs')}?{form.query}"
    if not form.is_valid():
        messages.error(request, " ".join(form.mistakes))
        return redirect(back)
    try:
        save_search(
            organization,
            request.user,
            name=request.POST.get("name", ""),
            filters=form.chosen,
            is_shared=_shares(request),
        )
        messages.success(request, _("The search is saved."))
    except IntegrationError as error:
        messages.error(request, error.translated())
    return redirect(back)


@require_POST
@staff_page("monitoring.view_calllog")
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    search = _changeable(request, pk)
    shares = _shares(request) if request.user.has_perm(_SHARE) else search.is_shared
    try:
        change_search(search, name=request.POST.get("name", ""), is_shared=shares)
        messages.success(request, _("The search is changed."))
    except IntegrationError as error:
        messages.error(request, error.translated())
    return redirect("log-searches")


@require_POST
@staff_page("monitoring.view_calllog")
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    delete_search(_changeable(request, pk))
    messages.success(request, _("The search is deleted."))
    return redirect("log-searches")


def _shares(request: HttpRequest) -> bool:
    return request.POST.get("is_shared") == "on" and request.user.has_perm(_SHARE)


def _changeable(request: HttpRequest, pk: uuid.UUID) -> SavedSearch:
    """Raises PermissionDenied for what somebody else has shared, Http404 for what they keep to themselves."""
    search = get_object_or_404(searches_for(current_organization(request), request.user), pk=pk)
    if not may_change(search, request.user):
        raise PermissionDenied
    return search
