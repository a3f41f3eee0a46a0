// What another tab, or the whole system, plays as frames of sound; which one, the browser asks. Knows no socket.

import { t } from '../texts/texts.js'
import { CaptureError } from './capture-error.js'
import { StreamCapture } from './stream-capture.js'

/** Names of the browser's errors that have a sentence of their own. */
const EXPLAINED = new Set(['NotAllowedError', 'NotReadableError'])

// Browsers share sound only beside a picture, of which as little as possible is asked for; nothing of it is sent.
const ASKED = {
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  video: { width: { max: 320 }, frameRate: { max: 1 } },
  systemAudio: 'include',
  selfBrowserSurface: 'exclude',
}

export class TabSound extends StreamCapture {
  /** @type {'tab'} */
  kind = 'tab'
  name = t('join.tab.default')

  /** Whether this browser can be asked at all. */
  static get possible() {
    return Boolean(navigator.mediaDevices?.getDisplayMedia)
  }

  /**
   * Has the browser ask what to share; call it from a click.
   *
   * @returns {Promise<TabSound>}
   * @throws {CaptureError}
   */
  static async open() {
    const stream = await request()
    const sound = new TabSound(new AudioContext({ latencyHint: 'interactive' }))
    try {
      sound.take(stream, () => sound.#changed())
      await sound.prepare()
    } catch (error) {
      await sound.close()
      throw error
    }
    return sound
  }

  #changed() {
    if (this.track?.readyState === 'ended') this.onEnd()
  }
}

/** @returns {Promise<MediaStream>} */
async function request() {
  if (!TabSound.possible) throw new CaptureError('unsupported', t('tab.unsupported'))
  let stream
  try {
    stream = await navigator.mediaDevices.getDisplayMedia(ASKED)
  } catch (error) {
    const { name } = /** @type {DOMException} */ (error)
    throw new CaptureError(name, EXPLAINED.has(name) ? t(`tab.${name}`) : t('tab.other', { name }))
  }
  if (stream.getAudioTracks().length) return stream
  for (const track of stream.getTracks()) track.stop()
  throw new CaptureError('no_sound', t('tab.none'))
}
