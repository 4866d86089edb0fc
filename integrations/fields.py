"""The encrypted column on top of the vault."""

from __future__ import annotations

from typing import Any

from django.db import models
from encrypted_fields.fields import EncryptedFieldMixin

from .vault import SealedText, VaultError


class EncryptedTextField(EncryptedFieldMixin, models.TextField):  # type: ignore[misc, type-arg]
    """Text that is sealed in the database and in memory: loading gives a `SealedText`, saving a `str` seals it.

    Of the library's mixin the column's shape is kept, and these are replaced: the cipher (Fernet is AES-128), a wrong
    key that returned the ciphertext as if it were the secret (ours raises on `reveal`), the flag on the shared field
    while a form cleans (a race between threads), the empty string that became NULL, and typed text that looked like a
    token and was decrypted.
    """

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> SealedText | None:
        return None if value is None else SealedText(value, context=self._context())

    def to_python(self, value: Any) -> Any:
        return value

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        return models.Field.clean(self, value, model_instance)

    def get_prep_value(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, SealedText):
            value = SealedText.seal(str(value), context=self._context())
        if value.context != self._context():
            raise VaultError(
                "What was sealed for {place} cannot be read in {here}.", place=value.context, here=self._context()
            )
        token: str = value.token
        return token

    def value_to_string(self, obj: models.Model) -> str:
        """What a fixture would hold: the sealed form, never the secret."""
        return self.get_prep_value(self.value_from_object(obj)) or ""

    def _context(self) -> str:
        return f"{self.model._meta.db_table}.{self.name}"

    @staticmethod
    def context_of(instance: models.Model, field_name: str) -> str:
        """The context that the column `field_name` of `instance` seals with."""
        return f"{instance._meta.db_table}.{instance._meta.get_field(field_name).name}"
