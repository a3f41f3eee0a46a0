// One client's connection to one meeting: opens the socket, keeps unconfirmed audio, reconnects and resumes.
//
// A viewer's connection only listens. A source's sends `start`, then its outbox's frames, and `stop` once all are out;
// where the meeting goes on without it, it is a viewer's from then on.

import { AudioOutbox } from './audio-outbox.js'
import { Reconnection } from './reconnection.js'
import { Watchdog } from './watchdog.js'

/** @typedef {import('../state/messages.js').ConnectionState} ConnectionState */
/** @typedef {import('../state/page-state.js').ConnectionStatus} ConnectionStatus */
/** @typedef {import('../state/page-state.js').Problem} Problem */
/** @typedef {import('../state/wire-messages.js').ErrorMessage} ErrorMessage */
/** @typedef {import('../state/wire-messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./resume-tokens.js').ResumeToken} ResumeToken */

/**
 * What a source tells of itself.
 *
 * @typedef {object} Start
 * @property {{ name: string, kind: string }} source
 * @property {{ encoding: string, sample_rate: number, channels: number }} audio
 * @property {string | null} [language]
 * @property {string[]} [hotwords]
 */

/** @typedef {{ start: Start, resume: ResumeToken | null }} Source */

/**
 * What a source of this page tells of itself.
 *
 * @param {Start['source']} source
 * @param {number} sampleRate of its frames
 * @returns {Start}
 */
export const startOf = (source, sampleRate) => ({
  source,
  audio: { encoding: 'pcm_s16le', sample_rate: sampleRate, channels: 1 },
  language: null,
  hotwords: [],
})

const FATAL = new Set([4400, 4401, 4404, 4409, 4413, 4429])
const HIGH_WATER = 2 ** 20 // bytes in the socket's own buffer above which we wait
const SILENCE = 15_000 // milliseconds without an ack after which a connection counts as dead

export class Connection {
  /** @type {ConnectionState} */
  state = 'connecting'
  attempt = 0
  /** @type {Problem | null} once failed */
  problem = null
  /** @type {AudioOutbox | null} of a source */
  outbox = null
  /** @type {WebSocket | null} */
  #socket = null
  /** @type {number | undefined} until the next attempt */
  #timer
  /** @type {number | undefined} sends on while no new audio comes, and notices a dead connection */
  #heartbeat
  #sent = 0 // seq of the next frame to hand to the socket
  #asked = false // `start` was sent on this socket
  #streaming = false // the server has answered it
  #stopping = false
  #stopSent = false
  #heard = 0 // when the server last confirmed something, or had nothing to confirm
  /** @type {ErrorMessage | null} */
  #lastError = null
  /** @type {Reconnection} */
  #reconnection
  #watchdog = new Watchdog(() => this.#closed(1006, ''))

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {string[]} [options.protocols]
   * @param {Source | null} [options.source] null for a viewer
   * @param {(message: ServerMessage) => void} [options.onMessage]
   * @param {(connection: Connection) => void} [options.onChange] its state has changed
   */
  constructor({ url, protocols = [], source = null, onMessage = () => {}, onChange = () => {} }) {
    this.#reconnection = new Reconnection(url)
    this.protocols = protocols
    this.source = source
    this.onMessage = onMessage
    this.onChange = onChange
    if (source) {
      const { sample_rate: rate, channels } = source.start.audio
      this.outbox = new AudioOutbox({ bytesPerSecond: rate * channels * 2 })
    }
  }

  /** Seconds of audio that exist only in this page. */
  get unsent() {
    return this.outbox?.seconds ?? 0
  }

  /** @returns {ConnectionStatus} */
  get status() {
    return { state: this.state, attempt: this.attempt, unsent: this.unsent, lost: this.outbox?.lost ?? 0 }
  }

  open() {
    addEventListener('online', this.#hurry)
    if (this.source) this.#heartbeat = setInterval(() => this.#send(), 1000)
    this.#connect()
  }

  /** Leaves at once; what is unconfirmed is lost unless `stop` came first. */
  close() {
    this.#finish('closed')
  }

  /**
   * @param {ArrayBuffer} payload
   * @param {number} captureUs microseconds
   */
  sendAudio(payload, captureUs) {
    if (this.#stopping || this.#finished) return
    this.outbox?.push(payload, captureUs)
    this.#send()
  }

  /** No more audio will come: everything still here is sent, then `stop`. */
  stop() {
    this.#stopping = true
    this.#send()
  }

  get #finished() {
    return this.state === 'closed' || this.state === 'failed'
  }

  #connect() {
    this.#set(this.attempt ? 'reconnecting' : 'connecting')
    const socket = new WebSocket(this.#reconnection.url, this.protocols)
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    this.#asked = this.#streaming = false
    this.#stopSent = false
    socket.onopen = () => this.#opened(socket)
    socket.onmessage = ({ data }) => this.#received(data)
    socket.onclose = ({ code, reason }) => this.#closed(code, reason)
  }

  /** @param {WebSocket} socket */
  #opened(socket) {
    if (!this.source) return
    const { start, resume } = this.source
    this.#asked = true
    socket.send(JSON.stringify({ type: 'start', version: 1, ...start, resume }))
  }

  /** @param {string} data */
  #received(data) {
    const message = parsed(data)
    if (!message) return // not ours; the next message may be
    this.#watchdog.heard(message)
    if (message.type === 'alive') return
    this.#heard = Date.now()
    if (message.type === 'session' && this.source && this.outbox) this.#begin(this.source, this.outbox, message)
    if (message.type === 'ack') {
      this.outbox?.ack(message.seq)
      this.#send()
    }
    if (message.type === 'error') this.#lastError = message
    if (message.type === 'moved') this.#reconnection.move(message)
    if (this.#tellsOfEnd(message)) this.#readOn()
    if (message.type === 'snapshot' && !this.source) this.#live()
    this.onMessage(message)
    const over = message.type === 'snapshot' && message.state === 'ended' && !message.earlier // else `ended` follows
    if (message.type === 'ended' || over) this.#finish('closed')
  }

  /**
   * @param {Source} source
   * @param {AudioOutbox} outbox
   * @param {import('../state/wire-messages.js').Session} session
   */
  #begin(source, outbox, { source_id, resume_token: token, next_seq: next }) {
    source.resume = { source_id, token }
    outbox.align(next)
    // A server whose disk lost confirmed frames shows everybody the gap; what comes now belongs behind it.
    this.#sent = Math.max(next, outbox.first)
    this.#streaming = true
    this.#live()
    this.#send()
  }

  /**
   * Whether what is sent here is not received any more.
   *
   * @param {ServerMessage} message
   */
  #tellsOfEnd(message) {
    const told = message.type === 'source' ? [message] : message.type === 'snapshot' ? (message.sources ?? []) : []
    const own = told.find(({ id }) => id === this.source?.resume?.source_id)
    return own?.state === 'ended' || (own?.state === 'ending' && !this.#stopping)
  }

  // The meeting goes on without what came from here.
  #readOn() {
    this.source = this.outbox = null
    this.#streaming = this.#stopping = false
    clearInterval(this.#heartbeat)
    this.#live()
  }

  #live() {
    this.attempt = 0
    this.#lastError = null
    this.#set('live')
  }

  // Hands to the socket what it takes, and `stop` once all is out.
  #send() {
    const [socket, outbox] = [this.#socket, this.outbox]
    if (!this.#streaming || !socket || !outbox || socket.readyState !== WebSocket.OPEN) return
    if (outbox.empty) this.#heard = Date.now()
    while (this.#sent < outbox.next && socket.bufferedAmount < HIGH_WATER) {
      socket.send(outbox.at(this.#sent))
      this.#sent += 1
    }
    if (Date.now() - this.#heard > SILENCE) {
      this.#closed(1006, '')
    } else if (this.#stopping && !this.#stopSent && this.#sent === outbox.next) {
      this.#stopSent = true
      socket.send(JSON.stringify({ type: 'stop' }))
    }
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    if (this.#finished) return
    this.#forgetSocket()
    const error = this.#lastError
    this.#lastError = null
    if (!this.#passes(code, error) && (FATAL.has(code) || error?.fatal)) {
      this.problem = { code: error?.code ?? code, message: error?.message || reason, close: code }
      this.#finish('failed')
      return
    }
    this.attempt += 1
    this.#set('reconnecting')
    this.#timer = setTimeout(() => this.#connect(), this.#reconnection.next(this.attempt))
  }

  /**
   * A recording that was heard waits for room, and for the server's disk: giving up would lose what only this page has.
   *
   * @param {number} code
   * @param {ErrorMessage | null} error
   */
  #passes(code, error) {
    // It asked for a source that is over, as the snapshot has told; a reader may come all the same.
    if (this.#asked && !this.source && (code === 4401 || error?.code === 'lost')) return true
    return Boolean(this.source?.resume) && (code === 1011 || code === 4429 || error?.code === 'too_many')
  }

  #hurry = () => {
    if (this.state !== 'reconnecting' || this.#socket) return
    clearTimeout(this.#timer)
    this.#connect()
  }

  /** @param {'closed' | 'failed'} state */
  #finish(state) {
    if (this.#finished) return
    removeEventListener('online', this.#hurry)
    clearTimeout(this.#timer)
    clearInterval(this.#heartbeat)
    this.#forgetSocket()
    this.#set(state)
  }

  // So that nothing it still delivers is taken for news; on a dead network its close event may take a minute.
  #forgetSocket() {
    this.#watchdog.stop()
    const socket = this.#socket
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null
      socket.close()
    }
    this.#socket = null
    this.#streaming = false
  }

  /** @param {ConnectionState} state */
  #set(state) {
    this.state = state
    this.onChange(this)
  }
}

/**
 * @param {string} data
 * @returns {ServerMessage | null} null where it is none
 */
function parsed(data) {
  try {
    return JSON.parse(data)
  } catch {
    return null
  }
}
