// All that a meeting's page shows, as one value, and how it changes; pure: no page, no socket, no clock.

import { t } from '../texts/texts.js'
import { NO_HISTORY } from './editing/edit-history.js'
import { speakerName } from './format.js'
import { busyText, interruptedText, lostText, problemText, warningText } from './messages.js'
import { withNotice, withoutNotice } from './notices.js'
import { openedAt } from './playback/playback.js'
import { NO_RECORDING, began, isSilent, released, withFrame } from './recording.js'
import { elapsed } from './selectors.js'
import { NO_OWN_SOURCES, followOwn, ownSource, readsOn } from './sources/own-sources.js'
import { sourceName } from './sources/source-rows.js'
import { NO_SOURCES, afterMessage } from './sources/sources.js'
import { EMPTY_TRANSCRIPT, reduce } from './transcript.js'
import { resolveSpeaker } from './turns.js'

/** @typedef {import('./messages.js').ConnectionRole} ConnectionRole */
/** @typedef {import('./messages.js').ConnectionState} ConnectionState */
/** @typedef {import('./notices.js').Notice} Notice */
/** @typedef {import('./permissions.js').Role} Role */
/** @typedef {import('./wire-messages.js').NotesFacts} NotesFacts */
/** @typedef {import('./playback/playback.js').Playback} Playback */
/** @typedef {import('./recording.js').Recording} Recording */
/** @typedef {import('./sources/sources.js').Sources} Sources */
/** @typedef {import('./transcript.js').Transcript} Transcript */
/** @typedef {import('./wire-messages.js').Segment} Segment */
/** @typedef {import('./wire-messages.js').ServerMessage} ServerMessage */

/**
 * @typedef {object} ConnectionStatus
 * @property {ConnectionState} state
 * @property {number} attempt to connect again, from 1; 0 while there is no need
 * @property {number} unsent seconds of audio that exist only in this page
 * @property {number} lost seconds of audio that could not be kept
 */

/** @typedef {{ code: string | number, message: string, close: number }} Problem  why a connection was refused */

/**
 * A meeting as the HTTP API tells it.
 *
 * @typedef {object} Facts
 * @property {string | null} created_at
 * @property {string | null} [started_at]
 * @property {number} [duration] seconds
 * @property {string} state
 * @property {{ audio: { kept: boolean }, duration: number }[]} [sources]
 * @property {Role} [role] of whoever asked
 * @property {boolean} [tokens] whether links carry tokens of their own
 */

/** @typedef {{ text: string }} Announcement  a line for screen readers */

/**
 * @typedef {object} PageState
 * @property {'meeting' | 'missing' | 'locked'} screen whether there is a meeting to show; the others are final
 * @property {Transcript} transcript
 * @property {ConnectionRole} role of this page's connection
 * @property {ConnectionStatus} connection
 * @property {Sources} sources of the meeting's sound
 * @property {import('./sources/own-sources.js').OwnSources} own those of them that this page sends
 * @property {Recording} recording
 * @property {'off' | 'opening' | 'on' | 'stopping'} sharing of a tab's sound
 * @property {boolean} listing the sources are listed
 * @property {Facts | null} facts null until the server has told
 * @property {NotesFacts | null} notes null until the server has told, which it is asked once the meeting is over
 * @property {Playback} playback
 * @property {import('./wire-messages.js').Statistics | null} statistics null until the server has told
 * @property {Role} permission
 * @property {boolean} tokens links carry tokens, each one of its own
 * @property {boolean} resumable this tab may go on with a recording that it has begun
 * @property {boolean} opening the microphone is being asked for
 * @property {boolean} ending the end was asked for here
 * @property {boolean} reading it was opened where somebody read before
 * @property {boolean} following the newest line is kept in sight
 * @property {import('./notices.js').Notices} notices
 * @property {import('./editing/edit-history.js').History} edits
 * @property {import('./editing/selection.js').Selection} selected lines
 * @property {readonly Announcement[]} announcements the newest
 * @property {number | null} lag seconds from a word to its text, as seen here
 * @property {number} snapshotAt milliseconds on the page's clock at the last snapshot
 * @property {number} now milliseconds on the page's clock
 */

const SPOKEN = 6 // lines kept for screen readers
const REMEMBERED = 0.7 // share of the old in a new average of the lag

/** @type {Readonly<ConnectionStatus>} */
const NOT_CONNECTED = Object.freeze({ state: 'connecting', attempt: 0, unsent: 0, lost: 0 })

/**
 * @param {object} opened
 * @param {string} [opened.title] where it is known already
 * @param {boolean} [opened.recording] this page has just made the meeting, to record it
 * @param {boolean} [opened.resumable]
 * @param {number | null} [opened.second] of the meeting at which it is opened
 * @param {'reading' | 'following' | null} [opened.again] what somebody did there who comes back to it
 * @returns {PageState}
 */
export function openedPage({ title = '', recording = false, resumable = false, second = null, again = null } = {}) {
  return {
    screen: 'meeting',
    transcript: { ...EMPTY_TRANSCRIPT, title, phase: recording ? 'open' : 'connecting' },
    role: 'viewer',
    connection: NOT_CONNECTED,
    sources: NO_SOURCES,
    own: NO_OWN_SOURCES,
    recording: NO_RECORDING,
    sharing: 'off',
    listing: false,
    facts: null,
    notes: null,
    reading: again === 'reading',
    playback: again ? { ...openedAt(second), target: null } : openedAt(second),
    statistics: null,
    permission: 'server',
    tokens: false,
    resumable,
    opening: false,
    ending: false,
    following: recording,
    notices: new Map(),
    edits: NO_HISTORY,
    selected: new Set(),
    announcements: [],
    lag: null,
    snapshotAt: 0,
    now: 0,
  }
}

/**
 * @param {PageState} state
 * @param {string} key
 * @param {Notice} notice
 * @returns {PageState}
 */
export function say(state, key, notice) {
  const notices = withNotice(state.notices, key, notice)
  return notices === state.notices ? state : { ...state, notices }
}

/** Of two notices that contradict each other, the one that is no longer true once the other is told. */
const OPPOSITES = new Map([
  ['saved', 'error storage'],
  ['error storage', 'saved'],
])

/**
 * @param {PageState} state
 * @param {string} key
 * @returns {PageState}
 */
export function unsay(state, key) {
  const notices = withoutNotice(state.notices, key)
  return notices === state.notices ? state : { ...state, notices }
}

// ---- the server

/**
 * A message has come.
 *
 * @param {PageState} before
 * @param {ServerMessage} message
 * @param {object} moment
 * @param {number} moment.now milliseconds on the page's clock
 * @param {number} moment.unsent seconds of audio that exist only in this page
 * @returns {PageState}
 */
export function received(before, message, { now, unsent }) {
  const transcript = reduce(before.transcript, message)
  const sources = afterMessage(before.sources, message)
  const same = transcript === before.transcript && sources === before.sources
  const state = withMessage(same ? before : { ...before, transcript, sources }, before, message, now)
  const over = transcript.phase === 'ended' && before.transcript.phase !== 'ended'
  if (!over) return state
  // Who opens a meeting that is over is not told that it has come to its end.
  const told = before.transcript.phase === 'connecting' ? state : saidAloud(state, t('meeting.over.aloud'))
  return ended(told, unsent)
}

/**
 * @param {PageState} state with the message in its transcript
 * @param {PageState} before
 * @param {ServerMessage} message
 * @param {number} now
 * @returns {PageState}
 */
function withMessage(state, before, message, now) {
  switch (message.type) {
    case 'snapshot':
      return withSnapshot(state, before, now)
    case 'segment':
      return withSegment(state, message, before.transcript.segments.get(message.id), now)
    case 'session':
      return { ...ownSource(state, 'microphone', message.source_id), resumable: true }
    case 'state': {
      // Who opened the page before anybody spoke counts from now.
      const begins = before.transcript.phase === 'open' && message.state === 'live'
      return begins ? { ...state, snapshotAt: now } : state
    }
    case 'source':
      return withSource(followOwn(state), before, message)
    case 'error': {
      if (message.fatal) return state
      const [key, text] = warningText(message)
      return say(unsay(state, OPPOSITES.get(key) ?? ''), key, { text })
    }
    default:
      return state
  }
}

/**
 * @param {PageState} state
 * @param {PageState} before
 * @param {number} now
 * @returns {PageState}
 */
function withSnapshot(state, before, now) {
  const { phase, audio } = state.transcript
  const first = before.transcript.phase === 'connecting'
  return {
    ...followOwn(unsay(state, 'loading')),
    snapshotAt: now,
    recording: state.recording.capturing ? state.recording : { ...state.recording, before: audio },
    // Whoever opens a meeting that is over reads it from its beginning.
    following: first ? phase !== 'ended' && !state.reading && state.playback.target === null : state.following,
  }
}

/**
 * @param {PageState} state
 * @param {PageState} before
 * @param {import('./wire-messages.js').SourceMessage} source
 * @returns {PageState}
 */
function withSource(state, before, source) {
  const own = [before.own.microphone, before.own.tab].includes(source.id)
  const was = aloud(before.sources.get(source.id)?.state ?? 'ended')
  const is = aloud(source.state)
  if (own || was === is || state.transcript.phase !== 'live') return state
  return saidAloud(state, t(`sources.${is}.aloud`, { name: sourceName(source) }))
}

/** @type {(state: import('./wire-messages.js').SourceMessage['state']) => 'live' | 'away' | 'ended'} */
const aloud = (state) => (state === 'ending' ? 'ended' : state)

/**
 * @param {PageState} state
 * @param {Segment} segment
 * @param {Segment | undefined} before what was known of it
 * @param {number} now
 * @returns {PageState}
 */
function withSegment(state, segment, before, now) {
  if (segment.final && !before?.final && segment.text) return announced(state, segment)
  const last = segment.words?.at(-1)
  if (segment.final || !last || segment.text === before?.text) return state
  const lag = Math.max(0, elapsed({ ...state, now }) - last.end)
  return { ...state, lag: state.lag === null ? lag : state.lag * REMEMBERED + lag * (1 - REMEMBERED) }
}

/**
 * @param {PageState} state
 * @param {Segment} segment
 * @returns {PageState}
 */
function announced(state, { speaker, text }) {
  const { speakers } = state.transcript
  const id = resolveSpeaker(speaker, speakers)
  const name = id === null ? t('speaker.unknown.aloud') : speakerName(id, speakers)
  return saidAloud(state, `${name}: ${text}`)
}

/**
 * @param {PageState} state
 * @param {string} text
 * @returns {PageState}
 */
const saidAloud = (state, text) => ({ ...state, announcements: [...state.announcements, { text }].slice(-SPOKEN) })

/**
 * @param {PageState} state
 * @param {number} unsent
 * @returns {PageState}
 */
function ended(state, unsent) {
  const { capturing, stopping } = state.recording
  const over = { ...withoutSound(state), resumable: false, sharing: /** @type {const} */ ('off'), own: NO_OWN_SOURCES }
  return capturing && !stopping ? say(over, 'problem', { text: interruptedText(unsent) }) : over
}

/**
 * The facts of the meeting have come.
 *
 * @param {PageState} state
 * @param {Facts} facts
 * @returns {PageState}
 */
export function withFacts(state, facts) {
  const { recording } = state
  const { role = 'server', tokens = false, duration = 0 } = facts
  return {
    ...state,
    facts,
    permission: role,
    tokens,
    recording: recording.capturing ? recording : { ...recording, before: Math.max(recording.before, duration ?? 0) },
  }
}

/**
 * What the server tells of the notes has come.
 *
 * @param {PageState} state
 * @param {NotesFacts} notes
 * @returns {PageState}
 */
export function withNotes(state, notes) {
  const awaited = state.notes?.state === 'running' && notes.state === 'done'
  return { ...(awaited ? saidAloud(state, t('notes.ready')) : state), notes }
}

/**
 * The facts were refused; other failures are left to the connection.
 *
 * @param {PageState} state
 * @param {number} status of HTTP
 * @returns {PageState}
 */
export function refused(state, status) {
  if (status === 404) return { ...state, screen: 'missing' }
  return status === 401 ? { ...state, screen: 'locked' } : state
}

/**
 * @param {PageState} state
 * @param {string} title
 * @returns {PageState}
 */
export const renamed = (state, title) => ({ ...state, transcript: { ...state.transcript, title } })

// ---- the connection

/**
 * Another connection is being opened.
 *
 * @param {PageState} state
 * @param {ConnectionRole} role
 * @returns {PageState}
 */
export function connecting(state, role) {
  // Who joins a meeting that runs counts on from where it is.
  const recording = role === 'source' ? { ...state.recording, before: elapsed(state) } : state.recording
  return { ...state, role, recording, connection: NOT_CONNECTED }
}

/**
 * @param {PageState} before
 * @param {ConnectionStatus} connection
 * @param {Problem | null} problem where it has failed
 * @returns {PageState}
 */
export function connectionChanged(before, connection, problem) {
  const state = { ...before, connection }
  if (connection.state === 'live') return unsay(state, 'problem')
  return connection.state === 'failed' && problem ? failed(state, problem) : state
}

/**
 * @param {PageState} before
 * @param {Problem} problem
 * @returns {PageState}
 */
function failed(before, problem) {
  const { role } = before
  const kept = ownSource(withoutSound(before), 'microphone', null)
  const told = readsOn(before, problem)
  if (told !== null) {
    const over = { ...kept, resumable: false }
    return told ? say(over, 'source microphone', { text: told }) : over
  }
  const state = { ...kept, resumable: before.resumable && problem.close !== 4401 }
  if (problem.close === 4404) return { ...state, screen: 'missing' }
  if (problem.close === 4401 && role === 'viewer') return { ...state, screen: 'locked' }
  const { text, retry } = problemText(problem, role)
  if (retry === 'viewer') return say(state, 'problem', { text, label: t('problem.read-along'), action: 'read along' })
  if (retry === 'source') return say(state, 'problem', { text, label: t('button.again'), action: 'retry' })
  return say(state, 'problem', { text })
}

/**
 * Some time has passed; the same state where nobody could see that.
 *
 * @param {PageState} before
 * @param {number} now milliseconds on the page's clock
 * @param {ConnectionStatus} connection
 * @returns {PageState}
 */
export function ticked(before, now, connection) {
  const { phase, stats } = before.transcript
  const busy = phase === 'live' ? busyText(stats) : ''
  const same = sameStatus(connection, before.connection)
  const state = { ...before, now, connection: same ? before.connection : connection }
  const told = busy ? say(state, 'busy', { text: busy }) : unsay(state, 'busy')
  const after = connection.lost > 0 ? say(told, 'lost', { text: lostText(connection.lost) }) : told
  const still = Math.floor(elapsed(after)) === Math.floor(elapsed(before))
  return same && still && after.notices === before.notices ? before : after
}

/** @type {(a: ConnectionStatus, b: ConnectionStatus) => boolean} */
const sameStatus = (a, b) =>
  a.state === b.state && a.attempt === b.attempt && a.unsent === b.unsent && a.lost === b.lost

// ---- the recording

/**
 * @param {PageState} state
 * @param {Parameters<typeof began>[1]} input
 * @returns {PageState}
 */
export const recordingBegan = (state, input) => ({
  ...state,
  recording: began(state.recording, input),
  following: true,
})

/**
 * @param {PageState} state
 * @param {import('./recording.js').FrameFigures} frame
 * @returns {PageState}
 */
export function frameCaptured(state, frame) {
  const recording = withFrame(state.recording, frame)
  const next = { ...state, recording }
  if (recording.silence === 0) return unsay(next, 'quiet')
  return isSilent(recording) && !next.notices.has('sound') ? say(next, 'quiet', { text: t('microphone.silent') }) : next
}

/**
 * @param {PageState} state
 * @param {Partial<Recording>} part what has changed of it
 * @returns {PageState}
 */
export const recordingChanged = (state, part) => ({ ...state, recording: { ...state.recording, ...part } })

/**
 * @param {PageState} state
 * @returns {PageState}
 */
export const recordingReleased = (state) => unsay({ ...state, recording: released(state.recording) }, 'quiet')

/**
 * No sound comes from here any more, nor will.
 *
 * @param {PageState} state
 * @returns {PageState}
 */
const withoutSound = (state) => recordingChanged(recordingReleased(state), { kind: null, stopping: false })
