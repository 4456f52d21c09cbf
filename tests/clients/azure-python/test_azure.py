"""Microsoft's sign-in and storage clients against the F&O stand-in, over TLS."""

import csv
import io
import json
import os
import time
import uuid
import zipfile

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobClient

FINOPS = os.environ["SANDBOX_FINOPS_URL"].rstrip("/")
DATAVERSE = os.environ["SANDBOX_DATAVERSE_URL"].rstrip("/")
GROUPS = f"{FINOPS}/data/DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities"
NAMESPACE = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement"
FIELDS = ["CUSTOMERACCOUNT", "CUSTOMERGROUPID", "PARTYTYPE", "ORGANIZATIONNAME"]


def credential(secret=None, authority=FINOPS):
    return ClientSecretCredential(
        os.environ["SANDBOX_TENANT"],
        os.environ["SANDBOX_CLIENT_ID"],
        secret or os.environ["SANDBOX_CLIENT_SECRET"],
        authority=authority,
        disable_instance_discovery=True,
    )


@pytest.fixture(scope="module")
def http():
    session = requests.Session()
    token = credential().get_token(f"{FINOPS}/.default").token
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def act(http, action, **parameters):
    answer = http.post(f"{GROUPS}.{action}", json=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


def outcome(http, execution):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = act(http, "GetExecutionSummaryStatus", executionId=execution)
        if state not in ("NotRun", "Executing"):
            return state
    raise AssertionError("the run does not end")


def package(rows):
    maps = "".join(
        f"<EntityMap><ArrayIndex>0</ArrayIndex><EntityField>{field}</EntityField>"
        f"<XMLField>{field}</XMLField></EntityMap>"
        for field in FIELDS
    )
    manifest = f"""<?xml version="1.0" encoding="utf-8"?>
<DataManagementPackageManifest xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="{NAMESPACE}">
<DefinitionGroupName>Customers in</DefinitionGroupName><Description>d</Description>
<PackageEntityList><DataManagementPackageEntityData><DefaultRefreshType>FullPush</DefaultRefreshType>
<Disable>false</Disable><EntityMapList>{maps}</EntityMapList><EntityName>Customers V3</EntityName>
<ExecutionUnit>1</ExecutionUnit><InputFilePath>Customers V3.csv</InputFilePath>
<LevelInExecutionUnit>1</LevelInExecutionUnit><SequenceInLevel>1</SequenceInLevel>
<SkipStaging>false</SkipStaging><SourceFormat>CSV-Unicode</SourceFormat>
</DataManagementPackageEntityData></PackageEntityList></DataManagementPackageManifest>"""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(FIELDS)
    writer.writerows(rows)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("Manifest.xml", manifest)
        files.writestr("PackageHeader.xml", "<DataManagementPackageHeader/>")
        files.writestr("Customers V3.csv", text.getvalue())
    return archive.getvalue()


@pytest.mark.parametrize("url", [FINOPS, DATAVERSE])
def test_signs_in_by_discovery(url):
    token = credential(authority=url).get_token(f"{url}/.default")
    assert token.token and token.expires_on > time.time()


def test_a_wrong_secret_is_told():
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential(secret="wrong").get_token(f"{FINOPS}/.default")


@pytest.mark.parametrize("block_size", [None, 1024])
def test_blobs_whole_and_in_blocks(http, block_size):
    room = json.loads(act(http, "GetAzureWriteUrl", uniqueFileName=f"{uuid.uuid4()}.zip"))
    options = {"max_single_put_size": block_size, "max_block_size": block_size} if block_size else {}
    blob = BlobClient.from_blob_url(room["BlobUrl"], **options)
    content = os.urandom(5000)
    blob.upload_blob(content, overwrite=True)
    assert blob.download_blob().readall() == content
    assert blob.get_blob_properties().size == len(content)
    with pytest.raises(HttpResponseError):
        BlobClient.from_blob_url(room["BlobUrl"].replace("sig=", "sig=0")).download_blob()


def test_a_package_goes_in_and_comes_out(http):
    mark = uuid.uuid4().hex[:8]
    groups = http.get(f"{FINOPS}/data/CustomerGroups?$top=1&$filter=dataAreaId eq 'usmf'").json()
    group = groups["value"][0]["CustomerGroupId"]
    rows = [(f"P-{mark}-{n}", group, "Organization", f"Package {n}, Inc.") for n in range(3)]
    rows.append((f"P-{mark}-bad", "nosuch", "Organization", "no group"))
    room = json.loads(act(http, "GetAzureWriteUrl", uniqueFileName="in.zip"))
    BlobClient.from_blob_url(room["BlobUrl"]).upload_blob(package(rows), overwrite=True)
    execution = f"in {mark}"
    act(
        http,
        "ImportFromPackage",
        packageUrl=room["BlobUrl"],
        definitionGroupId=f"Customers in {mark}",
        executionId=execution,
        execute=True,
        overwrite=True,
        legalEntityId="usmf",
    )
    assert outcome(http, execution) == "PartiallySucceeded"
    errors = json.loads(act(http, "GetExecutionErrors", executionId=execution))
    assert [error["RecordId"] for error in errors] == [f"P-{mark}-bad"]

    # The project that the import made exports what it imported.
    execution = act(
        http,
        "ExportToPackage",
        definitionGroupId=f"Customers in {mark}",
        packageName="out",
        executionId="",
        reExecute=False,
        legalEntityId="usmf",
    )
    assert outcome(http, execution) == "Succeeded"
    url = act(http, "GetExportedPackageUrl", executionId=execution)
    content = BlobClient.from_blob_url(url).download_blob().readall()
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        assert "Manifest.xml" in files.namelist()
        text = files.read("Customers V3.csv").decode("utf-8-sig")
    exported = {row["CUSTOMERACCOUNT"]: row for row in csv.DictReader(io.StringIO(text))}
    assert exported[f"P-{mark}-1"]["ORGANIZATIONNAME"] == "Package 1, Inc."
    assert f"P-{mark}-bad" not in exported
