// Hands a file to the browser, as if a link to it had been followed.

import { el } from './dom.js'

/**
 * @param {string} name
 * @param {Blob} content
 */
export function saveFile(name, content) {
  const href = URL.createObjectURL(content)
  const link = el('a', { href })
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(href), 60_000) // the browser may still be reading
}
