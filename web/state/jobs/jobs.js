// Recordings on their way to a meeting: those that the server tells of, and those that this page sends; pure.

import { ofServer, percent, t } from '../../texts/texts.js'
import { length } from '../format.js'

/**
 * A job as the HTTP API tells it.
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {string} state receiving, queued, running, done or failed
 * @property {string} name of the file
 * @property {number} size bytes
 * @property {number} modified milliseconds since 1970
 * @property {number} received bytes
 * @property {string} title
 * @property {string | null} meeting
 * @property {number | null} heard seconds
 * @property {number | null} length seconds
 * @property {number | null} remaining seconds
 * @property {string | null} problem
 */

/**
 * A file that this page sends, or is about to.
 *
 * @typedef {object} Sending
 * @property {number} key
 * @property {string} name
 * @property {number} size
 * @property {number} modified
 * @property {string | null} job its id, once the server knows of it
 * @property {number} sent bytes
 * @property {boolean} lost the connection is, and is tried again
 * @property {string} problem why it is not sent
 */

/** @typedef {{ received: number, since: number }} Arrival  bytes, and when so many were first seen, in milliseconds */

/**
 * @typedef {object} JobsState
 * @property {readonly Job[]} listed
 * @property {readonly Sending[]} sending
 * @property {ReadonlyMap<string, Arrival>} arrivals of what is being received, by id of its job
 * @property {number} looked when the server was asked, in milliseconds
 */

/**
 * A line of the list.
 *
 * @typedef {object} JobRow
 * @property {string} key
 * @property {string | null} job
 * @property {number | null} sending
 * @property {string} title
 * @property {string | null} meeting
 * @property {number | null} share of what is being done; null where nothing is, or nobody knows
 * @property {string} text
 * @property {'going' | 'failed' | 'done'} look
 * @property {boolean} running
 */

/** @type {JobsState} */
export const NO_JOBS = { listed: [], sending: [], arrivals: new Map(), looked: 0 }

const GOING = new Set(['receiving', 'queued', 'running'])
const QUIET = 10_000 // milliseconds without a byte after which nobody seems to send a recording any more
const ALMOST = 0.995 // of a recording: what follows is the last pass over all of it

/** @type {(job: Job) => boolean} */
const going = ({ state }) => GOING.has(state)

/**
 * Whether the server is worth asking again soon.
 *
 * @param {JobsState} state
 */
export const anyGoing = ({ listed, sending }) => listed.some(going) || sending.length > 0

/**
 * @param {JobsState} state
 * @param {readonly Job[]} listed as the server has just told
 * @param {number} now milliseconds
 * @returns {JobsState}
 */
export function withListed(state, listed, now) {
  const arrival = (/** @type {Job} */ { id, received }) => {
    const before = state.arrivals.get(id)
    return before?.received === received ? before : { received, since: now }
  }
  const receiving = listed.filter((job) => job.state === 'receiving')
  return { ...state, listed, arrivals: new Map(receiving.map((job) => [job.id, arrival(job)])), looked: now }
}

/**
 * The jobs that have become meetings between two states.
 *
 * @param {JobsState} before
 * @param {JobsState} after
 * @returns {Job[]}
 */
export function newlyDone(before, after) {
  const known = new Set(before.listed.filter(going).map(({ id }) => id))
  return after.listed.filter(({ id, state }) => state === 'done' && known.has(id))
}

/**
 * A job that waits for the rest of this file, which was begun to be sent earlier.
 *
 * @param {readonly Job[]} listed
 * @param {{ name: string, size: number, modified: number }} file
 */
export const begun = (listed, { name, size, modified }) =>
  listed.find((job) => job.state === 'receiving' && job.name === name && job.size === size && job.modified === modified)

/**
 * What is listed: what is over and has nothing to say stands among the meetings.
 *
 * @param {JobsState} state
 * @returns {JobRow[]}
 */
export function jobRows({ listed, sending, arrivals, looked }) {
  const stopped = (/** @type {Job} */ { id }) => looked - (arrivals.get(id)?.since ?? -Infinity) >= QUIET
  const ours = new Map(sending.map((one) => [one.job ?? begun(listed, one)?.id, one]))
  const rows = listed
    .filter(({ state, problem }) => state !== 'done' || problem)
    .map((job) => jobRow(job, ours.get(job.id) ?? null, stopped(job)))
  const known = new Set(listed.map(({ id }) => id))
  const alone = sending.filter((one) => !known.has(one.job ?? begun(listed, one)?.id ?? ''))
  return [...rows, ...alone.map(sendingRow)]
}

/**
 * @param {Job} job
 * @param {Sending | null} sending
 * @param {boolean} stopped whether nobody sends it any more
 * @returns {JobRow}
 */
function jobRow(job, sending, stopped) {
  const { id, title, meeting, state } = job
  const look = state === 'failed' ? 'failed' : state === 'done' ? 'done' : 'going'
  const line = { key: id, job: id, sending: sending?.key ?? null, title, meeting, running: state === 'running' }
  if (state === 'receiving' && sending) return { ...line, ...sendingFacts(sending), look }
  return { ...line, ...facts(job, stopped), look }
}

/**
 * @param {Sending} sending
 * @returns {JobRow}
 */
function sendingRow(sending) {
  const { key, job, name, problem } = sending
  const line = { key: `sending-${key}`, job, sending: key, title: name, meeting: null, running: false }
  return { ...line, ...sendingFacts(sending), look: problem ? 'failed' : 'going' }
}

/**
 * @param {Sending} sending
 * @returns {{ share: number | null, text: string }}
 */
function sendingFacts({ job, sent, size, lost, problem }) {
  if (problem) return { share: null, text: t('jobs.not-sent', { why: problem }) }
  const share = sent / size
  if (lost) return { share, text: t('jobs.lost', { percent: percent(share) }) }
  return job ? { share, text: t('jobs.sending', { percent: percent(share) }) } : { share: 0, text: t('jobs.next') }
}

/**
 * @param {Job} job
 * @param {boolean} stopped as above
 * @returns {{ share: number | null, text: string }}
 */
function facts({ state, received, size, heard, length: total, remaining, problem }, stopped) {
  const why = ofServer(problem ?? '')
  if (state === 'failed') return { share: null, text: t('jobs.failed', { why }) }
  if (state === 'done') return { share: null, text: t('jobs.remark', { why }) }
  if (state === 'queued') return { share: 0, text: t('jobs.queued') }
  if (state === 'receiving') {
    const share = received / size
    return { share, text: t(stopped ? 'jobs.interrupted' : 'jobs.arriving', { percent: percent(share) }) }
  }
  if (heard === null || !total) {
    return { share: null, text: heard ? t('jobs.so-far', { length: length(heard) }) : t('jobs.begins') }
  }
  const share = Math.min(1, heard / total)
  if (share >= ALMOST) return { share: 1, text: t('jobs.finishing') }
  if (remaining === null) return { share, text: t('jobs.running', { percent: percent(share) }) }
  return { share, text: t('jobs.estimate', { percent: percent(share), left: length(Math.max(1, remaining)) }) }
}
