// Which meetings the first page lists, as what the API is asked for; pure.

/** @typedef {'' | 'current' | 'past'} Time */
/** @typedef {{ title: string, time: Time }} ListFilter */

/** @type {ListFilter} */
export const NO_FILTER = { title: '', time: '' }

/** @type {Readonly<Record<Time, string[]>>} */
const STATES = { '': [], current: ['open', 'live', 'ending'], past: ['ended'] }

/**
 * Whether some meetings are left out.
 *
 * @param {ListFilter} filter
 */
export const isNarrowed = ({ title, time }) => title !== '' || time !== ''

/**
 * What stands behind the path of the list, from its question mark on; empty where all is asked for.
 *
 * @param {ListFilter} filter
 * @param {string | null} before the `next` of the page before
 */
export function listQuery({ title, time }, before) {
  const asked = new URLSearchParams()
  if (before) asked.set('before', before)
  if (title) asked.set('title', title)
  for (const state of STATES[time]) asked.append('state', state)
  const query = `${asked}`
  return query && `?${query}`
}
