// The sound of a meeting's page: captures it, and keeps the state of the page up to date with it.

import { Recorder } from '../../audio/recorder.js'
import {
  frameCaptured,
  recordingBegan,
  recordingChanged,
  recordingReleased,
  say,
  unsay,
} from '../../state/page-state.js'
import { WakeLock } from '../attention.js'

/** @typedef {import('../../audio/recorder.js').AudioInput} AudioInput */
/** @typedef {import('../../state/page-state.js').PageState} PageState */

export class PageRecording {
  #store
  #recorder
  #wakeLock = new WakeLock()

  /**
   * @param {import('../page-store.js').PageStore<PageState>} store
   * @param {() => void} onEnd the recording is over by itself
   */
  constructor(store, onEnd) {
    this.#store = store
    this.#recorder = new Recorder({
      onFrame: (frame) => store.update((state) => frameCaptured(state, frame)),
      onProblem: (error) => this.#problem(error?.message),
      onDevices: (devices, deviceId) => store.update((state) => recordingChanged(state, { devices, deviceId })),
      onEnd,
    })
  }

  /**
   * @param {AudioInput} input
   * @param {(pcm: ArrayBuffer, captureUs: number) => void} send takes every frame
   */
  begin(input, send) {
    this.#store.update((state) => recordingBegan(state, input))
    this.#recorder.begin(input, send)
    this.#wakeLock.hold()
  }

  /** Ends the capture; the last frame has been sent when this resolves. */
  async stop() {
    this.#store.update((state) => recordingChanged(state, { stopping: true }))
    await this.#recorder.stop()
    this.#wakeLock.release()
    this.#store.update(recordingReleased)
  }

  /** Lets go of the sound at once. */
  release() {
    this.#recorder.release()
    this.#wakeLock.release()
  }

  /** @param {string} deviceId of the microphone to change to */
  use(deviceId) {
    this.#recorder.use(deviceId)
  }

  mute() {
    const muted = this.#recorder.mute()
    this.#store.update((state) => recordingChanged(state, { muted }))
  }

  /** @param {string} [text] what is wrong with the sound; without it, nothing any more */
  #problem(text) {
    this.#store.update((state) => (text ? say(state, 'sound', { text }) : unsay(state, 'sound')))
  }
}
