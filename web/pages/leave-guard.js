// Asks before a page is left on which something is written that is not saved, or that records; then it waits until the
// server has stored everything.

import { waitWhile } from '../net/waiting.js'
import { isRecording, isStopping } from '../state/selectors.js'
import { goesOnWithout } from '../state/sources/source-rows.js'
import { t } from '../texts/texts.js'
import { confirm } from '../view/dialogs/confirm-dialog.js'

/** @typedef {import('../state/page-state.js').PageState} PageState */

const FINISHING = 15_000 // milliseconds that leaving waits for the server to store everything

export class LeaveGuard {
  #store
  #stop
  #unsaved

  /**
   * @param {import('./page-store.js').PageStore<PageState>} store
   * @param {object} page
   * @param {() => Promise<void>} page.stop ends the recording
   * @param {() => boolean} page.unsaved whether something is written on it that is not saved
   */
  constructor(store, { stop, unsaved }) {
    this.#store = store
    this.#stop = stop
    this.#unsaved = unsaved
  }

  open() {
    window.addEventListener('beforeunload', this.#warn)
  }

  close() {
    window.removeEventListener('beforeunload', this.#warn)
  }

  /** Whether something would be lost with the page. */
  get holds() {
    return !this.#store.closed && (this.#unsaved() || isRecording(this.#store.state))
  }

  /** Asked before another page is shown. */
  async mayLeave() {
    if (!this.holds) return true
    if (this.#unsaved() && !(await mayDiscard())) return false
    if (!isRecording(this.#store.state)) return true
    if (!isStopping(this.#store.state)) {
      if (!(await mayStop(goesOnWithout(this.#store.state)))) return false
      await this.#stop()
    }
    await waitWhile(() => isRecording(this.#store.state), FINISHING)
    return true
  }

  /** @param {BeforeUnloadEvent} event */
  #warn = (event) => {
    if (!this.holds) return
    event.preventDefault()
    event.returnValue = '' // what older browsers look at
  }
}

/** Asks whether what is written and not saved may be lost. */
const mayDiscard = () =>
  confirm({
    title: t('leave.unsaved.title'),
    text: t('leave.unsaved.text'),
    no: t('leave.unsaved.no'),
    yes: t('leave.unsaved.yes'),
    danger: true,
  })

/**
 * Asks whether to stop a recording for the sake of leaving its page.
 *
 * @param {boolean} others whether the meeting goes on without it
 */
function mayStop(others) {
  const [title, text] = others ? ['leave.title.others', 'leave.text.others'] : ['leave.title', 'leave.text']
  return confirm({ title: t(title), text: t(text), no: t('leave.no'), yes: t('leave.yes') })
}
