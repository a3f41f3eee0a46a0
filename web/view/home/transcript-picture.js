// What a transcript looks like, as a picture: decoration, so hidden from screen readers.

import { t } from '../../texts/texts.js'
import { el } from '../dom.js'

/** @type {readonly [color: number, name: string, time: string, text: string, partial?: string][]} */
const TURNS = [
  [1, 'Ann', '00:12', 'picture.1'],
  [2, 'Ben', '00:15', 'picture.2'],
  [0, 'Carl', '00:19', 'picture.3', 'picture.3.partial'],
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
      el('p', { class: 'turn-text' }, t(text), partial ? el('span', { class: 'partial' }, t(partial)) : null),
    ),
  )
  return el('div', { class: 'picture', 'aria-hidden': 'true' }, ...turns)
}
