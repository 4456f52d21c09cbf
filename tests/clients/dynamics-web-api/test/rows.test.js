// Rows: create, retrieve, update, upsert, delete, single properties.

import assert from "node:assert/strict";
import { test } from "node:test";
import { client, mark, refused } from "../stage.js";

const api = client();

test("a row is created, retrieved, updated and deleted", async () => {
  const name = `Row ${mark()}`;
  const id = await api.create({ collection: "accounts", data: { name, creditlimit: 12.5 } });
  assert.match(id, /^[0-9a-f-]{36}$/);
  const row = await api.retrieve({ collection: "accounts", key: id, select: ["name", "creditlimit"] });
  assert.equal(row.name, name);
  assert.equal(row.creditlimit, 12.5);
  assert.equal(row.accountid, id);
  assert.match(row["@odata.etag"], /^W\/"\d+"$/);
  await api.update({ collection: "accounts", key: id, data: { name: `${name} 2` } });
  const again = await api.retrieve({ collection: "accounts", key: id });
  assert.equal(again.name, `${name} 2`);
  assert.ok(again.createdon instanceof Date, "times come back as dates");
  assert.equal(await api.deleteRecord({ collection: "accounts", key: id }), true);
  await refused(() => api.retrieve({ collection: "accounts", key: id }), 404, "0x80040217");
});

test("a representation comes back when it is preferred", async () => {
  const created = await api.create({
    collection: "accounts",
    data: { name: `Rep ${mark()}` },
    select: ["name"],
    returnRepresentation: true,
  });
  assert.ok(created.accountid);
  const updated = await api.update({
    collection: "accounts",
    key: created.accountid,
    data: { name: "Changed" },
    select: ["name"],
    returnRepresentation: true,
  });
  assert.equal(updated.name, "Changed");
  assert.ok(created["@odata.etag"] !== updated["@odata.etag"]);
});

test("a row is found by its alternate key", async () => {
  const code = `K${mark()}`;
  const id = await api.create({ collection: "cdm_companies", data: { cdm_companycode: code } });
  const row = await api.retrieve({ collection: "cdm_companies", key: `cdm_companycode='${code}'` });
  assert.equal(row.cdm_companyid, id);
  await refused(
    () => api.retrieve({ collection: "cdm_companies", key: `cdm_companycode='${code}x'` }),
    404,
    "0x80060891",
  );
  await refused(
    () => api.create({ collection: "cdm_companies", data: { cdm_companycode: code } }),
    412,
    "0x80060892",
  );
});

test("an upsert creates, then updates", async () => {
  const key = `cdm_companycode='U${mark()}'`;
  const upsert = (cdm_name, more = {}) =>
    api.upsert({
      collection: "cdm_companies",
      key,
      data: { cdm_name },
      returnRepresentation: true,
      ...more,
    });
  const created = await upsert("One");
  const updated = await upsert("Two");
  assert.equal(updated.cdm_companyid, created.cdm_companyid);
  assert.equal(updated.cdm_name, "Two");
  // The library turns "exists already" and "does not exist" into null and false.
  assert.equal(await upsert("Three", { ifnonematch: "*" }), null);
  const missing = `cdm_companycode='U${mark()}'`;
  assert.equal(await upsert("Four", { key: missing, ifmatch: "*" }), null);
});

test("a stale version is refused", async () => {
  const id = await api.create({ collection: "accounts", data: { name: `Tag ${mark()}` } });
  const { "@odata.etag": tag } = await api.retrieve({ collection: "accounts", key: id });
  const update = (name) =>
    api.update({ collection: "accounts", key: id, data: { name }, ifmatch: tag });
  assert.equal(await update("First"), true);
  assert.equal(await update("Second"), false);
  assert.equal(await api.deleteRecord({ collection: "accounts", key: id, ifmatch: tag }), false);
  const row = await api.retrieve({ collection: "accounts", key: id, select: ["name"] });
  assert.equal(row.name, "First");
});

test("an unchanged row is not sent again", async () => {
  const id = await api.create({ collection: "accounts", data: { name: `Same ${mark()}` } });
  const { "@odata.etag": tag } = await api.retrieve({ collection: "accounts", key: id });
  const again = await api.retrieve({ collection: "accounts", key: id, ifnonematch: tag });
  assert.equal(again, undefined);
});

test("a single property is updated and emptied", async () => {
  const id = await api.create({
    collection: "accounts",
    data: { name: `Prop ${mark()}`, description: "d" },
  });
  await api.updateSingleProperty({ collection: "accounts", key: id, fieldValuePair: { name: "P" } });
  await api.deleteRecord({ collection: "accounts", key: id, property: "description" });
  const row = await api.retrieve({ collection: "accounts", key: id, select: ["name", "description"] });
  assert.deepEqual([row.name, row.description], ["P", null]);
});

test("a deep insert makes related rows", async () => {
  const name = `Deep ${mark()}`;
  const id = await api.create({
    collection: "accounts",
    data: {
      name,
      primarycontactid: { firstname: "Ann", lastname: name },
      contact_customer_accounts: [{ lastname: "Child" }],
    },
  });
  const row = await api.retrieve({
    collection: "accounts",
    key: id,
    select: ["name"],
    expand: [
      { property: "primarycontactid", select: ["fullname"] },
      { property: "contact_customer_accounts", select: ["lastname"] },
    ],
  });
  assert.equal(row.primarycontactid.fullname, `Ann ${name}`);
  assert.deepEqual(row.contact_customer_accounts.map((one) => one.lastname), ["Child"]);
});

test("what is wrong with a body is told", async () => {
  const create = (data) => () => api.create({ collection: "accounts", data });
  await refused(create({ name: "x".repeat(161) }), 400, "0x80044331");
  await refused(create({ customertypecode: 99 }), 400, "0x8004431A");
  await refused(create({ Name: "x" }), 400, "0x80048d19");
  await refused(
    create({ "PrimaryContactId@odata.bind": "/contacts(00000000-0000-0000-0000-000000000001)" }),
    400,
    "0x80048d19",
  );
});

test("a row is written in the name of somebody else", async () => {
  const { value: users } = await api.retrieveMultiple({
    collection: "systemusers",
    filter: "fullname eq 'System Administrator'",
    select: ["systemuserid"],
  });
  const impersonate = users[0].systemuserid;
  const id = await api.create({
    collection: "accounts",
    data: { name: `As ${mark()}` },
    impersonate,
  });
  const row = await api.retrieve({ collection: "accounts", key: id, select: ["_createdby_value"] });
  assert.equal(row._createdby_value, impersonate);
});
