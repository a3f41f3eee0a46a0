// The dialog with the one link of a meeting, where the server asks for no tokens or the reader may give out no others.

import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { LinkCard } from './link-card.js'
import { openModal } from './modal.js'

/**
 * @param {object} options
 * @param {string} options.link
 * @param {string} options.captions address of the page with large captions
 * @param {(link: string) => Promise<string>} options.draw the QR code of a link as SVG
 */
export async function openLinkDialog({ link, captions, draw }) {
  const card = new LinkCard(draw)
  const status = el('p', { class: 'share-status', role: 'status', 'data-testid': 'share-status' })
  const done = { class: 'button primary', type: 'button', 'data-testid': 'share-done', onclick: () => dialog.close() }
  const dialog = el(
    'dialog',
    { class: 'dialog share-dialog', 'aria-labelledby': 'share-title', 'data-testid': 'share-dialog' },
    el('h2', { id: 'share-title' }, t('share.title')),
    status,
    card.node,
    el(
      'p',
      {},
      el('a', { href: captions, target: '_blank', 'data-testid': 'captions-link' }, t('share.captions.open')),
      ' ',
      t('share.captions.what'),
    ),
    el('div', { class: 'dialog-actions' }, el('button', done, t('button.done'))),
  )
  openModal(dialog)
  setText(status, t((await card.show(link)) ? 'meeting.copied' : 'meeting.copy-this'))
}
