// What the tests share: a signed-in client of the stand-in that SANDBOX_DATAVERSE_URL names.
//
// SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET and SANDBOX_TENANT have the values that
// `cargo run -p duet-sandbox --example dataverse` prints, unless they are set.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { DynamicsWebApi } from "dynamics-web-api";

const url = process.env.SANDBOX_DATAVERSE_URL;
assert.ok(url, "SANDBOX_DATAVERSE_URL must hold the address of a running Dataverse stand-in");
for (const name of ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"]) {
  // The library sends everything through a proxy that it finds there.
  delete process.env[name];
}

const tenant = process.env.SANDBOX_TENANT ?? "sandbox";
const clientId = process.env.SANDBOX_CLIENT_ID ?? "00000000-0000-0000-0000-00000000000a";
const clientSecret = process.env.SANDBOX_CLIENT_SECRET ?? "sandbox-secret";

async function signIn() {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    scope: `${url}/.default`,
  });
  const answer = await fetch(`${url}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: form });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  return body.access_token;
}

const token = await signIn();

export const serverUrl = `${url}/`;

/** A client of the stand-in. */
export function client(config = {}) {
  return new DynamicsWebApi({
    serverUrl,
    dataApi: { version: "9.2" },
    onTokenRefresh: async () => token,
    ...config,
  });
}

/** A mark that keeps the rows of one test apart from all others. */
export function mark() {
  return randomUUID().slice(0, 8);
}

/** Fails unless `work` is refused with this status and code. */
export async function refused(work, status, code) {
  await assert.rejects(work, (error) => {
    assert.equal(error.status, status, error.message);
    if (code) assert.equal(error.code, code);
    return true;
  });
}
