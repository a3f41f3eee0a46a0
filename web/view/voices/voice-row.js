// A voice that is kept, in the list of them: its name, how often it was heard, and a way to forget it.

import { day } from '../../state/format.js'
import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { icon } from '../icons.js'

/** @typedef {import('../../state/library/voices-state.js').KeptVoice} KeptVoice */

/**
 * What a row asks for.
 *
 * @typedef {object} RowHandlers
 * @property {(voice: KeptVoice, name: string) => Promise<boolean>} onRename whether the name is kept now
 * @property {(voice: KeptVoice) => void} onForget
 */

export class VoiceRow {
  #handlers
  #voice
  #field = el('input', {
    type: 'text',
    maxlength: 200,
    autocomplete: 'off',
    spellcheck: 'false',
    'data-testid': 'voice-name',
  })
  #facts = el('p', { class: 'row-facts' })
  #unused = el('p', { class: 'hint', 'data-testid': 'unused' })
  #forget
  node

  /**
   * @param {KeptVoice} voice
   * @param {RowHandlers} handlers
   */
  constructor(voice, handlers) {
    this.#handlers = handlers
    this.#voice = voice
    this.#field.value = voice.name
    this.#field.addEventListener('change', () => this.#rename(this.#field.value.trim()))
    const onclick = () => handlers.onForget(this.#voice)
    const button = { class: 'button', type: 'button', 'data-testid': 'forget', onclick }
    this.#forget = el('button', button, icon('trash'), el('span', {}, t('voices.forget')))
    const words = el('div', { class: 'voice-words' }, this.#field, this.#facts)
    this.node = el('li', { class: 'voice-row', 'data-voice': voice.id }, words, this.#forget)
    this.#draw()
  }

  /** @param {KeptVoice} voice the same one, as it is kept now */
  render(voice) {
    if (voice === this.#voice) return
    const written = this.#field.value !== this.#voice.name
    this.#voice = voice
    if (!written) this.#field.value = voice.name
    this.#draw()
  }

  #draw() {
    const { name, created_at: since, meetings, used, model } = this.#voice
    this.#field.setAttribute('aria-label', t('voices.name', { name }))
    this.#forget.setAttribute('aria-label', t('voices.forget.name', { name }))
    const facts = [t('voices.heard', { count: meetings }), t('voices.since', { day: day(since, new Date()) })]
    this.#facts.replaceChildren(...facts.map((fact) => el('span', {}, fact)))
    setText(this.#unused, used ? '' : t('voices.unused', { model }))
    if (used) this.#unused.remove()
    else this.#facts.after(this.#unused)
  }

  /** @param {string} written */
  async #rename(written) {
    const asked = written && written !== this.#voice.name
    if (asked && (await this.#handlers.onRename(this.#voice, written))) return
    // What is kept is shown, unless something else was written meanwhile.
    if (this.#field.value.trim() === written) this.#field.value = this.#voice.name
  }

  /** The button that forgets this voice gets the focus. */
  focus() {
    this.#forget.focus()
  }
}
