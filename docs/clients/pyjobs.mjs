// A client of pyjobs for Node 18 and newer: a producer and a worker of reliable mode, in one file without dependencies.
//
//   node pyjobs.mjs work QUEUE MODULE [--lease MS] [--grace MS] [--concurrency N]
//       runs the function that MODULE exports as default for each job; its export `tasks` has a function for each task
//   node pyjobs.mjs submit QUEUE
//       submits a job for each line of stdin, {"data": ..., "id": ..., "options": {"delay": 5000}}, and prints a line
//       when it is submitted, {"id": ..., "outcome": "new"}, and one when it has ended: {"id": ..., "state": "done", "result": ...}
//
// As a library:
//
//   import { Producer, Worker } from './pyjobs.mjs'
//   const producer = new Producer({ queue: 'mail' })
//   const job = await producer.submit({ to: 'ann' }, { id: 'mail-7', unique: 'ann' })
//   console.log(await job.result())
//   await new Worker({ queue: 'mail', handler: async ({ data, signal }) => data.to }).run()
//
// Redis is where PYJOBS_URL says (redis://user:password@host:port/db, or rediss://), under the prefix PYJOBS_PREFIX. The
// scripts must be there: `pyjobs scripts load`.

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { realpathSync } from 'node:fs'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const URL_ = process.env.PYJOBS_URL || process.env.REDIS_URL || 'redis://localhost:6379'
const PREFIX = process.env.PYJOBS_PREFIX || 'jobs'
const IDLE_MS = 30_000
const MINUTE = 60_000
const ENDED = new Set(['done', 'failed', 'dead', 'cancelled', 'expired'])
// Redis answers so when it can do nothing at present, and has run nothing.
const PASSING = /^(LOADING|BUSY|READONLY|MASTERDOWN|MISCONF|CLUSTERDOWN|TRYAGAIN|UNKILLABLE)/

/** Redis has refused a command; `code` is the first word of its reply. */
export class Refused extends Error {
  get code() {
    return this.message.split(' ', 1)[0]
  }
}

/** No answer came: the connection is lost. Whether the command has run is unknown. */
export class Lost extends Error {}

/** A job that did not end as done: `state`, `reason`, and `error`, what its worker has recorded. */
export class JobFailed extends Error {
  constructor(id, state, reason, error) {
    super(`job ${id} is ${state}${reason && reason !== '-' ? ` (${reason})` : ''}: ${error?.message ?? ''}`)
    Object.assign(this, { id, state, reason, error })
  }
}

const log = (...words) => console.error('pyjobs:', ...words)
const now = () => Math.floor(performance.now())
const text = (value) => (value instanceof Buffer ? value.toString() : value)

// --- a connection ---

/** One value of RESP2 at an offset of a buffer: [value, offset behind it], or nothing when more bytes must come. */
export function parse(buffer, from = 0) {
  const end = buffer.indexOf('\r\n', from)
  if (end < 0) return
  const rest = buffer.toString('utf8', from + 1, end)
  const after = end + 2
  switch (buffer[from]) {
    case 0x3a:
      return [Number(rest), after]
    case 0x2b:
      return [rest, after]
    case 0x2d:
      return [new Refused(rest), after]
    case 0x24: {
      const size = Number(rest)
      if (size < 0) return [null, after]
      if (buffer.length < after + size + 2) return
      return [buffer.subarray(after, after + size), after + size + 2]
    }
    case 0x2a: {
      const values = []
      let offset = after
      for (let left = Number(rest); left > 0; left--) {
        const found = parse(buffer, offset)
        if (!found) return
        values.push(found[0])
        offset = found[1]
      }
      return [values, offset]
    }
    default:
      throw new Lost(`not RESP2: ${rest.slice(0, 40)}`)
  }
}

/** A connection, made at the first command and again after it was lost. Its user sends lost commands again, or does not. */
export class Connection {
  #url
  #socket
  #waiting = []
  #buffer = Buffer.alloc(0)

  /**
   * @param {string} url of the server
   * @param {{onMessage?: (channel: string, body: Buffer) => void, onLost?: () => void, patience?: number}} options
   *     patience: ms until an answer must come; 0: any time
   */
  constructor(url = URL_, { onMessage, onLost, patience = 10_000 } = {}) {
    this.#url = new URL(url)
    Object.assign(this, { onMessage, onLost, patience })
  }

  /** Sends a command; resolves to its reply. Rejects with Refused or Lost. */
  async send(...words) {
    if (!this.#socket) this.#open()
    const reply = await this.#write(words)
    if (reply instanceof Refused) throw reply
    return reply
  }

  close() {
    this.#socket?.destroy()
    this.#fail(new Lost('closed'))
  }

  #open() {
    const { protocol, hostname, port, username, password, pathname } = this.#url
    const where = { host: hostname.replace(/^\[|\]$/g, '') || 'localhost', port: Number(port || 6379) }
    const socket = protocol === 'rediss:' ? tls.connect({ ...where, servername: where.host }) : net.connect(where)
    this.#socket = socket
    this.#buffer = Buffer.alloc(0)
    socket.setNoDelay(true).setKeepAlive(true, 15_000)
    socket.on('data', (bytes) => this.#read(bytes))
    socket.on('error', (error) => this.#socket === socket && this.#fail(new Lost(error.message)))
    socket.on('close', () => this.#socket === socket && this.#fail(new Lost('connection closed')))
    const login = [username, password].filter(Boolean).map(decodeURIComponent)
    if (password) this.#write(['AUTH', ...login]).catch(() => {})
    if (pathname.length > 1) this.#write(['SELECT', pathname.slice(1)]).catch(() => {})
  }

  #write(words) {
    const parts = [Buffer.from(`*${words.length}\r\n`)]
    for (const word of words) {
      const bytes = word instanceof Buffer ? word : Buffer.from(String(word))
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
    }
    return new Promise((resolve, reject) => {
      const timer = this.patience && setTimeout(() => this.#fail(new Lost(`no answer in ${this.patience} ms`)), this.patience)
      this.#waiting.push({ resolve, reject, timer })
      this.#socket.write(Buffer.concat(parts))
    })
  }

  #read(bytes) {
    this.#buffer = this.#buffer.length ? Buffer.concat([this.#buffer, bytes]) : bytes
    let offset = 0
    try {
      for (let found; (found = parse(this.#buffer, offset)); offset = found[1]) {
        const [value] = found
        const kind = this.onMessage && Array.isArray(value) && text(value[0])
        if (kind === 'message' || kind === 'pmessage') this.onMessage(text(value.at(-2)), value.at(-1))
        else this.#answer(value)
      }
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#buffer = this.#buffer.subarray(offset)
  }

  #answer(value) {
    const first = this.#waiting.shift()
    clearTimeout(first?.timer)
    first?.resolve(value)
  }

  #fail(error) {
    const [socket, waiting] = [this.#socket, this.#waiting]
    this.#socket = undefined
    this.#waiting = []
    socket?.destroy()
    for (const { reject, timer } of waiting) {
      clearTimeout(timer)
      reject(error)
    }
    if (socket) this.onLost?.()
  }
}

// --- scripts ---

/** The scripts of a prefix: read once and kept, since a Redis that comes back empty has none. */
class Scripts {
  #shas = new Map()
  #bodies = new Map()

  constructor(prefix) {
    this.prefix = prefix
  }

  /** Reads scripts, by their names. */
  async read(connection, ...names) {
    for (const name of names) {
      const sha = text(await connection.send('HGET', `${this.prefix}:scripts`, `${name}@1`))
      const body = sha && (await connection.send('HGET', `${this.prefix}:bodies`, sha))
      if (!body) throw new Error(`${this.prefix}:scripts has no ${name}@1: run 'pyjobs scripts load'`)
      if (createHash('sha1').update(body).digest('hex') !== sha) throw new Error(`the body of ${name}@1 is another one`)
      this.#shas.set(name, sha)
      this.#bodies.set(name, body)
    }
  }

  /** Calls a script of a queue once. */
  async once(connection, name, queue, ...args) {
    const words = ['EVALSHA', this.#shas.get(name), 1, queue, ...args]
    try {
      return await connection.send(...words)
    } catch (error) {
      if (error.code !== 'NOSCRIPT') throw error
      await connection.send('SCRIPT', 'LOAD', this.#bodies.get(name))
      return connection.send(...words)
    }
  }

  /** Calls a script that is safe to repeat, until an answer comes or `enough()` says that it is too late. */
  async call(connection, enough, name, queue, ...args) {
    for (let tries = 0; ; tries++) {
      try {
        return await this.once(connection, name, queue, ...args)
      } catch (error) {
        if (!(error instanceof Lost) && !PASSING.test(error.message)) throw error
        if (enough()) throw error
        if (tries === 1) log(`no answer to ${name}: ${error.message}`)
        await sleep(Math.min(50 * 2 ** tries, 2000) * (0.5 + Math.random() / 2))
      }
    }
  }
}

/** Options of a call: name=value words, percent-encoded. */
function optionsText(options) {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join(' ')
}

function every(ms, what) {
  const timer = setInterval(() => what().catch((error) => log(error.message)), ms)
  timer.unref()
  return timer
}

// --- a producer ---

/** A submitted job. `outcome` is 'new', or the state of the job that was there before. */
class Job {
  constructor(id, outcome) {
    Object.assign(this, { id, outcome })
    this.ended = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  /** Resolves to the result when the job is done. Rejects with JobFailed when it has ended otherwise. */
  async result() {
    const { state, reason, body } = await this.ended
    const value = body.length ? JSON.parse(body) : null
    if (state !== 'done') throw new JobFailed(this.id, state, reason, value)
    return value
  }
}

/** What a message holds: {id, state, reason, body} for each result, and for each progress and chunk of output too. */
export function results(message) {
  const found = []
  for (let at = 0; at < message.length; ) {
    const end = message.indexOf('\n', at)
    if (end < 0) break
    const words = message.toString('utf8', at, end).split(' ')
    const size = Number(words.at(-1))
    if (!Number.isSafeInteger(size) || size < 0) break
    const body = message.toString('utf8', end + 1, end + 1 + size)
    if (words.length >= 7) found.push({ id: words[0], state: words[1], reason: words[2], body })
    at = end + 1 + size + 1
  }
  return found
}

/** Submits jobs to a queue of reliable mode and hears how they end. */
export class Producer {
  #scripts
  #connection
  #channel
  #hears
  #jobs = new Map()
  #ready
  #timers = []
  #pause = 1000
  #looked = now()

  constructor({ queue, url = URL_, prefix = PREFIX }) {
    this.name = queue
    this.prefix = prefix
    this.queue = `${prefix}:{${queue}}`
    this.client = randomBytes(16).toString('hex')
    this.#channel = `${this.queue}:client:${this.client}`
    this.#scripts = new Scripts(prefix)
    this.#connection = new Connection(url)
    this.#hears = new Connection(url, { patience: 0, onMessage: (_, body) => this.#heard(body), onLost: () => this.#listen() })
  }

  /** Reads the scripts and subscribes; the first submit does so too. */
  ready() {
    this.#ready ??= this.#start()
    return this.#ready
  }

  /**
   * Submits a job. The id makes it safe to submit the job again; `options` are those of the script: delay, expires, unique, task ...
   * Rejects with Refused: 'CONFLICT' when another job has the id, QUEUEFULL, BADARG, TOOLARGE.
   */
  async submit(data, { id = randomBytes(16).toString('hex'), ...options } = {}) {
    await this.ready()
    const until = now() + IDLE_MS
    const words = [this.client, optionsText(options), id, JSON.stringify(data)]
    // Before the call: its message may come before its answer does.
    const job = this.#jobs.get(id) ?? new Job(id)
    this.#jobs.set(id, job)
    let reply
    try {
      reply = await this.#scripts.call(this.#connection, () => now() > until, 'reliable/submit', this.queue, ...words)
      if (text(reply[1]) === 'CONFLICT') throw new Refused(`CONFLICT: another job has the id ${id}`)
    } catch (error) {
      this.#jobs.delete(id)
      throw error
    }
    const [stands, outcome] = reply.map(text)
    if (stands !== id) {
      // Another job holds the unique key.
      this.#jobs.delete(id)
      if (!this.#jobs.has(stands)) this.#jobs.set(stands, new Job(stands))
    }
    const standing = this.#jobs.get(stands) ?? job
    standing.outcome = outcome
    if (ENDED.has(outcome)) await this.#look([stands])
    return standing
  }

  close() {
    this.#timers.forEach(clearInterval)
    this.#hears.onLost = undefined
    this.#hears.close()
    this.#connection.close()
  }

  async #start() {
    await this.#scripts.read(this.#connection, 'reliable/submit', 'queue/result')
    await this.#hears.send('SUBSCRIBE', this.#channel)
    const enter = () => this.#connection.send('HSET', `${this.prefix}:queues`, this.name, 'reliable')
    await enter()
    this.#timers = [every(MINUTE, enter), every(250, () => this.#sweep())]
  }

  async #listen() {
    for (;;) {
      await sleep(100)
      try {
        await this.#hears.send('SUBSCRIBE', this.#channel)
        break
      } catch (error) {
        if (!this.#hears.onLost) return
      }
    }
    this.#pause = 1000
    await this.#look([...this.#jobs.keys()]).catch(() => {}) // messages were missed
  }

  // A message may be missed. So the stored results are asked for: each second, and less often when nothing comes for long.
  async #sweep() {
    if (!this.#jobs.size || now() - this.#looked < this.#pause) return
    this.#looked = now()
    this.#pause = Math.min(this.#pause * 1.5, 10_000)
    await this.#look([...this.#jobs.keys()].slice(0, 1000))
  }

  async #look(ids) {
    // A reply with many bytes has the first jobs only.
    for (let left = ids.slice(0, 1000), stored; left.length; left = left.slice(stored.length)) {
      stored = await this.#scripts.once(this.#connection, 'queue/result', this.queue, ...left)
      stored.forEach(([state, reason, , , , body], at) => {
        if (ENDED.has(text(state))) this.#settle({ id: left[at], state: text(state), reason: text(reason), body: text(body) })
        else if (!text(state)) this.#settle({ id: left[at], state: 'gone', reason: '-', body: '' })
      })
    }
  }

  #heard(body) {
    for (const one of results(body)) if (ENDED.has(one.state)) this.#settle(one)
  }

  #settle(ended) {
    this.#pause = 1000
    this.#jobs.get(ended.id)?.settle(ended)
    this.#jobs.delete(ended.id)
  }
}

// --- a worker ---

/** Does the jobs of a queue of reliable mode. Handlers run in this process and must not block it for a third of the lease. */
export class Worker {
  #scripts
  #work
  #beats
  #waits
  #held = new Map() // id -> {token, ends, abort, lost}
  #runs = new Set()
  #stopping = false
  #idle

  /**
   * @param {object} settings
   * @param {(job: {id, data, attempt, task, saved, signal}) => any} settings.handler of jobs without a task. Its signal aborts when
   *     the job is cancelled, lost or out of time; what the handler does then counts for nothing
   * @param {object} settings.tasks a handler for each task
   * @param {number} settings.lease ms
   * @param {number} settings.grace ms that runs may go on after a stop
   */
  constructor({ queue, handler, tasks = {}, url = URL_, prefix = PREFIX, lease = 30_000, grace = 10_000, concurrency = 1 }) {
    Object.assign(this, { name: queue, handler, tasks, prefix, lease, grace, concurrency, queue: `${prefix}:{${queue}}` })
    this.#scripts = new Scripts(prefix)
    const patience = Math.max(lease / 3, 1000)
    this.#work = new Connection(url, { patience })
    this.#beats = new Connection(url, { patience })
    this.#waits = new Connection(url, { patience: IDLE_MS + 10_000 })
  }

  /** Works until `stop()`. Rejects when Redis refuses the calls. */
  async run() {
    const verbs = ['claim', 'extend', 'complete', 'fail', 'release'].map((verb) => `reliable/${verb}`)
    await this.#scripts.read(this.#work, ...verbs, 'queue/wake')
    const enter = () => this.#work.send('HSET', `${this.prefix}:queues`, this.name, 'reliable')
    await enter()
    const timers = [every(MINUTE, enter), every(this.lease / 3, () => this.#extend())]
    try {
      while (!this.#stopping) await this.#round()
      await this.#end()
    } finally {
      timers.forEach(clearInterval)
      for (const connection of [this.#work, this.#beats, this.#waits]) connection.close()
    }
  }

  /** Ends `run()`: after the grace, jobs whose runs have not ended are handed back. */
  stop() {
    this.#stopping = true
    this.#waits.close()
    this.#idle?.()
  }

  async #round() {
    const room = this.concurrency - this.#held.size
    if (room <= 0) {
      await new Promise((resolve) => {
        this.#idle = resolve
      })
      return
    }
    const nonce = randomBytes(16).toString('hex') // of one claim, and never again
    const sent = now()
    let reply
    try {
      reply = await this.#call('reliable/claim', nonce, room, this.lease, '')
    } catch (error) {
      if (this.#stopping) return
      throw error
    }
    const [wait, ...jobs] = reply
    for (const job of jobs) this.#begin(job, sent)
    if (jobs.length || wait === 0 || this.#stopping) return
    const longest = Math.min(this.lease, IDLE_MS)
    const ms = Math.max(10, wait > 0 ? Math.min(wait, longest) : longest) // Redis 6.2 takes a millisecond for 0: no end
    await this.#waits.send('BLPOP', `${this.queue}:wake`, ms / 1000).catch(() => this.#stopping || sleep(200))
  }

  #begin([, idBytes, tokenBytes, data, attempt, , timeout, taskBytes, saved], sent) {
    const [id, token, task] = [text(idBytes), text(tokenBytes), text(taskBytes) ?? '']
    const handler = task ? this.tasks[task] : this.handler
    const held = { token, ends: sent + this.lease, abort: new AbortController(), lost: undefined }
    this.#held.set(id, held)
    const run = this.#stopping
      ? this.#call('reliable/release', '', id, token)
      : handler
        ? this.#run(id, held, handler, { data, attempt, timeout, task, saved })
        : this.#call('reliable/release', 'unknown=1', id, token)
    const done = run
      .catch((error) => log(`job ${id}: its outcome was not recorded: ${error.message}`))
      .finally(() => {
        if (this.#held.get(id) === held) this.#held.delete(id)
        this.#runs.delete(done)
        this.#idle?.()
      })
    this.#runs.add(done)
  }

  async #run(id, held, handler, { data, attempt, timeout, task, saved }) {
    const { signal } = held.abort
    const late = timeout > 0 && setTimeout(() => held.abort.abort(new Late(`took longer than ${timeout / 1000} s`)), timeout)
    const cut = once(signal, 'abort').then(() => {
      throw signal.reason
    })
    cut.catch(() => {})
    let outcome
    try {
      const job = { id, attempt, task, signal, data: decoded(data), saved: saved && decoded(saved) }
      const value = await Promise.race([Promise.resolve().then(() => handler(job)), cut])
      outcome = ['reliable/complete', '', id, held.token, JSON.stringify(value ?? null)]
    } catch (error) {
      const verdict = error instanceof Undecodable ? 'reject' : 'retry'
      outcome = ['reliable/fail', '', id, held.token, verdict, failure(error)]
    }
    clearTimeout(late)
    if (held.lost === 'unrenewed' || held.lost === 'stopped') return this.#call('reliable/release', '', id, held.token)
    if (held.lost) return log(`job ${id}: its run was ended: ${held.lost}`)
    try {
      await this.#call(...outcome)
    } catch (error) {
      if (!['TOOLARGE', 'BADARG'].includes(error.code)) throw error
      await this.#call('reliable/fail', '', id, held.token, 'reject', failure(error))
    }
  }

  /** Calls until an answer comes; a worker that stops tries for as long as its lease. */
  #call(script, ...words) {
    const until = now() + this.lease
    return this.#scripts.call(this.#work, () => this.#stopping && now() > until, script, this.queue, ...words)
  }

  async #extend() {
    const held = [...this.#held]
    if (!held.length) return
    const sent = now()
    let words = []
    try {
      words = await this.#scripts.once(this.#beats, 'reliable/extend', this.queue, this.lease, ...held.flatMap(([id, { token }]) => [id, token]))
    } catch (error) {
      log(`leases were not renewed: ${error.message}`)
    }
    held.forEach(([, one], at) => {
      const word = words[at] && text(words[at])
      if (word === 'inflight') one.ends = sent + this.lease
      else if (word || now() > one.ends) this.#cut(one, word ?? 'unrenewed')
    })
  }

  #cut(held, why) {
    held.lost ??= why
    held.abort.abort(new Error(why))
  }

  async #end() {
    const grace = new AbortController()
    const over = sleep(this.grace, undefined, { signal: grace.signal }).catch(() => {})
    await Promise.race([Promise.all(this.#runs), over])
    grace.abort()
    for (const held of this.#held.values()) this.#cut(held, 'stopped')
    await Promise.all(this.#runs)
    // The wait that was cut off may have taken a token.
    await this.#call('queue/wake').catch((error) => log(error.message))
  }
}

class Undecodable extends Error {}

class Late extends Error {
  name = 'TimeoutError'
}

function decoded(bytes) {
  try {
    return JSON.parse(bytes)
  } catch (error) {
    throw new Undecodable(`not JSON: ${error.message}`)
  }
}

/** An error as clients read it. */
function failure(error) {
  const known = error instanceof Error ? error : new Error(String(error))
  const type = known.name === 'Error' ? known.constructor.name : known.name
  return JSON.stringify({ type, message: known.message, traceback: (known.stack ?? '').slice(0, 8000) })
}

// --- the command ---

async function work(queue, module, options) {
  const { default: handler, tasks } = await import(pathToFileURL(module))
  const worker = new Worker({ queue, handler, tasks, ...options })
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => worker.stop())
  await worker.run()
}

async function submit(queue) {
  const producer = new Producer({ queue })
  try {
    await producer.ready()
    await submitLines(producer)
  } finally {
    producer.close()
  }
}

async function submitLines(producer) {
  const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
  const waiting = []
  for await (const line of createInterface({ input: process.stdin })) {
    const { data, id, options } = JSON.parse(line)
    try {
      const job = await producer.submit(data, { id, ...options })
      print({ id: job.id, outcome: job.outcome })
      const ended = ({ state, reason, body }) => {
        const value = body ? JSON.parse(body) : null
        print(state === 'done' ? { id: job.id, state, result: value } : { id: job.id, state, reason, error: value })
      }
      waiting.push(job.ended.then(ended))
    } catch (error) {
      print({ id, error: error.message })
    }
  }
  await Promise.all(waiting)
}

async function main() {
  const number = { type: 'string' }
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { lease: number, grace: number, concurrency: number } })
  const [command, queue, module, ...more] = positionals
  const options = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]))
  if (command === 'work' && module && !more.length && !Object.values(options).some(Number.isNaN)) return work(queue, module, options)
  if (command === 'submit' && queue && !module) return submit(queue)
  console.error('usage: pyjobs.mjs work QUEUE MODULE [--lease MS] [--grace MS] [--concurrency N] | pyjobs.mjs submit QUEUE')
  process.exitCode = 2
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  main().catch((error) => {
    log(error.message)
    process.exitCode = 1
  })
}
