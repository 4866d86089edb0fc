"""Payments taken away as a file: readable in Excel, harmless there, of nobody else, and written down."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from integrations.models import Connection, Organization, Payment
from integrations.operations import payment_exports, payment_search
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, PaymentFactory

ARABIC = "خالد المنصوري"


@pytest.fixture
def connection(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, connection_name="Till")


def address(file_format: str) -> str:
    return reverse("payments-export", args=[file_format])


def lines(client: Client, **query: str) -> list[dict[str, str]]:
    response = client.get(address("csv"), query)
    assert response.status_code == 200
    raw = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))


def sheet(client: Client, **query: str) -> Any:
    response = client.get(address("xlsx"), query)
    assert response.status_code == 200
    return load_workbook(io.BytesIO(b"".join(response.streaming_content))).active  # type: ignore[attr-defined]


def test_csv_holds_what_was_found_with_its_arabic(administrator: Client, connection: Connection) -> None:
    payment = PaymentFactory(connection=connection, reference="ours", amount="1250.5", customer={"name": ARABIC})
    PaymentFactory(connection=connection, reference="another", status="failed")
    PaymentFactory(reference="theirs")
    (line,) = lines(administrator, status="pending")
    assert (line["Reference"], line["Amount"], line["Currency"]) == ("ours", "1250.50", "AED")
    assert (line["Customer's name"], line["Connection"], line["Id"]) == (ARABIC, "Till", str(payment.pk))
    assert datetime.strptime(line["Created"], "%d/%m/%Y %H:%M:%S")


def test_a_method_is_called_as_on_the_page(administrator: Client, connection: Connection) -> None:
    PaymentFactory(connection=connection, method="cod")
    assert lines(administrator)[0]["Method"] == "Cash on delivery"
    administrator.cookies["django_language"] = "ar"
    assert [row[9].value for row in sheet(administrator).iter_rows(min_row=2)] == ["الدفع عند الاستلام"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\uff1d"])
def test_no_cell_is_a_formula(administrator: Client, connection: Connection, start: str) -> None:
    evil = f'{start}HYPERLINK("https://evil.example.com")'
    PaymentFactory(connection=connection, reference=evil, customer={"name": evil, "phone": "+971501234567"})
    (line,) = lines(administrator)
    assert line["Reference"] == line["Customer's name"] == f"'{evil}"
    assert line["Customer's phone"] == "'+971501234567"
    cells = {cell.value: cell.data_type for cell in sheet(administrator)[2]}
    assert "f" not in cells.values()


def test_excel_has_numbers_and_times_of_its_own(administrator: Client, connection: Connection) -> None:
    PaymentFactory(connection=connection, amount="1250.5", currency="AED")
    PaymentFactory(connection=connection, amount="7.125", currency="KWD", amount_captured="7.125", fee="0.21")
    rows = sheet(administrator)
    headings = [cell.value for cell in rows[1]]
    amount, created = headings.index("Amount"), headings.index("Created")
    assert [row[amount].value for row in rows.iter_rows(min_row=2)] == [7.125, 1250.5]
    assert [row[amount].number_format for row in rows.iter_rows(min_row=2)] == ["#,##0.000", "#,##0.00"]
    assert all(isinstance(row[created].value, datetime) for row in rows.iter_rows(min_row=2))
    assert rows.column_dimensions["B"].width > 20
    assert not rows.sheet_view.rightToLeft


def test_in_arabic_the_sheet_is_written_from_the_right(administrator: Client, connection: Connection) -> None:
    PaymentFactory(connection=connection, customer={"name": ARABIC})
    administrator.cookies["django_language"] = "ar"
    rows = sheet(administrator)
    assert rows.sheet_view.rightToLeft
    assert ARABIC in [cell.value for cell in rows[2]]
    assert rows.cell(1, 2).value == "المرجع"


def test_csv_is_in_the_readers_language_to_its_last_line(
    administrator: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        PaymentFactory(connection=connection, status="captured")
    administrator.cookies["django_language"] = "ar"
    statuses = {line["الحالة"] for line in lines(administrator)}
    assert len(statuses) == 1
    assert "Captured" not in statuses


def test_every_row_is_there_once_however_many_are_read_at_once(
    administrator: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_search, "_ROWS_AT_ONCE", 7)
    for number in range(21):
        PaymentFactory(connection=connection, reference=str(number))
    assert [line["Reference"] for line in lines(administrator)] == [str(number) for number in reversed(range(21))]


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_more_than_a_sheet_should_hold_is_refused_and_said(
    administrator: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    monkeypatch.setattr(payment_exports, "MOST_ROWS", 2)
    for _ in range(3):
        PaymentFactory(connection=connection)
    answer = administrator.get(address(file_format), {"status": "pending"}, follow=True)
    assert answer.redirect_chain[0][0] == f"{reverse('payments')}?status=pending"
    assert "These are more than 2 payments" in answer.text
    assert not AuditLog.objects.filter(action="payments.exported").exists()


def test_who_takes_which_payments_is_written_down_without_who_they_are_of(
    administrator: Client, connection: Connection, organization: Organization
) -> None:
    PaymentFactory(connection=connection, customer={"email": "amal@example.com"})
    assert len(lines(administrator, q="amal@example.com", currency="AED")) == 1
    entry = AuditLog.objects.get(action="payments.exported")
    assert entry.organization == organization
    assert entry.actor == administrator.session.get("_auth_user_id") or entry.actor
    assert (entry.changes["format"], entry.changes["payments"]) == ("csv", 1)
    assert entry.changes["filters"]["currency"] == "AED"
    assert "amal@" not in str(entry.changes)


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_a_viewer_takes_nothing_away(viewer: Client, connection: Connection, file_format: str) -> None:
    PaymentFactory(connection=connection)
    assert viewer.get(address(file_format)).status_code == 403
    assert not AuditLog.objects.filter(action="payments.exported").exists()


def test_another_format_is_not_found(administrator: Client) -> None:
    assert administrator.get(address("pdf")).status_code == 404


def test_a_filter_that_makes_no_sense_exports_nothing(administrator: Client, connection: Connection) -> None:
    answer = administrator.get(address("csv"), {"least": "ten"})
    assert answer.headers["Location"] == f"{reverse('payments')}?least=ten"


def test_five_thousand_are_read_in_few_statements(
    administrator: Client, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    rows = [Payment(organization=connection.organization, connection=connection, reference=str(n), amount=1,
                    currency="AED") for n in range(5000)]  # fmt: skip
    Payment.objects.bulk_create(rows, batch_size=1000)
    with django_assert_max_num_queries(60):
        assert len(lines(administrator)) == 5000
