// Links between rows.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { client, mark, refused } from "../stage.js";

const api = client();
let account;
let contact;

beforeEach(async () => {
  account = await api.create({ collection: "accounts", data: { name: `Link ${mark()}` } });
  contact = await api.create({ collection: "contacts", data: { lastname: `Link ${mark()}` } });
});

const primary = async () => {
  const select = ["_primarycontactid_value"];
  const row = await api.retrieve({ collection: "accounts", key: account, select });
  return row._primarycontactid_value;
};

test("a lookup is bound and emptied", async () => {
  const set = (value) =>
    api.update({
      collection: "accounts",
      key: account,
      data: { "primarycontactid@odata.bind": value },
    });
  // The library turns a relative address into an absolute one.
  await set(`contacts(${contact})`);
  assert.equal(await primary(), contact);
  await set(null);
  assert.equal(await primary(), null);
});

test("a single-valued link is made and removed", async () => {
  const navigationProperty = "primarycontactid";
  await api.associateSingleValued({
    collection: "accounts",
    primaryKey: account,
    navigationProperty,
    relatedCollection: "contacts",
    relatedKey: contact,
  });
  assert.equal(await primary(), contact);
  const through = await api.retrieve({
    collection: "accounts",
    key: account,
    navigationProperty,
    select: ["contactid"],
  });
  assert.equal(through.contactid, contact);
  await api.disassociateSingleValued({
    collection: "accounts",
    primaryKey: account,
    navigationProperty,
  });
  assert.equal(await primary(), null);
});

test("a member of a collection is added and removed", async () => {
  const relationshipName = "contact_customer_accounts";
  await api.associate({
    collection: "accounts",
    primaryKey: account,
    relationshipName,
    relatedCollection: "contacts",
    relatedKey: contact,
  });
  const members = () =>
    api.retrieve({
      collection: "accounts",
      key: account,
      navigationProperty: relationshipName,
      select: ["contactid"],
    });
  assert.deepEqual((await members()).value.map((row) => row.contactid), [contact]);
  await api.disassociate({
    collection: "accounts",
    primaryKey: account,
    relationshipName,
    relatedKey: contact,
  });
  assert.deepEqual((await members()).value, []);
});

test("a link to nothing is refused", async () => {
  const bind = "/contacts(00000000-0000-0000-0000-000000000001)";
  const data = { name: "x", "primarycontactid@odata.bind": bind };
  await refused(() => api.create({ collection: "accounts", data }), 404, "0x80040217");
});
