"""What every page shares: who may see it, and the shell that it is shown in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from ..models import Organization

Page = Callable[..., HttpResponseBase]


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render `template` (which extends `integrations/base.html`) in the admin's shell: sidebar, branding, languages.

    `context["title"]` is the page's one heading.
    """
    request.current_app = admin.site.name
    return render(request, template, {**admin.site.each_context(request), **(context or {})}, status=status)


def fragment(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A piece of a page, for htmx: without the shell, whose making takes as long as the piece."""
    return render(request, template, context)


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx wants a piece of the page, and not the whole to go back to (https://htmx.org/docs/#history)."""
    return bool(request.headers.get("HX-Request")) and not request.headers.get("HX-History-Restore-Request")


def piece_of(whole: str, *, anchor: str) -> Callable[[Page], Page]:
    """For a view that has only a piece of the page named `whole`, which takes the same arguments.

    Whoever opens its address by hand, or in a new tab, would see it bare: they are sent to the page, where it stands.
    """

    def decorate(view: Page) -> Page:
        @wraps(view)
        def piece(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if wants_fragment(request):
                return view(request, *args, **kwargs)
            query = request.META.get("QUERY_STRING", "")
            return HttpResponseRedirect(f"{reverse(whole, kwargs=kwargs)}{'?' if query else ''}{query}#{anchor}")

        return piece

    return decorate


def staff_page(permission: str) -> Callable[[Page], Page]:
    """For signed-in people of an organization whose role carries `permission` (`app.action_model`).

    Strangers are sent to sign in and come back; somebody without an organization is told so; the rest get a 403.
    """

    def decorate(view: Page) -> Page:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if organization_of(request) is None:
                return page(request, "integrations/no_organization.html", {"title": _("No organization yet")})
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return never_cache(guarded)

    return decorate


def organization_of(request: HttpRequest) -> Organization | None:
    """The organization that this request works for, as the tenancy middleware found it."""
    return getattr(request, "organization", None)


def current_organization(request: HttpRequest) -> Organization:
    """The same, for views behind `staff_page`, where there is one."""
    organization = organization_of(request)
    if organization is None:
        raise PermissionDenied
    return organization


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """A fragment that htmx asked for cannot show the sign-in page: the whole window goes there."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": reverse("admin:login")})
    return redirect_to_login(request.get_full_path(), reverse("admin:login"))
