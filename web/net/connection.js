// One client's connection to one meeting: opens the socket, keeps unconfirmed audio, reconnects and resumes.
//
// A viewer's connection only listens. A source's connection sends `start`, then its outbox's frames, and `stop` once all are out.

import { AudioOutbox } from './audio-outbox.js'

const FATAL = new Set([4400, 4401, 4404, 4409, 4413, 4429])
const HIGH_WATER = 2 ** 20 // bytes in the socket's own buffer above which we wait
const SILENCE = 15_000 // milliseconds without an ack after which a connection counts as dead
const FIRST_WAIT = 400
const LONGEST_WAIT = 10_000

// Milliseconds before attempt n (from 1): doubling, capped, and spread so that many clients do not return as one.
export function backoff(attempt, random = Math.random()) {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)) * (0.5 + 0.5 * random)
}

export class Connection {
  state = 'connecting' // then live, reconnecting, closed or failed
  attempt = 0
  problem = null // {code, message}, once failed
  #socket = null
  #timer = null
  #beat = null // sends on while no new audio comes, and notices a dead connection
  #sent = 0 // seq of the next frame to hand to the socket
  #streaming = false // the server has answered `start` on this socket
  #stopping = false
  #stopSent = false
  #heard = 0
  #lastError = null

  // source: null for a viewer, else {start: {source, audio, language, hotwords}, resume: null | {source_id, token}}
  constructor({ url, protocols = [], source = null, onMessage = () => {}, onChange = () => {} }) {
    this.url = url
    this.protocols = protocols
    this.source = source
    this.onMessage = onMessage
    this.onChange = onChange
    if (source) {
      const { sample_rate: rate, channels } = source.start.audio
      this.outbox = new AudioOutbox({ bytesPerSecond: rate * channels * 2 })
    }
  }

  // Seconds of audio that exist only in this page.
  get unsent() {
    return this.outbox?.seconds ?? 0
  }

  open() {
    window.addEventListener('online', this.#hurry)
    if (this.source) this.#beat = setInterval(() => this.#pump(), 1000)
    this.#connect()
  }

  // Leaves at once; what is unconfirmed is lost unless `stop` came first.
  close() {
    this.#settle('closed')
  }

  sendAudio(payload, captureUs) {
    if (this.#stopping || this.state === 'closed' || this.state === 'failed') return
    this.outbox.push(payload, captureUs)
    this.#pump()
  }

  // No more audio will come: everything still here is sent, then `stop`.
  stop() {
    this.#stopping = true
    this.#pump()
  }

  #connect() {
    this.#set(this.attempt ? 'reconnecting' : 'connecting')
    const socket = new WebSocket(this.url, this.protocols)
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    this.#streaming = false
    this.#stopSent = false
    socket.onopen = () => this.#opened()
    socket.onmessage = ({ data }) => this.#received(data)
    socket.onclose = ({ code, reason }) => this.#closed(code, reason)
  }

  #opened() {
    if (!this.source) return
    const { start, resume } = this.source
    this.#socket.send(JSON.stringify({ type: 'start', version: 1, ...start, resume }))
  }

  #received(data) {
    let message
    try {
      message = JSON.parse(data)
    } catch {
      return // not ours; the next message may be
    }
    this.#heard = Date.now()
    if (message.type === 'session') this.#begin(message)
    if (message.type === 'ack') {
      this.outbox?.ack(message.seq)
      this.#pump()
    }
    if (message.type === 'error') this.#lastError = message
    if (message.type === 'snapshot' && !this.source) this.#live()
    this.onMessage(message)
    const over = message.type === 'snapshot' && message.state === 'ended' && !message.earlier // else `ended` follows
    if (message.type === 'ended' || over) this.#settle('closed')
  }

  #begin({ source_id, resume_token: token, next_seq: next }) {
    this.source.resume = { source_id, token }
    this.outbox.align(next)
    // A server whose disk lost confirmed frames shows everybody the gap; what comes now belongs behind it.
    this.#sent = Math.max(next, this.outbox.first)
    this.#streaming = true
    this.#live()
    this.#pump()
  }

  #live() {
    this.attempt = 0
    this.#lastError = null
    this.#set('live')
  }

  #pump() {
    const socket = this.#socket
    if (!this.#streaming || socket.readyState !== WebSocket.OPEN) return
    if (this.outbox.empty) this.#heard = Date.now()
    while (this.#sent < this.outbox.next && socket.bufferedAmount < HIGH_WATER) {
      socket.send(this.outbox.at(this.#sent))
      this.#sent += 1
    }
    if (Date.now() - this.#heard > SILENCE) {
      socket.close() // its close event may take a minute on a dead network
      this.#closed(1006, '')
    } else if (this.#stopping && !this.#stopSent && this.#sent === this.outbox.next) {
      this.#stopSent = true
      socket.send(JSON.stringify({ type: 'stop' }))
    }
  }

  #closed(code, reason) {
    if (this.state === 'closed' || this.state === 'failed') return
    this.#drop()
    const error = this.#lastError
    this.#lastError = null
    if (!this.#passing(code, error) && (FATAL.has(code) || error?.fatal)) {
      this.#fail(error?.code ?? code, error?.message || reason, code)
      return
    }
    this.attempt += 1
    this.#set('reconnecting')
    this.#timer = setTimeout(() => this.#connect(), backoff(this.attempt))
  }

  // A recording that was heard waits for room, and for the server's disk: giving up would lose what only this page has.
  #passing(code, error) {
    return Boolean(this.source?.resume) && (code === 1011 || code === 4429 || error?.code === 'too_many')
  }

  #hurry = () => {
    if (this.state !== 'reconnecting' || this.#socket) return
    clearTimeout(this.#timer)
    this.#connect()
  }

  #fail(code, message, close = null) {
    this.problem = { code, message, close }
    this.#settle('failed')
  }

  #settle(state) {
    if (this.state === 'closed' || this.state === 'failed') return
    window.removeEventListener('online', this.#hurry)
    clearTimeout(this.#timer)
    clearInterval(this.#beat)
    const socket = this.#socket
    this.#drop()
    socket?.close()
    this.#set(state)
  }

  // Forgets the socket, so that nothing it still delivers is taken for news.
  #drop() {
    if (this.#socket) this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
    this.#socket = null
    this.#streaming = false
  }

  #set(state) {
    this.state = state
    this.onChange(this)
  }
}
