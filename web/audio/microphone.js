// A microphone as frames of sound: permission, choice of device, switching; knows no socket.

import { browserStorage } from '../storage/storage.js'
import { t } from '../texts/texts.js'
import { CaptureError } from './capture-error.js'
import { StreamCapture } from './stream-capture.js'

const REMEMBERED = 'microphone'
/** Names of the browser's errors that have a sentence of their own. */
const EXPLAINED = new Set(['NotAllowedError', 'NotFoundError', 'NotReadableError', 'OverconstrainedError'])

/** A microphone goes on until it is closed: what happens to it is told by onProblem, and onEnd is never called. */
export class Microphone extends StreamCapture {
  /** @type {'microphone'} */
  kind = 'microphone'

  /**
   * Asks for permission; call it from a click, so that the browser lets the audio run.
   *
   * @param {string | null} deviceId the one to prefer
   * @returns {Promise<Microphone>}
   * @throws {CaptureError}
   */
  static async open(deviceId = browserStorage.get(REMEMBERED)) {
    const microphone = new Microphone(new AudioContext({ latencyHint: 'interactive' }))
    try {
      await microphone.#choose(deviceId)
      await microphone.prepare()
    } catch (error) {
      await microphone.close()
      throw error
    }
    return microphone
  }

  get name() {
    return this.track?.label || t('recording.microphone')
  }

  get deviceId() {
    return this.track?.getSettings().deviceId ?? ''
  }

  /** What the system does with it: phones pause pages, and give the microphone to calls. */
  get #problem() {
    const { track } = this
    if (this.isPaused) return new CaptureError('paused', t('microphone.paused'))
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
    await this.#choose(deviceId)
    browserStorage.set(REMEMBERED, deviceId)
  }

  /** @param {string | null} deviceId */
  async #choose(deviceId) {
    this.take(await request(deviceId), () => this.onProblem(this.#problem))
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
