// What the HTTP API offers for changes by hand; failures as in api.js.

import { call, addressOf } from './api.js'

/** @typedef {import('../state/wire-messages.js').Segment} Segment */
/** @typedef {import('../state/wire-messages.js').Speaker} Speaker */

/**
 * @typedef {object} Changed
 * @property {Segment[]} segments what its lines are now; one without text is withdrawn
 * @property {Speaker[]} speakers all of them, where any has changed
 * @property {string} change by which this is taken back
 */

/** @typedef {import('../state/editing/draft.js').Voice} Voice */

/** @type {(id: string, line: string) => string} */
const lineAddress = (id, line) => `${addressOf(id)}/segments/${encodeURIComponent(line)}`

/**
 * @param {string} id
 * @param {string} speaker
 * @param {{ name?: string | null, merge_into?: string }} body
 * @returns {Promise<Changed>}
 */
export async function editSpeaker(id, speaker, body) {
  const path = `${addressOf(id)}/speakers/${encodeURIComponent(speaker)}`
  return { segments: [], ...(await call('PATCH', path, { body, id })) }
}

/**
 * @param {string} id
 * @param {string} line
 * @param {{ rev: number, text?: string, speaker?: string | null }} body
 * @returns {Promise<Changed>}
 */
export async function editSegment(id, line, body) {
  const { change, ...segment } = await call('PATCH', lineAddress(id, line), { body, id })
  return { segments: [segment], speakers: [], change }
}

/**
 * @param {string} id
 * @param {readonly { id: string, rev: number }[]} lines
 * @param {Voice} voice
 * @returns {Promise<Changed>}
 */
export const giveSegments = (id, lines, voice) =>
  call('PATCH', `${addressOf(id)}/segments`, { body: { lines, ...voice }, id })

/** @type {(id: string, line: string, body: { rev: number, texts: string[] }) => Promise<Changed>} */
export const splitSegment = (id, line, body) => call('POST', `${lineAddress(id, line)}/split`, { body, id })

/** @type {(id: string, line: string, body: { rev: number, next: string, next_rev: number }) => Promise<Changed>} */
export const joinSegments = (id, line, body) => call('POST', `${lineAddress(id, line)}/join`, { body, id })

/** @type {(id: string, line: string) => Promise<Segment & { recognised_text: string | null }>} */
export const getSegment = (id, line) => call('GET', lineAddress(id, line), { id })

/** @type {(id: string, change: string) => Promise<Changed>} */
export const undoChange = (id, change) =>
  call('POST', `${addressOf(id)}/changes/${encodeURIComponent(change)}/undo`, { id })
