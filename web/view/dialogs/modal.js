// A dialog in the way of the whole page, which leaves nothing behind.

/**
 * Shows the dialog over the page, and takes it out of the document as soon as it is closed.
 *
 * The event `close` comes with the next frame that the browser draws, which a page in the background may wait for: a
 * dialog opened meanwhile would stand beside the closed one and its ids.
 *
 * @param {HTMLDialogElement} dialog
 * @param {(answer: string) => void} [closed] takes the dialog's return value
 */
export function openModal(dialog, closed = () => {}) {
  const watch = new MutationObserver(() => {
    if (dialog.open) return
    watch.disconnect()
    dialog.remove()
    closed(dialog.returnValue)
  })
  document.body.append(dialog)
  dialog.showModal()
  watch.observe(dialog, { attributes: true, attributeFilter: ['open'] })
}
