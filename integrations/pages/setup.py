"""The set-up wizard: provider, configuration, credentials, review with a live test."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from formtools.wizard.views import NamedUrlWizardView

from ..errors import IntegrationError, InvalidRequest
from ..models import Connection, IntegrationProvider, User
from ..operations.catalogue import offered_provider
from ..operations.connections import ConnectionTest, create_and_activate, test_candidate
from ..providers.base import PaymentProvider, Provider
from ..templatetags.payments import home_currency
from .rendering import current_organization, page, staff_page
from .schema_fields import answers_of
from .setup_forms import ConfigurationForm, CredentialsForm, ProviderForm, ReviewForm

PROVIDER, CONFIGURATION, CREDENTIALS, REVIEW = "provider", "configuration", "credentials", "review"
DRAFT = "draft"  # what was typed of a configuration by somebody who went back before it was whole
WEBHOOKS = "webhooks"  # what comes after, of a gateway: it needs the connection, so that it is a page of its own
TITLES = {
    PROVIDER: gettext_lazy("Provider"),
    CONFIGURATION: gettext_lazy("Configuration"),
    CREDENTIALS: gettext_lazy("Credentials"),
    REVIEW: gettext_lazy("Review"),
}


class SetupWizard(NamedUrlWizardView):
    """Nothing is written before the last step, and a connection becomes active only when its test passes."""

    storage_name = "integrations.pages.sealed_storage.SealedSessionStorage"
    form_list = (
        (PROVIDER, ProviderForm),
        (CONFIGURATION, ConfigurationForm),
        (CREDENTIALS, CredentialsForm),
        (REVIEW, ReviewForm),
    )

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        step = kwargs.get("step")
        if wanted := self._chosen_in_query(request, step):
            return wanted
        missing = self._missing_before(step) if step else None
        if missing is not None:
            return redirect(self.get_step_url(missing))
        return super().get(request, *args, **kwargs)

    @method_decorator(sensitive_post_parameters())
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("action") == "cancel":
            self.storage.reset()
            return redirect("connections")
        if kwargs.get("step") not in TITLES or request.POST.get(f"{self.prefix}-current_step") != kwargs["step"]:
            raise Http404
        missing = self._missing_before(kwargs["step"])
        if missing is not None:
            return redirect(self.get_step_url(missing))
        if request.POST.get("back") in TITLES:
            return self._go_back(kwargs["step"], request.POST["back"])
        if kwargs.get("step") == REVIEW:
            return self._test(request) if request.POST.get("action") == "test" else self._save(request)
        return super().post(request, *args, **kwargs)

    def get_form_kwargs(self, step: str | None = None) -> dict[str, Any]:
        if step == PROVIDER:
            return {"offered": self._offered()}
        if step == CONFIGURATION:
            return {"provider": self._provider()}
        if step == CREDENTIALS:
            environment = (self.storage.get_step_data(CONFIGURATION) or {}).get(f"{CONFIGURATION}-environment", "")
            return {"provider": self._provider(), "environment": environment, "kept": self._kept_credentials()}
        return {}

    def get_form_initial(self, step: str) -> dict[str, Any]:
        return (self.storage.get_step_data(DRAFT) or MultiValueDict()).dict() if step == CONFIGURATION else {}

    def process_step(self, form: Any) -> Any:
        """What is remembered of a step: a new provider voids the rest, and credentials left empty are the kept ones."""
        if self.steps.current == PROVIDER and form.cleaned_data["provider"] != self._chosen_slug():
            self.storage.forget(CONFIGURATION, CREDENTIALS, DRAFT)
        if self.steps.current == CONFIGURATION:
            self.storage.forget(DRAFT)
        if self.steps.current == CREDENTIALS:
            return {form.add_prefix(key): [value] for key, value in form.credentials().items()}
        return super().process_step(form)

    def render(self, form: Any = None, **kwargs: Any) -> HttpResponse:
        form = form or self.get_form()
        return page(self.request, f"integrations/setup/{self.steps.current}.html", self._context(form, **kwargs))

    def done(self, form_list: Any, **kwargs: Any) -> HttpResponse:
        """Not a way to save: a GET of the library's closing step changes nothing."""
        return redirect(self.get_step_url(REVIEW))

    def _context(self, form: Any, **extra: Any) -> dict[str, Any]:
        context = {"title": _("Set up a connection"), "form": form, "titles": TITLES, **self.get_context_data(form)}
        context["home"] = home_currency(current_organization(self.request))
        if self.steps.current != PROVIDER:
            if _listens(offered_provider(self._chosen_slug())):
                context["titles"] = {**TITLES, WEBHOOKS: _("Webhooks")}
            context["provider"] = next((row for row in self._offered() if row.slug == self._chosen_slug()), None)
        if self.steps.current == REVIEW:
            configuration = self._form_of(CONFIGURATION)
            credentials = self._form_of(CREDENTIALS)
            context |= {
                "configuration": configuration,
                "answers": answers_of(self._provider(), configuration.configuration(configuration.cleaned_data)),
                "credentials": [credentials.fields[key].label for key in credentials.credentials()],
                "is_live": configuration.cleaned_data["environment"] == "production",
                "is_offline": self._provider().is_offline,
            }
        return context | extra

    def _go_back(self, step: str, earlier: str) -> HttpResponse:
        """What is well is kept, as when going on; of a configuration that is not yet, what was typed so far."""
        self.storage.current_step = step
        form = self.get_form(step, self.request.POST)
        if step != REVIEW and form.is_valid():
            self.storage.set_step_data(step, self.process_step(form))
        elif step == CONFIGURATION:
            self.storage.forget(CONFIGURATION)
            self.storage.set_step_data(DRAFT, {name: [form[name].data] for name in form.fields})
        return redirect(self.get_step_url(earlier))

    def _test(self, request: HttpRequest) -> HttpResponse:
        outcome = self._try_out()
        if request.headers.get("HX-Request"):
            return render(request, "integrations/_test_result.html", {"outcome": outcome, "unsaved": True})
        return self.render(ReviewForm(), outcome=outcome)

    def _try_out(self) -> ConnectionTest:
        options = self._options()
        wanted = ("provider_slug", "environment", "configuration", "credentials")
        try:
            return test_candidate(current_organization(self.request), **{name: options[name] for name in wanted})
        except InvalidRequest as error:
            return ConnectionTest(False, None, None, error.code, error.message, "", error)

    def _save(self, request: HttpRequest) -> HttpResponse:
        person = request.user if isinstance(request.user, User) else None
        try:
            connection = create_and_activate(current_organization(request), created_by=person, **self._options())
        except IntegrationError as error:
            outcome = ConnectionTest(False, None, None, error.code, error.message, "", error)
            return self.render(ReviewForm(), outcome=outcome)
        self.storage.reset()
        messages.success(request, _("%(name)s is connected and active.") % {"name": connection.connection_name})
        return redirect(_next_page(connection))

    def _options(self) -> dict[str, Any]:
        configuration, credentials = self._form_of(CONFIGURATION), self._form_of(CREDENTIALS)
        cleaned = configuration.cleaned_data
        return {
            "provider_slug": self._chosen_slug(),
            "connection_name": cleaned["connection_name"],
            "environment": cleaned["environment"],
            "is_primary": cleaned["is_primary"],
            "configuration": configuration.configuration(cleaned),
            "credentials": credentials.credentials(),
        }

    def _missing_before(self, step: str) -> str | None:
        """The first earlier step that is not filled in well: a later one has nothing to stand on."""
        for earlier in (PROVIDER, CONFIGURATION, CREDENTIALS):
            if earlier == step:
                return None
            if self.storage.get_step_data(earlier) is None or not self._form_of(earlier).is_valid():
                return earlier
        return None

    def _form_of(self, step: str) -> Any:
        """An earlier step's form with what was typed there, cleaned."""
        form = self.get_form(step=step, data=self.storage.get_step_data(step))
        form.is_valid()
        return form

    def _chosen_in_query(self, request: HttpRequest, step: str | None) -> HttpResponse | None:
        """`?provider=stripe` begins with the provider chosen, as links from elsewhere do."""
        slug = request.GET.get("provider", "")
        if step is not None or slug not in {row.slug for row in self._offered()}:
            return None
        self.storage.reset()
        self.storage.set_step_data(PROVIDER, {f"{PROVIDER}-provider": [slug]})
        self.storage.current_step = CONFIGURATION
        return redirect(self.get_step_url(CONFIGURATION))

    def _chosen_slug(self) -> str:
        chosen = self.storage.get_step_data(PROVIDER) or {}
        return str(chosen.get(f"{PROVIDER}-provider", ""))

    def _provider(self) -> Provider:
        provider = offered_provider(self._chosen_slug())
        if provider is None:
            raise InvalidRequest("The chosen provider is no longer offered.", field="provider")
        return provider

    def _kept_credentials(self) -> dict[str, str]:
        kept = self.storage.get_step_data(CREDENTIALS) or {}
        return {key.removeprefix(f"{CREDENTIALS}-"): str(kept.get(key)) for key in kept}

    def _offered(self) -> list[IntegrationProvider]:
        """MENA first; the wall leaves out other organizations' private providers."""
        if not hasattr(self, "_rows"):
            rows = IntegrationProvider.objects.filter(is_active=True).mena_first()
            self._rows = [row for row in rows if offered_provider(row.slug) is not None]
        return self._rows


def _listens(provider: Provider | None) -> bool:
    """Whether it is a gateway that tells of its payments."""
    return isinstance(provider, PaymentProvider) and provider.signature is not None


def _next_page(connection: Connection) -> str:
    name = "connection-webhooks" if _listens(offered_provider(connection.provider.slug)) else "connection"
    address = reverse(name, args=[connection.pk])
    return f"{address}?setup=1" if name == "connection-webhooks" else address


setup = staff_page("integrations.add_connection")(SetupWizard.as_view(url_name="setup-step"))
