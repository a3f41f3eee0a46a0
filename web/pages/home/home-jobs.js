// Recordings on the first page: asks the server how far they are, sends files, and stops both.

import { attention } from '../attention.js'
import { cancelJob, listJobs, uploads } from '../../net/uploads.js'
import { anyGoing, newlyDone, NO_JOBS, withListed } from '../../state/jobs/jobs.js'
import { t } from '../../texts/texts.js'
import { confirm } from '../../view/dialogs/confirm-dialog.js'

/** @typedef {import('../../state/jobs/jobs.js').JobRow} JobRow */
/** @typedef {import('../../state/jobs/jobs.js').JobsState} JobsState */

const EVERY = 1000 // milliseconds between two looks while something is on its way

addEventListener('beforeunload', (event) => {
  if (uploads.busy) event.preventDefault()
})

export class HomeJobs {
  #options
  /** @type {JobsState} */
  #state = NO_JOBS
  /** @type {number | undefined} */
  #timer
  #asking = false
  #closed = false
  #stopListening = () => {}

  /**
   * @param {object} options
   * @param {(jobs: JobsState) => void} options.onChange
   * @param {(titles: string[]) => void} options.onDone recordings have become meetings
   * @param {(problem: string) => void} options.onProblem
   */
  constructor(options) {
    this.#options = options
  }

  open() {
    uploads.onChange = () => this.#sent()
    this.#stopListening = attention.onReturn(this.#look)
    this.#sent()
    this.#look()
  }

  close() {
    this.#closed = true
    uploads.onChange = () => {}
    clearTimeout(this.#timer)
    this.#stopListening()
  }

  /**
   * @param {File[]} files
   * @param {import('../../net/uploads.js').Told} told
   */
  send(files, told) {
    uploads.add(files, told)
  }

  /** @param {JobRow} row */
  async cancel({ title, job, sending, running }) {
    if (running && !(await agreed(title))) return
    if (sending !== null) uploads.drop(sending)
    try {
      if (job) await cancelJob(job)
    } catch (error) {
      this.#options.onProblem(/** @type {Error} */ (error).message)
    }
    this.#look()
  }

  #sent() {
    this.#set({ ...this.#state, sending: uploads.sending })
    if (uploads.sending.length && !this.#timer) this.#look()
  }

  /** @param {JobsState} state */
  #set(state) {
    const done = newlyDone(this.#state, state)
    this.#state = state
    this.#options.onChange(state)
    if (done.length) this.#options.onDone(done.map(({ title }) => title))
  }

  #look = async () => {
    if (this.#asking || this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#asking = true
    let again = false
    // Whoever may not see them, or cannot reach the server, is told so by the list of meetings.
    const failed = (/** @type {import('../../net/api.js').ApiError} */ { status }) => {
      again = status === 0 || status >= 500
    }
    const found = attention.isSeen() ? await listJobs().catch(failed) : null
    this.#asking = false
    if (this.#closed) return
    if (found) this.#set(withListed(this.#state, found.jobs, performance.now()))
    if (again || anyGoing(this.#state)) this.#timer = setTimeout(this.#look, EVERY)
  }
}

/** @type {(title: string) => Promise<boolean>} */
const agreed = (title) =>
  confirm({
    title: t('jobs.stop.title'),
    text: t('jobs.stop.text', { title }),
    no: t('jobs.stop.no'),
    yes: t('jobs.stop.yes'),
    danger: true,
  })
