// What may be said of a meeting before it starts; closed until somebody looks.

import { dateProblem } from '../../state/jobs/dating.js'
import { peopleGiven } from '../../state/people.js'
import { termsOf, termsProblem } from '../../state/terms.js'
import { t } from '../../texts/texts.js'
import { el } from '../dom.js'
import { ParticipantFields } from '../sources/participant-fields.js'

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
    placeholder: t('terms.example'),
    spellcheck: 'false',
    autocomplete: 'off',
    'aria-describedby': 'terms-hint',
    'data-testid': 'terms',
  })
  #recorded = el('input', {
    id: 'recorded',
    type: 'datetime-local',
    'aria-describedby': 'recorded-hint',
    'data-testid': 'recorded',
  })
  #participant = new ParticipantFields()
  node

  /** @param {string} name of who used this browser last */
  constructor(name) {
    this.#participant.value = { name, kind: 'room' }
    const people = el('label', { for: 'people' }, t('people.label'))
    const peopleHint = el('p', { id: 'people-hint', class: 'hint' }, t('people.hint'))
    const label = el('label', { for: 'terms' }, t('terms.label'))
    const hint = el('p', { id: 'terms-hint', class: 'hint' }, t('terms.hint'))
    const recorded = el('label', { for: 'recorded' }, t('dating.label'))
    const recordedHint = el('p', { id: 'recorded-hint', class: 'hint' }, t('dating.hint'))
    const dating = [recorded, this.#recorded, recordedHint]
    const summary = el('summary', { 'data-testid': 'options' }, t('options.title'))
    const spoken = [people, this.#people, peopleHint, label, this.#terms, hint]
    const parts = [...spoken, ...this.#participant.nodes, ...dating]
    this.node = el('details', { class: 'meeting-options' }, summary, el('div', { class: 'option-fields' }, ...parts))
  }

  /**
   * What was written so far into the fields of another one, which this one takes the place of.
   *
   * @param {MeetingOptions} before
   */
  takeOver(before) {
    this.#people.value = before.#people.value
    this.#terms.value = before.#terms.value
    this.#participant.value = before.#participant.value
    this.#recorded.value = before.#recorded.value
    this.node.open = before.node.open
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

  /** When a recording was made, as `dated` takes it. */
  get recorded() {
    return this.#recorded.value
  }

  /** Who is heard through the microphone, where that is what the meeting begins with. */
  get participant() {
    return this.#participant.value
  }

  /**
   * Looks at what was written and is of use, and leads to the field that is wrong.
   *
   * @param {import('../../state/recording.js').SoundKind | 'file'} from where the meeting's sound comes from
   * @returns {string} what is wrong, for the reader; nothing where the server takes it
   */
  check(from) {
    const people = peopleGiven(this.#people.value).problem
    const terms = termsProblem(termsOf(this.#terms.value))
    const dating = from === 'file' ? this.#datingProblem : ''
    this.#people.setAttribute('aria-invalid', String(people !== ''))
    this.#recorded.setAttribute('aria-invalid', String(dating !== ''))
    this.#terms.setAttribute('aria-invalid', String(terms !== ''))
    const participant = from === 'microphone' ? this.#participant.check() : ''
    if (people || terms || participant || dating) {
      this.node.open = true
      const wrong = people ? this.#people : terms ? this.#terms : participant ? this.#participant : this.#recorded
      wrong.focus()
    }
    return people || terms || participant || dating
  }

  get #datingProblem() {
    return this.#recorded.validity.badInput ? t('dating.wrong') : dateProblem(this.recorded, Date.now())
  }
}
