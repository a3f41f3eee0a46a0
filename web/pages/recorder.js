// The recording half of a meeting's page: a source of sound, what it has captured, and its part of the recording bar.

import { microphones } from '../audio/microphone.js'

const SILENT = 8 // seconds without any sound after which we say so
const SOUND = 0.0008 // peak of a frame that is more than the noise of an idle input

export class Recorder {
  input = null // Microphone or SampleRecording while this page records
  stopping = false
  base = 0 // seconds of audio that the meeting had before
  #samples = 0
  #quiet = 0 // seconds without sound
  #wake = null

  constructor({ recordingBar, notices }) {
    this.recordingBar = recordingBar
    this.notices = notices
  }

  // Seconds of audio of the meeting, this page's share included.
  get captured() {
    return this.base + (this.input ? this.#samples / this.input.sampleRate : 0)
  }

  // send(pcm, captureUs) takes every frame; onEnd is called when a recording is over.
  begin(input, send, onEnd) {
    this.input = input
    this.stopping = false
    this.#samples = 0
    this.#quiet = 0
    input.onProblem = (error) => this.notices.say('sound', error.message)
    input.onFrame = (frame) => this.#frame(frame, send)
    input.onEnd = onEnd
    input.start()
    this.recordingBar.source(input.kind)
    if (input.kind === 'sample') this.recordingBar.muted(input.muted)
    this.list()
    navigator.mediaDevices?.addEventListener('devicechange', this.list)
    document.addEventListener('visibilitychange', this.#stayAwake)
    this.#stayAwake()
  }

  #frame({ pcm, samples, captureUs, level, peak }, send) {
    this.#samples += samples
    send(pcm, captureUs)
    this.recordingBar.level(level)
    this.#quiet = peak > SOUND || this.input.kind === 'sample' ? 0 : this.#quiet + samples / this.input.sampleRate
    if (this.#quiet === 0) this.notices.clear('quiet')
    else if (this.#quiet > SILENT) {
      this.notices.say('quiet', 'No sound is coming from this microphone. Is it muted? You can choose another one below.')
    }
  }

  list = async () => {
    if (this.input?.kind !== 'microphone') return
    const devices = await microphones()
    if (this.input) this.recordingBar.microphones(devices, this.input.deviceId)
  }

  async use(device) {
    try {
      await this.input.use(device)
      this.notices.clear('sound')
    } catch (error) {
      this.notices.say('sound', error.message)
    }
    this.list()
  }

  mute() {
    this.input.muted = !this.input.muted
    this.recordingBar.muted(this.input.muted)
  }

  // Ends the capture; the last frame has been sent when this resolves.
  async stop() {
    this.stopping = true
    this.recordingBar.stopping()
    await this.input.close()
    this.release()
  }

  // Lets go of the sound at once.
  release() {
    const { input } = this
    if (!input) return
    this.base = this.captured
    this.input = null
    input.onFrame = () => {}
    input.close()
    this.notices.clear('quiet')
    navigator.mediaDevices?.removeEventListener('devicechange', this.list)
    document.removeEventListener('visibilitychange', this.#stayAwake)
    this.#wake?.release().catch(() => {})
    this.#wake = null
  }

  // A phone that dims its screen would stop the microphone.
  #stayAwake = async () => {
    if (document.visibilityState !== 'visible') return
    this.#wake = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null
  }
}
