"""The encrypted column on top of the vault."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute
from encrypted_fields.fields import EncryptedFieldMixin

from .vault import SealedText, VaultError


class _SealedAttribute(DeferredAttribute):
    """Seals what is assigned, at once, for the row that it is assigned to: an instance never holds a secret open."""

    field: EncryptedTextField

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = self.field.sealed_for(instance, value)


class EncryptedTextField(EncryptedFieldMixin, models.TextField):  # type: ignore[type-arg]  # generic in the stubs alone
    """Text that is sealed in the database and in memory: loading gives a `SealedText`, assigning a `str` seals it.

    A value is bound to its row. Moved to another, in the database or by an assignment, it does not open; read without
    its row (`values`), neither. The row has its key before it gets a secret, as ours do from the start.

    Of the library's mixin the column's shape is kept, and these are replaced: the cipher (Fernet is AES-128), a wrong
    key that returned the ciphertext as if it were the secret (ours raises on `reveal`), the flag on the shared field
    while a form cleans (a race between threads), the empty string that became NULL, and typed text that looked like a
    token and was decrypted.
    """

    descriptor_class = _SealedAttribute

    def sealed_for(self, instance: models.Model, value: Any) -> SealedText | None:
        """`value` as it belongs into the row of `instance`. Raises VaultError for what was sealed for another place."""
        if value is None:
            return None
        place = self._place(instance)
        if isinstance(value, str):
            return SealedText.seal(value, context=place)
        if not isinstance(value, SealedText):
            raise TypeError(f"{self.name} takes text, not {type(value).__name__}.")
        if not value.context:
            return SealedText(value.token, context=place)
        if value.context != place:
            raise VaultError("What was sealed for {place} cannot be read in {here}.", place=value.context, here=place)
        return value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> SealedText | None:
        return None if value is None else SealedText(value, context="")

    def to_python(self, value: Any) -> Any:
        return value

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        return models.Field.clean(self, value, model_instance)

    def pre_save(self, model_instance: models.Model, add: bool) -> SealedText | None:
        """Once more, since the row's key may have changed after the value was assigned."""
        return self.sealed_for(model_instance, getattr(model_instance, self.attname))

    def get_prep_value(self, value: Any) -> str | None:
        """For `update` and conditions: a value that was sealed for this column."""
        if value is None:
            return None
        here = f"{self.model._meta.db_table}.{self.name}"
        place = value.context.rpartition(".")[0] if isinstance(value, SealedText) else "nowhere"
        if place != here:
            raise VaultError("What was sealed for {place} cannot be read in {here}.", place=place, here=here)
        token: str = value.token
        return token

    def value_to_string(self, obj: models.Model) -> str:
        """What a fixture would hold: the sealed form, never the secret."""
        return self.get_prep_value(self.value_from_object(obj)) or ""

    def _place(self, instance: models.Model) -> str:
        if instance.pk is None:
            raise VaultError("A row has its key before it holds a secret.")
        return f"{self.model._meta.db_table}.{self.name}.{instance.pk}"
