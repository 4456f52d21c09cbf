import os

import pytest


def test_a_batch_of_everything(client, mark):
    batch = client.batch.new()
    batch.records.create("account", {"name": mark})
    batch.records.create("account", [{"name": f"{mark}-1"}, {"name": f"{mark}-2"}])
    batch.query.sql(f"SELECT name FROM account WHERE name LIKE '{mark}%'")
    batch.tables.get("account")
    result = batch.execute()
    assert not result.has_errors
    found = list(client.records.list("account", filter=f"startswith(name,'{mark}')"))
    assert len(found) == 3


def test_a_change_set_with_references(client, mark):
    batch = client.batch.new()
    with batch.changeset() as changes:
        contact = changes.records.create("contact", {"lastname": mark})
        changes.records.create("account", {"name": mark, "primarycontactid@odata.bind": contact})
    assert not batch.execute().has_errors
    row = list(
        client.records.list("account", filter=f"name eq '{mark}'", expand=["primarycontactid"])
    )[0]
    assert row["primarycontactid"]["lastname"] == mark


def test_a_change_set_is_all_or_nothing(client, mark):
    batch = client.batch.new()
    with batch.changeset() as changes:
        changes.records.create("account", {"name": mark})
        changes.records.create("account", {"nosuchcolumn": 1})
    assert batch.execute(continue_on_error=True).has_errors
    assert not list(client.records.list("account", filter=f"name eq '{mark}'"))


def test_a_batch_that_makes_a_table(client, mark):
    batch = client.batch.new()
    batch.tables.create(f"new_B{mark}", {"new_Code": "string"})
    assert not batch.execute().has_errors
    batch = client.batch.new()
    batch.tables.add_columns(f"new_B{mark}", {"new_More": "int"})
    batch.tables.delete(f"new_B{mark}")
    assert not batch.execute().has_errors
    assert client.tables.get(f"new_B{mark}") is None


@pytest.mark.parametrize("mode", ["small", "chunk"])
def test_files(client, mark, tmp_path, mode):
    table = f"new_F{mark}"
    client.tables.create(table, {"new_Document": "file"})
    try:
        row = client.records.create(table, {"new_Name": mark})
        path = tmp_path / "a report.bin"
        path.write_bytes(os.urandom(5 * 1024 * 1024 + 17))
        client.files.upload(table, row, "new_Document", str(path), mode=mode)
        read = client.records.retrieve(table, row)
        assert read["new_document"] and read["new_document_name"] == "a report.bin"
    finally:
        client.tables.delete(table)
