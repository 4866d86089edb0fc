"""Filters of the log by name: each person's own, and those that are shared in the organization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from integrations.errors import Conflict, InvalidRequest
from integrations.models import Organization
from integrations.operations.announce import record_action

from .models import SavedSearch

LONGEST_NAME = 80
AT_MOST = 100  # of one person


def searches_for(organization: Organization, user: Any) -> QuerySet[SavedSearch]:
    """What this person sees there: their own and the shared ones."""
    found = SavedSearch.objects.filter(organization=organization).filter(Q(user=user.pk) | Q(is_shared=True))
    return found.select_related("user").order_by("name", "pk")


def may_change(search: SavedSearch, user: Any) -> bool:
    """Its owner may; and an admin, what is shared."""
    return search.user_id == user.pk or (search.is_shared and user.has_perm("monitoring.delete_savedsearch"))


def save_search(
    organization: Organization, user: Any, *, name: str, filters: Mapping[str, str], is_shared: bool = False
) -> SavedSearch:
    """Raises InvalidRequest for a bad name or too many searches, Conflict for a name that is taken."""
    if SavedSearch.objects.filter(organization=organization, user=user.pk).count() >= AT_MOST:
        raise InvalidRequest("At most {most} searches can be saved.", most=AT_MOST)
    search = SavedSearch(organization=organization, user_id=user.pk, filters=dict(filters), is_shared=is_shared)
    return _store(search, name)


def change_search(search: SavedSearch, *, name: str, is_shared: bool) -> SavedSearch:
    """Raises as `save_search` does."""
    search.is_shared = is_shared
    return _store(search, name)


def delete_search(search: SavedSearch) -> None:
    with transaction.atomic():
        if search.is_shared:
            record_action("log_search.deleted", search, {"name": search.name})
        search.delete()


def _store(search: SavedSearch, name: str) -> SavedSearch:
    search.name = " ".join(name.split())
    if not 1 <= len(search.name) <= LONGEST_NAME or not search.name.isprintable():
        raise InvalidRequest("A name has {least} to {most} characters.", least=1, most=LONGEST_NAME, field="name")
    try:
        with transaction.atomic():
            search.save()
            if search.is_shared:
                record_action("log_search.shared", search, {"name": search.name, "filters": search.filters})
    except IntegrityError as error:
        raise Conflict("You have a search of this name already.", field="name") from error
    return search
