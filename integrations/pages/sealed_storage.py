"""Where the set-up wizard keeps what was typed so far: in the session, sealed, since one step holds credentials."""

from __future__ import annotations

import json
from typing import Any

from django.utils.datastructures import MultiValueDict
from formtools.wizard.storage.session import SessionStorage

from ..vault import SealedText, VaultError

_CONTEXT = "wizard.step_data"


class SealedSessionStorage(SessionStorage):
    """The session is a table that backups hold and administrators read: each step is sealed there by the vault."""

    def set_step_data(self, step: str, cleaned_data: Any) -> None:
        lists = dict(cleaned_data.lists()) if isinstance(cleaned_data, MultiValueDict) else cleaned_data
        lists.pop("csrfmiddlewaretoken", None)
        self.data[self.step_data_key][step] = SealedText.seal(json.dumps(lists), context=_CONTEXT).token

    def get_step_data(self, step: str) -> MultiValueDict[str, Any] | None:
        """What was typed, or None where nothing was or its master key has gone: the step is then filled in again."""
        token = self.data[self.step_data_key].get(step)
        if token is None:
            return None
        try:
            return MultiValueDict(json.loads(SealedText(token, context=_CONTEXT).reveal()))
        except VaultError:
            return None

    def forget(self, *steps: str) -> None:
        for step in steps:
            self.data[self.step_data_key].pop(step, None)
