// What is looked for: words, who said them, and when.

import { t } from '../../texts/texts.js'
import { el } from '../dom.js'
import { searchField } from './search-field.js'

/** @typedef {import('../../state/library/search-state.js').Wanted} Wanted */

/**
 * @param {Wanted} wanted what stands in the fields at first
 * @param {(wanted: Wanted) => void} onSearch
 */
export function searchForm(wanted, onSearch) {
  const { field, input } = searchField(wanted.q)
  const speaker = el('input', { type: 'text', value: wanted.speaker, maxlength: 100, autocomplete: 'off' })
  const since = el('input', { type: 'date', value: wanted.since })
  const until = el('input', { type: 'date', value: wanted.until })
  const labelled = Object.entries({ speaker, since, until }).map(([name, node]) => {
    node.setAttribute('data-testid', `search-${name}`)
    return el('label', {}, el('span', {}, t(`search.${name}`)), node)
  })
  input.setAttribute('aria-describedby', 'search-how')
  const hint = el('p', { id: 'search-how', class: 'hint' }, t('search.how'))
  const more = el('div', { class: 'search-more' }, ...labelled)
  const form = el('form', { class: 'search-form', role: 'search' }, field, more, hint)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const said = { q: input.value.trim(), speaker: speaker.value.trim() }
    onSearch({ ...said, since: since.value, until: until.value })
  })
  return form
}
