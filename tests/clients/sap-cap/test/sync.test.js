// A live two-way sync between a CAP service and the Dataverse stand-in, with lookups, in each way
// of creating records that CAP has.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Stage } from '../stage.js'

const modes = [
  { create: 'post', batch: 'ask' },
  { create: 'put', batch: 'relative' },
  { create: 'patch', batch: 'off' }
]

/** Waits until a question has the answer that is wanted; the last difference is the failure. */
async function eventually(ask, check, stage) {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      return check(await ask())
    } catch (error) {
      if (Date.now() > deadline) {
        error.message += `\n${stage.run?.log.slice(-2000) ?? ''}`
        throw error
      }
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

/** A decimal without needless zeros. */
const plain = number =>
  number == null ? null : String(number).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '')

const byKey = rows => Object.fromEntries(rows.map(row => [row.key, row]))

for (const mode of modes) {
  describe(`records created by ${mode.create}, batches ${mode.batch}`, () => {
    /** @type {Stage} */
    let stage
    before(async () => { stage = await Stage.open(mode) })
    after(async () => { await stage?.close() })

    /** The company of a record in sales. */
    let ours

    /** Customers as each side sees them, in the same words. */
    const ofShop = async () => byKey((await stage.shop.rows(
      'Customers?$expand=group($select=code),parent($select=number)'
    )).map(row => ({
      key: row.number,
      name: row.name,
      limit: plain(row.creditLimit),
      employees: plain(row.employees),
      blocked: row.blocked ?? null,
      currency: row.currency_code,
      group: row.group?.code ?? null,
      parent: row.parent?.number ?? null
    })))
    const ofSales = async () => byKey((await stage.sales.rows(
      'accounts?$select=accountnumber,name,creditlimit,numberofemployees,creditonhold,sic,tickersymbol' +
      '&$expand=transactioncurrencyid($select=isocurrencycode)'
    )).map(row => ({
      key: row.accountnumber,
      name: row.name,
      limit: plain(row.creditlimit),
      employees: plain(row.numberofemployees),
      blocked: row.creditonhold ?? null,
      currency: row.transactioncurrencyid?.isocurrencycode ?? null,
      group: row.sic,
      parent: row.tickersymbol
    })))
    const persons = async () => [
      byKey((await stage.shop.rows('Persons')).map(row => ({
        key: `${row.customer}/${row.position}`, name: row.name, mail: row.mail
      }))),
      byKey((await stage.sales.rows('contacts?$select=governmentid,numberofchildren,lastname,emailaddress1'))
        .map(row => ({
          key: `${row.governmentid}/${row.numberofchildren}`,
          name: row.lastname,
          mail: row.emailaddress1
        })))
    ]
    const both = async () => [await ofShop(), await ofSales()]
    const agree = ([shop, sales]) => {
      assert.deepEqual(sales, shop)
      return shop
    }
    const settled = check => eventually(both, sides => {
      const rows = agree(sides)
      check?.(rows)
      return rows
    }, stage)
    /** Every record's version on both sides: it moves with each write. */
    const versions = async () => ({
      shop: Object.fromEntries((await Promise.all(
        ['Currencies', 'Customers', 'Groups', 'Persons'].map(set => stage.shop.rows(set))
      )).flat().map(row => [JSON.stringify([row.ID, row.code, row.customer, row.position]), row['@odata.etag']])),
      sales: Object.fromEntries((await Promise.all(
        ['transactioncurrencies', 'accounts', 'contacts'].map(set => stage.sales.rows(set))
      )).flat().map(row => [row.accountid ?? row.contactid ?? row.transactioncurrencyid, row['@odata.etag']]))
    })
    const customer = async number =>
      (await stage.shop.rows(`Customers?$filter=number eq '${number}'`))[0]
    const account = async number =>
      (await stage.sales.rows(`accounts?$filter=accountnumber eq '${number}'`))[0]

    test('the maps fit the metadata of both', async () => {
      const checked = await stage.duet('check', '--json')
      assert.equal(checked.code, 0, checked.out + checked.err)
    })

    test('an initial sync brings both to the same state', async () => {
      const { shop, sales } = stage
      const company = await sales.create('cdm_companies', { cdm_companycode: 'usmf', cdm_name: 'USMF' })
      ours = { 'msdyn_company@odata.bind': `/cdm_companies(${company.cdm_companyid})` }
      for (const [code, name, symbol] of [['EUR', 'Euro', '€'], ['USD', 'US Dollar', '$'], ['JPY', 'Yen', '¥']]) {
        await shop.create('Currencies', { code, name, symbol, precision: 2, rate: '1.0000000000' })
      }
      await sales.create('transactioncurrencies', {
        isocurrencycode: 'CHF', currencyname: 'Franc', currencysymbol: 'Fr', currencyprecision: 2,
        exchangerate: 0.9876543211
      })
      for (const code of ['retail', 'whole']) await shop.create('Groups', { code })
      const groups = await shop.rows('Groups')
      let parent = null
      for (let n = 1; n <= 25; n += 1) {
        const made = await shop.create('Customers', { company: 'usmf',
          number: `C-${n}`,
          name: `Customer ${n}'s "shop" & co. ä`,
          creditLimit: n === 1 ? '99999999999.9999' : `${n}.5000`,
          employees: String(n * 1000),
          blocked: n % 2 === 0,
          currency_code: ['EUR', 'USD', 'JPY'][n % 3],
          group_ID: groups[n % 2].ID,
          parent_ID: n % 4 === 0 ? parent : null
        })
        parent = made.ID
      }
      await sales.create('accounts', { ...ours,
        accountnumber: 'S-1', name: 'Known to sales', sic: 'retail', creditonhold: false, tickersymbol: 'C-2'
      })
      for (let n = 1; n <= 12; n += 1) {
        await shop.create('Persons', { company: 'usmf', customer: "C-1/O'x", position: n, name: `Person ${n}` })
      }
      await sales.create('contacts', { ...ours,
        governmentid: 'S-1', numberofchildren: 7, lastname: 'From sales', emailaddress1: 'a@example.com'
      })

      const synced = await stage.duet('sync', '--json')
      assert.equal(synced.code, 0, synced.out + synced.err)
      const rows = agree(await both())
      assert.equal(Object.keys(rows).length, 26)
      assert.equal(rows['C-1'].limit, '99999999999.9999')
      assert.equal(rows['S-1'].parent, 'C-2')
      const [left, right] = await persons()
      assert.deepEqual(right, left)
      assert.equal(Object.keys(left).length, 13)
      const chf = await shop.send('GET', "Currencies('CHF')")
      assert.equal(plain(chf.rate), '0.9876543211')
    })

    test('a second sync writes nothing', async () => {
      const earlier = await versions()
      const synced = await stage.duet('sync', '--json')
      assert.equal(synced.code, 0, synced.out + synced.err)
      assert.deepEqual(await versions(), earlier)
    })

    test('edits travel both ways, lookups with them', async () => {
      stage.live()
      const { shop, sales } = stage
      const groups = await shop.rows('Groups')
      const whole = groups.find(group => group.code === 'whole')
      const three = await customer('C-3')
      await shop.update(`Customers(${three.ID})`, { name: 'Renamed in the shop', group_ID: whole.ID, parent_ID: (await customer('C-9')).ID })
      const five = await account('C-5')
      const [usd] = await sales.rows("transactioncurrencies?$filter=isocurrencycode eq 'USD'")
      await sales.update(`accounts(${five.accountid})`, {
        creditlimit: 12.34,
        sic: 'whole',
        tickersymbol: 'C-3',
        'transactioncurrencyid@odata.bind': `/transactioncurrencies(${usd.transactioncurrencyid})`
      })
      const seven = await account('C-7')
      await sales.update(`accounts(${seven.accountid})`, { tickersymbol: null, sic: null, numberofemployees: null })
      await settled(rows => {
        assert.equal(rows['C-3'].name, 'Renamed in the shop')
        assert.deepEqual([rows['C-3'].group, rows['C-3'].parent], ['whole', 'C-9'])
        const { limit, group, parent, currency } = rows['C-5']
        assert.deepEqual([limit, group, parent, currency], ['12.34', 'whole', 'C-3', 'USD'])
        assert.deepEqual([rows['C-7'].group, rows['C-7'].parent, rows['C-7'].employees], [null, null, null])
      })
    })

    test('new records travel both ways, and wait for what they refer to', async () => {
      const { shop, sales } = stage
      // Its parent and its group come later.
      await sales.create('accounts', { ...ours, accountnumber: 'S-2', name: 'Child', tickersymbol: 'S-3', sic: 'late', creditonhold: false })
      await sales.create('accounts', { ...ours, accountnumber: 'S-3', name: 'Parent', creditonhold: true })
      await shop.create('Groups', { code: 'late' })
      await shop.create('Currencies', { code: 'SEK', name: 'Krona', symbol: 'kr', precision: 2, rate: '11.5000000000' })
      await shop.create('Customers', { company: 'usmf', number: 'C-100', name: 'Swede', currency_code: 'SEK', blocked: false })
      await sales.create('contacts', { ...ours, governmentid: 'S-3', numberofchildren: 1, lastname: 'New' })
      await settled(rows => {
        assert.deepEqual([rows['S-2'].parent, rows['S-2'].group], ['S-3', 'late'])
        assert.equal(rows['C-100'].currency, 'SEK')
      })
      await eventually(persons, ([left, right]) => {
        assert.deepEqual(right, left)
        assert.equal(left['S-3/1'].name, 'New')
      }, stage)
    })

    test('deletions travel both ways', async () => {
      const { shop, sales } = stage
      await shop.remove(`Customers(${(await customer('C-25')).ID})`)
      await sales.remove(`accounts(${(await account('C-24')).accountid})`)
      await shop.remove("Persons(company='usmf',customer='C-1%2FO''x',position=3)")
      await settled(rows => {
        assert.ok(!('C-25' in rows))
        assert.ok(!('C-24' in rows))
      })
      await eventually(persons, ([left, right]) => {
        assert.deepEqual(right, left)
        assert.ok(!("C-1/O'x/3" in left))
      }, stage)
    })

    test('a conflict is decided by the map, and the losing value is kept', async () => {
      await stage.run.stop('SIGINT')
      const eleven = await customer('C-11')
      await stage.shop.update(`Customers(${eleven.ID})`, { name: 'The shop says', blocked: true })
      await stage.sales.update(`accounts(${(await account('C-11')).accountid})`, { name: 'Sales says', creditlimit: 77 })
      stage.live()
      await settled(rows => {
        assert.equal(rows['C-11'].name, 'The shop says')
        assert.equal(rows['C-11'].limit, '77')
        assert.equal(rows['C-11'].blocked, true)
      })
      const conflicts = await stage.duet('conflicts', '--json')
      assert.equal(conflicts.code, 0, conflicts.err)
      assert.match(conflicts.out, /Sales says/)
    })

    test('many edits on both sides at once end in agreement', async () => {
      const { shop, sales } = stage
      const edits = []
      for (let n = 1; n <= 20; n += 1) {
        const row = await customer(`C-${n}`)
        const other = await account(`C-${n}`)
        edits.push(shop.update(`Customers(${row.ID})`, { name: `Shop ${n}` }))
        edits.push(sales.update(`accounts(${other.accountid})`, { creditlimit: n + 0.25 }))
      }
      await Promise.all(edits)
      await settled(rows => {
        for (let n = 1; n <= 20; n += 1) {
          assert.deepEqual([rows[`C-${n}`].name, rows[`C-${n}`].limit], [`Shop ${n}`, `${n}.25`])
        }
      })
    })

    test('every change is accounted for, and nothing is left to write', async () => {
      await stage.run.stop('SIGINT')
      const audit = await stage.duet('audit', '--json')
      assert.equal(audit.code, 0, audit.out + audit.err)
      const status = await stage.duet('status', '--json')
      assert.equal(status.code, 0, status.err)
      const parked = await stage.duet('parked', '--json')
      assert.equal(parked.code, 0, parked.err)
      const trace = await stage.duet('trace', 'C-11', '--json')
      assert.equal(trace.code, 0, trace.out + trace.err)
      assert.match(trace.out, /shop\.customers/)
      const earlier = await versions()
      const synced = await stage.duet('sync', '--json')
      assert.equal(synced.code, 0, synced.out + synced.err)
      assert.deepEqual(await versions(), earlier)
    })
  })
}
