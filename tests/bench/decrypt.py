"""How many times a second the vault opens a credential that the gateway holds, against AESGCM alone on its bytes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

SECRETS = 20_000
ROUNDS = 9


def run() -> dict[str, object]:
    import base64

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from django.conf import settings

    from integrations.models import Credential
    from integrations.vault import SealedText

    credential = Credential(credential_key="api_key")
    credential.set_value("sk_test_sample_not_a_key_of_the_usual_length_0000000000")
    sealed: SealedText = credential.encrypted_value
    marker, key_id, encoded = sealed.token.split(".")
    raw = base64.urlsafe_b64decode(encoded)
    cipher, nonce, ciphertext = AESGCM(settings.MASTER_KEYS[0][1]), raw[:12], raw[12:]
    associated = f"{marker}|{key_id}|{sealed.context}".encode()

    def ours() -> None:
        sealed.reveal()

    def floor() -> None:
        cipher.decrypt(nonce, ciphertext, associated)

    if cipher.decrypt(nonce, ciphertext, associated).decode() != sealed.reveal():
        raise RuntimeError("Both sides must open the same secret.")
    pairs = [(_rate(ours), _rate(floor)) for _ in range(ROUNDS)]
    return {
        "name": "decrypt",
        "value": round(statistics.median(value for value, _ in pairs)),
        "floor": round(statistics.median(bare for _, bare in pairs)),
        "ratio": round(statistics.median(value / bare for value, bare in pairs), 3),
        "unit": "secrets/s",
        "rounds": ROUNDS,
    }


def _rate(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    for _ in range(SECRETS):
        step()
    return SECRETS / (time.perf_counter() - started)
