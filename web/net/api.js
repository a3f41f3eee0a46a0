// The HTTP API as functions; a failure is an ApiError with one sentence for the reader.

import { errorText, t } from '../texts/texts.js'
import { authorization, forgetToken, subprotocols, tokenFor } from './tokens.js'
import { serverUrl } from './urls.js'

/** @typedef {import('../state/page-state.js').Facts} Facts */
/** @typedef {import('../state/library/voices-state.js').KeptVoice} KeptVoice */
/** @typedef {import('../state/permissions.js').Role} Role */
/** @typedef {import('../state/wire-messages.js').NotesFacts} NotesFacts */
/** @typedef {import('../state/wire-messages.js').Statistics} Statistics */
/** @typedef {Partial<Record<'host' | 'speak' | 'view', string>>} Links  by role, without the server's name */
/** @typedef {{ id: string, title: string, links?: Links }} NewMeeting */
/** @typedef {import('../state/home-state.js').ListedMeeting} ListedMeeting */

/**
 * A link that was given out.
 *
 * @typedef {object} GivenLink
 * @property {string} id
 * @property {'host' | 'speak' | 'view'} role
 * @property {string} created_at
 * @property {string | null} [expires_at]
 * @property {boolean} mine whether it opened this page
 */

export class ApiError extends Error {
  /**
   * @param {number} status of HTTP; 0 where there was no answer
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }

  /** Whether the same request may succeed a little later. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

/**
 * @typedef {object} Options
 * @property {object} [body]
 * @property {string} [id] the meeting that it is about, whose link may have brought a token
 * @property {boolean} [keepalive] whether it goes on when the page is closed
 * @property {string | null} [tag] of the answer that is known; when that is still true the status is 304
 * @property {ArrayBuffer} [piece] bytes to send in the place of a body
 * @property {Record<string, string>} [headers] further ones
 * @property {AbortSignal} [signal] gives up
 * @property {string} [range] the part of the answer that is wanted; the status is 416 where there is no such part
 */

/**
 * A token that is refused is forgotten, and the next one tried, until there is none.
 *
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<Response>}
 * @throws {ApiError}
 */
export async function request(method, path, options = {}) {
  const token = tokenFor(options.id)
  const response = await send(method, path, options, token)
  if (response.ok || response.status === 304 || (options.range && response.status === 416)) return response
  if (response.status === 401 && token) {
    forgetToken(token)
    if (tokenFor(options.id)) return request(method, path, options)
  }
  const answer = await response.json().catch(() => null)
  const { code, message } = answer?.error ?? { code: 'failed', message: '' }
  const text = message ? errorText(code, message) : t('server.failed', { status: `${response.status}` })
  throw new ApiError(response.status, code, text)
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Options} options
 * @param {string | null} token
 */
async function send(method, path, { body, keepalive, tag, range, piece, headers: further, signal }, token) {
  const headers = { ...authorization(token), ...further }
  if (body) headers['Content-Type'] = 'application/json'
  if (tag) headers['If-None-Match'] = tag
  if (range) headers.Range = range
  try {
    return await fetch(path, { method, headers, keepalive, body: body ? JSON.stringify(body) : piece, signal })
  } catch {
    throw new ApiError(0, 'unreachable', t('server.unreachable'))
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>} the answer's JSON; null where it has none
 */
export const call = async (method, path, options) => (await request(method, path, options)).json().catch(() => null)

/** @type {(id: string) => string} */
export const addressOf = (id) => serverUrl(`api/meetings/${encodeURIComponent(id)}`).href

/** @type {(body: { title?: string, hotwords?: string[], speakers?: string }) => Promise<NewMeeting>} */
export const createMeeting = (body) => call('POST', serverUrl('api/meetings').href, { body })

/**
 * A page of the list, newest first; `next` leads to the one after it.
 *
 * @param {string} [query] which ones, from its question mark on
 * @returns {Promise<{ meetings: ListedMeeting[], next: string | null }>}
 */
export const listMeetings = (query = '') => call('GET', serverUrl(`api/meetings${query}`).href)

/** @type {(query: string) => Promise<import('../state/library/search-state.js').HitPage>} */
export const search = (query) => call('GET', serverUrl(`api/search?${query}`).href)

/**
 * @param {string} id
 * @param {string | null} known tag of the facts that are known
 * @returns {Promise<{ facts: Facts | null, tag: string | null }>} no facts when all is still as it was
 */
export async function getMeeting(id, known = null) {
  const response = await request('GET', addressOf(id), { id, tag: known })
  return { facts: response.status === 304 ? null : await response.json(), tag: response.headers.get('ETag') }
}

/** @type {(id: string, title: string) => Promise<void>} */
export const renameMeeting = (id, title) => call('PATCH', addressOf(id), { body: { title }, id })

/** @type {(id: string) => Promise<{ hotwords: string[] }>} */
export const getHotwords = (id) => call('GET', `${addressOf(id)}/hotwords`, { id })

/** @type {(id: string, hotwords: string[]) => Promise<void>} */
export const setHotwords = (id, hotwords) => call('PUT', `${addressOf(id)}/hotwords`, { body: { hotwords }, id })

const WAV_HEADER = 44 // bytes before the first sample
const SAMPLE = 2 // bytes
const RATE = 16_000 // samples a second

/**
 * Samples of a meeting's audio from one to before another; fewer, or none, where there are no more yet.
 *
 * @param {string} id
 * @param {number} from
 * @param {number} to
 * @returns {Promise<{ samples: Int16Array, length: number }>} and the seconds that there are in all
 */
export async function getSamples(id, from, to) {
  const range = `bytes=${WAV_HEADER + from * SAMPLE}-${WAV_HEADER + to * SAMPLE - 1}`
  const response = await request('GET', `${addressOf(id)}/audio?format=wav`, { id, range })
  const size = Number(/\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? WAV_HEADER)
  const length = (size - WAV_HEADER) / SAMPLE / RATE
  if (response.status === 416) return { samples: new Int16Array(0), length }
  if (response.status !== 206) throw new ApiError(response.status, 'failed', t('player.no-ranges'))
  return { samples: new Int16Array(await response.arrayBuffer()), length }
}

/** @type {(id: string) => Promise<Statistics>} */
export const getStatistics = (id) => call('GET', `${addressOf(id)}/statistics`, { id })

/** @type {(id: string) => Promise<NotesFacts>} */
export const getNotes = (id) => call('GET', `${addressOf(id)}/notes`, { id })

/** @type {(id: string) => Promise<NotesFacts>} */
export const makeNotes = (id) => call('POST', `${addressOf(id)}/notes`, { id })

/** @type {(id: string) => Promise<void>} */
export const deleteNotes = (id) => call('DELETE', `${addressOf(id)}/notes`, { id })

/** @type {(id: string) => Promise<void>} */
export const endMeeting = (id) => call('POST', `${addressOf(id)}/end`, { id })

/**
 * Goes on when the page that asks for it is closed.
 *
 * @type {(id: string) => Promise<void>}
 */
export const deleteMeeting = (id) => call('DELETE', addressOf(id), { id, keepalive: true })

/** @type {(id: string, speaker: string) => string} */
const speakerVoice = (id, speaker) => `${addressOf(id)}/speakers/${encodeURIComponent(speaker)}/voice`

/** @type {(id: string, speaker: string) => Promise<{ voice: KeptVoice | null }>} */
export const findVoice = (id, speaker) => call('GET', speakerVoice(id, speaker), { id })

/** @type {(id: string, speaker: string) => Promise<void>} */
export const rememberVoice = (id, speaker) => call('PUT', speakerVoice(id, speaker), { id })

/** @type {(id: string, speaker: string) => Promise<void>} */
export const forgetSpeakersVoice = (id, speaker) => call('DELETE', speakerVoice(id, speaker), { id })

/** @type {() => Promise<{ voices: KeptVoice[] }>} */
export const listVoices = () => call('GET', serverUrl('api/voices').href)

/** @type {(voice: string) => string} */
const keptVoice = (voice) => serverUrl(`api/voices/${encodeURIComponent(voice)}`).href

/** @type {(voice: string, name: string) => Promise<void>} */
export const renameVoice = (voice, name) => call('PATCH', keptVoice(voice), { body: { name } })

/** @type {(voice: string) => Promise<void>} */
export const forgetVoice = (voice) => call('DELETE', keptVoice(voice))

/** @type {(id: string) => Promise<{ links: GivenLink[] }>} */
export const listLinks = (id) => call('GET', `${addressOf(id)}/links`, { id })

/**
 * @param {string} id
 * @param {'host' | 'speak' | 'view'} role
 * @param {number | null} seconds that the link works; null for as long as the meeting is kept
 * @returns {Promise<{ url: string }>}
 */
export const createLink = (id, role, seconds) =>
  call('POST', `${addressOf(id)}/links`, { body: { role, expires_in: seconds }, id })

/**
 * The QR code of a link into a meeting, as SVG; this server makes it.
 *
 * @param {string} id
 * @param {string} link
 * @returns {Promise<string>}
 */
export const drawCode = async (id, link) =>
  (await request('POST', `${addressOf(id)}/links/qr`, { body: { link }, id })).text()

/** @type {(id: string, link: string) => Promise<void>} */
export const revokeLink = (id, link) => call('DELETE', `${addressOf(id)}/links/${encodeURIComponent(link)}`, { id })

/** @type {(id: string, format: string) => string} */
export const exportUrl = (id, format) => `${addressOf(id)}/export?format=${format}`

/**
 * A file that only a header opens, where a plain link would have to carry the token.
 *
 * @param {string} path
 * @param {string} id
 * @returns {Promise<{ name: string, content: Blob }>}
 */
export async function download(path, id) {
  const response = await request('GET', path, { id })
  const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? ''
  return { name, content: await response.blob() }
}

/** @type {(id: string) => string[]} */
export const protocols = (id) => subprotocols(tokenFor(id))

/** @type {(id: string) => string} */
export function socketUrl(id) {
  const url = serverUrl(`ws/meetings/${encodeURIComponent(id)}`)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

/** The formats in the order of the menu; how they are called and what they are for stands among the texts. */
export const FORMATS = ['docx', 'txt', 'html', 'md', 'srt', 'vtt', 'csv', 'json', 'rttm', 'seglst']

/** Those that are texts. */
export const TEXT_FORMATS = FORMATS.filter((format) => format !== 'docx')
