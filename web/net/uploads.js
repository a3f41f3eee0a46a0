// Sends recordings piece by piece, one after another. What has arrived is not sent again: after a lost connection the
// server says how much that is. It goes on while its reader looks at other pages of ours.

import { ApiError, call, request } from './api.js'
import { serverUrl } from './urls.js'
import { dated } from '../state/jobs/dating.js'
import { begun } from '../state/jobs/jobs.js'
import { t } from '../texts/texts.js'

/** @typedef {import('../state/jobs/jobs.js').Job} Job */
/** @typedef {import('../state/jobs/jobs.js').Sending} Sending */
/** @typedef {import('../state/jobs/models.js').ModelChoice} ModelChoice */
/** @typedef {import('../state/jobs/models.js').AgainBody} AgainBody */
/** @typedef {{ hotwords?: string[], speakers?: string }} Asked  what is said of the meeting */
/** @typedef {{ asked: Asked, recorded: string }} Told  that, and when all was recorded, as `dated` takes it */
/** @typedef {Sending & Told & { file: File, stop: AbortController }} Own */

const PIECE = 1 << 20 // bytes
const WAITS = [500, 1000, 2000, 5000, 10_000] // milliseconds before a lost connection is tried again
const ANEW = new Set(['outdated', 'busy']) // codes of 409 after which the server says where to go on

/** @type {(id?: string) => string} */
const jobs = (id) => serverUrl(id ? `api/jobs/${encodeURIComponent(id)}` : 'api/jobs').href

/** @type {() => Promise<{ jobs: Job[] }>} */
export const listJobs = () => call('GET', jobs())

/** @type {(id: string) => Promise<void>} */
export const cancelJob = (id) => call('DELETE', jobs(id))

/**
 * The models that a meeting can be transcribed again with; none where the server does not say.
 *
 * @returns {Promise<readonly ModelChoice[]>}
 */
export const listModels = () =>
  call('GET', serverUrl('api/models').href).then(
    ({ models }) => models,
    () => [],
  )

/**
 * Has a meeting that is over transcribed again.
 *
 * @param {string} id
 * @param {AgainBody} body
 * @returns {Promise<Job>}
 */
export const transcribeAgain = (id, body) =>
  call('POST', serverUrl(`api/meetings/${encodeURIComponent(id)}/transcription`).href, { body, id })

/** @type {(milliseconds: number) => Promise<void>} */
const pause = (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds))

/** @type {(response: Response) => number} */
const offsetOf = (response) => Number(response.headers.get('upload-offset'))

class Uploads {
  /** @type {Own[]} */
  #queue = []
  #keys = 0
  #working = false
  /** @type {() => void} called when `sending` is another one */
  onChange = () => {}
  /** @type {readonly Sending[]} */
  sending = []

  /** Whether a page that is closed now takes something with it. */
  get busy() {
    return this.#working
  }

  /**
   * Sends files, in turn.
   *
   * @param {readonly File[]} files
   * @param {Told} told
   */
  add(files, { asked, recorded }) {
    for (const file of files) {
      const { name, size, lastModified } = file
      const facts = { key: ++this.#keys, name: name.slice(0, 255), size, modified: Math.max(0, lastModified) }
      const none = { job: null, sent: 0, lost: false, problem: '' }
      this.#queue.push({ ...facts, ...none, asked, recorded, file, stop: new AbortController() })
    }
    this.#told()
    this.#work()
  }

  /**
   * Stops sending a file, or forgets one that could not be sent; what becomes of its job is asked of the server.
   *
   * @param {number} key
   */
  drop(key) {
    this.#queue.find((one) => one.key === key)?.stop.abort()
    this.#queue = this.#queue.filter((one) => one.key !== key)
    this.#told()
  }

  async #work() {
    if (this.#working) return
    this.#working = true
    for (let one = this.#next(); one; one = this.#next()) {
      await this.#send(one)
      if (!one.problem) this.drop(one.key)
    }
    this.#working = false
  }

  #next() {
    return this.#queue.find(({ problem }) => !problem)
  }

  /** @param {Own} one */
  async #send(one) {
    for (let tries = 0; !one.stop.signal.aborted; ) {
      try {
        one.job ??= await beginning(one)
        one.sent = offsetOf(await request('HEAD', `${jobs(one.job)}/recording`))
        while (one.sent < one.size) {
          one.sent = await sendPiece(one, one.job)
          one.lost = false
          tries = 0
          this.#told()
        }
        return
      } catch (caught) {
        if (one.stop.signal.aborted) return
        const error = /** @type {ApiError} */ (caught)
        const passes = error.status === 0 || error.status >= 500 || ANEW.has(error.code)
        if (!passes) one.problem = error.message
        else one.lost = true
        this.#told()
        if (!passes) return
        await pause(WAITS[Math.min(tries++, WAITS.length - 1)])
      }
    }
  }

  #told() {
    this.sending = this.#queue.map(({ key, name, size, modified, job, sent, lost, problem }) => {
      return { key, name, size, modified, job, sent, lost, problem }
    })
    this.onChange()
  }
}

/**
 * The job of a file, which may have been begun earlier.
 *
 * @param {Own} one
 * @returns {Promise<string>}
 */
async function beginning({ name, size, modified, asked, recorded }) {
  if (!size) throw new ApiError(400, 'empty', t('jobs.empty'))
  const known = begun((await listJobs()).jobs, { name, size, modified })
  if (known) return known.id
  const body = { name, size, modified, ...asked, ...dated(recorded, modified, Date.now()) }
  return (await call('POST', jobs(), { body })).id
}

/**
 * @param {Own} one
 * @param {string} job
 * @returns {Promise<number>} bytes that have arrived by then
 */
async function sendPiece({ file, sent, stop }, job) {
  const piece = await file
    .slice(sent, sent + PIECE)
    .arrayBuffer()
    .catch(() => Promise.reject(new ApiError(400, 'unreadable', t('jobs.unreadable'))))
  const headers = { 'upload-offset': String(sent), 'Content-Type': 'application/octet-stream' }
  return offsetOf(await request('PATCH', `${jobs(job)}/recording`, { piece, headers, signal: stop.signal }))
}

/** The one that all pages of this tab share. */
export const uploads = new Uploads()
