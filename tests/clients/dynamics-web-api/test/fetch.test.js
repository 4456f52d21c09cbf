// FetchXML and $apply.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { client, mark } from "../stage.js";

const api = client();
const family = mark();

before(async () => {
  for (const [name, creditlimit] of [["a", 1.1], ["b", 2.2], ["c", 3.3]]) {
    await api.create({ collection: "accounts", data: { name: `${family} ${name}`, creditlimit } });
  }
});

const fetchXml = `<fetch><entity name="account"><attribute name="name" /><order attribute="name" />
  <filter><condition attribute="name" operator="begins-with" value="${family}" /></filter></entity></fetch>`;

test("rows are fetched", async () => {
  const { value } = await api.fetch({ collection: "accounts", fetchXml });
  assert.deepEqual(value.map((row) => row.name.slice(-1)), ["a", "b", "c"]);
});

test("pages are fetched to the end", async () => {
  const paged = fetchXml.replace("<fetch>", '<fetch count="2">');
  const first = await api.fetch({ collection: "accounts", fetchXml: paged, includeAnnotations: "*" });
  assert.equal(first.value.length, 2);
  assert.equal(first.PagingInfo.nextPage, 2);
  const second = await api.fetch({
    collection: "accounts",
    fetchXml: paged,
    includeAnnotations: "*",
    pageNumber: first.PagingInfo.nextPage,
    pagingCookie: first.PagingInfo.cookie,
  });
  assert.deepEqual(second.value.map((row) => row.name.slice(-1)), ["c"]);
  const all = await api.fetchAll({ collection: "accounts", fetchXml: paged, includeAnnotations: "*" });
  assert.equal(all.value.length, 3);
});

test("totals are added up", async () => {
  const apply = `filter(startswith(name,'${family}'))/aggregate(creditlimit with sum as total)`;
  const { value } = await api.retrieveMultiple({ collection: "accounts", apply });
  assert.equal(value[0].total, 6.6);
});
