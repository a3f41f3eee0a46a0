// The notes of a meeting's page: looked at once it is over, and again while they are being made.

import * as api from '../../net/api.js'
import { makeNotesQuestion } from '../../state/messages.js'
import { say, unsay, withNotes } from '../../state/page-state.js'
import { t } from '../../texts/texts.js'
import { confirm } from '../../view/dialogs/confirm-dialog.js'

/** @typedef {import('../../state/page-state.js').PageState} PageState */

const SOON = 2000 // milliseconds between two looks while notes are being made

export class PageNotes {
  #id
  #store
  /** @type {number | undefined} */
  #timer
  #look = 0 // number of the last one

  /**
   * @param {string} id of the meeting
   * @param {import('../page-store.js').PageStore<PageState>} store
   */
  constructor(id, store) {
    this.#id = id
    this.#store = store
  }

  /** Looks at what there is now, and again and again until nothing is being made. */
  async load() {
    clearTimeout(this.#timer)
    const look = (this.#look += 1)
    try {
      const notes = await api.getNotes(this.#id)
      // Answers may overtake each other: what an earlier look finds is no longer true.
      if (look === this.#look) this.#store.update((state) => withNotes(state, notes))
    } catch {
      // What is shown stays; the page hears of a meeting that is gone by other ways.
    }
    const over = this.#store.closed || this.#store.state.notes?.state !== 'running'
    if (look === this.#look && !over) this.#timer = setTimeout(() => this.load(), SOON)
  }

  /** A host has notes made, once it is clear where the text goes. */
  async make() {
    const { notes } = this.#store.state
    if (!notes?.endpoint || !(await confirm(makeNotesQuestion(notes.endpoint, notes.notes !== null)))) return
    await this.#ask(() => api.makeNotes(this.#id))
  }

  /** A host deletes notes, or stops those that are being made. */
  async remove() {
    const running = this.#store.state.notes?.state === 'running'
    if (!running && !(await this.#sure())) return
    await this.#ask(() => api.deleteNotes(this.#id))
  }

  #sure() {
    return confirm({
      title: t('notes.delete.ask'),
      text: t('notes.delete.text'),
      no: t('notes.delete.no'),
      yes: t('notes.delete'),
      danger: true,
    })
  }

  /** @param {() => Promise<unknown>} request */
  async #ask(request) {
    try {
      await request()
      this.#store.update((state) => unsay(state, 'notes'))
    } catch (error) {
      const text = t('notes.refused', { why: /** @type {Error} */ (error).message })
      this.#store.update((state) => say(state, 'notes', { text }))
    }
    await this.load()
  }
}
