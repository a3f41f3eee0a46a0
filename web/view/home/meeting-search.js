// The first page's field for what was said in all meetings; what is found is shown on a page of its own.

import { el } from '../dom.js'
import { searchField } from '../search/search-field.js'

/** @param {(q: string) => void} onSearch */
export function meetingSearch(onSearch) {
  const { field, input } = searchField('')
  return el(
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
}
