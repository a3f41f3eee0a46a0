// A button that opens a short list of links; Escape and a click elsewhere close it.

import { t } from '../texts/texts.js'
import { el } from './dom.js'
import { icon } from './icons.js'
import { closingElsewhere } from './popover.js'

/** @typedef {{ href: string, label: string, hint: string, testid: string }} Download */

/**
 * What can be done with a file.
 *
 * @typedef {object} FileWays
 * @property {((href: string) => void) | null} save downloads it, where a link cannot do that by itself
 * @property {() => void} preview shows what is in it first
 */

/**
 * @param {string} label
 * @param {readonly Download[]} items
 * @param {string} testid
 * @param {FileWays} ways
 */
export function downloadMenu(label, items, testid, { save, preview }) {
  const links = items.map(({ href, label: name, hint, testid: id }) =>
    el('a', { href, download: '', 'data-testid': id }, el('strong', {}, name), el('span', {}, hint)),
  )
  const looking = el(
    'button',
    { type: 'button', 'data-testid': `${testid}-preview` },
    el('strong', {}, t('export.preview')),
    el('span', {}, t('export.preview.hint')),
  )
  const entries = [...links, looking]
  const attributes = { class: 'menu-list', hidden: true, id: `${testid}-list` }
  const list = el('ul', attributes, ...entries.map((entry) => el('li', {}, entry)))
  const button = el(
    'button',
    { class: 'button', type: 'button', 'aria-expanded': 'false', 'aria-controls': list.id, 'data-testid': testid },
    icon('download'),
    el('span', {}, label),
  )
  const menu = el('div', { class: 'menu' }, button, list)
  const toggled = closingElsewhere(menu, () => open(false))
  /** @param {boolean} on */
  const open = (on) => {
    list.hidden = !on
    toggled(on)
    button.setAttribute('aria-expanded', String(on))
  }
  button.addEventListener('click', () => open(list.hidden))
  list.addEventListener('click', (event) => {
    const link = /** @type {Element} */ (event.target).closest('a')
    if (save && link) {
      event.preventDefault()
      save(link.getAttribute('href') ?? '')
    }
    if (list.contains(document.activeElement)) button.focus() // what had the focus is hidden with the list
    open(false)
  })
  looking.addEventListener('click', () => {
    button.focus() // comes back to it when the dialog is closed
    preview()
  })
  menu.addEventListener('keydown', (event) => pressed(event, { button, list, entries, open }))
  return menu
}

/**
 * @param {KeyboardEvent} event
 * @param {object} menu
 * @param {HTMLElement} menu.button
 * @param {HTMLElement} menu.list
 * @param {HTMLElement[]} menu.entries
 * @param {(on: boolean) => void} menu.open
 */
function pressed(event, { button, list, entries, open }) {
  if (list.hidden && event.key !== 'ArrowDown') return
  if (event.key === 'Escape') {
    open(false)
    button.focus()
    return
  }
  const at = entries.findIndex((entry) => entry === document.activeElement)
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[event.key]
  if (to === undefined) return
  event.preventDefault()
  open(true)
  entries.at(to % entries.length)?.focus()
}
