// Meetings that people have deleted, and may take back for a while.
//
// What they saw is what happens: whoever leaves the page meanwhile has seen the meeting gone, and so it goes at once.

import { deletionEnded, deletionFailed } from '../../state/home-state.js'

/** @typedef {import('../../net/api.js').ApiError} ApiError */
/** @typedef {import('../../state/home-state.js').HomeState} HomeState */
/** @typedef {import('../../state/home-state.js').ListedMeeting} ListedMeeting */

const PATIENCE = 10_000 // milliseconds

export class Deletions {
  #store
  #remove
  /** @type {Map<string, number>} timers by the ids of the meetings */
  #waiting = new Map()

  /**
   * @param {import('../page-store.js').PageStore<HomeState>} store
   * @param {(id: string) => Promise<void>} remove has the server delete a meeting, also from a page that is left
   */
  constructor(store, remove) {
    this.#store = store
    this.#remove = remove
    window.addEventListener('pagehide', this.#finish)
  }

  /** @param {ListedMeeting} meeting that is not shown any more */
  begin({ id }) {
    this.#waiting.set(
      id,
      setTimeout(() => this.#delete(id), PATIENCE),
    )
  }

  /** @param {ListedMeeting} meeting that is shown again */
  undo({ id }) {
    clearTimeout(this.#waiting.get(id))
    this.#waiting.delete(id)
  }

  /** The page is left. */
  close() {
    window.removeEventListener('pagehide', this.#finish)
    this.#finish()
  }

  #finish = () => {
    for (const id of [...this.#waiting.keys()]) this.#delete(id)
  }

  /** @param {string} id */
  async #delete(id) {
    clearTimeout(this.#waiting.get(id))
    this.#waiting.delete(id)
    try {
      await this.#remove(id)
      this.#store.update((state) => deletionEnded(state, id))
    } catch (caught) {
      const { status, message } = /** @type {ApiError} */ (caught)
      // Somebody else was quicker.
      this.#store.update((state) => (status === 404 ? deletionEnded(state, id) : deletionFailed(state, id, message)))
    }
  }
}
