// The list of meetings on the first page.

import { day, length, listedName } from '../../state/format.js'
import { t } from '../../texts/texts.js'
import { el } from '../dom.js'
import { icon } from '../icons.js'

/** @typedef {import('../../state/home-state.js').ListedMeeting} ListedMeeting */

const STATES = new Set(['open', 'live', 'ending']) // that are told
const NAMES = 4 // speakers that are named

export class MeetingList {
  #pathOf
  #onDelete
  node = el('ul', { class: 'meetings', 'data-testid': 'meeting-list' })
  /** @type {Map<string, HTMLElement>} by id of the meeting */
  #rows = new Map()
  /** @type {HTMLElement | null} */
  #problem = null

  /**
   * @param {object} options
   * @param {(id: string) => string} options.pathOf path of a meeting's page
   * @param {(meeting: ListedMeeting) => void} options.onDelete
   */
  constructor({ pathOf, onDelete }) {
    this.#pathOf = pathOf
    this.#onDelete = onDelete
  }

  /**
   * @param {readonly ListedMeeting[]} meetings
   * @param {string} problem why there are not more
   */
  render(meetings, problem) {
    this.#problem?.remove()
    const ids = new Set(meetings.map(({ id }) => id))
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue
      this.#rows.delete(id)
      this.#remove(row)
    }
    let place = this.node.firstElementChild
    for (const meeting of meetings) {
      const row = this.#rows.get(meeting.id) ?? this.#row(meeting)
      this.#rows.set(meeting.id, row)
      if (row === place) place = row.nextElementSibling
      else this.node.insertBefore(row, place)
    }
    this.#problem = problem ? el('li', { class: 'row-error' }, problem) : null
    if (this.#problem) this.node.append(this.#problem)
  }

  // Whoever deleted it from the keyboard goes on with the next one.
  /** @param {HTMLElement} row */
  #remove(row) {
    const neighbour = row.nextElementSibling ?? row.previousElementSibling
    row.remove()
    neighbour?.querySelector('a')?.focus()
  }

  /** @param {ListedMeeting} meeting */
  #row(meeting) {
    const { id, title, state, duration, speakers = [] } = meeting
    const facts = [day(meeting.started_at ?? meeting.created_at, new Date()), duration ? length(duration) : '']
    const remove = el(
      'button',
      {
        class: 'button icon-only quiet',
        type: 'button',
        'data-testid': 'delete',
        'aria-label': t('list.delete', { title: title || t('meeting.untitled') }),
        onclick: () => this.#onDelete(meeting),
      },
      icon('trash'),
    )
    return el(
      'li',
      { class: 'row', 'data-meeting': id },
      el(
        'div',
        { class: 'row-words' },
        el('a', { class: 'row-title', href: this.#pathOf(id) }, title || t('meeting.untitled')),
        el('p', { class: 'row-facts' }, ...facts.filter(Boolean).map((fact) => el('span', {}, fact)), badge(state)),
      ),
      people(speakers),
      remove,
    )
  }
}

/** @param {string} state */
function badge(state) {
  return STATES.has(state) ? el('span', { class: 'badge', 'data-state': state }, t(`list.${state}`)) : null
}

/** @param {string[]} listed */
function people(listed) {
  const names = listed.map(listedName)
  const shown = names.slice(0, NAMES).map((name, i) => el('span', { class: 'person', 'data-color': i % 10 }, name))
  if (names.length > NAMES) shown.push(el('span', { class: 'person more' }, `+${names.length - NAMES}`))
  return el(
    'p',
    { class: 'people', 'aria-label': names.length ? t('list.speakers', { names: names.join(', ') }) : null },
    ...shown,
  )
}
