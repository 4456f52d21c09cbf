"""A client that is signed in to the stand-in, and names that no other run has used."""

import json
import os
import time
import urllib.parse
import urllib.request
import uuid

import pytest
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient

URL = os.environ["SANDBOX_DATAVERSE_URL"].rstrip("/")


class StandInCredential:
    """Signs in at the stand-in itself, which is its own tenant."""

    def get_token(self, *scopes, **_):
        form = urllib.parse.urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": os.environ["SANDBOX_CLIENT_ID"],
                "client_secret": os.environ["SANDBOX_CLIENT_SECRET"],
                "scope": scopes[0],
            }
        )
        tenant = os.environ.get("SANDBOX_TENANT", "sandbox")
        endpoint = f"{URL}/{tenant}/oauth2/v2.0/token"
        with urllib.request.urlopen(endpoint, form.encode()) as answer:
            token = json.load(answer)
        return AccessToken(token["access_token"], int(time.time()) + token["expires_in"])


@pytest.fixture(scope="session")
def client():
    with DataverseClient(URL, StandInCredential()) as client:
        yield client


@pytest.fixture
def mark():
    """A text that no other test writes."""
    return uuid.uuid4().hex[:12]
