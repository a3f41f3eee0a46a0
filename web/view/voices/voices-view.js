// The page of the voices that are kept: who they are, how often each was heard, and a way to forget each.

import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { icon } from '../icons.js'
import { signInPage } from '../sign-in-page.js'
import { VoiceRow } from './voice-row.js'

/** @typedef {import('../../state/library/voices-state.js').KeptVoice} KeptVoice */
/** @typedef {import('../../state/library/voices-state.js').VoicesState} VoicesState */
/** @typedef {import('../shell.js').Shell} Shell */

/**
 * What the page asks for.
 *
 * @typedef {import('./voice-row.js').RowHandlers & { signIn: (token: string) => Promise<string> }} VoicesHandlers
 */

export class VoicesView {
  #shell
  #home
  #handlers
  #problem = el('p', { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'voices-problem' })
  #list = el('ul', { class: 'voices', 'data-testid': 'voices' })
  #empty = el('p', { class: 'empty', hidden: true, 'data-testid': 'empty' }, t('voices.empty'))
  /** @type {Map<string, VoiceRow>} by id of the voice */
  #rows = new Map()
  /** @type {VoicesState | null} */
  #drawn = null

  /**
   * @param {Shell} shell
   * @param {{ home: string, handlers: VoicesHandlers }} options home: path of the first page
   */
  constructor(shell, { home, handlers }) {
    this.#shell = shell
    this.#home = home
    this.#handlers = handlers
  }

  open() {
    const { actions, main } = this.#shell
    document.title = `${t('voices.title')} · ${t('app.name')}`
    actions.append(el('a', { class: 'button', href: this.#home }, icon('back'), el('span', {}, t('meeting.all'))))
    const parts = [el('h1', {}, t('voices.title')), el('p', { class: 'hint' }, t('voices.how'))]
    main.append(el('div', { class: 'search voices-page' }, ...parts, this.#problem, this.#list, this.#empty))
  }

  /** @param {VoicesState} state */
  render(state) {
    const before = this.#drawn
    this.#drawn = state
    if (state.locked) {
      if (!before?.locked) this.#showLocked()
      return
    }
    this.#problem.hidden = !state.problem
    setText(this.#problem, state.problem)
    this.#empty.hidden = state.voices?.length !== 0
    this.#drawRows(state.voices ?? [])
  }

  /** @param {readonly KeptVoice[]} voices */
  #drawRows(voices) {
    const place = [...this.#list.children].findIndex((row) => row.contains(document.activeElement))
    const ids = new Set(voices.map(({ id }) => id))
    for (const [id, { node }] of this.#rows) {
      if (ids.has(id)) continue
      node.remove()
      this.#rows.delete(id)
    }
    for (const [i, voice] of voices.entries()) {
      const { node } = this.#row(voice)
      if (this.#list.children[i] !== node) this.#list.insertBefore(node, this.#list.children[i] ?? null)
    }
    if (place === -1 || this.#list.contains(document.activeElement)) return
    // Whoever forgot one from the keyboard goes on with the next one.
    const next = voices[Math.min(place, voices.length - 1)]
    if (next) this.#row(next).focus()
    else this.#shell.main.focus()
  }

  /**
   * The row of a voice, as it is kept now. Only what changed is drawn: somebody may write in any of them.
   *
   * @param {KeptVoice} voice
   */
  #row(voice) {
    const row = this.#rows.get(voice.id) ?? new VoiceRow(voice, this.#handlers)
    this.#rows.set(voice.id, row)
    row.render(voice)
    return row
  }

  // All voices are for those who hold the server's token.
  #showLocked() {
    const { main, reload } = this.#shell
    const { signIn } = this.#handlers
    main.replaceChildren(signInPage({ title: t('sign-in.title'), text: t('voices.why'), signIn, onDone: reload }))
  }
}
