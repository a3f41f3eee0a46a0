// The sound of another tab, shared from a meeting's page: a source with a connection of its own, beside the page's.

import { Recorder } from '../../audio/recorder.js'
import { TabSound } from '../../audio/tab-sound.js'
import * as api from '../../net/api.js'
import { Connection, startOf } from '../../net/connection.js'
import { forgetSource, rememberSource, rememberedSource } from '../../net/resume-tokens.js'
import { drained } from '../../net/waiting.js'
import { say, unsay } from '../../state/page-state.js'
import { takesSound } from '../../state/selectors.js'
import { ownEnded, ownSource, tabProblemText } from '../../state/sources/own-sources.js'
import { t } from '../../texts/texts.js'
import { askTabName } from '../../view/sources/join-dialog.js'
import { WakeLock } from '../attention.js'

/** @typedef {import('../../net/resume-tokens.js').ResumeToken} ResumeToken */
/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/wire-messages.js').ServerMessage} ServerMessage */

const NOTICE = 'source tab'
const AWAY = 'tab away'
const REASON = 1000 // milliseconds within which a server that has ended a source says why

export class PageTab {
  #id
  #store
  #recorder
  #wakeLock = new WakeLock()
  /** @type {Connection | null} */
  #connection = null

  /**
   * @param {string} id of the meeting
   * @param {import('../page-store.js').PageStore<PageState>} store
   */
  constructor(id, store) {
    this.#id = id
    this.#store = store
    this.#recorder = new Recorder({
      onFrame: () => {},
      onProblem: () => {},
      onDevices: () => {},
      onEnd: () => this.#sharingEnded(),
    })
  }

  /** Shares, or stops that. */
  async toggle() {
    const { sharing } = this.#store.state
    if (sharing === 'on') await this.stop()
    else if (sharing === 'off') await this.#share()
  }

  async #share() {
    if (!TabSound.possible) {
      this.#say(t('tab.unsupported'))
      return
    }
    const name = await askTabName(t('join.tab.default'))
    if (name === null || !this.#isWanted || this.#store.state.sharing !== 'off') return
    this.#store.update((state) => ({ ...unsay(state, NOTICE), sharing: 'opening' }))
    try {
      const input = await TabSound.open()
      if (this.#isWanted) this.#begin(input, name)
      else input.close()
    } catch (error) {
      const { message: text } = /** @type {Error} */ (error)
      this.#store.update((state) => say(state, NOTICE, { text, label: t('button.again'), action: 'share tab' }))
    }
    if (!this.#connection) this.#store.set({ sharing: 'off' })
  }

  get #isWanted() {
    return !this.#store.closed && takesSound(this.#store.state)
  }

  /**
   * @param {TabSound} input
   * @param {string} name
   */
  #begin(input, name) {
    this.#connect(startOf({ name, kind: 'room' }, input.sampleRate), rememberedSource(this.#id, 'tab'))
    this.#recorder.begin(input, (pcm, captureUs) => this.#connection?.sendAudio(pcm, captureUs))
    this.#wakeLock.hold()
    this.#store.set({ sharing: 'on' })
  }

  /**
   * @param {import('../../net/connection.js').Start} start
   * @param {ResumeToken | null} resume
   */
  #connect(start, resume) {
    const connection = new Connection({
      url: api.socketUrl(this.#id),
      protocols: api.protocols(this.#id),
      source: { start, resume },
      onMessage: (message) => this.#receive(message),
      onChange: () => {
        if (connection === this.#connection) this.#changed(connection, start, resume)
      },
    })
    this.#connection?.close()
    this.#connection = connection
    connection.open()
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    if (message.type === 'session') {
      rememberSource(this.#id, 'tab', message)
      this.#store.update((state) => ownSource(state, 'tab', message.source_id))
    }
    const told = message.type === 'source' || message.type === 'snapshot'
    if (told && this.#connection && !this.#connection.source) this.#sourceEnded()
    if (message.type !== 'ended') return
    this.#store.set({ sharing: 'stopping' }) // the page itself says that the meeting is over
    this.#over()
  }

  /**
   * @param {Connection} connection
   * @param {import('../../net/connection.js').Start} start
   * @param {ResumeToken | null} resume what a page before this one has left
   */
  #changed({ state, problem }, start, resume) {
    if (state === 'reconnecting') this.#store.update((page) => say(page, AWAY, { text: t('tab.away') }))
    else this.#store.update((page) => unsay(page, AWAY))
    if (state !== 'failed' || !problem) return
    const { own, sharing } = this.#store.state
    if (problem.close === 4401 && resume && own.tab === null && sharing === 'on') {
      forgetSource(this.#id, 'tab') // that source is over; this one is another
      this.#connect(start, null)
      return
    }
    const told = sharing === 'on' || problem.code === 'removed'
    this.#over(told ? tabProblemText(problem) : '')
  }

  #sourceEnded() {
    if (this.#store.state.sharing === 'stopping') {
      this.#over()
      return
    }
    const connection = this.#connection
    this.#recorder.release()
    this.#store.update((state) => ownEnded(state, 'tab'))
    setTimeout(() => {
      if (connection === this.#connection) this.#over()
    }, REASON)
  }

  // The browser's own button was pressed, or what was shared is gone.
  async #sharingEnded() {
    this.#say(t('tab.ended'))
    await this.stop()
  }

  /** Ends the sharing; what was captured is sent all the same. */
  async stop() {
    if (this.#store.state.sharing !== 'on') return
    this.#store.set({ sharing: 'stopping' })
    await this.#recorder.stop()
    this.#wakeLock.release()
    this.#connection?.stop()
  }

  /**
   * Waits until the server has what was shared.
   *
   * @param {number} longest milliseconds
   */
  drained(longest) {
    return drained(this.#connection, longest)
  }

  /** @param {string} [text] why, where somebody has to be told */
  #over(text = '') {
    this.release()
    forgetSource(this.#id, 'tab')
    this.#store.update((state) => ownEnded(state, 'tab'))
    if (text) this.#say(text)
  }

  /** Lets go of the sound at once. */
  release() {
    const connection = this.#connection
    this.#connection = null
    this.#recorder.release()
    this.#wakeLock.release()
    connection?.close()
    this.#store.update((state) => unsay(state, AWAY))
  }

  /** @param {string} text */
  #say(text) {
    this.#store.update((state) => say(unsay(state, NOTICE), NOTICE, { text }))
  }
}
