// When a lost connection is tried again, and at which of several servers.

/** @typedef {import('../state/wire-messages.js').Moved} Moved */

const FIRST_WAIT = 400
const LONGEST_WAIT = 10_000
const LONGEST_MOVE = 2000 // between two attempts while the meeting is on its way to another server

/**
 * Milliseconds before an attempt: doubling, capped, and spread so that many clients do not return as one.
 *
 * @param {number} attempt from 1
 * @param {number} [random] 0 to 1
 */
export function backoff(attempt, random = Math.random()) {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)) * (0.5 + 0.5 * random)
}

/**
 * The same socket at another of several servers; null where that is at another host, which is not to see the token.
 *
 * @param {string} url of a meeting's socket, such as `wss://example.org/ws/meetings/abc`
 * @param {string | null} address of the server, such as `https://example.org/servers/a`
 */
export function socketAt(url, address) {
  const path = /\/ws\/meetings\/[^/]+$/.exec(new URL(url).pathname)
  if (!path || !address || !/^https?:\/\//.test(address)) return null
  const moved = address.replace(/^http/, 'ws').replace(/\/+$/, '') + path[0]
  return new URL(moved).origin === new URL(url).origin ? moved : null
}

export class Reconnection {
  #first
  /** @type {Moved | null} where the meeting is, as the server of this connection has said */
  #moved = null

  /** @param {string} url of the meeting's socket */
  constructor(url) {
    this.#first = url
    this.url = url // of the next attempt
  }

  /**
   * The server has sent this client away.
   *
   * @param {Moved} message
   */
  move(message) {
    this.#moved = message
  }

  /**
   * Milliseconds until the next attempt. A client is sent on once at once; whoever is sent away from there as well
   * comes back to the address of the page, as after any other loss.
   *
   * @param {number} attempt from 1
   */
  next(attempt) {
    const moved = this.#moved
    const sentTo = moved && this.url === this.#first ? socketAt(this.#first, moved.address) : null
    this.#moved = null
    this.url = sentTo ?? this.#first
    if (sentTo) return 0
    return moved ? Math.min(LONGEST_MOVE, Math.max(moved.wait * 1000, backoff(attempt))) : backoff(attempt)
  }
}
