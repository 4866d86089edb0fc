"""Which of their organizations a person works for."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ..membership import SESSION_KEY, organizations_of
from ..tenancy import acting_as_service


@require_POST
def switch_organization(request: HttpRequest) -> HttpResponse:
    """Work for another of one's own organizations from here on. Anyone else's is not found."""
    if not request.user.is_authenticated:
        return redirect("admin:login")
    try:
        wanted = uuid.UUID(request.POST.get("organization", ""))
    except ValueError as error:
        raise Http404 from error
    with acting_as_service():
        organization = organizations_of(request.user).filter(pk=wanted).first()
    if organization is None:
        raise Http404
    request.session[SESSION_KEY] = str(organization.pk)
    messages.success(request, _("You now work for %(organization)s.") % {"organization": organization.name})
    return redirect(_came_from(request))


def _came_from(request: HttpRequest) -> str:
    """A page of this site that is not about one organization's row, which the other one does not have."""
    given = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if safe else "/integrations/"
