// All that the search page shows, as one value, and how it changes; pure.

import { nameForServer } from '../format.js'

/**
 * A line that was found, as the HTTP API tells it.
 *
 * @typedef {object} Hit
 * @property {string} meeting
 * @property {string} title
 * @property {string | null} began
 * @property {string} segment
 * @property {number} start seconds
 * @property {string | null} speaker
 * @property {string} speaker_name
 * @property {string} excerpt
 * @property {[number, number][]} marks where the words stand in the excerpt, in Unicode code points
 */

/** @typedef {{ q: string, speaker: string, since: string, until: string }} Wanted  days as 2026-05-04, or empty */
/** @typedef {{ hits: Hit[], next: string | null }} HitPage */

/**
 * @typedef {object} SearchState
 * @property {boolean} locked the server asks for its token; this is final
 * @property {Wanted} wanted
 * @property {readonly Hit[]} hits
 * @property {string | null} next leads to further ones; null where there are none
 * @property {boolean} loading
 * @property {boolean} loaded the server has answered once
 * @property {string} problem why it could not be searched
 */

/** @type {readonly (keyof Wanted)[]} */
const FIELDS = ['q', 'speaker', 'since', 'until']
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/

/**
 * @param {Wanted} wanted
 * @returns {SearchState}
 */
export const openedSearch = (wanted) => ({
  locked: false,
  wanted,
  hits: [],
  next: null,
  loading: false,
  loaded: false,
  problem: '',
})

/**
 * @param {SearchState} state
 * @param {HitPage} page
 * @returns {SearchState}
 */
export const hitsLoaded = (state, { hits, next }) => ({
  ...state,
  hits: [...state.hits, ...hits],
  next,
  loading: false,
  loaded: true,
  problem: '',
})

/**
 * @param {SearchState} state
 * @param {string} problem
 * @returns {SearchState}
 */
export const searchFailed = (state, problem) => ({ ...state, loading: false, problem })

/**
 * What the address of a search page asks for.
 *
 * @param {string} query behind the path
 * @returns {Wanted}
 */
export function wantedOf(query) {
  const given = new URLSearchParams(query)
  const [q, speaker, since, until] = FIELDS.map((name) => (given.get(name) ?? '').trim())
  return { q, speaker, since, until }
}

/**
 * The other way round: what stands behind the path, from its question mark on; empty where nothing is asked for.
 *
 * @param {Wanted} wanted
 */
export function addressQuery(wanted) {
  const given = FIELDS.filter((name) => wanted[name]).map((name) => [name, wanted[name]])
  return given.length ? `?${new URLSearchParams(given)}` : ''
}

/**
 * What the API is asked for: days are those of whoever looks, from midnight to midnight, wherever the server stands.
 *
 * @param {Wanted} wanted
 * @param {string | null} cursor
 */
export function apiQuery({ q, speaker, since, until }, cursor) {
  const days = { since: midnight(since, 0), until: midnight(until, 1) }
  const asked = { q, speaker: nameForServer(speaker), ...days, cursor: cursor ?? '' }
  return `${new URLSearchParams(Object.entries(asked).filter(([, value]) => value))}`
}

/**
 * The moment at which a day begins, or one `later` by so many days; what is no day is left to the server to refuse.
 *
 * @param {string} day
 * @param {number} later
 */
function midnight(day, later) {
  const [, year, month, date] = (DAY.exec(day) ?? []).map(Number)
  const moment = new Date(year, month - 1, date)
  if (Number.isNaN(moment.getTime()) || moment.getDate() !== date || moment.getMonth() !== month - 1) return day
  return new Date(year, month - 1, date + later).toISOString()
}

/**
 * An excerpt in parts: what was looked for, and what stands around it.
 *
 * @param {Hit} hit
 * @returns {{ text: string, found: boolean }[]}
 */
export function excerptParts({ excerpt, marks }) {
  const characters = [...excerpt]
  const parts = []
  let at = 0
  for (const [start, end] of marks) {
    parts.push({ text: characters.slice(at, start).join(''), found: false })
    parts.push({ text: characters.slice(start, end).join(''), found: true })
    at = end
  }
  parts.push({ text: characters.slice(at).join(''), found: false })
  return parts.filter(({ text }) => text)
}
