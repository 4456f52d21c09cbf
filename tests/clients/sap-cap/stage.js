// Starts what the test needs and stops it again: the Dataverse stand-in, CAP and duet itself.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const here = import.meta.dirname
const duetBinary = resolve(process.env.DUET ?? join(here, '../../../target/release/duet'))

/** Node.js 22 or newer: the one that runs this, else the one from the registry. */
function node() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath
  const packed = join(here, `node_modules/node-linux-${process.arch}/bin/node`)
  if (!existsSync(packed)) throw new Error(`no Node.js 22 for ${process.platform} ${process.arch}`)
  return packed
}

/** A running program, and the line by which it said that it is ready. */
class Program {
  constructor(command, args, options) {
    this.log = ''
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', text => { this.log += text })
    }
    this.exited = once(this.child, 'exit')
  }

  /** What a line holds that the program writes; fails when the program ends before. */
  async says(pattern) {
    const lines = createInterface({ input: this.child.stdout })
    const found = (async () => {
      for await (const line of lines) {
        const match = line.match(pattern)
        if (match) return match
      }
      throw new Error(`ended without being ready:\n${this.log}`)
    })()
    const match = await found
    this.child.stdout.resume()
    return match
  }

  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal)
    await this.exited
  }
}

/** An OData service, spoken to as a person's program would. */
export class Service {
  constructor(root, token) {
    this.root = root
    this.token = token
  }

  async send(method, path, body, headers = {}) {
    const response = await fetch(`${this.root}${path}`, {
      method,
      headers: {
        accept: 'application/json;IEEE754Compatible=true',
        ...(body && { 'content-type': 'application/json;IEEE754Compatible=true' }),
        ...(this.token && { authorization: `Bearer ${this.token}` }),
        ...headers
      },
      body: body && JSON.stringify(body)
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text ? JSON.parse(text) : undefined
  }

  async rows(path) {
    const rows = []
    let next = path
    while (next) {
      const page = await this.send('GET', next)
      rows.push(...page.value)
      next = page['@odata.nextLink']?.replace(this.root, '')
    }
    return rows
  }

  create(set, row) {
    return this.send('POST', set, row, { prefer: 'return=representation' })
  }

  update(record, row) {
    return this.send('PATCH', record, row, { 'if-match': '*' })
  }

  remove(record) {
    return this.send('DELETE', record, undefined, { 'if-match': '*' })
  }
}

/** Both systems, and a project between them in a folder of its own. */
export class Stage {
  static async open(mode) {
    const stage = new Stage()
    stage.folder = mkdtempSync(join(tmpdir(), 'duet-sap-cap-'))
    try {
      await Promise.all([stage.startCap(mode), stage.startDataverse()])
      stage.writeProject(mode)
    } catch (error) {
      await stage.close()
      throw error
    }
    return stage
  }

  async startCap(mode) {
    const folder = join(this.folder, 'cap')
    mkdirSync(join(folder, 'srv'), { recursive: true })
    cpSync(join(here, 'model/shop.cds'), join(folder, 'srv/shop.cds'))
    symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({
      name: 'shop',
      private: true,
      dependencies: { '@sap/cds': '*', '@cap-js/sqlite': '*' },
      cds: {
        requires: {
          auth: 'dummy',
          db: { kind: 'sqlite', credentials: { url: ':memory:' } }
        },
        runtime: { patch_as_upsert: mode.create === 'patch', put_as_upsert: mode.create === 'put' },
        // Small pages: a read that followed offset tokens would be seen to skip rows.
        query: { limit: { max: 7 } }
      }
    }))
    this.cap = new Program(node(), [join(here, 'node_modules/@sap/cds/bin/serve.js')], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: this.folder, PORT: '0', NO_COLOR: '1' }
    })
    const [, url] = await this.cap.says(/server listening on \{ url: '([^']+)' \}/)
    this.capUrl = `${url}/shop/`
    this.shop = new Service(this.capUrl)
  }

  async startDataverse() {
    this.sandbox = new Program(duetBinary, ['sandbox', '--empty', '--json'], { cwd: this.folder })
    const [line] = await this.sandbox.says(/^\{.*\}$/)
    this.told = JSON.parse(line)
    const { id, secret } = this.told.clients.user
    const { url, token_url } = this.told.dataverse
    const answer = await fetch(token_url, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: id,
        client_secret: secret,
        scope: `${url}/.default`
      })
    })
    const { access_token } = await answer.json()
    this.sales = new Service(`${url}/api/data/v9.2/`, access_token)
  }

  writeProject(mode) {
    const { dataverse, tenant, clients } = this.told
    cpSync(join(here, 'maps'), join(this.folder, 'maps'), { recursive: true })
    writeFileSync(join(this.folder, 'duet.yaml'), `\
duet: 1
name: shop-and-sales
left:
  system: odata
  name: Shop
  url: ${this.capUrl}
  create: ${mode.create}
  batch: ${mode.batch}
  overlap: 2s
  page-size: 5
  company: { Customers: company, Persons: company }
  unique: { Customers: [company, number], Groups: [code] }
right:
  system: dataverse
  url: ${dataverse.url}
  tenant: ${tenant}
  token-url: ${dataverse.token_url}
  client-id: ${clients.duet.id}
  client-secret: { env: DUET_TEST_SECRET }
companies: [usmf]
maps: [maps]
store: duet.db
listen: 127.0.0.1:0
settings:
  poll-every: 200ms
  sweep-every: 1s
  recheck-every: 1s
`)
  }

  environment() {
    return { ...process.env, DUET_TEST_SECRET: this.told.clients.duet.secret, NO_COLOR: '1' }
  }

  /** Runs a command to its end: how it ended, what it said. */
  async duet(...args) {
    const child = spawn(duetBinary, args, { cwd: this.folder, env: this.environment() })
    let out = ''
    let err = ''
    child.stdout.on('data', text => { out += text })
    child.stderr.on('data', text => { err += text })
    const [code] = await once(child, 'close')
    return { code, out, err, json: () => JSON.parse(out) }
  }

  /** Starts live sync. */
  live() {
    this.run = new Program(duetBinary, ['run'], { cwd: this.folder, env: this.environment() })
    return this.run
  }

  async close() {
    for (const program of [this.run, this.cap, this.sandbox]) await program?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
