// Tables, columns, relationships and choices that are made, changed and deleted; links and files.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { client, mark, refused } from "../stage.js";

const api = client();
const name = `new_w${mark()}`;
const set = `${name}s`;
const label = (text) => ({ LocalizedLabels: [{ Label: text, LanguageCode: 1033 }] });
const type = (kind) => `Microsoft.Dynamics.CRM.${kind}`;
let table;

const column = (kind, schemaName, more = {}) => ({
  "@odata.type": type(`${kind}AttributeMetadata`),
  SchemaName: schemaName,
  DisplayName: label(schemaName),
  ...more,
});

before(async () => {
  table = await api.createEntity({
    data: {
      "@odata.type": type("EntityMetadata"),
      SchemaName: name,
      DisplayName: label("Widget"),
      Attributes: [column("String", "new_Name", { IsPrimaryName: true })],
    },
  });
});

after(() => api.deleteRecord({ collection: "EntityDefinitions", key: table }));

test("a table is made and changed", async () => {
  assert.match(table, /^[0-9a-f-]{36}$/);
  const definition = await api.retrieveEntity({ key: table });
  assert.equal(definition.LogicalName, name);
  definition.DisplayName = label("Gadget");
  await api.updateEntity({ data: definition });
  const changed = await api.retrieveEntity({ key: `LogicalName='${name}'` });
  assert.equal(changed.DisplayName.UserLocalizedLabel.Label, "Gadget");
});

test("a column is made and changed", async () => {
  const data = column("String", "new_Code", { MaxLength: 5 });
  const key = await api.createAttribute({ entityKey: table, data });
  const castType = type("StringAttributeMetadata");
  const made = await api.retrieveAttribute({ entityKey: table, attributeKey: key, castType });
  assert.equal(made.MaxLength, 5);
  await api.updateAttribute({ entityKey: table, data: { ...made, MaxLength: 50 }, castType });
  const changed = await api.retrieveAttribute({ entityKey: table, attributeKey: key, castType });
  assert.equal(changed.MaxLength, 50);
});

test("a relationship is made, changed and deleted", async () => {
  const data = {
    "@odata.type": type("OneToManyRelationshipMetadata"),
    SchemaName: `new_account_${name}`,
    ReferencedEntity: "account",
    ReferencedAttribute: "accountid",
    ReferencingEntity: name,
    Lookup: column("Lookup", "new_Account"),
  };
  const key = await api.createRelationship({ data });
  const made = await api.retrieveRelationship({ key });
  assert.equal(made.CascadeConfiguration.Delete, "RemoveLink");
  made.CascadeConfiguration.Delete = "Restrict";
  await api.updateRelationship({ data: made, castType: type("OneToManyRelationshipMetadata") });
  const changed = await api.retrieveRelationship({ key });
  assert.equal(changed.CascadeConfiguration.Delete, "Restrict");
  await api.deleteRelationship({ key });
  await refused(api.retrieveRelationship({ key }), 404);
});

test("rows of both ends of a many-to-many relationship are tied and untied", async () => {
  const relationship = await api.createRelationship({
    data: {
      "@odata.type": type("ManyToManyRelationshipMetadata"),
      SchemaName: `${name}_contacts`,
      Entity1LogicalName: name,
      Entity2LogicalName: "contact",
      IntersectEntityName: `${name}_contact`,
    },
  });
  const returned = { returnRepresentation: true };
  const row = await api.create({ collection: set, data: { new_name: "n" }, ...returned });
  const contact = await api.create({ collection: "contacts", data: { lastname: "c" }, ...returned });
  const link = {
    collection: set,
    primaryKey: row[`${name}id`],
    relationshipName: `${name}_contacts`,
  };
  await api.associate({ ...link, relatedCollection: "contacts", relatedKey: contact.contactid });
  const read = () =>
    api.retrieve({
      collection: set,
      key: link.primaryKey,
      expand: [{ property: link.relationshipName, select: ["lastname"] }],
    });
  assert.equal((await read())[link.relationshipName][0].lastname, "c");
  await api.disassociate({ ...link, relatedKey: contact.contactid });
  assert.deepEqual((await read())[link.relationshipName], []);
  await api.deleteRelationship({ key: relationship });
});

test("a shared choice is made, changed and deleted", async () => {
  const data = {
    "@odata.type": type("OptionSetMetadata"),
    Name: `${name}_colour`,
    OptionSetType: "Picklist",
    Options: [{ Value: 1, Label: label("Red") }],
  };
  const key = await api.createGlobalOptionSet({ data });
  const made = await api.retrieveGlobalOptionSet({ key });
  assert.equal(made.Options[0].Label.UserLocalizedLabel.Label, "Red");
  made.Options.push({ Value: 2, Label: label("Blue") });
  await api.updateGlobalOptionSet({ data: made });
  const castType = type("OptionSetMetadata");
  const changed = await api.retrieveGlobalOptionSet({ key: `Name='${name}_colour'`, castType });
  assert.equal(changed.Options.length, 2);
  await api.deleteGlobalOptionSet({ key });
  await refused(api.retrieveGlobalOptionSet({ key }), 404);
});

test("a file is uploaded in pieces, downloaded and removed", async () => {
  await api.createAttribute({ entityKey: table, data: column("File", "new_Document") });
  const row = await api.create({
    collection: set,
    data: { new_name: "f" },
    returnRepresentation: true,
  });
  const place = { collection: set, key: row[`${name}id`], property: "new_document" };
  const data = Buffer.alloc(4 * 1024 * 1024 + 3, "x");
  await api.uploadFile({ ...place, data, fileName: "big.txt" });
  const file = await api.downloadFile(place);
  assert.equal(file.fileName, "big.txt");
  assert.equal(file.fileSize, data.length);
  assert.ok(Buffer.from(file.data).equals(data));
  await api.deleteRecord(place);
  const empty = await api.retrieve({ collection: set, key: place.key });
  assert.equal(empty.new_document, null);
});

test("the metadata document is read whole", async () => {
  const text = await api.retrieveCsdlMetadata();
  assert.ok(text.includes(`<EntityType Name="${name}"`));
});
