// The HTTP API as functions; a failure is an ApiError with one sentence for the reader.

import { authorization, forgetToken, subprotocols, tokenFor } from './tokens.js'
import { serverUrl } from './urls.js'

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

// id: the meeting that it is about, whose link may have brought a token. A token that is refused is forgotten, and the
// next one tried, until there is none. tag: of the answer that is known; when that is still true the status is 304.
async function request(method, path, { body, id, tag } = {}) {
  const token = tokenFor(id)
  let response
  try {
    response = await fetch(path, {
      method,
      headers: { ...(body ? { 'Content-Type': 'application/json' } : {}), ...(tag ? { 'If-None-Match': tag } : {}), ...authorization(token) },
      body: body ? JSON.stringify(body) : undefined,
    })
  } catch {
    throw new ApiError(0, 'unreachable', 'The server does not answer. Check that it is running, then try again.')
  }
  if (response.ok || response.status === 304) return response
  if (response.status === 401 && token) {
    forgetToken(token)
    if (tokenFor(id)) return request(method, path, { body, id, tag })
  }
  const answer = await response.json().catch(() => null)
  const { code = 'failed', message = `The server answered with status ${response.status}.` } = answer?.error ?? {}
  throw new ApiError(response.status, code, message)
}

const call = async (...what) => (await request(...what)).json().catch(() => null)

const meeting = (id) => serverUrl(`api/meetings/${encodeURIComponent(id)}`).href

export const createMeeting = (title) => call('POST', serverUrl('api/meetings').href, { body: title ? { title } : {} })
export const listMeetings = (before) => call('GET', serverUrl(`api/meetings${before ? `?before=${encodeURIComponent(before)}` : ''}`).href)

// {facts, tag}; facts is null when all is still as it was at `known`.
export async function getMeeting(id, known = null) {
  const response = await request('GET', meeting(id), { id, tag: known })
  return { facts: response.status === 304 ? null : await response.json(), tag: response.headers.get('ETag') }
}

export const renameMeeting = (id, title) => call('PATCH', meeting(id), { body: { title }, id })
export const endMeeting = (id) => call('POST', `${meeting(id)}/end`, { id })
export const deleteMeeting = (id) => call('DELETE', meeting(id), { id })
export const editSpeaker = (id, voice, body) => call('PATCH', `${meeting(id)}/speakers/${encodeURIComponent(voice)}`, { body, id })
export const editSegment = (id, line, body) => call('PATCH', `${meeting(id)}/segments/${encodeURIComponent(line)}`, { body, id })
export const listLinks = (id) => call('GET', `${meeting(id)}/links`, { id })
export const invite = (id, role, seconds) => call('POST', `${meeting(id)}/links`, { body: { role, expires_in: seconds }, id })
export const revoke = (id, link) => call('DELETE', `${meeting(id)}/links/${encodeURIComponent(link)}`, { id })
export const exportUrl = (id, format) => `${meeting(id)}/export?format=${format}`

// Saves a file that only a header opens, where a plain link would have to carry the token.
export async function download(path, id) {
  const response = await request('GET', path, { id })
  const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? ''
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await response.blob())
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000) // the browser may still be reading
}

export const protocols = (id) => subprotocols(tokenFor(id))

export function socketUrl(id) {
  const url = serverUrl(`ws/meetings/${encodeURIComponent(id)}`)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

export const FORMATS = [
  ['srt', 'SRT', 'Subtitles'],
  ['vtt', 'WebVTT', 'Subtitles for the web'],
  ['txt', 'Text', 'To read and mail'],
  ['md', 'Markdown', 'For notes and wikis'],
  ['json', 'JSON', 'Everything, word by word'],
  ['rttm', 'RTTM', 'Who spoke when'],
  ['seglst', 'SegLST', 'For scoring tools'],
]
