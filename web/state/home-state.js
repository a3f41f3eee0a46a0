// All that the first page shows, as one value, and how it changes; pure.

import { t } from '../texts/texts.js'
import { NO_JOBS } from './jobs/jobs.js'
import { NO_FILTER } from './library/list-filter.js'

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

/** @typedef {import('./library/list-filter.js').ListFilter} ListFilter */
/** @typedef {{ meetings: ListedMeeting[], next: string | null }} ListPage */

/**
 * @typedef {object} HomeState
 * @property {boolean} locked the server asks for its token; this is final
 * @property {boolean} signedIn
 * @property {import('./recording.js').SoundKind | null} opening what a new meeting is being opened with
 * @property {string} notice what went wrong, outside of the list
 * @property {ListFilter} filter
 * @property {ListFilter} listed the filter of the meetings that are here
 * @property {readonly ListedMeeting[]} meetings newest first
 * @property {readonly ListedMeeting[]} deleting those of them that can still be taken back
 * @property {string | null} next leads to earlier ones; null where there are none
 * @property {boolean} loading
 * @property {boolean} loaded the server has answered once
 * @property {string} problem why the list could not be loaded
 * @property {import('./jobs/jobs.js').JobsState} jobs recordings on their way
 */

/**
 * @param {boolean} signedIn
 * @param {ListFilter} [filter]
 * @returns {HomeState}
 */
export const openedHome = (signedIn, filter = NO_FILTER) => ({
  locked: false,
  signedIn,
  opening: null,
  notice: '',
  filter,
  listed: NO_FILTER,
  meetings: [],
  deleting: [],
  next: null,
  loading: false,
  loaded: false,
  problem: '',
  jobs: NO_JOBS,
})

/**
 * @param {HomeState} state
 * @param {ListPage} page
 * @returns {HomeState}
 */
export function listLoaded(state, { meetings, next }) {
  return { ...state, meetings: [...state.meetings, ...meetings], next, loading: false, loaded: true, problem: '' }
}

/**
 * @param {HomeState} state
 * @param {string} problem
 * @returns {HomeState}
 */
export const listFailed = (state, problem) => ({ ...state, loading: false, loaded: true, problem })

/**
 * The newest meetings as they are now: how those go on that are listed already, and which have come.
 *
 * @param {HomeState} state
 * @param {ListPage} page the first one
 * @returns {HomeState}
 */
export function listRefreshed(state, { meetings, next }) {
  const same = state.listed === state.filter && next !== null
  const at = same ? state.meetings.findIndex(({ id }) => id === meetings.at(-1)?.id) : -1
  const newest = new Set(meetings.map(({ id }) => id))
  const earlier = at < 0 ? [] : state.meetings.slice(at + 1).filter(({ id }) => !newest.has(id))
  return {
    ...state,
    listed: state.filter,
    meetings: [...meetings, ...earlier],
    next: earlier.length ? state.next : next,
    loading: false,
    loaded: true,
    problem: '',
  }
}

/**
 * Others are listed from now on, once the server has answered.
 *
 * @param {HomeState} state
 * @param {ListFilter} filter
 * @returns {HomeState}
 */
export const filtered = (state, filter) => ({ ...state, filter, loading: true })

/**
 * @param {HomeState} state
 * @param {ListedMeeting} meeting
 * @returns {HomeState}
 */
export const deletionBegan = (state, meeting) => ({ ...state, notice: '', deleting: [...state.deleting, meeting] })

/**
 * It is taken back.
 *
 * @param {HomeState} state
 * @param {string} id
 * @returns {HomeState}
 */
export const deletionUndone = (state, id) => ({ ...state, deleting: state.deleting.filter((one) => one.id !== id) })

/**
 * The meeting is gone.
 *
 * @param {HomeState} state
 * @param {string} id
 * @returns {HomeState}
 */
export const deletionEnded = (state, id) => ({
  ...deletionUndone(state, id),
  meetings: state.meetings.filter((one) => one.id !== id),
})

/**
 * The server did not delete it.
 *
 * @param {HomeState} state
 * @param {string} id
 * @param {string} why
 * @returns {HomeState}
 */
export function deletionFailed(state, id, why) {
  const title = state.deleting.find((one) => one.id === id)?.title || t('meeting.untitled')
  return { ...deletionUndone(state, id), notice: t('delete.failed', { title, why }) }
}

/**
 * What is listed: what is being deleted looks deleted.
 *
 * @param {HomeState} state
 */
export const shownMeetings = ({ meetings, deleting }) =>
  deleting.length ? meetings.filter(({ id }) => !deleting.some((one) => one.id === id)) : meetings

/**
 * Whether it is known that there is nothing to list.
 *
 * @param {HomeState} state
 */
export const isEmpty = (state) => state.loaded && shownMeetings(state).length === 0 && !state.problem
