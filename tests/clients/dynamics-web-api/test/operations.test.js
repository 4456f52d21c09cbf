// Functions, actions and metadata.

import assert from "node:assert/strict";
import { test } from "node:test";
import { client, mark, refused } from "../stage.js";

const api = client();

test("functions are called with and without parameters", async () => {
  const me = await api.callFunction({ name: "WhoAmI" });
  assert.match(me.OrganizationId, /^[0-9a-f-]{36}$/);
  const version = await api.callFunction("RetrieveVersion");
  assert.match(version.Version, /^9\.2\./);
  const counts = await api.callFunction({
    name: "RetrieveTotalRecordCount",
    parameters: { EntityNames: ["systemuser"] },
  });
  assert.deepEqual(counts.EntityRecordCountCollection.Keys, ["systemuser"]);
});

test("bulk actions create, update and upsert", async () => {
  const kind = "Microsoft.Dynamics.CRM.cdm_company";
  const codes = [1, 2].map((at) => `M${at}${mark()}`);
  const call = (name, Targets) =>
    api.callAction({
      collection: "cdm_companies",
      actionName: `Microsoft.Dynamics.CRM.${name}`,
      action: { Targets },
    });
  const targets = codes.map((cdm_companycode) => ({ "@odata.type": kind, cdm_companycode }));
  const { Ids } = await call("CreateMultiple", targets);
  assert.equal(Ids.length, 2);
  await call("UpdateMultiple", [{ "@odata.type": kind, cdm_companyid: Ids[0], cdm_name: "Uno" }]);
  await call("UpsertMultiple", [
    {
      "@odata.type": kind,
      "@odata.id": `cdm_companies(cdm_companycode='${codes[1]}')`,
      cdm_name: "Due",
    },
  ]);
  const names = await Promise.all(
    Ids.map(async (key) => (await api.retrieve({ collection: "cdm_companies", key })).cdm_name),
  );
  assert.deepEqual(names, ["Uno", "Due"]);
});

test("tables, columns and relationships are described", async () => {
  const tables = await api.retrieveEntities({
    select: ["LogicalName", "EntitySetName"],
    filter: "LogicalName eq 'account'",
  });
  const [table] = tables.value;
  assert.equal(table.EntitySetName, "accounts");
  const entity = await api.retrieveEntity({ key: table.MetadataId, select: ["PrimaryIdAttribute"] });
  assert.equal(entity.PrimaryIdAttribute, "accountid");
  const strings = await api.retrieveAttributes({
    entityKey: "LogicalName='account'",
    castType: "Microsoft.Dynamics.CRM.StringAttributeMetadata",
    select: ["LogicalName", "MaxLength"],
  });
  assert.equal(strings.value.find((one) => one.LogicalName === "name").MaxLength, 160);
  const choice = await api.retrieveAttribute({
    entityKey: "LogicalName='account'",
    attributeKey: "LogicalName='customertypecode'",
    castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
    select: ["LogicalName"],
    expand: [{ property: "OptionSet", select: ["Options"] }],
  });
  assert.ok(choice.OptionSet.Options.some((one) => one.Label.UserLocalizedLabel.Label === "Customer"));
  const relationship = await api.retrieveRelationship({
    key: "SchemaName='contact_customer_accounts'",
    castType: "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
  });
  assert.equal(relationship.ReferencedEntity, "account");
  const relationships = await api.retrieveRelationships({
    castType: "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
    select: ["SchemaName"],
    filter: "ReferencedEntity eq 'cdm_company'",
  });
  assert.ok(relationships.value.length > 10);
  const sets = await api.retrieveGlobalOptionSets({ select: ["Name"] });
  assert.ok(sets.value.length > 0);
  const csdl = await api.retrieveCsdlMetadata();
  assert.match(csdl, /<EntityType Name="account"/);
});

test("an unknown table is refused", async () => {
  await refused(() => api.retrieveMultiple({ collection: "nothings" }), 404, "0x80060888");
});
