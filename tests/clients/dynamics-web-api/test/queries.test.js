// Lists: filters, pages, counts, expands, annotations, change tracking.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { client, mark, refused } from "../stage.js";

const api = client();
const family = mark();
const filter = `startswith(name,'${family}')`;
const select = ["name", "numberofemployees"];

before(async () => {
  for (const [name, numberofemployees] of [["a", 3], ["b", 1], ["c", 2], ["d", 5], ["e", 4]]) {
    await api.create({
      collection: "accounts",
      data: { name: `${family} ${name}`, numberofemployees, customertypecode: 3 },
    });
  }
});

const letters = (rows) => rows.map((row) => row.name.slice(-1)).join("");

test("rows are filtered and ordered", async () => {
  const found = await api.retrieveMultiple({
    collection: "accounts",
    select,
    filter: `${filter} and numberofemployees gt 1`,
    orderBy: ["numberofemployees desc"],
  });
  assert.equal(letters(found.value), "deac");
});

test("pages are followed to the end", async () => {
  const request = { collection: "accounts", select, filter, orderBy: ["name"], maxPageSize: 2 };
  const first = await api.retrieveMultiple(request);
  assert.equal(letters(first.value), "ab");
  const second = await api.retrieveMultiple(request, first.oDataNextLink);
  assert.equal(letters(second.value), "cd");
  const all = await api.retrieveAll(request);
  assert.equal(letters(all.value), "abcde");
});

test("rows are counted", async () => {
  assert.equal(await api.count({ collection: "accounts", filter }), 5);
  assert.equal(await api.countAll({ collection: "accounts", filter, select: ["name"] }), 5);
  const found = await api.retrieveMultiple({ collection: "accounts", select, filter, count: true, top: 1 });
  assert.equal(found.oDataCount, 5);
  assert.equal(found.value.length, 1);
});

test("annotations come when they are asked for", async () => {
  const { value } = await api.retrieveMultiple({
    collection: "accounts",
    select: ["customertypecode", "_ownerid_value"],
    filter,
    includeAnnotations: "*",
  });
  assert.equal(value[0]["customertypecode@OData.Community.Display.V1.FormattedValue"], "Customer");
  // The library adds handy aliases for them.
  assert.equal(value[0].customertypecode_Formatted, "Customer");
  assert.equal(value[0]._ownerid_value_LogicalName, "systemuser");
  assert.equal(value[0]._ownerid_value_NavigationProperty, "ownerid");
});

test("logical names may stand for collection names", async () => {
  const byName = client({ useEntityNames: true });
  const found = await byName.retrieveMultiple({ collection: "account", select, filter });
  assert.equal(found.value.length, 5);
  assert.equal(byName.Utility.getCollectionName("cdm_company"), "cdm_companies");
});

test("changes are tracked across two reads with a deletion", async () => {
  const columns = ["cdm_companycode"];
  const make = (code) =>
    api.create({ collection: "cdm_companies", data: { cdm_companycode: `${code}${mark()}` } });
  const gone = await make("G");
  const kept = await make("K");
  const first = await api.retrieveMultiple({
    collection: "cdm_companies",
    select: columns,
    trackChanges: true,
  });
  const ids = first.value.map((row) => row.cdm_companyid);
  assert.ok(ids.includes(gone) && ids.includes(kept));
  assert.ok(first.oDataDeltaLink);

  await api.deleteRecord({ collection: "cdm_companies", key: gone });
  await api.update({ collection: "cdm_companies", key: kept, data: { cdm_name: "Changed" } });
  const made = await make("N");
  const token = new URL(first.oDataDeltaLink).searchParams.get("$deltatoken");
  const second = await api.retrieveMultiple({
    collection: "cdm_companies",
    select: columns,
    queryParams: [`$deltatoken=${encodeURIComponent(token)}`],
  });
  const changed = second.value.filter((row) => row.cdm_companyid);
  assert.deepEqual(changed.map((row) => row.cdm_companyid), [kept, made]);
  const deleted = second.value.filter((row) => row.reason === "deleted");
  assert.deepEqual(deleted.map((row) => row.id), [gone]);
  assert.equal(second.value.at(-1).id, gone, "deletions come last");

  const third = await api.retrieveMultiple({ collection: "cdm_companies" }, second.oDataDeltaLink);
  assert.deepEqual(third.value, []);
});

test("a tracked read with a filter is refused", async () => {
  const work = () =>
    api.retrieveMultiple({ collection: "accounts", select, filter, trackChanges: true });
  await refused(work, 400, "0x80060888");
});
