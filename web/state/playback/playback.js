// What is being played of a meeting's audio, and how that changes; pure.

/**
 * @typedef {object} Playback
 * @property {boolean} opened whether the player is shown while the meeting is live; once it is over it always is
 * @property {boolean} playing
 * @property {number} position second of the meeting
 * @property {number} rate how fast, 1 as it was spoken
 * @property {number} length seconds of audio that the server was seen to have
 * @property {number | null} target second whose line is to be brought into sight, until it is
 * @property {Excerpt | null} excerpt the part that is played by itself
 */

/**
 * @typedef {object} Excerpt
 * @property {number} start second
 * @property {number} end second
 * @property {number} back where the player stood before
 */

/** From the slowest to the fastest. */
export const RATES = [0.75, 1, 1.25, 1.5, 1.75, 2]

/** Seconds that one step goes back or on. */
export const STEP = 5

/** Seconds that are heard again of a live meeting. */
export const AGAIN = 60

/** @type {Readonly<Playback>} */
export const NO_PLAYBACK = Object.freeze({
  opened: false,
  playing: false,
  position: 0,
  rate: 1,
  length: 0,
  target: null,
  excerpt: null,
})

/**
 * A page that was opened at a second of its meeting, or at none.
 *
 * @param {number | null} second
 * @returns {Playback}
 */
export const openedAt = (second) => ({ ...NO_PLAYBACK, position: second ?? 0, target: second })

/**
 * At another second, between the beginning and the end.
 *
 * @param {Playback} playback
 * @param {number} position
 * @param {number} length of the meeting in seconds
 * @returns {Playback}
 */
export const sought = (playback, position, length) => ({
  ...playback,
  position: Math.max(0, Math.min(position, length)),
  excerpt: null,
})

/**
 * It plays, from the beginning where it had come to the end.
 *
 * @param {Playback} playback
 * @param {number} length of the meeting in seconds
 * @returns {Playback}
 */
export function begun(playback, length) {
  const over = playback.position >= length - 0.05
  return { ...playback, opened: true, playing: true, position: over ? 0 : playback.position, excerpt: null }
}

/**
 * A part plays by itself.
 *
 * @param {Playback} playback
 * @param {{ start: number, end: number }} part
 * @returns {Playback}
 */
export function excerptBegun(playback, { start, end }) {
  const back = playback.excerpt?.back ?? playback.position
  return { ...playback, playing: true, position: start, excerpt: { start, end, back } }
}

/**
 * Nothing plays any more; after an excerpt the player stands where it stood.
 *
 * @param {Playback} playback
 * @returns {Playback}
 */
export const paused = (playback) => ({
  ...playback,
  playing: false,
  position: playback.excerpt?.back ?? playback.position,
  excerpt: null,
})

/**
 * The next faster rate, or the next slower one where `by` is -1.
 *
 * @param {number} rate
 * @param {1 | -1} by
 */
export const nextRate = (rate, by) => RATES[Math.max(0, Math.min(RATES.length - 1, RATES.indexOf(rate) + by))]

/**
 * The second of a meeting that an address asks for (`?t=12.5`); null where it asks for none.
 *
 * @param {string} query of the address, from its question mark on
 * @returns {number | null}
 */
export function secondIn(query) {
  const given = new URLSearchParams(query).get('t')
  return given !== null && /^\d{1,7}(\.\d{1,3})?$/.test(given) ? Number(given) : null
}
