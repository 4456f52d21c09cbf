"""Airbyte's Dataverse source against the stand-in: check, discover, full and incremental reads."""

import logging
import os
import uuid

import pytest
import requests
from airbyte_cdk.models import (
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
    Type,
)
from source_microsoft_dataverse.source import SourceMicrosoftDataverse

URL = os.environ["SANDBOX_DATAVERSE_URL"].rstrip("/")
LOGIN = "https://login.microsoftonline.com"
CONFIG = {
    "url": URL,
    "tenant_id": os.environ.get("SANDBOX_TENANT", "sandbox"),
    "client_id": os.environ["SANDBOX_CLIENT_ID"],
    "client_secret_value": os.environ["SANDBOX_CLIENT_SECRET"],
    "odata_maxpagesize": 100,
}
LOG = logging.getLogger("airbyte")


@pytest.fixture(autouse=True)
def sign_in_here(monkeypatch):
    """The source knows one place to sign in; the name of its host leads to the stand-in."""
    send = requests.Session.request

    def request(session, method, url, **options):
        return send(session, method, url.replace(LOGIN, URL, 1), **options)

    monkeypatch.setattr(requests.Session, "request", request)


@pytest.fixture(scope="module")
def http():
    form = {
        "grant_type": "client_credentials",
        "client_id": CONFIG["client_id"],
        "client_secret": CONFIG["client_secret_value"],
        "scope": f"{URL}/.default",
    }
    token = requests.post(f"{URL}/{CONFIG['tenant_id']}/oauth2/v2.0/token", data=form).json()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token['access_token']}"
    return session


def read(catalog, name, mode, state=None):
    stream = next(stream for stream in catalog.streams if stream.name == name)
    configured = ConfiguredAirbyteStream(
        stream=stream,
        sync_mode=mode,
        destination_sync_mode=DestinationSyncMode.append,
        cursor_field=["modifiedon"],
        primary_key=stream.source_defined_primary_key,
    )
    messages = list(
        SourceMicrosoftDataverse().read(
            LOG, CONFIG, ConfiguredAirbyteCatalog(streams=[configured]), state
        )
    )
    rows = [message.record.data for message in messages if message.type == Type.RECORD]
    states = [message.state for message in messages if message.type == Type.STATE]
    return rows, states


@pytest.fixture(scope="module")
def catalog():
    patch = pytest.MonkeyPatch()
    send = requests.Session.request
    patch.setattr(
        requests.Session,
        "request",
        lambda session, method, url, **options: send(
            session, method, url.replace(LOGIN, URL, 1), **options
        ),
    )
    found = SourceMicrosoftDataverse().discover(LOG, CONFIG)
    patch.undo()
    return found


def test_check():
    assert SourceMicrosoftDataverse().check_connection(LOG, CONFIG) == (True, None)


def test_discover(catalog):
    account = next(stream for stream in catalog.streams if stream.name == "account")
    assert SyncMode.incremental in account.supported_sync_modes
    assert account.source_defined_primary_key == [["accountid"]]
    assert account.json_schema["properties"]["name"] == {"type": ["null", "string"]}
    assert "_primarycontactid_value" in account.json_schema["properties"]


def test_full_refresh_reads_every_page(catalog, http):
    mark = uuid.uuid4().hex
    for number in range(3):
        http.post(f"{URL}/api/data/v9.2/accounts", json={"name": f"{mark} {number}"})
    rows, _ = read(catalog, "account", SyncMode.full_refresh)
    assert sum(mark in (row["name"] or "") for row in rows) == 3
    assert len({row["accountid"] for row in rows}) == len(rows)


def test_incremental_goes_on_where_it_was(catalog, http):
    rows, states = read(catalog, "contact", SyncMode.incremental)
    last = states[-1]
    made = http.post(
        f"{URL}/api/data/v9.2/contacts",
        json={"lastname": "new"},
        headers={"Prefer": "return=representation"},
    ).json()["contactid"]
    gone = http.post(
        f"{URL}/api/data/v9.2/contacts",
        json={"lastname": "gone"},
        headers={"Prefer": "return=representation"},
    ).json()["contactid"]
    http.delete(f"{URL}/api/data/v9.2/contacts({gone})")
    again, _ = read(catalog, "contact", SyncMode.incremental, [last])
    by_id = {row["contactid"]: row for row in again}
    assert set(by_id) == {made, gone}
    assert by_id[made]["lastname"] == "new"
    assert by_id[gone]["_ab_cdc_deleted_at"]
