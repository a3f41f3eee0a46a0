// The page of the voices that are kept: who they are, how often each was heard, and a way to forget each.

import { day } from '../../state/format.js'
import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { icon } from '../icons.js'
import { signInPage } from '../sign-in-page.js'

/** @typedef {import('../../state/library/voices-state.js').KeptVoice} KeptVoice */
/** @typedef {import('../../state/library/voices-state.js').VoicesState} VoicesState */
/** @typedef {import('../shell.js').Shell} Shell */

/**
 * What the page asks for.
 *
 * @typedef {object} VoicesHandlers
 * @property {(voice: KeptVoice, name: string) => void} onRename
 * @property {(voice: KeptVoice) => void} onForget
 * @property {(token: string) => Promise<string>} signIn
 */

export class VoicesView {
  #shell
  #home
  #handlers
  #problem = el('p', { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'voices-problem' })
  #list = el('ul', { class: 'voices', 'data-testid': 'voices' })
  #empty = el('p', { class: 'empty', hidden: true, 'data-testid': 'empty' }, t('voices.empty'))
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
    const place = [...this.#list.children].findIndex((row) => row.contains(document.activeElement))
    this.#list.replaceChildren(...(state.voices ?? []).map((voice) => this.#row(voice)))
    if (place === -1) return
    // Whoever forgot one from the keyboard goes on with the next one.
    const next = this.#list.children[Math.min(place, this.#list.children.length - 1)]
    const target = next?.querySelector('button') ?? this.#shell.main
    target.focus()
  }

  /** @param {KeptVoice} voice */
  #row(voice) {
    const { id, name, created_at: since, meetings, used, model } = voice
    const field = el('input', {
      type: 'text',
      value: name,
      maxlength: 200,
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-label': t('voices.name', { name }),
      'data-testid': 'voice-name',
    })
    field.addEventListener('change', () => {
      const written = field.value.trim()
      if (written && written !== name) this.#handlers.onRename(voice, written)
      else field.value = name
    })
    const facts = [t('voices.heard', { count: meetings }), t('voices.since', { day: day(since, new Date()) })]
    const forget = el(
      'button',
      {
        class: 'button',
        type: 'button',
        'data-testid': 'forget',
        'aria-label': t('voices.forget.name', { name }),
        onclick: () => this.#handlers.onForget(voice),
      },
      icon('trash'),
      el('span', {}, t('voices.forget')),
    )
    return el(
      'li',
      { class: 'voice-row', 'data-voice': id },
      el(
        'div',
        { class: 'voice-words' },
        field,
        el('p', { class: 'row-facts' }, ...facts.map((fact) => el('span', {}, fact))),
        used ? null : el('p', { class: 'hint', 'data-testid': 'unused' }, t('voices.unused', { model })),
      ),
      forget,
    )
  }

  // All voices are for those who hold the server's token.
  #showLocked() {
    const { main, reload } = this.#shell
    const { signIn } = this.#handlers
    main.replaceChildren(signInPage({ title: t('sign-in.title'), text: t('voices.why'), signIn, onDone: reload }))
  }
}
