// What the page says about its connection, delays and failures; pure, so that every sentence can be read in one place.

/** @typedef {import('./wire-messages.js').Endpoint} Endpoint */
/** @typedef {import('./wire-messages.js').Phase} Phase */
/** @typedef {import('./wire-messages.js').Stats} Stats */
/** @typedef {'source' | 'viewer'} ConnectionRole  whether sound comes from this page */
/** @typedef {'connecting' | 'live' | 'reconnecting' | 'closed' | 'failed'} ConnectionState */

/**
 * The connection in one word for the style and one sentence for the reader.
 *
 * @param {object} status
 * @param {ConnectionState} status.connection
 * @param {ConnectionRole} status.role
 * @param {Phase} [status.phase]
 * @param {number} [status.attempt]
 * @param {number} [status.unsent] seconds of audio
 * @param {boolean} [status.stopping]
 * @returns {[state: string, text: string]}
 */
export function connectionText({ connection, role, phase, attempt = 0, unsent = 0, stopping = false }) {
  const buffered = `your audio is safe, ${Math.round(unsent)} s buffered`
  if (phase === 'ended') return ['ended', 'Saved']
  if (connection === 'failed') return ['failed', 'Disconnected']
  if (connection === 'connecting') return ['connecting', unsent > 1.5 ? `Connecting — ${buffered}` : 'Connecting…']
  if (connection === 'reconnecting') {
    const what = attempt > 4 ? 'The server does not answer' : 'Reconnecting'
    return ['reconnecting', `${what} — ${role === 'source' ? buffered : 'what you see is kept'}`]
  }
  if (stopping || phase === 'ending') return ['ending', 'Finishing the last words…']
  if (role === 'source') return ['live', unsent > 3 ? `Live — catching up, ${Math.round(unsent)} s to send` : 'Live']
  return phase === 'live' ? ['live', 'Live'] : ['waiting', 'Waiting for someone to start']
}

/**
 * How far behind the text is, and what that is made of.
 *
 * @param {Stats | null} stats
 * @param {number | null} lag seconds between a word and its text as this page saw them; null before the first
 * @returns {[text: string, details: string]}
 */
export function lagText(stats, lag) {
  if (lag === null) return ['', '']
  const text = `Text ${lag.toFixed(1)} s behind`
  if (!stats) return [text, '']
  const behind = `Words ${stats.asr_lag.toFixed(1)} s and speakers ${stats.diarization_lag.toFixed(1)} s behind`
  return [text, `${behind}; computing takes ${Math.round(stats.rtf * 100)} % of real time.`]
}

/**
 * What a server that is too full leaves out; empty while it leaves nothing out.
 *
 * @param {{ left_out?: string } | null} stats
 */
export function busyText(stats) {
  switch (stats?.left_out) {
    case 'rare_partials':
      return 'The server is busy: text grows less often while somebody speaks. Nothing is lost.'
    case 'no_partials':
      return 'The server is very busy: text appears once a sentence is over. Nothing is lost.'
    case 'long_hop':
      return (
        'The server is very busy: text appears once a sentence is over, and names may be rougher until the end. ' +
        'Nothing is lost.'
      )
    default:
      return ''
  }
}

/** @type {Readonly<Record<string, [key: string, text: string]>>} */
const WARNINGS = {
  recovering: [
    'loading',
    'The server was interrupted and reads again what it has. Go on talking: your audio is safe, and the text follows.',
  ],
  loading: [
    'loading',
    'The models are still being loaded. Go on talking: nothing is lost, and the text follows as soon as they are ' +
      'ready.',
  ],
  storage_ok: ['error storage', 'There is room on the server’s disk again: everything is being saved.'],
}

/**
 * What the server told in passing.
 *
 * @param {{ code: string, message: string }} error
 * @returns {[key: string, text: string]} the notice and what it says
 */
export function warningText({ code, message }) {
  return Object.hasOwn(WARNINGS, code) ? WARNINGS[code] : [`error ${code}`, sentence(message)]
}

/** @type {(message: string) => string} */
const sentence = (message) => message.charAt(0).toUpperCase() + message.slice(1).replace(/[^.!?]$/, '$&.')

/**
 * A refused connection: what to say, and in which role to try again, if in any.
 *
 * @param {{ close: number, message?: string }} problem
 * @param {ConnectionRole} [role]
 * @returns {{ text: string, retry: ConnectionRole | null }}
 */
export function problemText({ close, message }, role = 'viewer') {
  const why = message ? ` (${String(message).replace(/\.$/, '')})` : ''
  switch (close) {
    case 4404:
      return { text: MISSING, retry: null }
    case 4401:
      if (role === 'viewer') return { text: 'This link does not allow that. Ask the host for a new one.', retry: null }
      return { text: `${FORGOTTEN} You can read along.`, retry: 'viewer' }
    case 4409:
      return { text: ELSEWHERE, retry: 'viewer' }
    case 4413:
      return { text: 'The server refused a piece of audio as too large. Reload the page to go on.', retry: null }
    case 4429:
      return { text: `There is no room at the moment${why}. Wait a little, then try again.`, retry: 'source' }
    default:
      return { text: `The server ended the connection${why}. ${AGAIN}`, retry: 'source' }
  }
}

/** What is said where there is no such meeting. */
export const MISSING = 'There is no such meeting. It may have been deleted, or the link is not complete.'
const ELSEWHERE = 'The sound of this meeting now comes from another page. You can read along here.'
const FORGOTTEN = 'The server does not know this recording any more, so it cannot go on here.'
const AGAIN = 'Try again; if it happens once more, look at the server’s log.'

/** What is said where a meeting does not open. */
export const LINK_NEEDED =
  'This meeting opens with a link only, and what brought you here does not open it: it may have been revoked or have ' +
  'expired. Ask the host for a new link. Whoever runs this server can sign in with its token.'

/** What is said where the list of meetings does not open. */
export const TOKEN_NEEDED =
  'This server asks for its token before it shows or makes meetings. If somebody gave you a link to a meeting, open ' +
  'that instead.'

/** What is said of a microphone that hears nothing. */
export const SILENT = 'No sound is coming from this microphone. Is it muted? You can choose another one below.'

/**
 * @param {number} seconds of audio that could not be kept
 */
export const lostText = (seconds) =>
  `The connection was away for too long: ${Math.round(seconds)} s of audio could not be kept.`

/**
 * A recording that ended although nobody stopped it here.
 *
 * @param {number} unsent seconds of audio
 */
export function interruptedText(unsent) {
  const seconds = Math.round(unsent)
  const missing = seconds > 1 ? ` The last ${seconds} s of your audio did not reach it.` : ''
  return `This meeting was ended, by its host or by the server. What was heard until then is kept.${missing}`
}

/**
 * What stands where no line is yet.
 *
 * @param {ConnectionRole} role
 * @param {Phase} phase
 * @returns {[title: string, text: string]}
 */
export function emptyText(role, phase) {
  if (phase === 'connecting') return ['Opening the meeting…', '']
  if (phase === 'ended') return ['No words in this meeting', 'Nothing was said that the recogniser could understand.']
  if (role === 'source') return ['Listening', 'The first words appear here as soon as someone speaks.']
  if (phase === 'live') {
    return ['Listening', 'Someone has started. The first words appear here as soon as they are heard.']
  }
  return ['Nobody has started yet', 'Keep this page open: it fills in as soon as someone speaks.']
}

// ---- notes

/** What a meeting's notes are called, and their parts. */
export const NOTES_TITLES = Object.freeze({
  notes: 'Notes',
  summary: 'Summary',
  decisions: 'Decisions',
  actions: 'Actions',
})

/** What stands for a part in which there is nothing. */
export const NOTHING_NOTED = 'None.'

/** The mark of a sentence that does not seem to rest on what was said, and what it means. */
export const DOUBTFUL = 'doubtful'
/** @type {string} */
export const DOUBTFUL_TEXT =
  'A doubtful sentence names no line of this meeting, or shares no telling word with the lines that it names. That ' +
  'is a rough check: press a time, and read what was said.'

/**
 * Who wrote notes, and what to hold of them.
 *
 * @param {{ model: string, host: string, incomplete: boolean }} made
 * @param {boolean} outdated
 */
export function madeNotesText({ model, host, incomplete }, outdated) {
  const changed = outdated ? ' The transcript has changed since.' : ''
  const missing = incomplete ? ' It broke off: something may be missing.' : ''
  return `Written by the language model ${model} at ${host}, which may be wrong.${missing}${changed}`
}

/**
 * Where text goes when notes are made.
 *
 * @param {Endpoint} endpoint
 */
export function notesPlaceText({ model, host, local, encrypted }) {
  const machine = local ? 'on this server’s own machine' : 'on another machine'
  const open = encrypted ? '' : ' The way there is not encrypted.'
  return `Making notes sends the transcript to the language model ${model} at ${host}, ${machine}.${open}`
}

/**
 * What is asked before text goes anywhere.
 *
 * @param {Endpoint} endpoint
 * @param {boolean} again whether there are notes already
 */
export function makeNotesQuestion(endpoint, again) {
  const who = endpoint.local ? '' : ' Whoever runs it can read that.'
  const instead = again ? ' What it writes takes the place of these notes.' : ''
  return {
    title: again ? 'Make notes again?' : 'Make notes of this meeting?',
    text: `${notesPlaceText(endpoint)} That is the title, the day, the names and all that was said.${who}${instead}`,
    no: 'Cancel',
    yes: again ? 'Make again' : 'Make notes',
  }
}

/** What is asked before notes are deleted. */
export const DELETE_NOTES_QUESTION = Object.freeze({
  title: 'Delete these notes?',
  text: 'The transcript stays as it is.',
  no: 'Keep them',
  yes: 'Delete notes',
  danger: true,
})

/** @type {(made: boolean) => string} */
export const makeNotesLabel = (made) => (made ? 'Make again' : 'Make notes')

/** @type {(running: boolean) => string} */
export const deleteNotesLabel = (running) => (running ? 'Stop' : 'Delete notes')

/** @type {(problem: string) => string} */
export const failedNotesText = (problem) => sentence(`The notes were not made: ${problem}`)

/**
 * How far notes are that are being made.
 *
 * @param {{ done: number, parts: number } | null} progress
 */
export function notesProgressText(progress) {
  if (!progress || !progress.parts) return 'Notes are about to be written…'
  const { done, parts } = progress
  if (done >= parts) return 'The notes of all parts are being put together…'
  return parts === 1 ? 'Notes are being written…' : `Notes are being written, part ${done + 1} of ${parts}…`
}

/** What is said to listeners once notes that they waited for are there. */
export const NOTES_READY = 'The notes are ready.'

/** @type {(time: string) => string} */
export const lineLabel = (time) => `Go to the line at ${time}`

/** @type {(problem: string) => string} */
export const notesRefusedText = (problem) => `That was not possible. ${problem}`
