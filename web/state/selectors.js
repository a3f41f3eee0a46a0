// What follows from the state of a meeting's page; pure.

import { t } from '../texts/texts.js'
import { onlyLanguage } from './format.js'
import { connectionText, failedNotesText, lagText, notesPlaceText, notesProgressText } from './messages.js'
import { allows } from './permissions.js'
import { captured } from './recording.js'
import { othersHeard } from './sources/source-rows.js'
import { jointFigures } from './sources/sources.js'

/** @typedef {import('./page-state.js').PageState} PageState */

/**
 * @typedef {object} NotesPanel
 * @property {import('./wire-messages.js').MadeNotes | null} made
 * @property {string} lang of what was said, and so of the notes; empty where it may be any
 * @property {boolean} outdated
 * @property {string} problem why the last ones failed; like all texts here empty where there is nothing to say
 * @property {string} progress of those that are being made
 * @property {string} where text goes when others are made
 * @property {string} make label of the button that has them made
 * @property {string} remove label of the button that stops or deletes them
 */

/**
 * True until the server has stored everything that was said here.
 *
 * @param {PageState} state
 */
export const isRecording = ({ role, connection, sharing, transcript }) =>
  transcript.phase !== 'ended' &&
  ((role === 'source' && connection.state !== 'failed') || sharing === 'on' || sharing === 'stopping')

/**
 * Whether all that is recorded here has been asked to stop.
 *
 * @param {PageState} state
 */
export const isStopping = ({ role, recording, sharing }) =>
  sharing !== 'on' && (role !== 'source' || recording.stopping)

/**
 * Seconds since the meeting began: what was captured here, or what the server had when this page came, and the time
 * since.
 *
 * @param {PageState} state
 */
export function elapsed({ role, transcript, connection, recording, snapshotAt, now }) {
  const running = role === 'viewer' && transcript.phase === 'live' && connection.state === 'live'
  return running ? transcript.audio + (now - snapshotAt) / 1000 : captured(recording)
}

/**
 * @param {PageState} state
 */
export function connectionLine({ role, transcript, connection, recording }) {
  const { state, attempt, unsent } = connection
  const { kind, muted, stopping } = recording
  const silent = kind === 'microphone' && muted === true
  return connectionText({ connection: state, role, phase: transcript.phase, attempt, unsent, stopping, muted: silent })
}

/**
 * @param {PageState} state
 * @returns {[text: string, details: string]}
 */
export function lagLine({ transcript, sources, recording, lag }) {
  if (transcript.phase !== 'live' && !recording.capturing) return ['', '']
  const { stats, languages } = jointFigures(sources, transcript.stats)
  return lagText(stats, lag, languages)
}

/**
 * The phase as the header names it: a recording counts as live before the server says so.
 *
 * @param {PageState} state
 */
export function shownPhase({ role, connection, transcript }) {
  return role === 'source' && connection.state === 'live' && transcript.phase === 'open' ? 'live' : transcript.phase
}

/**
 * How the meeting can be ended from here; null where there is nothing to end or somebody else's right to, or where the
 * only sound comes from here and stops with the recording.
 *
 * @param {PageState} state
 * @returns {{ label: string, ending: boolean } | null}
 */
export function endButton(state) {
  const { role, permission, transcript, ending } = state
  const { phase } = transcript
  const others = othersHeard(state)
  if ((role === 'source' && !others) || !allows(permission, 'host') || !['live', 'ending'].includes(phase)) return null
  if (ending || phase === 'ending') return { label: t('recording.finishing'), ending: true }
  return { label: t(role === 'source' ? 'recording.end.all' : 'recording.end'), ending: false }
}

/**
 * What the button says that stops this page's microphone.
 *
 * @param {PageState} state
 */
export function stopLabel(state) {
  if (state.recording.stopping) return t('recording.finishing')
  return t(othersHeard(state) && state.recording.kind === 'microphone' ? 'recording.stop.mine' : 'recording.stop')
}

/**
 * Whether what is new is kept in sight, and more may come.
 *
 * @param {PageState} state
 */
export const followsLive = ({ following, transcript }) => following && transcript.phase !== 'ended'

/**
 * Whether sound that is shared now would still be heard.
 *
 * @param {PageState} state
 */
export const takesSound = ({ transcript }) => transcript.phase === 'open' || transcript.phase === 'live'

/**
 * The button that starts a recording, or goes on with one; null where that is not possible.
 *
 * @param {PageState} state
 * @returns {{ label: string } | null}
 */
export function startButton(state) {
  const { role, connection, permission, transcript, resumable } = state
  if (role !== 'viewer' || connection.state !== 'live' || !allows(permission, 'speak')) return null
  if (!takesSound(state)) return null
  if (resumable) return { label: t('meeting.go-on') }
  return { label: t(transcript.phase === 'open' ? 'meeting.start' : 'join.microphone') }
}

/**
 * The button that gives out links; null for who was asked to speak, and need not ask others to.
 *
 * @param {PageState} state
 * @returns {{ label: string } | null}
 */
export function shareButton(state) {
  if (state.tokens && state.permission === 'speak') return null
  return { label: t(sharesWithTokens(state) ? 'meeting.share' : 'meeting.copy') }
}

/**
 * @param {PageState} state
 */
export const mayRename = ({ permission }) => allows(permission, 'host')

/**
 * Whether a meeting may be transcribed again, which is for those who may make meetings.
 *
 * @param {PageState} state
 */
export const offersAgain = ({ transcript, permission }) =>
  transcript.phase === 'ended' && allows(permission, 'server')

/**
 * @param {PageState} state
 */
export const mayEdit = ({ facts, permission }) => facts !== null && allows(permission, 'host')

/**
 * Whether names and terms can be given: by a host, while something may still be said.
 *
 * @param {PageState} state
 */
export const offersTerms = (state) =>
  state.facts !== null && allows(state.permission, 'host') && takesSound(state)

/**
 * What is shown of the notes, and what can be done about them; null where that is nothing.
 *
 * @param {PageState} state
 * @returns {NotesPanel | null}
 */
export function notesPanel({ facts, notes, permission, transcript }) {
  if (!notes || !facts || transcript.phase !== 'ended') return null
  const { endpoint, state, progress, notes: made, outdated } = notes
  const host = allows(permission, 'host')
  const running = state === 'running'
  const problem = state === 'failed' && host ? failedNotesText(notes.problem ?? '') : ''
  const make = host && endpoint && !running ? t(made ? 'notes.make.again' : 'notes.make') : ''
  if (!made && !running && !problem && !make) return null
  const remove = host && (made || running) ? t(running ? 'notes.stop' : 'notes.delete') : ''
  const where = endpoint && (make || running) ? notesPlaceText(endpoint) : ''
  const lang = onlyLanguage(transcript.models)
  return { made, lang, outdated, problem, make, remove, where, progress: running ? notesProgressText(progress) : '' }
}

/**
 * Whether there is a button that leads to the newest line; the player of a live meeting has one of its own.
 *
 * @param {PageState} state
 */
export const offersJump = ({ following, playback, transcript }) =>
  !following && !playback.opened && transcript.phase !== 'ended'

/**
 * Whether links are given out here, each with a token of its own.
 *
 * @param {PageState} state
 */
export const sharesWithTokens = ({ tokens, permission }) => tokens && allows(permission, 'host')
