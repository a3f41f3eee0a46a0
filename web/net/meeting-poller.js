// Looks whether a meeting that is over was changed by somebody else: now and then while the page is seen, and when
// one comes back to it. Its socket is closed by then, so nobody tells.

import * as api from './api.js'

/** @typedef {import('./api.js').Facts} Facts */

const EVERY = 15_000 // milliseconds between two looks

/**
 * What the poller has to know of the page.
 *
 * @typedef {object} Attention
 * @property {() => boolean} isSeen whether somebody can see the page
 * @property {(call: () => void) => () => void} onReturn calls when somebody comes back to it, until the function that
 *   this returns is called
 */

export class MeetingPoller {
  #id
  #attention
  #onChange
  #onError
  /** @type {string | null} of the newest facts */
  #tag = null
  /** @type {number | undefined} */
  #timer
  #asking = false
  #stopListening = () => {}

  /**
   * @param {string} id of the meeting
   * @param {object} options
   * @param {Attention} options.attention
   * @param {(facts: Facts) => void} options.onChange something is new, and the facts are as of before whatever is
   *   read next
   * @param {(error: api.ApiError) => void} options.onError
   */
  constructor(id, { attention, onChange, onError }) {
    this.#id = id
    this.#attention = attention
    this.#onChange = onChange
    this.#onError = onError
  }

  /**
   * The meeting's facts; what is read after them is what they tell of, or newer.
   *
   * @throws {api.ApiError}
   */
  async facts() {
    const { tag, facts } = await api.getMeeting(this.#id)
    this.#tag = tag
    return facts
  }

  /**
   * Looks from now on, until closed.
   *
   * @param {boolean} known whether all that is shown was read after `facts`
   */
  watch(known) {
    if (this.#timer) return
    if (!known) this.#tag = null
    this.#timer = setInterval(this.#look, EVERY)
    this.#stopListening = this.#attention.onReturn(this.#look)
    if (!known) this.#look()
  }

  close() {
    clearInterval(this.#timer)
    this.#stopListening()
  }

  #look = async () => {
    if (!this.#attention.isSeen() || this.#asking) return
    this.#asking = true
    try {
      const { tag, facts } = await api.getMeeting(this.#id, this.#tag)
      if (facts && tag && tag !== this.#tag) {
        this.#tag = tag
        this.#onChange(facts)
      }
    } catch (error) {
      this.#onError(/** @type {api.ApiError} */ (error))
    }
    this.#asking = false
  }
}
