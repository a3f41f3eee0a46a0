// What opens over the page and closes again with Escape, or once somebody is busy elsewhere.

/**
 * Closes it once somebody clicks elsewhere or the focus goes elsewhere.
 *
 * @param {HTMLElement} root of what opens
 * @param {() => void} close
 * @returns {(open: boolean) => void} to be called whenever it opens or closes
 */
export function closingElsewhere(root, close) {
  const elsewhere = (/** @type {Event} */ { target }) => {
    if (!root.contains(/** @type {Node} */ (target))) close()
  }
  root.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget && !root.contains(/** @type {Node} */ (relatedTarget))) close()
  })
  return (open) => {
    // Only while it is open: the document outlives the page that this belongs to, and would keep all of it.
    if (open) document.addEventListener('pointerdown', elsewhere)
    else document.removeEventListener('pointerdown', elsewhere)
  }
}

/**
 * @param {HTMLDetailsElement} details that Escape and whatever is done elsewhere close
 * @param {HTMLElement} summary that opens it
 */
export function closeElsewhere(details, summary) {
  const toggled = closingElsewhere(details, () => (details.open = false))
  details.addEventListener('toggle', () => toggled(details.open))
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !details.open) return
    event.preventDefault()
    details.open = false
    summary.focus()
  })
}
