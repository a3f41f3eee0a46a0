// Large captions of one meeting: reads along like any viewer, and shows what was said last.

import * as api from '../../net/api.js'
import { Connection } from '../../net/connection.js'
import { captionOptions, disappearsIn, newestCaptions, tellsMore } from '../../state/captions/captions.js'
import { onlyLanguage } from '../../state/format.js'
import { problemText } from '../../state/messages.js'
import { EMPTY_TRANSCRIPT, reduce } from '../../state/transcript.js'
import { CaptionsView } from '../../view/captions/captions-view.js'
import { PageStore } from '../page-store.js'

/** @typedef {import('../../state/captions/captions.js').CaptionOptions} CaptionOptions */
/** @typedef {import('../../state/page-state.js').Problem} Problem */
/** @typedef {import('../../state/transcript.js').Transcript} Transcript */
/** @typedef {import('../../state/wire-messages.js').ServerMessage} ServerMessage */

/** @typedef {{ transcript: Transcript, problem: Problem | null, silent: boolean }} CaptionState  silent: since long */

const AGAIN = 30_000 // milliseconds until a page that nobody sits at tries once more
const FINAL = new Set([4401, 4404]) // the link opens nothing, or there is no such meeting
const WORKING = new Set(['snapshot', 'segment']) // what shows that there is no problem any more

export class CaptionsPage {
  #id
  #shell
  #options
  /** @type {CaptionsView | null} */
  #view = null
  /** @type {PageStore<CaptionState>} */
  #store
  /** @type {Connection | null} */
  #connection = null
  /** @type {number | undefined} */
  #again
  /** @type {number | undefined} */
  #silence

  /**
   * @param {import('../page.js').PageShell} shell
   * @param {string} id of the meeting
   * @param {string} query of the address, from its question mark on
   */
  constructor(shell, id, query) {
    this.#id = id
    this.#shell = shell
    this.#options = captionOptions(query)
    /** @type {CaptionState} */
    const state = { transcript: EMPTY_TRANSCRIPT, problem: null, silent: false }
    this.#store = new PageStore(state, (shown) => this.#render(shown))
  }

  mount() {
    this.#view = new CaptionsView(this.#shell.main, this.#options)
    this.#connect()
  }

  unmount() {
    clearTimeout(this.#again)
    clearTimeout(this.#silence)
    this.#store.close()
    this.#connection?.close()
    this.#view?.close()
  }

  redraw() {
    this.#view = new CaptionsView(this.#shell.main, this.#options)
    this.#store.draw()
  }

  #connect() {
    const connection = new Connection({
      url: api.socketUrl(this.#id),
      protocols: api.protocols(this.#id),
      onMessage: (message) => this.#receive(message),
      onChange: ({ problem, state }) => {
        if (state !== 'failed') return
        this.#store.set({ problem })
        if (problem && FINAL.has(problem.close)) return
        this.#again = setTimeout(() => this.#connect(), AGAIN)
      },
    })
    this.#connection = connection
    connection.open()
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    const { transcript: before, silent, problem } = this.#store.state
    const transcript = reduce(before, message)
    const more = tellsMore(before, transcript, message)
    this.#store.set({ transcript, silent: silent && !more, problem: WORKING.has(message.type) ? null : problem })
    const seconds = disappearsIn(this.#options.seconds, before, transcript, more)
    if (seconds === null) return
    clearTimeout(this.#silence)
    if (seconds < Infinity) this.#silence = setTimeout(() => this.#store.set({ silent: true }), seconds * 1000)
  }

  /** @param {CaptionState} state */
  #render({ transcript, problem, silent }) {
    if (problem) {
      this.#view?.tell(problemText(problem).text)
      return
    }
    const captions = silent ? [] : newestCaptions(transcript, this.#options.names)
    this.#view?.render(captions, transcript.title, onlyLanguage(transcript.models))
  }
}
