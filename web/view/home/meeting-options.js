// What may be said of a meeting before it starts; closed until somebody looks.

import { peopleGiven } from '../../state/people.js'
import { termsOf, termsProblem } from '../../state/terms.js'
import { el } from '../dom.js'

const PEOPLE_HINT = 'For example 4, or 2-5. It helps to tell voices apart; leave it empty if you do not know.'
const HINT = 'Separate them with commas or line breaks. They can be changed while the meeting runs.'

export class MeetingOptions {
  #people = el('input', {
    id: 'people',
    type: 'text',
    maxlength: 20,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': 'people-hint',
    'data-testid': 'people',
  })
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
    const people = el('label', { for: 'people' }, 'How many people will speak?')
    const peopleHint = el('p', { id: 'people-hint', class: 'hint' }, PEOPLE_HINT)
    const label = el('label', { for: 'terms' }, 'Names and terms that are likely to be said')
    const hint = el('p', { id: 'terms-hint', class: 'hint' }, HINT)
    const summary = el('summary', { 'data-testid': 'options' }, 'Options for a new meeting')
    const parts = [people, this.#people, peopleHint, label, this.#terms, hint]
    this.node = el('details', { class: 'meeting-options' }, summary, el('div', { class: 'option-fields' }, ...parts))
  }

  /**
   * What was said of it, as the API takes it.
   *
   * @returns {{ hotwords?: string[], speakers?: string }}
   */
  get asked() {
    const hotwords = termsOf(this.#terms.value)
    const { speakers } = peopleGiven(this.#people.value)
    return { ...(hotwords.length ? { hotwords } : {}), ...(speakers ? { speakers } : {}) }
  }

  /**
   * Looks at what was written, and leads to the field that is wrong.
   *
   * @returns {string} what is wrong, for the reader; nothing where the server takes it
   */
  check() {
    const people = peopleGiven(this.#people.value).problem
    const terms = termsProblem(termsOf(this.#terms.value))
    this.#people.setAttribute('aria-invalid', String(people !== ''))
    this.#terms.setAttribute('aria-invalid', String(terms !== ''))
    if (people || terms) {
      this.node.open = true
      const wrong = people ? this.#people : this.#terms
      wrong.focus()
    }
    return people || terms
  }
}
