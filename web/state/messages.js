// What the page says about its connection, delays and failures; pure.

import { errorText, languageNames, number, ofServer, percent, t } from '../texts/texts.js'

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
 * @param {boolean} [status.muted] the microphone, here
 * @returns {[state: string, text: string]}
 */
export function connectionText({ connection, role, phase, attempt = 0, unsent = 0, stopping = false, muted = false }) {
  const seconds = Math.round(unsent)
  if (phase === 'ended') return ['ended', t('connection.saved')]
  if (connection === 'failed') return ['failed', t('connection.failed')]
  if (connection === 'connecting') {
    const buffered = unsent > 1.5 ? t('connection.connecting.buffered', { seconds }) : t('connection.connecting')
    return ['connecting', buffered]
  }
  if (connection === 'reconnecting') {
    const key = attempt > 4 ? 'connection.silent' : 'connection.reconnecting'
    return ['reconnecting', role === 'source' ? t(`${key}.buffered`, { seconds }) : t(key)]
  }
  if (stopping || phase === 'ending') return ['ending', t('connection.finishing')]
  if (role === 'source') {
    if (unsent > 3) return ['live', t('connection.behind', { seconds })]
    return muted ? ['muted', t('connection.muted')] : ['live', t('connection.live')]
  }
  return phase === 'live' ? ['live', t('connection.live')] : ['waiting', t('connection.waiting')]
}

/**
 * What is spoken, where that was detected, how far behind the text is, and what that is made of.
 *
 * @param {Stats | null} stats
 * @param {number | null} lag seconds between a word and its text as this page saw them; null before the first
 * @param {readonly string[]} [languages] codes of all that is spoken
 * @returns {[text: string, details: string]}
 */
export function lagText(stats, lag, languages = stats?.language ? [stats.language] : []) {
  if (lag === null) return ['', '']
  const behind = t('lag.text', { seconds: number(lag, 1) })
  const text = languages.length ? `${languageNames(languages)} · ${behind}` : behind
  if (!stats) return [text, '']
  const [words, speakers] = [number(stats.asr_lag, 1), number(stats.diarization_lag, 1)]
  return [text, t('lag.details', { words, speakers, percent: percent(stats.rtf) })]
}

/**
 * That the models do not answer, or else what a server that is too full leaves out; empty while neither is so.
 *
 * @param {{ left_out?: string, models_answer?: boolean } | null} stats
 */
export function busyText(stats) {
  if (stats?.models_answer === false) return t('busy.models') // it leaves out then as one that is too full does
  switch (stats?.left_out) {
    case 'rare_partials':
      return t('busy.rare')
    case 'no_partials':
      return t('busy.none')
    case 'long_hop':
      return t('busy.rough')
    default:
      return ''
  }
}

/** @type {Readonly<Record<string, [key: string, text: string]>>} by code, the notice and the key of its text */
const WARNINGS = {
  recovering: ['loading', 'warning.recovering'],
  loading: ['loading', 'warning.loading'],
  storage_ok: ['saved', 'warning.saved-again'],
}

/**
 * What the server told in passing.
 *
 * @param {{ code: string, message: string }} error
 * @returns {[key: string, text: string]} the notice and what it says
 */
export function warningText({ code, message }) {
  if (!Object.hasOwn(WARNINGS, code)) return [`error ${code}`, errorText(code, sentence(message))]
  const [key, text] = WARNINGS[code]
  return [key, t(text)]
}

/** @type {(message: string) => string} */
const sentence = (message) => message.charAt(0).toUpperCase() + message.slice(1).replace(/[^.!?]$/, '$&.')

/**
 * A refused connection: what to say, and in which role to try again, if in any.
 *
 * @param {{ close: number, code?: string | number, message?: string }} problem
 * @param {ConnectionRole} [role]
 * @returns {{ text: string, retry: ConnectionRole | null }}
 */
export function problemText({ close, code = close, message }, role = 'viewer') {
  switch (close) {
    case 4404:
      return { text: t('missing.text'), retry: null }
    case 4401:
      if (role === 'viewer') return { text: t('problem.link'), retry: null }
      return { text: t('problem.forgotten'), retry: 'viewer' }
    case 4409:
      return { text: t('problem.elsewhere'), retry: 'viewer' }
    case 4413:
      return { text: t('problem.too-large'), retry: null }
    default: {
      const key = close === 4429 ? 'problem.full' : 'problem.ended'
      const why = withoutPeriod(errorText(code, withoutPeriod(message ?? '')))
      return { text: why ? t(`${key}.why`, { why }) : t(key), retry: 'source' }
    }
  }
}

/** @type {(message: string) => string} */
const withoutPeriod = (message) => message.replace(/\.$/, '')

/**
 * @param {number} seconds of audio that could not be kept
 */
export const lostText = (seconds) => t('problem.lost', { seconds: Math.round(seconds) })

/**
 * A recording that ended although nobody stopped it here.
 *
 * @param {number} unsent seconds of audio
 */
export function interruptedText(unsent) {
  const seconds = Math.round(unsent)
  return seconds > 1 ? t('problem.interrupted.unsent', { seconds }) : t('problem.interrupted')
}

/**
 * What stands where no line is yet.
 *
 * @param {ConnectionRole} role
 * @param {Phase} phase
 * @returns {[title: string, text: string]}
 */
export function emptyText(role, phase) {
  if (phase === 'connecting') return [t('empty.connecting'), '']
  if (phase === 'ended') return [t('empty.ended'), t('empty.ended.text')]
  if (role === 'source') return [t('empty.listening'), t('empty.listening.source')]
  if (phase === 'live') return [t('empty.listening'), t('empty.listening.viewer')]
  return [t('empty.open'), t('empty.open.text')]
}

// ---- notes

/** @type {(...sentences: string[]) => string} */
const joined = (...sentences) => sentences.filter(Boolean).join(' ')

/**
 * Who wrote notes, and what to hold of them.
 *
 * @param {{ model: string, host: string, incomplete: boolean }} made
 * @param {boolean} outdated
 */
export const madeNotesText = ({ model, host, incomplete }, outdated) =>
  joined(t('notes.by', { model, host }), incomplete ? t('notes.incomplete') : '', outdated ? t('notes.outdated') : '')

/**
 * Where text goes when notes are made.
 *
 * @param {Endpoint} endpoint
 */
export const notesPlaceText = ({ model, host, local, encrypted }) =>
  joined(t(local ? 'notes.place.here' : 'notes.place.there', { model, host }), encrypted ? '' : t('notes.place.open'))

/**
 * What is asked before text goes anywhere.
 *
 * @param {Endpoint} endpoint
 * @param {boolean} again whether there are notes already
 */
export function makeNotesQuestion(endpoint, again) {
  const reader = endpoint.local ? '' : t('notes.place.reader')
  return {
    title: t(again ? 'notes.ask.again' : 'notes.ask'),
    text: joined(notesPlaceText(endpoint), t('notes.ask.what'), reader, again ? t('notes.ask.instead') : ''),
    no: t('button.cancel'),
    yes: t(again ? 'notes.make.again' : 'notes.make'),
  }
}

/** @type {(problem: string) => string} */
export const failedNotesText = (problem) => t('notes.failed', { why: ofServer(sentence(problem)) })

/**
 * How far notes are that are being made.
 *
 * @param {{ done: number, parts: number } | null} progress
 */
export function notesProgressText(progress) {
  if (!progress || !progress.parts) return t('notes.waiting')
  const { done, parts } = progress
  if (done >= parts) return t('notes.merging')
  return parts === 1 ? t('notes.writing') : t('notes.writing.part', { part: done + 1, parts })
}
