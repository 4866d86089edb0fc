"""Hashes over fields, over an address and a form, against official packages and what is published."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from integrations.errors import NotSupported, SignatureRefused
from integrations.providers.base import codes
from integrations.providers.events import Trust
from integrations.providers.signatures import (
    AnyOf,
    BodyField,
    Header,
    InboundRequest,
    QueryParameter,
    SignedField,
    SignedFields,
    SortedFields,
    URLAndForm,
)

AT = 1_795_000_000
URL = "https://hub.example/webhooks/1/"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}

PAYMOB = AnyOf(
    (
        SignedFields(
            QueryParameter("hmac"),
            tuple(
                f"obj.{name}"
                for name in codes(
                    "amount_cents created_at currency error_occured has_parent_transaction id integration_id "
                    "is_3d_secure is_auth is_capture is_refunded is_standalone_payment is_voided order.id owner "
                    "pending source_data.pan source_data.sub_type source_data.type success"
                )
            ),
            algorithm="sha512",
            only_where=("type", "TRANSACTION"),
        ),
        SignedFields(
            QueryParameter("hmac"),
            tuple(
                f"obj.{name}"
                for name in codes("card_subtype created_at email id masked_pan merchant_id order_id token")
            ),
            algorithm="sha512",
            only_where=("type", "TOKEN"),
        ),
    )
)
TAP = SignedFields(
    Header("hashstring"),
    (
        SignedField("id", "x_id"),
        SignedField("amount", "x_amount", amount_in="currency"),
        SignedField("currency", "x_currency"),
        SignedField("reference.gateway", "x_gateway_reference"),
        SignedField("reference.payment", "x_payment_reference"),
        SignedField("status", "x_status"),
        SignedField("transaction.created", "x_created"),
    ),
)
TELR_FIELDS = codes(
    "tran_store tran_type tran_class tran_test tran_ref tran_prevref tran_firstref tran_currency tran_amount "
    "tran_cartid tran_desc tran_status tran_authcode tran_authmessage"
)
TELR_FIELDS_WITH_ORDER = (*TELR_FIELDS[:7], "tran_order", *TELR_FIELDS[7:])
TELR = AnyOf(
    tuple(
        SignedFields(BodyField("tran_check"), fields, algorithm="sha1", joiner=":", secret_first=True, trimmed=True)
        for fields in (TELR_FIELDS, TELR_FIELDS_WITH_ORDER)
    )
)
PAYTABS = SortedFields("signature")
TWILIO = URLAndForm()
TWILIO_SHARED_KEY = URLAndForm(algorithm="sha256")

PAYMOB_OBJECT = {
    "amount_cents": 10000,
    "created_at": "2026-08-14T12:00:00.000000",
    "currency": "EGP",
    "error_occured": False,
    "has_parent_transaction": False,
    "id": 900001,
    "integration_id": 1001,
    "is_3d_secure": False,
    "is_auth": False,
    "is_capture": False,
    "is_refunded": False,
    "is_standalone_payment": True,
    "is_voided": False,
    "order": {"id": 700001, "items": []},
    "owner": 500001,
    "pending": False,
    "source_data": {"pan": "0010", "sub_type": "Visa", "type": "card"},
    "success": True,
    "data": {"message": None},
}
# farapi/paymob-emulator: packages/contracts/src/hmac.golden.test.ts
PAYMOB_HMAC = (
    "033e0bca25918ecf037674c6f9e3ed1c11ba969f16b647f39cf0c404bdcf6db7"
    "67e0fbe9dc8a523cbc8d19e459c3843222d167201f4705657002eb3671f2619b"
)


def paymob(obj: dict[str, object], *, kind: str = "TRANSACTION", hmac: str = PAYMOB_HMAC) -> InboundRequest:
    return InboundRequest(json.dumps({"type": kind, "obj": obj}).encode(), {}, AT, url=f"{URL}?hmac={hmac}")


def test_paymob_s_twenty_fields_are_signed_in_the_query() -> None:
    PAYMOB.verify(paymob(PAYMOB_OBJECT), ["another", "sim_hmac_secret"])
    assert PAYMOB.trust == Trust.SHARED_SECRET
    for altered in (
        paymob({**PAYMOB_OBJECT, "success": False}),
        paymob({**PAYMOB_OBJECT, "success": "True"}),
        paymob({**PAYMOB_OBJECT, "amount_cents": 10001}),
        paymob({**PAYMOB_OBJECT, "amount_cents": [10000]}),
        paymob({**PAYMOB_OBJECT, "order": 700001}),
        paymob(PAYMOB_OBJECT, kind="TOKEN"),
        paymob(PAYMOB_OBJECT, kind="SUBSCRIPTION"),
        paymob(PAYMOB_OBJECT, hmac=PAYMOB_HMAC[:-2]),
        paymob(PAYMOB_OBJECT, hmac=f"{PAYMOB_HMAC}&hmac={PAYMOB_HMAC}"),
        paymob(PAYMOB_OBJECT, hmac=""),
    ):
        with pytest.raises(SignatureRefused):
            PAYMOB.verify(altered, ["sim_hmac_secret"])


def test_paymob_s_kinds_of_events_are_signed_each_by_its_own_fields() -> None:
    for kind in ("TRANSACTION", "TOKEN"):
        bare = replace(paymob({"id": 7, "token": "tok"}, kind=kind), url=URL)
        PAYMOB.verify(PAYMOB.sign_request(bare, "key", event_id="", timestamp=AT), ["key"])
    with pytest.raises(NotSupported):
        PAYMOB.sign_request(paymob({}, kind="SUBSCRIPTION"), "key", event_id="", timestamp=AT)


# The text of a public PHP test of Tap's format, with its digest by openssl: Tap itself publishes none.
TAP_CHARGE = {
    "id": "chg_1",
    "amount": 1.5,
    "currency": "KWD",
    "reference": {"gateway": "gw", "payment": "py"},
    "status": "CAPTURED",
    "transaction": {"created": "1700"},
}
TAP_HASH = "69485ac24bba9295ec86001f7cf0fb7f426b758136eeafa5eb94864fb8b8f514"


def tap(body: str) -> InboundRequest:
    return InboundRequest(body.encode(), {"hashstring": TAP_HASH}, AT)


def test_tap_s_amount_is_signed_with_the_currency_s_decimals() -> None:
    for amount in ("1.5", "1.50", "1.500", '"1.5"'):
        TAP.verify(tap(json.dumps(TAP_CHARGE).replace("1.5", amount)), ["test-secret"])
    for amount in ("1.501", "15", "null", "1e400", "-1.5", "NaN", '"x"'):
        with pytest.raises(SignatureRefused):
            TAP.verify(tap(json.dumps(TAP_CHARGE).replace("1.5", amount)), ["test-secret"])
    with pytest.raises(SignatureRefused):
        TAP.verify(tap(json.dumps({**TAP_CHARGE, "currency": "XXXX"})), ["test-secret"])
    assert TAP.header == "hashstring"


def test_tap_s_amount_may_be_signed_as_it_stands_too() -> None:
    plain = replace(TAP, fields=tuple(replace(one, amount_in="") for one in TAP.fields if isinstance(one, SignedField)))
    for amount in ("65", "65.00", "65.0", "65.5"):
        request = tap(json.dumps({**TAP_CHARGE, "currency": "SAR"}).replace("1.5", amount))
        TAP.verify(plain.sign_request(request, "key", event_id="", timestamp=AT), ["key"])


def test_a_missing_reference_of_tap_counts_as_empty() -> None:
    body = json.dumps({key: value for key, value in TAP_CHARGE.items() if key != "reference"})
    TAP.verify(TAP.sign_request(tap(body), "key", event_id="", timestamp=AT), ["key"])
    TAP.verify(
        TAP.sign_request(tap(json.dumps({**TAP_CHARGE, "reference": None})), "key", event_id="", timestamp=AT), ["key"]
    )


TELR_ADVICE = {
    "tran_store": "1234",
    "tran_type": "sale",
    "tran_class": "ecom",
    "tran_test": "1",
    "tran_ref": "030026793329",
    "tran_currency": "AED",
    "tran_amount": "12.50",
    "tran_cartid": "order-1",
    "tran_desc": " Two shirts ",
    "tran_status": "A",
    "tran_authcode": "831000",
    "tran_authmessage": "Authorised",
    "card_code": "VC",
}


@pytest.mark.parametrize(
    ("added", "digest"),
    [
        ({}, "6af9d891e85cf49e181f3e541949cf459fa8d3f3"),
        ({"tran_order": "o-9"}, "273832b4d7c89609be4b016b5bcdadfff0451a1f"),
    ],
    ids=["fourteen fields", "with the order"],
)
def test_telr_s_digest_begins_with_the_secret(added: dict[str, str], digest: str) -> None:
    """Computed with openssl over the fields joined by colons."""
    body = urlencode({**TELR_ADVICE, **added, "tran_check": digest}).encode()
    TELR.verify(InboundRequest(body, FORM, AT), ["another", "telr-secret"])
    for altered in (body.replace(b"12.50", b"12.51"), body.replace(b"=A&", b"=D&"), body + b"&tran_status=A"):
        with pytest.raises(SignatureRefused):
            TELR.verify(InboundRequest(altered, FORM, AT), ["telr-secret"])


def test_telr_s_advice_is_signed_within_the_form() -> None:
    bare = InboundRequest(urlencode(TELR_ADVICE).encode(), FORM, AT)
    signed = TELR.sign_request(bare, "telr-secret", event_id="", timestamp=AT)

    assert signed.body.endswith(b"&tran_check=6af9d891e85cf49e181f3e541949cf459fa8d3f3")
    with pytest.raises(NotSupported):
        TELR.sign(b"{}", "telr-secret", event_id="", timestamp=AT)


# https://support.paytabs.com/en/support/solutions/articles/60000718961
PAYTABS_KEY = "SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ"
PAYTABS_RETURN = {
    "acquirerMessage": "",
    "acquirerRRN": "",
    "cartId": "cart_11111",
    "customerEmail": "email@domain.com",
    "respCode": "G84718",
    "respMessage": "Authorised",
    "respStatus": "A",
    "signature": "7a181a32c768621eb6966107752ee70205a01f1c4403a3d13c0ff604f591f988",
    "token": "",
    "tranRef": "TST2215201242166",
}


def paytabs(**fields: str) -> InboundRequest:
    return InboundRequest(urlencode({**PAYTABS_RETURN, **fields}).encode(), FORM, AT)


def test_paytabs_published_return_is_accepted_and_altered_refused() -> None:
    PAYTABS.verify(paytabs(), ["another", PAYTABS_KEY])
    for altered in (
        paytabs(respStatus="D"),
        paytabs(tranAmount="0"),
        paytabs(signature=""),
        paytabs(signature=PAYTABS_RETURN["signature"][:-2]),
        replace(paytabs(), body=paytabs().body + b"&respStatus=A"),
        replace(paytabs(), headers={"content-type": "application/json"}),
        replace(paytabs(), headers={"content-type": "application/json"}, body=json.dumps(PAYTABS_RETURN).encode()),
    ):
        with pytest.raises(SignatureRefused):
            PAYTABS.verify(altered, [PAYTABS_KEY])


def test_a_return_is_signed_as_php_writes_it() -> None:
    """PHP's urlencode leaves letters, digits and `-_.`, and writes a space as `+`."""
    signed = PAYTABS.sign_request(
        InboundRequest(urlencode({"b": "x", "a": "~ é*"}).encode(), FORM, AT), "key", event_id="", timestamp=AT
    )
    # printf %s 'a=%7E+%C3%A9%2A&b=x' | openssl sha256 -hmac key
    assert signed.body.endswith(b"signature=70ac7db87bed22a70234f3c38b2360563fc104f435eeb01cf5a4151000f9fa4f")


def test_zeros_are_left_out_where_that_is_said() -> None:
    older = SortedFields("signature", left_out=("", "0"))
    older.verify(paytabs(installments="0"), [PAYTABS_KEY])


CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"


def twilio(fields: dict[str, str], signature: str, *, url: str = TWILIO_URL) -> InboundRequest:
    headers = {**FORM, "x-twilio-signature": signature}
    return InboundRequest(urlencode(fields).encode(), headers, AT, url=url)


@pytest.mark.parametrize(
    ("scheme", "algorithm", "published"),
    [
        (TWILIO, "HMAC_SHA1", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (TWILIO_SHARED_KEY, "HMAC_SHA256", "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s="),
    ],
)
def test_twilio_s_official_signature_is_accepted(scheme: URLAndForm, algorithm: str, published: str) -> None:
    official = RequestValidator("12345")
    assert official.compute_signature(TWILIO_URL, CALL, algorithm) == published

    scheme.verify(twilio(CALL, published), ["another", "12345"])
    ours = scheme.sign_request(twilio(CALL, ""), "12345", event_id="", timestamp=AT)
    assert ours.headers["x-twilio-signature"] == published
    for altered in (
        twilio({**CALL, "Digits": "1235"}, published),
        twilio({**CALL, "More": "1"}, published),
        twilio(CALL, published, url=TWILIO_URL + "&more=1"),
        twilio(CALL, published, url=""),
        twilio(CALL, published, url="https://[/"),
        replace(twilio(CALL, published), headers={"x-twilio-signature": published, "content-type": "text/plain"}),
        replace(twilio(CALL, published), body=b'{"a": 1}', headers={"x-twilio-signature": published}),
    ):
        with pytest.raises(SignatureRefused):
            scheme.verify(altered, ["12345"])


@pytest.mark.parametrize(
    ("signed", "called"),
    [
        ("https://hub.example/w/?a=1", "https://hub.example/w/?a=1"),
        ("https://hub.example:443/w/?a=1", "https://hub.example/w/?a=1"),
        ("https://hub.example/w/?a=1", "https://hub.example:8443/w/?a=1"),
        ("http://name:word@hub.example:80/w/", "http://name:word@hub.example/w/"),
    ],
)
def test_twilio_may_sign_with_the_port_or_without(signed: str, called: str) -> None:
    signature = RequestValidator("12345").compute_signature(signed, CALL)
    TWILIO.verify(twilio(CALL, signature, url=called), ["12345"])


def test_a_name_that_twilio_repeats_counts_with_each_value_once() -> None:
    body = urlencode(
        [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
    )
    headers = {**FORM, "x-twilio-signature": "IK+Dwps556ElfBT0I3Rgjkr1wJU="}
    TWILIO.verify(InboundRequest(body.encode(), headers, AT, url=TWILIO_URL), ["12345"])


def test_a_json_body_is_covered_by_its_hash_in_twilio_s_address() -> None:
    body = b'{"property": "value", "boolean": true}'
    digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    headers = {"content-type": "application/json", "x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    request = InboundRequest(body, headers, AT, url=f"{TWILIO_URL}&bodySHA256={digest}")

    TWILIO.verify(request, ["12345"])
    assert TWILIO.sign_request(replace(request, url=TWILIO_URL), "12345", event_id="", timestamp=AT) == request
    for altered in (
        replace(request, body=body + b" "),
        replace(request, body=b""),
        replace(request, body=b"=", headers={**headers, **FORM}),
        replace(request, url=TWILIO_URL),
        replace(request, url=request.url.replace("0a1f", "1a1f")),
        replace(request, url=f"{request.url}&bodySHA256={digest}"),
    ):
        with pytest.raises(SignatureRefused):
            TWILIO.verify(altered, ["12345"])


def test_the_address_must_be_known_to_sign_it() -> None:
    with pytest.raises(NotSupported):
        TWILIO.sign(b"{}", "12345", event_id="", timestamp=AT)


def test_a_form_without_names_is_not_taken_for_no_form() -> None:
    signature = RequestValidator("12345").compute_signature(TWILIO_URL, {})
    TWILIO.verify(replace(twilio({}, signature), body=b""), ["12345"])
    with pytest.raises(SignatureRefused):
        TWILIO.verify(replace(twilio({}, signature), body=b"="), ["12345"])
