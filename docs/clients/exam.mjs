// The handler of an examination, for the worker in Node:
//   node docs/clients/pyjobs.mjs work exam docs/clients/exam.mjs --lease 1500 --grace 1000
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export const tasks = { 'exam.known': () => null }

export default async function run({ id, attempt, data, signal }) {
  const note = (word) => appendFileSync(data.log, `${word} ${id} ${attempt} node\n`)
  note('start')
  if (attempt <= (data.sleeps ?? attempt)) await sleep(data.sleep ?? 0, undefined, { signal })
  note('end')
  if (attempt <= (data.fails ?? 0)) throw new RangeError(data.message)
  return data.bytes ? 'x'.repeat(data.bytes) : data.value
}
