// Which meetings are listed: by what stands in their titles, and whether they are over.

import { t } from '../../texts/texts.js'
import { el } from '../dom.js'

/** @typedef {import('../../state/library/list-filter.js').ListFilter} ListFilter */
/** @typedef {import('../../state/library/list-filter.js').Time} Time */

/** @type {readonly Time[]} */
const TIMES = ['', 'current', 'past']
const PAUSE = 250 // milliseconds without a key before the server is asked

/**
 * @param {ListFilter} filter what stands in the fields at first
 * @param {(filter: ListFilter) => void} onFilter
 */
export function listFilters(filter, onFilter) {
  const title = el('input', {
    type: 'search',
    value: filter.title,
    maxlength: 200,
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: t('filter.title'),
    'aria-label': t('filter.title'),
    'data-testid': 'filter-title',
  })
  const options = TIMES.map((time) => el('option', { value: time }, t(time ? `filter.${time}` : 'filter.all')))
  const time = el('select', { 'aria-label': t('filter.time'), 'data-testid': 'filter-time' }, ...options)
  time.value = filter.time
  /** @type {number | undefined} */
  let timer
  const changed = () => {
    clearTimeout(timer)
    onFilter({ title: title.value.trim(), time: /** @type {Time} */ (time.value) })
  }
  title.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(changed, PAUSE)
  })
  time.addEventListener('change', changed)
  return el('div', { class: 'list-filters' }, title, time)
}
