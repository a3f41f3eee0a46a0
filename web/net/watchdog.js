// Notices a connection that is dead though nobody has closed it, which a browser does not tell by itself.

/** @typedef {import('../state/wire-messages.js').ServerMessage} ServerMessage */

const LOOK = 5000 // milliseconds between two looks
const MISSED = 3 // intervals without a message after which a connection counts as dead

export class Watchdog {
  #onDead
  /** @type {number | undefined} */
  #timer
  // Looks, not milliseconds: a page that was frozen first hears what has come meanwhile.
  #quiet = 0

  /** @param {() => void} onDead */
  constructor(onDead) {
    this.#onDead = onDead
  }

  /**
   * A message has come. From the first `alive` on the server sends something at intervals, also where nobody speaks.
   *
   * @param {ServerMessage} message
   */
  heard(message) {
    this.#quiet = 0
    if (message.type !== 'alive' || this.#timer !== undefined) return
    // A server that has been silent for all its readers at once is not to see all of them again at once.
    const patience = Math.ceil((message.every * 1000 * (MISSED + Math.random())) / LOOK)
    this.#timer = setInterval(() => this.#look(patience), LOOK)
  }

  /** @param {number} patience looks in a row without a message */
  #look(patience) {
    this.#quiet += 1
    if (this.#quiet <= patience) return
    this.stop()
    this.#onDead()
  }

  /** Until the next connection. */
  stop() {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#quiet = 0
  }
}
