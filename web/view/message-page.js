// What stands in place of a page that cannot be shown.

import { el } from './dom.js'

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.text
 * @param {string} options.testid
 * @param {Node} options.way what to do about it
 */
export function messagePage({ title, text, testid, way }) {
  return el('div', { class: 'only-message', 'data-testid': testid }, el('h1', {}, title), el('p', {}, text), way)
}
