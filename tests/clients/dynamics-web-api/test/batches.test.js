// Batches: change sets, references to their own rows, failures.

import assert from "node:assert/strict";
import { test } from "node:test";
import { client, mark } from "../stage.js";

const api = client();

test("a change set refers to its own rows", async () => {
  const name = `Batch ${mark()}`;
  api.startBatch();
  api.create({ collection: "contacts", data: { lastname: name }, contentId: "1" });
  api.create({
    collection: "accounts",
    data: { name, "primarycontactid@odata.bind": "$1" },
    contentId: "2",
  });
  api.update({ collection: "$1", data: { firstname: "Ann" } });
  const [contact, account] = await api.executeBatch();
  const row = await api.retrieve({
    collection: "accounts",
    key: account,
    select: ["name"],
    expand: [{ property: "primarycontactid", select: ["fullname"] }],
  });
  assert.equal(row.primarycontactid.contactid, contact);
  assert.equal(row.primarycontactid.fullname, `Ann ${name}`);
});

test("reads, counts and writes mix in one batch", async () => {
  const name = `Mix ${mark()}`;
  api.startBatch();
  api.create({ collection: "accounts", data: { name } });
  api.retrieveMultiple({ collection: "accounts", filter: `name eq '${name}'`, select: ["name"] });
  api.count({ collection: "accounts", filter: `name eq '${name}'` });
  api.callFunction({ name: "WhoAmI" });
  const [id, found, count, me] = await api.executeBatch();
  assert.equal(found.value[0].accountid, id);
  assert.equal(count, 1);
  assert.match(me.UserId, /^[0-9a-f-]{36}$/);
});

test("a link is made inside a change set", async () => {
  const name = `Assoc ${mark()}`;
  api.startBatch();
  api.create({ collection: "accounts", data: { name }, contentId: "1" });
  api.create({ collection: "contacts", data: { lastname: name }, contentId: "2" });
  api.associateSingleValued({
    collection: "$1",
    navigationProperty: "primarycontactid",
    relatedKey: "$2",
  });
  const [account, contact] = await api.executeBatch();
  const select = ["_primarycontactid_value"];
  const row = await api.retrieve({ collection: "accounts", key: account, select });
  assert.equal(row._primarycontactid_value, contact);
});

test("a failed change set leaves nothing", async () => {
  const name = `Fail ${mark()}`;
  api.startBatch();
  api.create({ collection: "accounts", data: { name } });
  api.create({ collection: "accounts", data: { name, nope: 1 } });
  const errors = await api.executeBatch().then(() => assert.fail("the batch should fail"), (all) => all);
  assert.equal(errors.length, 1, "a failed change set answers once");
  assert.equal(errors[0].error.code, "0x80048d19");
  assert.match(errors[0].error.message, /nope/);
  assert.equal(await api.count({ collection: "accounts", filter: `name eq '${name}'` }), 0);
});

test("what stands outside of change sets goes on after a failure, when that is preferred", async () => {
  const name = `Go on ${mark()}`;
  api.startBatch();
  api.create({ collection: "accounts", data: { name, nope: 1 }, inChangeSet: false });
  api.create({ collection: "accounts", data: { name }, inChangeSet: false });
  await api.executeBatch({ continueOnError: true }).catch(() => {});
  assert.equal(await api.count({ collection: "accounts", filter: `name eq '${name}'` }), 1);
});

test("a read with a very long address travels as a batch", async () => {
  const name = `Long ${mark()}`;
  await api.create({ collection: "accounts", data: { name } });
  const others = Array.from({ length: 150 }, (_, at) => `name eq 'nobody ${at} ${name}'`);
  const found = await api.retrieveMultiple({
    collection: "accounts",
    select: ["name"],
    filter: [`name eq '${name}'`, ...others].join(" or "),
  });
  assert.equal(found.value.length, 1);
});
