// The part of the dialog of a voice that says whether it was recognised, and asks whether it is to be remembered.

import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'

/** @typedef {{ name: string }} RememberedVoice */

/**
 * What this part asks the server; each fails with a sentence for the reader.
 *
 * @typedef {object} VoiceService
 * @property {() => Promise<RememberedVoice | null>} find what was remembered here
 * @property {() => Promise<void>} remember
 * @property {() => Promise<void>} forget
 */

export class VoiceSection {
  #service
  #wanted = el('input', { type: 'checkbox', 'data-testid': 'remember', 'aria-describedby': 'remember-why' })
  #known = el('p', { class: 'voice-known', role: 'status', 'data-testid': 'remembered' })
  #ask = el(
    'div',
    {},
    el('label', { class: 'voice-remember' }, this.#wanted, el('span', {}, t('who.remember'))),
    el('p', { id: 'remember-why', class: 'voice-why' }, t('who.remember.why')),
  )
  node = el('div', { class: 'voice-section', 'data-testid': 'voice-section' }, this.#known, this.#ask)

  /** @param {VoiceService} service */
  constructor(service) {
    this.#service = service
    this.#find()
  }

  /** Has the voice remembered, where that is asked for. */
  async save() {
    if (this.#wanted.checked) await this.#service.remember()
  }

  async #find() {
    try {
      const voice = await this.#service.find()
      if (voice) this.#show(voice)
    } catch {
      // It can still be asked for; what is wrong is told then.
    }
  }

  /** @param {RememberedVoice} voice */
  #show({ name }) {
    this.#ask.hidden = true
    const attributes = { class: 'button', type: 'button', 'data-testid': 'forget-voice' }
    const forget = el('button', { ...attributes, onclick: () => this.#forget() }, t('voices.forget'))
    this.#known.replaceChildren(t('who.remembered', { name }), ' ', forget)
  }

  async #forget() {
    try {
      await this.#service.forget()
      this.#ask.hidden = false
      setText(this.#known, t('who.forgotten'))
      this.#wanted.focus()
    } catch (error) {
      setText(this.#known, t('edit.failed', { why: /** @type {Error} */ (error).message }))
    }
  }
}

/**
 * Asks whether the name by which a voice was recognised is right.
 *
 * @param {string} name
 * @param {(name: string | null) => void} onAnswer the name where it is, null where it is not
 */
export function recognisedSection(name, onAnswer) {
  /** @type {(answer: string | null, text: string, testid: string) => HTMLElement} */
  const button = (answer, text, testid) =>
    el('button', { class: 'button', type: 'button', 'data-testid': testid, onclick: () => onAnswer(answer) }, text)
  return el(
    'div',
    { class: 'voice-section', 'data-testid': 'recognized' },
    el('p', {}, t('who.recognized', { name })),
    el(
      'div',
      { class: 'voice-answers' },
      button(name, t('who.recognized.right'), 'recognized-right'),
      button(null, t('who.recognized.wrong'), 'recognized-wrong'),
    ),
  )
}
