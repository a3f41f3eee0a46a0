// A microphone as frames of sound: permission, choice of device, switching, level; knows no socket.

import { t } from '../texts/texts.js'
import { CaptureClock } from './capture-clock.js'
import { CaptureError } from './capture-error.js'

/** @typedef {import('./recorder.js').Frame} Frame */

const MODULE = new URL('capture-worklet.js', import.meta.url).href
const REMEMBERED = 'microphone'
/** Names of the browser's errors that have a sentence of their own. */
const EXPLAINED = new Set(['NotAllowedError', 'NotFoundError', 'NotReadableError', 'OverconstrainedError'])

/** A source of sound: calls onFrame about ten times a second once started. */
export class Microphone {
  /** @type {'microphone'} */
  kind = 'microphone'
  /** @type {(frame: Frame) => void} */
  onFrame = () => {}
  /** @type {(error: CaptureError | null) => void} frames go on, as silence; null: it is over */
  onProblem = () => {}
  /** @type {() => void} never called: a microphone goes on */
  onEnd = () => {}
  #context
  /** @type {AudioWorkletNode | null} */
  #node = null
  /** @type {MediaStream | null} */
  #stream = null
  /** @type {MediaStreamAudioSourceNode | null} */
  #input = null
  #clock

  /**
   * Asks for permission; call it from a click, so that the browser lets the audio run.
   *
   * @param {string | null} deviceId the one to prefer
   * @returns {Promise<Microphone>}
   * @throws {CaptureError}
   */
  static async open(deviceId = localStorage.getItem(REMEMBERED)) {
    const context = new AudioContext({ latencyHint: 'interactive' })
    const microphone = new Microphone(context)
    try {
      await microphone.#take(deviceId)
      await context.audioWorklet.addModule(MODULE)
      await context.resume()
    } catch (error) {
      await microphone.close()
      throw error
    }
    return microphone
  }

  /** @param {AudioContext} context */
  constructor(context) {
    this.#context = context
    this.#clock = new CaptureClock(context.sampleRate)
  }

  get name() {
    return this.#stream?.getAudioTracks()[0]?.label || t('recording.microphone')
  }

  get sampleRate() {
    return this.#context.sampleRate
  }

  get deviceId() {
    return this.#stream?.getAudioTracks()[0]?.getSettings().deviceId ?? ''
  }

  start() {
    this.#node = new AudioWorkletNode(this.#context, 'capture', { numberOfOutputs: 1 })
    this.#node.port.onmessage = ({ data }) => this.#frame(data)
    this.#node.connect(this.#context.destination) // it writes nothing there; some browsers only pull connected nodes
    this.#input?.connect(this.#node)
    this.#context.onstatechange = () => this.#stateChanged()
  }

  /** @param {{ pcm?: ArrayBuffer, samples: number, level: number, peak: number }} data */
  #frame({ pcm, samples, level, peak }) {
    if (!pcm) return
    const now = performance.timeOrigin + performance.now()
    const captureUs = this.#clock.stamp(samples, now, this.#context.currentTime * 1000)
    this.onFrame({ pcm, samples, level, peak, captureUs })
  }

  #stateChanged() {
    this.onProblem(this.#problem)
    if (this.#isPaused) this.#context.resume().catch(() => {})
  }

  get #isPaused() {
    return this.#context.state !== 'running' && this.#context.state !== 'closed'
  }

  /** What the system does with it: phones pause pages, and give the microphone to calls. */
  get #problem() {
    const [track] = this.#stream?.getAudioTracks() ?? []
    if (this.#isPaused) return new CaptureError('paused', t('microphone.paused'))
    if (track?.readyState === 'ended') return new CaptureError('unplugged', t('microphone.unplugged'))
    return track?.muted ? new CaptureError('taken', t('microphone.taken')) : null
  }

  /**
   * Changes the microphone without losing a frame: silence is sent in between.
   *
   * @param {string} deviceId
   * @throws {CaptureError}
   */
  async use(deviceId) {
    await this.#take(deviceId)
    localStorage.setItem(REMEMBERED, deviceId)
  }

  /** @param {string | null} deviceId */
  async #take(deviceId) {
    const stream = await request(deviceId)
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = track.onmute = track.onunmute = null
      track.stop()
    }
    this.#input?.disconnect()
    this.#stream = stream
    this.#input = this.#context.createMediaStreamSource(stream)
    if (this.#node) this.#input.connect(this.#node)
    const [track] = stream.getAudioTracks()
    track.onended = track.onmute = track.onunmute = () => this.onProblem(this.#problem)
  }

  /** Hands over what is still in the frame being filled, then lets the device go. */
  async close() {
    if (this.#node) {
      await this.#flush(this.#node)
      this.#node.disconnect()
    }
    for (const track of this.#stream?.getTracks() ?? []) track.stop()
    this.#context.onstatechange = null
    if (this.#context.state !== 'closed') await this.#context.close()
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

/**
 * Microphones by name; the names are known once permission was given.
 *
 * @returns {Promise<{ deviceId: string, label: string }[]>}
 */
export async function microphones() {
  const devices = await navigator.mediaDevices.enumerateDevices()
  return devices
    .filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId)
    .map(({ deviceId, label }) => ({ deviceId, label }))
}

/**
 * @param {string | null} deviceId
 * @returns {Promise<MediaStream>}
 */
async function request(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new CaptureError('insecure', t('microphone.insecure'))
  // Echo cancelling and noise suppression would eat the quieter of two voices.
  const sound = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true }
  const audio = { ...sound, deviceId: deviceId ? { ideal: deviceId } : undefined }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio })
  } catch (error) {
    const { name } = /** @type {DOMException} */ (error)
    throw new CaptureError(name, EXPLAINED.has(name) ? t(`microphone.${name}`) : t('microphone.other', { name }))
  }
}
