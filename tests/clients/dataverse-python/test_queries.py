import pytest
from PowerPlatform.Dataverse.models.filters import col


@pytest.fixture
def accounts(client, mark):
    rows = [{"name": f"{mark}-{n:02}", "creditlimit": n} for n in range(12)]
    ids = client.records.create("account", rows)
    yield mark
    client.records.delete("account", ids, use_bulk_delete=False)


def test_builder(client, accounts):
    found = (
        client.query.builder("account")
        .select("name", "creditlimit")
        .where(col("name").startswith(accounts) & (col("creditlimit") >= 5))
        .order_by("creditlimit", descending=True)
        .top(3)
        .execute()
    )
    assert [row["creditlimit"] for row in found] == [11, 10, 9]


def test_pages(client, accounts):
    pages = list(
        client.query.builder("account")
        .select("name")
        .where(col("name").startswith(accounts))
        .page_size(5)
        .execute_pages()
    )
    assert [len(list(page)) for page in pages] == [5, 5, 2]


def test_list_pages_and_counts(client, accounts):
    pages = client.records.list_pages("account", filter=f"startswith(name,'{accounts}')", page_size=4)
    assert [len(list(page)) for page in pages] == [4, 4, 4]


def test_formatted_values(client, accounts):
    row = (
        client.query.builder("account")
        .select("statecode")
        .where(col("name") == f"{accounts}-00")
        .include_formatted_values()
        .execute()
        .first()
    )
    assert row["statecode@OData.Community.Display.V1.FormattedValue"] == "Active"


def test_sql(client, accounts):
    found = client.query.sql(
        f"SELECT TOP 2 name, creditlimit FROM account WHERE name LIKE '{accounts}%' ORDER BY creditlimit DESC"
    )
    assert [row["creditlimit"] for row in found] == [11, 10]


def test_fetchxml(client, accounts):
    query = client.query.fetchxml(
        f"""<fetch><entity name="account"><attribute name="name"/><order attribute="name"/>
        <filter><condition attribute="name" operator="like" value="{accounts}%"/></filter>
        </entity></fetch>"""
    )
    assert len(list(query.execute())) == 12


def test_data_frames(client, accounts):
    query = client.query.builder("account").select("name").where(col("name").startswith(accounts))
    frame = query.execute().to_dataframe()
    assert len(frame) == 12
    frame = client.dataframe.sql(f"SELECT name FROM account WHERE name LIKE '{accounts}%'")
    assert sorted(frame["name"])[0] == f"{accounts}-00"


def test_helpers_read_the_metadata(client):
    assert "name" in [column["name"] for column in client.query.sql_columns("account")]
    assert client.query.odata_expands("contact")
