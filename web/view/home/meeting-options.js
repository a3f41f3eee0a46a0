// What may be said of a meeting before it starts; closed until somebody looks.

import { termsOf } from '../../state/terms.js'
import { el } from '../dom.js'

const HINT = 'Separate them with commas or line breaks. They can be changed while the meeting runs.'

export class MeetingOptions {
  #terms = el('textarea', {
    id: 'terms',
    rows: 3,
    maxlength: 25_000,
    placeholder: 'Nguyen, Kubernetes, Saint-Gobain',
    spellcheck: 'false',
    autocomplete: 'off',
    'aria-describedby': 'terms-hint',
    'data-testid': 'terms',
  })
  node

  constructor() {
    const label = el('label', { for: 'terms' }, 'Names and terms that are likely to be said')
    const hint = el('p', { id: 'terms-hint', class: 'hint' }, HINT)
    const summary = el('summary', { 'data-testid': 'options' }, 'Options for a new meeting')
    const fields = el('div', { class: 'option-fields' }, label, this.#terms, hint)
    this.node = el('details', { class: 'meeting-options' }, summary, fields)
  }

  /**
   * What was said of it, as the API takes it.
   *
   * @returns {{ hotwords?: string[] }}
   */
  get asked() {
    const hotwords = termsOf(this.#terms.value)
    return hotwords.length ? { hotwords } : {}
  }
}
