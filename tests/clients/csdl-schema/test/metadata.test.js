"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { test, before } = require("node:test");
const { validateXML } = require("xmllint-wasm");
const csdl = require("odata-csdl");

const folder = path.join(path.dirname(require.resolve("odata-csdl/package.json")), "schemas");
const schema = (name) => ({
  fileName: name,
  contents: fs.readFileSync(path.join(folder, name), "utf8"),
});

const dataverse = process.env.SANDBOX_DATAVERSE_URL;
const finops = process.env.SANDBOX_FINOPS_URL;

async function signIn(url) {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: process.env.SANDBOX_CLIENT_ID,
    client_secret: process.env.SANDBOX_CLIENT_SECRET,
    scope: `${url}/.default`,
  });
  const answer = await fetch(`${url}/${process.env.SANDBOX_TENANT ?? "sandbox"}/oauth2/v2.0/token`, {
    method: "POST",
    body: form,
  });
  return (await answer.json()).access_token;
}

async function read(url, address) {
  const headers = { authorization: `Bearer ${await signIn(url)}` };
  const answer = await fetch(`${url}${address}`, { headers });
  assert.strictEqual(answer.status, 200);
  return answer.text();
}

// Actions of entities appear in the document once there are some.
before(async () => {
  const actions = [
    {
      entity: "CustomersV3",
      name: "block",
      parameters: [{ name: "reason", type: "Edm.String" }],
      returns: "Microsoft.Dynamics.DataEntities.NoYes",
      value: "Yes",
    },
    { entity: "CustomersV3", name: "recount", bound_to: "set" },
  ];
  const answer = await fetch(`${finops}/_sandbox/actions`, {
    method: "PUT",
    body: JSON.stringify(actions),
  });
  assert.strictEqual(answer.status, 204);
});

for (const [url, address] of [
  [dataverse, "/api/data/v9.2/$metadata"],
  [dataverse, "/api/data/v9.2/$metadata?annotations=true"],
  [finops, "/data/$metadata"],
]) {
  test(`${address} is valid`, async () => {
    const text = await read(url, address);
    const result = await validateXML({
      xml: { fileName: "metadata.xml", contents: text },
      schema: [schema("edmx.xsd")],
      preload: [schema("edm.xsd")],
      initialMemoryPages: 1024,
      maxMemoryPages: 16384,
    });
    assert.deepStrictEqual(result.errors, []);
    assert.strictEqual(result.valid, true);
  });

  test(`${address} is read by odata-csdl without a complaint`, async () => {
    const messages = [];
    const model = csdl.xml2json(await read(url, address), { strict: true, messages });
    assert.deepStrictEqual(messages, []);
    assert.strictEqual(model.$Version, "4.0");
  });
}
