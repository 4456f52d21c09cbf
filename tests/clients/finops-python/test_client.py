"""The F&O client `d365-client` against the stand-in: rows by key, queries, writes."""

import os
import uuid

import pytest
import requests
from d365_client.client import D365, D365Error

FINOPS = os.environ["SANDBOX_FINOPS_URL"].rstrip("/")
LOGIN = "https://login.microsoftonline.com"


@pytest.fixture(scope="module")
def client():
    # The client knows one place to sign in; the name of its host leads to the stand-in.
    patch = pytest.MonkeyPatch()
    send = requests.Session.request
    patch.setattr(
        requests.Session,
        "request",
        lambda session, method, url, **options: send(
            session, method, url.replace(LOGIN, FINOPS, 1), **options
        ),
    )
    yield D365(
        tenant_id=os.environ["SANDBOX_TENANT"],
        client_id=os.environ["SANDBOX_CLIENT_ID"],
        client_secret=os.environ["SANDBOX_CLIENT_SECRET"],
        resource_url=FINOPS,
    )
    patch.undo()


@pytest.fixture
def customer(client):
    first = client.customers.all({"$top": 1})["value"][0]
    account = f"PY-{uuid.uuid4().hex[:8]}"
    made = client.customers.create(
        {
            "dataAreaId": "usmf",
            "CustomerAccount": account,
            "CustomerGroupId": first["CustomerGroupId"],
            "PartyType": "Organization",
            "OrganizationName": account,
        }
    )
    assert made["CustomerAccount"] == account
    return {"dataAreaId": "usmf", "CustomerAccount": account}


def test_create_fills_in_what_was_left_out(client, customer):
    row = client.customers.get(customer)
    assert row["SalesCurrencyCode"] == "USD"
    assert row["CreditLimit"] == 0
    assert row["SalesMemo"] == ""


def test_update_and_exists(client, customer):
    client.customers.update(customer, {"SalesMemo": "changed"})
    assert client.customers.get(customer)["SalesMemo"] == "changed"
    assert client.customers.exists(customer)
    assert not client.customers.exists({**customer, "CustomerAccount": "none"})


def test_queries(client, customer):
    account = customer["CustomerAccount"]
    found = client.customers.all(
        {"$filter": f"CustomerAccount eq '{account}'", "$select": "CustomerAccount", "$count": "true"}
    )
    assert found["@odata.count"] == 1
    found = client.customers.all(
        {"cross-company": "true", "$filter": f"CustomerAccount eq '*{account[3:]}*'"}
    )
    assert [row["CustomerAccount"] for row in found["value"]] == [account]


def test_delete(client, customer):
    client.customers.delete(customer)
    assert not client.customers.exists(customer)


def test_refusals_carry_the_infolog(client):
    with pytest.raises(D365Error) as told:
        client.customers.create({"CustomerGroupId": "nosuch", "PartyType": "Organization"})
    assert "Infolog" in str(told.value)
    with pytest.raises(D365Error):
        client.customers.create({"NoSuchField": 1})


@pytest.mark.parametrize("name", ["vendors", "released_products", "purchase_order_headers"])
def test_other_entities(client, name):
    assert "value" in getattr(client, name).all({"$top": 1})
