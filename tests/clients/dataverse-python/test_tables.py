from enum import IntEnum

import pytest
from PowerPlatform.Dataverse.core.errors import MetadataError
from PowerPlatform.Dataverse.models.relationship import (
    CascadeConfiguration,
    LookupAttributeMetadata,
    ManyToManyRelationshipMetadata,
    OneToManyRelationshipMetadata,
)
from PowerPlatform.Dataverse.models.labels import Label, LocalizedLabel


class Grade(IntEnum):
    Gold = 1
    Silver = 2


COLUMNS = {
    "new_Code": "string",
    "new_Notes": "memo",
    "new_Number": "int",
    "new_Amount": "decimal",
    "new_Ratio": "float",
    "new_Day": "datetime",
    "new_Is": "bool",
    "new_Grade": Grade,
}


@pytest.fixture
def table(client, mark):
    name = f"new_T{mark}"
    client.tables.create(name, COLUMNS)
    yield name
    if client.tables.get(name):
        client.tables.delete(name)


def test_a_table_of_every_type(client, table):
    info = client.tables.get(table)
    assert info["table_logical_name"] == table.lower()
    row = {
        "new_Name": "n",
        "new_Code": "c",
        "new_Notes": "several\nlines",
        "new_Number": -7,
        "new_Amount": 12.25,
        "new_Ratio": 0.12345,
        "new_Day": "2024-01-31",
        "new_Is": True,
        "new_Grade": "Silver",
    }
    made = client.records.create(table, row)
    read = client.records.retrieve(table, made)
    assert (read["new_number"], read["new_amount"], read["new_ratio"]) == (-7, 12.25, 0.12345)
    assert (read["new_day"], read["new_is"], read["new_grade"]) == ("2024-01-31", True, 2)
    assert table.lower() in [one["LogicalName"] for one in client.tables.list()]
    client.tables.delete(table)
    assert client.tables.get(table) is None


def test_columns_come_and_go(client, table):
    assert client.tables.add_columns(table, {"new_More": "string", "new_Count": "int"})
    made = client.records.create(table, {"new_Name": "n", "new_More": "m", "new_Count": 3})
    assert client.records.retrieve(table, made)["new_more"] == "m"
    client.tables.remove_columns(table, ["new_More"])
    names = [column["LogicalName"] for column in client.tables.list_columns(table)]
    assert "new_more" not in names and "new_count" in names
    assert "new_more" not in client.records.retrieve(table, made)


def test_columns_change(client, table):
    client.tables.update_column(table, "new_Code", {"max_length": 500})
    column = client.tables.get_column(table, "new_Code", typed=True)
    assert column["MaxLength"] == 500
    columns = client.tables.list_columns(table, typed=True)
    assert {c["LogicalName"]: c.get("Precision") for c in columns}["new_amount"] == 2


def test_alternate_keys(client, table):
    key = client.tables.create_alternate_key(table, f"{table}_Key", ["new_code"])
    known = client.tables.get_alternate_keys(table)
    assert [one.key_attributes for one in known] == [["new_code"]]
    assert known[0].status == "Active"
    client.tables.delete_alternate_key(table, key.metadata_id)
    assert client.tables.get_alternate_keys(table) == []


def test_lookup_field(client, table, mark):
    made = client.tables.create_lookup_field(table, f"new_{mark}Account", "account")
    account = client.records.create("account", {"name": mark})
    row = client.records.create(
        table, {"new_Name": "n", f"new_{mark}Account@odata.bind": f"/accounts({account})"}
    )
    read = client.records.retrieve(table, row)
    assert read[f"_new_{mark}account_value"] == account
    known = client.tables.get_relationship(made.relationship_schema_name)
    assert known.referencing_entity == table.lower()
    client.tables.delete_relationship(made.relationship_id)
    assert client.tables.get_relationship(made.relationship_schema_name) is None
    assert f"_new_{mark}account_value" not in client.records.retrieve(table, row)


def test_one_to_many_that_cascades(client, table, mark):
    lookup = LookupAttributeMetadata(
        schema_name=f"new_{mark}Parent",
        display_name=Label(localized_labels=[LocalizedLabel(label="Parent", language_code=1033)]),
    )
    relationship = OneToManyRelationshipMetadata(
        schema_name=f"new_account_{mark}",
        referenced_entity="account",
        referencing_entity=table.lower(),
        referenced_attribute="accountid",
        cascade_configuration=CascadeConfiguration(delete="Cascade"),
    )
    client.tables.create_one_to_many_relationship(lookup, relationship)
    account = client.records.create("account", {"name": mark})
    row = client.records.create(
        table, {"new_Name": "n", f"new_{mark}Parent@odata.bind": f"/accounts({account})"}
    )
    client.records.delete("account", account)
    assert client.records.retrieve(table, row) is None


def test_many_to_many(client, table, mark):
    made = client.tables.create_many_to_many_relationship(
        ManyToManyRelationshipMetadata(
            schema_name=f"new_{mark}_links",
            entity1_logical_name=table.lower(),
            entity2_logical_name="contact",
        )
    )
    assert made.relationship_id
    listed = client.tables.list_table_relationships(table)
    assert f"new_{mark}_links" in [one["SchemaName"] for one in listed]
    client.tables.delete_relationship(made.relationship_id)


def test_a_table_that_is_not_there(client):
    assert client.tables.get("new_Nothing") is None
    with pytest.raises(MetadataError):
        client.tables.delete("new_Nothing")
