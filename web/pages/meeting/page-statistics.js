// The statistics of a meeting's page: asked for when somebody opens them, and again when the meeting has changed.

import * as api from '../../net/api.js'
import { say, unsay } from '../../state/page-state.js'
import { t } from '../../texts/texts.js'

/** @typedef {import('../../state/page-state.js').PageState} PageState */

export class PageStatistics {
  #id
  #store
  #look = 0 // number of the last one

  /**
   * @param {string} id of the meeting
   * @param {import('../page-store.js').PageStore<PageState>} store
   */
  constructor(id, store) {
    this.#id = id
    this.#store = store
  }

  async load() {
    const look = (this.#look += 1)
    try {
      const statistics = await api.getStatistics(this.#id)
      // Answers may overtake each other.
      if (look === this.#look) this.#store.update((state) => ({ ...unsay(state, 'statistics'), statistics }))
    } catch (error) {
      const text = t('statistics.failed', { why: /** @type {Error} */ (error).message })
      this.#store.update((state) => say(state, 'statistics', { text }))
    }
  }

  /** The meeting has changed: what is shown is asked for again. */
  async renew() {
    if (this.#store.state.statistics) await this.load()
  }
}
