// What the page says about its connection, delays and failures; pure, so that every sentence can be read in one place.

// The connection in one word for the style and one sentence for the reader.
export function connectionText({ connection, role, phase, attempt = 0, unsent = 0, stopping = false }) {
  if (phase === 'ended') return ['ended', 'Saved']
  if (connection === 'failed') return ['failed', 'Disconnected']
  if (connection === 'connecting') {
    return ['connecting', unsent > 1.5 ? `Connecting — your audio is safe, ${Math.round(unsent)} s buffered` : 'Connecting…']
  }
  if (connection === 'reconnecting') {
    const what = attempt > 4 ? 'The server does not answer' : 'Reconnecting'
    if (role !== 'source') return ['reconnecting', `${what} — what you see is kept`]
    return ['reconnecting', `${what} — your audio is safe, ${Math.round(unsent)} s buffered`]
  }
  if (stopping || phase === 'ending') return ['ending', 'Finishing the last words…']
  if (role === 'source') return unsent > 3 ? ['live', `Live — catching up, ${Math.round(unsent)} s to send`] : ['live', 'Live']
  return phase === 'live' ? ['live', 'Live'] : ['waiting', 'Waiting for someone to start']
}

// measured: seconds between a word and its text as this page saw them; null before the first.
export function lagText(stats, measured) {
  if (measured === null) return ['', '']
  const details = stats
    ? `Words ${stats.asr_lag.toFixed(1)} s and speakers ${stats.diarization_lag.toFixed(1)} s behind; computing takes ${Math.round(stats.rtf * 100)} % of real time.`
    : ''
  return [`Text ${measured.toFixed(1)} s behind`, details]
}

// What a server that is too full leaves out; empty while it leaves nothing out.
export function busyText(stats) {
  switch (stats?.left_out) {
    case 'rare_partials':
      return 'The server is busy: text grows less often while somebody speaks. Nothing is lost.'
    case 'no_partials':
      return 'The server is very busy: text appears once a sentence is over. Nothing is lost.'
    case 'long_hop':
      return 'The server is very busy: text appears once a sentence is over, and names may be rougher until the end. Nothing is lost.'
    default:
      return ''
  }
}

// What the server told in passing, as [key of the notice, text].
export function warningText({ code, message }) {
  if (code === 'recovering') return ['loading', 'The server was interrupted and reads again what it has. Go on talking: your audio is safe, and the text follows.']
  if (code === 'storage_ok') return ['error storage', 'There is room on the server’s disk again: everything is being saved.']
  if (code !== 'loading') return [`error ${code}`, sentence(message)]
  return ['loading', 'The models are still being loaded. Go on talking: nothing is lost, and the text follows as soon as they are ready.']
}

const sentence = (message) => message.charAt(0).toUpperCase() + message.slice(1).replace(/[^.!?]$/, '$&.')

// A refused connection: {text, retry: "source" | "viewer" | null}.
export function problemText({ code, close, message }, role = 'viewer') {
  const said = message ? ` (${String(message).replace(/\.$/, '')})` : ''
  switch (close) {
    case 4404:
      return { text: 'There is no such meeting. It may have been deleted, or the link is not complete.', retry: null }
    case 4401:
      if (role === 'source') return { text: 'The server does not know this recording any more, so it cannot go on here. You can read along.', retry: 'viewer' }
      return { text: 'This link does not allow that. Ask the host for a new one.', retry: null }
    case 4409:
      return { text: 'The sound of this meeting now comes from another page. You can read along here.', retry: 'viewer' }
    case 4413:
      return { text: 'The server refused a piece of audio as too large. Reload the page to go on.', retry: null }
    case 4429:
      return { text: `There is no room at the moment${said}. Wait a little, then try again.`, retry: 'source' }
    default:
      return { text: `The server ended the connection${said}. Try again; if it happens once more, look at the server’s log.`, retry: 'source' }
  }
}

export function emptyText(role, phase) {
  if (phase === 'connecting') return ['Opening the meeting…', '']
  if (phase === 'ended') return ['No words in this meeting', 'Nothing was said that the recogniser could understand.']
  if (role === 'source') return ['Listening', 'The first words appear here as soon as someone speaks.']
  if (phase === 'live') return ['Listening', 'Someone has started. The first words appear here as soon as they are heard.']
  return ['Nobody has started yet', 'Keep this page open: it fills in as soon as someone speaks.']
}
