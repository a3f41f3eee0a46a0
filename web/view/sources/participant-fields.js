// Fields that ask who is heard through a microphone, and what that person is called.

import { LONGEST_NAME, participantProblem } from '../../state/sources/participant.js'
import { t } from '../../texts/texts.js'
import { el } from '../dom.js'

/** @typedef {import('../../state/sources/participant.js').Participant} Participant */
/** @typedef {import('../../state/sources/participant.js').SourceKind} SourceKind */

export class ParticipantFields {
  #name = el('input', {
    id: 'participant-name',
    type: 'text',
    maxlength: LONGEST_NAME,
    autocomplete: 'name',
    spellcheck: 'false',
    'aria-describedby': 'participant-name-what',
    'data-testid': 'participant-name',
  })
  #solo = radio('solo')
  #room = radio('room')
  nodes

  constructor() {
    this.nodes = [
      el('label', { for: 'participant-name' }, t('join.name')),
      this.#name,
      el('p', { id: 'participant-name-what', class: 'hint' }, t('join.name.what')),
      el(
        'fieldset',
        { class: 'participant-kinds' },
        el('legend', {}, t('join.who')),
        choice(this.#room, 'room'),
        choice(this.#solo, 'solo'),
      ),
    ]
  }

  /** @returns {Participant} */
  get value() {
    return { name: this.#name.value.trim(), kind: this.#solo.checked ? 'solo' : 'room' }
  }

  /** @param {Participant} participant */
  set value({ name, kind }) {
    this.#name.value = name
    this.#solo.checked = kind === 'solo'
    this.#room.checked = kind !== 'solo'
  }

  focus() {
    this.#name.focus()
  }

  /**
   * Looks at what was written, and marks the field that is wrong.
   *
   * @returns {string} what is wrong, for the reader; nothing where all is well
   */
  check() {
    const problem = participantProblem(this.value)
    this.#name.setAttribute('aria-invalid', String(problem !== ''))
    return problem
  }
}

/** @param {SourceKind} kind */
function radio(kind) {
  const about = `participant-${kind}-what`
  const attributes = { type: 'radio', name: 'participant-kind', value: kind, 'aria-describedby': about }
  return el('input', { ...attributes, 'data-testid': `participant-${kind}` })
}

/**
 * @param {HTMLInputElement} input
 * @param {SourceKind} kind
 */
const choice = (input, kind) =>
  el(
    'div',
    { class: 'participant-kind' },
    el('label', {}, input, t(`join.${kind}`)),
    el('p', { id: `participant-${kind}-what`, class: 'hint' }, t(`join.${kind}.what`)),
  )
