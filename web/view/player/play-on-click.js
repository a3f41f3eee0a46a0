// A click on a word, or on the time of a turn, plays the meeting from there.

import { secondOf } from '../../state/playback/heard.js'

/** @typedef {import('../meeting/transcript-view.js').TranscriptView} TranscriptView */

// What has a meaning of its own when it is clicked.
const OTHER = 'button, a, input, textarea, select, [contenteditable]'

/**
 * @param {HTMLElement} root of the turns
 * @param {TranscriptView} view
 * @param {(second: number) => void} onPlayFrom
 * @param {() => void} onOther it was a double click, which means something else
 */
export function playOnClick(root, view, onPlayFrom, onOther) {
  root.addEventListener('dblclick', ({ target }) => {
    if (root.hasAttribute('data-playable') && target instanceof Element && !target.closest(OTHER)) onOther()
  })
  root.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.detail > 1 || !root.hasAttribute('data-playable')) return
    if (!(event.target instanceof Element)) return
    const second = event.target.closest('[data-second]')?.getAttribute('data-second')
    if (second) onPlayFrom(Number(second))
    else if (!event.target.closest(OTHER) && getSelection()?.isCollapsed !== false) playWord(event, view, onPlayFrom)
  })
}

/**
 * @param {MouseEvent} event
 * @param {TranscriptView} view
 * @param {(second: number) => void} onPlayFrom
 */
function playWord({ target, clientX, clientY }, view, onPlayFrom) {
  if (!(target instanceof Element) || !target.closest('[data-segment]')) return
  const caret = caretAt(clientX, clientY)
  const place = caret && view.placeOf(caret.node, caret.offset)
  if (place) onPlayFrom(secondOf(place.segment, place.offset))
}

/**
 * @param {number} x
 * @param {number} y
 * @returns {{ node: Node, offset: number } | null}
 */
function caretAt(x, y) {
  if ('caretPositionFromPoint' in document) {
    const caret = document.caretPositionFromPoint(x, y)
    return caret && { node: caret.offsetNode, offset: caret.offset }
  }
  const range = /** @type {Document} */ (document).caretRangeFromPoint(x, y)
  return range && { node: range.startContainer, offset: range.startOffset }
}
