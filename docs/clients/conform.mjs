// Sends the calls of vectors, and compares replies, keys and messages: proves the connection of pyjobs.mjs, or a server.
//   node docs/clients/conform.mjs lua/conformance/*.json
// The server, PYJOBS_URL, must have the scripts and no queue.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Connection, Refused } from './pyjobs.mjs'

const TRIES = 20
const LATE_MS = 90
const FAR_MS = 450
const MONTH_MS = 30 * 24 * 3_600_000
const bytes = (text) => Buffer.from(text, 'latin1')

/** A reply in RESP2. */
function encoded(reply) {
  if (Array.isArray(reply)) return `*${reply.length}\r\n${reply.map(encoded).join('')}`
  if (reply instanceof Refused) return `-${reply.message}\r\n`
  if (typeof reply === 'number') return `:${reply}\r\n`
  return `$${reply.length}\r\n${reply.toString('latin1')}\r\n`
}

/** Writes moments of a text by their distance from now. */
class Moments {
  #texts = new Map()

  plain(text, now, jitter) {
    const named = text.replace(/(?<![0-9])1[0-9]{12}(?![0-9])/g, (moment) => {
      const distance = Number(moment) - now
      if (Math.abs(distance) > MONTH_MS) return moment
      if (!this.#texts.has(moment)) {
        const seconds = Math.max(0, Math.round(distance / 1000))
        this.#texts.set(moment, seconds ? `<now+${jitter ? 'jitter' : `${seconds}000`}>` : '<now>')
      }
      return this.#texts.get(moment)
    })
    return jitter ? named.replace(/(?<=delayed=)[0-9]+/g, '<jitter>') : named
  }
}

const asks = new Connection()
const heard = []
const hears = new Connection(undefined, { onMessage: (channel, body) => heard.push([channel, body.toString('latin1')]) })
const READ = {
  string: ['GET'],
  list: ['LRANGE', 0, -1],
  hash: ['HGETALL'],
  zset: ['ZRANGE', 0, -1, 'WITHSCORES'],
}

/** Each key of a queue but its counters and events: its type, value, and TTL in seconds, up to the next ten. */
async function keys() {
  const found = {}
  for (const raw of await asks.send('KEYS', 'jobs:{*')) {
    const key = raw.toString()
    if (/\}:(counters|events)/.test(key)) continue
    const ttl = await asks.send('PTTL', key)
    if (ttl !== -1 && ttl < 5000) continue // gone, or soon
    const type = await asks.send('TYPE', key)
    const [command, ...rest] = READ[type]
    const read = await asks.send(command, key, ...rest)
    const texts = Array.isArray(read) ? read.map((one) => one.toString('latin1')) : read.toString('latin1')
    const pairs = type === 'hash' || type === 'zset'
    const value = pairs ? Object.fromEntries(texts.flatMap((one, at) => (at % 2 ? [] : [[one, texts[at + 1]]]))) : texts
    found[key] = { type, value, ...(ttl >= 0 && { ttl: Math.ceil(ttl / 10_000) * 10 }) }
  }
  return found
}

/** A value with the moments of its texts, but for names. */
function named(value, plain) {
  if (typeof value === 'string') return plain(value)
  if (Array.isArray(value)) return value.map((one) => named(one, plain))
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, named(one, plain)]))
  return value
}

/** Sends the calls of a file to a server without queues. Returns what differs, or nothing; 'late' when the machine stood still. */
async function compared(steps, shas) {
  for (const key of await asks.send('KEYS', 'jobs:{*')) await asks.send('DEL', key)
  heard.length = 0
  const moments = new Moments()
  let before = {}
  const waits = steps.some(({ after }) => after)
  let replied = performance.now()
  for (const { after = 0, call, reply = '', keys: changes = {}, messages = [], jitter } of steps) {
    await sleep(after)
    const asked = performance.now()
    const [seconds, micros] = (await asks.send('TIME')).map(Number)
    const now = seconds * 1000 + Math.floor(micros / 1000)
    const [script, ...words] = call
    const got = await asks.send('EVALSHA', shas.get(script), ...words.map(bytes)).catch((error) => error)
    if (!(got instanceof Refused) && got instanceof Error) throw got
    const last = replied
    replied = performance.now()
    if (replied - asked > FAR_MS || (waits && replied - last > LATE_MS + after)) return 'late'
    const plain = (text) => moments.plain(text, now, jitter)
    const there = await keys()
    await hears.send('PING') // what was published before has come then
    const names = [...new Set([...Object.keys(before), ...Object.keys(there)])].sort()
    const changed = names.filter((name) => !isDeepStrictEqual(before[name], there[name]))
    const found = {
      reply: plain(encoded(got)),
      keys: Object.fromEntries(changed.map((name) => [name, named(there[name] ?? null, plain)])),
      messages: named(heard.splice(0).sort(([one], [other]) => (one < other ? -1 : one > other)), plain),
    }
    const wanted = { reply, keys: changes, messages }
    for (const what of Object.keys(wanted)) {
      if (!isDeepStrictEqual(found[what], wanted[what])) {
        return `${script}: ${what}: ${JSON.stringify(found[what])}, and not ${JSON.stringify(wanted[what])}`
      }
    }
    before = there
  }
}

async function main(files) {
  const shas = new Map()
  const listed = await asks.send('HGETALL', 'jobs:scripts')
  for (let at = 0; at < listed.length; at += 2) shas.set(listed[at].toString(), listed[at + 1].toString())
  for (const sha of shas.values()) await asks.send('SCRIPT', 'LOAD', await asks.send('HGET', 'jobs:bodies', sha))
  if (!files.length || !shas.size || (await asks.send('KEYS', 'jobs:{*')).length) {
    console.error("usage: conform.mjs FILE..., with PYJOBS_URL of a server that has the scripts ('pyjobs scripts load') and no queue")
    return 2
  }
  let broken = 0
  await hears.send('PSUBSCRIBE', 'jobs:{*')
  for (const file of files) {
    const { title, steps } = JSON.parse(readFileSync(file, 'utf8'))
    let problem = 'late'
    for (let tries = 0; problem === 'late' && tries < TRIES; tries++) problem = await compared(steps, shas)
    console.log(`${title}: ${problem ?? `${steps.length} calls, all right`}`)
    if (problem) broken = 1
  }
  for (const key of await asks.send('KEYS', 'jobs:{*')) await asks.send('DEL', key)
  return broken
}

process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  console.error(`conform: ${error.message}`)
  return 1
})
asks.close()
hears.close()
