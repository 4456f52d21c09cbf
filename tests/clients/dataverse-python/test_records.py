import pytest
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.upsert import UpsertItem


def test_create_read_update_delete_one(client, mark):
    account = client.records.create("account", {"name": mark, "creditlimit": 1234.5})
    row = client.records.retrieve("account", account, select=["name", "creditlimit"])
    assert (row["name"], row["creditlimit"]) == (mark, 1234.5)
    client.records.update("account", account, {"name": f"{mark}-2"})
    assert client.records.retrieve("account", account, select=["name"])["name"] == f"{mark}-2"
    client.records.delete("account", account)
    assert client.records.retrieve("account", account) is None


def test_many_at_once(client, mark):
    rows = [{"name": f"{mark}-{n}"} for n in range(5)]
    ids = client.records.create("account", rows)
    assert len(set(ids)) == 5
    client.records.update("account", ids, {"telephone1": "1"})
    client.records.update("account", ids[:2], [{"telephone1": "2"}, {"telephone1": "3"}])
    found = client.records.list("account", filter=f"startswith(name,'{mark}')", select=["telephone1"])
    assert sorted(row["telephone1"] for row in found) == ["1", "1", "1", "2", "3"]
    job = client.records.delete("account", ids)
    assert job
    assert not list(client.records.list("account", filter=f"startswith(name,'{mark}')"))


def test_delete_without_the_bulk_job(client, mark):
    ids = client.records.create("contact", [{"lastname": mark}, {"lastname": mark}])
    client.records.delete("contact", ids, use_bulk_delete=False)
    assert not list(client.records.list("contact", filter=f"lastname eq '{mark}'"))


def test_labels_of_choices_become_values(client, mark):
    account = client.records.create("account", {"name": mark, "customertypecode": "Customer"})
    row = client.records.retrieve("account", account, select=["customertypecode"])
    assert row["customertypecode"] == 3


def test_upsert_by_alternate_key(client, mark):
    table = f"new_{mark}up"
    client.tables.create(table, {"new_code": "string", "new_amount": "decimal"})
    try:
        client.tables.create_alternate_key(table, f"new_{mark}key", ["new_code"])
        item = UpsertItem(alternate_key={"new_code": "A"}, record={"new_amount": 1.5})
        client.records.upsert(table, [item])
        again = [
            UpsertItem(alternate_key={"new_code": "A"}, record={"new_amount": 2.5}),
            UpsertItem(alternate_key={"new_code": "B"}, record={"new_amount": 3.5}),
        ]
        client.records.upsert(table, again)
        found = list(client.records.list(table, select=["new_code", "new_amount"]))
        assert sorted((row["new_code"], row["new_amount"]) for row in found) == [("A", 2.5), ("B", 3.5)]
    finally:
        client.tables.delete(table)


def test_what_is_not_there_is_told(client, mark):
    with pytest.raises(HttpError) as told:
        client.records.update("account", "00000000-0000-0000-0000-0000000000ff", {"name": mark})
    assert told.value.status_code == 404
    with pytest.raises(HttpError) as told:
        client.records.create("account", {"nosuchcolumn": 1})
    assert told.value.status_code == 400
    assert "nosuchcolumn" in str(told.value)


def test_lookups_are_bound_and_expanded(client, mark):
    contact = client.records.create("contact", {"lastname": mark})
    account = client.records.create(
        "account", {"name": mark, "primarycontactid@odata.bind": f"/contacts({contact})"}
    )
    row = client.records.retrieve("account", account, expand=["primarycontactid"])
    assert row["primarycontactid"]["lastname"] == mark
