// All that the first page shows, as one value, and how it changes; pure.

import { NO_JOBS } from './jobs/jobs.js'

/**
 * A meeting as the list of the HTTP API tells it.
 *
 * @typedef {object} ListedMeeting
 * @property {string} id
 * @property {string} title
 * @property {string} state
 * @property {string | null} created_at
 * @property {string | null} [started_at]
 * @property {number} [duration] seconds
 * @property {string[]} [speakers] names
 */

/**
 * @typedef {object} HomeState
 * @property {boolean} locked the server asks for its token; this is final
 * @property {boolean} signedIn
 * @property {import('./recording.js').SoundKind | null} opening what a new meeting is being opened with
 * @property {string} notice what went wrong, outside of the list
 * @property {readonly ListedMeeting[]} meetings newest first
 * @property {string | null} next leads to earlier ones; null where there are none
 * @property {boolean} loading
 * @property {boolean} loaded the server has answered once
 * @property {string} problem why the list could not be loaded
 * @property {import('./jobs/jobs.js').JobsState} jobs recordings on their way
 */

/**
 * @param {boolean} signedIn
 * @returns {HomeState}
 */
export const openedHome = (signedIn) => ({
  locked: false,
  signedIn,
  opening: null,
  notice: '',
  meetings: [],
  next: null,
  loading: false,
  loaded: false,
  problem: '',
  jobs: NO_JOBS,
})

/**
 * @param {HomeState} state
 * @param {{ meetings: ListedMeeting[], next: string | null }} page
 * @returns {HomeState}
 */
export function listLoaded(state, { meetings, next }) {
  return { ...state, meetings: [...state.meetings, ...meetings], next, loading: false, loaded: true, problem: '' }
}

/**
 * The newest meetings, read again; those that were listed before stay behind them.
 *
 * @param {HomeState} state
 * @param {{ meetings: ListedMeeting[] }} page
 * @returns {HomeState}
 */
export function newestLoaded(state, { meetings }) {
  const newest = new Set(meetings.map(({ id }) => id))
  return { ...state, meetings: [...meetings, ...state.meetings.filter(({ id }) => !newest.has(id))] }
}

/**
 * @param {HomeState} state
 * @param {string} problem
 * @returns {HomeState}
 */
export const listFailed = (state, problem) => ({ ...state, loading: false, loaded: true, problem })

/**
 * @param {HomeState} state
 * @param {string} id
 * @returns {HomeState}
 */
export const meetingDeleted = (state, id) => ({ ...state, meetings: state.meetings.filter((one) => one.id !== id) })

/**
 * Whether it is known that there is nothing to list.
 *
 * @param {HomeState} state
 */
export const isEmpty = ({ loaded, meetings, problem }) => loaded && meetings.length === 0 && !problem
