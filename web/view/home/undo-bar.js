// What has just been deleted, and a way to take each back.

import { t } from '../../texts/texts.js'
import { el } from '../dom.js'

/** @typedef {import('../../state/home-state.js').ListedMeeting} ListedMeeting */

export class UndoBar {
  #onUndo
  #rows = el('ul')
  node = el('div', { class: 'undo-bar', role: 'status', hidden: true, 'data-testid': 'undo-bar' })
  /** @type {Map<string, HTMLElement>} by id of the meeting */
  #shown = new Map()

  /** @param {(meeting: ListedMeeting) => void} onUndo */
  constructor(onUndo) {
    this.#onUndo = onUndo
    this.node.append(this.#rows, el('p', {}, t('delete.hint')))
  }

  /**
   * @param {readonly ListedMeeting[]} deleting those that can be taken back
   * @returns {boolean} whether the focus stood here on something that is gone now
   */
  render(deleting) {
    const ids = new Set(deleting.map(({ id }) => id))
    let lost = false
    for (const [id, row] of this.#shown) {
      if (ids.has(id)) continue
      lost ||= row.contains(document.activeElement)
      row.remove()
      this.#shown.delete(id)
    }
    this.node.hidden = deleting.length === 0
    for (const meeting of deleting) if (!this.#shown.has(meeting.id)) this.#add(meeting)
    return lost
  }

  /** @param {ListedMeeting} meeting */
  #add(meeting) {
    const title = meeting.title || t('meeting.untitled')
    const undo = el(
      'button',
      {
        class: 'button',
        type: 'button',
        'aria-label': t('delete.undo.aloud', { title }),
        'data-testid': 'undo',
        onclick: () => this.#onUndo(meeting),
      },
      t('delete.undo'),
    )
    const row = el('li', {}, el('span', {}, t('delete.done', { title })), undo)
    this.#shown.set(meeting.id, row)
    this.#rows.append(row)
    undo.focus({ preventScroll: true }) // where the button was that deleted it, nothing is left
  }
}
