// The HTTP API as functions; a failure is an ApiError with one sentence for the reader.

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

async function call(method, path, body) {
  let response
  try {
    response = await fetch(path, {
      method,
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
    })
  } catch {
    throw new ApiError(0, 'unreachable', 'The server does not answer. Check that it is running, then try again.')
  }
  const answer = await response.json().catch(() => null)
  if (!response.ok) {
    const { code = 'failed', message = `The server answered with status ${response.status}.` } = answer?.error ?? {}
    throw new ApiError(response.status, code, message)
  }
  return answer
}

const meeting = (id) => `/api/meetings/${encodeURIComponent(id)}`

export const createMeeting = (title) => call('POST', '/api/meetings', title ? { title } : {})
export const listMeetings = (before) => call('GET', `/api/meetings${before ? `?before=${encodeURIComponent(before)}` : ''}`)
export const getMeeting = (id) => call('GET', meeting(id))
export const renameMeeting = (id, title) => call('PATCH', meeting(id), { title })
export const deleteMeeting = (id) => call('DELETE', meeting(id))
export const exportUrl = (id, format) => `${meeting(id)}/export?format=${format}`

export function socketUrl(id) {
  const url = new URL(`/ws/meetings/${encodeURIComponent(id)}`, location.href)
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
