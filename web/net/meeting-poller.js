// Looks whether a meeting that is over was changed by somebody else: now and then while the page is seen, and when
// one comes back to it. Its socket is closed by then, so nobody tells.

import * as api from './api.js'

const EVERY = 15_000 // milliseconds between two looks

export class MeetingPoller {
  #id
  #tag = null // of the newest facts
  #timer = null
  #asking = false
  #onChange
  #onError

  // onChange(facts): something is new, and the facts are as of before whatever is read next; onError: an ApiError.
  constructor(id, { onChange, onError }) {
    this.#id = id
    this.#onChange = onChange
    this.#onError = onError
  }

  // The meeting's facts; what is read after them is what they tell of, or newer.
  async facts() {
    const { tag, facts } = await api.getMeeting(this.#id)
    this.#tag = tag
    return facts
  }

  // known: whether all that is shown was read after `facts`.
  watch(known) {
    if (this.#timer) return
    if (!known) this.#tag = null
    this.#timer = setInterval(this.#look, EVERY)
    window.addEventListener('focus', this.#look)
    document.addEventListener('visibilitychange', this.#look)
    if (!known) this.#look()
  }

  close() {
    clearInterval(this.#timer)
    window.removeEventListener('focus', this.#look)
    document.removeEventListener('visibilitychange', this.#look)
  }

  #look = async () => {
    if (document.hidden || this.#asking) return
    this.#asking = true
    try {
      const { tag, facts } = await api.getMeeting(this.#id, this.#tag)
      if (facts && tag && tag !== this.#tag) {
        this.#tag = tag
        this.#onChange(facts)
      }
    } catch (error) {
      this.#onError(error)
    }
    this.#asking = false
  }
}
