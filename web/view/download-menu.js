// A button that opens a short list of links; Escape and a click elsewhere close it.

import { el, icon } from './dom.js'

// items: [{href, label, hint, testid}]; every link downloads, by itself or through `save(href)`.
export function downloadMenu(label, items, testid, save = null) {
  const list = el(
    'ul',
    { class: 'menu-list', hidden: true, id: `${testid}-list` },
    ...items.map(({ href, label: name, hint, testid: id }) =>
      el('li', {}, el('a', { href, download: '', 'data-testid': id }, el('strong', {}, name), el('span', {}, hint))),
    ),
  )
  const button = el(
    'button',
    { class: 'button', type: 'button', 'aria-expanded': 'false', 'aria-controls': list.id, 'data-testid': testid },
    icon('download'),
    el('span', {}, label),
  )
  const menu = el('div', { class: 'menu' }, button, list)
  const links = [...list.querySelectorAll('a')]
  const open = (on) => {
    list.hidden = !on
    button.setAttribute('aria-expanded', on)
  }
  const move = (by) => {
    const at = links.indexOf(document.activeElement)
    links[(at + by + links.length) % links.length].focus()
  }
  button.addEventListener('click', () => open(list.hidden))
  list.addEventListener('click', (event) => {
    const link = event.target.closest('a')
    if (save && link) {
      event.preventDefault()
      save(link.getAttribute('href'))
    }
    open(false)
  })
  menu.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget && !menu.contains(relatedTarget)) open(false)
  })
  document.addEventListener('pointerdown', ({ target }) => menu.contains(target) || open(false))
  menu.addEventListener('keydown', (event) => {
    if (list.hidden && event.key !== 'ArrowDown') return
    if (event.key === 'Escape') {
      open(false)
      button.focus()
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      open(true)
      move(event.key === 'ArrowDown' ? 1 : document.activeElement === button ? 0 : -1)
    }
  })
  return menu
}
