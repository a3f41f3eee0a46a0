// What a transcript looks like, as a picture: decoration, so hidden from screen readers.

import { el } from '../dom.js'

/** @type {readonly [color: number, name: string, time: string, text: string, partial: string | null][]} */
const TURNS = [
  [1, 'Ann', '00:12', 'Shall we move the release to Thursday?', null],
  [2, 'Ben', '00:15', 'Thursday works, if the tests are green by then.', null],
  [0, 'Carl', '00:19', 'They are. I will write ', 'the announcement to'],
]

/** Three turns, the last of them still growing. */
export function transcriptPicture() {
  const turns = TURNS.map(([color, name, time, text, partial]) =>
    el(
      'div',
      { class: 'turn', 'data-color': color },
      el(
        'div',
        { class: 'turn-head' },
        el('span', { class: 'turn-name' }, name),
        el('span', { class: 'turn-time' }, time),
      ),
      el('p', { class: 'turn-text' }, text, partial ? el('span', { class: 'partial' }, partial) : null),
    ),
  )
  return el('div', { class: 'picture', 'aria-hidden': 'true' }, ...turns)
}
