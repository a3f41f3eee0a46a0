// What opens over the page and closes again with Escape, or once somebody is busy elsewhere.

/**
 * @param {HTMLDetailsElement} details
 * @param {HTMLElement} summary that opens it
 */
export function closeElsewhere(details, summary) {
  const elsewhere = (/** @type {Event} */ { target }) => {
    if (!details.contains(/** @type {Node} */ (target))) details.open = false
  }
  details.addEventListener('toggle', () => {
    // Only while it is open: the document outlives the page that this belongs to, and would keep all of it.
    document.removeEventListener('pointerdown', elsewhere)
    if (details.open) document.addEventListener('pointerdown', elsewhere)
  })
  details.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget && !details.contains(/** @type {Node} */ (relatedTarget))) details.open = false
  })
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !details.open) return
    event.preventDefault()
    details.open = false
    summary.focus()
  })
}
