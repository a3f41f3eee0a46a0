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
  /** @type {Map<string, { row: HTMLElement, facts: string }>} by id of the meeting */
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
    this.node.addEventListener('keydown', (event) => this.#pressed(event))
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const row = /** @type {Element} */ (event.target).closest('li')
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[event.key]
    if (next) next.querySelector('a')?.focus()
    else if (event.key === 'Delete') row?.querySelector('button')?.click()
    else return
    event.preventDefault()
  }

  /**
   * @param {readonly ListedMeeting[]} meetings
   * @param {string} problem why there are not more
   */
  render(meetings, problem) {
    this.#problem?.remove()
    const ids = new Set(meetings.map(({ id }) => id))
    for (const [id, { row }] of this.#rows) {
      if (ids.has(id)) continue
      this.#rows.delete(id)
      row.remove()
    }
    const rows = meetings.map((meeting) => this.#drawn(meeting))
    /** @type {Element | null} */
    let at = this.node.firstElementChild
    for (const row of rows) {
      if (row === at) at = row.nextElementSibling
      else this.node.insertBefore(row, at)
    }
    this.#problem = problem ? el('li', { class: 'row-error' }, problem) : null
    if (this.#problem) this.node.append(this.#problem)
  }

  /**
   * @param {string} id
   * @returns {boolean} whether there is such a row, which has the focus now
   */
  focus(id) {
    const link = this.#rows.get(id)?.row.querySelector('a')
    link?.focus()
    return Boolean(link)
  }

  // A row as it was drawn, where nothing of it has changed.
  /** @param {ListedMeeting} meeting */
  #drawn(meeting) {
    const known = this.#rows.get(meeting.id)
    const facts = JSON.stringify(meeting)
    if (known?.facts === facts) return known.row
    const row = this.#row(meeting)
    this.#rows.set(meeting.id, { row, facts })
    if (!known) return row
    const focused = known.row.contains(document.activeElement) ? document.activeElement?.localName : ''
    known.row.replaceWith(row)
    if (focused === 'a' || focused === 'button') row.querySelector(focused)?.focus()
    return row
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
        'aria-keyshortcuts': 'Delete',
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
