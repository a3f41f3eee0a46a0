// The sound that a meeting's page sends: its microphone, or the sample, over the page's own connection, and beside it
// the sound of a tab.

import { Microphone } from '../../audio/microphone.js'
import { startOf } from '../../net/connection.js'
import { rememberParticipant, rememberedParticipant } from '../../net/participant.js'
import { forgetSource, rememberSource, rememberedSource } from '../../net/resume-tokens.js'
import { drained } from '../../net/waiting.js'
import { say, unsay } from '../../state/page-state.js'
import { takesSound } from '../../state/selectors.js'
import { LONGEST_NAME } from '../../state/sources/participant.js'
import { t } from '../../texts/texts.js'
import { askParticipant } from '../../view/sources/join-dialog.js'
import { PageRecording } from './page-recording.js'
import { PageTab } from './page-tab.js'

/** @typedef {import('../../audio/recorder.js').AudioInput} AudioInput */
/** @typedef {import('../../net/connection.js').Connection} Connection */
/** @typedef {import('../../net/connection.js').Source} Source */
/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/sources/participant.js').Participant} Participant */
/** @typedef {import('../../state/wire-messages.js').ServerMessage} ServerMessage */

const LAST = 10_000 // milliseconds that an end waits for the last of the sound to be stored

export class PageSound {
  #id
  #store
  #connect
  #recording
  #tab
  /** @type {Connection | null} that takes the frames of the microphone */
  #connection = null

  /**
   * @param {string} id of the meeting
   * @param {import('../page-store.js').PageStore<PageState>} store
   * @param {(source: Source) => Connection} connect opens the page's connection anew, as that source's
   */
  constructor(id, store, connect) {
    this.#id = id
    this.#store = store
    this.#connect = connect
    this.#recording = new PageRecording(store, () => this.stop())
    this.#tab = new PageTab(id, store)
  }

  /** What people do with the sound that comes from here. */
  get handlers() {
    return {
      onRecord: () => this.record(),
      onStop: () => this.stop(),
      onMicrophone: (/** @type {string} */ deviceId) => this.#recording.use(deviceId),
      onMute: () => this.#recording.mute(),
      onTab: () => this.#tab.toggle(),
    }
  }

  /**
   * Asks who speaks, unless that is known, then for the microphone, and sends what it hears.
   *
   * @param {boolean} [again] it was asked just now
   */
  async record(again = false) {
    const known = rememberedParticipant()
    const participant = again || this.#store.state.resumable ? known : await askParticipant(known)
    if (!participant || !this.#isWanted) return
    rememberParticipant(participant)
    this.#store.update((state) => ({ ...unsay(unsay(state, 'problem'), 'source microphone'), opening: true }))
    try {
      const input = await Microphone.open()
      if (this.#isWanted) this.begin(input, participant)
      else input.close()
    } catch (error) {
      const { message: text } = /** @type {Error} */ (error)
      this.#store.update((state) => say(state, 'problem', { text, label: t('button.again'), action: 'record' }))
    }
    this.#store.set({ opening: false })
  }

  /** Whether sound is still of use: questions stay open for long, and a meeting may end meanwhile. */
  get #isWanted() {
    return !this.#store.closed && takesSound(this.#store.state)
  }

  /** Shares the sound of a tab, or stops that. */
  shareTab() {
    return this.#tab.toggle()
  }

  /**
   * @param {AudioInput} input
   * @param {Participant} [participant] who is heard through it
   */
  begin(input, { name, kind } = { name: '', kind: 'room' }) {
    const start = startOf({ name: (name || input.name).slice(0, LONGEST_NAME), kind }, input.sampleRate)
    const connection = this.#connect({ start, resume: rememberedSource(this.#id, 'microphone') })
    this.#connection = connection
    this.#recording.begin(input, (pcm, captureUs) => connection.sendAudio(pcm, captureUs))
  }

  /** Ends what comes from the microphone; what was captured is sent all the same. */
  async stop() {
    const { capturing, stopping } = this.#store.state.recording
    if (!capturing || stopping) return
    const connection = this.#connection
    await this.#recording.stop()
    connection?.stop()
  }

  /** Ends all that comes from here. */
  async stopAll() {
    await Promise.all([this.stop(), this.#tab.stop()])
  }

  /** The same, and waits until the server has it: who ends the meeting then cuts nothing off. */
  async sendAll() {
    await this.stopAll()
    await Promise.all([drained(this.#connection, LAST), this.#tab.drained(LAST)])
  }

  /**
   * A message has come, and the page's state holds what it says.
   *
   * @param {ServerMessage} message
   * @param {PageState} before
   */
  follow(message, before) {
    if (message.type === 'session') rememberSource(this.#id, 'microphone', message)
    if (message.type !== 'snapshot' && message.type !== 'source') return
    const { own, sources } = this.#store.state
    if (before.own.microphone && !own.microphone) this.#recording.release()
    const known = rememberedSource(this.#id, 'microphone')
    if (known && sources.get(known.source_id)?.state === 'ended') this.forget()
  }

  /** There is no microphone's source to go on with any more. */
  forget() {
    forgetSource(this.#id, 'microphone')
    this.#store.set({ resumable: false })
  }

  /** The connection of the page was refused: the microphone is let go. */
  refused() {
    this.#recording.release()
  }

  /** Lets go of all sound at once. */
  release() {
    this.#recording.release()
    this.#tab.release()
  }

  /** The meeting has ended. */
  over() {
    this.release()
    for (const kind of /** @type {const} */ (['microphone', 'tab'])) forgetSource(this.#id, kind)
  }
}
