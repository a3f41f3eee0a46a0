// The title of a meeting as a field, which follows what others call it while nobody writes in it.

import {
  NO_TITLE_DRAFT,
  isTouched,
  titleAgreed,
  titleAnswered,
  titleSeen,
  titleSent,
} from '../../state/editing/title-draft.js'
import { t } from '../../texts/texts.js'
import { el, set, setText } from '../dom.js'

/** @typedef {(title: string) => Promise<boolean>} Rename  asks the server; whether it took the title */

export class TitleField {
  #onRename
  #draft = NO_TITLE_DRAFT
  #input = el('input', {
    class: 'title',
    type: 'text',
    maxlength: 200,
    'aria-label': t('meeting.title'),
    placeholder: t('meeting.untitled'),
    spellcheck: 'false',
    autocomplete: 'off',
    'data-testid': 'title',
  })
  #theirs = el('p')
  #conflict

  /** @param {Rename} onRename */
  constructor(onRename) {
    this.#onRename = onRename
    const way = (/** @type {string} */ key, /** @type {() => void} */ onclick) =>
      el('button', { class: 'button small', type: 'button', 'data-testid': `title-${key}`, onclick }, t(`edit.${key}`))
    const ways = [way('keep-mine', () => this.#keepMine()), way('take-theirs', () => this.#takeTheirs())]
    const conflict = { class: 'line-conflict', role: 'alert', hidden: true, 'data-testid': 'title-conflict' }
    this.#conflict = el('div', conflict, this.#theirs, el('div', { class: 'line-buttons' }, ...ways))
    this.#input.addEventListener('change', () => this.#submit())
    this.#input.addEventListener('keydown', ({ key, isComposing }) => {
      if (isComposing || (key !== 'Escape' && key !== 'Enter')) return
      if (key === 'Escape') this.#reset()
      else this.#submit()
      this.#input.blur()
    })
  }

  get nodes() {
    return [this.#input, this.#conflict]
  }

  /** Whether something is written that is neither saved nor on its way. */
  get unsaved() {
    return isTouched(this.#draft, this.#input.value)
  }

  /** @param {TitleField} before that this takes the place of, with what is written in it */
  takeOver(before) {
    this.#draft = { ...before.#draft, sent: [] } // what the server answers comes as the title, or not at all
    this.#input.value = before.#input.value
    this.#showConflict()
  }

  /**
   * @param {string} title as everybody sees it
   * @param {boolean} editable
   */
  render(title, editable) {
    set(this.#input, { readOnly: !editable })
    if (!editable) this.#reset()
    const { value } = this.#input
    const before = this.#draft
    const draft = (this.#draft = titleSeen(before, title, value))
    if (draft === before) return
    if (!isTouched(before, value) && !draft.sent.includes(value.trim())) this.#input.value = draft.base
    this.#showConflict()
  }

  #showConflict() {
    const { theirs } = this.#draft
    if (theirs !== null) setText(this.#theirs, t('title.conflict', { title: theirs }))
    set(this.#conflict, { hidden: theirs === null })
  }

  /** Back to what everybody sees. */
  #reset() {
    this.#draft = titleAgreed(this.#draft)
    set(this.#input, { value: this.#draft.base })
    this.#showConflict()
  }

  #submit() {
    const title = this.#input.value.trim()
    if (!title) this.#reset()
    else if (this.unsaved && this.#draft.theirs === null) this.#send(title)
    else if (!this.unsaved) this.#input.value = title
  }

  /** @param {string} title */
  async #send(title) {
    this.#draft = titleSent(this.#draft, title)
    this.#input.value = title
    const taken = await this.#onRename(title)
    this.#draft = titleAnswered(this.#draft, title, taken)
  }

  #keepMine() {
    this.#draft = titleAgreed(this.#draft)
    this.#showConflict()
    this.#submit()
    this.#input.focus()
  }

  #takeTheirs() {
    this.#reset()
    this.#input.focus()
  }
}
