// Records from one source of sound at a time: hands every frame on, lists and changes microphones.

import { Microphone, microphones } from './microphone.js'

/** @typedef {import('./capture-error.js').CaptureError} CaptureError */
/** @typedef {import('./sample-recording.js').SampleRecording} SampleRecording */
/** @typedef {import('./tab-sound.js').TabSound} TabSound */
/** @typedef {Microphone | SampleRecording | TabSound} AudioInput  opened, not started */

/**
 * @typedef {object} Frame
 * @property {ArrayBuffer} pcm 16-bit samples
 * @property {number} samples how many they are
 * @property {number} captureUs when the first was captured, in microseconds
 * @property {number} level root mean square, 0 to 1
 * @property {number} peak 0 to 1
 */

/**
 * @typedef {object} RecorderEvents
 * @property {(frame: Frame) => void} onFrame
 * @property {(error: CaptureError | null) => void} onProblem null: it is over
 * @property {(devices: { deviceId: string, label: string }[], deviceId: string) => void} onDevices what there is to
 *   choose from, and what is used
 * @property {() => void} onEnd the recording is over
 */

export class Recorder {
  /** @type {AudioInput | null} */
  #input = null
  #events

  /** @param {RecorderEvents} events */
  constructor(events) {
    this.#events = events
  }

  /**
   * @param {AudioInput} input
   * @param {(pcm: ArrayBuffer, captureUs: number) => void} send takes every frame
   */
  begin(input, send) {
    this.#input = input
    input.onProblem = (error) => this.#events.onProblem(error)
    input.onFrame = (frame) => {
      send(frame.pcm, frame.captureUs)
      this.#events.onFrame(frame)
    }
    input.onEnd = () => this.#events.onEnd()
    input.start()
    this.#list()
    navigator.mediaDevices?.addEventListener('devicechange', this.#list)
  }

  #list = async () => {
    if (!(this.#input instanceof Microphone)) return
    const devices = await microphones()
    if (this.#input instanceof Microphone) this.#events.onDevices(devices, this.#input.deviceId)
  }

  /**
   * Changes the microphone.
   *
   * @param {string} deviceId
   */
  async use(deviceId) {
    if (!(this.#input instanceof Microphone)) return
    try {
      await this.#input.use(deviceId)
      this.#events.onProblem(null)
    } catch (error) {
      this.#events.onProblem(/** @type {CaptureError} */ (error))
    }
    this.#list()
  }

  /**
   * Mutes the microphone, or what is played aloud, or takes that back.
   *
   * @returns {boolean | null} whether it is muted; null where that cannot be
   */
  mute() {
    const input = this.#input
    if (!input || input.muted === null) return null
    input.muted = !input.muted
    return input.muted
  }

  /** Ends the capture; the last frame has been sent when this resolves. */
  async stop() {
    await this.#input?.close()
    this.#forget()
  }

  /** Lets go of the sound at once. */
  release() {
    const input = this.#forget()
    input?.close()
  }

  #forget() {
    const input = this.#input
    if (input) input.onFrame = () => {}
    this.#input = null
    navigator.mediaDevices?.removeEventListener('devicechange', this.#list)
    return input
  }
}
