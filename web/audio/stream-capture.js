// A stream of the browser as frames of sound, at its own pace and level; knows no device and no socket.

import { CaptureClock } from './capture-clock.js'

/** @typedef {import('./capture-error.js').CaptureError} CaptureError */
/** @typedef {import('./recorder.js').Frame} Frame */

const MODULE = new URL('capture-worklet.js', import.meta.url).href

/** A source of sound: calls onFrame about ten times a second once started. */
export class StreamCapture {
  /** @type {(frame: Frame) => void} */
  onFrame = () => {}
  /** @type {(error: CaptureError | null) => void} frames go on, as silence; null: it is over */
  onProblem = () => {}
  /** @type {() => void} no more sound will come */
  onEnd = () => {}
  /** What is heard is left out: frames go on, as silence. */
  muted = false
  #context
  /** @type {AudioWorkletNode | null} */
  #node = null
  /** @type {MediaStream | null} */
  #stream = null
  /** @type {MediaStreamAudioSourceNode | null} */
  #input = null
  #clock
  #closed = false

  /** @param {AudioContext} context */
  constructor(context) {
    this.#context = context
    this.#clock = new CaptureClock(context.sampleRate)
  }

  get sampleRate() {
    return this.#context.sampleRate
  }

  /** @returns {MediaStreamTrack | null} what is heard */
  get track() {
    return this.#stream?.getAudioTracks()[0] ?? null
  }

  /** Whether the system has stopped the clock of the sound. */
  get isPaused() {
    return this.#context.state !== 'running' && this.#context.state !== 'closed'
  }

  /** Makes ready what turns sound into frames. */
  async prepare() {
    await this.#context.audioWorklet.addModule(MODULE)
    await this.#context.resume()
  }

  /**
   * Hears another stream from now on, in the place of the one before, without losing a frame. What has been closed
   * stops a stream that comes later: the browser may have asked for it meanwhile.
   *
   * @param {MediaStream} stream
   * @param {() => void} onChange its sound has stopped, or goes on
   */
  take(stream, onChange) {
    if (this.#closed) {
      stopTracks(stream)
      return
    }
    this.#letGo()
    this.#input?.disconnect()
    this.#stream = stream
    this.#input = this.#context.createMediaStreamSource(stream)
    if (this.#node) this.#input.connect(this.#node)
    const { track } = this
    if (track) track.onended = track.onmute = track.onunmute = onChange
    this.#context.onstatechange = () => {
      onChange()
      if (this.isPaused) this.#context.resume().catch(() => {})
    }
  }

  start() {
    this.#node = new AudioWorkletNode(this.#context, 'capture', { numberOfOutputs: 1 })
    this.#node.port.onmessage = ({ data }) => this.#frame(data)
    this.#node.connect(this.#context.destination) // it writes nothing there; some browsers only pull connected nodes
    this.#input?.connect(this.#node)
  }

  /** @param {{ pcm?: ArrayBuffer, samples: number, level: number, peak: number }} data */
  #frame({ pcm, samples, level, peak }) {
    if (!pcm) return
    const now = performance.timeOrigin + performance.now()
    const captureUs = this.#clock.stamp(samples, now, this.#context.currentTime * 1000)
    const heard = this.muted ? { pcm: new ArrayBuffer(pcm.byteLength), level: 0, peak: 0 } : { pcm, level, peak }
    this.onFrame({ ...heard, samples, captureUs })
  }

  /** Hands over what is still in the frame being filled, then lets the stream go. */
  async close() {
    this.#closed = true
    if (this.#node) {
      await this.#flush(this.#node)
      this.#node.disconnect()
    }
    this.#letGo()
    this.#context.onstatechange = null
    if (this.#context.state !== 'closed') await this.#context.close()
  }

  #letGo() {
    if (this.#stream) stopTracks(this.#stream)
  }

  /**
   * @param {AudioWorkletNode} node
   * @returns {Promise<void>}
   */
  #flush(node) {
    return new Promise((resolve) => {
      const giveUp = setTimeout(resolve, 500) // a suspended context answers nothing
      node.port.onmessage = ({ data }) => {
        this.#frame(data)
        if (!data.done) return
        clearTimeout(giveUp)
        resolve()
      }
      node.port.postMessage('stop')
    })
  }
}

/** @param {MediaStream} stream */
function stopTracks(stream) {
  for (const track of stream.getTracks()) {
    track.onended = track.onmute = track.onunmute = null
    track.stop()
  }
}
