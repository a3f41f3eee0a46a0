// The first page's field for what was said in all meetings; what is found is shown on a page of its own.

import { el } from '../dom.js'
import { searchField } from '../search/search-field.js'

/**
 * @param {string} value what stands in it at first
 * @param {(q: string) => void} onSearch
 * @returns {{ form: HTMLFormElement, input: HTMLInputElement }}
 */
export function meetingSearch(value, onSearch) {
  const { field, input } = searchField(value)
  const form = el(
    'form',
    {
      class: 'meeting-search',
      role: 'search',
      onsubmit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault()
        onSearch(input.value.trim())
      },
    },
    field,
  )
  return { form, input }
}
