// Asks for a voice: one of those that there are, an unknown one, or a new one with its name.

import { speakerName } from '../../state/format.js'
import { t } from '../../texts/texts.js'
import { el, set } from '../dom.js'

/** @typedef {import('../../state/editing/draft.js').Voice} Voice */
/** @typedef {import('../../state/transcript.js').Speakers} Speakers */

const NEW = 'new voice' // no id has a space
const SAME = ' '

export class VoiceSelect {
  #select
  #name
  /** @type {Speakers | null} */
  #speakers = null
  #voices = ''
  node

  /**
   * @param {object} options
   * @param {string} options.label
   * @param {string | null} [options.nothing] what stands first and changes nothing; none where it is null
   */
  constructor({ label, nothing = null }) {
    this.nothing = nothing
    const onchange = () => this.#show(true)
    this.#select = el('select', { 'aria-label': label, 'data-testid': 'voice', onchange })
    const named = { 'aria-label': t('edit.voice.name'), placeholder: t('edit.voice.name'), 'data-testid': 'voice-name' }
    this.#name = el('input', { type: 'text', maxlength: 200, autocomplete: 'off', hidden: true, ...named })
    this.node = el('span', { class: 'voice-select' }, this.#select, this.#name)
  }

  /**
   * The voices that there are; what was chosen stays chosen.
   *
   * @param {Speakers} speakers
   */
  set speakers(speakers) {
    if (speakers === this.#speakers) return
    this.#speakers = speakers
    // One that was made by hand, and taken back, has no name any more.
    const there = [...speakers.values()].filter(({ id, name, merged_into: into }) => !into && (name || /^spk/.test(id)))
    const voices = there.map(({ id }) => /** @type {const} */ ([id, speakerName(id, speakers)]))
    const drawn = JSON.stringify(voices)
    if (drawn === this.#voices) return
    this.#voices = drawn
    const first = this.nothing === null ? [] : [/** @type {const} */ ([SAME, this.nothing])]
    const chosen = this.#select.options.length ? this.#select.value : SAME
    const rest = /** @type {const} */ ([['', t('speaker.unknown')], [NEW, t('edit.voice.new')]])
    const options = [...first, ...voices, ...rest].map(([value, text]) => el('option', { value }, text))
    this.#select.replaceChildren(...options)
    if (options.some(({ value }) => value === chosen)) this.#select.value = chosen
  }

  /** @param {string | null} speaker that is chosen now */
  set chosen(speaker) {
    this.#select.value = speaker ?? ''
    this.#show(false)
  }

  /**
   * What was chosen, and written, in the one that this takes the place of.
   *
   * @param {VoiceSelect} before
   */
  takeOver(before) {
    if (before.#speakers) this.speakers = before.#speakers
    this.#select.value = before.#select.value
    this.#name.value = before.#name.value
    this.#show(false)
  }

  clear() {
    if (this.nothing !== null) this.#select.value = SAME
    this.#name.value = ''
    this.#show(false)
  }

  /** @returns {Voice | null} null where nothing is chosen, or a new voice has no name yet */
  get voice() {
    const { value } = this.#select
    if (value === SAME) return null
    if (value !== NEW) return { speaker: value || null }
    const name = this.#name.value.trim()
    return name ? { new_speaker: name } : null
  }

  /** Whether a new voice is chosen that has no name yet; then its field gets the focus. */
  get nameless() {
    const nameless = this.#select.value === NEW && !this.#name.value.trim()
    if (nameless) this.#name.focus()
    return nameless
  }

  /** @param {boolean} focus */
  #show(focus) {
    const isNew = this.#select.value === NEW
    set(this.#name, { hidden: !isNew })
    if (isNew && focus) this.#name.focus()
  }
}
