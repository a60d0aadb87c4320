// BullMQ for Node behind the face of driver.py: the same roles, environment and lines.
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { BENCH_URL, BENCH_CASE, BENCH_REPORT, BENCH_MODULES } = process.env;
const { Job, Queue, QueueEvents, Worker } = createRequire(`${BENCH_MODULES}/`)('bullmq');
const benchCase = JSON.parse(BENCH_CASE);
const { hostname, port } = new URL(BENCH_URL);
const connection = { host: hostname, port: Number(port) };
const NAME = 'bench';
const REPORT_MS = 50;
const ANSWER_MS = 20000;
const SAMPLE = 100;
const data = { first: 3, second: 4 };
const ANSWER = 7;

const now = () => Number(process.hrtime.bigint()) / 1e9; // the steady clock of Python too
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

function tell(values) {
  try {
    writeSync(Number(BENCH_REPORT), `${JSON.stringify(values)}\n`);
  } catch {
    process.exit(1); // whoever started this is gone
  }
}

function work() {
  let ran = 0, first = 0, last = 0, used = 0;
  new Worker(NAME, async (job) => {
    last = now();
    if (ran === 0) [first, used] = [last, cpu()];
    ran += 1;
    return job.data.first + job.data.second;
  }, { connection, concurrency: benchCase.concurrency });
  setInterval(() => tell(ran ? { ran, first, last, cpu: cpu() - used } : { ran }), REPORT_MS);
}

async function serve() {
  const queue = new Queue(NAME, { connection });
  await queue.waitUntilReady();
  let events = null;
  if (benchCase.answers) {
    events = new QueueEvents(NAME, { connection });
    events.setMaxListeners(0);
    await events.waitUntilReady();
  }

  const one = () => queue.add('add', data);
  const many = (jobs) => queue.addBulk(Array.from({ length: jobs }, () => ({ name: 'add', data })));
  const result = async (job) =>
    events ? job.waitUntilFinished(events, ANSWER_MS) : (await Job.fromId(queue, job.id)).returnvalue;
  let handles = [], wrong = [];
  const judge = (got) => {
    if (got !== ANSWER) wrong.push(String(got).slice(0, 80));
  };
  const trip = async () => judge(await result(await one()));

  const answers = {
    async one({ jobs }) {
      handles = [];
      while (handles.length < jobs) handles.push(await one());
      return { jobs: handles.length };
    },
    async bulk({ jobs }) {
      handles = [];
      while (handles.length < jobs) {
        handles.push(...await many(Math.min(benchCase.batch, jobs - handles.length)));
      }
      return { jobs: handles.length };
    },
    async check() {
      const step = Math.max(1, Math.floor(handles.length / SAMPLE));
      for (let at = 0; at < handles.length; at += step) judge(await result(handles[at]));
      return {};
    },
    async alone({ jobs, seconds }) {
      const took = [];
      const until = now() + seconds;
      while (took.length < jobs && now() < until) {
        const begun = now();
        await trip();
        took.push(now() - begun);
      }
      took.sort((one, other) => one - other);
      const at = (part) => took[Math.floor(took.length * part)];
      return { jobs: took.length, p50: at(0.5), p99: at(0.99) };
    },
    async outstanding({ jobs, at_once, seconds }) {
      const until = now() + seconds;
      let left = jobs, done = 0;
      await Promise.all(Array.from({ length: at_once }, async () => {
        while (left > 0 && now() < until) {
          left -= 1;
          await trip();
          done += 1;
        }
      }));
      return { jobs: done };
    },
  };

  tell({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    wrong = [];
    const begun = now(), used = cpu();
    const told = await answers[asked.do](asked);
    tell({ ...told, seconds: now() - begun, cpu: cpu() - used, wrong });
  }
  process.exit(0);
}

if (process.argv.at(-1) === 'worker') work();
else await serve();
